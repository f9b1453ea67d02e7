/* SPDX-License-Identifier: BSD-2-Clause */
/* The fabricated task. One row a field: where it is comes from BTF, what it holds from struct task. */
#include "helper/current.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum object { THREAD, LEADER, PARENT, CHILD, CRED, OBJECTS };

/* The kernel's direct map begins here: an address that is nobody's in a process. */
#define BASE 0xffff888000000000ull

enum { SPACING = 1 << 20 };

enum what {
	PID,
	TGID,
	COMM,
	REAL_PARENT,
	PARENT_PTR,
	GROUP_LEADER,
	START,
	START_BOOT,
	CRED_PTR,
	REAL_CRED_PTR,
	EXIT_CODE,
	WHATS
};

static const char *const task_fields[WHATS] = {
	[PID] = "pid",
	[TGID] = "tgid",
	[COMM] = "comm",
	[REAL_PARENT] = "real_parent",
	[PARENT_PTR] = "parent",
	[GROUP_LEADER] = "group_leader",
	[START] = "start_time",
	[START_BOOT] = "start_boottime",
	[CRED_PTR] = "cred",
	[REAL_CRED_PTR] = "real_cred",
	[EXIT_CODE] = "exit_code",
};

static const char *const user_fields[] = { "uid", "suid", "euid", "fsuid" };
static const char *const group_fields[] = { "gid", "sgid", "egid", "fsgid" };

struct current {
	u32 sizes[OBJECTS];
	u8 *objects[OBJECTS];
	s32 task[WHATS]; /* byte offsets, -1: no such field */
	s32 users[ARRAY_SIZE(user_fields)], groups[ARRAY_SIZE(group_fields)];
};

/* Byte offset of a member, -1: none. */
static s32 offset_of(const struct btf *btf, u32 id, const char *name)
{
	struct btf_field_at field;

	return btf_find_member(btf, id, name, &field) ? (s32)(field.bit_off / 8) : -1;
}

static int find_offsets(struct current *current, const struct btf *btf)
{
	s32 task = btf_find(btf, "task_struct", BTF_KIND_STRUCT),
	    cred = btf_find(btf, "cred", BTF_KIND_STRUCT);
	s64 task_size = task < 0 ? 0 : btf_size(btf, (u32)task),
	    cred_size = cred < 0 ? 0 : btf_size(btf, (u32)cred);

	if (task_size <= 0 || task_size > SPACING || cred_size <= 0 || cred_size > SPACING)
		return -ENOENT;
	for (u32 i = 0; i < WHATS; i++)
		current->task[i] = offset_of(btf, (u32)task, task_fields[i]);
	for (u32 i = 0; i < ARRAY_SIZE(user_fields); i++) {
		current->users[i] = offset_of(btf, (u32)cred, user_fields[i]);
		current->groups[i] = offset_of(btf, (u32)cred, group_fields[i]);
	}
	for (u32 i = 0; i < OBJECTS; i++)
		current->sizes[i] = (u32)(i == CRED ? cred_size : task_size);
	return 0;
}

int current_new(struct current **out, const struct btf *vmlinux)
{
	struct current *current = calloc(1, sizeof(*current));
	int err = current ? find_offsets(current, vmlinux) : -ENOMEM;

	for (u32 i = 0; !err && i < OBJECTS; i++) {
		current->objects[i] = calloc(1, current->sizes[i]);
		if (!current->objects[i])
			err = -ENOMEM;
	}
	if (err) {
		current_free(current);
		current = NULL;
	}
	*out = current;
	return err;
}

void current_free(struct current *current)
{
	for (u32 i = 0; current && i < OBJECTS; i++)
		free(current->objects[i]);
	free(current);
}

static u64 address_of(enum object object)
{
	return BASE + (u64)object * SPACING;
}

u64 current_address(const struct task *task)
{
	return address_of(task->pid == task->tgid ? LEADER : THREAD);
}

u64 current_child_address(void)
{
	return address_of(CHILD);
}

static void set(struct current *current, enum object object, s32 off, const void *value, u32 size)
{
	if (off >= 0 && (u64)off + size <= current->sizes[object])
		memcpy(current->objects[object] + off, value, size);
}

