/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tracepoints as tracefs shows them: folders with an id and a format. Those of system calls are made of tables
 * (syscall.def, syscall_args.def), since Linux makes their formats of the calls' declarations, too; of the others the
 * fields stand here. Records are laid out by syscall.c and process.c.
 */
#include "event/tracefs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "event/syscall.h"

enum { NAME_SIZE = 256, ARGS = 6, FIELDS = 4 };

static const struct function {
	const char *name, *args[ARGS + 1];
} functions[] = {
#define ENTER(name, ...) { #name, { __VA_ARGS__ } },
#include "event/syscall_args.def"
#undef ENTER
};

/* A row for each call. */
enum {
	CALLS = 0
#define SYSCALL(nr, name, function) +1
#include "event/syscall.def"
#undef SYSCALL
};
_Static_assert(ARRAY_SIZE(functions) == CALLS, "syscall_args.def");

struct field {
	const char *declaration; /* "pid_t pid" */
	u32 offset, size;
	bool is_signed;
};

static const struct event {
	const char *name;
	struct field fields[FIELDS + 1];
	const char *print;
} others[] = {
	{ "raw_syscalls/sys_enter",
	  { { "long id", 8, 8, true }, { "unsigned long args[6]", 16, 48, false } },
	  "\"NR %ld (%lx, %lx, %lx, %lx, %lx, %lx)\", REC->id, REC->args[0], REC->args[1], "
	  "REC->args[2], REC->args[3], REC->args[4], REC->args[5]" },
	{ "raw_syscalls/sys_exit",
	  { { "long id", 8, 8, true }, { "long ret", 16, 8, true } },
	  "\"NR %ld = %ld\", REC->id, REC->ret" },
	{ "sched/sched_process_exec",
	  { { "__data_loc char[] filename", 8, 4, false },
	    { "pid_t pid", 12, 4, true },
	    { "pid_t old_pid", 16, 4, true } },
	  "\"filename=%s pid=%d old_pid=%d\", __get_str(filename), REC->pid, REC->old_pid" },
	{ "sched/sched_process_exit",
	  { { "char comm[16]", 8, 16, false },
	    { "pid_t pid", 24, 4, true },
	    { "int prio", 28, 4, true },
	    { "bool group_dead", 32, 1, false } },
	  "\"comm=%s pid=%d prio=%d group_dead=%s\", REC->comm, REC->pid, REC->prio, "
	  "REC->group_dead ? \"true\" : \"false\"" },
	{ "sched/sched_process_fork",
	  { { "__data_loc char[] parent_comm", 8, 4, false },
	    { "pid_t parent_pid", 12, 4, true },
	    { "__data_loc char[] child_comm", 16, 4, false },
	    { "pid_t child_pid", 20, 4, true } },
	  "\"comm=%s pid=%d child_comm=%s child_pid=%d\", __get_str(parent_comm), "
	  "REC->parent_pid, __get_str(child_comm), REC->child_pid" },
};

/* What kernels had before whose BTF says so; the record follows it (process.c). */
static const struct event fork_before = {
	"sched/sched_process_fork",
	{ { "char parent_comm[16]", 8, 16, false },
	  { "pid_t parent_pid", 24, 4, true },
	  { "char child_comm[16]", 28, 16, false },
	  { "pid_t child_pid", 44, 4, true } },
	"\"comm=%s pid=%d child_comm=%s child_pid=%d\", REC->parent_comm, REC->parent_pid, "
	"REC->child_comm, REC->child_pid",
};

static const char *const categories[] = { "raw_syscalls", "sched", "syscalls" };
static const char enter[] = "syscalls/sys_enter_", leave[] = "syscalls/sys_exit_";

/* ---- names ---- */

static const struct function *find_function(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	for (size_t i = 0; i < ARRAY_SIZE(functions) && !strncmp(name, prefix, len); i++)
		if (!strcmp(functions[i].name, name + len))
			return &functions[i];
	return NULL;
}

static const struct event *find_other(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (!strcmp(others[i].name, name))
			return &others[i];
	return NULL;
}

/* "syscalls/sys_enter_openat" */
static bool is_event(const char *name)
{
	return find_function(name, enter) || find_function(name, leave) || find_other(name);
}

/* The event whose file of this name rest is: into event; false if it is none. */
static bool is_file(const char *rest, const char *file, char event[NAME_SIZE])
{
	const char *slash = strrchr(rest, '/');

	if (!slash || slash == rest || strcmp(slash + 1, file) || slash - rest > NAME_SIZE)
		return false;
	snprintf(event, NAME_SIZE, "%.*s", (int)(slash - rest - 1), rest + 1);
	return is_event(event);
}

int tracefs_event_kind(const char *rest)
{
	char name[NAME_SIZE];

	if (!*rest || is_event(rest + 1))
		return PATH_FOLDER;
	for (size_t i = 0; i < ARRAY_SIZE(categories); i++)
		if (!strcmp(categories[i], rest + 1))
			return PATH_FOLDER;
	return is_file(rest, "id", name) || is_file(rest, "format", name) ? PATH_TEXT : -ENOENT;
}

