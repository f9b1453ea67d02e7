/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Maps under threads: a key that stays is never missed while its neighbours come and go, a value is
 * never half of one and half of another, and what was counted is what is there. Run also with SAN=thread.
 */
#include <pthread.h>
#include <string.h>

#include "map.h"
#include "map/ringbuf.h"

enum { THREADS = 3, STAY = 64, COME = 64, STEPS = 60000 };

static struct map *map;
static u32 missed, torn, failed, stop;

static u64 slot_of(void *arg)
{
	return (u64)(uintptr_t)arg;
}

struct pair {
	u64 a, b;
};

/* Inserts and deletes keys of its own above STAY; updates those that stay. */
static void *churn(void *arg)
{
	u64 me = slot_of(arg), key;
	struct pair value;

	for (u64 i = 0; i < STEPS; i++) {
		key = STAY + me * COME + i % COME;
		value = (struct pair){ i, ~i };
		if (map->ops->update(map, &key, &value, BPF_ANY, (u32)me))
			__atomic_add_fetch(&failed, 1, __ATOMIC_RELAXED);
		key = i % STAY;
		if (map->ops->update(map, &key, &value, BPF_EXIST, (u32)me))
			__atomic_add_fetch(&failed, 1, __ATOMIC_RELAXED);
		key = STAY + me * COME + (i + COME / 2) % COME;
		map->ops->remove(map, &key);
	}
	return NULL;
}