static void set_u32(struct current *current, enum object object, s32 off, u32 value)
{
	set(current, object, off, &value, sizeof(value));
}

static void set_u64(struct current *current, enum object object, s32 off, u64 value)
{
	set(current, object, off, &value, sizeof(value));
}

static void set_ids(struct current *current, enum object object, u32 pid, u32 tgid)
{
	set_u32(current, object, current->task[PID], pid);
	set_u32(current, object, current->task[TGID], tgid);
}

/* What the threads of one process have in common. */
static void set_process(struct current *current, enum object object,
			const struct task_origin *origin)
{
	enum object leader = object == PARENT ? PARENT : LEADER;

	set_u64(current, object, current->task[GROUP_LEADER], address_of(leader));
	if (object == PARENT)
		return;
	set_u64(current, object, current->task[REAL_PARENT], address_of(PARENT));
	set_u64(current, object, current->task[PARENT_PTR], address_of(PARENT));
	set_u64(current, object, current->task[START], origin->start_ns);
	set_u64(current, object, current->task[START_BOOT], origin->start_ns);
	set_u64(current, object, current->task[CRED_PTR], address_of(CRED));
	set_u64(current, object, current->task[REAL_CRED_PTR], address_of(CRED));
}

/* The thread that the task made: its name is its maker's still. */
static void fill_child(struct current *current, const struct task *task,
		       const struct task_origin *origin, const char *comm)
{
	bool thread = task->child->tgid == task->tgid;
	u64 parent = address_of(thread ? PARENT : LEADER);

	set_process(current, CHILD, origin);
	set_ids(current, CHILD, task->child->pid, task->child->tgid);
	set(current, CHILD, current->task[COMM], comm, 16);
	set_u64(current, CHILD, current->task[GROUP_LEADER], address_of(thread ? LEADER : CHILD));
	set_u64(current, CHILD, current->task[REAL_PARENT], parent);
	set_u64(current, CHILD, current->task[PARENT_PTR], parent);
}

static void fill(struct current *current, struct run *run)
{
	struct task *task = run->task;
	struct task_origin origin = { 0 };
	char comm[16] = { 0 };
	u32 uid = 0, gid = 0;

	task->ops->comm(task, comm);
	task->ops->creds(task, &uid, &gid);
	if (task->ops->origin)
		task->ops->origin(task, &origin);
	set_ids(current, THREAD, task->pid, task->tgid);
	set_ids(current, LEADER, task->tgid, task->tgid);
	set_ids(current, PARENT, origin.parent, origin.parent);
	set_u32(current, THREAD, current->task[EXIT_CODE], task->exit_code);
	set_u32(current, LEADER, current->task[EXIT_CODE],
		task->pid == task->tgid ? task->exit_code : 0);
	set(current, THREAD, current->task[COMM], comm, sizeof(comm));
	set(current, LEADER, current->task[COMM], comm, sizeof(comm));
	set(current, PARENT, current->task[COMM], origin.parent_comm, sizeof(origin.parent_comm));
	for (u32 i = THREAD; i <= PARENT; i++)
		set_process(current, i, &origin);
	for (u32 i = 0; i < ARRAY_SIZE(user_fields); i++) {
		set_u32(current, CRED, current->users[i], uid);
		set_u32(current, CRED, current->groups[i], gid);
	}
	if (task->child)
		fill_child(current, task, &origin, comm);
}

bool current_ready(struct run *run)
{
	if (!run->current && run->ops->current)
		run->current = run->ops->current(run);
	if (run->current && !run->current_filled)
		fill(run->current, run);
	run->current_filled = run->current;
	return run->current;
}

const void *current_reach(struct run *run, u64 addr, u64 len, u64 *avail)
{
	u64 object = (addr - BASE) / SPACING, off = (addr - BASE) % SPACING;
	struct current *current;

	if (addr < BASE || object >= OBJECTS || !current_ready(run))
		return NULL;
	current = run->current;
	if (off >= current->sizes[object])
		return NULL;
	*avail = min(len, current->sizes[object] - off);
	return current->objects[object] + off;
}
