#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# bpf_get_current_task(): fields read by CO-RE are right, whatever the source of the event.
. "$(dirname "$0")/lib.sh"

[ -r /sys/kernel/btf/vmlinux ] || skip_all "no kernel BTF to lay tasks out by"
build workload || skip_all "no C compiler"
cat >"$T/current.bpf.c" <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct task_struct {
	int pid, tgid;
	char comm[16];
	struct task_struct *real_parent, *group_leader;
	unsigned long long start_time;
} __attribute__((preserve_access_index));

static __always_inline int look(const char *where, struct task_struct *task)
{
	unsigned long long id = bpf_get_current_pid_tgid();
	char name[16], comm[16];
	int same = 1;

	bpf_get_current_comm(comm, sizeof(comm));
	BPF_CORE_READ_STR_INTO(&name, task, comm);
	for (int i = 0; i < 16 && comm[i]; i++)
		same &= comm[i] == name[i];
	bpf_printk("%s %d", where, BPF_CORE_READ(task, pid) == (int)id && BPF_CORE_READ(task, tgid) == id >> 32 &&
		   same && BPF_CORE_READ(task, start_time) && BPF_CORE_READ(task, real_parent, pid) > 0 &&
		   BPF_CORE_READ(task, group_leader, pid) == id >> 32);
	return 0;
}
#define CURRENT ((struct task_struct *)bpf_get_current_task())
#define LOOK(fn, section, where) SEC(section) int fn(void *ctx) { return look(where, CURRENT); }
LOOK(kprobe, "kprobe/__x64_sys_getppid", "kprobe")
LOOK(kretprobe, "kretprobe/__x64_sys_getppid", "kretprobe")
LOOK(enter, "tracepoint/syscalls/sys_enter_getppid", "enter")
LOOK(leave, "tracepoint/syscalls/sys_exit_getppid", "exit")
LOOK(fork, "tracepoint/sched/sched_process_fork", "fork")
LOOK(exec, "tracepoint/sched/sched_process_exec", "exec")
LOOK(end, "tracepoint/sched/sched_process_exit", "end")

SEC("raw_tracepoint/sched_process_fork") int raw(struct bpf_raw_tracepoint_args *args)
{
	struct task_struct *parent = (void *)args->args[0], *child = (void *)args->args[1];

	bpf_printk("child %d", BPF_CORE_READ(child, pid) > 0 && BPF_CORE_READ(child, pid) == BPF_CORE_READ(child, tgid) &&
		   BPF_CORE_READ(child, real_parent, pid) == BPF_CORE_READ(parent, pid));
	return look("raw", parent);
}
char LICENSE[] SEC("license") = "GPL";
END
# looked CMD…: what the programs said, each thing once
looked() {
	run timeout 600 "$SKEP" run "$T/current.bpf.c" -- "$@"
	sed -E 's/.*bpf_trace_printk: //' <<<"$out" | sort -u | xargs
}
is "$(looked "$T/workload" results)" "end 1 enter 1 exec 1 exit 1 kprobe 1 kretprobe 1" "calls, and the end of a process"
is "$(looked "$T/workload" fork)" "child 1 end 1 exec 1 fork 1 raw 1" "a fork"
is "$(looked "$T/workload" spawn)" "child 1 end 1 exec 1 fork 1 raw 1" "a spawn"
done_testing
