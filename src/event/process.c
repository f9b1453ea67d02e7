/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of processes: tracepoints and raw tracepoints sched_process_fork, sched_process_exec
 * and sched_process_exit. The records are laid out as Linux 6.18 does it, with text behind the
 * fields (__data_loc: offset | length << 16), but for sched_process_fork, which had its names
 * inside before and follows the BTF at hand. Raw tracepoints are given tasks as
 * bpf_get_current_task() gives them; of the linux_binprm there is only a null pointer.
 */
#include "event/life.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "helper/current.h"

struct on_life {
	struct event_row row;
	enum life life;
	bool raw;
};

static const char *const names[LIVES] = {
	[LIFE_FORK] = "sched_process_fork",
	[LIFE_EXEC] = "sched_process_exec",
	[LIFE_EXIT] = "sched_process_exit",
};

static int find(const struct attach_target *target)
{
	const char *name = target->name;
	bool tracepoint = target->kind == ATTACH_TRACEPOINT;

	if (!tracepoint && target->kind != ATTACH_RAW_TRACEPOINT)
		return -ENOENT;
	if (tracepoint && strncmp(name, "sched/", 6) && strncmp(name, "sched:", 6))
		return -ENOENT;
	for (int i = 0; i < LIVES; i++)
		if (!strcmp(name + (tracepoint ? 6 : 0), names[i]))
			return i;
	return -ENOENT;
}

static bool claims(const struct attach_target *target)
{
	return find(target) >= 0;
}

static int attach(struct event_row *row, const struct attach_target *target, struct log *why)
{
	static const u32 raw_args[LIVES] = { 2, 3, 2 }, records[LIVES] = { 48, 20, 33 };
	struct on_life *on = (struct on_life *)row;

	(void)why;
	on->life = (enum life)find(target);
	on->raw = target->kind == ATTACH_RAW_TRACEPOINT;
	row->ctx_size = on->raw ? raw_args[on->life] * 8 : records[on->life];
	return 0;
}

void life_row_wanted(const struct event_row *row, u32 *lives)
{
	*lives |= 1u << ((const struct on_life *)row)->life;
}

void life_wanted(struct event_list *list, u32 *lives)
{
	pthread_rwlock_rdlock(&list->lock);
	for (size_t i = 0; i < list->count; i++)
		life_row_wanted(event_row(list, i), lives);
	pthread_rwlock_unlock(&list->lock);
}

/* The 8 bytes that every record begins with. */
struct common {
	u16 type;
	u8 flags, preempt_count;
	s32 pid;
};

/* Any of the records, with room for text behind it. */
struct record {
	union {
		struct common common;
		struct {
			struct common common;
			u32 parent_comm;
			s32 parent_pid;
			u32 child_comm;
			s32 child_pid;
			char text[32];
		} fork;
		struct {
			struct common common;
			char parent_comm[16];
			s32 parent_pid;
			char child_comm[16];
			s32 child_pid;
		} fork_before;
		struct {
			struct common common;
			u32 filename;
			s32 pid, old_pid;
			char text[LIFE_NAME];
		} exec;
		struct {
			struct common common;
			char comm[16];
			s32 pid, prio;
			bool group_dead;
		} exit;
		u8 all[RECORD_MAX];
	};
};

/* Puts text at offset at of the record: what a __data_loc field says then. */
static u32 put_text(struct record *record, size_t at, const char *text, size_t room)
{
	size_t len = strnlen(text, room - 1);

	memcpy((char *)record + at, text, len);
	((char *)record)[at + len] = '\0';
	return (u32)(at | (len + 1) << 16);
}

static void put_fork(struct record *record, struct event_list *list, struct task *task,
		     const struct life_event *event)
{
	const size_t text = offsetof(struct record, fork.text);
	char comm[16];

	task->ops->comm(task, comm);
	if (core_btf_has(list->hive, "trace_event_raw_sched_process_fork", "parent_comm")) {
		memcpy(record->fork_before.parent_comm, comm, 16);
		memcpy(record->fork_before.child_comm, comm, 16);
		record->fork_before.parent_pid = (s32)task->pid;
		record->fork_before.child_pid = (s32)event->other->pid;
		return;
	}
	record->fork.parent_comm = put_text(record, text, comm, 16);
	record->fork.child_comm = put_text(record, text + 16, comm, 16);
	record->fork.parent_pid = (s32)task->pid;
	record->fork.child_pid = (s32)event->other->pid;
}

static void put(struct record *record, struct event_list *list, struct task *task,
		const struct life_event *event)
{
	memset(record, 0, sizeof(*record));
	record->common.pid = (s32)task->pid;
	switch (event->life) {
	case LIFE_FORK: put_fork(record, list, task, event); break;
	case LIFE_EXEC:
		record->exec.filename = put_text(record, offsetof(struct record, exec.text),
						 event->filename, LIFE_NAME);
		record->exec.pid = (s32)task->pid;
		record->exec.old_pid = event->old_pid;
		break;
	case LIFE_EXIT:
		task->ops->comm(task, record->exit.comm);
		record->exit.pid = (s32)task->pid;
		record->exit.prio = event->prio;
		record->exit.group_dead = event->group_dead;
		break;
	case LIVES: break;
	}
}

/* The tracepoints' own arguments. */
static void put_args(u64 args[RAW_ARGS_MAX], struct task *task, const struct life_event *event)
{
	args[0] = current_address(task);
	switch (event->life) {
	case LIFE_FORK: args[1] = current_child_address(); break;
	case LIFE_EXEC: args[1] = (u64)event->old_pid; break;
	case LIFE_EXIT: args[1] = event->group_dead; break;
	case LIVES: break;
	}
}

void life_fire(struct event_list *list, u32 cpu, struct task *task, const struct life_event *event)
{
	struct record record;
	u64 args[RAW_ARGS_MAX] = { 0 };
	const struct run_region of_record = { (u64)(uintptr_t)&record, &record,
					      offsetof(struct record, exec.text) + LIFE_NAME };
	const struct run_region of_args = { (u64)(uintptr_t)args, args, sizeof(args) };

	task->child = event->other;
	put(&record, list, task, event);
	put_args(args, task, event);
	pthread_rwlock_rdlock(&list->lock);
	for (size_t i = 0; i < list->count; i++) {
		const struct on_life *on = (const void *)event_row(list, i);

		if (on->life == event->life)
			core_fire(list->hive, on->row.attachment, cpu,
				  on->raw ? (void *)args : (void *)&record, task,
				  on->raw ? &of_args : &of_record, 1);
	}
	pthread_rwlock_unlock(&list->lock);
	task->child = NULL;
}

const struct event_kind process_kind = {
	.name = "process",
	.row_size = sizeof(struct on_life),
	.claims = claims,
	.attach = attach,
};
