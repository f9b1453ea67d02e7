#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Results of system calls: by kretprobe, tracepoint and raw tracepoint, and no process is the worse for it.
. "$(dirname "$0")/lib.sh"

build workload || skip_all "no C compiler"
here=$(dirname "$0")
{ echo '#define LEAVE'; cat "$here/life.bpf.c"; } >"$T/leave.bpf.c"
# said CMD…: what the programs printed for it
said() {
	run timeout 600 "$SKEP" run "$T/leave.bpf.c" -- "$@"
	sed -E 's/.*bpf_trace_printk: //' <<<"$out"
}

# the first execve is the command's own
is "$(said "$T/workload" results | sed -E 's/getppid [1-9][0-9]*/getppid N/')" \
	$'execve 0\nclose -9\nwrite 3 1\nwrote 3 3 1\ngetppid N' "results are right, and at the entry the registers"
is "$(said "$T/workload" fail)" $'execve 0\nexecve -2' "execve that succeeds, and that fails"
is "$(said "$T/workload" thread)" $'execve 0\nexecve 0' "execve in a thread"
is "$(said "$T/workload" vfork)" $'execve 0\nexecve 0' "execve in a vfork"

for name in __x64_sys_close __se_sys_close __do_sys_close do_sys_close sys_close; do
	run "$SKEP" run --attach "kretprobe:$name" "$here/silent.c" -- true
	is "$status:$err" "0:" "kretprobe:$name"
done
run "$SKEP" run --attach kretprobe:clse "$here/silent.c" -- true
like "$err" "kretprobe .*clse: skep sees system calls; nearest: .*__x64_sys_close" "an unknown one: the nearest"

# Every call of the tree stopped twice: all end as they should.
for way in results fork vfork spawn thread threads execveat fail interrupted stopped killed int80 storm; do
	run timeout 600 "$SKEP" run --attach raw_tracepoint:sys_exit "$here/silent.c" -- "$T/workload" $way
	is "$status" 0 "with the results of all system calls seen: $way"
done
run timeout 600 "$SKEP" run --attach tracepoint:raw_syscalls:sys_exit "$here/silent.c" -- sh -c 'kill -TERM $$'
is "$status" 143 "a signal that ends the command is its status"
done_testing