static void *look(void *arg)
{
	struct pair value;

	(void)arg;
	for (u64 i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
		u64 key = i * 7919 % STAY;

		if (map_sys_lookup(map, &key, &value, 0))
			__atomic_add_fetch(&missed, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static u32 count_keys(void)
{
	u64 key, next;
	u32 count = 0;

	for (int err = map_next_key(map, NULL, &next); !err; err = map_next_key(map, &key, &next)) {
		key = next;
		count++;
	}
	return count;
}

static void never_missed(u32 type, const char *name)
{
	struct map_spec spec =
		map_spec_of(type, 8, sizeof(struct pair), STAY + THREADS * COME + 8, 0);
	pthread_t writers[THREADS - 1], reader;
	struct pair value = { 1, ~1ull };
	u32 kept = 0;

	spec.nr_cpus = THREADS;
	missed = torn = failed = stop = 0;
	if (!is(map_new(&map, &spec, NULL), 0, "%s: made", name))
		return;
	for (u64 key = 0; key < STAY; key++)
		map_sys_update(map, &key, &value, 0);
	pthread_create(&reader, NULL, look, NULL);
	for (u64 i = 0; i < THREADS - 1; i++)
		pthread_create(&writers[i], NULL, churn, (void *)(uintptr_t)i);
	for (u64 i = 0; i < THREADS - 1; i++)
		pthread_join(writers[i], NULL);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(reader, NULL);
	is(missed, 0, "%s: no key that stays was missed", name);
	is(failed, 0, "%s: no update failed", name);
	for (u64 key = 0; key < STAY; key++)
		kept += !map_sys_lookup(map, &key, &value, 0) && value.b == ~value.a;
	is(kept, STAY, "%s: and their values are whole", name);
	is(count_keys(), STAY + (THREADS - 1) * COME / 2,
	   "%s: what is left is what was not deleted", name);
	map_free(map);
}

/* Every thread adds to one value under BPF_F_LOCK's discipline, read and write as one. */
static void *locked(void *arg)
{
	u8 value[24] = { 0 };
	u64 key = 0, seen[2];

	for (u64 i = 0; i < STEPS / 4; i++) {
		u64 word = i * 2 + slot_of(arg);

		memcpy(value + 8, &word, 8);
		memcpy(value + 16, &word, 8);
		map_sys_update(map, &key, value, BPF_F_LOCK);
		map_sys_lookup(map, &key, value, BPF_F_LOCK);
		memcpy(seen, value + 8, 16);
		if (seen[0] != seen[1])
			__atomic_add_fetch(&torn, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void lock_holds(u32 type, u32 key_size)
{
	struct map_spec spec = map_spec_of(type, key_size, 24, 4, 0);
	pthread_t threads[2];
	u8 value[24] = { 0 };
	u64 key = 0;

	spec.spin_lock_off = 0;
	torn = 0;
	map_new(&map, &spec, NULL);
	map_sys_update(map, &key, value, 0);
	for (u64 i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, locked, (void *)(uintptr_t)i);
	for (u64 i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	is(torn, 0, "BPF_F_LOCK: no value was torn");
	map_free(map);
}

static void *produce(void *arg)
{
	u64 me = slot_of(arg);

	for (u64 i = 0; i < STEPS;) {
		u64 *sample = ringbuf_reserve(map, 8 + i % 5 * 8);

		if (!sample)
			continue;
		sample[0] = me << 32 | i;
		ringbuf_commit(map, sample, 8 + (u32)(i % 5) * 8, i % 16 == 15, BPF_RB_NO_WAKEUP);
		i++;
	}
	return NULL;
}

/* Consumes as libbpf does; every record comes once, in its producer's order. */
static void ring_loses_nothing(void)
{
	struct map_spec spec = map_spec_of(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0);
	u64 next[2] = { 0 }, position = 0, wrong = 0, left = 2 * STEPS, size = 4096;
	pthread_t threads[2];
	u64 *consumer;
	u8 *data;

	map_new(&map, &spec, NULL);
	data = map->values;
	consumer = (u64 *)(data - 8192);
	for (u64 i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, produce, (void *)(uintptr_t)i);
	while (left) {
		u64 end = __atomic_load_n(consumer + 512, __ATOMIC_ACQUIRE);

		while (position < end) {
			u32 *header = (u32 *)(data + position % size),
			    len = __atomic_load_n(header, __ATOMIC_ACQUIRE);
			u64 sample;

			if (len & BPF_RINGBUF_BUSY_BIT)
				break;
			position += round_up((len & ~(u32)BPF_RINGBUF_DISCARD_BIT) + 8, 8);
			if (len != BPF_RINGBUF_DISCARD_BIT) {
				memcpy(&sample, header + 2, 8);
				wrong += (u32)sample != next[sample >> 32]++;
				wrong += (len >> 30 & 1) != ((u32)sample % 16 == 15);
				left--;
			}
			__atomic_store_n(consumer, position, __ATOMIC_RELEASE);
		}
	}
	for (u64 i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	is(wrong, 0, "ring buffer: every record of two producers came, once and in order");
	map_free(map);
}

static void *route(void *arg)
{
	u32 key[2] = { 24, 0 };
	u64 value = 9;

	for (u32 i = 0; i < STEPS; i++) {
		key[1] = (u32)slot_of(arg) << 8 | i % 251;
		map->ops->update(map, key, &value, 0, 0);
		key[1] = (u32)slot_of(arg) << 8 | (i + 100) % 251;
		map->ops->remove(map, key);
	}
	return NULL;
}

static void *find_route(void *arg)
{
	u32 key[2] = { 32, 0 };

	(void)arg;
	for (u32 i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
		key[1] = i * 2654435761u;
		if (!map->ops->lookup(map, key, 0))
			__atomic_add_fetch(&missed, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void default_route_stays(void)
{
	struct map_spec spec = map_spec_of(BPF_MAP_TYPE_LPM_TRIE, 8, 8, 1000, BPF_F_NO_PREALLOC);
	pthread_t threads[2], reader;
	u32 key[2] = { 0, 0 };
	u64 value = 1;

	missed = stop = 0;
	map_new(&map, &spec, NULL);
	map_sys_update(map, key, &value, 0);
	pthread_create(&reader, NULL, find_route, NULL);
	for (u64 i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, route, (void *)(uintptr_t)i);
	for (u64 i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(reader, NULL);
	is(missed, 0, "lpm_trie: the default route is found while others come and go");
	map_free(map);
}

int main(void)
{
	never_missed(BPF_MAP_TYPE_HASH, "hash");
	never_missed(BPF_MAP_TYPE_LRU_HASH, "lru_hash");
	lock_holds(BPF_MAP_TYPE_HASH, 8);
	lock_holds(BPF_MAP_TYPE_ARRAY, 4);
	ring_loses_nothing();
	default_route_stays();
	return done();
}
