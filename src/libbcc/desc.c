// SPDX-License-Identifier: BSD-2-Clause
/*
 * Types as Python's bcc wants them told, from BTF: keys and leaves as JSON that its
 * BPF._decode_table_type() turns into ctypes, and the fields of a buffer's records as "name#type"
 * for _get_event_class().
 *
 * Invariant: ctypes lays out what is told here as the C compiler laid out the type. Holes that
 * natural alignment does not make are told as __pad_N; a packed struct is told as such, and where
 * that cannot be said (records), as bytes.
 */
#include "libbcc/libbcc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 32, STACK_DEPTH = 127 };

static const struct btf_type *resolve(const struct btf *btf, u32 *id)
{
	const struct btf_type *t = btf__type_by_id(btf, *id);

	for (int i = 0;
	     i < DEPTH_MAX && t && (btf_is_mod(t) || btf_is_typedef(t) || btf_is_type_tag(t));
	     i++) {
		*id = t->type;
		t = btf__type_by_id(btf, *id);
	}
	return t;
}

static u64 size_of(const struct btf *btf, u32 id)
{
	s64 size = btf__resolve_size(btf, id);

	return size > 0 ? (u64)size : 0;
}

/* An array's element and how many there are in all its dimensions. */
static u32 flatten(const struct btf *btf, u32 id, u64 *count)
{
	const struct btf_type *t = resolve(btf, &id);

	for (*count = 1; t && btf_is_array(t); t = resolve(btf, &id)) {
		*count *= btf_array(t)->nelems;
		id = btf_array(t)->type;
	}
	return id;
}

static u64 align_of(const struct btf *btf, u32 id, int depth);

static bool is_packed(const struct btf *btf, const struct btf_type *t, int depth)
{
	u64 widest = 1;

	for (u32 i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];
		u64 align = align_of(btf, m->type, depth + 1);

		if (!btf_member_bitfield_size(t, i) && btf_member_bit_offset(t, i) / 8 % align)
			return true;
		widest = max(widest, align);
	}
	return t->size % widest != 0;
}

static u64 align_of(const struct btf *btf, u32 id, int depth)
{
	const struct btf_type *t;
	u64 count, widest = 1;

	id = flatten(btf, id, &count);
	t = resolve(btf, &id);
	if (!t || depth > DEPTH_MAX)
		return 1;
	if (!btf_is_composite(t))
		return min(max(size_of(btf, id), (u64)1), (u64)8);
	if (is_packed(btf, t, depth))
		return 1;
	for (u32 i = 0; i < btf_vlen(t); i++)
		widest = max(widest, align_of(btf, btf_members(t)[i].type, depth + 1));
	return widest;
}

/* ---- JSON ---- */

static const char *number_name(u64 size, bool is_signed)
{
	switch (size) {
	case 1: return is_signed ? "char" : "unsigned char";
	case 2: return is_signed ? "short" : "unsigned short";
	case 4: return is_signed ? "int" : "unsigned int";
	case 16: return is_signed ? "__int128" : "unsigned __int128";
	default: return is_signed ? "long long" : "unsigned long long";
	}
}

static const char *scalar_name(const struct btf_type *t)
{
	if (btf_is_ptr(t))
		return "unsigned long long";
	if (btf_is_float(t))
		return t->size == 4 ? "float" : t->size == 8 ? "double" : "long double";
	if (btf_is_int(t) && btf_int_encoding(t) & BTF_INT_BOOL)
		return "_Bool";
	if (btf_is_int(t))
		return number_name(t->size, btf_int_encoding(t) & BTF_INT_SIGNED);
	return number_name(t->size, btf_kflag(t));
}

static void put_type(FILE *out, const struct btf *btf, u32 id, int depth);

static void put_pad(FILE *out, u32 *pads, u64 size, const char *comma)
{
	fprintf(out, "%s[\"__pad_%u\", \"char\", [%llu]]", comma, ++*pads,
		(unsigned long long)size);
}

static void put_member(FILE *out, const struct btf *btf, const struct btf_type *t, u32 i, int depth)
{
	const struct btf_member *m = &btf_members(t)[i];
	const char *name = btf__name_by_offset(btf, m->name_off);
	u32 bits = btf_member_bitfield_size(t, i), id = m->type, element;
	const struct btf_type *type = resolve(btf, &id);
	u64 count;

	if (!name[0] && type && btf_is_composite(type)) {
		put_type(out, btf, id, depth + 1);
		return;
	}
	fprintf(out, "[\"%s\", ", name);
	element = flatten(btf, id, &count);
	put_type(out, btf, element, depth + 1);
	if (bits)
		fprintf(out, ", %u", bits);
	else if (type && btf_is_array(type))
		fprintf(out, ", [%llu]", (unsigned long long)count);
	fputc(']', out);
}

