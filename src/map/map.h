/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Maps. One file a family behind struct map_ops; types.def has a row a type (number, name,
 * ops). Everything is preallocated: nothing allocates on a program's path.
 * Values a program gets a pointer to stay valid until the epoch (util/epoch.h) it was taken in ends.
 */
#ifndef MAP_MAP_H
#define MAP_MAP_H

#include "def/run.h"
#include "def/uapi.h"
#include "util/log.h"

struct btf;
struct notify;

/* What BPF_MAP_CREATE asked for, already copied from the caller. */
struct map_spec {
	u32 type, key_size, value_size, max_entries, flags;
	u64 extra;
	char name[BPF_OBJ_NAME_LEN];
	struct map *
		inner; /* template of a map-in-map, or NULL; only valid during alloc(): copy what you need */
	u32 nr_cpus;		      /* slots of the hive: possible CPUs */
	int spin_lock_off, timer_off; /* in the value, -1 if none (from BTF) */
	bool has_btf;		      /* types of key and value were given */
	struct map_space *
		space; /* the hive's, where programs may read values blindly; may be NULL (map/space.h) */
};

/* How the values lie in map->values: in blocks (0: one), elements of stride bytes (0: nothing is said). */
struct map_shape {
	u64 block;
	u32 stride, value_off;
};

struct map {
	const struct map_ops *ops;
	struct map_spec spec;
	u32 id;
	bool frozen;
	u32 writers; /* writable user mappings */
	/* Where values live: what probe_read_kernel may reach, NULL where they are no plain memory. Of an array, element i
	 * is at values + i * stride, for inlined lookups. */
	u8 *values;
	u64 values_len;
	u32 stride;
	struct map_shape shape;
	u64 dropped; /* buffers: records that found no room, for people to see */
	void *owner; /* core's object around this map: BTF, pins, references (core/object.h) */
	/* Types whose values are objects: gives back a reference that set_object() took over, once no program can
	 * still see the object (after an epoch). Set by core before the first set_object(). */
	void (*drop)(struct map *map, void *object);
	/* Values with a bpf_timer: called with each value that is deleted, replaced or evicted. Set by core. */
	void (*release)(struct map *map, void *value);
};

struct map_ops {
	/* The kernel's alloc_check and alloc: errno exactly as Linux's for bad sizes and flags. */
	int (*alloc)(struct map **out, const struct map_spec *spec, struct log *why);
	void (*free)(struct map *map);
	/* After map->spec is filled in: a type may correct what clients see of it. May be NULL. */
	void (*adjust)(struct map *map);

	/* Program side (helpers); cpu is the run's slot, held by the caller alone (or not below nr_cpus). NULL member: the helper is not for this type. */
	void *(*lookup)(struct map *map, const void *key, u32 cpu);
	int (*update)(struct map *map, const void *key, const void *value, u64 flags, u32 cpu);
	int (*remove)(struct map *map, const void *key);
	int (*push)(struct map *map, const void *value, u64 flags);
	int (*pop)(struct map *map, void *value);
	int (*peek)(struct map *map, void *value);
	/* Shows every element (value: the CPU's) to visit until it says true; how many were shown. */
	s64 (*for_each)(struct map *map, u32 cpu,
			bool (*visit)(void *arg, struct map *map, const void *key, void *value),
			void *arg);
	/* The key of the element with this value. NULL: keys are elements' numbers. */
	void *(*key_of)(struct map *map, const void *value);

	/* bpf(2) side: value is value_size bytes, or round_up(value_size, 8) * nr_cpus for per-CPU types. */
	int (*sys_lookup)(struct map *map, const void *key, void *value, u64 flags);
	int (*sys_update)(struct map *map, const void *key, const void *value, u64 flags);
	int (*sys_remove)(struct map *map, const void *key);
	int (*lookup_remove)(struct map *map, const void *key, void *value, u64 flags);
	int (*next_key)(struct map *map, const void *key,
			void *next); /* key NULL: the first; -ENOENT at the end */

	/* Types whose values are objects (prog_array: struct prog, opaque here; perf_event_array: struct perf_ring; map in
	 * map: struct map). A caller passes an fd; core finds the object and hands it over with one reference, with the
	 * id that sys_lookup() shows. On error the reference stays core's. Replaced, removed (sys_remove) and freed ones
	 * go to map->drop. sys_update() is not called for these types. */
	int (*set_object)(struct map *map, const void *key, void *object, u32 id, u64 flags);
	void *(*object)(struct map *map,
			const void *key); /* program side: the object or NULL; lock-free */

	/* Direct values (BPF_PSEUDO_MAP_VALUE): address of byte off, or NULL. */
	void *(*value_addr)(struct map *map, u32 off);
	/* memfd to hand out for mmap (BPF_F_MMAPABLE, rings), or -EINVAL etc. NULL: not mappable. */
	int (*memfd)(struct map *map);
	/* BPF_MAP_FREEZE has succeeded: from now on nothing a client does changes what programs read, if programs may
	 * not write it either (BPF_F_RDONLY_PROG): the verifier takes it for constant. -ENOMEM. NULL: nothing to do. */
	int (*freeze)(struct map *map);
	/* Who tells those that wait for the map's records (util/notify.h); NULL: not pollable. */
	struct notify *(*notify)(struct map *map);
};

struct map_type {
	u32 type;
	const char *name;	   /* "hash", as bpftool prints it */
	const struct map_ops *ops; /* NULL: can be created for verification only */
};
extern const struct map_type map_types[]; /* by number; holes have type 0 */

/* Creates a map; *out is freed by map_free(). 0 or -errno: -EINVAL, -E2BIG, -ENOMEM, -EOPNOTSUPP as Linux. */
int map_new(struct map **out, const struct map_spec *spec, struct log *why);
/* No program finds the map's values blindly from now on. A program that runs may still be reading them: map_free()
 * after an epoch. */
void map_hide(struct map *map);
void map_free(struct map *map);

/*
 * The element commands of bpf(2) as the kernel answers them, for every type: which commands a type has, flags
 * allowed, -ENOENT, -EINVAL, -E2BIG, -EEXIST, -ENOTSUPP (524). key and value are copies of core's; key may be NULL
 * only where key_size is 0 or for map_next_key(). A bloom filter's lookup reads value. lookup_and_delete: remove.
 * Types whose values are objects: update through ops->set_object.
 */
int map_sys_lookup(struct map *map, const void *key, void *value, u64 flags);
int map_sys_lookup_remove(struct map *map, const void *key, void *value, u64 flags);
int map_sys_update(struct map *map, const void *key, const void *value, u64 flags);
int map_sys_remove(struct map *map, const void *key);
int map_next_key(struct map *map, const void *key, void *next);

/* The interfaces of a devmap or devmap_hash by number, max of them at most; how many. For programs: takes no lock. */
u32 map_devices(struct map *map, u32 *ifindexes, u32 max);

/* How much memory the map takes when it is full, as Linux 6.18 counts it for the common types, about so for the others. */
u64 map_memory(const struct map *map);

/* bytes of one value as bpf(2) passes it (per-CPU types: all CPUs) */
u32 map_sys_value_size(const struct map *map);

#endif
