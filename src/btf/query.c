/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions about types. Chains of modifiers are followed a bounded number of steps, so that a file
 * opened on trust cannot send anyone round in circles.
 */
#include <errno.h>
#include <string.h>

#include "btf/parse.h"

enum { MAX_CHAIN = 64 };

static u32 skip(const struct btf *btf, u32 id, bool typedefs)
{
	for (u32 i = 0; i < MAX_CHAIN; i++) {
		const struct btf_type *t = btf_at(btf, id);
		u32 kind = t ? btf_type_kind(t) : BTF_KIND_UNKN;

		if (!btf_kind_is_modifier(kind) || (kind == BTF_KIND_TYPEDEF && !typedefs))
			return t ? id : 0;
		id = t->type;
	}
	return 0;
}

u32 btf_resolve(const struct btf *btf, u32 id)
{
	return skip(btf, id, true);
}

u32 btf_unqualify(const struct btf *btf, u32 id)
{
	return skip(btf, id, false);
}

s64 btf_size(const struct btf *btf, u32 id)
{
	u64 times = 1;

	for (u32 i = 0; i < MAX_CHAIN; i++) {
		const struct btf_type *t = btf_at(btf, btf_resolve(btf, id));
		u64 size;

		switch (btf_type_kind(t)) {
		case BTF_KIND_INT:
		case BTF_KIND_STRUCT:
		case BTF_KIND_UNION:
		case BTF_KIND_ENUM:
		case BTF_KIND_ENUM64:
		case BTF_KIND_FLOAT:
		case BTF_KIND_DATASEC:
			return __builtin_mul_overflow(times, (u64)t->size, &size) ||
					       size > INT64_MAX
				       ? -EINVAL
				       : (s64)size;
		case BTF_KIND_PTR:
			return __builtin_mul_overflow(times, (u64)8, &size) || size > INT64_MAX
				       ? -EINVAL
				       : (s64)size;
		case BTF_KIND_ARRAY:
			if (__builtin_mul_overflow(times, (u64)btf_tail(t, btf_array)->nelems,
						   &times))
				return -EINVAL;
			id = btf_tail(t, btf_array)->type;
			break;
		case BTF_KIND_VAR: id = t->type; break;
		default: return -EINVAL;
		}
	}
	return -EINVAL;
}

struct btf_field_at btf_member_at(const struct btf *btf, const struct btf_type *t, u32 i)
{
	const struct btf_member *m = btf_tail(t, btf_member) + i;
	bool kflag = btf_type_kflag(t);

	return (struct btf_field_at){
		.name = btf_string(btf, m->name_off),
		.type = m->type,
		.bit_off = kflag ? BTF_MEMBER_BIT_OFFSET(m->offset) : m->offset,
		.bits = kflag ? BTF_MEMBER_BITFIELD_SIZE(m->offset) : 0,
	};
}

bool btf_find_member(const struct btf *btf, u32 id, const char *name, struct btf_field_at *out)
{
	const struct btf_type *t = btf_at(btf, id);

	for (u32 i = 0; i < btf_type_vlen(t); i++) {
		struct btf_field_at field = btf_member_at(btf, t, i);
		u32 inner = btf_resolve(btf, field.type);

		*out = field;
		if (!strcmp(field.name, name))
			return true;
		if (*field.name || !btf_type_is_struct(btf_at(btf, inner)) ||
		    !btf_find_member(btf, inner, name, out))
			continue;
		out->bit_off += field.bit_off;
		return true;
	}
	return false;
}

u32 btf_param_at(const struct btf *btf, const struct btf_type *proto, u32 i, const char **name)
{
	const struct btf_param *param = btf_tail(proto, btf_param) + i;

	if (name)
		*name = btf_string(btf, param->name_off);
	return param->type;
}

const struct btf_type *btf_proto(const struct btf *btf, u32 func, u32 *id)
{
	const struct btf_type *t;

	for (u32 i = 0; i < 4; i++) {
		func = btf_resolve(btf, func);
		t = btf_at(btf, func);
		if (btf_type_kind(t) == BTF_KIND_FUNC_PROTO) {
			if (id)
				*id = func;
			return t;
		}
		if (btf_type_kind(t) != BTF_KIND_FUNC && btf_type_kind(t) != BTF_KIND_PTR)
			return NULL;
		func = t->type;
	}
	return NULL;
}

const char *btf_decl_tag(const struct btf *btf, u32 id, s32 component, const char *prefix)
{
	size_t len = strlen(prefix);

	for (; btf; btf = btf->base)
		for (u32 i = btf->first_id; i < btf->count; i++) {
			const struct btf_type *t = btf_at(btf, i);

			if (btf_type_kind(t) == BTF_KIND_DECL_TAG && t->type == id &&
			    btf_tail(t, btf_decl_tag)->component_idx == component &&
			    !strncmp(btf_string(btf, t->name_off), prefix, len))
				return btf_string(btf, t->name_off) + len;
		}
	return NULL;
}

bool btf_has_decl_tag(const struct btf *btf, u32 id, s32 component, const char *tag)
{
	for (; btf; btf = btf->base)
		for (u32 i = btf->first_id; i < btf->count; i++) {
			const struct btf_type *t = btf_at(btf, i);

			if (btf_type_kind(t) == BTF_KIND_DECL_TAG && t->type == id &&
			    btf_tail(t, btf_decl_tag)->component_idx == component &&
			    !strcmp(btf_string(btf, t->name_off), tag))
				return true;
		}
	return false;
}
