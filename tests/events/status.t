#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# How skep run ends: as the command does, by 126 and 127 where it cannot run, by 125 where skep cannot.
. "$(dirname "$0")/lib.sh"

export PATH=/usr/bin:/bin # a folder in PATH that may not be searched would be EACCES, as for env(1)
skep() { run "$SKEP" run --attach kprobe:execve "$hello" -- "$@"; }
skep true
is "$status" 0 "true"
skep sh -c 'exit 42'
is "$status" 42 "exit 42"
skep sh -c 'exit 255'
is "$status" 255 "exit 255"
for sig in TERM KILL INT SEGV HUP; do
	( ulimit -c 0; skep sh -c "kill -$sig \$\$"; exit "$status" ) 2>/dev/null
	is "$?" $((128 + $(kill -l $sig))) "killed by SIG$sig"
done
perl -e '$s = system { $ARGV[0] } @ARGV; exit(($s & 127) == 15 ? 0 : 1)' "$SKEP" run --attach kprobe:execve "$hello" -- sh -c 'kill $$' >/dev/null 2>&1
ok $? "skep dies by the command's own signal"
run perl -e '$SIG{CHLD} = "IGNORE"; exec @ARGV' "$SKEP" run --attach kprobe:execve "$hello" -- sh -c 'exit 12'
is "$status" 12 "where SIGCHLD is ignored, too"
run perl -e '$SIG{CHLD} = $SIG{USR1} = "IGNORE"; exec @ARGV' "$SKEP" run --attach kprobe:execve "$hello" -- grep SigIgn /proc/self/status
is "$(sed -n 's/^SigIgn:.*\(.....\)$/\1/p' "$T/out")" 10200 "and the command ignores what skep was told to"
skep no-such-command
is "$status" 127 "not found: 127"
like "$err" "no-such-command: No such file or directory" "and says so"
skep /no/such/command
is "$status" 127 "no such path: 127"
skep /etc/passwd
is "$status" 126 "not executable: 126"
like "$err" "/etc/passwd: Permission denied" "and says so"
skep /
is "$status" 126 "a folder: 126"
printf '#!/no/such/interpreter\n' >"$T/script"
chmod +x "$T/script"
skep "$T/script"
is "$status" 127 "no interpreter: 127"
like "$err" "script: No such file or directory" "and says so"
printf 'exit 9\n' >"$T/script"
skep "$T/script"
is "$status" 9 "a script without #! is the shell's"
run "$SKEP" run --attach kprobe:execve "$hello" -- "$SKEP" run --attach kprobe:execve "$hello" -- true
is "$status" 125 "skep inside skep: 125"
like "$err" "seccomp listener is there already" "and says so"
run "$SKEP" run --attach kprobe:execv "$hello" -- true
is "$status" 125 "an unknown function: 125"
like "$err" "nearest: __x64_sys_execve" "and the nearest names"
run "$SKEP" run --attach tracepoint:sched:sched_switch "$root/tests/events/silent.c" -- true
is "$status" 125 "a tracepoint that is not there: 125"
like "$err" "skep has the tracepoints syscalls:sys_enter_" "and which are"
done_testing
