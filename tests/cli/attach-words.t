#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# --attach: what is wrong is said, and nothing runs.
. "$(dirname "$0")/lib.sh"

try() { # WORDS REGEX [STATUS]
	run "$SKEP" run -a "$1" "$root/examples/hello.c" -- /bin/echo ran
	is "$status" "${3:-125}" "$1: exit ${3:-125}"
	like "$err" "$2" "$1: told"
	is "$out" "" "$1: the command did not run"
}
try execve "^skep run: --attach 'execve': want \[FN=\]KIND:TARGET" 2
try blah:execve "no kind 'blah'" 2
try kprobe: "no target" 2
try tracepoint:sched "CATEGORY:NAME" 2
try other=kprobe:execve "no program 'other'"
try kprobe:nosuchcall "nosuchcall"
try tracepoint:syscalls:sys_enter_opneat "nearest: syscalls/sys_enter_openat"
try tracepoint:syscall:sys_enter_openat "nearest: syscalls:sys_enter_openat"
try tracepoint:shed:sched_process_exec "nearest: sched:sched_process_exec"
try tracepoint:block:block_rq_issue "skep has the tracepoints .*Linux's others are there with --kernel"
try raw_tracepoint:sys_entr "nearest: sys_enter"
try xdp:skepnone0 "say where packets come from"
cat >"$T/two.c" <<'END'
int one(void *ctx) { return 0; }
int two(void *ctx) { return 0; }
END
run "$SKEP" run "$T/two.c" -- /bin/true
is "$status" 125 "two functions without a target: exit 125"
like "$err" "--attach one=KIND:TARGET" "and how to say it"
run "$SKEP" run -a kprobe:execve "$T/two.c" -- /bin/true
like "$err" "has 2 programs: say which one" "a target without FN= for two programs"
run "$SKEP" run -a one=kprobe:execve -a two=kprobe:execve "$T/two.c" -- /bin/true
is "$status" 0 "both told"
done_testing
