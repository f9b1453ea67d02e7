// SPDX-License-Identifier: BSD-2-Clause
/*
 * Keys and leaves as text and back, in BCC's form: numbers in hex, structs in braces, arrays in brackets, arrays of char
 * as strings: { 0x1 [ 0x2 0x3 ] "name" }. A union is its first member.
 */
#include "libbcc/libbcc.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 32 };

/* Either way: out is the text that is written, in what is still to be read. */
struct walk {
	const struct btf *btf;
	FILE *out;
	const char *in;
	int depth;
};

static const struct btf_type *plain(const struct btf *btf, u32 *id)
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

/* Writes a word, or reads it, whatever space there is; false: something else is there. */
static bool mark(struct walk *w, const char *word)
{
	size_t len = strcspn(word, " ");

	if (w->out) {
		fputs(word, w->out);
		return true;
	}
	while (isspace((unsigned char)*w->in))
		w->in++;
	if (strncmp(w->in, word, len))
		return false;
	w->in += len;
	return true;
}

/* bits of data from bit: a number of at most 64 bits. */
static bool walk_number(struct walk *w, u8 *data, u32 bit, u32 bits)
{
	u64 mask = bits < 64 ? (1ull << bits) - 1 : ~0ull, value;
	unsigned __int128 word = 0;
	u32 bytes = (bit + bits + 7) / 8;
	char *end;

	if (!bits || bits > 64 || bytes > sizeof(word))
		return false;
	memcpy(&word, data, bytes);
	if (w->out) {
		fprintf(w->out, "0x%llx", (unsigned long long)((u64)(word >> bit) & mask));
		return true;
	}
	value = strtoull(w->in, &end, 0) & mask;
	if (end == w->in)
		return false;
	w->in = end;
	word &= ~((unsigned __int128)mask << bit);
	word |= (unsigned __int128)value << bit;
	memcpy(data, &word, bytes);
	return true;
}

static bool walk_string(struct walk *w, u8 *data, u32 size)
{
	const char *end;

	if (w->out) {
		fprintf(w->out, "\"%.*s\"", (int)strnlen((char *)data, size), (char *)data);
		return true;
	}
	if (!mark(w, "\"") || !(end = strchr(w->in, '"')) || end - w->in > (s64)size)
		return false;
	memset(data, 0, size);
	memcpy(data, w->in, (size_t)(end - w->in));
	w->in = end + 1;
	return true;
}

static bool walk_type(struct walk *w, u32 id, u8 *data);

static bool walk_array(struct walk *w, const struct btf_array *array, u8 *data)
{
	u32 id = array->type;
	const struct btf_type *t = plain(w->btf, &id);
	s64 size = btf__resolve_size(w->btf, id);
	bool fine;

	if (!t || size < 0)
		return false;
	if (btf_is_int(t) && t->size == 1 &&
	    (btf_int_encoding(t) & (BTF_INT_CHAR | BTF_INT_SIGNED)))
		return walk_string(w, data, array->nelems);
	fine = mark(w, "[ ");
	for (u32 i = 0; i < array->nelems && fine; i++)
		fine = walk_type(w, id, data + i * (u64)size) && mark(w, " ");
	return fine && mark(w, "]");
}

static bool walk_members(struct walk *w, const struct btf_type *t, u8 *data)
{
	u32 count = btf_is_union(t) ? min(btf_vlen(t), 1u) : btf_vlen(t);
	bool fine = mark(w, "{ ");

	for (u32 i = 0; i < count && fine; i++) {
		u32 bit = btf_member_bit_offset(t, i), bits = btf_member_bitfield_size(t, i);

		fine = bits ? walk_number(w, data + bit / 8, bit % 8, bits)
			    : walk_type(w, btf_members(t)[i].type, data + bit / 8);
		fine = fine && mark(w, " ");
	}
	return fine && mark(w, "}");
}

static bool walk_type(struct walk *w, u32 id, u8 *data)
{
	const struct btf_type *t = plain(w->btf, &id);
	bool fine = false;

	if (!t || ++w->depth > DEPTH_MAX)
		return false;
	if (btf_is_array(t))
		fine = walk_array(w, btf_array(t), data);
	else if (btf_is_composite(t))
		fine = walk_members(w, t, data);
	else if (btf_is_ptr(t))
		fine = walk_number(w, data, 0, 64);
	else if (btf_is_int(t) || btf_is_any_enum(t))
		fine = walk_number(w, data, 0, t->size * 8);
	w->depth--;
	return fine;
}

static bool walk_side(struct walk *w, const struct module *m, size_t table, int side, void *data)
{
	const struct bpf_map *map = m && table < m->nr_tables ? m->tables[table].map : NULL;
	u32 id, size;

	if (!map)
		return false;
	id = side ? bpf_map__btf_value_type_id(map) : bpf_map__btf_key_type_id(map);
	size = side ? bpf_map__value_size(map) : bpf_map__key_size(map);
	w->btf = bpf_object__btf(m->bpf);
	return id && w->btf ? walk_type(w, id, data) : walk_number(w, data, 0, size * 8);
}

static int print_side(const struct module *m, size_t table, int side, char *buf, size_t size,
		      const void *data)
{
	char *text = NULL;
	size_t len = 0;
	struct walk w = { .out = open_memstream(&text, &len) };
	bool fine = w.out && walk_side(&w, m, table, side, (void *)data);

	if (w.out && fclose(w.out))
		fine = false;
	if (fine && len < size)
		memcpy(buf, text, len + 1);
	else if (fine)
		fprintf(stderr, "bpf: a text of %zu bytes does not fit in %zu\n", len + 1, size);
	free(text);
	errno = fine ? ENOSPC : EINVAL;
	return fine && len < size ? 0 : -1;
}

static int scan_side(const struct module *m, size_t table, int side, const char *buf, void *data)
{
	struct walk w = { .in = buf };

	if (buf && walk_side(&w, m, table, side, data))
		return 0;
	fprintf(stderr, "bpf: not a %s of table %s: \"%s\", from: \"%s\"\n", side ? "leaf" : "key",
		m && table < m->nr_tables ? m->tables[table].name : "?", buf ? buf : "",
		buf ? w.in : "");
	errno = EINVAL;
	return -1;
}

ABI int bpf_table_key_snprintf(void *module, size_t table, char *buf, size_t size, const void *key)
{
	return print_side(module, table, 0, buf, size, key);
}
ABI int bpf_table_leaf_snprintf(void *module, size_t table, char *buf, size_t size,
				const void *leaf)
{
	return print_side(module, table, 1, buf, size, leaf);
}
ABI int bpf_table_key_sscanf(void *module, size_t table, const char *buf, void *key)
{
	return scan_side(module, table, 0, buf, key);
}
ABI int bpf_table_leaf_sscanf(void *module, size_t table, const char *buf, void *leaf)
{
	return scan_side(module, table, 1, buf, leaf);
}
