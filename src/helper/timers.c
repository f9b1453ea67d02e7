/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers and their helpers. All state is under one mutex; an armed timer is in a heap by deadline
 * (CLOCK_MONOTONIC). The thread takes due timers one by one and calls them without the mutex; a timer
 * dropped meanwhile is only marked, its program is given back when its callback has returned. A program
 * is never given back under the mutex: that may end maps, which end their timers.
 *
 * Who cancels a timer waits for its callback, as on Linux, but only once that has a slot (CALLED): a slot is
 * what the canceller holds, and the callback may be waiting for it (DUE); then it is called off instead.
 */
#include "helper/timers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "helper/body.h"
#include "map/map.h"

enum { MAX_TIMERS = 1 << 24, NOWHERE = ~0u };

struct timer {
	struct map *map; /* NULL: free */
	void *value;
	u64 callback, deadline;
	void *prog;
	int clock;
	u32 heap_at; /* NOWHERE: not armed */
	u32 next_free;
	enum { IDLE, DUE, CALLED } state; /* of its callback */
	bool off;			  /* with DUE: called off */
};

struct timers {
	const struct timers_ops *ops;
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a nearer deadline, a callback's end, stop */
	pthread_t thread;
	bool started, stop;
	struct timer **all; /* by number - 1; never moved once made */
	u32 count, room;
	u32 *heap; /* numbers - 1 */
	u32 heap_count;
	u32 first_free;	      /* number, 0 none */
	struct timer *firing; /* whose callback is DUE or CALLED; one at a time */
	u64 turn;	      /* callbacks so far */
};

/* What lies in a map value where a program has its struct bpf_timer. */
struct cell {
	u32 number;
	u32 unused[3];
};

int timers_new(struct timers **out, const struct timers_ops *ops, void *arg)
{
	struct timers *timers = calloc(1, sizeof(*timers));
	pthread_condattr_t attr;

	*out = timers;
	if (!timers)
		return -ENOMEM;
	timers->ops = ops;
	timers->arg = arg;
	pthread_mutex_init(&timers->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&timers->changed, &attr);
	pthread_condattr_destroy(&attr);
	return 0;
}

/* ---- heap ---- */

static struct timer *at_heap(struct timers *timers, u32 at)
{
	return timers->all[timers->heap[at]];
}

static void place(struct timers *timers, u32 at, u32 index)
{
	timers->heap[at] = index;
	timers->all[index]->heap_at = at;
}

static void sift(struct timers *timers, u32 at)
{
	u32 index = timers->heap[at], child;
	u64 deadline = timers->all[index]->deadline;

	for (; at && at_heap(timers, (at - 1) / 2)->deadline > deadline; at = (at - 1) / 2)
		place(timers, at, timers->heap[(at - 1) / 2]);
	for (; (child = 2 * at + 1) < timers->heap_count; at = child) {
		if (child + 1 < timers->heap_count &&
		    at_heap(timers, child + 1)->deadline < at_heap(timers, child)->deadline)
			child++;
		if (at_heap(timers, child)->deadline >= deadline)
			break;
		place(timers, at, timers->heap[child]);
	}
	place(timers, at, index);
}

static bool disarm(struct timers *timers, struct timer *timer)
{
	u32 at = timer->heap_at, last;

	if (at == NOWHERE)
		return false;
	timer->heap_at = NOWHERE;
	last = timers->heap[--timers->heap_count];
	if (at != timers->heap_count) {
		place(timers, at, last);
		sift(timers, at);
	}
	return true;
}

static void arm(struct timers *timers, u32 index, u64 deadline)
{
	struct timer *timer = timers->all[index];

	disarm(timers, timer);
	timer->deadline = deadline;
	place(timers, timers->heap_count++, index);
	sift(timers, timer->heap_at);
	if (!timer->heap_at)
		pthread_cond_broadcast(&timers->changed);
}

/* ---- making and ending ---- */

