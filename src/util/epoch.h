/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Epoch-based reclamation: what a reader may still hold is freed only after it has left.
 *
 * A reader owns a slot (one a CPU slot, more for others) between epoch_enter() and epoch_leave();
 * slots do not nest. A writer first unlinks a thing so that no new reader can find it, then defers
 * its end. Entering is two plain stores: the writer pays for the ordering with membarrier(2), or,
 * where that is refused, readers pay with a fence.
 */
#ifndef UTIL_EPOCH_H
#define UTIL_EPOCH_H

#include "util/types.h"

struct epoch_item {
	struct epoch_item *next;
	void (*end)(struct epoch_item *item);
	u64 since;
};

struct epoch_slot {
	u64 entered; /* the epoch a reader entered in, 0: nobody is inside */
} __attribute__((aligned(64)));

struct epoch {
	u64 now; /* starts at 1, so that 0 means outside */
	u32 nr_slots;
	bool fenced; /* no membarrier: readers fence */
	u32 lock;    /* guards the list */
	struct epoch_slot *slots;
	struct epoch_item *first, **last; /* waiting, oldest first */
};

/* 0 or -ENOMEM. */
int epoch_init(struct epoch *epoch, u32 nr_slots);
/* Requires that no reader is inside; ends everything that waits. */
void epoch_destroy(struct epoch *epoch);

static inline void epoch_enter(struct epoch *epoch, u32 slot)
{
	u64 now = __atomic_load_n(&epoch->now, __ATOMIC_ACQUIRE);

	if (unlikely(epoch->fenced)) {
		__atomic_exchange_n(&epoch->slots[slot].entered, now, __ATOMIC_SEQ_CST);
	} else {
		__atomic_store_n(&epoch->slots[slot].entered, now, __ATOMIC_RELAXED);
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	}
}

static inline void epoch_leave(struct epoch *epoch, u32 slot)
{
	__atomic_store_n(&epoch->slots[slot].entered, 0, __ATOMIC_RELEASE);
}

/* end(item) is called by a later epoch_flush() or epoch_wait(), when no present reader can hold it. Never blocks. */
void epoch_defer(struct epoch *epoch, struct epoch_item *item,
		 void (*end)(struct epoch_item *item));
/* Ends what is due without waiting for anybody; returns how many items. */
u32 epoch_flush(struct epoch *epoch);
/* Waits until every reader that is inside now has left, then ends what was deferred before. Not from inside. */
void epoch_wait(struct epoch *epoch);

#endif
