/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Maps against the running kernel's: the same creations with parameters at their limits, then the same
 * random operations on both; every errno, every value and (where an order is promised) every next key
 * must agree. `map_differential SEED ROUNDS` repeats a run.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "linux_bpf.h"
#include "map/map.h"
#include "tap.h"

static u64 state = 1;

static u32 draw(u32 below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (u32)((state >> 16) % below);
}

static int kernel(int cmd, union bpf_attr *attr)
{
	return linux_bpf(cmd, attr, sizeof(*attr));
}

static u32 possible_cpus(void)
{
	FILE *file = fopen("/sys/devices/system/cpu/possible", "r");
	u32 first = 0, last = 0;

	if (file && fscanf(file, "%u-%u", &first, &last) < 2)
		last = first;
	if (file)
		fclose(file);
	return last + 1;
}

static u32 nr_cpus;

static int make_kernel(const struct map_spec *spec)
{
	union bpf_attr attr = { 0 };

	attr.map_type = spec->type;
	attr.key_size = spec->key_size;
	attr.value_size = spec->value_size;
	attr.max_entries = spec->max_entries;
	attr.map_flags = spec->flags;
	attr.map_extra = spec->extra;
	return kernel(BPF_MAP_CREATE, &attr);
}

static const u32 types[] = {
	BPF_MAP_TYPE_HASH,	   BPF_MAP_TYPE_ARRAY,
	BPF_MAP_TYPE_PROG_ARRAY,   BPF_MAP_TYPE_PERF_EVENT_ARRAY,
	BPF_MAP_TYPE_PERCPU_HASH,  BPF_MAP_TYPE_PERCPU_ARRAY,
	BPF_MAP_TYPE_LRU_HASH,	   BPF_MAP_TYPE_LRU_PERCPU_HASH,
	BPF_MAP_TYPE_LPM_TRIE,	   BPF_MAP_TYPE_QUEUE,
	BPF_MAP_TYPE_STACK,	   BPF_MAP_TYPE_RINGBUF,
	BPF_MAP_TYPE_BLOOM_FILTER, BPF_MAP_TYPE_DEVMAP,
	BPF_MAP_TYPE_DEVMAP_HASH,  BPF_MAP_TYPE_STACK_TRACE,
};

/* For verification only. Which of them the running kernel has depends on how it was built. */
static const u32 unrun_types[] = {
	BPF_MAP_TYPE_CGROUP_ARRAY,
	BPF_MAP_TYPE_SOCKMAP,
	BPF_MAP_TYPE_CPUMAP,
	BPF_MAP_TYPE_XSKMAP,
	BPF_MAP_TYPE_SOCKHASH,
	BPF_MAP_TYPE_CGROUP_STORAGE,
	BPF_MAP_TYPE_REUSEPORT_SOCKARRAY,
	BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE,
	BPF_MAP_TYPE_SK_STORAGE,
	BPF_MAP_TYPE_INODE_STORAGE,
	BPF_MAP_TYPE_TASK_STORAGE,
	BPF_MAP_TYPE_USER_RINGBUF,
	BPF_MAP_TYPE_CGRP_STORAGE,
	BPF_MAP_TYPE_ARENA,
};

static struct map_spec spec_of(u32 type)
{
	return (struct map_spec){ .type = type,
				  .name = "differ",
				  .nr_cpus = nr_cpus,
				  .spin_lock_off = -1,
				  .timer_off = -1 };
}

/* Big maps cost the kernel time: they are tried once each, not by chance. */
static bool affordable(const struct map_spec *spec)
{
	return (u64)spec->max_entries * ((u64)spec->key_size + spec->value_size + 64) < 4 << 20 ||
	       !spec->max_entries;
}

