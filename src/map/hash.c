/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hash, percpu_hash, lru_hash, lru_percpu_hash: the operations over hash_table.c's chains.
 *
 * An update of a present key links a new element in the old one's place, so that whoever reads the
 * old value reads it whole; per-CPU values and BPF_F_LOCK are written in place, as in Linux. The LRU
 * types never refuse a new key: the clock finds an element that was not used of late.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "map/chain.h"
#include "map/hold.h"
#include "map/ops.h"
#include "util/size.h"

enum {
	KMALLOC_MAX = 4 << 20,
	KERNEL_ELEM_SIZE = 48,	      /* Linux's struct htab_elem */
	KERNEL_MAX_BUCKETS = 1 << 28, /* U32_MAX / its struct bucket */
};

static bool is_percpu(const struct map_spec *spec)
{
	return spec->type == BPF_MAP_TYPE_PERCPU_HASH || spec->type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static bool is_lru(const struct map_spec *spec)
{
	return spec->type == BPF_MAP_TYPE_LRU_HASH || spec->type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static int hash_check(const struct map_spec *spec, struct log *why)
{
	const u32 known = BPF_F_NO_PREALLOC | BPF_F_NO_COMMON_LRU | BPF_F_NUMA_NODE |
			  BPF_F_ZERO_SEED | MAP_ACCESS_FLAGS;
	bool percpu = is_percpu(spec), lru = is_lru(spec),
	     own_lru = spec->flags & BPF_F_NO_COMMON_LRU;

	if (spec->flags & ~known || !map_access_flags_ok(spec->flags) || (own_lru && !lru))
		return fail(why, -EINVAL, "%s: flags 0x%x do not suit a hash", spec->name,
			    spec->flags);
	if (lru && spec->flags & BPF_F_NO_PREALLOC)
		return fail(why, -MAP_ENOTSUPP, "%s: an LRU map is always preallocated",
			    spec->name);
	if (spec->flags & BPF_F_NUMA_NODE && (percpu || own_lru))
		return fail(why, -EINVAL, "%s: no NUMA node for per-CPU memory", spec->name);
	if (!spec->max_entries || !spec->key_size || !spec->value_size)
		return fail(why, -EINVAL, "%s: a hash wants entries, keys and values", spec->name);
	if ((u64)spec->key_size + spec->value_size >= KMALLOC_MAX - KERNEL_ELEM_SIZE ||
	    (percpu && round_up((u64)spec->value_size, 8) > MAP_PERCPU_VALUE_MAX))
		return fail(why, -E2BIG, "%s: key and value are too large", spec->name);
	if (size_pow2(spec->max_entries) >= KERNEL_MAX_BUCKETS)
		return fail(why, -E2BIG, "%s: too many entries", spec->name);
	return 0;
}

static int alloc_areas(struct hash_map *hash, const struct map_spec *spec)
{
	u64 count = 1ull + hash->nr_pools + hash->capacity, buckets = size_pow2(spec->max_entries),
	    bytes;
	int err = area_new(&hash->bucket_area, buckets * sizeof(struct bucket));

	if (!err)
		err = size_mul(count, hash->elem_size, &bytes) ? area_new(&hash->elem_area, bytes)
							       : -ENOMEM;
	if (!err)
		err = size_mul(count, hash->cell_size, &bytes) ? area_new(&hash->cell_area, bytes)
							       : -ENOMEM;
	if (!err && is_percpu(spec)) {
		hash->percpu_stride = round_up(count * hash->value_stride, 4096);
		err = size_mul(hash->percpu_stride, spec->nr_cpus, &bytes)
			      ? area_new(&hash->percpu_area, bytes)
			      : -ENOMEM;
	}
	hash->buckets = (struct bucket *)hash->bucket_area.mem;
	hash->mask = (u32)buckets - 1;
	hash->elems = hash->elem_area.mem;
	hash->cells = hash->cell_area.mem;
	hash->percpu = hash->percpu_area.mem;
	return err;
}

static void free_all(struct hash_map *hash)
{
	area_free(&hash->bucket_area);
	area_free(&hash->elem_area);
	area_free(&hash->cell_area);
	area_free(&hash->percpu_area);
	free(hash->pools);
	free(hash);
}

/* stored: bytes of a stored value. */
static int table_new(struct map **out, const struct map_spec *spec, u32 stored)
{
	struct hash_map *hash = aligned_alloc(128, round_up(sizeof(*hash), 128));
	int err;

	if (!hash)
		return -ENOMEM;
	memset(hash, 0, sizeof(*hash));
	hash->capacity = spec->max_entries;
	hash->nr_pools = spec->nr_cpus + 1;
	hash->value_stride = round_up(stored, 8);
	hash->elem_size = (u32)sizeof(struct elem) + round_up(spec->key_size, 8);
	hash->cell_size = (u32)sizeof(struct cell) + (is_percpu(spec) ? 0 : hash->value_stride);
	hash->lru = is_lru(spec);
	if (!(spec->flags & BPF_F_ZERO_SEED) &&
	    getrandom(&hash->seed, sizeof(hash->seed), GRND_NONBLOCK) < 0)
		hash->seed = (u64)(uintptr_t)hash * 0x9e3779b97f4a7c15ull;
	err = alloc_areas(hash, spec);
	if (!err)
		err = pools_new(hash);
	if (err) {
		free_all(hash);
		return err;
	}
	*out = &hash->map;
	return 0;
}

static void set_shape(struct hash_map *hash, bool percpu)
{
	if (percpu)
		hash->map.shape = (struct map_shape){ .block = hash->percpu_stride,
						      .stride = hash->value_stride };
	else
		hash->map.shape = (struct map_shape){ .stride = hash->cell_size,
						      .value_off = (u32)sizeof(struct cell) };
}

static int hash_alloc(struct map **out, const struct map_spec *spec, struct log *why)
{
	struct area *values;
	int err = hash_check(spec, why);

	if (!err)
		err = table_new(out, spec, spec->value_size);
	if (err)
		return err;
	values = is_percpu(spec) ? &to_hash(*out)->percpu_area : &to_hash(*out)->cell_area;
	(*out)->values = values->mem;
	(*out)->values_len = values->len;
	set_shape(to_hash(*out), is_percpu(spec));
	return 0;
}

static void hash_free(struct map *map)
{
	free_all(to_hash(map));
}

static u32 find(const struct hash_map *hash, const void *key)
{
	return table_find(hash, key, (u32)table_hash(hash, key));
}

/* The key's value, for somebody to read or write. */
static void *find_value(struct hash_map *hash, const void *key, u32 marks)
{
	u32 index = find(hash, key);

	if (!index)
		return NULL;
	cell_mark(cell_at(hash, index), marks);
	return cell_at(hash, index)->value;
}

static void *hash_lookup(struct map *map, const void *key, u32 cpu)
{
	(void)cpu;
	return find_value(to_hash(map), key, ELEM_HELD);
}

static void *lru_lookup(struct map *map, const void *key, u32 cpu)
{
	(void)cpu;
	return find_value(to_hash(map), key, ELEM_HELD | ELEM_REF);
}

static void touch(struct cell *cell)
{
	if (!(__atomic_load_n(&cell->state, __ATOMIC_RELAXED) & ELEM_REF))
		__atomic_fetch_or(&cell->state, ELEM_REF, __ATOMIC_RELAXED);
}

/* Per-CPU values are written where they are, always: nobody is HELD off. */
static void *percpu_lookup(struct map *map, const void *key, u32 cpu)
{
	struct hash_map *hash = to_hash(map);
	u32 index = find(hash, key);

	if (!index)
		return NULL;
	if (hash->lru)
		touch(cell_at(hash, index));
	return elem_percpu(hash, index, cpu);
}

/* What to put where: a change of one element, for program and bpf(2) side alike. */
struct change {
	const void *key, *value;
	u64 flags;
	u32 pool;      /* also the CPU of a program's change */
	bool all_cpus; /* value holds one value a CPU */
	u32 key_hash;
	bool absent; /* the key was not there when its bucket's version was seen */
	u32 seen;
	u32 fresh;	 /* LRU: an element taken before the bucket was locked */
	struct slot old; /* out, maps of objects: what was replaced */
};

static int check_exists(u32 index, u64 flags)
{
	flags &= ~(u64)BPF_F_LOCK;
	if (index && flags == BPF_NOEXIST)
		return -EEXIST;
	return !index && flags == BPF_EXIST ? -ENOENT : 0;
}

/* A new element starts with zeroes on the CPUs that no value is given for. */
static void set_percpu(struct hash_map *hash, u32 index, const struct change *change, bool is_new)
{
	u32 size = hash->map.spec.value_size;

	for (u32 cpu = 0; cpu < hash->map.spec.nr_cpus; cpu++) {
		void *stored = elem_percpu(hash, index, cpu);

		if (change->all_cpus)
			words_in(stored, (const u8 *)change->value + (u64)cpu * hash->value_stride,
				 size);
		else if (cpu == change->pool)
			words_in(stored, change->value, size);
		else if (is_new)
			for (u32 at = 0; at < hash->value_stride; at += 8)
				__atomic_store_n((u64 *)((u8 *)stored + at), 0, __ATOMIC_RELAXED);
	}
}

static void set_value(struct hash_map *hash, u32 index, const struct change *change)
{
	void *stored = cell_at(hash, index)->value;

	if (hash->objects)
		words_in(stored, change->value, sizeof(struct slot));
	else if (hash->percpu)
		set_percpu(hash, index, change, true);
	else if (value_is_special(&hash->map.spec)) {
		memset(stored, 0, hash->value_stride);
		value_in(&hash->map.spec, stored, change->value, 0);
	} else {
		words_in(stored, change->value, hash->map.spec.value_size);
	}
}

/* An element that is out of its chain, before it can be used again: its value's timer goes. */
static void release(struct hash_map *hash, u32 index)
{
	if (unlikely(hash->map.release))
		hash->map.release(&hash->map, cell_at(hash, index)->value);
}

static int insert(struct hash_map *hash, struct bucket *bucket, struct change *change)
{
	u32 index = change->fresh;

	change->fresh = 0;
	if (!index)
		index = pool_take(hash, change->pool);
	if (!index)
		return hash->lru ? -ENOMEM : -E2BIG;
	table_set_key(hash, index, change->key, change->key_hash);
	set_value(hash, index, change);
	table_link(hash, bucket, index);
	return 0;
}

/* Replaces the element by the pool's spare; the old one becomes the spare once the bucket is unlocked. */
static u32 swap(struct hash_map *hash, u32 *link, u32 old, struct change *change)
{
	u32 index = spare_take(hash, change->pool);

	table_set_key(hash, index, change->key, change->key_hash);
	set_value(hash, index, change);
	if (hash->objects)
		memcpy(&change->old, cell_at(hash, old)->value, sizeof(change->old));
	table_replace(hash, link, old, index);
	if (hash->lru)
		touch(cell_at(hash, index));
	return old;
}

/* Writes over what is there, if nobody can be looking: the value of an element with this hash and key, whatever
 * has become of it since it was found. */
static bool change_in_place(struct hash_map *hash, u32 index, const struct change *change)
{
	struct elem *elem = elem_at(hash, index);
	struct cell *cell = cell_at(hash, index);
	bool same;

	if (!cell_claim(cell, hash->percpu ? 0 : ELEM_HELD, hash->lru ? ELEM_REF : 0))
		return false;
	same = __atomic_load_n(&elem->hash, __ATOMIC_RELAXED) == change->key_hash &&
	       same_key(elem, change->key, hash->map.spec.key_size);
	if (same && hash->percpu)
		set_percpu(hash, index, change, false);
	else if (same)
		words_in(cell->value, change->value, hash->map.spec.value_size);
	cell_unclaim(cell, !hash->lru);
	return same;
}

static int change_locked(struct hash_map *hash, struct bucket *bucket, struct change *change,
			 u32 *freed)
{
	bool absent = change->absent &&
		      __atomic_load_n(&bucket->seq, __ATOMIC_RELAXED) == change->seen + 1;
	u32 *link, index = absent ? 0
				  : table_find_locked(hash, bucket, change->key, change->key_hash,
						      &link);
	int err = check_exists(index, change->flags);

	if (err)
		return err;
	if (!index)
		return insert(hash, bucket, change);
	if (hash->percpu)
		for (u32 tries = 0; !change_in_place(hash, index, change);)
			lock_pause(tries++);
	else if (change->flags & BPF_F_LOCK)
		value_in(&hash->map.spec, cell_at(hash, index)->value, change->value, BPF_F_LOCK);
	else
		*freed = swap(hash, link, index, change);
	return 0;
}

/* LRU: an element for a key that may be new, found while no bucket is locked. */
static u32 take_or_evict(struct hash_map *hash, const struct change *change)
{
	u32 index;

	if (!change->absent && table_find(hash, change->key, change->key_hash))
		return 0;
	index = pool_take(hash, change->pool);
	if (index)
		return index;
	index = table_evict(hash, change->pool);
	if (index)
		release(hash, index);
	return index;
}

static int change_elem(struct hash_map *hash, struct change *change)
{
	struct bucket *bucket;
	u32 freed = 0;
	int err;

	bucket = bucket_of(hash, change->key_hash);
	do {
		if (hash->lru && !change->fresh)
			change->fresh = take_or_evict(hash, change);
		table_lock(bucket);
		err = change_locked(hash, bucket, change, &freed);
		table_unlock(bucket);
		change->absent = false;
	} while (err == -ENOMEM); /* the key was removed between the look and the lock */
	if (freed) {
		release(hash, freed);
		spare_give(hash, change->pool, freed);
	}
	if (change->fresh)
		pool_give(hash, change->fresh);
	return err;
}

static int check_flags(const struct hash_map *hash, u64 flags)
{
	bool lockable = !hash->lru && !hash->percpu;

	if ((flags & ~(lockable ? (u64)BPF_F_LOCK : 0)) > BPF_EXIST)
		return -EINVAL;
	return flags & BPF_F_LOCK && hash->map.spec.spin_lock_off < 0 ? -EINVAL : 0;
}

/* The way of most updates: a present key whose value is nobody's. Tells what it saw if that is not it. */
static bool change_quick(struct hash_map *hash, struct change *change)
{
	u32 index = table_find_at(hash, change->key, change->key_hash, &change->seen);

	change->absent = !index;
	return index && change_in_place(hash, index, change);
}

static int hash_update(struct map *map, const void *key, const void *value, u64 flags, u32 cpu)
{
	struct hash_map *hash = to_hash(map);
	struct change change = {
		.key = key, .value = value, .flags = flags, .pool = min(cpu, hash->nr_pools - 1)
	};
	int err = check_flags(hash, flags);

	if (err)
		return err;
	change.key_hash = (u32)table_hash(hash, key);
	if ((flags == BPF_ANY || flags == BPF_EXIST) && !value_is_special(&map->spec) &&
	    change_quick(hash, &change))
		return 0;
	return change_elem(hash, &change);
}

static int hash_sys_update(struct map *map, const void *key, const void *value, u64 flags)
{
	struct hash_map *hash = to_hash(map);
	struct change change = { .key = key,
				 .value = value,
				 .flags = flags,
				 .pool = hash->nr_pools - 1,
				 .key_hash = (u32)table_hash(hash, key),
				 .all_cpus = true };
	int err = check_flags(hash, flags);

	return err ? err : change_elem(hash, &change);
}

/* Unlinks the key's element and returns it, value intact, for the caller to give back; 0: none. */
static u32 take_out(struct hash_map *hash, const void *key)
{
	u32 key_hash = (u32)table_hash(hash, key), *link, index;
	struct bucket *bucket = bucket_of(hash, key_hash);

	table_lock(bucket);
	index = table_find_locked(hash, bucket, key, key_hash, &link);
	if (index)
		table_unlink(hash, link, index);
	table_unlock(bucket);
	return index;
}

static int hash_remove(struct map *map, const void *key)
{
	struct hash_map *hash = to_hash(map);
	u32 index = take_out(hash, key);

	if (!index)
		return -ENOENT;
	release(hash, index);
	pool_give(hash, index);
	return 0;
}

static void copy_out(struct hash_map *hash, u32 index, void *value, u64 flags)
{
	u32 size = hash->value_stride;

	if (!hash->percpu) {
		value_out(&hash->map.spec, value, cell_at(hash, index)->value, flags);
		return;
	}
	for (u32 cpu = 0; cpu < hash->map.spec.nr_cpus; cpu++)
		words_out((u8 *)value + (u64)cpu * size, elem_percpu(hash, index, cpu), size);
}

static int hash_sys_lookup(struct map *map, const void *key, void *value, u64 flags)
{
	struct hash_map *hash = to_hash(map);
	u32 index = find(hash, key);

	if (!index)
		return -ENOENT;
	if (!hash->percpu)
		cell_mark(cell_at(hash, index), ELEM_HELD);
	copy_out(hash, index, value, flags);
	return 0;
}

static int hash_lookup_remove(struct map *map, const void *key, void *value, u64 flags)
{
	struct hash_map *hash = to_hash(map);
	u32 index = take_out(hash, key);

	if (!index)
		return -ENOENT;
	copy_out(hash, index, value, flags);
	release(hash, index);
	pool_give(hash, index);
	return 0;
}

/* The first element at or after the bucket. */
static int first_key(const struct hash_map *hash, u64 at, void *next)
{
	for (; at <= hash->mask; at++) {
		struct bucket *bucket = &hash->buckets[at];
		u32 index;

		if (!__atomic_load_n(&bucket->head, __ATOMIC_RELAXED))
			continue;
		table_lock(bucket);
		index = bucket->head;
		if (index)
			table_get_key(hash, index, next);
		table_unlock(bucket);
		if (index)
			return 0;
	}
	return -ENOENT;
}

static int hash_next_key(struct map *map, const void *key, void *next)
{
	const struct hash_map *hash = to_hash(map);
	u32 key_hash, *link, index, after = 0;
	struct bucket *bucket;

	if (!key)
		return first_key(hash, 0, next);
	key_hash = (u32)table_hash(hash, key);
	bucket = bucket_of(hash, key_hash);
	table_lock(bucket);
	index = table_find_locked(hash, bucket, key, key_hash, &link);
	if (index)
		after = elem_at(hash, index)->next;
	if (after)
		table_get_key(hash, after, next);
	table_unlock(bucket);
	if (after)
		return 0;
	return first_key(hash, index ? (u64)(bucket - hash->buckets) + 1 : 0, next);
}

/* The chain is read without a lock, next before the visit: the callback may delete what it is shown. */
static s64 hash_for_each(struct map *map, u32 cpu,
			 bool (*visit)(void *, struct map *, const void *, void *), void *arg)
{
	struct hash_map *hash = to_hash(map);
	u64 limit = (u64)hash->capacity + hash->nr_pools, seen = 0;
	u32 index, next;

	for (u64 at = 0; at <= hash->mask; at++)
		for (index = __atomic_load_n(&hash->buckets[at].head, __ATOMIC_ACQUIRE); index;
		     index = next) {
			struct elem *elem = elem_at(hash, index);

			next = __atomic_load_n(&elem->next, __ATOMIC_ACQUIRE);
			if (++seen > limit)
				return (s64)limit;
			if (!hash->percpu)
				cell_mark(cell_at(hash, index), ELEM_HELD);
			if (visit(arg, map, elem->key,
				  hash->percpu ? elem_percpu(hash, index, cpu)
					       : cell_at(hash, index)->value))
				return (s64)seen;
		}
	return (s64)seen;
}

static void *hash_key_of(struct map *map, const void *value)
{
	struct hash_map *hash = to_hash(map);
	u64 index = (u64)((const u8 *)value - hash->cells) / hash->cell_size;

	return elem_at(hash, (u32)index)->key;
}

/* Hash of maps: keys to objects. */
static int outer_alloc(struct map **out, const struct map_spec *spec, struct log *why)
{
	int err = spec->value_size == 4 ? hash_check(spec, why) : -EINVAL;
	struct map_meta inner;

	if (!err)
		err = map_meta_take(&inner, spec, why);
	if (!err)
		err = table_new(out, spec, sizeof(struct slot));
	if (err)
		return err;
	to_hash(*out)->objects = true;
	to_hash(*out)->inner = inner;
	return 0;
}

static void outer_free(struct map *map)
{
	struct hash_map *hash = to_hash(map);
	struct slot slot;

	for (u64 at = 0; at <= hash->mask; at++)
		for (u32 i = hash->buckets[at].head; i; i = elem_at(hash, i)->next) {
			memcpy(&slot, cell_at(hash, i)->value, sizeof(slot));
			if (map->drop)
				map->drop(map, slot.object);
		}
	free_all(hash);
}

static int outer_set(struct map *map, const void *key, void *object, u32 id, u64 flags)
{
	struct hash_map *hash = to_hash(map);
	struct slot slot = { object, id };
	struct change change = {
		.key = key,
		.value = &slot,
		.flags = flags,
		.pool = hash->nr_pools - 1,
		.key_hash = (u32)table_hash(hash, key),
	};
	int err = check_flags(hash, flags);

	if (!err && !map_meta_fits(&hash->inner, object))
		err = -EINVAL;
	if (!err)
		err = change_elem(hash, &change);
	if (!err && change.old.object && map->drop)
		map->drop(map, change.old.object);
	return err;
}

static void *outer_object(struct map *map, const void *key)
{
	void *stored = find_value(to_hash(map), key, 0);

	return stored ? __atomic_load_n(&((struct slot *)stored)->object, __ATOMIC_ACQUIRE) : NULL;
}

static void *outer_lookup(struct map *map, const void *key, u32 cpu)
{
	(void)cpu;
	return outer_object(map, key);
}

static int outer_sys_lookup(struct map *map, const void *key, void *value, u64 flags)
{
	struct slot *stored = find_value(to_hash(map), key, 0);
	u32 id;

	(void)flags;
	if (!stored)
		return -ENOENT;
	id = (u32)__atomic_load_n(&stored->id, __ATOMIC_RELAXED);
	memcpy(value, &id, 4);
	return 0;
}

static int outer_remove(struct map *map, const void *key)
{
	struct hash_map *hash = to_hash(map);
	u32 index = take_out(hash, key);
	struct slot slot;

	if (!index)
		return -ENOENT;
	memcpy(&slot, cell_at(hash, index)->value, sizeof(slot));
	pool_give(hash, index);
	if (map->drop)
		map->drop(map, slot.object);
	return 0;
}

#define COMMON                                                                                   \
	.free = hash_free, .alloc = hash_alloc, .remove = hash_remove,                           \
	.sys_lookup = hash_sys_lookup, .sys_update = hash_sys_update, .sys_remove = hash_remove, \
	.lookup_remove = hash_lookup_remove, .next_key = hash_next_key, .for_each = hash_for_each, \
	.key_of = hash_key_of

const struct map_ops hash_ops = { COMMON, .lookup = hash_lookup, .update = hash_update };
const struct map_ops percpu_hash_ops = { COMMON, .lookup = percpu_lookup, .update = hash_update };
const struct map_ops lru_hash_ops = { COMMON, .lookup = lru_lookup, .update = hash_update };
const struct map_ops lru_percpu_hash_ops = { COMMON, .lookup = percpu_lookup,
					     .update = hash_update };
const struct map_ops hash_of_maps_ops = {
	.alloc = outer_alloc,
	.free = outer_free,
	.lookup = outer_lookup,
	.sys_lookup = outer_sys_lookup,
	.sys_remove = outer_remove,
	.next_key = hash_next_key,
	.set_object = outer_set,
	.object = outer_object,
};
