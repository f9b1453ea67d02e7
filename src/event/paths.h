/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The paths that belong to the seam: bpffs, what a loader reads in tracefs and under event_source
 * before it makes the call that matters, as skep answers them. They look the same on every machine,
 * whatever its own kernel offers. Paths are absolute and plain: no "//", no "." or "..".
 */
#ifndef EVENT_PATHS_H
#define EVENT_PATHS_H

#include "core/source.h"

/*
 * Whether the seam answers for this path: a path of ours that does not exist is ENOENT, whatever
 * Linux has there.
 */
bool paths_claim(const char *path);
bool paths_in_bpffs(const char *path);
bool paths_in_tracefs(const char *path);

enum path_kind {
	PATH_FOLDER,
	PATH_TEXT,	 /* paths_read() has what is in it */
	PATH_PIN,	 /* of an object, in bpffs */
	PATH_TRACE_PIPE, /* the trace pipe */
};
/* What is there: enum path_kind, or -ENOENT. */
int paths_kind(struct hive *hive, const char *path);

/* The text of a file, as far as it fits: the length of all of it, or -ENOENT. text may be NULL, size 0 then. */
int paths_read(struct hive *hive, const char *path, char *text, size_t size);

/* Says which tracepoints there are, if path is where a loader looks up the id of one that is not there. */
void paths_missing(const char *path, struct log *why);

/*
 * Calls each() for every name in a folder until it returns non-zero, which is returned; kind is
 * PATH_FOLDER or another. -ENOENT, -ENOTDIR.
 */
int paths_list(struct hive *hive, const char *path,
	       int (*each)(void *arg, const char *name, enum path_kind kind), void *arg);

/*
 * Makes a path plain: "//" and "." removed, ".." taken back by name. Its length, or -ENAMETOOLONG;
 * it must begin with a slash.
 */
int paths_plain(const char *path, char *out, size_t size);

#endif
