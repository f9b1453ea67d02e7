/* SPDX-License-Identifier: BSD-2-Clause */
/* bpf_get_current_task: the fields that tools read, at the places where the kernel's BTF has them. */
#include "btf/btf.h"
#include "helper/current.h"
#include "tap.h"
#include "run.h"
#include "util/proc.h"

static struct btf *btf;

static u32 offset(const char *type, const char *field)
{
	s32 id = btf_find(btf, type, BTF_KIND_STRUCT);
	const struct btf_type *t = btf_at(btf, (u32)id);

	for (u32 i = 0; i < btf_type_vlen(t); i++) {
		struct btf_field_at at = btf_member_at(btf, t, i);

		if (at.name && !strcmp(at.name, field))
			return at.bit_off / 8;
	}
	ok(0, "%s has %s", type, field);
	return 0;
}

static u64 read_at(u64 object, const char *type, const char *field, u32 size)
{
	u64 value = 0;

	is(CALL(BPF_FUNC_probe_read_kernel, &value, size, object + offset(type, field)), 0,
	   "%s.%s can be read", type, field);
	return value;
}

static void origin(struct task *task, struct task_origin *out)
{
	(void)task;
	*out = (struct task_origin){ .parent = 7, .parent_comm = "shell", .start_ns = 123456789 };
}

static struct current *make(struct run *run)
{
	struct current *current;

	(void)run;
	return current_new(&current, btf) ? NULL : current;
}

int main(void)
{
	struct task_ops task_ops = run_task_ops;
	struct run_ops ops = run_ops_table;
	char comm[16] = "", parent_comm[16];
	u64 task, leader, parent, cred, start;
	u32 ppid;

	is(CALL(BPF_FUNC_get_current_task, 0, 0, 0), 0, "nobody to make it: NULL");
	if (btf_open(&btf, "/sys/kernel/btf/vmlinux")) {
		skip("no kernel BTF here");
		return done();
	}
	task_ops.origin = origin;
	ops.current = make;
	run_task.ops = &task_ops;
	run_slot.ops = &ops;
	task = (u64)CALL(BPF_FUNC_get_current_task, 0, 0, 0);
	is(read_at(task, "task_struct", "pid", 4), 43, "the thread");
	is(read_at(task, "task_struct", "tgid", 4), 42, "its process");
	leader = read_at(task, "task_struct", "group_leader", 8);
	is(read_at(leader, "task_struct", "pid", 4), 42, "the leader's thread");
	parent = read_at(task, "task_struct", "real_parent", 8);
	is(read_at(parent, "task_struct", "tgid", 4), 7, "the parent");
	is(CALL(BPF_FUNC_probe_read_kernel_str, comm, 16, parent + offset("task_struct", "comm")),
	   6, "its name");
	ok(!strcmp(comm, "shell"), "… is right");
	is(read_at(task, "task_struct", "start_boottime", 8), 123456789, "age");
	cred = read_at(task, "task_struct", "cred", 8);
	is(read_at(cred, "cred", "uid", 4), 1000, "user");
	is(read_at(task, "task_struct", "exit_code", 4), 0, "what is not known is zero");
	is(CALL(BPF_FUNC_probe_read_kernel, comm, 8, task + (1 << 19)), -EFAULT,
	   "behind the object is nothing");
	is(proc_origin((u32)getpid(), &ppid, parent_comm, &start), 0, "/proc knows this process");
	ok(ppid == (u32)getppid() && start, "… and its parent");
	current_free(run_slot.current);
	btf_free(btf);
	return done();
}
