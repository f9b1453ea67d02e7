/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The paths that belong to the seam: what a loader reads in tracefs, in bpffs and under
 * event_source before it makes the call that matters, as skep answers them. They look the same on
 * every machine, whatever its own kernel offers.
 */
#ifndef EVENT_PATHS_H
#define EVENT_PATHS_H

#include "core/core.h"

/* Whether the seam answers for this path: a path of ours that does not exist is ENOENT, whatever Linux has there. */
bool paths_claim(const char *path);
bool paths_in_bpffs(const char *path);

/* The whole text of a file: its length (< size), or -ENOENT. */
int paths_read(struct hive *hive, const char *path, char *text, size_t size);

/* 0 or -ENOENT, for files and folders. */
int paths_exist(struct hive *hive, const char *path);

#endif
