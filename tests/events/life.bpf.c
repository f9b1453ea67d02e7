/* SPDX-License-Identifier: BSD-2-Clause */
/* One line for every result and every turn in the life of processes. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct leave {
	long common, nr, ret;
};
struct fork {
	long common;
	unsigned int parent_comm;
	int parent_pid;
	unsigned int child_comm;
	int child_pid;
};
struct exec {
	long common;
	unsigned int filename;
	int pid, old_pid;
};
struct end {
	long common;
	char comm[16];
	int pid, prio;
	char group_dead;
};
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip,
		cs, flags, sp, ss;
};

#ifdef LEAVE
SEC("tracepoint/syscalls/sys_exit_close") int closed(struct leave *e)
{
	if (e->nr != 3)
		bpf_printk("close: nr %ld", e->nr);
	if (e->ret < 0)
		bpf_printk("close %ld", e->ret);
	return 0;
}

SEC("kretprobe/__x64_sys_getppid") int parent(struct pt_regs *regs)
{
	bpf_printk("getppid %ld", regs->ax);
	return 0;
}

SEC("kretprobe/sys_execve") int executed(struct pt_regs *regs)
{
	bpf_printk("execve %ld", regs->ax);
	return 0;
}

/* The entry of a call of which the exit is seen, too. */
SEC("kprobe/__x64_sys_write") int writes(struct pt_regs *regs)
{
	struct pt_regs user;

	bpf_probe_read_kernel(&user, sizeof(user), (void *)regs->di);
	if (user.dx == 3)
		bpf_printk("write %ld %d", user.dx, user.sp != 0 && user.orig_ax == 1);
	return 0;
}

SEC("raw_tracepoint/sys_exit") int any(struct bpf_raw_tracepoint_args *args)
{
	struct pt_regs user;

	bpf_probe_read_kernel(&user, sizeof(user), (void *)args->args[0]);
	if (user.orig_ax == 1 && user.dx == 3)
		bpf_printk("wrote %ld %ld %d", args->args[1], user.ax, user.sp != 0);
	return 0;
}
#endif

#ifdef LIFE
SEC("tracepoint/sched/sched_process_fork") int forked(struct fork *e)
{
	char comm[16];

	bpf_probe_read_kernel_str(comm, sizeof(comm), (char *)e + (e->child_comm & 0xffff));
	bpf_printk("fork %s %d", comm,
		   e->parent_pid == (int)bpf_get_current_pid_tgid() && e->child_pid > 1);
	return 0;
}

SEC("tracepoint/sched/sched_process_exec") int executes(struct exec *e)
{
	char name[64], comm[16];

	bpf_get_current_comm(comm, sizeof(comm));
	bpf_probe_read_kernel_str(name, sizeof(name), (char *)e + (e->filename & 0xffff));
	bpf_printk("exec %s %s %d", name, comm, e->pid == (int)bpf_get_current_pid_tgid());
	return 0;
}

SEC("tracepoint/sched/sched_process_exit") int ends(struct end *e)
{
	if (e->group_dead)
		bpf_printk("exit %s %d", e->comm, e->pid == (int)bpf_get_current_pid_tgid());
	return 0;
}
#endif

char LICENSE[] SEC("license") = "GPL";
