/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls at their entry: kprobes on syscall functions, raw tracepoint sys_enter,
 * tracepoints syscalls:sys_enter_*. Whoever stopped the call (a seccomp listener) tells it by
 * syscall_fire().
 *
 * The context is the kernel's. __x64_sys_X(const struct pt_regs *) gets a struct pt_regs whose di
 * points to the registers at entry, which live at a reserved kernel address that run regions
 * resolve; sys_X and __se_sys_X get the arguments themselves. What seccomp does not tell (sp,
 * flags, callee-saved registers) is zero.
 */
#include "event/event.h"
#include "event/names.h"

#include <errno.h>
#include <string.h>

/* The kernel's struct pt_regs on x86-64. */
struct regs {
	u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs,
		flags, sp, ss;
};

/* Where the registers at entry are, for programs: the top of a kernel stack. */
#define ENTRY_REGS 0xffffc90000003f58ull

enum flavour {
	PROBE_REGS, /* __x64_sys_X(regs) */
	PROBE_ARGS, /* sys_X(a, b, c, …) */
	TRACEPOINT,
	RAW_SYS_ENTER,
};

struct probe {
	struct event_row row; /* its stage is where the kernel meets the program */
	enum flavour flavour;
	s32 nr; /* -1: every call */
};

static const char *const functions[SYSCALL_MAX] = {
#define SYSCALL(nr, name, function) [nr] = #function,
#include "event/syscall.def"
#undef SYSCALL
};

static s32 find_function(const char *name)
{
	for (s32 nr = 0; nr < SYSCALL_MAX; nr++)
		if (functions[nr] && !strcmp(functions[nr], name))
			return nr;
	return -ENOENT;
}

static bool skip_prefix(const char **name, const char *prefix)
{
	size_t len = strlen(prefix);

	if (strncmp(*name, prefix, len))
		return false;
	*name += len;
	return true;
}

/* What a kprobe's symbol means; -ENOENT for anything but a syscall function. */
static s32 parse_symbol(const char *name, enum flavour *flavour)
{
	*flavour = PROBE_REGS;
	if (skip_prefix(&name, "__x64_sys_"))
		return find_function(name);
	*flavour = PROBE_ARGS;
	if (skip_prefix(&name, "__se_sys_") || skip_prefix(&name, "__do_sys_") ||
	    skip_prefix(&name, "sys_"))
		return find_function(name);
	return -ENOENT;
}

/* "syscalls/sys_enter_X" or "syscalls:sys_enter_X". */
static bool skip_category(const char **name)
{
	return skip_prefix(name, "syscalls/") || skip_prefix(name, "syscalls:");
}

/* The tracepoints of every call, raw_syscalls/sys_enter and sys_exit. */
static bool skip_raw_category(const char **name)
{
	return skip_prefix(name, "raw_syscalls/") || skip_prefix(name, "raw_syscalls:");
}

/*
 * All of these kinds, so that the others are refused with words; a source added later may claim
 * some before us.
 */
static bool claims(const struct attach_target *target)
{
	return target->kind == ATTACH_KPROBE || target->kind == ATTACH_KRETPROBE ||
	       target->kind == ATTACH_TRACEPOINT || target->kind == ATTACH_RAW_TRACEPOINT;
}

static int no_tracepoint(struct log *why, const char *what, const char *name)
{
	return fail(why, -ENOENT,
		    "%s %s: skep has the tracepoints syscalls:sys_enter_*, raw_syscalls:sys_enter "
		    "and the raw one sys_enter; Linux's others are there with --kernel",
		    what, name);
}

static int no_function(struct log *why, const char *what, const char *full, const char *bare,
		       const char *prefix)
{
	say(why, "%s %s: skep sees the entry of system calls", what, full);
	names_suggest(why, bare, prefix, functions, SYSCALL_MAX);
	return fail(why, -ENOENT, "%s", "");
}

static int parse_probe(struct probe *probe, const struct attach_target *target, struct log *why)
{
	const char *name = target->name, *bare = name;

	if (target->offset)
		return fail(
			why, -EINVAL,
			"kprobe %s+%llu: only a syscall function's first instruction can be probed",
			name, (unsigned long long)target->offset);
	probe->nr = parse_symbol(name, &probe->flavour);
	if (probe->nr >= 0)
		return 0;
	if (!skip_prefix(&bare, "__x64_sys_") && !skip_prefix(&bare, "__ia32_sys_") &&
	    !skip_prefix(&bare, "__se_sys_"))
		skip_prefix(&bare, "sys_");
	return no_function(why, "kprobe", name, bare, "__x64_sys_");
}

static int parse_tracepoint(struct probe *probe, const struct attach_target *target,
			    struct log *why)
{
	const char *name = target->name;
	bool every = skip_raw_category(&name);

	if (!every && !skip_category(&name))
		return no_tracepoint(why, "tracepoint", name);
	probe->flavour = TRACEPOINT;
	probe->nr = -1;
	if (every && !strcmp(name, "sys_enter"))
		return 0;
	if (skip_prefix(&name, "sys_exit"))
		return fail(why, -EOPNOTSUPP,
			    "tracepoint %s: exits of system calls are not there yet", target->name);
	probe->nr = skip_prefix(&name, "sys_enter_") ? find_function(name) : -ENOENT;
	return probe->nr >= 0
		       ? 0
		       : no_function(why, "tracepoint", target->name, name, "syscalls/sys_enter_");
}

