/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chains of the hash maps: lock-free readers, one lock a bucket for writers.
 *
 * A bucket's seq is the lock (odd) and the version. An unlinked element keeps its next, so a reader
 * that stands on it goes on; it is reused only after the writer that unlinked it has moved seq. A
 * reader may therefore be led astray into another chain, but never without seq having moved since it
 * read the head: a miss or a hit counts only if seq stands still, else the reader starts again. Thus
 * a key that is present is never missed, whatever happens to its neighbours or to itself.
 */
#include "map/hash.h"
#include "map/value.h"
#include "util/hash.h"

enum {
	MAX_RETRIES = 16,	/* then a reader takes the lock */
	MAX_STEPS = 4096,	/* a chain so long is only seen when led astray */
};

u64 table_hash(const struct hash_map *hash, const void *key)
{
	u64 whole;

	if (hash->map.spec.key_size == 8) {
		memcpy(&whole, key, 8);
		return hash_u64(whole, hash->seed);
	}
	return hash_bytes(key, hash->map.spec.key_size, hash->seed);
}

static inline bool same_key(const struct elem *elem, const void *key, u32 size)
{
	u64 word, stored;
	u32 at = 0;

	for (; at + 8 <= size; at += 8) {
		memcpy(&word, (const u8 *)key + at, 8);
		if (__atomic_load_n(&elem->data[at / 8], __ATOMIC_RELAXED) != word)
			return false;
	}
	if (at == size)
		return true;
	word = 0;
	memcpy(&word, (const u8 *)key + at, size - at);
	stored = __atomic_load_n(&elem->data[at / 8], __ATOMIC_RELAXED);
	return stored == word;
}

void table_set_key(const struct hash_map *hash, u32 index, const void *key, u32 key_hash)
{
	struct elem *elem = elem_at(hash, index);

	__atomic_store_n(&elem->hash, key_hash, __ATOMIC_RELAXED);
	words_in(elem->data, key, hash->map.spec.key_size);
}

void table_get_key(const struct hash_map *hash, u32 index, void *key)
{
	words_out(key, elem_at(hash, index)->data, hash->map.spec.key_size);
}

/* The element of the chain that has the key; 0 at its end, ~0 if it seems endless. */
static inline u32 walk(const struct hash_map *hash, const struct bucket *bucket, const void *key, u32 key_hash)
{
	u32 at = __atomic_load_n(&bucket->head, __ATOMIC_ACQUIRE), size = hash->map.spec.key_size;

	for (u32 steps = 0; at; steps++) {
		const struct elem *elem = elem_at(hash, at);

		if (__atomic_load_n(&elem->hash, __ATOMIC_RELAXED) == key_hash && same_key(elem, key, size))
			return at;
		if (steps > MAX_STEPS)
			return ~0u;
		at = __atomic_load_n(&elem->next, __ATOMIC_ACQUIRE);
	}
	return 0;
}

static u32 find_with_lock(const struct hash_map *hash, const void *key, u32 key_hash)
{
	struct bucket *bucket = bucket_of(hash, key_hash);
	u32 *link, index;

	table_lock(bucket);
	index = table_find_locked(hash, bucket, key, key_hash, &link);
	table_unlock(bucket);
	return index;
}

u32 table_find(const struct hash_map *hash, const void *key, u32 key_hash)
{
	const struct bucket *bucket = bucket_of(hash, key_hash);

	for (u32 tries = 0; tries < MAX_RETRIES; tries++) {
		u32 seq = __atomic_load_n(&bucket->seq, __ATOMIC_ACQUIRE);
		u32 index = walk(hash, bucket, key, key_hash);

		/* Keys were read relaxed: keep those loads before the check of seq. */
#if !defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
		if (likely(__atomic_load_n(&bucket->seq, __ATOMIC_ACQUIRE) == seq && index != ~0u))
			return index;
	}
	return find_with_lock(hash, key, key_hash);
}

void table_lock(struct bucket *bucket)
{
	for (u32 tries = 0;;) {
		u32 seq = __atomic_load_n(&bucket->seq, __ATOMIC_RELAXED);

		if (!(seq & 1) && __atomic_compare_exchange_n(&bucket->seq, &seq, seq + 1, false, __ATOMIC_ACQUIRE,
							      __ATOMIC_RELAXED))
			return;
		lock_pause(tries++);
	}
}

void table_unlock(struct bucket *bucket)
{
	__atomic_store_n(&bucket->seq, __atomic_load_n(&bucket->seq, __ATOMIC_RELAXED) + 1, __ATOMIC_RELEASE);
}

u32 table_find_locked(const struct hash_map *hash, struct bucket *bucket, const void *key, u32 key_hash, u32 **link)
{
	u32 size = hash->map.spec.key_size;

	for (*link = &bucket->head; **link; *link = &elem_at(hash, **link)->next) {
		struct elem *elem = elem_at(hash, **link);

		if (elem->hash == key_hash && same_key(elem, key, size))
			return **link;
	}
	return 0;
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
