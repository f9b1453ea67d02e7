// SPDX-License-Identifier: BSD-2-Clause
/* Values as their BTF types say: numbers, names, strings, [ arrays ], { .member = structs }. */
#include "load/value.h" /* first: it brings our uapi.h */

#include <bpf/btf.h>
#include <string.h>

enum { DEPTH_MAX = 16 };

struct typed {
	struct log *out;
	const struct btf *btf;
};

static void print_typed(const struct typed *t, u32 type, const u8 *data, u32 size, int depth);

static u64 number(const u8 *data, u32 size)
{
	u64 value = 0;

	memcpy(&value, data, min(size, 8u));
	return value;
}

static void print_bytes(struct log *out, const u8 *data, u32 size)
{
	if (size == 1 || size == 2 || size == 4 || size == 8) {
		say(out, "%llu", (unsigned long long)number(data, size));
		return;
	}
	for (u32 i = 0; i < size; i++)
		say(out, "%s%02x", i ? " " : "", data[i]);
}

static void print_int(struct log *out, u8 encoding, const u8 *data, u32 size)
{
	u64 value = number(data, size);
	int shift = 64 - 8 * (int)min(size, 8u);

	if (size > 8)
		print_bytes(out, data, size);
	else if (encoding & BTF_INT_BOOL)
		say(out, value ? "true" : "false");
	else if (encoding & BTF_INT_SIGNED)
		say(out, "%lld", (long long)((s64)(value << shift) >> shift));
	else
		say(out, "%llu", (unsigned long long)value);
}

static void print_string(struct log *out, const u8 *data, u32 size)
{
	say(out, "\"");
	for (u32 i = 0; i < size && data[i]; i++) {
		if (data[i] == '"' || data[i] == '\\')
			say(out, "\\%c", data[i]);
		else if (data[i] < 0x20 || data[i] >= 0x7f)
			say(out, "\\x%02x", data[i]);
		else
			say(out, "%c", data[i]);
	}
	say(out, "\"");
}

/* Letters, and nothing but zeroes after the first one. */
static bool is_text(const u8 *data, u32 size)
{
	u32 len = 0;

	while (len < size && data[len] >= 0x20 && data[len] < 0x7f)
		len++;
	for (u32 i = len; i < size; i++)
		if (data[i])
			return false;
	return len;
}

static void print_array(const struct typed *t, const struct btf_array *array, const u8 *data,
			u32 size, int depth)
{
	u32 type = array->type;
	s64 each = btf__resolve_size(t->btf, type);
	const struct btf_type *element =
		btf__type_by_id(t->btf, (u32)btf__resolve_type(t->btf, type));

	if (each == 1 && element && btf_is_int(element) &&
	    (!strcmp(btf__name_by_offset(t->btf, element->name_off), "char") ||
	     is_text(data, min(size, array->nelems)))) {
		print_string(t->out, data, min(size, array->nelems));
		return;
	}
	say(t->out, "[");
	for (u32 i = 0; each > 0 && i < array->nelems && (u64)(i + 1) * (u64)each <= size; i++) {
		say(t->out, i ? ", " : " ");
		print_typed(t, type, data + i * (u64)each, (u32)each, depth);
	}
	say(t->out, " ]");
}

static void print_bits(struct log *out, const u8 *data, u32 size, u32 bit, u32 bits)
{
	u32 first = bit / 8;
	u64 value = first < size ? number(data + first, min(size - first, 8u)) >> bit % 8 : 0;

	say(out, "%llu", (unsigned long long)(bits < 64 ? value & ((1ull << bits) - 1) : value));
}

static void print_struct(const struct typed *t, const struct btf_type *type, const u8 *data,
			 u32 size, int depth)
{
	const struct btf_member *m = btf_members(type);

	say(t->out, "{");
	for (u32 i = 0; i < btf_vlen(type); i++) {
		u32 bit = btf_member_bit_offset(type, i), bits = btf_member_bitfield_size(type, i);
		const char *name = btf__name_by_offset(t->btf, m[i].name_off);
		s64 each = btf__resolve_size(t->btf, m[i].type);

		say(t->out, "%s", i ? ", " : " ");
		if (name && *name)
			say(t->out, ".%s = ", name);
		if (bits)
			print_bits(t->out, data, size, bit, bits);
		else if (each > 0 && bit / 8 + (u64)each <= size)
			print_typed(t, m[i].type, data + bit / 8, (u32)each, depth);
	}
	say(t->out, " }");
}

static void print_enum(const struct typed *t, const struct btf_type *type, const u8 *data, u32 size)
{
	const struct btf_enum *e = btf_enum(type);

	for (u32 i = 0; i < btf_vlen(type); i++)
		if (size == 4 && (u32)e[i].val == (u32)number(data, 4)) {
			say(t->out, "%s", btf__name_by_offset(t->btf, e[i].name_off));
			return;
		}
	print_bytes(t->out, data, size);
}

static void print_typed(const struct typed *t, u32 id, const u8 *data, u32 size, int depth)
{
	int real = t->btf && id && depth < DEPTH_MAX ? btf__resolve_type(t->btf, id) : 0;
	const struct btf_type *type = real > 0 ? btf__type_by_id(t->btf, (u32)real) : NULL;

	switch (type ? btf_kind(type) : BTF_KIND_UNKN) {
	case BTF_KIND_INT:
		print_int(t->out, btf_int_encoding(type), data, min(size, type->size));
		break;
	case BTF_KIND_ENUM: print_enum(t, type, data, size); break;
	case BTF_KIND_PTR: say(t->out, "0x%llx", (unsigned long long)number(data, size)); break;
	case BTF_KIND_ARRAY: print_array(t, btf_array(type), data, size, depth + 1); break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: print_struct(t, type, data, size, depth + 1); break;
	default: print_bytes(t->out, data, size);
	}
}

void value_print(struct log *out, const struct btf *btf, u32 type, const void *data, u32 size)
{
	print_typed(&(struct typed){ .out = out, .btf = btf }, type, data, size, 0);
}
