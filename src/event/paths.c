/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seam's paths: a table of texts, the folders they stand in; tracefs.c has the tracepoints.
 * bpffs is core's. tracefs is there twice, as on Linux; both names mean the same.
 */
#include "event/tracefs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define EVENT_SOURCE "/sys/bus/event_source/devices/"
#define BPFFS	     "/sys/fs/bpf"
#define TRACEFS	     "/sys/kernel/tracing"
#define TRACEFS_OLD  "/sys/kernel/debug/tracing"
#define KPROBES	     "/sys/kernel/debug/kprobes"

enum { NAME_SIZE = 256 };

static const char *const roots[] = {
	EVENT_SOURCE "kprobe", EVENT_SOURCE "uprobe", BPFFS, TRACEFS, TRACEFS_OLD, KPROBES,
};

/*
 * Numbers are CORE_PERF_KPROBE and CORE_PERF_UPROBE; "retprobe" says which bit of config means
 * "return".
 */
static const struct file {
	const char *path, *format;
	int value;
	void (*put)(struct text *to); /* in place of format and value */
} files[] = {
	{ EVENT_SOURCE "kprobe/type", "%d\n", CORE_PERF_KPROBE, NULL },
	{ EVENT_SOURCE "kprobe/format/retprobe", "config:%d\n", 0, NULL },
	{ EVENT_SOURCE "uprobe/type", "%d\n", CORE_PERF_UPROBE, NULL },
	{ EVENT_SOURCE "uprobe/format/retprobe", "config:%d\n", 0, NULL },
	{ EVENT_SOURCE "uprobe/format/ref_ctr_offset", "config:%d-63\n", 32, NULL },
	{ KPROBES "/blacklist", "", 0, NULL }, /* BCC looks for functions that are not in it */
	{ TRACEFS "/available_events", NULL, 0, tracefs_events },
	{ TRACEFS "/available_filter_functions", NULL, 0, tracefs_functions },
	{ TRACEFS "/kprobe_events", "", 0, NULL },
	{ TRACEFS "/trace_pipe", NULL, 0, NULL },
	{ TRACEFS "/uprobe_events", "", 0, NULL },
};

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
	char buf[NAME_SIZE * 2];
	const char *plain = canonical(path, buf), *events = after(plain, TRACEFS "/events");
	const struct file *file = find_file(plain);
	struct text to = text_in(text, size);
	int err = 0;

	if (events)
		err = tracefs_event_text(hive, events, &to);
	else if (file && file->put)
		file->put(&to);
	else if (file && file->format)
		text_put(&to, file->format, file->value);
	else
		err = -ENOENT;
	return err ? err : (int)to.len;
}

void paths_missing(const char *path, struct log *why)
{
	char buf[NAME_SIZE * 2];
	const char *events = after(canonical(path, buf), TRACEFS "/events");

	if (events)
		tracefs_event_missing(events, why);
}

static bool is_text(const struct file *file)
{
	return file->format || file->put;
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
		return is_text(file) ? PATH_TEXT : PATH_TRACE_PIPE;
	if (events)
		return tracefs_event_kind(events);
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
				    rest[1 + len]	 ? PATH_FOLDER
				    : is_text(&files[i]) ? PATH_TEXT
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
		return tracefs_event_list(events, each, arg);
	stop = list_files(plain, each, arg);
	return stop || strcmp(plain, TRACEFS) ? stop : each(arg, "events", PATH_FOLDER);
}
