/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chains of the hash maps: writing. Everything here is under the bucket's lock, or takes it; the rules
 * are chain.h's.
 */
#include "map/chain.h"
#include "map/hold.h"

u32 chain_find_with_lock(const struct hash_map *hash, const void *key, u32 key_hash)
{
	struct bucket *bucket = bucket_of(hash, key_hash);
	u32 *link, index;

	table_lock(bucket);
	index = table_find_locked(hash, bucket, key, key_hash, &link);
	table_unlock(bucket);
	return index;
}

/* The element is the caller's; who finds it in the chain then finds the state, too. */
static void set_linked(struct cell *cell)
{
	u32 home = __atomic_load_n(&cell->state, __ATOMIC_RELAXED) >> ELEM_HOME_SHIFT;

	__atomic_store_n(&cell->state, home << ELEM_HOME_SHIFT | ELEM_LINKED, __ATOMIC_RELEASE);
}

void table_link(const struct hash_map *hash, struct bucket *bucket, u32 index)
{
	struct elem *elem = elem_at(hash, index);

	set_linked(cell_at(hash, index));
	__atomic_store_n(&elem->next, bucket->head, __ATOMIC_RELEASE);
	__atomic_store_n(&bucket->head, index, __ATOMIC_RELEASE);
}

void table_replace(const struct hash_map *hash, u32 *link, u32 old, u32 fresh)
{
	struct elem *elem = elem_at(hash, fresh);

	set_linked(cell_at(hash, fresh));
	__atomic_store_n(&elem->next, elem_at(hash, old)->next, __ATOMIC_RELEASE);
	__atomic_store_n(link, fresh, __ATOMIC_RELEASE);
	cell_part(cell_at(hash, old));
}

void table_unlink(const struct hash_map *hash, u32 *link, u32 index)
{
	__atomic_store_n(link, elem_at(hash, index)->next, __ATOMIC_RELEASE);
	cell_part(cell_at(hash, index));
}

/* Unlinks the element if it is still where its hash says, with the reference bit clear. */
static bool evict(struct hash_map *hash, u32 index)
{
	struct elem *elem = elem_at(hash, index);
	u32 key_hash = __atomic_load_n(&elem->hash, __ATOMIC_RELAXED), *link;
	struct bucket *bucket = bucket_of(hash, key_hash);
	bool found = false;

	table_lock(bucket);
	for (link = &bucket->head; *link; link = &elem_at(hash, *link)->next)
		if (*link == index) {
			table_unlink(hash, link, index);
			found = true;
			break;
		}
	table_unlock(bucket);
	return found;
}

/* Makes the line ours while something else is being done. */
static void prefetch_to_write(const void *line)
{
#if defined(__x86_64__)
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)line));
#else
	__builtin_prefetch(line, 1);
#endif
}

/* Where the pool's hand points next, an element's number less one; it claims a piece of the round at a time. */
static u32 turn_of(struct hash_map *hash, struct pool *pool)
{
	if (pool->hand == pool->hand_end) {
		u32 piece = pool_run(hash);

		pool->hand = __atomic_fetch_add(&hash->hand, piece, __ATOMIC_RELAXED);
		pool->hand_end = pool->hand + piece;
	}
	return pool->hand++;
}

static u32 next_turn(struct hash_map *hash, u32 which)
{
	struct pool *pool = &hash->pools[which];
	u32 turn;

	if (which < hash->nr_pools - 1)
		return turn_of(hash, pool); /* the slot is the caller's alone */
	lock_take(&pool->lock);
	turn = turn_of(hash, pool);
	lock_drop(&pool->lock);
	return turn;
}

/*
 * The clock: the hand goes round the elements; one that was used since the last round is spared once. Each pool
 * looks through pieces of the round of its own, so that CPUs do not meet in the elements they take.
 */
u32 table_evict(struct hash_map *hash, u32 pool)
{
	u64 limit = 2 * (u64)hash->capacity + 64;
	u32 count = hash->capacity + hash->nr_pools;

	for (u64 tries = 0; tries < limit; tries++) {
		u32 turn = next_turn(hash, pool), index = 1 + turn % count;
		struct cell *cell = cell_at(hash, index);
		const struct elem *after = elem_at(hash, 1 + (turn + 1) % count);
		u32 state = __atomic_load_n(&cell->state, __ATOMIC_RELAXED);

		if (!(state & ELEM_LINKED))
			continue;
		if (state & ELEM_REF) {
			__atomic_fetch_and(&cell->state, ~(u32)ELEM_REF, __ATOMIC_RELAXED);
			continue;
		}
		if (evict(hash, index)) {
			prefetch_to_write(
				bucket_of(hash, __atomic_load_n(&after->hash, __ATOMIC_RELAXED)));
			__atomic_store_n(&cell->state, pool << ELEM_HOME_SHIFT, __ATOMIC_RELAXED);
			return index;
		}
	}
	return 0;
}