/* Room for one more timer. */
static int grow(struct timers *timers)
{
	u32 room = timers->room ? timers->room * 2 : 16;
	struct timer **all = room <= MAX_TIMERS ? realloc(timers->all, room * sizeof(*all)) : NULL;
	u32 *heap;

	if (!all)
		return -ENOMEM;
	timers->all = all;
	heap = realloc(timers->heap, room * sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	timers->heap = heap;
	timers->room = room;
	return 0;
}

/* The number of a fresh timer, 0: no memory. */
static u32 make(struct timers *timers)
{
	u32 number = timers->first_free;

	if (number) {
		timers->first_free = timers->all[number - 1]->next_free;
		return number;
	}
	if (timers->count == timers->room && grow(timers))
		return 0;
	timers->all[timers->count] = calloc(1, sizeof(struct timer));
	if (!timers->all[timers->count])
		return 0;
	return ++timers->count;
}

/* Locked. The program to give back afterwards, or NULL; while a callback runs, its thread does this again. */
static void *drop(struct timers *timers, u32 index)
{
	struct timer *timer = timers->all[index];
	void *prog = timer->prog;

	disarm(timers, timer);
	timer->map = NULL;
	if (timer->state != IDLE) {
		timer->off = true;
		return NULL;
	}
	timer->prog = NULL;
	timer->next_free = timers->first_free;
	timers->first_free = index + 1;
	return prog;
}

static void put(struct timers *timers, void *prog)
{
	if (prog)
		timers->ops->put(prog);
}

static struct timer *timer_of(struct timers *timers, const struct cell *cell)
{
	struct timer *timer;

	if (!cell->number || cell->number > timers->count)
		return NULL;
	timer = timers->all[cell->number - 1];
	return timer->map && (u8 *)timer->value + timer->map->spec.timer_off == (const u8 *)cell
		       ? timer
		       : NULL;
}

void timers_drop_value(struct timers *timers, struct map *map, void *value)
{
	struct cell *cell = (struct cell *)((u8 *)value + map->spec.timer_off);
	void *prog = NULL;

	pthread_mutex_lock(&timers->lock);
	if (timer_of(timers, cell))
		prog = drop(timers, cell->number - 1);
	cell->number = 0;
	pthread_mutex_unlock(&timers->lock);
	put(timers, prog);
}

void timers_drop_map(struct timers *timers, struct map *map)
{
	for (u32 i = 0;; i++) {
		void *prog = NULL;
		bool end;

		pthread_mutex_lock(&timers->lock);
		end = i >= timers->count;
		if (!end && timers->all[i]->map == map) {
			((struct cell *)((u8 *)timers->all[i]->value + map->spec.timer_off))
				->number = 0;
			prog = drop(timers, i);
		}
		pthread_mutex_unlock(&timers->lock);
		put(timers, prog);
		if (end)
			return;
	}
}

/* ---- the thread ---- */

static void *key_of(const struct timer *timer, u32 *index)
{
	struct map *map = timer->map;

	if (map->ops->key_of)
		return map->ops->key_of(map, timer->value);
	*index = (u32)((u64)((u8 *)timer->value - map->values) / map->stride);
	return index;
}

static void fire(struct timers *timers, u32 number)
{
	struct timer *timer = timers->all[number];
	struct map *map = timer->map;
	void *value = timer->value, *key, *prog = timer->prog, *dropped;
	u64 callback = timer->callback;
	u32 index;

	disarm(timers, timer);
	if (!callback)
		return;
	timer->state = DUE;
	timer->off = false;
	timers->firing = timer;
	timers->turn++;
	key = key_of(timer, &index);
	timers->ops->hold(prog);
	pthread_mutex_unlock(&timers->lock);
	timers->ops->fire(timers->arg, prog, callback, map, key, value);
	pthread_mutex_lock(&timers->lock);
	timer->state = IDLE;
	timers->firing = NULL;
	pthread_cond_broadcast(&timers->changed);
	dropped = timer->map ? NULL : drop(timers, number);
	pthread_mutex_unlock(&timers->lock);
	put(timers, dropped);
	put(timers, prog);
	pthread_mutex_lock(&timers->lock);
}

bool timers_begin(struct timers *timers)
{
	bool good;

	pthread_mutex_lock(&timers->lock);
	good = !timers->firing->off;
	if (good)
		timers->firing->state = CALLED;
	pthread_mutex_unlock(&timers->lock);
	return good;
}

static void *serve(void *arg)
{
	struct timers *timers = arg;

	pthread_mutex_lock(&timers->lock);
	while (!timers->stop) {
		u64 deadline = timers->heap_count ? at_heap(timers, 0)->deadline : 0;
		struct timespec until = { (time_t)(deadline / 1000000000),
					  (long)(deadline % 1000000000) };

		if (!timers->heap_count)
			pthread_cond_wait(&timers->changed, &timers->lock);
		else if (time_now(CLOCK_MONOTONIC) < deadline)
			pthread_cond_timedwait(&timers->changed, &timers->lock, &until);
		else
			fire(timers, timers->heap[0]);
	}
	pthread_mutex_unlock(&timers->lock);
	return NULL;
}

static int start_thread(struct timers *timers)
{
	sigset_t all, old;
	int err;

	if (timers->started)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&timers->thread, NULL, serve, timers);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	timers->started = !err;
	return -err;
}

void timers_stop(struct timers *timers)
{
	if (!timers)
		return;
	pthread_mutex_lock(&timers->lock);
	timers->stop = true;
	pthread_cond_broadcast(&timers->changed);
	pthread_mutex_unlock(&timers->lock);
	if (timers->started)
		pthread_join(timers->thread, NULL);
	timers->started = false;
	for (u32 i = 0; i < timers->count; i++) {
		void *prog = timers->all[i]->prog;

		timers->all[i]->prog = NULL;
		put(timers, prog);
	}
}

