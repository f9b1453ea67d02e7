/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BTF: type information in its raw form (layouts are <linux/btf.h>'s), read, validated, searched.
 *
 * Type ids run from 0 (void) to btf_count() - 1; with a base (split BTF) the base's ids come first.
 * Whatever btf_new() accepted is well formed: every id and string offset in it is in range, and no
 * type contains itself but through a pointer. All results live as long as the struct btf (and base).
 */
#ifndef BTF_BTF_H
#define BTF_BTF_H

#include <linux/btf.h>

#include "util/log.h"
#include "util/types.h"

struct btf;

/*
 * Reads len bytes of raw BTF (copied) as BPF_BTF_LOAD does: full validation, the kernel's errno
 * (-EINVAL, -E2BIG, -ENOTSUPP (524), -EEXIST, -ENOMEM) and, if log is not NULL, its text at log level
 * 1: every type a line, then what is wrong. base may be NULL; it must outlive *out.
 */
int btf_new(struct btf **out, const void *bytes, u32 len, const struct btf *base, struct log *log);

/*
 * Reads a file of raw BTF that the system vouches for (/sys/kernel/btf/vmlinux): bounds are checked,
 * so nothing in it can lead out of memory, the deeper rules are not; a few milliseconds for 6 MB.
 * -errno of open/read, -EINVAL.
 */
int btf_open(struct btf **out, const char *path);
void btf_free(struct btf *btf);

/* The bytes as given, for BPF_OBJ_GET_INFO_BY_FD. */
const void *btf_bytes(const struct btf *btf, u32 *len);

u32 btf_count(const struct btf *btf);
/* Type by id; id 0 is a type of kind BTF_KIND_UNKN; NULL out of range. */
const struct btf_type *btf_at(const struct btf *btf, u32 id);
/* String at an offset; "" for 0 and out of range. */
const char *btf_string(const struct btf *btf, u32 off);
const char *btf_name(const struct btf *btf, u32 id);
/* "INT", "PTR", … as the kernel's log prints kinds. */
const char *btf_kind_name(u32 kind);

/* The id of a named type of this kind (own types first, then base), or -ENOENT. Hashed on first use. */
s32 btf_find(const struct btf *btf, const char *name, u32 kind);

static inline u32 btf_type_kind(const struct btf_type *t)
{
	return BTF_INFO_KIND(t->info);
}
static inline u32 btf_type_vlen(const struct btf_type *t)
{
	return BTF_INFO_VLEN(t->info);
}
static inline bool btf_type_kflag(const struct btf_type *t)
{
	return BTF_INFO_KFLAG(t->info);
}
static inline bool btf_type_is_struct(const struct btf_type *t)
{
	return btf_type_kind(t) == BTF_KIND_STRUCT || btf_type_kind(t) == BTF_KIND_UNION;
}

/* Skips const, volatile, restrict, type tags and typedefs; the id arrived at (0: void). */
u32 btf_resolve(const struct btf *btf, u32 id);
/* Likewise, but stops at typedefs. */
u32 btf_unqualify(const struct btf *btf, u32 id);
/* Bytes a value of the type takes, arrays included; -EINVAL for void, functions, forward declarations. */
s64 btf_size(const struct btf *btf, u32 id);

/* What follows a struct btf_type in memory; the caller has looked at the kind. */
#define btf_tail(t, type) ((const struct type *)((t) + 1))
struct btf_field_at {
	const char *name;
	u32 type, bit_off, bits;
}; /* bits: of a bit-field, else 0 */
/* Member i < vlen of a struct or union. */
struct btf_field_at btf_member_at(const struct btf *btf, const struct btf_type *t, u32 i);
/* The member of that name, those of nameless structs inside included; bit_off is from the start of struct id. */
bool btf_find_member(const struct btf *btf, u32 id, const char *name, struct btf_field_at *out);
/* Parameter i of a FUNC_PROTO: type id, *name may be NULL. */
u32 btf_param_at(const struct btf *btf, const struct btf_type *proto, u32 i, const char **name);
/* The FUNC_PROTO of a FUNC id (or a pointer to one, modifiers skipped), or NULL; *id gets its id. */
const struct btf_type *btf_proto(const struct btf *btf, u32 func, u32 *id);
/* A DECL_TAG "tag" on component (or -1) of type id exists. */
bool btf_has_decl_tag(const struct btf *btf, u32 id, s32 component, const char *tag);
/* Value of DECL_TAG whose text starts with prefix, text after it; NULL none. */
const char *btf_decl_tag(const struct btf *btf, u32 id, s32 component, const char *prefix);

/* Where an access of size bytes at byte off of a struct lands (kernel: btf_struct_walk). */
enum btf_walk_kind {
	BTF_WALK_SCALAR,
	BTF_WALK_PTR,		/* a pointer to a struct */
	BTF_WALK_PTR_UNTRUSTED, /* a pointer to anything else: read-only untrusted memory */
	BTF_WALK_STRUCT,	/* the start of a struct inside; not from btf_struct_access() */
};
struct btf_walk {
	enum btf_walk_kind kind;
	u32 type;	   /* PTR: the struct pointed to; STRUCT: the struct whose start off is */
	u32 flags;	   /* MEM_USER, MEM_PERCPU, MEM_RCU from type tags, PTR_UNTRUSTED through
				 * a union (def/reg.h); or-ed to what is there: set it before the first call */
	const char *field; /* innermost member's name, or NULL */
};
/* 0, -EACCES, -EINVAL, -EFAULT with the kernel's log line ("access beyond struct …"). */
int btf_struct_walk(const struct btf *btf, u32 id, u32 off, u32 size, struct btf_walk *out,
		    struct log *log);
/* Likewise, into structs at the same offset until a pointer or scalar is met: what a load yields. */
int btf_struct_access(const struct btf *btf, u32 id, u32 off, u32 size, struct btf_walk *out,
		      struct log *log);

/* Fields of a map value (or an allocated object) that only certain helpers may touch. */
enum btf_special {
	BTF_SPIN_LOCK = 1 << 0,
	BTF_TIMER = 1 << 1,
	BTF_KPTR_UNREF = 1 << 2,
	BTF_KPTR_REF = 1 << 3,
	BTF_KPTR_PERCPU = 1 << 4,
	BTF_LIST_HEAD = 1 << 5,
	BTF_LIST_NODE = 1 << 6,
	BTF_RB_ROOT = 1 << 7,
	BTF_RB_NODE = 1 << 8,
	BTF_REFCOUNT = 1 << 9,
	BTF_WORKQUEUE = 1 << 10,
	BTF_UPTR = 1 << 11,
	BTF_RES_SPIN_LOCK = 1 << 12,
	BTF_TASK_WORK = 1 << 13,
	BTF_KPTR = BTF_KPTR_UNREF | BTF_KPTR_REF | BTF_KPTR_PERCPU | BTF_UPTR,
};
struct btf_special_field {
	enum btf_special kind;
	u32 off, size;
	u32 type; /* kptr, uptr: id (in this btf) of the pointed-to struct */
};
enum { BTF_MAX_FIELDS = 11 };
/* Fields of the struct or DATASEC id, sorted by offset: the count, or -E2BIG (too many, or two
 * of a kind that there may be one of), -EINVAL. The kernel then takes a map value as if it had none. */
int btf_special_fields(const struct btf *btf, u32 id, struct btf_special_field out[BTF_MAX_FIELDS]);

#endif
