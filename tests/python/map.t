#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# hello-map.py: a hash map read from Python every two seconds. The command's end is no end before the map was read.
. "$(dirname "$0")/lib.sh"
observe "$root/examples/python/hello-map.py" -- "$T/work.sh"
is "$status" 3 "the command's status"
is "$(tail -1 <<<"$out")" "ID $(id -u): 3	" "the user's executions"
is "$err" "" "nothing on standard error"

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	printf '#!/bin/sh\n/bin/true\nexec %s --reuid 12345 --clear-groups /bin/true\n' "$(command -v setpriv)" >"$T/two.sh"
	chmod +x "$T/two.sh"
	observe "$root/examples/python/hello-map.py" -- "$T/two.sh"
	is "$(tail -1 <<<"$out" | tr '\t' '\n' | sort | tr '\n' ' ' | sed 's/^ *//')" "ID 0: 3 ID 12345: 1 " "two users, each with his own"
else
	skip "two users" "not root"
fi

# Stopped and continued all the time (as by Ctrl-Z and fg), its sleep is still one sleep.
"$SKEP" run "$root/examples/python/hello-map.py" -- "$T/work.sh" >"$T/out" 2>"$T/err" &
skep=$!
python=
while kill -0 $skep 2>/dev/null; do
	[ -n "$python" ] || for pid in $(grep -lE "^PPid:[[:space:]]+$skep\$" /proc/[0-9]*/status 2>/dev/null | cut -d/ -f3); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != python3 ] || python=$pid
	done
	[ -z "$python" ] || { kill -STOP "$python"; sleep 0.02; kill -CONT "$python"; } 2>/dev/null
	sleep 0.05
done
wait $skep
is "$? $(tail -1 "$T/out")" "3 ID $(id -u): 3	" "stopped and continued, it reports as well"
done_testing
