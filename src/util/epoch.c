/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Epochs. Invariant: a slot that is inside shows an epoch no later than the global one was when it
 * entered; an item deferred in epoch E is due when every slot is outside or shows more than E.
 */
#include "util/epoch.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/lock.h"

static int membarrier(int cmd)
{
	return (int)syscall(SYS_membarrier, cmd, 0, 0);
}

int epoch_init(struct epoch *epoch, u32 nr_slots)
{
	*epoch = (struct epoch){ .now = 1, .nr_slots = nr_slots };
	epoch->last = &epoch->first;
	epoch->slots = aligned_alloc(64, (nr_slots ? nr_slots : 1) * sizeof(*epoch->slots));
	if (!epoch->slots)
		return -ENOMEM;
	for (u32 i = 0; i < nr_slots; i++)
		epoch->slots[i].entered = 0;
	epoch->fenced = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) != 0;
	return 0;
}

static struct epoch_item *take_all(struct epoch *epoch)
{
	struct epoch_item *item;

	lock_take(&epoch->lock);
	item = epoch->first;
	epoch->first = NULL;
	epoch->last = &epoch->first;
	lock_drop(&epoch->lock);
	return item;
}

void epoch_destroy(struct epoch *epoch)
{
	struct epoch_item *item, *next;

	while (epoch->slots && (item = take_all(epoch)))
		for (; item; item = next) {
			next = item->next;
			item->end(item);
		}
	free(epoch->slots);
	epoch->slots = NULL;
}

void epoch_defer(struct epoch *epoch, struct epoch_item *item, void (*end)(struct epoch_item *item))
{
	item->end = end;
	item->next = NULL;
	lock_take(&epoch->lock);
	item->since = __atomic_fetch_add(&epoch->now, 1, __ATOMIC_SEQ_CST);
	*epoch->last = item;
	epoch->last = &item->next;
	lock_drop(&epoch->lock);
}

/* After this, a reader's entry is visible here, or the reader sees what was unlinked before. */
static void settle(struct epoch *epoch)
{
	if (epoch->fenced || membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
		__sync_synchronize();
}

/* The oldest epoch a reader is inside of; items of earlier ones are due. */
static u64 oldest(struct epoch *epoch)
{
	u64 least = ~0ull;

	settle(epoch);
	for (u32 i = 0; i < epoch->nr_slots; i++) {
		u64 entered = __atomic_load_n(&epoch->slots[i].entered, __ATOMIC_ACQUIRE);

		if (entered && entered < least)
			least = entered;
	}
	return least;
}

/* Takes the items deferred before epoch `before`, as a list. */
static struct epoch_item *take_due(struct epoch *epoch, u64 before)
{
	struct epoch_item *list, **end = &list;

	lock_take(&epoch->lock);
	list = epoch->first;
	while (*end && (*end)->since < before)
		end = &(*end)->next;
	epoch->first = *end;
	if (!epoch->first)
		epoch->last = &epoch->first;
	*end = NULL;
	lock_drop(&epoch->lock);
	return list;
}

u32 epoch_flush(struct epoch *epoch)
{
	u64 now = __atomic_load_n(&epoch->now, __ATOMIC_SEQ_CST), least;
	struct epoch_item *item, *next;
	u32 count = 0;
	bool empty;

	lock_take(&epoch->lock);
	empty = !epoch->first;
	lock_drop(&epoch->lock);
	if (empty)
		return 0;
	least = oldest(epoch);
	for (item = take_due(epoch, min(now, least)); item; item = next, count++) {
		next = item->next;
		item->end(item);
	}
	return count;
}

void epoch_wait(struct epoch *epoch)
{
	u64 target = __atomic_add_fetch(&epoch->now, 1, __ATOMIC_SEQ_CST);

	for (u32 tries = 0; oldest(epoch) < target; tries++) {
		if (tries > 64)
			usleep(50);
		else
			sched_yield();
	}
	epoch_flush(epoch);
}
