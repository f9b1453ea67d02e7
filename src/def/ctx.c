/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables behind ctx.h: fields of contexts, fields behind socket pointers, and where members live
 * that are not in their uapi place. A lookup walks the table: programs have few context accesses.
 */
#include "def/ctx.h"

#include "def/ctx_layout.h"
#include "def/uapi.h"

#ifdef __aarch64__
enum { CTX_REGS_SIZE = 336, CTX_USER_REGS_SIZE = 272 };
#else
enum { CTX_REGS_SIZE = 168, CTX_USER_REGS_SIZE = 168 };
#endif

struct field {
	const char *name;
	u64 types, attach; /* bit sets; attach 0: any */
	u32 start, end;
	u32 kind;
	u8 read, write; /* sizes (1, 2, 4, 8), and 16: only at start */
};

enum { S_COMMON = 1, S_FULL = 2, S_TCP = 4, S_XDP = 8 };

#define MEMBER_SIZE(strct, member) sizeof(((struct strct *)0)->member)
#define MEMBER(strct, member)                                     \
	.name = #member, .start = offsetof(struct strct, member), \
	.end = offsetof(struct strct, member) + MEMBER_SIZE(strct, member)

static const struct field fields[] = {
#define FIELD(strct, member, in, at, yields, r, w) \
	{ MEMBER(strct, member), .types = in, .attach = at, .kind = yields, .read = r, .write = w },
#define RANGE(nm, from, to, in, at, yields, r, w) \
	{ .name = nm,                             \
	  .start = from,                          \
	  .end = to,                              \
	  .types = in,                            \
	  .attach = at,                           \
	  .kind = yields,                         \
	  .read = r,                              \
	  .write = w },
#define SOCK(strct, member, kinds, r)
#define HOME(strct, member, own, own_member, in)
#include "def/ctx.def"
};

static const struct field sock_fields[] = {
#define FIELD(strct, member, in, at, yields, r, w)
#define RANGE(nm, from, to, in, at, yields, r, w)
#define SOCK(strct, member, kinds, r) \
	{ MEMBER(strct, member), .types = kinds, .kind = SCALAR_VALUE, .read = r },
#define HOME(strct, member, own, own_member, in)
#include "def/ctx.def"
};

static const struct home {
	u64 types;
	u32 uapi_off, off, size;
} homes[] = {
#define FIELD(strct, member, in, at, yields, r, w)
#define RANGE(nm, from, to, in, at, yields, r, w)
#define SOCK(strct, member, kinds, r)
#define HOME(strct, member, own, own_member, in)                                \
	{ in, offsetof(struct strct, member), offsetof(struct own, own_member), \
	  MEMBER_SIZE(own, own_member) },
#include "def/ctx.def"
};

static bool fits(const struct field *f, u32 off, u32 size, u8 sizes)
{
	if (!(sizes & size) || off < f->start || off >= f->end)
		return false;
	if (sizes & 16)
		return off == f->start;
	return off == f->start || off + size <= f->end;
}

static bool find(const struct field *table, size_t count, u64 type, u64 attach, s32 off, u32 size,
		 bool write, struct ctx_access *out)
{
	if (off < 0 || (size != 1 && size != 2 && size != 4 && size != 8) || off % size)
		return false;
	for (const struct field *f = table; f < table + count; f++) {
		if (!(f->types & type) || (f->attach && !(f->attach & attach)) ||
		    !fits(f, off, size, write ? f->write : f->read))
			continue;
		out->kind = f->kind;
		out->field = f->name;
		out->btf = type_base(f->kind) == PTR_TO_BTF_ID ? f->name : NULL;
		out->field_off = f->name ? f->start : (u32)off;
		out->field_size = f->name ? f->end - f->start : size;
		if (out->field_size > 8) { /* an array: the element */
			u32 unit = max(size, 4u);

			out->field_off = off - (off - f->start) % unit;
			out->field_size = unit;
		}
		return true;
	}
	return false;
}

bool ctx_access(u32 prog_type, u32 attach_type, s32 off, u32 size, bool write,
		struct ctx_access *out)
{
	u64 type = prog_type < __MAX_BPF_PROG_TYPE ? 1ull << prog_type : 0;
	u64 attach = attach_type < 64 ? 1ull << attach_type : 0;

	return find(fields, ARRAY_SIZE(fields), type, attach, off, size, write, out);
}

bool ctx_sock_access(u32 reg_type, s32 off, u32 size, struct ctx_access *out)
{
	u64 kind = reg_type == PTR_TO_SOCK_COMMON ? S_COMMON
		   : reg_type == PTR_TO_SOCKET	  ? S_FULL
		   : reg_type == PTR_TO_TCP_SOCK  ? S_TCP
		   : reg_type == PTR_TO_XDP_SOCK  ? S_XDP
						  : 0;

	return find(sock_fields, ARRAY_SIZE(sock_fields), kind, 0, off, size, false, out);
}

bool ctx_home(u32 prog_type, u32 field_off, u32 *off, u32 *size)
{
	for (const struct home *h = homes; h < homes + ARRAY_SIZE(homes); h++)
		if ((h->types >> prog_type & 1) && h->uapi_off == field_off) {
			*off = h->off;
			*size = h->size;
			return true;
		}
	return false;
}
