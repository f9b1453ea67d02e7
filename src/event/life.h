/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of processes as events: sched_process_fork, _exec and _exit (process.c). */
#ifndef EVENT_LIFE_H
#define EVENT_LIFE_H

#include "event/event.h"

enum { LIFE_NAME = 4096 }; /* bytes of a name at the most */
enum life { LIFE_FORK, LIFE_EXEC, LIFE_EXIT, LIVES };

struct life_event {
	enum life life;
	struct task *other;   /* FORK: the new thread; its comm is its parent's */
	s32 old_pid;	      /* EXEC: the thread's id before */
	const char *filename; /* EXEC */
	s32 prio;	      /* EXIT: as the kernel counts, 120 for nice 0 */
	bool group_dead;      /* EXIT: the last thread of its process */
};

/* Adds 1 << life for each that programs attached now must see. */
void life_wanted(struct event_list *list, u32 *lives);
void life_row_wanted(const struct event_row *row, u32 *lives);
/* Runs the programs: task is the parent, the new program, the thread that ends. */
void life_fire(struct event_list *list, u32 cpu, struct task *task, const struct life_event *event);

#endif
