/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may touch an element's value when. Whoever is given a pointer to a value, or copies it, first marks the
 * element HELD; it stays so until the element is taken out of its chain. A value that nobody holds can be
 * overwritten where it is, for nobody can tell that from putting a new element in its place, and two CPUs
 * that update different keys then write to no memory in common. Who overwrites has the element BUSY
 * meanwhile: readers, and whoever takes the element out, wait. BUSY is taken last of all locks.
 */
#ifndef MAP_HOLD_H
#define MAP_HOLD_H

#include "map/hash.h"
#include "util/lock.h"

/* marks: ELEM_HELD, ELEM_REF or both. From now on the value changes only by what its holders do, until it is reused. */
static inline void cell_mark(struct cell *cell, u32 marks)
{
	u32 state = __atomic_load_n(&cell->state, __ATOMIC_ACQUIRE);

	for (u32 tries = 0; unlikely((state & (marks | ELEM_BUSY)) != marks);) {
		if (!(state & ELEM_BUSY)) {
			if (__atomic_compare_exchange_n(&cell->state, &state, state | marks, false,
							__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
				return;
			continue;
		}
		lock_pause(tries++);
		state = __atomic_load_n(&cell->state, __ATOMIC_ACQUIRE);
	}
}

/* Takes BUSY if the element is in a chain and none of the bits in but is set; marks are set with it. */
static inline bool cell_claim(struct cell *cell, u32 but, u32 marks)
{
	u32 state = __atomic_load_n(&cell->state, __ATOMIC_RELAXED);

	return (state & (ELEM_LINKED | ELEM_BUSY | but)) == ELEM_LINKED &&
	       __atomic_compare_exchange_n(&cell->state, &state, state | ELEM_BUSY | marks, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* alone: no other bit can have changed meanwhile (not an LRU type). */
static inline void cell_unclaim(struct cell *cell, bool alone)
{
	if (alone)
		__atomic_store_n(&cell->state,
				 __atomic_load_n(&cell->state, __ATOMIC_RELAXED) & ~(u32)ELEM_BUSY,
				 __ATOMIC_RELEASE);
	else
		__atomic_fetch_and(&cell->state, ~(u32)ELEM_BUSY, __ATOMIC_RELEASE);
}

/* The element leaves its chain: waits for who is writing. Nobody else takes it from now on. */
static inline void cell_part(struct cell *cell)
{
	const u32 clear = ELEM_LINKED | ELEM_REF | ELEM_HELD;
	u32 state = __atomic_load_n(&cell->state, __ATOMIC_RELAXED);

	for (u32 tries = 0;;) {
		if (!(state & ELEM_BUSY)) {
			if (__atomic_compare_exchange_n(&cell->state, &state, state & ~clear, false,
							__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
				return;
			continue;
		}
		lock_pause(tries++);
		state = __atomic_load_n(&cell->state, __ATOMIC_RELAXED);
	}
}

#endif
