/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Telling a sleeping consumer that a buffer has data, at next to no cost for the producer: asking is a
 * load as long as the last asking was not served. A thread of the notifier's own writes the eventfd,
 * at most once a tick, and only if the buffer is not empty then; so neither a burst of events nor a
 * consumer that stopped looking at the very moment of the last event needs a second look by anyone.
 */
#ifndef UTIL_NOTIFY_H
#define UTIL_NOTIFY_H

#include "util/types.h"

struct notify {
	u32 asked;   /* futex: 1 since a producer asked */
	u32 idle;    /* the thread sleeps until somebody asks */
	u32 stop;    /* futex */
	u32 watched; /* somebody has taken the fd: there is a thread */
	u32 lock;
	u32 told;	/* the consumer was told since it had last caught up */
	bool by_asking; /* there is something to wait for only once somebody asked */
	int fd;
	int pipe;		  /* gets a byte each time, too; -1: none */
	bool (*ready)(void *arg); /* is there anything to consume? from the thread */
	void *arg;
	unsigned long thread;
};

/* 0 or -EMFILE etc. */
int notify_init(struct notify *notify, bool (*ready)(void *arg), void *arg);
void notify_end(struct notify *notify);
/* The eventfd (kept by notify), readable at once if ready() already; starts the thread the first time. Or -errno. */
int notify_fd(struct notify *notify);
/*
 * From now on pipe (a FIFO's read and write end in one, which is copied) gets a byte when the eventfd fires: for those who
 * wait by levels. Starts the thread, too. 0 or -errno.
 */
int notify_pipe(struct notify *notify, int pipe);
/* Somebody is going to wait for the pipe: it is readable if there is something to consume now, else empty. */
void notify_level(struct notify *notify);
/* Makes the eventfd fire once more at once. */
void notify_now(struct notify *notify);

void notify_ask(struct notify *notify);
static inline void notify_soon(struct notify *notify)
{
	if (__atomic_load_n(&notify->watched, __ATOMIC_RELAXED) &&
	    !__atomic_load_n(&notify->asked, __ATOMIC_SEQ_CST))
		notify_ask(notify);
}

#endif
