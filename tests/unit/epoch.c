/* SPDX-License-Identifier: BSD-2-Clause */
/* What was deferred ends when every reader of its time has left, not before, and exactly once. */
#include <pthread.h>
#include <stdlib.h>

#include "tap.h"
#include "util/epoch.h"

enum { SWAPS = 20000, ALIVE = 0x600d, DEAD = 0xdead };

static int ended;

static void count_end(struct epoch_item *item)
{
	(void)item;
	ended++;
}

static void in_order(void)
{
	struct epoch epoch;
	struct epoch_item items[4];

	is(epoch_init(&epoch, 2), 0, "made");
	epoch_defer(&epoch, &items[0], count_end);
	is(epoch_flush(&epoch), 1, "with nobody inside it is due at once");
	epoch_enter(&epoch, 0);
	epoch_defer(&epoch, &items[1], count_end);
	is(epoch_flush(&epoch), 0, "a reader inside holds it");
	epoch_enter(&epoch, 1);
	epoch_defer(&epoch, &items[2], count_end);
	epoch_leave(&epoch, 0);
	is(epoch_flush(&epoch), 1, "a later reader does not");
	epoch_enter(&epoch, 0);
	is(epoch_flush(&epoch), 0, "but holds what came after it");
	epoch_leave(&epoch, 1);
	is(epoch_flush(&epoch), 1, "until it leaves");
	epoch_defer(&epoch, &items[3], count_end);
	epoch_leave(&epoch, 0);
	epoch_wait(&epoch);
	is(ended, 4, "waiting ends what is left");
	epoch_defer(&epoch, &items[0], count_end);
	epoch_destroy(&epoch);
	is(ended, 5, "and so does the end");
}

struct thing {
	struct epoch_item item;
	unsigned int state;
};

static struct epoch epoch;
static struct thing *present;
static int stop, bad;

static void kill_thing(struct epoch_item *item)
{
	struct thing *thing = container_of(item, struct thing, item);

	__atomic_store_n(&thing->state, DEAD, __ATOMIC_RELAXED);
	free(thing);
}

static void *reader(void *arg)
{
	u32 slot = (u32)(unsigned long)arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct thing *thing;

		epoch_enter(&epoch, slot);
		thing = __atomic_load_n(&present, __ATOMIC_ACQUIRE);
		for (int i = 0; i < 20; i++)
			if (__atomic_load_n(&thing->state, __ATOMIC_RELAXED) != ALIVE)
				__atomic_add_fetch(&bad, 1, __ATOMIC_RELAXED);
		epoch_leave(&epoch, slot);
	}
	return NULL;
}

static struct thing *make(void)
{
	struct thing *thing = malloc(sizeof(*thing));

	__atomic_store_n(&thing->state, ALIVE, __ATOMIC_RELAXED);
	return thing;
}

static void under_readers(bool fenced)
{
	pthread_t threads[2];

	stop = bad = 0;
	epoch_init(&epoch, 2);
	epoch.fenced |= fenced;
	present = make();
	for (unsigned long i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, reader, (void *)i);
	for (int i = 0; i < SWAPS; i++) {
		struct thing *old = __atomic_exchange_n(&present, make(), __ATOMIC_ACQ_REL);

		epoch_defer(&epoch, &old->item, kill_thing);
		epoch_flush(&epoch);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	free(present);
	epoch_destroy(&epoch);
	is(bad, 0, "readers never see what has ended (%s)", fenced ? "fences" : "membarrier");
}

int main(void)
{
	in_order();
	under_readers(false);
	under_readers(true);
	return done();
}
