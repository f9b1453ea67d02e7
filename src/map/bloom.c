/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bloom_filter: "not there" is certain, "there" is probable. map_extra says how many hash functions
 * (5 if 0); the number of bits follows from it as in Linux, so the rate of false answers is the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "map/area.h"
#include "map/ops.h"
#include "util/hash.h"
#include "util/size.h"

enum { KMALLOC_MAX = 4 << 20 };

struct bloom {
	struct map map;
	struct area area;
	u64 seed;
	u32 mask; /* of a bit's number */
	u32 nr_hashes;
};

static struct bloom *to_bloom(struct map *map)
{
	return container_of(map, struct bloom, map);
}

/* n * k / ln 2 bits, rounded up to a power of two, at most 2^32. */
static u32 mask_for(u64 entries, u32 nr_hashes)
{
	u64 bits = entries * nr_hashes / 5 * 7;

	if (bits > 1ull << 31)
		return ~0u;
	return (u32)max(size_pow2(bits), (u64)64) - 1;
}

static int bloom_alloc(struct map **out, const struct map_spec *spec, struct log *why)
{
	const u32 known = BPF_F_NUMA_NODE | BPF_F_ZERO_SEED | MAP_ACCESS_FLAGS;
	struct bloom *bloom;
	int err;

	if (spec->value_size > KMALLOC_MAX)
		return fail(why, -E2BIG, "%s: values are too large", spec->name);
	if (spec->key_size || !spec->value_size || !spec->max_entries || spec->flags & ~known ||
	    !map_access_flags_ok(spec->flags) || spec->extra & ~0xfull)
		return fail(why, -EINVAL, "%s: a bloom filter has entries and values, but no keys",
			    spec->name);
	bloom = calloc(1, sizeof(*bloom));
	if (!bloom)
		return -ENOMEM;
	bloom->nr_hashes = spec->extra ? (u32)spec->extra : 5;
	bloom->mask = mask_for(spec->max_entries, bloom->nr_hashes);
	if (!(spec->flags & BPF_F_ZERO_SEED) &&
	    getrandom(&bloom->seed, sizeof(bloom->seed), GRND_NONBLOCK) < 0)
		bloom->seed = (u64)(uintptr_t)bloom;
	err = area_new(&bloom->area, ((u64)bloom->mask + 1) / 8);
	if (err) {
		free(bloom);
		return err;
	}
	*out = &bloom->map;
	return 0;
}

static void bloom_free(struct map *map)
{
	area_free(&to_bloom(map)->area);
	free(to_bloom(map));
}

/* Two halves of one hash make as many independent ones as wanted. */
static u64 *word_of(struct bloom *bloom, u64 hash, u32 which, u64 *bit)
{
	u32 at = ((u32)hash + which * ((u32)(hash >> 32) | 1)) & bloom->mask;

	*bit = 1ull << at % 64;
	return (u64 *)bloom->area.mem + at / 64;
}

static int bloom_push(struct map *map, const void *value, u64 flags)
{
	struct bloom *bloom = to_bloom(map);
	u64 hash = hash_bytes(value, map->spec.value_size, bloom->seed), bit;

	if (flags != BPF_ANY)
		return -EINVAL;
	for (u32 i = 0; i < bloom->nr_hashes; i++) {
		u64 *word = word_of(bloom, hash, i, &bit);

		if (!(__atomic_load_n(word, __ATOMIC_RELAXED) & bit))
			__atomic_fetch_or(word, bit, __ATOMIC_RELAXED);
	}
	return 0;
}

static int bloom_peek(struct map *map, void *value)
{
	struct bloom *bloom = to_bloom(map);
	u64 hash = hash_bytes(value, map->spec.value_size, bloom->seed), bit;

	for (u32 i = 0; i < bloom->nr_hashes; i++) {
		u64 *word = word_of(bloom, hash, i, &bit);

		if (!(__atomic_load_n(word, __ATOMIC_RELAXED) & bit))
			return -ENOENT;
	}
	return 0;
}

static int bloom_remove(struct map *map, const void *key)
{
	(void)map, (void)key;
	return -EOPNOTSUPP;
}

static int bloom_next(struct map *map, const void *key, void *next)
{
	(void)map, (void)key, (void)next;
	return -EOPNOTSUPP;
}

const struct map_ops bloom_filter_ops = {
	.alloc = bloom_alloc,
	.free = bloom_free,
	.lookup = map_no_lookup,
	.push = bloom_push,
	.peek = bloom_peek,
	.sys_remove = bloom_remove,
	.next_key = bloom_next,
};
