/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The supervisor's side of the tracer: a thread that is told of stops and runs the programs, while
 * tracer and thread wait.
 */
#ifndef SUPERVISE_FOLLOW_H
#define SUPERVISE_FOLLOW_H

#include "supervise/tree.h"

struct follower {
	/* given */
	int socket; /* to the tracer */
	struct event_list *syscalls, *lives;
	void *arg;
	/* A call entered: what a server does besides running programs. */
	void (*entered)(void *arg, struct task *task, s32 nr, const u64 *args);
	/* private */
	struct task_cache *tasks;
	s32 *ending; /* threads that were seen ending, and not yet dead */
	size_t nr_ending, room;
	u64 events;
	pthread_t thread;
	bool runs;
};

/* 0 or -errno. */
int follower_start(struct follower *follower);
/* The tracer lets everything go on from now on. */
void follower_stop(struct follower *follower);

#endif
