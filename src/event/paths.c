/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seam's paths: a table of texts, the folders they stand in, and the tracepoints, each a folder
 * with its id. bpffs is core's. tracefs is there twice, as on Linux; both names mean the same.
 */
#include "event/paths.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define EVENT_SOURCE "/sys/bus/event_source/devices/"
#define BPFFS	     "/sys/fs/bpf"
#define TRACEFS	     "/sys/kernel/tracing"
#define TRACEFS_OLD  "/sys/kernel/debug/tracing"

enum { NAME_SIZE = 256 };

static const char *const roots[] = {
	EVENT_SOURCE "kprobe", EVENT_SOURCE "uprobe", BPFFS, TRACEFS, TRACEFS_OLD,
};

/*
 * Numbers are CORE_PERF_KPROBE and CORE_PERF_UPROBE; "retprobe" says which bit of config means
 * "return".
 */
static const struct file {
	const char *path, *format;
	int value;
} files[] = {
	{ EVENT_SOURCE "kprobe/type", "%d\n", CORE_PERF_KPROBE },
	{ EVENT_SOURCE "kprobe/format/retprobe", "config:%d\n", 0 },
	{ EVENT_SOURCE "uprobe/type", "%d\n", CORE_PERF_UPROBE },
	{ EVENT_SOURCE "uprobe/format/retprobe", "config:%d\n", 0 },
	{ EVENT_SOURCE "uprobe/format/ref_ctr_offset", "config:%d-63\n", 32 },
	{ TRACEFS "/trace_pipe", NULL, 0 },
};

/* The tracepoints: those of each system call, and these. */
static const char *const functions[] = {
#define SYSCALL(nr, name, function) #function,
#include "event/syscall.def"
#undef SYSCALL
};
static const char *const others[] = {
	"raw_syscalls/sys_enter",   "raw_syscalls/sys_exit",	"sched/sched_process_exec",
	"sched/sched_process_fork", "sched/sched_process_exit",
};
static const char *const categories[] = { "raw_syscalls", "sched", "syscalls" };

/* What follows folder in path: "" for itself, "/x" below it; NULL: path is elsewhere. */
static const char *after(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(path, folder, len) || (path[len] && path[len] != '/') ? NULL : path + len;
}

bool paths_claim(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++)
		if (after(path, roots[i]))
			return true;
	return false;
}

bool paths_in_bpffs(const char *path)
{
	return after(path, BPFFS);
}

bool paths_in_tracefs(const char *path)
{
	return after(path, TRACEFS) || after(path, TRACEFS_OLD);
}

int paths_plain(const char *path, char *out, size_t size)
{
	size_t len = 0, part;

	for (; *path; path += part) {
		path += strspn(path, "/");
		part = strcspn(path, "/");
		if (!part || (part == 1 && path[0] == '.'))
			continue;
		if (part == 2 && path[0] == '.' && path[1] == '.') {
			while (len && out[--len] != '/')
				;
			continue;
		}
		if (len + part + 2 > size)
			return -ENAMETOOLONG;
		out[len++] = '/';
		memcpy(out + len, path, part);
		len += part;
	}
	if (!len)
		out[len++] = '/';
	out[len] = '\0';
	return (int)len;
}

/* tracefs by its older name is tracefs. */
static const char *canonical(const char *path, char buf[NAME_SIZE * 2])
{
	const char *rest = after(path, TRACEFS_OLD);

	if (!rest)
		return path;
	snprintf(buf, NAME_SIZE * 2, "%s%s", TRACEFS, rest);
	return buf;
}

/* ---- tracepoints ---- */

