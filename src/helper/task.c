/* SPDX-License-Identifier: BSD-2-Clause */
/* Who made the event, on which slot, and what it is attached to. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "helper/body.h"
#include "helper/current.h"
#include "util/proc.h"

HELPER(get_smp_processor_id)
{
	return run->cpu;
}

/* Of the CPU that the slot's thread is on; the slot has its number where there are as many slots as CPUs. */
HELPER(get_numa_node_id)
{
	unsigned int cpu, node = 0;

	return getcpu(&cpu, &node) ? 0 : node;
}

HELPER(get_current_pid_tgid)
{
	return (u64)run->task->tgid << 32 | run->task->pid;
}

HELPER(get_current_uid_gid)
{
	u32 uid = 0, gid = 0;

	run->task->ops->creds(run->task, &uid, &gid);
	return (u64)gid << 32 | uid;
}

HELPER(get_current_comm)
{
	char comm[16] = { 0 };
	u32 size = (u32)r2;

	if (!size)
		return result(-EINVAL);
	run->task->ops->comm(run->task, comm);
	comm[15] = 0;
	memset(ptr(r1), 0, size);
	memcpy(ptr(r1), comm, min(strlen(comm), (size_t)size - 1));
	return 0;
}

HELPER(get_current_cgroup_id)
{
	return proc_cgroup(run->task->pid, -1);
}

HELPER(get_current_ancestor_cgroup_id)
{
	return (s32)r1 < 0 ? 0 : proc_cgroup(run->task->pid, (s32)r1);
}

/* NULL reads as a fault. */
HELPER(get_current_task)
{
	return current_ready(run) ? current_address(run->task) : 0;
}

HELPER(get_func_ip)
{
	return run->func_ip;
}

HELPER(get_attach_cookie)
{
	return run->cookie;
}

/* (dev, ino, nsdata, size): the task's numbers in its own pid namespace, which dev and ino must name. */
HELPER(get_ns_current_pid_tgid)
{
	struct bpf_pidns_info *info = ptr(r3);

	memset(info, 0, (u32)r4);
	if ((u32)r4 != sizeof(*info) ||
	    !proc_in_pidns(run->task->pid, r1, r2, &info->pid, &info->tgid))
		return result(-EINVAL);
	return 0;
}

static s64 send(u32 tgid, u32 pid, u32 signal)
{
	if (tgid <= 1)
		return -EPERM;
	if (signal > 64)
		return -EINVAL;
	if (pid ? syscall(SYS_tgkill, tgid, pid, signal) : kill((pid_t)tgid, (int)signal))
		return -errno;
	return 0;
}

HELPER(send_signal)
{
	return result(send(run->task->tgid, 0, (u32)r1));
}

HELPER(send_signal_thread)
{
	return result(send(run->task->tgid, run->task->pid, (u32)r1));
}
