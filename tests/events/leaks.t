#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# However many processes come and go, skep's memory and descriptors stay bounded; nothing of it is left afterwards.
. "$(dirname "$0")/lib.sh"

build workload || skip_all "no C compiler"
cat >"$T/look.sh" <<'EOF'
look() { ls /proc/$PPID/fd | wc -l; sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' /proc/$PPID/status; }
"$1" storm
{ look; "$1" storm; "$1" storm; look; } >&2
grep -lE "^PPid:[[:space:]]+$PPID\$" /proc/[0-9]*/status 2>/dev/null | cut -d/ -f3 >&2
EOF
run "$SKEP" run --attach kprobe:execve "$root/tests/events/silent.c" -- sh "$T/look.sh" "$T/workload"
is "$status" 0 "3,000 processes"
{ read -r fds; read -r kb; read -r fds_after; read -r kb_after; read -r child; } <"$T/err"
[ "$fds_after" -le 200 ]
ok $? "no more than 200 descriptors: $fds, then $fds_after"
[ $((kb_after - kb)) -le 256 ]
ok $? "no more memory after 2,000 more: $kb kB, then $kb_after kB"
[ -n "$child" ]
ok $? "skep has the command and its keeper as children while it runs"
left=0
for pid in $(sed -n '5,$p' "$T/err"); do
	[ "$(cat /proc/$pid/comm 2>/dev/null)" = skep-keeper ] && left=$((left + 1))
done
is "$left" 0 "and no keeper is left when it has ended"
# wherever it runs out of descriptors: it says so, or it runs; never the one half without the other
odd=
for n in $(seq 12 40); do
	( ulimit -n $n; exec timeout -s KILL 60 "$SKEP" run --attach kprobe:execve "$hello" -- sh -c 'echo ran' >"$T/few" 2>"$T/why" )
	status=$?
	case $status/$(grep -cx ran "$T/few") in
	125/0) grep -q "Too many open files" "$T/why" || odd="$odd $n: $(head -n 1 "$T/why")" ;;
	0/1) ;;
	*) odd="$odd $n: $status" ;;
	esac
done
is "$odd" "" "with 12 to 40 descriptors it says that they are too few, or runs the command"
( ulimit -n 24; "$SKEP" run --attach kprobe:execve "$hello" -- sh -c '/bin/true; /bin/true; exit 0' >"$T/all" )
is "$(sed -E 's/-.*//; s/^ *//' "$T/all" | paste -sd' ')" "skep sh sh" "with few descriptors names are still right"
done_testing
