// SPDX-License-Identifier: BSD-2-Clause
/*
 * Maps as a person reads them: one line an entry, name[key]: value, sorted by key. Keys and values are
 * written as their BTF types say; without types, as one number of 1, 2, 4 or 8 bytes or as hex bytes.
 * Entries of arrays that are all zero are left out.
 */
#include "load/value.h" /* first: it brings our uapi.h */

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_MAX = 1 << 20, BATCH = 256 };

static bool all_zero(const u8 *data, u32 size)
{
	for (u32 i = 0; i < size; i++)
		if (data[i])
			return false;
	return true;
}

struct listing {
	struct bpf_map *map;
	struct log *out;
	const struct btf *btf;
	int fd;
	u32 key_size, value_size, stride; /* stride: of one entry here, key then value(s) */
	u32 copies;			  /* values an entry: CPUs of a per-CPU map */
	bool array;
};

static u32 value_at(const struct listing *l)
{
	return round_up(l->key_size, 8u);
}

static bool is_array(u32 type)
{
	return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

static bool is_percpu(u32 type)
{
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static bool can_list(const struct bpf_map *map)
{
	u32 type = bpf_map__type(map);

	return !bpf_map__is_internal(map) && bpf_map__fd(map) >= 0 &&
	       (is_array(type) || is_percpu(type) || type == BPF_MAP_TYPE_HASH ||
		type == BPF_MAP_TYPE_LRU_HASH || type == BPF_MAP_TYPE_LPM_TRIE);
}

static u64 number(const u8 *data, u32 size)
{
	u64 value = 0;

	memcpy(&value, data, min(size, 8u));
	return value;
}

static int compare(const void *a, const void *b, void *arg)
{
	const struct listing *l = arg;

	if (l->key_size <= 8) {
		u64 x = number(a, l->key_size), y = number(b, l->key_size);

		return x < y ? -1 : x > y;
	}
	return memcmp(a, b, l->key_size);
}

struct entries {
	u8 *all;
	u32 count, room;
};

/* Bytes of one entry's values as bpf(2) passes them. */
static u32 passed_size(const struct listing *l)
{
	return l->copies > 1 || is_percpu(bpf_map__type(l->map))
		       ? l->copies * round_up(l->value_size, 8u)
		       : l->value_size;
}

/* Adds one entry, but none of an array that is all zero. */
static int keep(const struct listing *l, struct entries *entries, const void *key,
		const void *value)
{
	u32 size = passed_size(l);
	u8 *grown;

	if (l->array && all_zero(value, size))
		return 0;
	if (entries->count == entries->room) {
		entries->room = entries->room ? entries->room * 2 : 64;
		grown = reallocarray(entries->all, entries->room, l->stride);
		if (!grown)
			return -ENOMEM;
		entries->all = grown;
	}
	grown = entries->all + (u64)entries->count++ * l->stride;
	memset(grown, 0, l->stride);
	memcpy(grown, key, l->key_size);
	memcpy(grown + value_at(l), value, size);
	return 0;
}

/* Many entries a call. -EOPNOTSUPP and the like where the map has no such call, -ENOSPC where a bucket is larger than room. */
static int collect_batches(const struct listing *l, struct entries *entries, u8 *keys, u8 *values)
{
	u8 position[64]; /* opaque: at most a key's size for hashes, 4 bytes for arrays */
	void *in = NULL;
	int err = 0, last = 0;

	if (l->key_size > sizeof(position))
		return -EOPNOTSUPP;
	while (!last && !err) {
		u32 n = BATCH;

		last = bpf_map_lookup_batch(l->fd, in, position, keys, values, &n, NULL) ? errno
											 : 0;
		if (last && last != ENOENT)
			return -last;
		for (u32 i = 0; i < n && !err; i++)
			err = keep(l, entries, keys + (u64)i * l->key_size,
				   values + (u64)i * passed_size(l));
		in = position;
	}
	return err;
}

/* One by one. The map may change meanwhile: an entry that went is left out. */
static int collect_each(const struct listing *l, struct entries *entries, u8 *keys, u8 *value)
{
	u8 *key = keys, *previous = NULL;
	int err = 0;

	for (u32 i = 0; i < bpf_map__max_entries(l->map) && !err; i++) {
		if (bpf_map_get_next_key(l->fd, previous, key))
			break;
		if (!bpf_map_lookup_elem(l->fd, key, value))
			err = keep(l, entries, key, value);
		else if (errno != ENOENT)
			break;
		previous = key;
		key = key == keys ? keys + l->key_size : keys;
	}
	return err;
}

static int collect(const struct listing *l, struct entries *entries)
{
	u8 *keys = calloc(BATCH, l->key_size), *values = calloc(BATCH, passed_size(l));
	int err = keys && values ? collect_batches(l, entries, keys, values) : -ENOMEM;

	if (err && err != -ENOMEM) {
		entries->count = 0;
		err = collect_each(l, entries, keys, values);
	}
	free(keys);
	free(values);
	return err;
}

static void print_entry(const struct listing *l, const u8 *entry)
{
	const u8 *value = entry + value_at(l);
	struct log *out = l->out;

	say(out, "%s[", bpf_map__name(l->map));
	value_print(out, l->btf, bpf_map__btf_key_type_id(l->map), entry, l->key_size);
	say(out, "]: ");
	for (u32 i = 0; i < l->copies; i++) {
		say(out, "%s", i ? " | " : "");
		value_print(out, l->btf, bpf_map__btf_value_type_id(l->map),
			    value + i * round_up(l->value_size, 8u), l->value_size);
	}
	say(out, "\n");
}

static int print_map(struct objfile *file, struct bpf_map *map, struct log *out)
{
	u32 type = bpf_map__type(map);
	struct listing l = {
		.map = map,
		.fd = bpf_map__fd(map),
		.key_size = bpf_map__key_size(map),
		.value_size = bpf_map__value_size(map),
		.array = is_array(type),
		.copies = is_percpu(type) ? (u32)libbpf_num_possible_cpus() : 1,
		.out = out,
		.btf = bpf_object__btf(file->bpf),
	};
	struct entries entries = { .count = 0 };
	int err;

	if (l.key_size > VALUE_MAX || l.value_size > VALUE_MAX)
		return -E2BIG;
	l.stride = value_at(&l) + l.copies * round_up(l.value_size, 8u);
	err = collect(&l, &entries);
	if (!err && entries.count)
		qsort_r(entries.all, entries.count, l.stride, compare, &l);
	for (u32 i = 0; i < entries.count && !err; i++)
		print_entry(&l, entries.all + (u64)i * l.stride);
	free(entries.all);
	return err;
}

static bool is_listed(const char *names, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = names; at && *at; at += *at == ',') {
		size_t word = strcspn(at, ",");

		if (word == len && !memcmp(at, name, len))
			return true;
		at += word;
	}
	return false;
}

/* The maps that can be printed, commas between; room for most. */
static void list_names(struct objfile *file, char *text, size_t room)
{
	struct bpf_map *map;
	size_t len = 0;

	*text = 0;
	bpf_object__for_each_map(map, file->bpf) if (can_list(map) && len < room) len +=
		(size_t)snprintf(text + len, room - len, "%s%s", len ? ", " : "",
				 bpf_map__name(map));
}

static struct bpf_map *find(struct objfile *file, const char *name, size_t len)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map,
				 file->bpf) if (strlen(bpf_map__name(map)) == len &&
						!memcmp(bpf_map__name(map), name, len)) return map;
	return NULL;
}

int objfile_check_maps(struct objfile *file, const char *names)
{
	char known[512];

	for (const char *at = names; at && *at;) {
		size_t len = strcspn(at, ",");
		struct bpf_map *map = find(file, at, len);

		if (len && (!map || !can_list(map))) {
			list_names(file, known, sizeof(known));
			return fail(file->log, -ENOENT,
				    "%s: %s '%.*s'; the maps with entries to print are: %s",
				    file->name,
				    map ? "no entries can be printed of map" : "there is no map",
				    (int)len, at, *known ? known : "none");
		}
		at += len + (at[len] == ',');
	}
	return 0;
}

int objfile_print_maps(struct objfile *file, const char *names, struct log *out)
{
	struct bpf_map *map;
	int err = 0;

	objfile_begin(file);
	bpf_object__for_each_map(map,
				 file->bpf) if (!err && can_list(map) &&
						(!names || is_listed(names, bpf_map__name(map))))
		err = print_map(file, map, out);
	seam_leave();
	return err;
}