static void put_members(FILE *out, const struct btf *btf, const struct btf_type *t, bool packed,
			int depth)
{
	u64 at = 0, start, align;
	const char *comma = "";
	u32 pads = 0;

	for (u32 i = 0; i < btf_vlen(t); i++) {
		u32 bits = btf_member_bitfield_size(t, i), offset = btf_member_bit_offset(t, i);

		align = packed ? 1 : align_of(btf, btf_members(t)[i].type, depth + 1);
		start = round_up(at, align);
		if (btf_is_struct(t) && !bits && offset / 8 > start) {
			put_pad(out, &pads, offset / 8 - at, comma);
			comma = ", ";
		}
		fputs(comma, out);
		comma = ", ";
		put_member(out, btf, t, i, depth);
		at = bits ? (offset + bits + 7) / 8
			  : offset / 8 + size_of(btf, btf_members(t)[i].type);
	}
	align = packed ? 1 : align_of(btf, (u32)0, DEPTH_MAX + 1);
	for (u32 i = 0; !packed && i < btf_vlen(t); i++)
		align = max(align, align_of(btf, btf_members(t)[i].type, depth + 1));
	if (btf_is_struct(t) && t->size > round_up(at, align))
		put_pad(out, &pads, t->size - at, comma);
}

static void put_type(FILE *out, const struct btf *btf, u32 id, int depth)
{
	const struct btf_type *t = resolve(btf, &id);
	bool packed;

	if (!t || depth > DEPTH_MAX || btf_is_fwd(t) ||
	    btf_is_any_enum(t) + btf_is_int(t) + btf_is_ptr(t) + btf_is_float(t) +
			    btf_is_composite(t) + btf_is_array(t) ==
		    0) {
		fputs("\"unsigned char\"", out);
		return;
	}
	if (btf_is_array(t)) {
		u64 count;
		u32 element = flatten(btf, id, &count);

		fputs("[\"array\", [[\"items\", ", out);
		put_type(out, btf, element, depth + 1);
		fprintf(out, ", [%llu]]], \"struct\"]", (unsigned long long)count);
		return;
	}
	if (!btf_is_composite(t)) {
		fprintf(out, "\"%s\"", scalar_name(t));
		return;
	}
	packed = btf_is_struct(t) && is_packed(btf, t, depth);
	fprintf(out, "[\"%s\", [", btf__name_by_offset(btf, t->name_off));
	put_members(out, btf, t, packed, depth);
	fprintf(out, "], \"%s\"]", btf_is_union(t) ? "union" : packed ? "struct_packed" : "struct");
}

/* A map whose entries have no type in BTF. */
static void put_untyped(FILE *out, const struct bpf_map *map, int side)
{
	u32 size = side ? bpf_map__value_size(map) : bpf_map__key_size(map);
	bool by_id = bpf_map__map_flags(map) & BPF_F_STACK_BUILD_ID;

	if (side && bpf_map__type(map) == BPF_MAP_TYPE_STACK_TRACE && by_id)
		fprintf(out,
			"[\"bpf_stacktrace_buildid\", [[\"trace\", [\"bpf_stack_build_id\", [[\"status\", \"int\"], "
			"[\"build_id\", \"unsigned char\", [20]], [\"\", [[\"offset\", \"unsigned long long\"], "
			"[\"ip\", \"unsigned long long\"]], \"union\"]], \"struct\"], [%d]]], \"struct\"]",
			STACK_DEPTH);
	else if (side && bpf_map__type(map) == BPF_MAP_TYPE_STACK_TRACE)
		fprintf(out,
			"[\"bpf_stacktrace\", [[\"ip\", \"unsigned long long\", [%d]]], \"struct\"]",
			STACK_DEPTH);
	else if (size <= 4)
		fputs(side ? "\"unsigned int\"" : "\"int\"", out);
	else if (size == 8)
		fputs("\"unsigned long long\"", out);
	else
		fprintf(out, "[\"bytes\", [[\"bytes\", \"unsigned char\", [%u]]], \"struct\"]",
			size);
}

