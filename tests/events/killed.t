#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# skep killed at any moment: the command ends with its right output and status, and nothing of skep is left.
. "$(dirname "$0")/lib.sh"

cat >"$T/work.sh" <<'EOF'
exec 4>&1 >"$1.part" # 4 holds the pipe as long as anything runs
i=0
while [ $i -lt 20 ]; do /bin/echo $i; i=$((i + 1)); done
sh -c 'exit 7'
echo status $?
mv "$1.part" "$1"
EOF
seq 0 19 >"$T/want"
echo "status 7" >>"$T/want"
"$SKEP" run --attach kprobe:execve "$hello" -- true >/dev/null # the object is cached from here on
bad=0 never=0 ended=0
for n in $(seq 60); do
	rm -f "$T"/got*
	# The pipe closes when the last process of the tree has gone.
	exec 3< <("$SKEP" run --attach kprobe:execve "$hello" -- sh "$T/work.sh" "$T/got" & echo $!; wait $! 2>/dev/null)
	read -r pid <&3
	perl -e 'select undef, undef, undef, $ARGV[0]' "$(printf '0.%04d' $((n * 7)))"
	kill -KILL "$pid" 2>/dev/null || ended=$((ended + 1))
	timeout 20 cat <&3 >/dev/null || { bad=$((bad + 1)); echo "# $n: the tree hangs"; }
	exec 3<&-
	if [ -e "$T/got" ]; then
		cmp -s "$T/got" "$T/want" || { bad=$((bad + 1)); echo "# $n: wrong output"; }
	elif [ -e "$T/got.part" ]; then
		bad=$((bad + 1)); echo "# $n: the command did not end"
	else
		never=$((never + 1))
	fi
done
is "$bad" 0 "60 kills do no harm ($never before the command started, $ended after it ended)"
[ $((never + ended)) -lt 55 ]
ok $? "and many of them came while it ran"
done_testing
