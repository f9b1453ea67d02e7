/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Free elements of a hash map. Each CPU slot has a pool of elements given back and a small run of
 * never-used ones, taken from the common counter; a pool that runs dry takes from the others, so an
 * element is refused only when none is free. Elements 1..nr_pools start as spares, the rest are fresh.
 */
#include <errno.h>
#include <stdlib.h>

#include "map/hash.h"
#include "util/lock.h"

/* So many bytes of cells are one CPU's: processors fetch ahead within a page, and would fetch what is another's. */
enum { RUN_BYTES = 4096 };

int pools_new(struct hash_map *hash)
{
	hash->pools = aligned_alloc(128, hash->nr_pools * sizeof(*hash->pools));
	if (!hash->pools)
		return -ENOMEM;
	for (u32 i = 0; i < hash->nr_pools; i++)
		hash->pools[i] = (struct pool){ .spare = 1 + i };
	hash->fresh = 1 + hash->nr_pools;
	return 0;
}

/* Fields of a locked pool, which is_dry() reads without the lock. */
static void set(u32 *field, u32 value)
{
	__atomic_store_n(field, value, __ATOMIC_RELAXED);
}

u32 pool_run(const struct hash_map *hash)
{
	u32 run = max((u32)RUN_BYTES / hash->cell_size, 1u);

	return min(run, hash->capacity / (4 * hash->nr_pools) + 1);
}

/* A never-used element of the pool, which is locked. */
static u32 take_fresh(struct hash_map *hash, struct pool *pool)
{
	u64 end = 1ull + hash->nr_pools + hash->capacity;

	if (pool->fresh == pool->fresh_end &&
	    __atomic_load_n(&hash->fresh, __ATOMIC_RELAXED) < end) {
		u32 run = pool_run(hash);
		u32 from = __atomic_load_n(&hash->fresh, __ATOMIC_RELAXED), to;

		do {
			to = (u32)min((u64)from / run * run + run, end);
			if (from >= end)
				return 0;
		} while (!__atomic_compare_exchange_n(&hash->fresh, &from, to, true,
						      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
		set(&pool->fresh, from);
		set(&pool->fresh_end, to);
	}
	if (pool->fresh == pool->fresh_end)
		return 0;
	set(&pool->fresh, pool->fresh + 1);
	return pool->fresh - 1;
}

/* Nothing there: to be seen without the lock, so that the pools of a full map stay in every CPU's cache. */
static bool is_dry(const struct hash_map *hash, const struct pool *pool)
{
	return !__atomic_load_n(&pool->head, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&pool->fresh, __ATOMIC_RELAXED) ==
		       __atomic_load_n(&pool->fresh_end, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&hash->fresh, __ATOMIC_RELAXED) >=
		       1ull + hash->nr_pools + hash->capacity;
}

static u32 take_from(struct hash_map *hash, u32 which)
{
	struct pool *pool = &hash->pools[which];
	u32 index;

	lock_take(&pool->lock);
	index = pool->head;
	if (index)
		set(&pool->head, cell_at(hash, index)->free_next);
	else
		index = take_fresh(hash, pool);
	lock_drop(&pool->lock);
	return index;
}

u32 pool_take(struct hash_map *hash, u32 pool)
{
	u32 index = 0;

	for (u32 i = 0; !index && i < hash->nr_pools; i++)
		if (!is_dry(hash, &hash->pools[(pool + i) % hash->nr_pools]))
			index = take_from(hash, (pool + i) % hash->nr_pools);
	/* A run of fresh elements may have been on its way into a pool: before an insertion is refused, lock. */
	for (u32 i = 0; !index && !hash->lru && i < hash->nr_pools; i++)
		index = take_from(hash, (pool + i) % hash->nr_pools);
	if (index)
		__atomic_store_n(&cell_at(hash, index)->state, pool << ELEM_HOME_SHIFT,
				 __ATOMIC_RELAXED);
	return index;
}

void pool_give(struct hash_map *hash, u32 index)
{
	struct cell *cell = cell_at(hash, index);
	struct pool *pool =
		&hash->pools[__atomic_load_n(&cell->state, __ATOMIC_RELAXED) >> ELEM_HOME_SHIFT];

	lock_take(&pool->lock);
	cell->free_next = pool->head;
	set(&pool->head, index);
	lock_drop(&pool->lock);
}

u32 spare_take(struct hash_map *hash, u32 pool)
{
	u32 index;

	if (pool < hash->nr_pools - 1)
		index = hash->pools[pool].spare; /* the slot is the caller's alone */
	else
		for (u32 tries = 0;
		     !(index = __atomic_exchange_n(&hash->pools[pool].spare, 0, __ATOMIC_ACQUIRE));)
			lock_pause(tries++);
	__atomic_store_n(&cell_at(hash, index)->state, pool << ELEM_HOME_SHIFT, __ATOMIC_RELAXED);
	return index;
}

void spare_give(struct hash_map *hash, u32 pool, u32 index)
{
	__atomic_store_n(&hash->pools[pool].spare, index, __ATOMIC_RELEASE);
}
