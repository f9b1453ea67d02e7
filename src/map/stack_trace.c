/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stack_trace: call stacks by an id made of their hash. A bucket holds one stack; another with the same
 * id is refused, or takes its place if the program says so. With BPF_F_STACK_BUILD_ID a value is an array
 * of struct bpf_stack_build_id; the id is a hash of the addresses all the same.
 */
#include "map/stack_trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "map/area.h"
#include "map/ops.h"
#include "util/hash.h"
#include "util/lock.h"
#include "util/size.h"

struct bucket {
	u32 count; /* 0: empty */
	u32 hash;
	u8 value[];
};

struct stacks {
	struct map map;
	struct area area;
	u32 lock;
	u32 nr_buckets, bucket_size;
	u64 seed;
};

static struct stacks *to_stacks(struct map *map)
{
	return container_of(map, struct stacks, map);
}

static struct bucket *bucket_at(struct stacks *stacks, u32 id)
{
	return (struct bucket *)(stacks->area.mem + (u64)id * stacks->bucket_size);
}

static u32 ip_size(const struct map_spec *spec)
{
	return spec->flags & BPF_F_STACK_BUILD_ID ? sizeof(struct bpf_stack_build_id) : sizeof(u64);
}

u32 stack_trace_depth(const struct map *map)
{
	return map->spec.value_size / ip_size(&map->spec);
}

static int stacks_alloc(struct map **out, const struct map_spec *spec, struct log *why)
{
	const u32 known = BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_STACK_BUILD_ID;
	struct stacks *stacks;
	int err;

	if (spec->flags & ~known || !spec->max_entries || spec->key_size != 4)
		return fail(why, -EINVAL, "%s: a stack_trace has entries and keys of 4 bytes",
			    spec->name);
	if (spec->value_size < 8 || spec->value_size % ip_size(spec) ||
	    spec->value_size / ip_size(spec) > STACK_MAX_DEPTH)
		return fail(why, -EINVAL, "%s: a value is 1 to %d addresses", spec->name,
			    STACK_MAX_DEPTH);
	if (spec->max_entries > 1u << 31)
		return fail(why, -E2BIG, "%s: too many entries", spec->name);
	stacks = calloc(1, sizeof(*stacks));
	if (!stacks)
		return -ENOMEM;
	stacks->nr_buckets = (u32)size_pow2(spec->max_entries);
	stacks->bucket_size = (u32)sizeof(struct bucket) + round_up(spec->value_size, 8);
	err = area_new(&stacks->area, (u64)stacks->nr_buckets * stacks->bucket_size);
	if (err) {
		free(stacks);
		return err;
	}
	*out = &stacks->map;
	return 0;
}

static void stacks_free(struct map *map)
{
	area_free(&to_stacks(map)->area);
	free(to_stacks(map));
}

static s64 put_locked(struct stacks *stacks, u32 hash, const void *value, u32 count, u64 flags)
{
	u32 id = hash & (stacks->nr_buckets - 1), len = count * ip_size(&stacks->map.spec);
	struct bucket *bucket = bucket_at(stacks, id);

	if (bucket->count && bucket->hash == hash &&
	    (flags & BPF_F_FAST_STACK_CMP ||
	     (bucket->count == count && !memcmp(bucket->value, value, len))))
		return id;
	if (bucket->count && !(flags & BPF_F_REUSE_STACKID))
		return -EEXIST;
	bucket->hash = hash;
	__atomic_store_n(&bucket->count, count, __ATOMIC_RELAXED);
	memcpy(bucket->value, value, len);
	return id;
}

s64 stack_trace_put(struct map *map, const u64 *ips, const struct bpf_stack_build_id *ids,
		    u32 count, u64 flags)
{
	const void *value = map->spec.flags & BPF_F_STACK_BUILD_ID ? (const void *)ids : ips;
	struct stacks *stacks = to_stacks(map);
	u32 hash;
	s64 id;

	count = min(count, stack_trace_depth(map));
	hash = (u32)hash_bytes(ips, count * sizeof(*ips), stacks->seed);
	lock_take(&stacks->lock);
	id = put_locked(stacks, hash, value, count, flags);
	lock_drop(&stacks->lock);
	return id;
}

/* The value as clients see it, zeroes after the last address. */
static void show(const struct map_spec *spec, const struct bucket *bucket, void *value)
{
	u32 len = bucket->count * ip_size(spec);

	memcpy(value, bucket->value, len);
	memset((u8 *)value + len, 0, spec->value_size - len);
}

static int read_bucket(struct map *map, const void *key, void *value, bool remove)
{
	struct stacks *stacks = to_stacks(map);
	struct bucket *bucket;
	int err = -ENOENT;
	u32 id;

	memcpy(&id, key, 4);
	if (id >= stacks->nr_buckets)
		return remove ? -E2BIG : -ENOENT;
	bucket = bucket_at(stacks, id);
	lock_take(&stacks->lock);
	if (bucket->count) {
		err = 0;
		if (value)
			show(&map->spec, bucket, value);
		if (remove)
			__atomic_store_n(&bucket->count, 0, __ATOMIC_RELAXED);
	}
	lock_drop(&stacks->lock);
	return err;
}

static int stacks_lookup(struct map *map, const void *key, void *value, u64 flags)
{
	(void)flags;
	return read_bucket(map, key, value, false);
}

static int stacks_remove(struct map *map, const void *key)
{
	return read_bucket(map, key, NULL, true);
}

static int stacks_update(struct map *map, const void *key, const void *value, u64 flags)
{
	(void)map, (void)key, (void)value, (void)flags;
	return -EINVAL;
}

static int stacks_next(struct map *map, const void *key, void *next)
{
	struct stacks *stacks = to_stacks(map);
	u32 id = 0;

	if (key) {
		memcpy(&id, key, 4);
		id = id >= stacks->nr_buckets || !__atomic_load_n(&bucket_at(stacks, id)->count,
								  __ATOMIC_RELAXED)
			     ? 0
			     : id + 1;
	}
	while (id < stacks->nr_buckets &&
	       !__atomic_load_n(&bucket_at(stacks, id)->count, __ATOMIC_RELAXED))
		id++;
	if (id >= stacks->nr_buckets)
		return -ENOENT;
	memcpy(next, &id, 4);
	return 0;
}

const struct map_ops stack_trace_ops = {
	.alloc = stacks_alloc,
	.free = stacks_free,
	.lookup = map_no_lookup,
	.sys_lookup = stacks_lookup,
	.sys_update = stacks_update,
	.sys_remove = stacks_remove,
	.next_key = stacks_next,
	.remove = stacks_remove,
};
