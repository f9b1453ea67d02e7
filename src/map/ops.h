/* SPDX-License-Identifier: BSD-2-Clause */
/* What map families share: their ops, named in types.def, and rules that several of them follow. */
#ifndef MAP_OPS_H
#define MAP_OPS_H

#include "map/map.h"

#define TYPE(number, name, ops) extern const struct map_ops ops##_ops;
#define UNRUN(number, name)
#include "map/types.def"
#undef TYPE
#undef UNRUN
extern const struct map_ops unrun_ops; /* types that are for verification only */

enum {
	MAP_ACCESS_FLAGS = BPF_F_RDONLY | BPF_F_RDONLY_PROG | BPF_F_WRONLY | BPF_F_WRONLY_PROG,
	MAP_PERCPU_VALUE_MAX = 32 << 10, /* PCPU_MIN_UNIT_SIZE */
	MAP_ENOTSUPP = 524,		 /* the kernel's own ENOTSUPP, which leaks through bpf(2) */
};

/* Not both of a pair. */
static inline bool map_access_flags_ok(u32 flags)
{
	const u32 prog = BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG;

	return (flags & prog) != prog;
}

/* Rules of all array-like types (array.c). */
int array_check(const struct map_spec *spec, struct log *why);
int array_next_key(struct map *map, const void *key, void *next);
int map_no_remove(struct map *map, const void *key); /* -EINVAL */
/* For types whose elements programs may not look up: the verifier refuses it, this is the second wall (map.c). */
void *map_no_lookup(struct map *map, const void *key, u32 cpu);

/* What a map of maps keeps as a value. */
struct slot {
	void *object;
	u64 id;
};

/* What an inner map must have in common with the template, as the kernel's bpf_map_meta_equal(). */
struct map_meta {
	u32 type, key_size, value_size, max_entries, flags;
	int spin_lock_off, timer_off;
};

/* Requires spec->inner; -EINVAL, -ENOTSUPP (524) where the template may not be one (inner.c). */
int map_meta_take(struct map_meta *meta, const struct map_spec *spec, struct log *why);
bool map_meta_fits(const struct map_meta *meta, const struct map *map);

#endif
