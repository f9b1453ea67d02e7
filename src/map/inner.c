/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps in maps: what the template fixes for every map that is put into an outer one. */
#include <errno.h>

#include "map/ops.h"

static bool is_outer(u32 type)
{
	return type == BPF_MAP_TYPE_ARRAY_OF_MAPS || type == BPF_MAP_TYPE_HASH_OF_MAPS;
}

/* Types that Linux lets nobody put into a map. */
static bool never_inner(u32 type)
{
	return type == BPF_MAP_TYPE_PROG_ARRAY || type == BPF_MAP_TYPE_STRUCT_OPS ||
	       type == BPF_MAP_TYPE_CGROUP_STORAGE || type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE ||
	       type == BPF_MAP_TYPE_ARENA;
}

int map_meta_take(struct map_meta *meta, const struct map_spec *spec, struct log *why)
{
	const struct map_spec *inner;

	if (!spec->inner)
		return fail(why, -EBADF, "%s: a map of maps wants a template", spec->name);
	inner = &spec->inner->spec;
	if (is_outer(inner->type))
		return fail(why, -EINVAL, "%s: maps of maps do not nest", spec->name);
	if (never_inner(inner->type))
		return fail(why, -MAP_ENOTSUPP, "%s: this type may not be in a map", spec->name);
	*meta = (struct map_meta){
		.type = inner->type,
		.key_size = inner->key_size,
		.value_size = inner->value_size,
		.max_entries = inner->max_entries,
		.flags = inner->flags,
		.spin_lock_off = inner->spin_lock_off,
		.timer_off = inner->timer_off,
	};
	return 0;
}

bool map_meta_fits(const struct map_meta *meta, const struct map *map)
{
	const struct map_spec *spec = &map->spec;
	bool array = meta->type == BPF_MAP_TYPE_ARRAY || meta->type == BPF_MAP_TYPE_PERCPU_ARRAY;

	if (meta->type != spec->type || meta->key_size != spec->key_size ||
	    meta->value_size != spec->value_size || meta->flags != spec->flags)
		return false;
	if (meta->spin_lock_off != spec->spin_lock_off || meta->timer_off != spec->timer_off)
		return false;
	return !array || meta->flags & BPF_F_INNER_MAP || meta->max_entries == spec->max_entries;
}
