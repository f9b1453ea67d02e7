/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * array and percpu_array. Elements always exist, all zero at first, so there is nothing to insert or
 * delete. Elements lie stride bytes apart; a per-CPU array is one such run a CPU, pages apart, so that
 * CPUs share no cache line. With BPF_F_MMAPABLE the values are a memfd that holds nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "map/area.h"
#include "map/ops.h"
#include "map/value.h"
#include "util/size.h"

struct array {
	struct map map;
	struct area area;
	u64 cpu_stride;
	int memfd; /* -1: private memory */
};

static struct array *to_array(struct map *map)
{
	return container_of(map, struct array, map);
}

int array_check(const struct map_spec *spec, struct log *why)
{
	const u32 known = BPF_F_NUMA_NODE | BPF_F_MMAPABLE | BPF_F_PRESERVE_ELEMS |
			  BPF_F_INNER_MAP | MAP_ACCESS_FLAGS;
	bool percpu = spec->type == BPF_MAP_TYPE_PERCPU_ARRAY;

	if (!spec->max_entries || spec->key_size != 4 || !spec->value_size)
		return fail(why, -EINVAL, "%s: an array wants entries, keys of 4 bytes and values",
			    spec->name);
	if (spec->flags & ~known || !map_access_flags_ok(spec->flags) ||
	    (percpu && spec->flags & BPF_F_NUMA_NODE))
		return fail(why, -EINVAL, "%s: flags 0x%x do not suit an array", spec->name,
			    spec->flags);
	if (spec->type != BPF_MAP_TYPE_ARRAY && spec->flags & (BPF_F_MMAPABLE | BPF_F_INNER_MAP))
		return fail(why, -EINVAL, "%s: only plain arrays are mappable or of varying size",
			    spec->name);
	if (spec->type != BPF_MAP_TYPE_PERF_EVENT_ARRAY && spec->flags & BPF_F_PRESERVE_ELEMS)
		return fail(why, -EINVAL, "%s: BPF_F_PRESERVE_ELEMS is for perf_event_array",
			    spec->name);
	if (spec->value_size > INT_MAX ||
	    (percpu && round_up((u64)spec->value_size, 8) > MAP_PERCPU_VALUE_MAX))
		return fail(why, -E2BIG, "%s: values of %u bytes are too large", spec->name,
			    spec->value_size);
	return 0;
}

static int array_alloc(struct map **out, const struct map_spec *spec, struct log *why)
{
	bool percpu = spec->type == BPF_MAP_TYPE_PERCPU_ARRAY;
	u64 stride = round_up((u64)spec->value_size, 8), size;
	int err = array_check(spec, why);
	struct array *array;

	if (err)
		return err;
	array = calloc(1, sizeof(*array));
	if (!array)
		return -ENOMEM;
	array->memfd = -1;
	err = -ENOMEM;
	if (!size_mul(stride, spec->max_entries, &size))
		goto fail;
	if (percpu) {
		array->cpu_stride = size = round_up(size, 4096);
		if (!size_mul(size, spec->nr_cpus, &size))
			goto fail;
	}
	if (spec->flags & BPF_F_MMAPABLE)
		err = array->memfd = area_new_shared(&array->area, size);
	else
		err = area_new(&array->area, size);
	if (err < 0)
		goto fail;
	array->map.values = array->area.mem;
	array->map.values_len = array->area.len;
	array->map.stride = (u32)stride;
	array->map.shape = (struct map_shape){ .block = array->cpu_stride, .stride = (u32)stride };
	*out = &array->map;
	return 0;
fail:
	free(array);
	return err;
}

static void array_free(struct map *map)
{
	struct array *array = to_array(map);

	if (array->memfd >= 0)
		close(array->memfd);
	area_free(&array->area);
	free(array);
}

static void *array_lookup(struct map *map, const void *key, u32 cpu)
{
	u32 index;

	(void)cpu;
	memcpy(&index, key, 4);
	return index < map->spec.max_entries ? map->values + (u64)index * map->stride : NULL;
}

static void *percpu_lookup(struct map *map, const void *key, u32 cpu)
{
	u32 index;

	memcpy(&index, key, 4);
	if (index >= map->spec.max_entries || cpu >= map->spec.nr_cpus)
		return NULL;
	return map->values + cpu * to_array(map)->cpu_stride + (u64)index * map->stride;
}

/* The kernel's order: flags, index, existence. */
static int check_update(struct map *map, const void *key, u64 flags, bool lockable)
{
	u32 index;

	memcpy(&index, key, 4);
	if ((flags & ~(lockable ? (u64)BPF_F_LOCK : 0)) > BPF_EXIST)
		return -EINVAL;
	if (index >= map->spec.max_entries)
		return -E2BIG;
	if (flags & BPF_NOEXIST)
		return -EEXIST;
	return flags & BPF_F_LOCK && map->spec.spin_lock_off < 0 ? -EINVAL : 0;
}

