/* SPDX-License-Identifier: BSD-2-Clause */
/* Cancelling a timer: before, while and after its callback runs, from outside and from within. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>
#include <unistd.h>

#include "helper/timers.h"
#include "map.h"
#include "run.h"

static struct timers *timers;
static void *cell; /* the bpf_timer of the map's only value */
static sem_t at_fire, begin, in_callback, end;
static u32 called_off, ended, held, given_back;
static s64 from_within;
static bool ask_within, wait_inside;

static void hold(void *prog)
{
	(void)prog, held++;
}
static void put(void *prog)
{
	(void)prog, __atomic_fetch_add(&given_back, 1, __ATOMIC_RELAXED);
}

/* Stops before and within the callback until told to go on. */
static void fire(void *arg, void *prog, u64 callback, struct map *map, void *key, void *value)
{
	(void)arg, (void)prog, (void)callback, (void)map, (void)key, (void)value;
	sem_post(&at_fire);
	sem_wait(&begin);
	if (!timers_begin(timers)) {
		__atomic_fetch_add(&called_off, 1, __ATOMIC_SEQ_CST);
		sem_post(&in_callback);
		return;
	}
	if (ask_within)
		from_within = (s64)CALL(BPF_FUNC_timer_cancel, cell, 0, 0);
	sem_post(&in_callback);
	if (wait_inside)
		sem_wait(&end);
	__atomic_fetch_add(&ended, 1, __ATOMIC_SEQ_CST);
}

static s64 start(u64 ns)
{
	s64 err = (s64)CALL(BPF_FUNC_timer_set_callback, cell, 0x1234, 0);

	return err ? err : (s64)CALL(BPF_FUNC_timer_start, cell, ns, 0);
}

static s64 cancel(void)
{
	return (s64)CALL(BPF_FUNC_timer_cancel, cell, 0, 0);
}

struct canceller {
	s64 result;
	u32 ended; /* callbacks, when it was done */
};

static void *cancel_elsewhere(void *arg)
{
	struct canceller *c = arg;

	c->result = cancel();
	c->ended = __atomic_load_n(&ended, __ATOMIC_SEQ_CST);
	return NULL;
}

static void before(struct map *map)
{
	is(cancel(), -EINVAL, "no timer there");
	is(CALL(BPF_FUNC_timer_init, cell, map, CLOCK_MONOTONIC), 0, "init");
	is(cancel(), 0, "not armed");
	is(start(3600ull * 1000000000), 0, "start in an hour");
	is(cancel(), 1, "armed");
	is(cancel(), 0, "not any more");
	is(CALL(BPF_FUNC_timer_start, cell, 0, 0), -EINVAL, "its callback is gone, too");
}

static void while_due(void)
{
	is(start(0), 0, "start at once");
	sem_wait(&at_fire);
	is(cancel(), 1, "due, but without a slot: cancelled without waiting");
	is(cancel(), 0, "once");
	sem_post(&begin);
	sem_wait(&in_callback);
	is(called_off, 1, "the callback does not run");
	is(ended, 0, "at all");
}

static void while_called(void)
{
	struct canceller c = { .result = 99 };
	pthread_t thread;

	wait_inside = true;
	is(start(0), 0, "start again");
	sem_wait(&at_fire);
	sem_post(&begin);
	sem_wait(&in_callback);
	pthread_create(&thread, NULL, cancel_elsewhere, &c);
	usleep(10000); /* so that a cancel that does not wait would be seen */
	sem_post(&end);
	pthread_join(thread, NULL);
	is(c.result, 0, "cancelled while its callback ran: it was not armed");
	is(c.ended, 1, "and had returned by then");
	wait_inside = false;
}

static void from_itself(void)
{
	ask_within = true;
	is(start(0), 0, "start once more");
	sem_wait(&at_fire);
	sem_post(&begin);
	sem_wait(&in_callback);
	is(from_within, -EDEADLK, "a callback that cancels its own timer");
	ask_within = false;
}

int main(void)
{
	static const struct timers_ops timers_ops = { .hold = hold, .put = put, .fire = fire };
	struct map_spec spec = map_spec_of(BPF_MAP_TYPE_ARRAY, 4, 16, 1, 0);
	struct map *map;
	u32 zero = 0;

	spec.timer_off = 0;
	sem_init(&at_fire, 0, 0), sem_init(&begin, 0, 0), sem_init(&in_callback, 0, 0),
		sem_init(&end, 0, 0);
	if (map_new(&map, &spec, NULL) || timers_new(&timers, &timers_ops, NULL)) {
		ok(0, "a map and timers");
		return done();
	}
	run_slot.timers = timers;
	run_slot.prog = timers; /* any will do */
	cell = map->ops->lookup(map, &zero, 0);
	before(map);
	while_due();
	while_called();
	from_itself();
	timers_stop(timers);
	timers_drop_map(timers, map);
	is(given_back, held, "every program is given back");
	timers_free(timers);
	map_free(map);
	return done();
}
