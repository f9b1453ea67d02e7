/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside src/btf only: the object, and the state of one validation. */
#ifndef BTF_PARSE_H
#define BTF_PARSE_H

#include "btf/btf.h"

enum { BTF_RESOLVE_DEPTH = 32 };

struct btf {
	const struct btf *base;
	u8 *data; /* the bytes as given; mapped or allocated */
	u32 len;
	bool mapped;
	struct btf_header hdr;
	const u8 *types; /* type section, aligned to 4 */
	u8 *types_copy;	 /* set if it had to be copied for that */
	const char *strings;
	u32 first_string;	 /* string offsets below it are the base's */
	u32 first_id;		 /* first own id: 1, or the base's count */
	u32 count;		 /* ids, base and void included */
	u32 *offs;		 /* own types: byte offset in the type section, by id - first_id */
	u32 *resolved_id;	 /* likewise, after validation: what a modifier or var comes to */
	u32 *resolved_size;	 /* arrays: bytes */
	struct btf_names *names; /* built on demand, published atomically */
	u32 finds;		 /* searches so far */
};

struct parse {
	struct btf *btf;
	struct log *log;
	u32 id;		/* type being looked at, for the log */
	bool resolving; /* second pass: members are logged with their struct */
	u8 *state;	/* second pass: enum visit per own type */
};

/* First pass, meta.c: header, sections, every type by itself; fills btf->offs. */
int btf_check_layout(struct parse *p);
int btf_check_metas(struct parse *p);
/* Bytes of what follows a struct btf_type of this kind, or -1 for a kind that does not exist. */
s64 btf_tail_size(const struct btf_type *t);
/* Second pass, resolve.c: what types refer to. */
int btf_check_refs(struct parse *p);

/* Third, special.c: structs with locks, list heads, kernel pointers have them in order. */
int btf_check_objects(const struct btf *btf);

bool btf_string_ok(const struct btf *btf, u32 off);
bool btf_name_is_identifier(const struct btf *btf, u32 off);
/* "(anon)" for 0. */
const char *btf_log_name(const struct btf *btf, u32 off);

/* Log lines; each returns -EINVAL so that callers may return it. fmt NULL: no remark. */
int btf_log_type(struct parse *p, const struct btf_type *t, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int btf_log_basic(struct parse *p, const struct btf_type *t, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int btf_log_member(struct parse *p, const struct btf_type *t, const struct btf_member *m,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));
int btf_log_var(struct parse *p, const struct btf_type *t, const struct btf_var_secinfo *v,
		const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Like btf_size(), only during and after validation: resolved *id gets the type with the size. */
const struct btf_type *btf_sized(const struct btf *btf, u32 *id, u32 *size);
bool btf_int_is_regular(const struct btf_type *t);

static inline bool btf_kind_is_modifier(u32 kind)
{
	return kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_CONST || kind == BTF_KIND_VOLATILE ||
	       kind == BTF_KIND_RESTRICT || kind == BTF_KIND_TYPE_TAG;
}

#endif
