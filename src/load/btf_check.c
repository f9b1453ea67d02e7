// SPDX-License-Identifier: BSD-2-Clause
/*
 * Whether the .BTF of an object is sound enough for libbpf, which believes it: every id and string
 * offset in range, tables whole, no chain of modifiers or typedefs that is endless. The kernel's full rules
 * are for BPF_BTF_LOAD, after libbpf has filled in what a compiler leaves open (sizes of sections).
 */
#include <errno.h>
#include <linux/btf.h>
#include <stdlib.h>
#include <string.h>

#include "load/objfile.h"

enum { TYPES_MAX = 1 << 20, CHAIN_MAX = 32, NESTING_MAX = 32 };

struct types {
	const u8 *at, *end; /* type section */
	u32 strings;	    /* bytes of the string section */
	const u8 **type;    /* by id, from 1 */
	u32 count;	    /* ids are below */
	u8 *depth;	    /* of nesting, by id: 0 not known yet, 255 being asked for */
};

static struct btf_type get(const struct types *t, u32 id)
{
	struct btf_type type = { 0 };

	if (id)
		memcpy(&type, t->type[id], sizeof(type));
	return type;
}

/* Bytes that follow struct btf_type, or -1 for a kind nobody knows. */
static s64 tail_size(const struct btf_type *type)
{
	u64 n = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT: return sizeof(u32);
	case BTF_KIND_ARRAY: return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: return (s64)(n * sizeof(struct btf_member));
	case BTF_KIND_ENUM: return (s64)(n * sizeof(struct btf_enum));
	case BTF_KIND_ENUM64: return (s64)(n * 3 * sizeof(u32));
	case BTF_KIND_FUNC_PROTO: return (s64)(n * sizeof(struct btf_param));
	case BTF_KIND_VAR: return sizeof(struct btf_var);
	case BTF_KIND_DATASEC: return (s64)(n * sizeof(struct btf_var_secinfo));
	case BTF_KIND_DECL_TAG: return sizeof(u32);
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG: return 0;
	default: return -1;
	}
}

static int find_types(struct types *t)
{
	u32 room = 0;

	t->count = 1;
	for (const u8 *at = t->at; at < t->end;) {
		struct btf_type type;
		s64 tail;

		if ((size_t)(t->end - at) < sizeof(type) || t->count >= TYPES_MAX)
			return -EINVAL;
		memcpy(&type, at, sizeof(type));
		tail = tail_size(&type);
		if (tail < 0 || tail > t->end - at - (s64)sizeof(type) ||
		    type.name_off >= t->strings)
			return -EINVAL;
		if (t->count >= room) {
			const u8 **grown =
				reallocarray(t->type, room = room ? room * 2 : 256, sizeof(*grown));

			if (!grown)
				return -ENOMEM;
			t->type = grown;
		}
		t->type[t->count++] = at;
		at += sizeof(type) + (size_t)tail;
	}
	return 0;
}

static bool is_reference(u32 kind)
{
	return kind == BTF_KIND_PTR || kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_VOLATILE ||
	       kind == BTF_KIND_CONST || kind == BTF_KIND_RESTRICT || kind == BTF_KIND_FUNC ||
	       kind == BTF_KIND_VAR || kind == BTF_KIND_TYPE_TAG || kind == BTF_KIND_DECL_TAG ||
	       kind == BTF_KIND_FUNC_PROTO;
}

static bool is_modifier(u32 kind)
{
	return kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_VOLATILE || kind == BTF_KIND_CONST ||
	       kind == BTF_KIND_RESTRICT || kind == BTF_KIND_TYPE_TAG;
}

/* Entry i of a tail of entries of size bytes, each starting with words: word w. */
static u32 tail_word(const struct types *t, u32 id, u32 size, u32 i, u32 w)
{
	u32 value;

	memcpy(&value, t->type[id] + sizeof(struct btf_type) + (size_t)i * size + w * 4,
	       sizeof(value));
	return value;
}