static void create_random(u32 rounds, const u32 *from, u32 count)
{
	static const u32 sizes[] = { 0,	    1,	     2,	      4,	5,    8,    12,
				     16,    24,	     260,     264,	1016, 1024, 32768,
				     32776, 4194000, 4194304, 1u << 31, ~0u };
	static const u32 entries[] = { 0, 1, 2, 3, 7, 64, 4096, 8192, 65536 };
	static const u32 flags[] = { 0,	  0,   0,   1,	  2,	8,    16,   32,	     64,      128,
				     256, 384, 512, 1024, 2048, 4096, 8192, 1 << 18, 1u << 31 };
	u32 differing = 0, made = 0;

	for (u32 i = 0; i < rounds; i++) {
		struct map_spec spec = spec_of(from[draw(count)]);
		struct map *map;
		int fd, err;

		spec.key_size = draw(2) ? draw(2) * 4 : sizes[draw(ARRAY_SIZE(sizes))];
		spec.value_size = draw(2) ? (u32)8 >> draw(2) : sizes[draw(ARRAY_SIZE(sizes))];
		spec.max_entries = entries[draw(ARRAY_SIZE(entries))];
		spec.flags = flags[draw(ARRAY_SIZE(flags))] |
			     (draw(4) ? 0 : flags[draw(ARRAY_SIZE(flags))]);
		spec.extra = spec.type == BPF_MAP_TYPE_BLOOM_FILTER && !draw(3) ? draw(40) : 0;
		if (spec.type == BPF_MAP_TYPE_ARENA && draw(2))
			spec.extra = (u64)draw(3) << 31 | draw(2) << 12 | (draw(8) ? 0 : 1);
		if (spec.type == BPF_MAP_TYPE_LPM_TRIE && draw(3))
			spec.flags |= BPF_F_NO_PREALLOC;
		if ((spec.flags & 24) == 24 || !affordable(&spec))
			continue;
		/* NR_CPUS, which bounds a cpumap, is how Linux was built */
		if (spec.type == BPF_MAP_TYPE_CPUMAP && spec.max_entries > 64)
			continue;
		fd = make_kernel(&spec);
		err = map_new(&map, &spec, NULL);
		made += !err;
		if ((fd < 0 ? fd : 0) != err && differing++ < 10)
			printf("# type %u key %u value %u entries %u flags 0x%x extra %llu: kernel %d, skep %d\n",
			       spec.type, spec.key_size, spec.value_size, spec.max_entries,
			       spec.flags, (unsigned long long)spec.extra, fd < 0 ? fd : 0, err);
		map_free(map);
		if (fd >= 0)
			close(fd);
	}
	is(differing, 0, "creations of %u types agree (%u made)", count, made);
}

/* Both maps under test. */
struct pair {
	struct map *map;
	int fd;
	u32 key_size, value_size; /* as bpf(2) passes them */
};

static int kernel_elem(struct pair *pair, int cmd, const void *key, void *value, u64 flags)
{
	union bpf_attr attr = { 0 };

	attr.map_fd = (u32)pair->fd;
	attr.key = (u64)(uintptr_t)(pair->key_size ? key : NULL);
	attr.value = (u64)(uintptr_t)value;
	attr.flags = flags;
	return kernel(cmd, &attr);
}

static void draw_key(const struct pair *pair, u8 *key)
{
	u32 type = pair->map->spec.type, small = draw(12) - 1;

	memset(key, 0, 264);
	memcpy(key, &small, min(pair->key_size, 4u));
	if (pair->key_size > 4 && type != BPF_MAP_TYPE_LPM_TRIE)
		key[pair->key_size - 1] = (u8)draw(2);
	if (type == BPF_MAP_TYPE_LPM_TRIE) {
		small = draw((pair->key_size - 4) * 8 + 2);
		if (draw(2))
			small = draw(9);
		memcpy(key, &small, 4);
		for (u32 i = 4; i < pair->key_size; i++)
			key[i] = (u8)(draw(3) ? draw(4) << 6 : draw(256));
	}
}

static void draw_value(const struct pair *pair, u8 *value)
{
	for (u32 i = 0; i < pair->value_size; i++)
		value[i] = (u8)(draw(3) ? draw(256) : 0);
	/* the padding between CPUs' values is nobody's */
	if (pair->value_size > pair->map->spec.value_size)
		for (u32 i = 0; i < pair->value_size; i++)
			if (i % round_up(pair->map->spec.value_size, 8) >=
			    pair->map->spec.value_size)
				value[i] = 0;
	if (pair->map->spec.type == BPF_MAP_TYPE_DEVMAP ||
	    pair->map->spec.type == BPF_MAP_TYPE_DEVMAP_HASH) {
		memset(value, 0, pair->value_size);
		value[0] = draw(3) == 0 ? 0 : draw(8) ? 1 : 250;
	}
}