char *desc_json(const struct table *table, const struct btf *btf, int side)
{
	u32 id = side ? bpf_map__btf_value_type_id(table->map)
		      : bpf_map__btf_key_type_id(table->map);
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	if (id && btf)
		put_type(out, btf, id, 0);
	else
		put_untyped(out, table->map, side);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

/* ---- records ---- */

/* What the buffer's records are: bcc.h leaves a variable NAME_skep_event_N, a pointer to one, for every submit. */
static u32 record_type(const struct btf *btf, const char *name)
{
	static const char infix[] = "_skep_event_";
	size_t len = strlen(name);

	for (u32 id = 1; btf && id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const char *var = btf_is_var(t) ? btf__name_by_offset(btf, t->name_off) : NULL;
		u32 to;

		if (!var || strncmp(var, name, len) || strncmp(var + len, infix, sizeof(infix) - 1))
			continue;
		to = t->type;
		t = resolve(btf, &to);
		if (t && btf_is_ptr(t))
			return t->type;
	}
	return 0;
}

static const char *field_type(const struct btf_type *t, bool in_array)
{
	static const char *const short_signed[] = { "s8", "s16", "s32", "s64" };
	static const char *const short_unsigned[] = { "u8", "u16", "u32", "u64" };
	bool is_signed = (btf_is_int(t) && btf_int_encoding(t) & BTF_INT_SIGNED) ||
			 (btf_is_any_enum(t) && btf_kflag(t));
	u32 log = t->size <= 1 ? 0 : t->size == 2 ? 1 : t->size == 4 ? 2 : 3;

	if (btf_is_ptr(t))
		return in_array ? "u64" : "void *";
	if (btf_is_int(t) && t->size == 16)
		return is_signed ? "__int128" : "unsigned __int128";
	if (t->size == 1 && is_signed)
		return "char";
	return is_signed ? short_signed[log] : short_unsigned[log];
}

/* One field, or bytes of the right alignment for what "name#type" cannot say. */
static void put_field(FILE *out, const struct btf *btf, const char *name, u32 id)
{
	u64 count, size, align;
	u32 element = flatten(btf, id, &count);
	const struct btf_type *t = resolve(btf, &element), *whole = resolve(btf, &id);
	bool array = whole && btf_is_array(whole);

	if (t && (btf_is_int(t) || btf_is_any_enum(t) || btf_is_ptr(t))) {
		fprintf(out, "%s#%s", name, field_type(t, array));
		if (array)
			fprintf(out, "[%llu]", (unsigned long long)count);
		return;
	}
	size = size_of(btf, id);
	align = align_of(btf, id, 0);
	fprintf(out, "%s#u%llu[%llu]", name, (unsigned long long)align * 8,
		(unsigned long long)(size / align));
}

static bool add_field(struct table *table, const struct btf *btf, const char *name, u32 id)
{
	char **grown = reallocarray(table->fields, table->nr_fields + 1, sizeof(*grown));
	size_t len;
	FILE *out;

	if (!grown)
		return false;
	table->fields = grown;
	out = open_memstream(&table->fields[table->nr_fields], &len);
	if (!out)
		return false;
	table->nr_fields++;
	put_field(out, btf, name, id);
	return !fclose(out);
}

static void add_hole(struct table *table, u64 size, u32 *pads)
{
	char text[64];
	char **grown =
		size ? reallocarray(table->fields, table->nr_fields + 1, sizeof(*grown)) : NULL;

	if (!grown)
		return;
	snprintf(text, sizeof(text), "__pad_%u#u8[%llu]", ++*pads, (unsigned long long)size);
	table->fields = grown;
	table->fields[table->nr_fields] = strdup(text);
	table->nr_fields += table->fields[table->nr_fields] != NULL;
}

void desc_fields(struct table *table, const struct btf *btf)
{
	u32 id = record_type(btf, table->name), pads = 0, anonymous = 0;
	const struct btf_type *t = id ? resolve(btf, &id) : NULL;
	u64 at = 0;
	char unnamed[32];

	table->fields_known = true;
	if (!t || !btf_is_struct(t))
		return;
	for (u32 i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];
		const char *name = btf__name_by_offset(btf, m->name_off);
		u64 start = btf_member_bit_offset(t, i) / 8;

		if (btf_member_bitfield_size(t, i))
			continue; /* no name#type says it: it is left to the hole before the next */
		if (start > round_up(at, align_of(btf, m->type, 0)))
			add_hole(table, start - at, &pads);
		if (!name[0])
			snprintf(unnamed, sizeof(unnamed), "__anon%u", anonymous++);
		if (!add_field(table, btf, name[0] ? name : unnamed, m->type))
			return;
		at = start + size_of(btf, m->type);
	}
}
