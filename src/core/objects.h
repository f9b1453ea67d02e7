/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the objects of a hive are made of. Each begins with its struct object; a pointer from one to
 * another is a reference (object_get) unless it says otherwise.
 */
#ifndef CORE_OBJECTS_H
#define CORE_OBJECTS_H

#include <pthread.h>

#include "btf/btf.h"
#include "core/object.h"
#include "map/map.h"
#include "util/epoch.h"
#include "verify/verify.h"
#include "vm/code.h"

struct btf_object {
	struct object object;
	struct btf *btf;
	bool kernel; /* the hive's own vmlinux: btf is not ours to free */
};

/* What programs of a prog_array have in common, fixed by the first one. */
struct prog_kind {
	bool set, jited, xdp_frags, sleepable;
	u32 type, attach_type;
};

struct map_object {
	struct object object;
	struct map *map;
	struct btf_object *btf;
	u32 btf_key, btf_value, btf_vmlinux_value;
	u32 fields;	      /* BTF_SPIN_LOCK … found in the value type */
	u32 writers;	      /* atomic: updates going on, which freeze() refuses */
	pthread_mutex_t lock; /* freezing; programs and cursors below */
	struct prog_kind kind;
	struct verify_map view;	      /* as the verifier sees it */
	struct verify_map inner_view; /* map in map: its template, which may be gone by now */
	struct btf_object *inner_btf; /* the template's */
	struct batch_cursor *cursors; /* batch.h */
	u32 cursor_last;
	struct epoch_item ending;
};

struct prog_stats {
	u64 runs, ns, misses;
} __attribute__((aligned(64)));

struct prog {
	struct object object;
	u32 type, attach_type, flags, attach_btf_id;
	char name[BPF_OBJ_NAME_LEN];
	u8 tag[BPF_TAG_SIZE];
	bool gpl;
	u32 uid;
	u64 load_time;	    /* CLOCK_BOOTTIME */
	u32 verified;	    /* instructions the verifier processed */
	u32 max_ctx_offset; /* what it may touch of its context, in the caller's layout */
	u32 max_rdonly_access,
		max_rdwr_access; /* bytes of an iterator's key and value it may touch */
	bool tail_calls;	 /* it refers to an array of programs */
	struct code *code;
	struct bpf_insn *xlated;
	u32 xlated_count;
	struct verify_subprog *subprogs;
	u32 subprog_count;
	struct btf_object *btf;
	struct btf_object *attach_btf;
	struct prog *attach_prog;
	struct map_object **maps;
	u32 map_count;
	pthread_mutex_t maps_lock; /* PROG_BIND_MAP adds */
	struct bpf_func_info *func_info;
	u32 func_info_count;
	struct bpf_line_info *line_info;
	u32 line_info_count;
	struct prog_stats *stats; /* one a CPU slot */
	struct epoch_item ending;
};

/* A tag: the beginning of a SHA-256 of count instructions, maps taken out. -ENOMEM. */
int prog_tag(u8 tag[BPF_TAG_SIZE], const struct bpf_insn *insns, u32 count);

struct hive *prog_hive(const struct prog *prog);

static inline struct map_object *to_map(struct object *o)
{
	return container_of(o, struct map_object, object);
}
static inline struct btf_object *to_btf(struct object *o)
{
	return container_of(o, struct btf_object, object);
}
static inline struct prog *to_prog(struct object *o)
{
	return container_of(o, struct prog, object);
}

/* Drops what may be NULL. */
static inline void put_map(struct map_object *map)
{
	if (map)
		object_put(&map->object);
}
static inline void put_btf(struct btf_object *btf)
{
	if (btf)
		object_put(&btf->object);
}
static inline void put_prog(struct prog *prog)
{
	if (prog)
		object_put(&prog->object);
}

/* The usual errors of fd look-ups (object_from_fd), typed. */
int map_from_fd(struct hive *hive, struct caller *caller, int fd, struct map_object **out,
		u32 *access);
int prog_from_fd(struct hive *hive, struct caller *caller, int fd, struct prog **out);
int btf_from_fd(struct hive *hive, struct caller *caller, int fd, struct btf_object **out);

/* The object that stands for the kernel's BTF (id 1), with a reference; -ENOENT where there is none. */
int btf_kernel_object(struct hive *hive, struct btf_object **out);

/* Gives the kernel's BTF its id; before any other BTF gets one. */
void btf_ensure_kernel(struct hive *hive);

/* Whether a program may be called from a prog_array; the first one decides for the rest. 0, -EINVAL. */
int map_admit_prog(struct map_object *map, const struct prog *prog);

/* What a caller may do with a map through an fd opened so: frozen maps cannot be written. */
static inline bool map_may_read(u32 access)
{
	return access != 1 /* O_WRONLY */;
}
static inline bool map_may_write(const struct map_object *map, u32 access)
{
	return access != 0 /* O_RDONLY */ && !__atomic_load_n(&map->map->frozen, __ATOMIC_ACQUIRE);
}

#endif