static int differ(const struct pair *pair, const char *what, const u8 *key, u64 flags, int ours,
		  int theirs)
{
	u32 index;

	memcpy(&index, key, 4);
	printf("# %s %s key %u flags %llu: kernel %d, skep %d\n",
	       map_types[pair->map->spec.type].name, what, index, (unsigned long long)flags, theirs,
	       ours);
	return 1;
}

static u64 draw_flags(void)
{
	return draw(3) ? 0 : draw(2) ? draw(9) : draw(2) ? 1ull << draw(64) : draw(4);
}

static bool ordered(u32 type)
{
	return type != BPF_MAP_TYPE_HASH && type != BPF_MAP_TYPE_PERCPU_HASH &&
	       type != BPF_MAP_TYPE_LRU_HASH && type != BPF_MAP_TYPE_LRU_PERCPU_HASH &&
	       type != BPF_MAP_TYPE_DEVMAP_HASH;
}

enum { MAX_VALUE = 4096 };

static int one_step(struct pair *pair)
{
	u8 key[264], ours[MAX_VALUE] = { 0 }, theirs[MAX_VALUE] = { 0 };
	u64 flags = draw_flags();
	int a = 0, b = 0, what = (int)draw(9);
	const char *names[] = { "update", "lookup", "delete", "lookup and delete" };

	draw_key(pair, key);
	draw_value(pair, ours);
	memcpy(theirs, ours, sizeof(theirs));
	what = what < 4 ? 0 : what < 7 ? 1 : what == 7 ? 2 : 3;
	switch (what) {
	case 0:
		a = map_sys_update(pair->map, key, ours, flags);
		b = kernel_elem(pair, BPF_MAP_UPDATE_ELEM, key, theirs, flags);
		break;
	case 1:
		a = map_sys_lookup(pair->map, key, ours, flags);
		b = kernel_elem(pair, BPF_MAP_LOOKUP_ELEM, key, theirs, flags);
		break;
	case 2:
		a = map_sys_remove(pair->map, key);
		b = kernel_elem(pair, BPF_MAP_DELETE_ELEM, key, NULL, 0);
		break;
	case 3:
		a = map_sys_lookup_remove(pair->map, key, ours, flags);
		b = kernel_elem(pair, BPF_MAP_LOOKUP_AND_DELETE_ELEM, key, theirs, flags);
		break;
	}
	if (a != b)
		return differ(pair, names[what], key, flags, a, b);
	if (!a && (what == 1 || what == 3) && memcmp(ours, theirs, pair->value_size))
		return differ(pair, "value of", key, flags, ours[0], theirs[0]);
	return 0;
}

/* Walks both from the start and from a random key: same length, and the same keys where there is an order. */
static int walk(struct pair *pair)
{
	u8 key[264], next[2][264] = { { 0 } };
	bool from_start = draw(2), in_order = ordered(pair->map->spec.type);
	u32 count[2] = { 0 };
	int err[2];

	draw_key(pair, key);
	if (in_order) {
		for (u32 i = 0; i < 1000; i++) {
			err[0] = map_next_key(pair->map, from_start && !i ? NULL : key, next[0]);
			err[1] = kernel_elem(pair, BPF_MAP_GET_NEXT_KEY,
					     from_start && !i ? NULL : key, next[1], 0);
			if (err[0] != err[1])
				return differ(pair, "next key", key, from_start, err[0], err[1]);
			if (err[0])
				return 0;
			if (memcmp(next[0], next[1], pair->key_size))
				return differ(pair, "next key's bytes", key, from_start, next[0][0],
					      next[1][0]);
			memcpy(key, next[0], sizeof(key));
		}
		return 0;
	}
	for (u32 side = 0; side < 2; side++)
		for (u32 i = 0; i < 1000; i++) {
			const u8 *from = i ? key : NULL;

			err[side] = side ? kernel_elem(pair, BPF_MAP_GET_NEXT_KEY, from, next[1], 0)
					 : map_next_key(pair->map, from, next[0]);
			if (err[side])
				break;
			memcpy(key, next[side], sizeof(key));
			count[side]++;
		}
	return count[0] != count[1] || err[0] != err[1]
		       ? differ(pair, "count", key, 0, (int)count[0], (int)count[1])
		       : 0;
}

