/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Updates of present keys are done where the value is, if nobody can tell: who has a pointer to a value keeps
 * seeing that value, as on Linux, where an update puts another element there; and who reads beside a writer
 * sees all of a value or all of another. Run also with SAN=thread.
 */
#include <pthread.h>

#include "map.h"

enum { WORDS = 16, STEPS = 200000 };

struct value {
	u64 words[WORDS];
};

static struct map *map;
static u32 finished, torn;

static void fill(struct value *value, u64 with)
{
	for (u32 i = 0; i < WORDS; i++)
		value->words[i] = with;
}

static bool whole(const struct value *value)
{
	u64 first = __atomic_load_n(&value->words[0], __ATOMIC_RELAXED);

	for (u32 i = 1; i < WORDS; i++)
		if (__atomic_load_n(&value->words[i], __ATOMIC_RELAXED) != first)
			return false;
	return true;
}

static int put(u64 key, u64 with, u64 flags)
{
	struct value value;

	fill(&value, with);
	return map->ops->update(map, &key, &value, flags, 0);
}

static u64 *get(u64 key)
{
	return map->ops->lookup(map, &key, 0);
}

static bool show(void *arg, struct map *of, const void *key, void *value)
{
	(void)of, (void)key;
	*(u64 **)arg = value;
	return true;
}

static void check_held(const char *type)
{
	u64 *first, *second, *shown;
	struct value copy;
	u64 key = 1;

	put(1, 10, BPF_ANY);
	put(1, 11, BPF_ANY);
	put(1, 12, BPF_EXIST);
	is(*get(1), 12, "%s: the last update counts", type);
	first = get(1);
	put(1, 13, BPF_ANY);
	is(*first, 12, "%s: who looked a value up keeps it", type);
	second = get(1);
	is(*second, 13, "%s: who looks again sees the new one", type);
	put(2, 20, BPF_ANY);
	put(2, 21, BPF_ANY);
	is(*second, 13, "%s: another key's updates are another's", type);
	map->ops->remove(map, &key);
	ok(!get(1) && *get(2) == 21, "%s: a removed key is gone, the other there", type);
	map->ops->for_each(map, 0, show, &shown);
	put(2, 22, BPF_ANY);
	is(*shown, 21, "%s: who was shown a value keeps it", type);
	key = 2;
	ok(!map_sys_lookup(map, &key, &copy, 0) && copy.words[0] == 22 && whole(&copy),
	   "%s: bpf(2) sees the new one", type);
	is(put(2, 23, BPF_NOEXIST), -EEXIST, "%s: NOEXIST refuses a present key", type);
	is(put(3, 23, BPF_EXIST), -ENOENT, "%s: EXIST refuses an absent one", type);
	ok(*get(2) == 22, "%s: what was refused changed nothing", type);
}

static void *write_all(void *arg)
{
	(void)arg;
	for (u64 i = 0; i < STEPS; i++)
		put(2, i, BPF_ANY);
	__atomic_store_n(&finished, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* One writer, one reader: what the reader holds is not used again before it looks again. */
static void check_whole(const char *type)
{
	u64 key = 2, missed = 0, looks = 0;
	struct value copy;
	pthread_t writer;

	finished = torn = 0;
	pthread_create(&writer, NULL, write_all, NULL);
	do {
		const struct value *value = looks % 2 ? map->ops->lookup(map, &key, 1) : &copy;

		if (!value || (value == &copy && map_sys_lookup(map, &key, &copy, 0)))
			missed++;
		else
			torn += !whole(value);
		looks++;
	} while (!__atomic_load_n(&finished, __ATOMIC_ACQUIRE));
	pthread_join(writer, NULL);
	ok(!missed && !torn, "%s: %u of %llu looks saw half a value, %llu missed it", type, torn,
	   (unsigned long long)looks, (unsigned long long)missed);
	is(*get(2), STEPS - 1, "%s: the writer's last value is there", type);
}

/* Every update of a key that is there all the time counts, whoever makes it and whatever happens to its neighbours. */
static void *count_up(void *arg)
{
	u32 cpu = (u32)(uintptr_t)arg;

	for (u64 i = 0; i < STEPS / 4; i++) {
		u64 key = 100 + cpu, other = 200 + i % 8;
		struct value value;

		fill(&value, i);
		if (map->ops->update(map, &key, &value, BPF_EXIST, cpu))
			__atomic_add_fetch(&torn, 1, __ATOMIC_RELAXED);
		map->ops->update(map, &other, &value, BPF_ANY, cpu);
		map->ops->remove(map, &other);
	}
	return NULL;
}

static void check_two(const char *type)
{
	u64 *held[2], next;
	pthread_t threads[2];
	u32 count = 0;

	torn = 0;
	for (u64 i = 0; i < 2; i++)
		put(100 + i, 0, BPF_ANY);
	for (u64 i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, count_up, (void *)(uintptr_t)i);
	for (u64 i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (u64 i = 0; i < 2; i++)
		held[i] = get(100 + i);
	ok(!torn && *held[0] == STEPS / 4 - 1 && *held[1] == STEPS / 4 - 1,
	   "%s: two writers, no update lost, no key missed (%u)", type, torn);
	for (u64 key = 0; !map_next_key(map, count ? &key : NULL, &next); key = next)
		count++;
	is(count, 3, "%s: what was added and removed is gone", type);
}

int main(void)
{
	static const struct {
		const char *name;
		u32 type;
	} types[] = { { "hash", BPF_MAP_TYPE_HASH }, { "lru_hash", BPF_MAP_TYPE_LRU_HASH } };
	int err;

	for (u32 i = 0; i < ARRAY_SIZE(types); i++) {
		map = make_map(types[i].type, 8, sizeof(struct value), 64, 0, &err);
		if (!map)
			return 1;
		check_held(types[i].name);
		check_whole(types[i].name);
		check_two(types[i].name);
		map_free(map);
	}
	return done();
}
