#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The command's standard streams are its own, and pipes close when they should.
. "$(dirname "$0")/lib.sh"

is "$(echo hello | "$SKEP" run --attach kprobe:execve "$hello" -- cat | grep -c '^hello$')" 1 "standard input reaches the command"
is "$("$SKEP" run --attach kprobe:execve "$hello" -- sh -c 'echo err >&2' 2>&1 >/dev/null)" err "standard error too"
out=$(timeout 300 "$SKEP" run --attach kprobe:execve "$hello" -- true | cat)
is "$?" 0 "a pipe closes when command and skep have ended"
# A process that the command leaves behind keeps running, and keeps no pipe but its own.
out=$(timeout 300 "$SKEP" run --attach kprobe:execve "$hello" -- sh -c '(while [ ! -e '"$T"'/stop ]; do sleep 0.05; done; /bin/echo late >'"$T"'/late) </dev/null >/dev/null 2>&1 &' | cat)
is "$?" 0 "also when the command leaves a process behind"
ok "$(ls "$T/late" 2>/dev/null | wc -l)" "which runs on"
touch "$T/stop"
await [ -s "$T/late" ]
is "$(cat "$T/late" 2>&1)" late "and ends as it should"
timeout 300 "$SKEP" run --attach kprobe:execve "$hello" -- sh -c 'for i in 1 2 3 4 5 6 7 8; do /bin/true; done; echo 6 >'"$T"'/done; exit 6' | true
is "${PIPESTATUS[0]}:$(cat "$T/done")" 6:6 "a reader that goes away does not harm the command"
"$SKEP" run --attach kprobe:execve "$hello" -- sh -c 'exit 3' <&- >&- 2>&-
is "$?" 3 "all three streams closed"
# A slow reader costs lines at most, never the command's time: the trace of 3,000 calls does not fit a pipe.
mkfifo "$T/fifo"
(
	exec 3<"$T/fifo"
	while [ ! -e "$T/finished" ]; do sleep 0.05; done
	cat <&3 >"$T/trace"
) &
timeout 300 "$SKEP" run --attach kprobe:getppid "$hello" -- perl -e 'getppid() for 1 .. 3000; require POSIX; syscall(110) for 1 .. 3000; open F, ">", "'"$T"'/finished"' >"$T/fifo"
is "$?" 0 "a command of 3,000 calls ends though nobody reads its trace"
wait
[ "$(wc -l <"$T/trace")" -ge 3000 ]
ok $? "and the lines come when somebody does: $(wc -l <"$T/trace")"
rm -f "$T/fifo" "$T/finished"
# More than the trace pipe holds: what is lost is counted and told, and no line is torn.
mkfifo "$T/fifo"
(
	exec 3<"$T/fifo"
	while [ ! -e "$T/finished" ]; do sleep 0.05; done
	cat <&3 >"$T/trace"
) &
timeout 300 "$SKEP" run --attach kprobe:getppid "$hello" -- perl -e 'syscall(110) for 1 .. 30000; open F, ">", "'"$T"'/finished"' >"$T/fifo" 2>"$T/err"
wait
lost=$(sed -n 's/^CPU:0 \[LOST \([0-9]*\) EVENTS\]$/\1/p' "$T/trace" | awk '{ n += $1 } END { print n + 0 }')
[ "$lost" -gt 0 ]
ok $? "too much for the trace pipe: $lost lines are lost"
is "$(($(grep -c 'Hello World!$' "$T/trace") + lost))" 30000 "what came and what was lost is all there was"
is "$(grep -cvE '^ +perl-[0-9]+ +\[[0-9]{3}\] [^ ]+ +[0-9.]+: bpf_trace_printk: Hello World!$|^CPU:0 \[LOST [0-9]+ EVENTS\]$' "$T/trace")" 0 "no line is torn"
done_testing