static void operate(u32 type, u32 key_size, u32 value_size, u32 entries, u32 flags, u32 rounds)
{
	struct map_spec spec = spec_of(type);
	struct pair pair = { .key_size = key_size };
	int err, differing = 0;

	spec.key_size = key_size;
	spec.value_size = value_size;
	spec.max_entries = entries;
	spec.flags = flags;
	pair.fd = make_kernel(&spec);
	err = map_new(&pair.map, &spec, NULL);
	if (pair.fd < 0 || err) {
		ok(0, "%s can be made: kernel %d, skep %d", map_types[type].name, pair.fd, err);
		return;
	}
	pair.value_size = map_sys_value_size(pair.map);
	for (u32 i = 0; i < rounds && differing < 5; i++)
		differing += i % 50 == 49 ? walk(&pair) : one_step(&pair);
	is(differing, 0, "%s key %u value %u entries %u: operations agree", map_types[type].name,
	   key_size, value_size, entries);
	map_free(pair.map);
	close(pair.fd);
}

int main(int argc, char **argv)
{
	u32 rounds = argc > 2 ? (u32)atoi(argv[2]) : 5000;
	struct map_spec probe = {
		.type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1
	};
	int fd = make_kernel(&probe);

	if (fd < 0) {
		skip("bpf(2) is not permitted here");
		return done();
	}
	close(fd);
	state = argc > 1 ? strtoull(argv[1], NULL, 0) * 0x9e3779b97f4a7c15ull | 1
			 : 0x5eed5eed5eedull;
	nr_cpus = possible_cpus();
	create_random(rounds, types, ARRAY_SIZE(types));
	create_random(rounds, unrun_types, ARRAY_SIZE(unrun_types));
	for (u32 entries = 4; entries <= 16; entries += 12) {
		for (u32 size = 4; size <= 16; size += 4) {
			operate(BPF_MAP_TYPE_HASH, size, size + 3, entries, 0, rounds);
			operate(BPF_MAP_TYPE_HASH, size + 1, size, entries, BPF_F_NO_PREALLOC,
				rounds);
			operate(BPF_MAP_TYPE_PERCPU_HASH, size, size + 1, entries, 0, rounds);
		}
		operate(BPF_MAP_TYPE_ARRAY, 4, 12, entries, 0, rounds);
		operate(BPF_MAP_TYPE_ARRAY, 4, 13, entries, BPF_F_MMAPABLE, rounds);
		operate(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 12, entries, 0, rounds);
		operate(BPF_MAP_TYPE_QUEUE, 0, 8, entries, 0, rounds);
		operate(BPF_MAP_TYPE_STACK, 0, 9, entries, 0, rounds);
		operate(BPF_MAP_TYPE_DEVMAP, 4, 4, entries, 0, rounds);
		operate(BPF_MAP_TYPE_DEVMAP_HASH, 4, 8, entries, 0, rounds);
		operate(BPF_MAP_TYPE_LPM_TRIE, 8, 8, entries, BPF_F_NO_PREALLOC, rounds);
		operate(BPF_MAP_TYPE_LPM_TRIE, 4 + entries, 12, 64, BPF_F_NO_PREALLOC, rounds);
		operate(BPF_MAP_TYPE_LPM_TRIE, 6, 12, 200, BPF_F_NO_PREALLOC, rounds);
	}
	operate(BPF_MAP_TYPE_LRU_HASH, 4, 8, 8192, 0, rounds); /* no eviction: when is by CPU */
	operate(BPF_MAP_TYPE_LRU_PERCPU_HASH, 4, 8, 8192, 0, rounds);
	operate(BPF_MAP_TYPE_BLOOM_FILTER, 0, 8, 50000, 0, rounds);
	operate(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0, rounds / 10);
	operate(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, 0, 0);
	return done();
}
