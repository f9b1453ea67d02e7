// SPDX-License-Identifier: BSD-2-Clause
/* The seam's paths: a table of texts, and the folders they stand in. */
#include "event/paths.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define EVENT_SOURCE "/sys/bus/event_source/devices/"
#define BPFFS "/sys/fs/bpf"
#define TRACEFS "/sys/kernel/tracing"

static const char *const roots[] = {
	EVENT_SOURCE "kprobe", EVENT_SOURCE "uprobe", BPFFS, TRACEFS, "/sys/kernel/debug/tracing",
};

/* Numbers are CORE_PERF_KPROBE and CORE_PERF_UPROBE; "retprobe" says which bit of config means "return". */
static const struct { const char *path, *format; int value; } files[] = {
	{ EVENT_SOURCE "kprobe/type", "%d\n", CORE_PERF_KPROBE },
	{ EVENT_SOURCE "kprobe/format/retprobe", "config:%d\n", 0 },
	{ EVENT_SOURCE "uprobe/type", "%d\n", CORE_PERF_UPROBE },
	{ EVENT_SOURCE "uprobe/format/retprobe", "config:%d\n", 0 },
	{ EVENT_SOURCE "uprobe/format/ref_ctr_offset", "config:%d-63\n", 32 },
};

/* Whether path is folder or lies below it. */
static bool below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return !strncmp(path, folder, len) && (!path[len] || path[len] == '/');
}

bool paths_claim(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++)
		if (below(path, roots[i]))
			return true;
	return false;
}

bool paths_in_bpffs(const char *path) { return below(path, BPFFS); }

int paths_read(struct hive *hive, const char *path, char *text, size_t size)
{
	const char *name = below(path, TRACEFS "/events") ? path + strlen(TRACEFS "/events/") : NULL;
	size_t len = name ? strlen(name) : 0;
	char event[256];
	int id;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (!strcmp(path, files[i].path))
			return snprintf(text, size, files[i].format, files[i].value);
	if (len < 3 || len >= sizeof(event) || strcmp(name + len - 3, "/id"))
		return -ENOENT;
	snprintf(event, sizeof(event), "%.*s", (int)len - 3, name);
	id = core_tracepoint_id(hive, event);
	return id < 0 ? id : snprintf(text, size, "%d\n", id);
}

int paths_exist(struct hive *hive, const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (below(files[i].path, path))
			return 0;
	if (paths_in_bpffs(path))
		return core_bpffs_kind(hive, path) < 0 ? -ENOENT : 0;
	return !strcmp(path, TRACEFS) ? 0 : -ENOENT;
}
