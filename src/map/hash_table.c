/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chains of the hash maps: writing. Everything here is under the bucket's lock, or takes it; the rules
 * are chain.h's.
 */
#include "map/chain.h"

u32 chain_find_with_lock(const struct hash_map *hash, const void *key, u32 key_hash)
{
	struct bucket *bucket = bucket_of(hash, key_hash);
	u32 *link, index;

	table_lock(bucket);
	index = table_find_locked(hash, bucket, key, key_hash, &link);
	table_unlock(bucket);
	return index;
}

static void set_linked(struct elem *elem, bool linked)
{
	u32 state = __atomic_load_n(&elem->state, __ATOMIC_RELAXED) & ~(ELEM_LINKED | ELEM_REF);

	__atomic_store_n(&elem->state, state | (linked ? ELEM_LINKED : 0), __ATOMIC_RELAXED);
}

void table_link(const struct hash_map *hash, struct bucket *bucket, u32 index)
{
	struct elem *elem = elem_at(hash, index);

	set_linked(elem, true);
	__atomic_store_n(&elem->next, bucket->head, __ATOMIC_RELEASE);
	__atomic_store_n(&bucket->head, index, __ATOMIC_RELEASE);
}

void table_replace(const struct hash_map *hash, u32 *link, u32 old, u32 fresh)
{
	struct elem *elem = elem_at(hash, fresh);

	set_linked(elem, true);
	__atomic_store_n(&elem->next, elem_at(hash, old)->next, __ATOMIC_RELEASE);
	__atomic_store_n(link, fresh, __ATOMIC_RELEASE);
	set_linked(elem_at(hash, old), false);
}

void table_unlink(const struct hash_map *hash, u32 *link, u32 index)
{
	__atomic_store_n(link, elem_at(hash, index)->next, __ATOMIC_RELEASE);
	set_linked(elem_at(hash, index), false);
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

/* The clock: the hand goes round the elements; one that was used since the last round is spared once. */
u32 table_evict(struct hash_map *hash)
{
	u64 limit = 2 * (u64)hash->capacity + 64;

	for (u64 tries = 0; tries < limit; tries++) {
		u32 turn = __atomic_fetch_add(&hash->hand, 1, __ATOMIC_RELAXED);
		u32 index = 1 + turn % (hash->capacity + hash->nr_pools);
		struct elem *elem = elem_at(hash, index);
		u32 state = __atomic_load_n(&elem->state, __ATOMIC_RELAXED);

		if (!(state & ELEM_LINKED))
			continue;
		if (state & ELEM_REF) {
			__atomic_fetch_and(&elem->state, ~(u32)ELEM_REF, __ATOMIC_RELAXED);
			continue;
		}
		if (evict(hash, index))
			return index;
	}
	return 0;
}
