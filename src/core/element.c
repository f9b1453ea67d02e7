/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands on one element of a map. Keys and values are copied from and to the caller; a map
 * never sees a caller's address, nor an fd: where values are objects, they are found here.
 */
#include "core/element.h"

#include <stdlib.h>

#include "core/link.h"

static bool is_queue(u32 type)
{
	return type == BPF_MAP_TYPE_QUEUE || type == BPF_MAP_TYPE_STACK;
}

int element_lookup(struct map_object *map, const void *key, void *value, u64 flags)
{
	return map_sys_lookup(map->map, key, value, flags);
}

/* Finds the object behind an fd that a caller puts into a map. */
static int find_target(struct call *call, struct map_object *map, int fd, struct object **out)
{
	u32 type = map->map->spec.type;
	int err;

	switch (type) {
	case BPF_MAP_TYPE_PROG_ARRAY:
		err = object_from_fd(call->hive, call->caller, fd, OBJECT_PROG, out, NULL);
		if (!err && map_admit_prog(map, to_prog(*out))) {
			object_put(*out);
			err = -EINVAL;
		}
		return err;
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
		if (object_from_fd(call->hive, call->caller, fd, OBJECT_PERF, out, NULL))
			return -EBADF;
		if (to_perf(*out)->ring)
			return 0;
		object_put(*out);
		return -EINVAL;
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
	case BPF_MAP_TYPE_HASH_OF_MAPS:
		return object_from_fd(call->hive, call->caller, fd, OBJECT_MAP, out, NULL);
	default:
		return fail(call->hive->log, -EOPNOTSUPP, "maps of type %u take no objects here",
			    type);
	}
}

/* What the map keeps of an object: an inner map is known to maps by itself. */
static void *target_of(struct map_object *map, struct object *object)
{
	switch (map->map->spec.type) {
	case BPF_MAP_TYPE_PROG_ARRAY: return object;
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY: return to_perf(object)->ring;
	default: return to_map(object)->map;
	}
}

static void drop_target(struct map *map, void *target)
{
	struct hive *hive = ((struct map_object *)map->owner)->object.hive;

	switch (map->spec.type) {
	case BPF_MAP_TYPE_PROG_ARRAY: object_put(target); break;
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY: object_put(&perf_of_ring(hive, target)->object); break;
	default: object_put(&((struct map_object *)((struct map *)target)->owner)->object);
	}
}

static int update_object(struct call *call, struct map_object *map, const void *key,
			 const void *value, u64 flags)
{
	struct map *m = map->map;
	struct object *object;
	int err;

	if (m->spec.type != BPF_MAP_TYPE_HASH_OF_MAPS) {
		if (flags != BPF_ANY)
			return -EINVAL;
		if (*(const u32 *)key >= m->spec.max_entries)
			return -E2BIG;
	}
	err = find_target(call, map, *(const int *)value, &object);
	if (err)
		return err;
	m->drop = drop_target;
	err = m->ops->set_object(m, key, target_of(map, object), object->id, flags);
	if (err)
		object_put(object);
	return err;
}

int element_update(struct call *call, struct map_object *map, const void *key, const void *value,
		   u64 flags)
{
	return map->map->ops->set_object ? update_object(call, map, key, value, flags)
					 : map_sys_update(map->map, key, value, flags);
}

int element_delete(struct map_object *map, const void *key)
{
	return map_sys_remove(map->map, key);
}

/* The commands. */

struct element {
	struct map_object *map;
	void *key, *value;
	u32 access, value_size;
};

/* The map of a command, and whether the fd and the flags allow it: 0 with a reference, or -errno. */
static int open_element(struct call *call, struct element *e, bool read, bool write)
{
	int err =
		map_from_fd(call->hive, call->caller, (int)call->attr.map_fd, &e->map, &e->access);

	if (err)
		return err;
	e->value_size = map_sys_value_size(e->map->map);
	if (write)
		__atomic_add_fetch(&e->map->writers, 1, __ATOMIC_ACQUIRE);
	if ((read && !map_may_read(e->access)) || (write && !map_may_write(e->map, e->access)))
		return -EPERM;
	return 0;
}