static int parse_target(struct probe *probe, const struct attach_target *target, struct log *why)
{
	switch (target->kind) {
	case ATTACH_KPROBE: return parse_probe(probe, target, why);
	case ATTACH_KRETPROBE:
		return fail(why, -EOPNOTSUPP,
			    "kretprobe %s: returns of system calls are not there yet",
			    target->name);
	case ATTACH_TRACEPOINT: return parse_tracepoint(probe, target, why);
	}
	probe->flavour = RAW_SYS_ENTER;
	probe->nr = -1;
	if (!strcmp(target->name, "sys_exit"))
		return fail(why, -EOPNOTSUPP,
			    "raw tracepoint sys_exit: exits of system calls are not there yet");
	if (strcmp(target->name, "sys_enter"))
		return no_tracepoint(why, "raw tracepoint", target->name);
	return 0;
}

/* Where the kernel meets it: sys_enter's own programs, then tracepoints, then the function. */
static u32 stage(const struct probe *probe)
{
	return probe->flavour == RAW_SYS_ENTER ? 0 : probe->flavour == TRACEPOINT ? 1 : 2;
}

static int attach(struct event_row *row, const struct attach_target *target, struct log *why)
{
	struct probe *probe = (struct probe *)row;
	int err = parse_target(probe, target, why);

	row->stage = stage(probe);
	return err;
}

void syscall_row_wanted(const struct event_row *row, struct syscall_set *set)
{
	s32 wanted = ((const struct probe *)row)->nr;

	for (s32 nr = 0; nr < SYSCALL_MAX; nr++)
		if (wanted == nr || wanted < 0)
			syscall_set_add(set, (u32)nr);
}

void syscall_wanted(struct event_list *list, struct syscall_set *set)
{
	pthread_rwlock_rdlock(&list->lock);
	for (size_t i = 0; i < list->count; i++)
		syscall_row_wanted(event_row(list, i), set);
	pthread_rwlock_unlock(&list->lock);
}

/* The registers of the task as entry_SYSCALL_64 saves them. */
static struct regs entry_regs(const struct syscall_event *event)
{
	const u64 *args = event->args;

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

static void fire_probe(struct event_list *list, const struct probe *probe, u32 cpu,
		       struct task *task, const struct syscall_event *event,
		       const struct regs *entry)
{
	struct regs regs = { .orig_ax = ~0ull, .cs = 0x10, .di = ENTRY_REGS, .si = (u64)event->nr };
	const struct run_region regions[] = {
		{ .addr = ENTRY_REGS, .mem = entry, .len = sizeof(*entry) },
		{ .addr = (u64)(uintptr_t)&regs, .mem = &regs, .len = sizeof(regs) },
	};
	const u64 *args = event->args;

	if (probe->flavour == PROBE_ARGS)
		regs.di = args[0], regs.si = args[1], regs.dx = args[2], regs.cx = args[3],
		regs.r8 = args[4], regs.r9 = args[5];
	core_fire(list->hive, probe->row.attachment, cpu, &regs, task, regions,
		  ARRAY_SIZE(regions));
}

static void fire_tracepoint(struct event_list *list, const struct probe *probe, u32 cpu,
			    struct task *task, const struct syscall_event *event)
{
	struct {
		u16 type;
		u8 flags, preempt_count;
		s32 pid, nr;
		u32 pad;
		u64 args[6];
	} record = { .pid = (s32)task->pid, .nr = event->nr };
	const struct run_region region = { (u64)(uintptr_t)&record, &record, sizeof(record) };

	memcpy(record.args, event->args, sizeof(record.args));
	core_fire(list->hive, probe->row.attachment, cpu, &record, task, &region, 1);
}

static void fire_raw(struct event_list *list, const struct probe *probe, u32 cpu, struct task *task,
		     const struct syscall_event *event, const struct regs *entry)
{
	u64 args[2] = { ENTRY_REGS, (u64)event->nr };
	const struct run_region regions[] = {
		{ .addr = ENTRY_REGS, .mem = entry, .len = sizeof(*entry) },
		{ .addr = (u64)(uintptr_t)args, .mem = args, .len = sizeof(args) },
	};

	core_fire(list->hive, probe->row.attachment, cpu, args, task, regions, ARRAY_SIZE(regions));
}

int syscall_fire(struct event_list *list, u32 cpu, struct task *task,
		 const struct syscall_event *event)
{
	const struct regs entry = entry_regs(event);
	int fired = 0;

	pthread_rwlock_rdlock(&list->lock);
	for (size_t i = 0; i < list->count; i++) {
		const struct probe *probe = (const void *)event_row(list, i);

		if (probe->nr >= 0 && probe->nr != event->nr)
			continue;
		if (probe->flavour == TRACEPOINT)
			fire_tracepoint(list, probe, cpu, task, event);
		else if (probe->flavour == RAW_SYS_ENTER)
			fire_raw(list, probe, cpu, task, event, &entry);
		else
			fire_probe(list, probe, cpu, task, event, &entry);
		fired++;
	}
	pthread_rwlock_unlock(&list->lock);
	return fired;
}

const struct event_kind syscall_kind = {
	.name = "syscall",
	.row_size = sizeof(struct probe),
	.claims = claims,
	.attach = attach,
};
