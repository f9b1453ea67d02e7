/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Members of structs and unions: whether each fits where it is said to be. Without kind_flag an offset
 * is in bits and only ints may be elsewhere than on a byte; with it a member is a bit-field (size in the
 * offset's upper byte; ints and enums only) or is on a byte.
 */
#include <errno.h>

#include "btf/member.h"

/* A size-byte value at bit offset off; the checks all other kinds share. */
static int check_bytes(struct parse *p, const struct btf_type *t, const struct btf_member *m,
		       u32 off, u32 size)
{
	if (off % 8)
		return btf_log_member(p, t, m, "Member is not byte aligned");
	if (t->size - off / 8 < size)
		return btf_log_member(p, t, m, "Member exceeds struct_size");
	return 0;
}

static int check_bits(struct parse *p, const struct btf_type *t, const struct btf_member *m,
		      u32 off, u32 bits)
{
	u32 copy = bits + off % 8;

	if (copy > 128)
		return btf_log_member(p, t, m, "nr_copy_bits exceeds 128");
	if (t->size < off / 8 || t->size - off / 8 < (copy + 7) / 8)
		return btf_log_member(p, t, m, "Member exceeds struct_size");
	return 0;
}

static int check_int(struct parse *p, const struct btf_type *t, const struct btf_member *m,
		     const struct btf_type *type)
{
	u32 data = *(const u32 *)(type + 1), bits = BTF_MEMBER_BITFIELD_SIZE(m->offset);
	u32 off = BTF_MEMBER_BIT_OFFSET(m->offset);

	if (!btf_type_kflag(t)) {
		if (UINT32_MAX - m->offset < BTF_INT_OFFSET(data))
			return btf_log_member(p, t, m, "bits_offset exceeds U32_MAX");
		return check_bits(p, t, m, m->offset + BTF_INT_OFFSET(data), BTF_INT_BITS(data));
	}
	if (!btf_int_is_regular(type))
		return btf_log_member(p, t, m, "Invalid member base type");
	if (bits > BTF_INT_BITS(data))
		return btf_log_member(p, t, m, "Invalid member bitfield_size");
	if (!bits && off % 8)
		return btf_log_member(p, t, m, "Invalid member offset");
	return check_bits(p, t, m, off, bits ? bits : BTF_INT_BITS(data));
}

static int check_enum(struct parse *p, const struct btf_type *t, const struct btf_member *m,
		      u32 size)
{
	u32 bits = BTF_MEMBER_BITFIELD_SIZE(m->offset), off = BTF_MEMBER_BIT_OFFSET(m->offset);

	if (!btf_type_kflag(t))
		return check_bytes(p, t, m, m->offset, size);
	if (!bits && off % 8)
		return btf_log_member(p, t, m, "Member is not byte aligned");
	if (bits > 32)
		return btf_log_member(p, t, m, "Invalid member bitfield_size");
	if (t->size < (off + (bits ? bits : 32) + 7) / 8)
		return btf_log_member(p, t, m, "Member exceeds struct_size");
	return 0;
}

static int check_float(struct parse *p, const struct btf_type *t, const struct btf_member *m,
		       u32 off, u32 size)
{
	u32 align = min((u32)sizeof(void *), size) * 8;

	if (off % align)
		return btf_log_member(p, t, m, "Member is not properly aligned");
	if ((u64)off / 8 + size > t->size)
		return btf_log_member(p, t, m, "Member exceeds struct_size");
	return 0;
}

int btf_check_member(struct parse *p, const struct btf_type *t, const struct btf_member *m)
{
	struct btf_member real = *m;
	u32 size = 0, kind, off;
	const struct btf_type *type = btf_sized(p->btf, &real.type, &size);

	if (!type) /* a modifier of something without size */
		return btf_log_member(p, t, m, "Invalid member");
	kind = btf_type_kind(type);
	if (kind == BTF_KIND_INT)
		return check_int(p, t, &real, type);
	if (kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64)
		return check_enum(p, t, &real, size);
	if (btf_type_kflag(t) && BTF_MEMBER_BITFIELD_SIZE(m->offset))
		return btf_log_member(p, t, &real, "Invalid member bitfield_size");
	off = real.offset;
	if (kind == BTF_KIND_FLOAT)
		return check_float(p, t, &real, off, size);
	return check_bytes(p, t, &real, off, size);
}