void timers_free(struct timers *timers)
{
	if (!timers)
		return;
	for (u32 i = 0; i < timers->count; i++)
		free(timers->all[i]);
	free(timers->all);
	free(timers->heap);
	pthread_cond_destroy(&timers->changed);
	pthread_mutex_destroy(&timers->lock);
	free(timers);
}

/* ---- helpers ---- */

static s64 init(struct timers *timers, struct cell *cell, struct map *map, int clock)
{
	struct timer *timer;
	u32 number;

	if (timer_of(timers, cell))
		return -EBUSY;
	number = make(timers);
	if (!number || start_thread(timers))
		return -ENOMEM;
	timer = timers->all[number - 1];
	*timer = (struct timer){
		.map = map,
		.value = (u8 *)cell - map->spec.timer_off,
		.clock = clock,
		.heap_at = NOWHERE,
	};
	cell->number = number;
	return 0;
}

/* (timer, map, flags: the clock) */
HELPER(timer_init)
{
	s64 err;

	if (r3 != CLOCK_MONOTONIC && r3 != CLOCK_REALTIME && r3 != CLOCK_BOOTTIME)
		return result(-EINVAL);
	if (!run->timers)
		return result(-EOPNOTSUPP);
	pthread_mutex_lock(&run->timers->lock);
	err = init(run->timers, ptr(r1), ptr(r2), (int)r3);
	pthread_mutex_unlock(&run->timers->lock);
	return result(err);
}

/* (timer, callback) */
HELPER(timer_set_callback)
{
	struct timers *timers = run->timers;
	struct timer *timer;
	void *old = NULL;

	if (!timers)
		return result(-EOPNOTSUPP);
	pthread_mutex_lock(&timers->lock);
	timer = timer_of(timers, ptr(r1));
	if (timer) {
		timers->ops->hold(run->prog);
		old = timer->prog;
		timer->prog = run->prog;
		timer->callback = r2;
	}
	pthread_mutex_unlock(&timers->lock);
	put(timers, old);
	return result(timer ? 0 : -EINVAL);
}

static u64 deadline_of(const struct timer *timer, u64 ns, u64 flags)
{
	u64 now = time_now(CLOCK_MONOTONIC), deadline;

	if (flags & BPF_F_TIMER_ABS) {
		u64 there = time_now(timer->clock);

		ns = ns > there ? ns - there : 0;
	}
	return __builtin_add_overflow(now, ns, &deadline) ? ~0ull >> 1 : min(deadline, ~0ull >> 1);
}

/* (timer, ns, flags) */
HELPER(timer_start)
{
	struct timers *timers = run->timers;
	struct timer *timer;
	bool good;

	if (!timers)
		return result(-EOPNOTSUPP);
	if (r3 & ~(u64)(BPF_F_TIMER_ABS | BPF_F_TIMER_CPU_PIN))
		return result(-EINVAL);
	pthread_mutex_lock(&timers->lock);
	timer = timer_of(timers, ptr(r1));
	good = timer && timer->prog;
	if (good)
		arm(timers, ((struct cell *)ptr(r1))->number - 1, deadline_of(timer, r2, r3));
	pthread_mutex_unlock(&timers->lock);
	return result(good ? 0 : -EINVAL);
}

/* Locked. Until the callback of the timer that runs now, if it does, has returned. */
static void await_callback(struct timers *timers, const struct timer *timer)
{
	u64 turn = timers->turn;

	while (timers->firing == timer && timer->state == CALLED && timers->turn == turn)
		pthread_cond_wait(&timers->changed, &timers->lock);
}

/* Locked. 1 where the timer was armed, or due and not called yet; else 0. *prog is to be given back. */
static s64 cancel(struct timers *timers, struct timer *timer, void **prog)
{
	s64 was = disarm(timers, timer);

	if (timer->state == DUE && !timer->off) {
		timer->off = true;
		was = 1;
	}
	*prog = timer->prog;
	timer->prog = NULL;
	timer->callback = 0;
	return was;
}

/* (timer) */
HELPER(timer_cancel)
{
	struct timers *timers = run->timers;
	struct timer *timer;
	void *prog = NULL;
	s64 was = -EINVAL;

	if (!timers)
		return result(-EOPNOTSUPP);
	pthread_mutex_lock(&timers->lock);
	timer = timer_of(timers, ptr(r1));
	if (timer && timer->state == CALLED && pthread_equal(pthread_self(), timers->thread)) {
		was = -EDEADLK;
	} else if (timer) {
		/* before the wait, or a callback that starts its timer anew would never be done with */
		was = cancel(timers, timer, &prog);
		await_callback(timers, timer);
	}
	pthread_mutex_unlock(&timers->lock);
	put(timers, prog);
	return result(was);
}
