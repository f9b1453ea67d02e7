/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Serving a tree's notified calls, on a thread of its own: each goes to the programs that watch it
 * and, where a client is given, to the client's answer.
 */
#ifndef SUPERVISE_SERVE_H
#define SUPERVISE_SERVE_H

#include "supervise/follow.h"

/* What became of a call that was offered to a client. */
enum served {
	SERVED_CONTINUE, /* nothing: Linux executes it */
	SERVED_ANSWERED, /* by tree_answer(), which has freed the slot */
	SERVED_LATER,	 /* another thread answers, and frees the slot then */
};

/* Answers calls in Linux's stead (skep exec); asked on the thread that serves. */
struct client {
	void *arg;
	/* Adds the calls it wants to be offered. */
	void (*wants)(void *arg, struct syscall_set *set);
	enum served (*call)(void *arg, struct tree *tree, union tree_slot *slot, struct task *task);
};

struct server {
	struct hive *hive;
	struct log *log;
	struct tree *tree;
	struct tree_calls calls; /* that the tree was started to stop at */
	struct trace_wants wants;
	bool traces;		     /* there is to be a tracer */
	const struct client *client; /* NULL: none */
	const struct watch *watch;   /* besides what programs are attached to now; NULL: nothing */
	bool client_only;	     /* its calls are no events: only the client is asked */
	/* private */
	struct event_list *syscalls, *lives;
	struct follower follower;
	struct task_cache *tasks;
	u64 events; /* calls of the set that were looked at */
	bool noted_setuid;
	pthread_mutex_t attaching; /* one thread at a time changes what the tree stops at */
	bool noted_late;
	pthread_t thread;
	bool runs;
	int signal; /* interrupts the waits of the thread and of the tracer; handled while it is open */
	u32 stop;
};

/* hive, log, client, watch are given; works out what tree_start() is to be told. -ENOMEM, -EINVAL: no source. */
int server_open(struct server *server);
void server_close(struct server *server);
/* The tree runs: serves it until server_stop(). 0 or -errno. */
int server_start(struct server *server, struct tree *tree);
/* Ends the thread and serves what is waiting still; later calls are for the keeper. */
void server_stop(struct server *server);

/* ---- choose.c: what a tree stops at ---- */

/* Calls after which what we know of a thread's credentials no longer holds. */
bool server_own_call(s32 nr);
/* From the programs attached now, server->watch and the client. */
void server_choose(struct server *server);
/* A program is attached while the tree runs (struct event_watcher). */
int server_attached(void *arg, const struct event_row *row, const struct attach_target *target);
/* Runs programs at what the tree's tracer tells, if there is one. */
int server_follow(struct server *server);

#endif
