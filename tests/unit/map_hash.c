/* SPDX-License-Identifier: BSD-2-Clause */
/* Hash maps hold exactly what was put in, up to max_entries, and give it back whole. */
#include "map.h"

enum { ENTRIES = 1000 };

static void fill_and_empty(u32 key_size)
{
	u8 key[64] = { 0 }, next[64];
	int err, bad = 0, walked = 0;
	struct map *map = make_map(BPF_MAP_TYPE_HASH, key_size, 12, ENTRIES, 0, &err);
	u32 value[3], out[3];

	if (!is(err, 0, "key size %u: made", key_size))
		return;
	for (u32 i = 0; i < ENTRIES; i++) {
		memcpy(key, &i, min(key_size, 4u));
		memcpy(value, (u32[]){ i, ~i, i * 3 }, 12);
		bad += map->ops->update(map, key, value, BPF_NOEXIST, i % TEST_CPUS) != 0;
	}
	is(bad, 0, "as many as max_entries fit");
	memset(key, 0xff, sizeof(key));
	is(map_sys_update(map, key, value, 0), -E2BIG, "one more does not");
	memset(key, 0, sizeof(key));
	for (u32 i = 0; i < ENTRIES; i++) {
		memcpy(key, &i, min(key_size, 4u));
		bad += map_sys_lookup(map, key, out, 0) || out[0] != i || out[1] != ~i ||
		       out[2] != i * 3;
	}
	is(bad, 0, "each is found with its value");
	for (err = map_next_key(map, NULL, next); !err && walked <= ENTRIES;
	     err = map_next_key(map, key, next)) {
		memcpy(key, next, key_size);
		walked++;
	}
	is(walked, ENTRIES, "walking visits each once");
	memset(key, 0, sizeof(key));
	for (u32 i = 0; i < ENTRIES; i += 2) {
		memcpy(key, &i, min(key_size, 4u));
		bad += map->ops->remove(map, key) != 0;
		bad += map_sys_remove(map, key) != -ENOENT;
	}
	is(bad, 0, "half are removed, once");
	for (u32 i = 0; i < ENTRIES; i++) {
		memcpy(key, &i, min(key_size, 4u));
		bad += !map->ops->lookup(map, key, 0) != !(i % 2);
	}
	is(bad, 0, "the others stay");
	for (u32 i = 0; i < ENTRIES; i += 2) {
		memcpy(key, &i, min(key_size, 4u));
		bad += map_sys_update(map, key, value, BPF_ANY) != 0;
	}
	is(bad, 0, "removed elements serve again, all of them");
	map_free(map);
}

static void flags(void)
{
	u64 key = 1, value = 2;
	int err;
	struct map *map = make_map(BPF_MAP_TYPE_HASH, 8, 8, 4, 0, &err);

	is(map_sys_update(map, &key, &value, BPF_EXIST), -ENOENT, "BPF_EXIST of an absent key");
	is(map_sys_update(map, &key, &value, BPF_NOEXIST), 0, "BPF_NOEXIST of an absent key");
	is(map_sys_update(map, &key, &value, BPF_NOEXIST), -EEXIST, "BPF_NOEXIST of a present key");
	is(map_sys_update(map, &key, &value, 3), -EINVAL, "both");
	is(map_sys_update(map, &key, &value, BPF_F_LOCK), -EINVAL, "BPF_F_LOCK without a lock");
	is(map_sys_lookup_remove(map, &key, &value, 0), 0, "lookup and delete");
	is(map_sys_lookup(map, &key, &value, 0), -ENOENT, "… deleted it");
	map_free(map);
}

static void old_value_survives(void)
{
	u64 key = 1, value = 2, *held;
	int err;
	struct map *map = make_map(BPF_MAP_TYPE_HASH, 8, 8, 4, 0, &err);

	map->ops->update(map, &key, &value, 0, 0);
	held = map->ops->lookup(map, &key, 0);
	value = 3;
	map->ops->update(map, &key, &value, 0, 0);
	is(*held, 2, "who holds a value reads it whole while another takes its place");
	is(*(u64 *)map->ops->lookup(map, &key, 0), 3, "a new lookup finds the new one");
	map_free(map);
}

static void percpu(void)
{
	u32 key = 7;
	u64 value = 5, all[TEST_CPUS] = { 1, 2 };
	int err;
	struct map *map = make_map(BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 4, 0, &err);

	is(map_sys_update(map, &key, all, 0), 0, "per-CPU: all CPUs from outside");
	is(*(u64 *)map->ops->lookup(map, &key, 1), 2, "a program sees its CPU's");
	map->ops->update(map, &key, &value, 0, 1);
	map_sys_lookup(map, &key, all, 0);
	ok(all[0] == 1 && all[1] == 5, "and changes only its own");
	map_sys_remove(map, &key);
	map->ops->update(map, &key, &value, 0, 0);
	map_sys_lookup(map, &key, all, 0);
	ok(all[0] == 5 && all[1] == 0, "a new element is zero on other CPUs");
	is(map_sys_value_size(map), 16, "size of a value outside");
	map_free(map);
}

static void lru(void)
{
	int err, bad = 0, kept = 0;
	struct map *map = make_map(BPF_MAP_TYPE_LRU_HASH, 4, 8, 100, 0, &err);
	u64 value = 1;

	for (u32 i = 0; i < 10000; i++) {
		bad += map->ops->update(map, &i, &value, 0, i % TEST_CPUS) != 0;
		for (u32 hot = 0; hot < 10 && hot <= i; hot++)
			bad += !map->ops->lookup(map, &hot, 0);
	}
	is(bad, 0, "LRU: never full, and what is used stays");
	for (u32 i = 0; i < 10000; i++)
		kept += map_sys_lookup(map, &i, &value, 0) == 0;
	is(kept, 100, "LRU: max_entries are kept");
	map_free(map);
}

int main(void)
{
	static const u32 sizes[] = { 2, 4, 5, 8, 12, 16, 40 };

	for (u32 i = 1; i < ARRAY_SIZE(sizes); i++)
		fill_and_empty(sizes[i]);
	flags();
	old_value_survives();
	percpu();
	lru();
	return done();
}
