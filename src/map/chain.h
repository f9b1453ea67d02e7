/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chains of the hash maps, the hot part: lock-free readers, one lock a bucket for writers.
 *
 * A bucket's seq is the lock (odd) and the version. An unlinked element keeps its next, so a reader
 * that stands on it goes on; it is reused only after the writer that unlinked it has moved seq. A
 * reader may therefore be led astray into another chain, but never without seq having moved since it
 * read the head: a miss or a hit counts only if seq stands still, else the reader starts again. Thus
 * a key that is present is never missed, whatever happens to its neighbours or to itself.
 */
#ifndef MAP_CHAIN_H
#define MAP_CHAIN_H

#include "map/hash.h"
#include "map/value.h"
#include "util/hash.h"

enum {
	CHAIN_RETRIES = 16, /* then a reader takes the lock */
	CHAIN_STEPS = 4096, /* a chain so long is only seen when led astray */
};

static inline u64 table_hash(const struct hash_map *hash, const void *key)
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
		if (__atomic_load_n(&elem->key[at / 8], __ATOMIC_RELAXED) != word)
			return false;
	}
	if (at == size)
		return true;
	word = 0;
	memcpy(&word, (const u8 *)key + at, size - at);
	stored = __atomic_load_n(&elem->key[at / 8], __ATOMIC_RELAXED);
	return stored == word;
}

static inline void table_set_key(const struct hash_map *hash, u32 index, const void *key,
				 u32 key_hash)
{
	struct elem *elem = elem_at(hash, index);

	__atomic_store_n(&elem->hash, key_hash, __ATOMIC_RELAXED);
	words_in(elem->key, key, hash->map.spec.key_size);
}

static inline void table_get_key(const struct hash_map *hash, u32 index, void *key)
{
	words_out(key, elem_at(hash, index)->key, hash->map.spec.key_size);
}

/*
 * index if differ is 0, computed and not concluded: a processor that guesses "found" too early then runs ahead into
 * element 0, not into the value of another key, whose line of the cache it would take from another CPU.
 */
static inline u32 if_zero(u32 index, u32 differ)
{
	return index & (u32)(((u64)differ - 1) >> 32);
}

/* The element of the chain that has the key; 0 at its end, ~0 if it seems endless. */
static inline u32 chain_walk(const struct hash_map *hash, const struct bucket *bucket,
			     const void *key, u32 key_hash)
{
	u32 at = __atomic_load_n(&bucket->head, __ATOMIC_ACQUIRE), size = hash->map.spec.key_size;

	for (u32 steps = 0; at; steps++) {
		const struct elem *elem = elem_at(hash, at);
		u32 its_hash = __atomic_load_n(&elem->hash, __ATOMIC_RELAXED);
		u32 differ = its_hash ^ key_hash;

		__asm__("" : "+r"(differ)); /* or the compiler concludes that it is 0 below */
		if (its_hash == key_hash && same_key(elem, key, size))
			return if_zero(at, differ);
		if (steps > CHAIN_STEPS)
			return ~0u;
		at = __atomic_load_n(&elem->next, __ATOMIC_ACQUIRE);
	}
	return 0;
}

/* The same under the lock (hash_table.c). */
u32 chain_find_with_lock(const struct hash_map *hash, const void *key, u32 key_hash);

/* Lock-free. 0: the key is not in the map. seen: the bucket's version that this is true of; 1: not known. */
static inline u32 table_find_at(const struct hash_map *hash, const void *key, u32 key_hash,
				u32 *seen)
{
	const struct bucket *bucket = bucket_of(hash, key_hash);

	for (u32 tries = 0; tries < CHAIN_RETRIES; tries++) {
		u32 seq = *seen = __atomic_load_n(&bucket->seq, __ATOMIC_ACQUIRE);
		u32 index = chain_walk(hash, bucket, key, key_hash);

		/* Keys were read relaxed: keep those loads before the check of seq. */
#if !defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
		if (likely(__atomic_load_n(&bucket->seq, __ATOMIC_ACQUIRE) == seq && index != ~0u))
			return index;
	}
	*seen = 1;
	return chain_find_with_lock(hash, key, key_hash);
}

static inline u32 table_find(const struct hash_map *hash, const void *key, u32 key_hash)
{
	u32 seen;

	return table_find_at(hash, key, key_hash, &seen);
}

static inline void table_lock(struct bucket *bucket)
{
	for (u32 tries = 0;;) {
		u32 seq = __atomic_load_n(&bucket->seq, __ATOMIC_RELAXED);

		if (!(seq & 1) && __atomic_compare_exchange_n(&bucket->seq, &seq, seq + 1, false,
							      __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return;
		lock_pause(tries++);
	}
}

static inline void table_unlock(struct bucket *bucket)
{
	__atomic_store_n(&bucket->seq, __atomic_load_n(&bucket->seq, __ATOMIC_RELAXED) + 1,
			 __ATOMIC_RELEASE);
}

/* Locked: the element with the key, and the link that names it (or the head's, if none). */
static inline u32 table_find_locked(const struct hash_map *hash, struct bucket *bucket,
				    const void *key, u32 key_hash, u32 **link)
{
	u32 size = hash->map.spec.key_size;

	for (*link = &bucket->head; **link; *link = &elem_at(hash, **link)->next) {
		struct elem *elem = elem_at(hash, **link);

		if (elem->hash == key_hash && same_key(elem, key, size))
			return **link;
	}
	return 0;
}

#endif