static bool has(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* "syscalls/sys_enter_openat" */
static bool is_tracepoint(const char *name)
{
	static const char enter[] = "syscalls/sys_enter_", leave[] = "syscalls/sys_exit_";

	if (!strncmp(name, enter, sizeof(enter) - 1))
		return has(functions, ARRAY_SIZE(functions), name + sizeof(enter) - 1);
	if (!strncmp(name, leave, sizeof(leave) - 1))
		return has(functions, ARRAY_SIZE(functions), name + sizeof(leave) - 1);
	return has(others, ARRAY_SIZE(others), name);
}

/* What is at "…/events" + rest. */
static int event_kind(const char *rest)
{
	char name[NAME_SIZE];
	size_t len = strlen(rest);

	if (!len || has(categories, ARRAY_SIZE(categories), rest + 1))
		return PATH_FOLDER;
	if (is_tracepoint(rest + 1))
		return PATH_FOLDER;
	if (len < 4 || len >= sizeof(name) || strcmp(rest + len - 3, "/id"))
		return -ENOENT;
	snprintf(name, sizeof(name), "%.*s", (int)len - 4, rest + 1);
	return is_tracepoint(name) ? PATH_TEXT : -ENOENT;
}

static int list_events(const char *rest,
		       int (*each)(void *arg, const char *name, enum path_kind kind), void *arg)
{
	size_t len = strlen(rest);
	char name[NAME_SIZE];
	int stop = 0;

	for (size_t i = 0; i < ARRAY_SIZE(categories) && !len && !stop; i++)
		stop = each(arg, categories[i], PATH_FOLDER);
	for (size_t i = 0; i < ARRAY_SIZE(others) && len && !stop; i++)
		if (!strncmp(others[i], rest + 1, len - 1) && others[i][len - 1] == '/')
			stop = each(arg, others[i] + len, PATH_FOLDER);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(functions) && !strcmp(rest, "/syscalls") && !stop;
	     i++) {
		snprintf(name, sizeof(name), "sys_%s_%s", i % 2 ? "exit" : "enter",
			 functions[i / 2]);
		stop = each(arg, name, PATH_FOLDER);
	}
	return !stop && len && is_tracepoint(rest + 1) ? each(arg, "id", PATH_TEXT) : stop;
}

/* ---- all of them ---- */

static const struct file *find_file(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (!strcmp(files[i].path, path))
			return &files[i];
	return NULL;
}

int paths_read(struct hive *hive, const char *path, char *text, size_t size)
{
	char buf[NAME_SIZE * 2], event[NAME_SIZE];
	const char *plain = canonical(path, buf), *rest = after(plain, TRACEFS "/events");
	const struct file *file = find_file(plain);
	size_t len = rest ? strlen(rest) : 0;
	int id;

	if (file && file->format)
		return snprintf(text, size, file->format, file->value);
	if (len < 4 || len >= sizeof(event) || strcmp(rest + len - 3, "/id"))
		return -ENOENT;
	snprintf(event, sizeof(event), "%.*s", (int)len - 4, rest + 1);
	id = core_tracepoint_id(hive, event); /* of one nobody has, too: attaching tells why not */
	return id < 0 ? id : snprintf(text, size, "%d\n", id);
}

int paths_kind(struct hive *hive, const char *path)
{
	char buf[NAME_SIZE * 2];
	const char *plain = canonical(path, buf), *events = after(plain, TRACEFS "/events");
	const struct file *file = find_file(plain);
	int kind;

	if (paths_in_bpffs(plain)) {
		kind = core_bpffs_kind(hive, plain);
		return kind < 0 ? kind : kind ? PATH_FOLDER : PATH_PIN;
	}
	if (file)
		return file->format ? PATH_TEXT : PATH_TRACE_PIPE;
	if (events)
		return event_kind(events);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (after(files[i].path, plain))
			return PATH_FOLDER;
	return -ENOENT;
}

struct bpffs_list {
	int (*each)(void *arg, const char *name, enum path_kind kind);
	void *arg;
};

static int list_pin(void *arg, const char *name, bool folder)
{
	const struct bpffs_list *list = arg;

	return list->each(list->arg, name, folder ? PATH_FOLDER : PATH_PIN);
}

/* The files of the table and the folders they make; those of one folder stand side by side. */
static int list_files(const char *folder,
		      int (*each)(void *arg, const char *name, enum path_kind kind), void *arg)
{
	char name[NAME_SIZE], last[NAME_SIZE] = "";
	int stop = 0;

	for (size_t i = 0; i < ARRAY_SIZE(files) && !stop; i++) {
		const char *rest = after(files[i].path, folder);
		size_t len = rest && *rest ? strcspn(rest + 1, "/") : 0;

		if (!len)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)len, rest + 1);
		if (strcmp(name, last))
			stop = each(arg, name,
				    rest[1 + len]     ? PATH_FOLDER
				    : files[i].format ? PATH_TEXT
						      : PATH_TRACE_PIPE);
		strcpy(last, name);
	}
	return stop;
}

int paths_list(struct hive *hive, const char *path,
	       int (*each)(void *arg, const char *name, enum path_kind kind), void *arg)
{
	struct bpffs_list list = { each, arg };
	char buf[NAME_SIZE * 2];
	const char *plain = canonical(path, buf), *events = after(plain, TRACEFS "/events");
	int kind = paths_kind(hive, plain), stop;

	if (kind != PATH_FOLDER)
		return kind < 0 ? kind : -ENOTDIR;
	if (paths_in_bpffs(plain))
		return core_bpffs_list(hive, plain, list_pin, &list);
	if (events)
		return list_events(events, each, arg);
	stop = list_files(plain, each, arg);
	return stop || strcmp(plain, TRACEFS) ? stop : each(arg, "events", PATH_FOLDER);
}
