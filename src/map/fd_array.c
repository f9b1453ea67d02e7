/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prog_array, perf_event_array, array_of_maps: arrays of objects that a caller names by fd. A program
 * reads a slot without a lock; writers take one, so that a slot's object and id belong together. An
 * object that leaves a slot goes to map->drop, which keeps it until no program can see it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "map/area.h"
#include "map/ops.h"
#include "util/lock.h"

struct fd_array {
	struct map map;
	struct area area;
	struct slot *slots;
	struct map_meta inner; /* array_of_maps */
	u32 lock;
};

static struct fd_array *to_fd_array(struct map *map)
{
	return container_of(map, struct fd_array, map);
}

static int fd_array_alloc(struct map **out, const struct map_spec *spec, struct log *why)
{
	struct map_meta inner = { 0 };
	struct fd_array *array;
	int err;

	if (spec->value_size != 4 || spec->flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG))
		return fail(why, -EINVAL,
			    "%s: an array of fds has values of 4 bytes, and no access flags",
			    spec->name);
	err = array_check(spec, why);
	if (!err && spec->type == BPF_MAP_TYPE_ARRAY_OF_MAPS)
		err = map_meta_take(&inner, spec, why);
	if (err)
		return err;
	array = calloc(1, sizeof(*array));
	if (!array)
		return -ENOMEM;
	err = area_new(&array->area, (u64)spec->max_entries * sizeof(struct slot));
	if (err) {
		free(array);
		return err;
	}
	array->slots = (struct slot *)array->area.mem;
	array->inner = inner;
	*out = &array->map;
	return 0;
}

static void fd_array_free(struct map *map)
{
	struct fd_array *array = to_fd_array(map);

	for (u32 i = 0; i < map->spec.max_entries && map->drop; i++)
		if (array->slots[i].object)
			map->drop(map, array->slots[i].object);
	area_free(&array->area);
	free(array);
}

static void *get(struct map *map, const void *key)
{
	u32 index;

	memcpy(&index, key, 4);
	if (index >= map->spec.max_entries)
		return NULL;
	return __atomic_load_n(&to_fd_array(map)->slots[index].object, __ATOMIC_ACQUIRE);
}

/* Returns what was there. */
static void *exchange(struct fd_array *array, u32 index, void *object, u32 id)
{
	struct slot *slot = &array->slots[index];
	void *old;

	lock_take(&array->lock);
	old = __atomic_exchange_n(&slot->object, object, __ATOMIC_ACQ_REL);
	slot->id = id;
	lock_drop(&array->lock);
	return old;
}

static int set(struct map *map, const void *key, void *object, u32 id, u64 flags)
{
	struct fd_array *array = to_fd_array(map);
	u32 index;
	void *old;

	memcpy(&index, key, 4);
	if (flags != BPF_ANY)
		return -EINVAL;
	if (index >= map->spec.max_entries)
		return -E2BIG;
	if (map->spec.type == BPF_MAP_TYPE_ARRAY_OF_MAPS && !map_meta_fits(&array->inner, object))
		return -EINVAL;
	old = exchange(array, index, object, id);
	if (old && map->drop)
		map->drop(map, old);
	return 0;
}

static int fd_array_remove(struct map *map, const void *key)
{
	u32 index;
	void *old;

	memcpy(&index, key, 4);
	if (index >= map->spec.max_entries)
		return -E2BIG;
	old = exchange(to_fd_array(map), index, NULL, 0);
	if (old && map->drop)
		map->drop(map, old);
	return old ? 0 : -ENOENT;
}

static int sys_lookup(struct map *map, const void *key, void *value, u64 flags)
{
	struct fd_array *array = to_fd_array(map);
	u32 index, id;
	bool empty;

	(void)flags;
	memcpy(&index, key, 4);
	if (index >= map->spec.max_entries)
		return -ENOENT;
	lock_take(&array->lock);
	empty = !array->slots[index].object;
	id = (u32)array->slots[index].id;
	lock_drop(&array->lock);
	if (empty)
		return -ENOENT;
	memcpy(value, &id, 4);
	return 0;
}

static void *inner_lookup(struct map *map, const void *key, u32 cpu)
{
	(void)cpu;
	return get(map, key);
}

#define COMMON                                                                            \
	.alloc = fd_array_alloc, .free = fd_array_free, .set_object = set, .object = get, \
	.sys_remove = fd_array_remove, .next_key = array_next_key

const struct map_ops prog_array_ops = { COMMON, .sys_lookup = sys_lookup, .lookup = map_no_lookup };
const struct map_ops perf_event_array_ops = { COMMON, .lookup = map_no_lookup };
const struct map_ops array_of_maps_ops = { COMMON, .sys_lookup = sys_lookup,
					   .lookup = inner_lookup };
