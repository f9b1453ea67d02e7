/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of map types, making and freeing maps, and the element commands of bpf(2) with the rules
 * that hold for all types: which flags a command takes, and what it says where a type has no such command.
 */
#include "map/map.h"

#include <errno.h>

#include "map/ops.h"
#include "map/space.h"

const struct map_type map_types[] = {
#define TYPE(number, text, family) \
	[BPF_MAP_TYPE_##number] = { BPF_MAP_TYPE_##number, text, &family##_ops },
#define UNRUN(number, text) [BPF_MAP_TYPE_##number] = { BPF_MAP_TYPE_##number, text, NULL },
#include "map/types.def"
#undef TYPE
#undef UNRUN
	[__MAX_BPF_MAP_TYPE] = { 0, NULL, NULL },
};

enum { PAGE = 4096, MAP_ITSELF = 312 };

static bool is_storage(u32 type)
{
	return type == BPF_MAP_TYPE_CGROUP_STORAGE || type == BPF_MAP_TYPE_SK_STORAGE ||
	       type == BPF_MAP_TYPE_INODE_STORAGE || type == BPF_MAP_TYPE_TASK_STORAGE ||
	       type == BPF_MAP_TYPE_CGRP_STORAGE;
}

/* Special fields need a type that keeps values in place; which ones, the kernel's map_check_btf() says. */
static int check_fields(const struct map_spec *spec, struct log *why)
{
	bool hash = spec->type == BPF_MAP_TYPE_HASH, array = spec->type == BPF_MAP_TYPE_ARRAY;

	if (spec->spin_lock_off >= 0 && !hash && !array && !is_storage(spec->type))
		return fail(why, -EOPNOTSUPP, "%s: no bpf_spin_lock in values of this type",
			    spec->name);
	if (spec->timer_off >= 0 && !hash && !array && spec->type != BPF_MAP_TYPE_LRU_HASH)
		return fail(why, -EOPNOTSUPP, "%s: no bpf_timer in values of this type",
			    spec->name);
	return 0;
}

int map_new(struct map **out, const struct map_spec *spec, struct log *why)
{
	const struct map_ops *ops;
	struct map *map;
	int err;

	*out = NULL;
	if (spec->type >= __MAX_BPF_MAP_TYPE || !map_types[spec->type].type)
		return fail(why, -EINVAL, "%s: no map type %u", spec->name, spec->type);
	ops = map_types[spec->type].ops ? map_types[spec->type].ops : &unrun_ops;
	err = check_fields(spec, why);
	if (!err)
		err = ops->alloc(&map, spec, why);
	if (err)
		return err;
	map->ops = ops;
	map->spec = *spec;
	map->spec.inner = NULL;
	if (ops->adjust)
		ops->adjust(map);
	err = map->values ? space_add(spec->space, map->values, map->values_len, map) : 0;
	if (err) {
		ops->free(map);
		return err;
	}
	*out = map;
	return 0;
}

static bool is_percpu(u32 type)
{
	return type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

/* Bytes of one element and what there is to each, values of CPUs apart; what the map takes without any. */
struct sizes {
	u64 element, elements, fixed;
};

static struct sizes hash_sizes(const struct map_spec *spec, u64 value)
{
	u64 buckets = 1, spares = spec->type == BPF_MAP_TYPE_HASH ? spec->nr_cpus : 0;

	while (buckets < spec->max_entries)
		buckets *= 2;
	return (struct sizes){ 48 + round_up((u64)spec->key_size, 8) + value,
			       spec->max_entries + spares, 896 + buckets * 16 + spares * 8 };
}

static struct sizes sizes_of(const struct map_spec *spec)
{
	u64 n = spec->max_entries, value = round_up((u64)spec->value_size, 8);

	if (is_percpu(spec->type))
		value = 8 + value * spec->nr_cpus;
	switch (spec->type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH: return hash_sizes(spec, value);
	case BPF_MAP_TYPE_ARRAY:
		if (spec->flags & BPF_F_MMAPABLE)
			return (struct sizes){ 1, round_up(n * value, (u64)PAGE), PAGE };
		return (struct sizes){ value, n, MAP_ITSELF };
	case BPF_MAP_TYPE_PERCPU_ARRAY: return (struct sizes){ value, n, MAP_ITSELF };
	case BPF_MAP_TYPE_PROG_ARRAY:
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
	case BPF_MAP_TYPE_CGROUP_ARRAY:
	case BPF_MAP_TYPE_ARRAY_OF_MAPS: return (struct sizes){ 8, n, MAP_ITSELF };
	case BPF_MAP_TYPE_QUEUE:
	case BPF_MAP_TYPE_STACK: return (struct sizes){ spec->value_size, n + 1, MAP_ITSELF };
	case BPF_MAP_TYPE_RINGBUF:
	case BPF_MAP_TYPE_USER_RINGBUF: return (struct sizes){ 1, n + n / PAGE * 16, 12616 };
	default:
		return (struct sizes){ 32 + round_up((u64)spec->key_size, 8) + value, n,
				       MAP_ITSELF };
	}
}

u64 map_memory(const struct map *map)
{
	struct sizes sizes = sizes_of(&map->spec);
	u64 bytes;

	if (__builtin_mul_overflow(sizes.element, sizes.elements, &bytes) ||
	    __builtin_add_overflow(bytes, sizes.fixed, &bytes))
		return UINT64_MAX;
	return bytes;
}

void map_hide(struct map *map)
{
	if (map && map->values)
		space_remove(map->spec.space, map->values);
}

void map_free(struct map *map)
{
	if (!map)
		return;
	map_hide(map);
	map->ops->free(map);
}

u32 map_sys_value_size(const struct map *map)
{
	switch (map->spec.type) {
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		return (u32)round_up((u64)map->spec.value_size, 8) * map->spec.nr_cpus;
	case BPF_MAP_TYPE_PROG_ARRAY:
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
	case BPF_MAP_TYPE_CGROUP_ARRAY:
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
	case BPF_MAP_TYPE_HASH_OF_MAPS: return 4;
	default: return map->spec.value_size;
	}
}

void *map_no_lookup(struct map *map, const void *key, u32 cpu)
{
	(void)map, (void)key, (void)cpu;
	return NULL;
}

static int check_lock(const struct map *map, u64 flags)
{
	return flags & BPF_F_LOCK && map->spec.spin_lock_off < 0 ? -EINVAL : 0;
}

int map_sys_lookup(struct map *map, const void *key, void *value, u64 flags)
{
	int err = flags & ~(u64)BPF_F_LOCK ? -EINVAL : check_lock(map, flags);

	if (err)
		return err;
	if (!map->ops->sys_lookup)
		return map->ops->peek ? map->ops->peek(map, value) : -MAP_ENOTSUPP;
	return map->ops->sys_lookup(map, key, value, flags);
}

int map_sys_lookup_remove(struct map *map, const void *key, void *value, u64 flags)
{
	bool queue = map->spec.type == BPF_MAP_TYPE_QUEUE || map->spec.type == BPF_MAP_TYPE_STACK;
	int err;

	if (flags & ~(u64)BPF_F_LOCK || (queue && flags))
		return -EINVAL;
	err = check_lock(map, flags);
	if (err)
		return err;
	if (map->ops->pop)
		return map->ops->pop(map, value);
	if (map->spec.type == BPF_MAP_TYPE_STACK_TRACE) {
		err = map->ops->sys_lookup(map, key, value, flags);
		return err ? err : map->ops->sys_remove(map, key);
	}
	return map->ops->lookup_remove ? map->ops->lookup_remove(map, key, value, flags)
				       : -MAP_ENOTSUPP;
}

int map_sys_update(struct map *map, const void *key, const void *value, u64 flags)
{
	int err = check_lock(map, flags);

	if (err)
		return err;
	if (map->ops->push)
		return map->ops->push(map, value, flags);
	return map->ops->sys_update ? map->ops->sys_update(map, key, value, flags) : -MAP_ENOTSUPP;
}

int map_sys_remove(struct map *map, const void *key)
{
	return map->ops->sys_remove ? map->ops->sys_remove(map, key) : -MAP_ENOTSUPP;
}

int map_next_key(struct map *map, const void *key, void *next)
{
	return map->ops->next_key ? map->ops->next_key(map, key, next) : -MAP_ENOTSUPP;
}
