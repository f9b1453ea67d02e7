/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of system calls as attach targets: the functions behind them, tracepoints of category
 * syscalls and raw_syscalls, the raw tracepoints. What is not there is refused with the nearest
 * names that are.
 */
#include "event/syscall.h"

#include <errno.h>
#include <string.h>

#include "event/names.h"

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
	static const char *const with_args[] = { "__se_sys_", "__do_sys_", "do_sys_", "sys_" };

	*flavour = PROBE_REGS;
	if (skip_prefix(&name, "__x64_sys_"))
		return find_function(name);
	*flavour = PROBE_ARGS;
	for (size_t i = 0; i < ARRAY_SIZE(with_args); i++)
		if (skip_prefix(&name, with_args[i]))
			return find_function(name);
	return -ENOENT;
}

/* "CATEGORY/…" or "CATEGORY:…". */
static bool skip_category(const char **name, const char *category)
{
	const char *at = *name;

	if (!skip_prefix(&at, category) || (*at != '/' && *at != ':'))
		return false;
	*name = at + 1;
	return true;
}

/* "sys_enter" or "sys_exit" and what follows. */
static bool skip_side(const char **name, bool *leave)
{
	*leave = skip_prefix(name, "sys_exit");
	return *leave || skip_prefix(name, "sys_enter");
}

/* The tracepoints that are not one system call's. */
static const char *const tracepoints[] = {
	"raw_syscalls:sys_enter",   "raw_syscalls:sys_exit",	"sched:sched_process_fork",
	"sched:sched_process_exec", "sched:sched_process_exit",
};

/* A category that is not there before a name that is in another: "syscall:sys_enter_openat". */
static bool suggest_category(struct log *why, const char *name)
{
	const char *bare = name + strcspn(name, ":/"), *call;
	bool leave;

	if (!*bare)
		return false;
	call = ++bare;
	if (!skip_side(&call, &leave) || !skip_prefix(&call, "_") || find_function(call) < 0)
		return false;
	say(why, "; nearest: syscalls:%s", bare);
	return true;
}

static int no_tracepoint(struct log *why, bool raw, const char *name)
{
	const char *names[ARRAY_SIZE(tracepoints)];

	for (size_t i = 0; i < ARRAY_SIZE(tracepoints); i++)
		names[i] = raw ? strchr(tracepoints[i], ':') + 1 : tracepoints[i];
	say(why,
	    "%stracepoint %s: skep has the tracepoints syscalls:sys_enter_* and sys_exit_*, "
	    "raw_syscalls:sys_enter and sys_exit, sched:sched_process_fork, _exec and _exit, and the "
	    "raw ones of the last two groups; Linux's others are there with --kernel",
	    raw ? "raw " : "", name);
	if (raw || !suggest_category(why, name))
		names_suggest(why, name, "", names, ARRAY_SIZE(names));
	return fail(why, -ENOENT, "%s", "");
}

static int no_function(struct log *why, const char *what, const char *full, const char *bare,
		       const char *prefix)
{
	say(why, "%s %s: skep sees system calls", what, full);
	names_suggest(why, bare, prefix, functions, SYSCALL_MAX);
	return fail(why, -ENOENT, "%s", "");
}

static int parse_function(struct probe *probe, const struct attach_target *target, struct log *why)
{
	const char *name = target->name, *bare = name;
	const char *what = target->kind == ATTACH_KRETPROBE ? "kretprobe" : "kprobe";

	if (target->offset)
		return fail(why, -EINVAL,
			    "%s %s+%llu: only a syscall function's first instruction can be probed",
			    what, name, (unsigned long long)target->offset);
	probe->leave = target->kind == ATTACH_KRETPROBE;
	probe->nr = parse_symbol(name, &probe->flavour);
	if (probe->nr >= 0)
		return 0;
	if (!skip_prefix(&bare, "__x64_sys_") && !skip_prefix(&bare, "__ia32_sys_") &&
	    !skip_prefix(&bare, "__se_sys_"))
		skip_prefix(&bare, "sys_");
	return no_function(why, what, name, bare, "__x64_sys_");
}

static int parse_tracepoint(struct probe *probe, const struct attach_target *target,
			    struct log *why)
{
	const char *name = target->name;
	bool every = skip_category(&name, "raw_syscalls");

	if (!every && !skip_category(&name, "syscalls"))
		return no_tracepoint(why, false, name);
	probe->flavour = TRACEPOINT;
	probe->nr = -1;
	if (!skip_side(&name, &probe->leave) || (every && *name))
		return no_tracepoint(why, false, target->name);
	if (every)
		return 0;
	probe->nr = skip_prefix(&name, "_") ? find_function(name) : -ENOENT;
	return probe->nr >= 0
		       ? 0
		       : no_function(why, "tracepoint", target->name, name,
				     probe->leave ? "syscalls/sys_exit_" : "syscalls/sys_enter_");
}

int probe_parse(struct probe *probe, const struct attach_target *target, struct log *why)
{
	const char *name = target->name;

	switch (target->kind) {
	case ATTACH_KPROBE:
	case ATTACH_KRETPROBE: return parse_function(probe, target, why);
	case ATTACH_TRACEPOINT: return parse_tracepoint(probe, target, why);
	}
	probe->flavour = RAW;
	probe->nr = -1;
	return skip_side(&name, &probe->leave) && !*name ? 0
							 : no_tracepoint(why, true, target->name);
}
