/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devmap, devmap_hash: interfaces to redirect packets to, by index or by key. A value is a struct
 * bpf_devmap_val or its first field; programs may only read it. The values are kept in a plain array or
 * hash behind: what differs are the rules about what may be put in.
 */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "map/ops.h"

struct devmap {
	struct map map;
	struct map *store; /* u32 to struct bpf_devmap_val */
};

static struct map *store_of(struct map *map)
{
	return container_of(map, struct devmap, map)->store;
}

static int devmap_alloc(struct map **out, const struct map_spec *spec, struct log *why)
{
	bool hash = spec->type == BPF_MAP_TYPE_DEVMAP_HASH;
	struct map_spec inner = *spec;
	struct devmap *devmap;
	int err;

	if (!spec->max_entries || spec->key_size != 4 ||
	    (spec->value_size != 4 && spec->value_size != 8) ||
	    spec->flags & ~(u32)(BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY))
		return fail(why, -EINVAL, "%s: a devmap has keys of 4 and values of 4 or 8 bytes",
			    spec->name);
	if (hash && spec->max_entries > 1u << 31)
		return fail(why, -EINVAL, "%s: too many entries", spec->name);
	devmap = calloc(1, sizeof(*devmap));
	if (!devmap)
		return -ENOMEM;
	inner.type = hash ? BPF_MAP_TYPE_HASH : BPF_MAP_TYPE_ARRAY;
	inner.value_size = 8;
	inner.flags = 0;
	inner.space = NULL;
	err = map_new(&devmap->store, &inner, why);
	if (err) {
		free(devmap);
		return err;
	}
	*out = &devmap->map;
	return 0;
}

static void devmap_adjust(struct map *map)
{
	map->spec.flags |= BPF_F_RDONLY_PROG;
}

static void devmap_free(struct map *map)
{
	map_free(store_of(map));
	free(container_of(map, struct devmap, map));
}

static void *devmap_lookup(struct map *map, const void *key, u32 cpu)
{
	struct map *store = store_of(map);
	u32 *ifindex = store->ops->lookup(store, key, cpu);

	return ifindex && __atomic_load_n(ifindex, __ATOMIC_RELAXED) ? ifindex : NULL;
}

static int devmap_sys_lookup(struct map *map, const void *key, void *value, u64 flags)
{
	u64 stored;
	int err = map_sys_lookup(store_of(map), key, &stored, flags);

	if (err || !(u32)stored)
		return -ENOENT;
	memcpy(value, &stored, map->spec.value_size);
	return 0;
}

/* The value as stored; programs on a devmap's egress have no place to run, so none may be given. */
static int take_value(const struct map *map, const void *from, u64 *value)
{
	struct bpf_devmap_val val = { .bpf_prog.fd = -1 };
	char name[IF_NAMESIZE];

	memcpy(&val, from, map->spec.value_size);
	if (val.bpf_prog.fd > 0)
		return val.ifindex ? -EOPNOTSUPP : -EINVAL;
	if (val.ifindex && !if_indextoname(val.ifindex, name))
		return -EINVAL;
	*value = val.ifindex;
	return 0;
}

static int devmap_update(struct map *map, const void *key, const void *from, u64 flags)
{
	u64 value;
	u32 index;
	int err;

	memcpy(&index, key, 4);
	if (flags > BPF_EXIST)
		return -EINVAL;
	if (index >= map->spec.max_entries)
		return -E2BIG;
	if (flags == BPF_NOEXIST)
		return -EEXIST;
	err = take_value(map, from, &value);
	return err ? err : map_sys_update(store_of(map), key, &value, BPF_ANY);
}

static int devmap_remove(struct map *map, const void *key)
{
	u64 none = 0;
	u32 index;

	memcpy(&index, key, 4);
	return index >= map->spec.max_entries ? -EINVAL
					      : map_sys_update(store_of(map), key, &none, BPF_ANY);
}

static int devhash_update(struct map *map, const void *key, const void *from, u64 flags)
{
	u32 ifindex;
	u64 value;
	int err;

	memcpy(&ifindex, from, 4);
	if (flags > BPF_EXIST || !ifindex)
		return -EINVAL;
	if (flags & BPF_NOEXIST && devmap_lookup(map, key, 0))
		return -EEXIST;
	err = take_value(map, from, &value);
	return err ? err : map_sys_update(store_of(map), key, &value, flags & BPF_NOEXIST);
}

static int devhash_remove(struct map *map, const void *key)
{
	return map_sys_remove(store_of(map), key);
}

static int devmap_next_key(struct map *map, const void *key, void *next)
{
	return map_next_key(store_of(map), key, next);
}

struct device_list {
	u32 *ifindexes;
	u32 count, max;
};

static bool list_device(void *arg, struct map *store, const void *key, void *value)
{
	struct device_list *list = arg;
	u32 ifindex = __atomic_load_n((u32 *)value, __ATOMIC_RELAXED);

	(void)store, (void)key;
	if (ifindex)
		list->ifindexes[list->count++] = ifindex;
	return list->count == list->max;
}

u32 map_devices(struct map *map, u32 *ifindexes, u32 max)
{
	struct map *store = store_of(map);
	struct device_list list = { .ifindexes = ifindexes, .max = max };

	store->ops->for_each(store, 0, list_device, &list);
	return list.count;
}

#define COMMON                                                               \
	.alloc = devmap_alloc, .adjust = devmap_adjust, .free = devmap_free, \
	.lookup = devmap_lookup, .sys_lookup = devmap_sys_lookup, .next_key = devmap_next_key

const struct map_ops devmap_ops = { COMMON, .sys_update = devmap_update,
				    .sys_remove = devmap_remove };
const struct map_ops devmap_hash_ops = { COMMON, .sys_update = devhash_update,
					 .sys_remove = devhash_remove };
