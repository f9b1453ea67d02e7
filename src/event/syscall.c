/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls: kprobes and kretprobes on syscall functions, raw tracepoints sys_enter and
 * sys_exit, tracepoints of categories syscalls and raw_syscalls. Whoever stopped the call tells it:
 * a seccomp listener, or at a stop of ptrace(2).
 *
 * The context is the kernel's. __x64_sys_X(const struct pt_regs *) gets a struct pt_regs whose di
 * points to the registers at entry, which live at a reserved kernel address that run regions
 * resolve; sys_X and __se_sys_X get the arguments themselves; where a function returns ax is its
 * result. What seccomp does not tell (sp, flags, callee-saved registers) is zero.
 */
#include "event/syscall.h"

#include <errno.h>
#include <string.h>

/* The kernel's struct pt_regs on x86-64. */
struct regs {
	u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs,
		flags, sp, ss;
};

/* The record of a call's tracepoints; at the exit args[0] is the result, and the last field. */
struct record {
	u16 type;
	u8 flags, preempt_count;
	s32 pid, nr;
	u32 pad;
	u64 args[6];
};

/* Where the registers at entry are, for programs: the top of a kernel stack. */
#define ENTRY_REGS 0xffffc90000003f58ull

static bool claims(const struct attach_target *target)
{
	return target->kind == ATTACH_KPROBE || target->kind == ATTACH_KRETPROBE ||
	       target->kind == ATTACH_TRACEPOINT || target->kind == ATTACH_RAW_TRACEPOINT;
}

/*
 * Where the kernel meets it: sys_enter's own programs, then tracepoints, then the function; and the
 * other way round, but for the tracepoints, when it leaves.
 */
static u32 stage(const struct probe *probe)
{
	switch (probe->flavour) {
	case RAW: return 1;
	case TRACEPOINT: return 2;
	case PROBE_REGS:
	case PROBE_ARGS: break;
	}
	return probe->leave ? 0 : 3;
}

/* All of these kinds, so that the others are refused with words; a later source claims some first. */
static int attach(struct event_row *row, const struct attach_target *target, struct log *why)
{
	struct probe *probe = (struct probe *)row;
	int err = probe_parse(probe, target, why);

	row->stage = stage(probe);
	if (probe->flavour == TRACEPOINT)
		row->ctx_size = probe->leave ? 24 : sizeof(struct record);
	else if (probe->flavour == RAW)
		row->ctx_size = 16;
	return err;
}

void syscall_row_wanted(const struct event_row *row, struct syscall_wants *wants)
{
	const struct probe *probe = (const struct probe *)row;

	for (s32 nr = 0; nr < SYSCALL_MAX; nr++)
		if (probe->nr == nr || probe->nr < 0)
			syscall_set_add(probe->leave ? &wants->leave : &wants->enter, (u32)nr);
}

void syscall_wanted(struct event_list *list, struct syscall_wants *wants)
{
	pthread_rwlock_rdlock(&list->lock);
	for (size_t i = 0; i < list->count; i++)
		syscall_row_wanted(event_row(list, i), wants);
	pthread_rwlock_unlock(&list->lock);
}

/* The registers of the task as entry_SYSCALL_64 saves them. */
static struct regs user_regs(const struct syscall_event *event)
{
	const u64 *args = event->args;
	struct regs all;

	if (event->regs) {
		memcpy(&all, event->regs, sizeof(all));
		return all;
	}
	return (struct regs){ .di = args[0],
			      .si = args[1],
			      .dx = args[2],
			      .r10 = args[3],
			      .r8 = args[4],
			      .r9 = args[5],
			      .ax = (u64)-ENOSYS,
			      .orig_ax = (u64)event->nr,
			      .ip = event->ip,
			      .cx = event->ip,
			      .cs = 0x33,
			      .ss = 0x2b };
}

/* What is told to one program after the other. */
struct telling {
	struct event_list *list;
	u32 cpu;
	struct task *task;
	const struct syscall_event *event;
	const struct regs *user;
	bool leave;
	u64 ret;
};

/* Runs the program with size bytes of context and the caller's registers in reach. */
static void run(const struct telling *to, const struct probe *probe, void *ctx, u32 size)
{
	const struct run_region regions[] = {
		{ .addr = ENTRY_REGS, .mem = to->user, .len = sizeof(*to->user) },
		{ .addr = (u64)(uintptr_t)ctx, .mem = ctx, .len = size },
	};

	core_fire(to->list->hive, probe->row.attachment, to->cpu, ctx, to->task, regions,
		  ARRAY_SIZE(regions));
}

static void run_probe(const struct telling *to, const struct probe *probe)
{
	struct regs regs = {
		.orig_ax = ~0ull, .cs = 0x10, .di = ENTRY_REGS, .si = (u64)to->event->nr
	};
	const u64 *args = to->event->args;

	if (probe->flavour == PROBE_ARGS)
		regs.di = args[0], regs.si = args[1], regs.dx = args[2], regs.cx = args[3],
		regs.r8 = args[4], regs.r9 = args[5];
	if (to->leave)
		regs.ax = to->ret;
	run(to, probe, &regs, sizeof(regs));
}

static void run_tracepoint(const struct telling *to, const struct probe *probe)
{
	union {
		struct record of;
		u8 all[RECORD_MAX];
	} room;
	struct record record = { .pid = (s32)to->task->pid, .nr = to->event->nr };

	if (to->leave)
		record.args[0] = to->ret;
	else
		memcpy(record.args, to->event->args, sizeof(record.args));
	if (core_attachment_tails(probe->row.attachment))
		memset(&room, 0, sizeof(room));
	room.of = record;
	run(to, probe, &room, to->leave ? 24 : sizeof(record));
}

static void run_raw(const struct telling *to, const struct probe *probe)
{
	u64 args[RAW_ARGS_MAX] = { ENTRY_REGS, to->leave ? to->ret : (u64)to->event->nr };

	run(to, probe, args, 16);
}

/* functions: those attached to functions, too. */
static void tell(const struct telling *to, bool functions)
{
	pthread_rwlock_rdlock(&to->list->lock);
	for (size_t i = 0; i < to->list->count; i++) {
		const struct probe *probe = (const void *)event_row(to->list, i);

		if (probe->leave != to->leave || (probe->nr >= 0 && probe->nr != to->event->nr))
			continue;
		if (probe->flavour == TRACEPOINT)
			run_tracepoint(to, probe);
		else if (probe->flavour == RAW)
			run_raw(to, probe);
		else if (functions)
			run_probe(to, probe);
	}
	pthread_rwlock_unlock(&to->list->lock);
}

void syscall_enter(struct event_list *list, u32 cpu, struct task *task,
		   const struct syscall_event *event)
{
	const struct regs user = user_regs(event);
	const struct telling to = {
		.list = list, .cpu = cpu, .task = task, .event = event, .user = &user
	};

	tell(&to, true);
}

void syscall_leave(struct event_list *list, u32 cpu, struct task *task,
		   const struct syscall_event *event, s64 ret, bool child)
{
	const struct regs user = user_regs(event);
	const struct telling to = { .list = list,
				    .cpu = cpu,
				    .task = task,
				    .event = event,
				    .user = &user,
				    .leave = true,
				    .ret = (u64)ret };

	tell(&to, !child);
}

const struct event_kind syscall_kind = {
	.name = "syscall",
	.row_size = sizeof(struct probe),
	.claims = claims,
	.attach = attach,
};
