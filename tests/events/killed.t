#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# skep killed at any moment: the command ends with its right output and status, and nothing of skep is left.
. "$(dirname "$0")/lib.sh"

cat >"$T/work.sh" <<'EOF'
exec 4>&1 >"$1.part" # 4 holds the pipe as long as anything runs
i=0
while [ $i -lt 20 ]; do /bin/echo $i; i=$((i + 1)); done
while [ ! -e "$1.killed" ]; do sleep 0.01; done # so no machine is too fast
sh -c 'exit 7'
echo status $?
mv "$1.part" "$1"
EOF
seq 0 19 >"$T/want"
echo "status 7" >>"$T/want"

# kill_often TARGET PROGRAM WHAT: what reaches it is seen by the listener or by the tracer
kill_often() {
"$SKEP" run --attach "$1" "$2" -- true >/dev/null # the object is cached from here on
bad=0 never=0
for n in $(seq 40); do
	rm -f "$T"/got*
	# The pipe closes when the last process of the tree has gone.
	exec 3< <("$SKEP" run --attach "$1" "$2" -- sh "$T/work.sh" "$T/got" & echo $!; wait $! 2>/dev/null)
	read -r pid <&3
	# one in four at any time from its start on, the others when the command has said so many lines
	if [ $((n % 4)) = 0 ]; then
		perl -e 'select undef, undef, undef, $ARGV[0]' "$(printf '0.%04d' $((n * 10)))"
	else
		perl -e 'until (-s "$ARGV[0]" and do { open my $f, "<", $ARGV[0]; () = <$f>; $. >= $ARGV[1] }) { select undef, undef, undef, 0.0005 }' \
			"$T/got.part" $((n / 2))
	fi
	kill -KILL "$pid"
	touch "$T/got.killed"
	timeout 300 cat <&3 >/dev/null || { bad=$((bad + 1)); echo "# $n: the tree hangs"; }
	exec 3<&-
	if [ -e "$T/got" ]; then
		cmp -s "$T/got" "$T/want" || { bad=$((bad + 1)); echo "# $n: wrong output"; }
	elif [ -e "$T/got.part" ]; then
		bad=$((bad + 1)); echo "# $n: the command did not end"
	else
		never=$((never + 1))
	fi
done
is "$bad" 0 "$3: 40 kills do no harm ($never before the command started)"
[ $never -le 10 ]
ok $? "$3: and most of them came while it ran"
}
kill_often kprobe:execve "$hello" "entries"
kill_often raw_tracepoint:sys_exit "$root/tests/events/silent.c" "exits of all calls"
done_testing
