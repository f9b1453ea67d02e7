/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Types that can be made, so that programs using them can be verified, but have nothing behind them
 * here: sockets, cgroups, other kernel objects, or a later day. Sizes and flags are checked as Linux
 * does; every element command says -EOPNOTSUPP.
 */
#include <errno.h>
#include <stdlib.h>

#include "map/ops.h"

enum {
	MAX_CPUS = 8192,
	MAX_STACK = 512,
	MAX_STORAGE = 65535 - 64, /* BPF_LOCAL_STORAGE_MAX_VALUE_SIZE, about */
	CGROUP_KEY = 16,	  /* struct bpf_cgroup_storage_key */
	PAGE = 4096,
};

static bool flags_within(const struct map_spec *spec, u32 known)
{
	return !(spec->flags & ~known) && map_access_flags_ok(spec->flags);
}

static bool value_is_fd(const struct map_spec *spec)
{
	return spec->value_size == 4 || spec->value_size == 8;
}

static int check_fd_map(const struct map_spec *spec)
{
	const u32 readable = BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY;
	bool cpumap = spec->type == BPF_MAP_TYPE_CPUMAP, xskmap = spec->type == BPF_MAP_TYPE_XSKMAP;

	if (!spec->max_entries || spec->key_size != 4 || !value_is_fd(spec) ||
	    (xskmap && spec->value_size != 4) ||
	    !flags_within(spec, cpumap ? (u32)BPF_F_NUMA_NODE : readable))
		return -EINVAL;
	return cpumap && spec->max_entries > MAX_CPUS ? -E2BIG : 0;
}

static int check_sockhash(const struct map_spec *spec)
{
	if (!spec->max_entries || !spec->key_size || !value_is_fd(spec) ||
	    !flags_within(spec, BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY))
		return -EINVAL;
	return spec->key_size > MAX_STACK ? -E2BIG : 0;
}

static int check_array_of_fds(const struct map_spec *spec, struct log *why)
{
	bool sockets = spec->type == BPF_MAP_TYPE_REUSEPORT_SOCKARRAY;

	if (sockets ? !value_is_fd(spec)
		    : spec->value_size != 4 ||
			      spec->flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG))
		return -EINVAL;
	return array_check(spec, why);
}

static int check_cgroup_storage(const struct map_spec *spec)
{
	bool percpu = spec->type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;

	if ((spec->key_size != CGROUP_KEY && spec->key_size != 8) || !spec->value_size)
		return -EINVAL;
	if (spec->value_size > (u32)(percpu ? MAP_PERCPU_VALUE_MAX : MAX_STORAGE))
		return -E2BIG;
	return flags_within(spec, BPF_F_NUMA_NODE | MAP_ACCESS_FLAGS) && !spec->max_entries
		       ? 0
		       : -EINVAL;
}

static int check_storage(const struct map_spec *spec)
{
	if (spec->flags & ~(u32)(BPF_F_NO_PREALLOC | BPF_F_CLONE) ||
	    !(spec->flags & BPF_F_NO_PREALLOC) || spec->max_entries || spec->key_size != 4 ||
	    !spec->value_size || !spec->has_btf)
		return -EINVAL;
	return spec->value_size > MAX_STORAGE ? -E2BIG : 0;
}

static int check_user_ring(const struct map_spec *spec)
{
	if (spec->flags & ~(u32)BPF_F_NUMA_NODE || spec->key_size || spec->value_size ||
	    !spec->max_entries || spec->max_entries & (spec->max_entries - 1) ||
	    spec->max_entries % PAGE)
		return -EINVAL;
	return 0;
}

static int check_arena(const struct map_spec *spec)
{
	const u32 known = BPF_F_SEGV_ON_FAULT | BPF_F_MMAPABLE | BPF_F_NO_USER_CONV;
	u64 range = (u64)spec->max_entries * PAGE;

	if (spec->key_size || spec->value_size || !spec->max_entries || spec->flags & ~known ||
	    !(spec->flags & BPF_F_MMAPABLE) || spec->extra % PAGE)
		return -EINVAL;
	if (range > 1ull << 32)
		return -E2BIG;
	return spec->extra >> 32 != (spec->extra + range - 1) >> 32 ? -ERANGE : 0;
}

static int check(const struct map_spec *spec, struct log *why)
{
	switch (spec->type) {
	case BPF_MAP_TYPE_CPUMAP:
	case BPF_MAP_TYPE_XSKMAP:
	case BPF_MAP_TYPE_SOCKMAP: return check_fd_map(spec);
	case BPF_MAP_TYPE_SOCKHASH: return check_sockhash(spec);
	case BPF_MAP_TYPE_CGROUP_ARRAY:
	case BPF_MAP_TYPE_REUSEPORT_SOCKARRAY: return check_array_of_fds(spec, why);
	case BPF_MAP_TYPE_CGROUP_STORAGE:
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE: return check_cgroup_storage(spec);
	case BPF_MAP_TYPE_SK_STORAGE:
	case BPF_MAP_TYPE_INODE_STORAGE:
	case BPF_MAP_TYPE_TASK_STORAGE:
	case BPF_MAP_TYPE_CGRP_STORAGE: return check_storage(spec);
	case BPF_MAP_TYPE_USER_RINGBUF: return check_user_ring(spec);
	case BPF_MAP_TYPE_ARENA: return check_arena(spec);
	default: /* struct_ops: its type would be the kernel's */
		return spec->key_size == 4 && spec->max_entries == 1 ? -MAP_ENOTSUPP : -EINVAL;
	}
}

static int unrun_alloc(struct map **out, const struct map_spec *spec, struct log *why)
{
	int err = check(spec, why);

	if (err)
		return fail(why, err, "%s: sizes or flags do not suit a %s", spec->name,
			    map_types[spec->type].name);
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

static void unrun_free(struct map *map)
{
	free(map);
}

static int no_lookup(struct map *map, const void *key, void *value, u64 flags)
{
	(void)map, (void)key, (void)value, (void)flags;
	return -EOPNOTSUPP;
}

static int no_update(struct map *map, const void *key, const void *value, u64 flags)
{
	(void)map, (void)key, (void)value, (void)flags;
	return -EOPNOTSUPP;
}

static int no_remove(struct map *map, const void *key)
{
	(void)map, (void)key;
	return -EOPNOTSUPP;
}

static int no_next(struct map *map, const void *key, void *next)
{
	(void)map, (void)key, (void)next;
	return -EOPNOTSUPP;
}

const struct map_ops unrun_ops = {
	.alloc = unrun_alloc,
	.free = unrun_free,
	.lookup = map_no_lookup,
	.sys_lookup = no_lookup,
	.sys_update = no_update,
	.sys_remove = no_remove,
	.next_key = no_next,
};
