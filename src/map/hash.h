/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table under hash, percpu_hash, lru_hash, lru_percpu_hash and hash_of_maps. Elements are numbered
 * from 1 and never given back while the map lives, so an index read from memory is always safe to follow.
 */
#ifndef MAP_HASH_H
#define MAP_HASH_H

#include "map/area.h"
#include "map/ops.h"

/* A cell's state (hold.h has the rules), and the pool the element came from above ELEM_HOME_SHIFT. */
enum { ELEM_REF = 1, ELEM_LINKED = 2, ELEM_HELD = 4, ELEM_BUSY = 8, ELEM_HOME_SHIFT = 8 };

/*
 * An element is two pieces of memory. What a walk along a chain reads is apart from what an update of a present key
 * writes, so that a CPU's updates take no line of the cache from who passes by.
 */
struct elem {
	u32 next; /* in the bucket, 0: last; kept after unlinking for readers on it */
	u32 hash;
	u64 key[]; /* padded to 8 */
};

struct cell {
	u32 state;
	u32 free_next; /* in a free list */
	u64 value[];   /* padded to 8; none where per-CPU */
};

struct bucket {
	u32 head;
	u32 seq; /* odd: a writer is at work; every change of the chain moves it by two */
};

/* Free elements of a CPU slot; the last pool serves bpf(2). Others read the first line, only the slot the second. */
struct pool {
	u32 lock;
	u32 head;	      /* given back */
	u32 fresh, fresh_end; /* never used yet */
	u32 spare __attribute__((
		aligned(64))); /* what an update of an existing key swaps in; 0: in use */
	u32 hand,
		hand_end; /* LRU types: the piece of the clock's round that is this slot's to look through */
} __attribute__((aligned(128)));

struct hash_map {
	struct map map;
	struct bucket *buckets;
	u32 mask;
	u32 elem_size, cell_size;
	u8 *elems, *cells; /* element 0 does not exist */
	u8 *percpu;	   /* values of CPU 0, or NULL */
	u64 percpu_stride;
	u32 value_stride; /* of a stored value, per CPU where per-CPU */
	u32 capacity;	  /* elements that may be linked */
	u64 seed;
	bool lru;
	bool objects;	       /* values are struct slot */
	struct map_meta inner; /* with objects: what a map must look like to be one */
	u32 nr_pools;
	struct pool *pools;
	u32 fresh __attribute__((aligned(64))); /* next never-used element */
	u32 hand; /* the clock of the LRU types: where the next piece starts */
	struct area bucket_area, elem_area, cell_area, percpu_area;
};

static inline struct hash_map *to_hash(struct map *map)
{
	return container_of(map, struct hash_map, map);
}

static inline struct elem *elem_at(const struct hash_map *hash, u32 index)
{
	return (struct elem *)(hash->elems + (u64)index * hash->elem_size);
}

static inline struct cell *cell_at(const struct hash_map *hash, u32 index)
{
	return (struct cell *)(hash->cells + (u64)index * hash->cell_size);
}

static inline void *elem_percpu(const struct hash_map *hash, u32 index, u32 cpu)
{
	return hash->percpu + cpu * hash->percpu_stride + (u64)index * hash->value_stride;
}

/* hash_pool.c */
int pools_new(struct hash_map *hash);
u32 pool_run(const struct hash_map *hash);	/* how many elements in a row are one pool's */
u32 pool_take(struct hash_map *hash, u32 pool); /* an unlinked element or 0: none left */
void pool_give(struct hash_map *hash, u32 index);
u32 spare_take(struct hash_map *hash, u32 pool);
void spare_give(struct hash_map *hash, u32 pool, u32 index);

static inline struct bucket *bucket_of(const struct hash_map *hash, u32 key_hash)
{
	return &hash->buckets[key_hash & hash->mask];
}

/* hash_table.c: changes of chains, bucket locked. The element's key is set first; its memory is the caller's after. */
void table_link(const struct hash_map *hash, struct bucket *bucket, u32 index);
void table_replace(const struct hash_map *hash, u32 *link, u32 old, u32 fresh);
void table_unlink(const struct hash_map *hash, u32 *link, u32 index);
/* Unlinks an element that was not used of late, 0: none found (LRU types; requires no lock held). It is pool's. */
u32 table_evict(struct hash_map *hash, u32 pool);

#endif
