#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The kernel's types without its headers, and reads through its pointers as BCC allows them.
. "$(dirname "$0")/../cli/lib.sh"
take_trace_pipe
cd "$T"
[ -r /sys/kernel/btf/vmlinux ] || skip_all "this kernel has no BTF"

cat >task.c <<'END'
#include <uapi/linux/ptrace.h>
#include <linux/sched.h>
#include <linux/fs.h>
#include <linux/blkdev.h>

struct nameidata { int mine; };		/* the kernel has one, not in its headers */
BPF_HASH(seen, u32, struct task_struct *);
BPF_HASH(same, u32, u64);

static __attribute__((noinline)) int parent_of(struct task_struct *task)
{
	return task->real_parent->tgid;
}

int hello(struct pt_regs *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task(), **kept;
	u32 pid = bpf_get_current_pid_tgid() >> 32, zero = 0;
	struct nameidata n = { 1 };
	char comm[TASK_COMM_LEN];

	seen.update(&zero, &task);
	kept = seen.lookup(&zero);
	if (!kept)
		return 0;
	if ((*kept)->tgid == pid && task->pid == (u32)bpf_get_current_pid_tgid())
		same.increment(n.mine);
	else
		same.increment(0);
	bpf_probe_read_kernel_str(comm, sizeof(comm), task->comm);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 1, 0)
	bpf_trace_printk("%s, child of %d", comm, parent_of(task));
#endif
	return 0;
}
END
run "$SKEP" run -a hello=kprobe:execve task.c -- /bin/sh -c 'echo $$ >pid; /bin/true; exec /bin/true'
is "$status" 0 "a program that names types of the kernel's runs" || sed 's/^/# /' <<<"$err"
like "$out" "bpf_trace_printk: sh, child of $(<pid)"$'\n' "what it reads through the task is true, in a function too"
is "$(grep '^same' <<<"$out")" 'same[1]: 3' "and through a pointer that was kept in a map"

cat >wrong.c <<'END'
int hello(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return task->no_such_member;
}
END
run "$SKEP" build wrong.c
like "$status $err" "^1 wrong.c:5:.*no member named 'no_such_member'" "a member it does not have is named, in the user's line"

cat >plain.c <<'END'
#include <linux/sched.h>
#include <net/sock.h>
int hello(void *ctx) { bpf_trace_printk("%d", AF_INET6); return 0; }
END
run "$SKEP" run plain.c -- /bin/true
like "$out" 'bpf_trace_printk: 10$' "constants that BTF does not have"

cat >kernel.c <<'END'
BPF_HASH(same, u32, u64);
RAW_TRACEPOINT_PROBE(sys_enter)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	u32 right = task->tgid == bpf_get_current_pid_tgid() >> 32 && task->group_leader->pid == task->tgid;

	same.increment(right);
	return 0;
}
END
run "$SKEP" run kernel.c -- /bin/true
like "$(grep '^same' <<<"$out")" '^same\[1\]: [0-9]+$' "raw tracepoints, on skep"
run "$SKEP" run --kernel kernel.c -- /bin/true
if [ "$status" = 125 ]; then skip "the same on Linux" "$(head -1 <<<"$err")"; else
	like "$(grep '^same' <<<"$out")" '^same\[1\]: [0-9]+$' "the same on Linux"
fi

# Without kprobes the loads of registers become others: they must not be relocated to the kernel's struct.
cat >bound.c <<'END'
#include <linux/fs.h>
BPF_HASH(seen, u32, u64);
int syscall__execve(struct pt_regs *ctx, const char *filename)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	char first = 0;

	bpf_probe_read_user(&first, 1, filename);
	if (task->tgid == bpf_get_current_pid_tgid() >> 32)
		seen.increment(first);
	return 0;
}
END
run "$SKEP" run -a syscall__execve=kprobe:execve bound.c -- /bin/true
is "$out" "seen[47]: 1" "registers and the kernel's types in one program"
run "$SKEP" run --kernel -a syscall__execve=kprobe:execve bound.c -- /bin/true
if [ "$status" = 125 ] && grep -q "for root only" <<<"$err"; then skip "the same on Linux" "not permitted"; else
	like "$out" 'seen\[47\]: [1-9]' "the same on Linux" || sed 's/^/# /' <<<"$err"
fi
done_testing
