/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tracefs tells of the events that programs can be attached to here: texts byte for byte as Linux 6.18's, but for
 * the numbers. Below "…/events" a path is told by what follows: "", "/sched", "/sched/sched_process_exec/id".
 */
#ifndef EVENT_TRACEFS_H
#define EVENT_TRACEFS_H

#include "event/paths.h"
#include "util/text.h"

/* PATH_FOLDER, PATH_TEXT or -ENOENT. */
int tracefs_event_kind(const char *rest);
/* The text of a file: 0, -ENOENT, -ENOMEM. */
int tracefs_event_text(struct hive *hive, const char *rest, struct text *to);
/* Says why there is no file for a tracepoint's id: which tracepoints there are, and near ones. Of other files nothing. */
void tracefs_event_missing(const char *rest, struct log *why);
/* As paths_list(). */
int tracefs_event_list(const char *rest,
		       int (*each)(void *arg, const char *name, enum path_kind kind), void *arg);

/* available_events, available_filter_functions. */
void tracefs_events(struct text *to);
void tracefs_functions(struct text *to);

#endif