static int array_update(struct map *map, const void *key, const void *value, u64 flags, u32 cpu)
{
	int err = check_update(map, key, flags, true);

	if (err)
		return err;
	value_in(&map->spec, array_lookup(map, key, cpu), value, flags);
	if (map->release)
		map->release(map, array_lookup(map, key, cpu));
	return 0;
}

static int array_sys_update(struct map *map, const void *key, const void *value, u64 flags)
{
	return array_update(map, key, value, flags, 0);
}

static int array_sys_lookup(struct map *map, const void *key, void *value, u64 flags)
{
	void *stored = array_lookup(map, key, 0);

	if (!stored)
		return -ENOENT;
	value_out(&map->spec, value, stored, flags);
	return 0;
}

static int percpu_update(struct map *map, const void *key, const void *value, u64 flags, u32 cpu)
{
	int err = check_update(map, key, flags, false);

	if (err)
		return err;
	words_in(percpu_lookup(map, key, cpu), value, map->spec.value_size);
	return 0;
}

static int percpu_sys_update(struct map *map, const void *key, const void *value, u64 flags)
{
	int err = check_update(map, key, flags, false);

	for (u32 cpu = 0; !err && cpu < map->spec.nr_cpus; cpu++)
		words_in(percpu_lookup(map, key, cpu), (const u8 *)value + (u64)cpu * map->stride,
			 map->spec.value_size);
	return err;
}

static int percpu_sys_lookup(struct map *map, const void *key, void *value, u64 flags)
{
	(void)flags;
	if (!percpu_lookup(map, key, 0))
		return -ENOENT;
	for (u32 cpu = 0; cpu < map->spec.nr_cpus; cpu++)
		words_out((u8 *)value + (u64)cpu * map->stride, percpu_lookup(map, key, cpu),
			  map->stride);
	return 0;
}

int array_next_key(struct map *map, const void *key, void *next)
{
	u32 index = ~0u;

	if (key)
		memcpy(&index, key, 4);
	if (index == map->spec.max_entries - 1)
		return -ENOENT;
	index = index >= map->spec.max_entries ? 0 : index + 1;
	memcpy(next, &index, 4);
	return 0;
}

static s64 array_for_each(struct map *map, u32 cpu,
			  bool (*visit)(void *, struct map *, const void *, void *), void *arg)
{
	u32 index;

	for (index = 0; index < map->spec.max_entries; index++) {
		u32 key = index;

		if (visit(arg, map, &key, map->ops->lookup(map, &index, cpu)))
			return (s64)index + 1;
	}
	return index;
}

int map_no_remove(struct map *map, const void *key)
{
	(void)map, (void)key;
	return -EINVAL;
}

/* BPF_PSEUDO_MAP_VALUE is for arrays of one element. */
static void *array_value_addr(struct map *map, u32 off)
{
	return map->spec.max_entries == 1 && off < map->spec.value_size ? map->values + off : NULL;
}

static int array_memfd(struct map *map)
{
	int fd = to_array(map)->memfd;

	return fd >= 0 ? fd : -EINVAL;
}

/*
 * Programs go on with a copy of our own at the same address. A client that kept a writable mapping, which it
 * should not have, changes only what it sees itself.
 */
static int array_freeze(struct map *map)
{
	struct array *array = to_array(map);
	struct area copy;
	int err;

	if (array->memfd < 0 || !(map->spec.flags & BPF_F_RDONLY_PROG))
		return 0;
	err = area_new(&copy, array->area.len);
	if (err)
		return err;
	memcpy(copy.mem, array->area.mem, copy.len);
	if (mprotect(copy.mem, copy.len, PROT_READ) ||
	    mremap(copy.mem, copy.len, copy.len, MREMAP_MAYMOVE | MREMAP_FIXED, array->area.mem) ==
		    MAP_FAILED) {
		area_free(&copy);
		return -ENOMEM;
	}
	return 0;
}

const struct map_ops array_ops = {
	.alloc = array_alloc,
	.free = array_free,
	.lookup = array_lookup,
	.update = array_update,
	.remove = map_no_remove,
	.sys_lookup = array_sys_lookup,
	.sys_update = array_sys_update,
	.sys_remove = map_no_remove,
	.next_key = array_next_key,
	.for_each = array_for_each,
	.value_addr = array_value_addr,
	.memfd = array_memfd,
	.freeze = array_freeze,
};

const struct map_ops percpu_array_ops = {
	.alloc = array_alloc,
	.free = array_free,
	.lookup = percpu_lookup,
	.update = percpu_update,
	.remove = map_no_remove,
	.sys_lookup = percpu_sys_lookup,
	.sys_update = percpu_sys_update,
	.sys_remove = map_no_remove,
	.next_key = array_next_key,
	.for_each = array_for_each,
};