/* The words of a type's tail that are names and ids. */
static bool good_tail(const struct types *t, u32 id)
{
	struct btf_type type = get(t, id);
	u32 kind = BTF_INFO_KIND(type.info), n = BTF_INFO_VLEN(type.info), other;

	for (u32 i = 0; i < n; i++)
		switch (kind) {
		case BTF_KIND_STRUCT:
		case BTF_KIND_UNION:
			if (tail_word(t, id, 12, i, 0) >= t->strings ||
			    tail_word(t, id, 12, i, 1) >= t->count)
				return false;
			break;
		case BTF_KIND_FUNC_PROTO:
			if (tail_word(t, id, 8, i, 0) >= t->strings ||
			    tail_word(t, id, 8, i, 1) >= t->count)
				return false;
			break;
		case BTF_KIND_ENUM:
		case BTF_KIND_ENUM64:
			if (tail_word(t, id, kind == BTF_KIND_ENUM ? 8 : 12, i, 0) >= t->strings)
				return false;
			break;
		case BTF_KIND_DATASEC:
			other = tail_word(t, id, 12, i, 0);
			if (!other || other >= t->count)
				return false;
			break;
		default: break;
		}
	return kind != BTF_KIND_ARRAY ||
	       (tail_word(t, id, 0, 0, 0) < t->count && tail_word(t, id, 0, 0, 1) < t->count);
}

static bool good_chain(const struct types *t, u32 id)
{
	for (u32 steps = 0; steps < CHAIN_MAX; steps++) {
		struct btf_type type = get(t, id);

		if (!is_modifier(BTF_INFO_KIND(type.info)))
			return true;
		id = type.type;
	}
	return false;
}

static bool good_nesting(struct types *t, u32 id, u32 level);

/* What a type holds by value: members, elements, what a modifier or variable names. */
static bool good_parts(struct types *t, u32 id, u32 level)
{
	struct btf_type type = get(t, id);
	u32 kind = BTF_INFO_KIND(type.info);

	if (is_modifier(kind) || kind == BTF_KIND_VAR)
		return good_nesting(t, type.type, level + 1);
	if (kind == BTF_KIND_ARRAY)
		return good_nesting(t, tail_word(t, id, 0, 0, 0), level + 1);
	if (kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION)
		for (u32 i = 0; i < BTF_INFO_VLEN(type.info); i++)
			if (!good_nesting(t, tail_word(t, id, 12, i, 1), level + 1))
				return false;
	return true;
}

static bool good_nesting(struct types *t, u32 id, u32 level)
{
	if (!id || t->depth[id] == 1)
		return true;
	if (level > NESTING_MAX || t->depth[id] == 255)
		return false;
	t->depth[id] = 255;
	if (!good_parts(t, id, level))
		return false;
	t->depth[id] = 1;
	return true;
}

static int check_types(struct types *t)
{
	t->depth = calloc(t->count, 1);
	if (!t->depth)
		return -ENOMEM;
	for (u32 id = 1; id < t->count; id++) {
		struct btf_type type = get(t, id);
		u32 kind = BTF_INFO_KIND(type.info);

		if (is_reference(kind) && type.type >= t->count)
			return -EINVAL;
		if (kind == BTF_KIND_FUNC &&
		    BTF_INFO_KIND(get(t, type.type).info) != BTF_KIND_FUNC_PROTO)
			return -EINVAL;
		if (!good_tail(t, id))
			return -EINVAL;
	}
	for (u32 id = 1; id < t->count; id++)
		if (!good_chain(t, id) || !good_nesting(t, id, 0))
			return -EINVAL;
	return 0;
}

int btf_check(const void *bytes, size_t size)
{
	struct types t = { .count = 0 };
	struct btf_header h;
	u64 types, strings;
	int err;

	if (size < sizeof(h))
		return -EINVAL;
	memcpy(&h, bytes, sizeof(h));
	types = (u64)h.hdr_len + h.type_off;
	strings = (u64)h.hdr_len + h.str_off;
	if (h.magic != BTF_MAGIC || h.hdr_len < sizeof(h) || types + h.type_len > size ||
	    strings + h.str_len > size || !h.str_len || ((const u8 *)bytes)[strings] ||
	    ((const u8 *)bytes)[strings + h.str_len - 1] || h.type_off % 4)
		return -EINVAL;
	t.at = (const u8 *)bytes + types;
	t.end = t.at + h.type_len;
	t.strings = h.str_len;
	err = find_types(&t);
	if (!err)
		err = check_types(&t);
	free(t.type);
	free(t.depth);
	return err;
}
