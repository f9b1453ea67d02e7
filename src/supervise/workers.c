/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A few threads and a queue (see workers.h). Threads are made when they are first needed. There are
 * never more jobs than slots that hold a call, so the queue is a ring of that size.
 */
#include "supervise/workers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORKERS = 4, QUEUE = TREE_SLOTS };

struct job {
	struct tree *tree;
	union tree_slot *slot;
};

struct workers {
	void (*run)(void *arg, struct tree *tree, union tree_slot *slot);
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t ready;
	pthread_t threads[WORKERS];
	u32 count, idle, most;
	struct job queue[QUEUE];
	u32 head, tail;
	bool stop;
};

/* The next job; false: it is time to go. */
static bool take(struct workers *workers, struct job *job)
{
	bool got;

	pthread_mutex_lock(&workers->lock);
	workers->idle++;
	while (workers->head == workers->tail && !workers->stop)
		pthread_cond_wait(&workers->ready, &workers->lock);
	workers->idle--;
	got = workers->head != workers->tail;
	if (got)
		*job = workers->queue[workers->tail++ % QUEUE];
	pthread_mutex_unlock(&workers->lock);
	return got;
}

static void *work(void *arg)
{
	struct workers *workers = arg;
	struct job job;

	while (take(workers, &job))
		workers->run(workers->arg, job.tree, job.slot);
	return NULL;
}

/* One more, without signals: those are the application's. Caller holds the lock. */
static void add_thread(struct workers *workers)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (!pthread_create(&workers->threads[workers->count], NULL, work, workers))
		workers->count++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

bool workers_add(struct workers *workers, struct tree *tree, union tree_slot *slot)
{
	bool done;

	pthread_mutex_lock(&workers->lock);
	if (workers->head - workers->tail >= workers->idle && workers->count < workers->most)
		add_thread(workers);
	done = workers->count && workers->head - workers->tail < QUEUE;
	if (done) {
		workers->queue[workers->head++ % QUEUE] = (struct job){ tree, slot };
		pthread_cond_signal(&workers->ready);
	}
	pthread_mutex_unlock(&workers->lock);
	return done;
}

int workers_new(struct workers **out,
		void (*run)(void *arg, struct tree *tree, union tree_slot *slot), void *arg)
{
	struct workers *workers = calloc(1, sizeof(*workers));
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (!workers)
		return -ENOMEM;
	workers->run = run;
	workers->arg = arg;
	workers->most = (u32)(cpus < 2 ? 1 : min(cpus, (long)WORKERS));
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->ready, NULL);
	*out = workers;
	return 0;
}

void workers_free(struct workers *workers)
{
	if (!workers)
		return;
	pthread_mutex_lock(&workers->lock);
	workers->stop = true;
	pthread_cond_broadcast(&workers->ready);
	pthread_mutex_unlock(&workers->lock);
	for (u32 i = 0; i < workers->count; i++)
		pthread_join(workers->threads[i], NULL);
	pthread_cond_destroy(&workers->ready);
	pthread_mutex_destroy(&workers->lock);
	free(workers);
}