int tracefs_event_list(const char *rest,
		       int (*each)(void *arg, const char *name, enum path_kind kind), void *arg)
{
	size_t len = strlen(rest);
	char name[NAME_SIZE];
	int stop = 0;

	for (size_t i = 0; i < ARRAY_SIZE(categories) && !len && !stop; i++)
		stop = each(arg, categories[i], PATH_FOLDER);
	for (size_t i = 0; i < ARRAY_SIZE(others) && len && !stop; i++)
		if (!strncmp(others[i].name, rest + 1, len - 1) && others[i].name[len - 1] == '/')
			stop = each(arg, others[i].name + len, PATH_FOLDER);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(functions) && !strcmp(rest, "/syscalls") && !stop;
	     i++) {
		snprintf(name, sizeof(name), "sys_%s_%s", i % 2 ? "exit" : "enter",
			 functions[i / 2].name);
		stop = each(arg, name, PATH_FOLDER);
	}
	if (stop || !len || !is_event(rest + 1))
		return stop;
	return each(arg, "format", PATH_TEXT) ?: each(arg, "id", PATH_TEXT);
}

/* ---- texts ---- */

static void put_field(struct text *to, const struct field *field)
{
	text_put(to, "\tfield:%s;\toffset:%u;\tsize:%u;\tsigned:%d;\n", field->declaration,
		 field->offset, field->size, field->is_signed);
}

static void put_head(struct text *to, const char *name, int id)
{
	static const struct field common[] = {
		{ "unsigned short common_type", 0, 2, false },
		{ "unsigned char common_flags", 2, 1, false },
		{ "unsigned char common_preempt_count", 3, 1, false },
		{ "int common_pid", 4, 4, true },
	};

	text_put(to, "name: %s\nID: %d\nformat:\n", strchr(name, '/') + 1, id);
	for (size_t i = 0; i < ARRAY_SIZE(common); i++)
		put_field(to, &common[i]);
	text_put(to, "\n");
}

static void put_number(struct text *to)
{
	put_field(to, &(struct field){ "int __syscall_nr", 8, 4, true });
}

static void put_enter(struct text *to, const struct function *function)
{
	const char *const *args = function->args;

	put_number(to);
	for (u32 i = 0; args[i]; i++)
		put_field(to, &(struct field){ args[i], 16 + 8 * i, 8, false });
	text_put(to, "\nprint fmt: \"");
	for (u32 i = 0; args[i]; i++)
		text_put(to, "%s%s: 0x%%08lx", i ? ", " : "", strrchr(args[i], ' ') + 1);
	text_put(to, "\"");
	for (u32 i = 0; args[i]; i++)
		text_put(to, ", ((unsigned long)(REC->%s))", strrchr(args[i], ' ') + 1);
	text_put(to, "\n");
}

static void put_leave(struct text *to)
{
	put_number(to);
	put_field(to, &(struct field){ "long ret", 16, 8, true });
	text_put(to, "\nprint fmt: \"0x%%lx\", REC->ret\n");
}

static void put_other(struct text *to, const struct event *event)
{
	for (const struct field *field = event->fields; field->declaration; field++)
		put_field(to, field);
	text_put(to, "\nprint fmt: %s\n", event->print);
}

static void put_format(struct hive *hive, struct text *to, const char *name, int id)
{
	const struct function *function = find_function(name, enter);
	const struct event *other = find_other(name);

	if (other && !strcmp(name, fork_before.name) &&
	    core_btf_has(hive, "trace_event_raw_sched_process_fork", "parent_comm"))
		other = &fork_before;
	put_head(to, name, id);
	if (function)
		put_enter(to, function);
	else if (other)
		put_other(to, other);
	else
		put_leave(to);
}

int tracefs_event_text(struct hive *hive, const char *rest, struct text *to)
{
	char name[NAME_SIZE];
	bool format = is_file(rest, "format", name);
	int id;

	if (!format && !is_file(rest, "id", name))
		return -ENOENT;
	id = core_tracepoint_id(hive, name);
	if (id < 0)
		return id;
	if (format)
		put_format(hive, to, name, id);
	else
		text_put(to, "%d\n", id);
	return 0;
}

void tracefs_event_missing(const char *rest, struct log *why)
{
	const char *slash = strrchr(rest, '/');
	struct attach_target target = { .kind = ATTACH_TRACEPOINT };
	char name[NAME_SIZE];
	struct probe probe;

	if (!slash || slash == rest || strcmp(slash, "/id") || slash - rest > NAME_SIZE)
		return;
	snprintf(name, sizeof(name), "%.*s", (int)(slash - rest - 1), rest + 1);
	target.name = name;
	probe_parse(&probe, &target, why);
}

void tracefs_events(struct text *to)
{
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		const char *name = others[i].name;

		text_put(to, "%.*s:%s\n", (int)strcspn(name, "/"), name, strchr(name, '/') + 1);
	}
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		text_put(to, "syscalls:sys_exit_%s\nsyscalls:sys_enter_%s\n", functions[i].name,
			 functions[i].name);
}

void tracefs_functions(struct text *to)
{
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		text_put(to, "%s%s\n", "__x64_sys_", functions[i].name);
}
