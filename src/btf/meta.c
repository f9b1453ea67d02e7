/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * First pass of validation: header and sections, then every type by itself, in the kernel's order of
 * checks so that the first complaint is the kernel's. Nothing here follows a type id.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "btf/parse.h"

enum {
	ERR_NOTSUPP = 524, /* the kernel's ENOTSUPP, which libc does not name */
	INFO_MASK = (int)0x9f00ffff,
	INT_MASK = 0x0fffffff,
	NAME_MAX_LEN = 512, /* KSYM_NAME_LEN */
};

/* The kernel's ctype is Latin-1, whatever the locale here. */
static bool is_alpha(u8 c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

static bool is_print(u8 c)
{
	return (c >= 0x20 && c < 0x7f) || c >= 0xa0;
}

static bool name_char(u8 c, bool first)
{
	return is_alpha(c) || (!first && c >= '0' && c <= '9') || c == '_' || c == '.';
}

bool btf_name_is_identifier(const struct btf *btf, u32 off)
{
	const char *s = btf_string(btf, off), *limit = s + NAME_MAX_LEN;

	if (!name_char(*s++, true))
		return false;
	while (*s && s < limit)
		if (!name_char(*s++, false))
			return false;
	return !*s;
}

static bool name_is_section(const struct btf *btf, u32 off)
{
	const char *s = btf_string(btf, off), *limit = s + NAME_MAX_LEN;

	if (!*s)
		return false;
	while (*s && s < limit)
		if (!is_print((u8)*s++))
			return false;
	return !*s;
}

static int complain(struct parse *p, int err, const char *text)
{
	say(p->log, "%s", text);
	return err;
}

static int check_sections(struct parse *p)
{
	const struct btf_header *h = &p->btf->hdr;
	struct {
		u32 off, len;
	} s[2] = { { h->type_off, h->type_len }, { h->str_off, h->str_len } };
	u32 want = p->btf->len - h->hdr_len, total = 0;

	if ((s32)(s[0].off - s[1].off) > 0 ||
	    (s[0].off == s[1].off && (s32)(s[0].len - s[1].len) > 0)) {
		s[0].off = h->str_off, s[0].len = h->str_len;
		s[1].off = h->type_off, s[1].len = h->type_len;
	}
	for (u32 i = 0; i < 2; i++) {
		if (want < s[i].off)
			return complain(p, -EINVAL, "Invalid section offset");
		if (total < s[i].off)
			return complain(p, -EINVAL, "Unsupported section found");
		if (total > s[i].off)
			return complain(p, -EINVAL, "Section overlap found");
		if (want - total < s[i].len)
			return complain(p, -EINVAL, "Total section length too long");
		total += s[i].len;
	}
	return total == want ? 0 : complain(p, -EINVAL, "Unsupported section found");
}

static void log_header(struct parse *p)
{
	const struct btf_header *h = &p->btf->hdr;

	if (!p->log)
		return;
	say(p->log, "magic: 0x%x\nversion: %u\nflags: 0x%x\nhdr_len: %u\n", h->magic, h->version,
	    h->flags, h->hdr_len);
	say(p->log, "type_off: %u\ntype_len: %u\nstr_off: %u\nstr_len: %u\nbtf_total_size: %u\n",
	    h->type_off, h->type_len, h->str_off, h->str_len, p->btf->len);
}

static int check_header(struct parse *p)
{
	struct btf *btf = p->btf;
	struct btf_header *h = &btf->hdr;
	u32 len = btf->len, hdr_len;

	if (len < offsetof(struct btf_header, type_off))
		return complain(p, -EINVAL, "hdr_len not found");
	memcpy(&hdr_len, btf->data + offsetof(struct btf_header, hdr_len), sizeof(hdr_len));
	if (len < hdr_len)
		return complain(p, -EINVAL, "btf_header not found");
	for (u32 i = sizeof(*h); i < hdr_len; i++)
		if (btf->data[i])
			return complain(p, -E2BIG, "Unsupported btf_header");
	memcpy(h, btf->data,
	       min(hdr_len, (u32)sizeof(*h))); /* short ones: the rest is 0, hdr_len's too */
	log_header(p);
	if (h->magic != BTF_MAGIC)
		return complain(p, -EINVAL, "Invalid magic");
	if (h->version != BTF_VERSION)
		return complain(p, -ERR_NOTSUPP, "Unsupported version");
	if (h->flags)
		return complain(p, -ERR_NOTSUPP, "Unsupported flags");
	if (!btf->base && len == hdr_len)
		return complain(p, -EINVAL, "No data");
	return check_sections(p);
}

int btf_check_layout(struct parse *p)
{
	struct btf *btf = p->btf;
	struct btf_header *h = &btf->hdr;
	int err = check_header(p);

	if (err)
		return err;
	btf->strings = (const char *)btf->data + h->hdr_len + h->str_off;
	btf->types = btf->data + h->hdr_len + h->type_off;
	if ((const u8 *)btf->strings + h->str_len != btf->data + btf->len)
		return complain(p, -EINVAL, "String section is not at the end");
	if (!btf->base || h->str_len) {
		if (!h->str_len || h->str_len - 1 > BTF_MAX_NAME_OFFSET ||
		    btf->strings[h->str_len - 1] || (!btf->base && btf->strings[0]))
			return complain(p, -EINVAL, "Invalid string section");
	}
	if (h->type_off & 3)
		return complain(p, -EINVAL, "Unaligned type_off");
	if (!btf->base && !h->type_len)
		return complain(p, -EINVAL, "No type found");
	if ((uintptr_t)btf->types & 3) {
		btf->types_copy = malloc(h->type_len + 4);
		if (!btf->types_copy)
			return -ENOMEM;
		memcpy(btf->types_copy, btf->types, h->type_len);
		btf->types = btf->types_copy;
	}
	return 0;
}

s64 btf_tail_size(const struct btf_type *t)
{
	s64 vlen = btf_type_vlen(t);

	switch (btf_type_kind(t)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG: return 4;
	case BTF_KIND_ARRAY: return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: return vlen * (s64)sizeof(struct btf_member);
	case BTF_KIND_ENUM: return vlen * (s64)sizeof(struct btf_enum);
	case BTF_KIND_ENUM64: return vlen * (s64)sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO: return vlen * (s64)sizeof(struct btf_param);
	case BTF_KIND_DATASEC: return vlen * (s64)sizeof(struct btf_var_secinfo);
	case BTF_KIND_UNKN: return -1;
	default: return btf_type_kind(t) <= BTF_KIND_MAX ? 0 : -1;
	}
}

/* vlen and kind_flag that must be 0, said in the kernel's order */
static int plain(struct parse *p, const struct btf_type *t)
{
	if (btf_type_vlen(t))
		return btf_log_type(p, t, "vlen != 0");
	if (btf_type_kflag(t))
		return btf_log_type(p, t, "Invalid btf_info kind_flag");
	return 0;
}

static bool id_ok(u32 id)
{
	return id <= BTF_MAX_TYPE;
}

static bool has_identifier(struct parse *p, const struct btf_type *t)
{
	return t->name_off && btf_name_is_identifier(p->btf, t->name_off);
}

static int check_int(struct parse *p, const struct btf_type *t)
{
	u32 data = *(const u32 *)(t + 1), bits = BTF_INT_BITS(data) + BTF_INT_OFFSET(data);
	u32 encoding = BTF_INT_ENCODING(data);
	int err = plain(p, t);

	if (err)
		return err;
	if (data & ~INT_MASK)
		return btf_log_basic(p, t, "Invalid int_data:%x", data);
	if (bits > 128)
		return btf_log_type(p, t, "nr_bits exceeds 128");
	if ((bits + 7) / 8 > t->size)
		return btf_log_type(p, t, "nr_bits exceeds type_size");
	if (encoding && encoding != BTF_INT_SIGNED && encoding != BTF_INT_CHAR &&
	    encoding != BTF_INT_BOOL) {
		btf_log_type(p, t, "Unsupported encoding");
		return -ERR_NOTSUPP;
	}
	return 0;
}

static int check_ref(struct parse *p, const struct btf_type *t)
{
	u32 kind = btf_type_kind(t);
	bool bad_name;

	if (btf_type_vlen(t))
		return btf_log_type(p, t, "vlen != 0");
	if (btf_type_kflag(t) && kind != BTF_KIND_TYPE_TAG)
		return btf_log_type(p, t, "Invalid btf_info kind_flag");
	if (!id_ok(t->type))
		return btf_log_type(p, t, "Invalid type_id");
	if (kind == BTF_KIND_TYPEDEF)
		bad_name = !has_identifier(p, t);
	else if (kind == BTF_KIND_TYPE_TAG)
		bad_name = !*btf_string(p->btf, t->name_off);
	else
		bad_name = t->name_off;
	return bad_name ? btf_log_type(p, t, "Invalid name") : 0;
}

static int check_array(struct parse *p, const struct btf_type *t)
{
	const struct btf_array *a = btf_tail(t, btf_array);
	int err;

	if (t->name_off)
		return btf_log_type(p, t, "Invalid name");
	err = plain(p, t);
	if (err)
		return err;
	if (t->size)
		return btf_log_type(p, t, "size != 0");
	if (!a->type || !id_ok(a->type))
		return btf_log_type(p, t, "Invalid elem");
	if (!a->index_type || !id_ok(a->index_type))
		return btf_log_type(p, t, "Invalid index");
	return 0;
}

static int check_member(struct parse *p, const struct btf_type *t, const struct btf_member *m,
			u32 *last)
{
	u32 off = btf_type_kflag(t) ? BTF_MEMBER_BIT_OFFSET(m->offset) : m->offset;

	if (!btf_string_ok(p->btf, m->name_off))
		return btf_log_member(p, t, m, "Invalid member name_offset:%u", m->name_off);
	if (m->name_off && !btf_name_is_identifier(p->btf, m->name_off))
		return btf_log_member(p, t, m, "Invalid name");
	if (!m->type || !id_ok(m->type))
		return btf_log_member(p, t, m, "Invalid type_id");
	if ((btf_type_kind(t) == BTF_KIND_UNION && off) || *last > off)
		return btf_log_member(p, t, m, "Invalid member bits_offset");
	if (off / 8 + !!(off % 8) > t->size)
		return btf_log_member(p, t, m, "Member bits_offset exceeds its struct size");
	btf_log_member(p, t, m, NULL);
	*last = off;
	return 0;
}

/* Structs, unions, enums, data sections log themselves before their members: 1 tells the caller so. */
static int check_struct(struct parse *p, const struct btf_type *t)
{
	const struct btf_member *m = btf_tail(t, btf_member);
	u32 last = 0;
	int err = 0;

	if (t->name_off && !btf_name_is_identifier(p->btf, t->name_off))
		return btf_log_type(p, t, "Invalid name");
	btf_log_type(p, t, NULL);
	for (u32 i = 0; i < btf_type_vlen(t) && !err; i++)
		err = check_member(p, t, m + i, &last);
	return err ? err : 1;
}

static int check_enum(struct parse *p, const struct btf_type *t)
{
	bool wide = btf_type_kind(t) == BTF_KIND_ENUM64, kflag = btf_type_kflag(t);
	const u32 *at = (const u32 *)(t + 1); /* name, value or name, low, high */

	if (t->size > 8 || !t->size || (t->size & (t->size - 1)))
		return btf_log_type(p, t, "Unexpected size");
	if (t->name_off && !btf_name_is_identifier(p->btf, t->name_off))
		return btf_log_type(p, t, "Invalid name");
	btf_log_type(p, t, NULL);
	for (u32 i = 0; i < btf_type_vlen(t); i++, at += 2 + wide) {
		u64 value = wide ? at[1] | (u64)at[2] << 32 : at[1];

		if (!btf_string_ok(p->btf, at[0])) {
			say(p->log, "\tInvalid name_offset:%u", at[0]);
			return -EINVAL;
		}
		if (!at[0] || !btf_name_is_identifier(p->btf, at[0]))
			return btf_log_type(p, t, "Invalid name");
		if (!p->log)
			continue;
		say(p->log, "\t%s val=", btf_string(p->btf, at[0]));
		if (wide)
			say(p->log, kflag ? "%lld\n" : "%llu\n", (long long)value);
		else
			say(p->log, kflag ? "%d\n" : "%u\n", (u32)value);
	}
	return 1;
}

static int check_func(struct parse *p, const struct btf_type *t)
{
	if (!has_identifier(p, t))
		return btf_log_type(p, t, "Invalid name");
	if (btf_type_vlen(t) > BTF_FUNC_GLOBAL)
		return btf_log_type(p, t, "Invalid func linkage");
	if (btf_type_kflag(t))
		return btf_log_type(p, t, "Invalid btf_info kind_flag");
	return 0;
}

static int check_fwd(struct parse *p, const struct btf_type *t)
{
	if (btf_type_vlen(t))
		return btf_log_type(p, t, "vlen != 0");
	if (t->type)
		return btf_log_type(p, t, "type != 0");
	return has_identifier(p, t) ? 0 : btf_log_type(p, t, "Invalid name");
}

static int check_proto(struct parse *p, const struct btf_type *t)
{
	if (t->name_off)
		return btf_log_type(p, t, "Invalid name");
	return btf_type_kflag(t) ? btf_log_type(p, t, "Invalid btf_info kind_flag") : 0;
}

static int check_var(struct parse *p, const struct btf_type *t)
{
	u32 linkage = btf_tail(t, btf_var)->linkage;
	int err = plain(p, t);

	if (err)
		return err;
	if (!has_identifier(p, t))
		return btf_log_type(p, t, "Invalid name");
	if (!t->type || !id_ok(t->type))
		return btf_log_type(p, t, "Invalid type_id");
	if (linkage != BTF_VAR_STATIC && linkage != BTF_VAR_GLOBAL_ALLOCATED)
		return btf_log_type(p, t, "Linkage not supported");
	return 0;
}

static int check_datasec(struct parse *p, const struct btf_type *t)
{
	const struct btf_var_secinfo *v = btf_tail(t, btf_var_secinfo);
	u64 end = 0, sum = 0;

	if (!t->size)
		return btf_log_type(p, t, "size == 0");
	if (btf_type_kflag(t))
		return btf_log_type(p, t, "Invalid btf_info kind_flag");
	if (!t->name_off || !name_is_section(p->btf, t->name_off))
		return btf_log_type(p, t, "Invalid name");
	btf_log_type(p, t, NULL);
	for (u32 i = 0; i < btf_type_vlen(t); i++, v++) {
		if (!v->type || !id_ok(v->type))
			return btf_log_var(p, t, v, "Invalid type_id");
		if (v->offset < end || v->offset >= t->size)
			return btf_log_var(p, t, v, "Invalid offset");
		if (!v->size || v->size > t->size)
			return btf_log_var(p, t, v, "Invalid size");
		end = (u64)v->offset + v->size;
		if (end > t->size)
			return btf_log_var(p, t, v, "Invalid offset+size");
		btf_log_var(p, t, v, NULL);
		sum += v->size;
	}
	return t->size < sum ? btf_log_type(p, t, "Invalid btf_info size") : 1;
}

static int check_float(struct parse *p, const struct btf_type *t)
{
	int err = plain(p, t);

	if (err)
		return err;
	if (t->size != 2 && t->size != 4 && t->size != 8 && t->size != 12 && t->size != 16)
		return btf_log_type(p, t, "Invalid type_size");
	return 0;
}

static int check_decl_tag(struct parse *p, const struct btf_type *t)
{
	if (!*btf_string(p->btf, t->name_off))
		return btf_log_type(p, t, "Invalid value");
	if (btf_type_vlen(t))
		return btf_log_type(p, t, "vlen != 0");
	if (btf_tail(t, btf_decl_tag)->component_idx < -1)
		return btf_log_type(p, t, "Invalid component_idx");
	return 0;
}

/* 0: fine and to be logged; 1: fine and logged; else -errno. */
static int check_kind(struct parse *p, const struct btf_type *t)
{
	switch (btf_type_kind(t)) {
	case BTF_KIND_INT: return check_int(p, t);
	case BTF_KIND_ARRAY: return check_array(p, t);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: return check_struct(p, t);
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64: return check_enum(p, t);
	case BTF_KIND_FWD: return check_fwd(p, t);
	case BTF_KIND_FUNC: return check_func(p, t);
	case BTF_KIND_FUNC_PROTO: return check_proto(p, t);
	case BTF_KIND_VAR: return check_var(p, t);
	case BTF_KIND_DATASEC: return check_datasec(p, t);
	case BTF_KIND_FLOAT: return check_float(p, t);
	case BTF_KIND_DECL_TAG: return check_decl_tag(p, t);
	default: return check_ref(p, t);
	}
}

/* One type with left bytes to the end of the section; the bytes it takes or -errno. */
static s64 check_type(struct parse *p, const struct btf_type *t, u32 left)
{
	s64 tail;
	int err;

	if (left < sizeof(*t)) {
		say(p->log, "[%u] meta_left:%u meta_needed:%zu", p->id, left, sizeof(*t));
		return -EINVAL;
	}
	left -= sizeof(*t);
	if (t->info & ~INFO_MASK) {
		say(p->log, "[%u] Invalid btf_info:%x", p->id, t->info);
		return -EINVAL;
	}
	tail = btf_tail_size(t);
	if (tail < 0) {
		say(p->log, "[%u] Invalid kind:%u", p->id, btf_type_kind(t));
		return -EINVAL;
	}
	if (!btf_string_ok(p->btf, t->name_off)) {
		say(p->log, "[%u] Invalid name_offset:%u", p->id, t->name_off);
		return -EINVAL;
	}
	if (left < tail)
		return btf_log_basic(p, t, "meta_left:%u meta_needed:%u", left, (u32)tail);
	err = check_kind(p, t);
	if (!err)
		btf_log_type(p, t, NULL);
	return err < 0 ? err : (s64)sizeof(*t) + tail;
}

int btf_check_metas(struct parse *p)
{
	struct btf *btf = p->btf;
	u32 len = btf->hdr.type_len, at = 0, n = 0;

	btf->offs = malloc((len / sizeof(struct btf_type) + 1) * sizeof(u32));
	if (!btf->offs)
		return -ENOMEM;
	for (p->id = btf->first_id; at < len; p->id++) {
		s64 used = check_type(p, (const void *)(btf->types + at), len - at);

		if (used < 0)
			return used;
		if (p->id > BTF_MAX_TYPE) {
			say(p->log, "Exceeded max num of types");
			return -E2BIG;
		}
		btf->offs[n++] = at;
		at += used;
	}
	btf->count = btf->first_id + n;
	return 0;
}