static int copy_key(struct call *call, struct element *e)
{
	u32 size = e->map->map->spec.key_size;

	if (!size && call->attr.key)
		return -EINVAL;
	return call_copy(call, &e->key, call->attr.key, size);
}

static int check_lock(struct call *call, struct element *e)
{
	return (call->attr.flags & BPF_F_LOCK) && !(e->map->fields & BTF_SPIN_LOCK) ? -EINVAL : 0;
}

static int close_element(struct element *e, bool write, int err)
{
	if (e->map) {
		if (write)
			__atomic_sub_fetch(&e->map->writers, 1, __ATOMIC_RELEASE);
		object_put(&e->map->object);
	}
	free(e->key);
	free(e->value);
	return err;
}

int cmd_map_lookup(struct call *call)
{
	struct element e = { 0 };
	int err;

	if (call->attr.flags & ~(u64)BPF_F_LOCK)
		return -EINVAL;
	err = open_element(call, &e, true, false);
	if (!err)
		err = check_lock(call, &e);
	if (!err)
		err = copy_key(call, &e);
	if (err)
		return close_element(&e, false, err);
	e.value = calloc(1, max(e.value_size, 1u));
	if (!e.value)
		return close_element(&e, false, -ENOMEM);
	if (e.map->map->spec.type == BPF_MAP_TYPE_BLOOM_FILTER) {
		err = call_read(call, e.value, call->attr.value, e.value_size);
		if (!err)
			err = element_lookup(e.map, e.key, e.value, call->attr.flags);
		return close_element(&e, false, err);
	}
	err = element_lookup(e.map, e.key, e.value, call->attr.flags);
	if (!err)
		err = call_write(call, call->attr.value, e.value, e.value_size);
	return close_element(&e, false, err);
}

int cmd_map_update(struct call *call)
{
	struct element e = { 0 };
	int err = open_element(call, &e, false, true);

	if (!err)
		err = check_lock(call, &e);
	if (!err)
		err = copy_key(call, &e);
	if (!err)
		err = call_copy(call, &e.value, call->attr.value, e.value_size);
	if (!err)
		err = element_update(call, e.map, e.key, e.value, call->attr.flags);
	return close_element(&e, true, err);
}

int cmd_map_delete(struct call *call)
{
	struct element e = { 0 };
	int err = open_element(call, &e, false, true);

	if (!err)
		err = copy_key(call, &e);
	if (!err)
		err = element_delete(e.map, e.key);
	return close_element(&e, true, err);
}

int cmd_map_next_key(struct call *call)
{
	struct element e = { 0 };
	u32 size;
	int err = open_element(call, &e, true, false);

	if (!err && call->attr.key)
		err = copy_key(call, &e);
	if (err)
		return close_element(&e, false, err);
	size = e.map->map->spec.key_size;
	e.value = calloc(1, max(size, 1u));
	if (!e.value)
		return close_element(&e, false, -ENOMEM);
	err = map_next_key(e.map->map, e.key, e.value);
	if (!err)
		err = call_write(call, call->attr.next_key, e.value, size);
	return close_element(&e, false, err);
}

int cmd_map_take(struct call *call)
{
	struct element e = { 0 };
	int err;

	if (call->attr.flags & ~(u64)BPF_F_LOCK)
		return -EINVAL;
	err = open_element(call, &e, true, true);
	if (!err && call->attr.flags && is_queue(e.map->map->spec.type))
		err = -EINVAL;
	if (!err)
		err = check_lock(call, &e);
	if (!err)
		err = copy_key(call, &e);
	if (err)
		return close_element(&e, true, err);
	e.value = calloc(1, max(e.value_size, 1u));
	if (!e.value)
		return close_element(&e, true, -ENOMEM);
	err = map_sys_lookup_remove(e.map->map, e.key, e.value, call->attr.flags);
	if (!err)
		err = call_write(call, call->attr.value, e.value, e.value_size);
	return close_element(&e, true, err);
}
