/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The BTF object: making it from bytes, types and strings by number, names by hash.
 *
 * Invariant: offs[] lists where every own type begins, and every type with its tail lies inside the
 * type section; the string section ends with a NUL byte. So reading a type or a string is always safe;
 * ids found inside types of a file opened by btf_open() may be out of range and are looked up checked.
 */
#include "btf/btf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "btf/parse.h"

enum { MAX_SIZE = 16 << 20, SCANS_BEFORE_HASH = 4 };

struct btf_names {
	u32 mask;
	u32 ids[]; /* open addressing; 0: free */
};

static const struct btf_type void_type;

static int make(struct btf **out, u8 *data, u32 len, bool mapped, const struct btf *base)
{
	struct btf *btf = calloc(1, sizeof(*btf));

	if (!btf)
		return -ENOMEM;
	btf->data = data;
	btf->len = len;
	btf->mapped = mapped;
	btf->base = base;
	btf->first_id = base ? base->count : 1;
	btf->first_string = base ? base->first_string + base->hdr.str_len : 0;
	btf->count = btf->first_id;
	*out = btf;
	return 0;
}

void btf_free(struct btf *btf)
{
	if (!btf)
		return;
	if (btf->mapped)
		munmap(btf->data, btf->len);
	else
		free(btf->data);
	free(btf->types_copy);
	free(btf->offs);
	free(btf->resolved_id);
	free(btf->resolved_size);
	free(btf->names);
	free(btf);
}

int btf_new(struct btf **out, const void *bytes, u32 len, const struct btf *base, struct log *log)
{
	struct parse p = { .log = log };
	u8 *copy;
	int err;

	*out = NULL;
	if (len > MAX_SIZE)
		return -E2BIG;
	copy = malloc(len ? len : 1);
	if (!copy)
		return -ENOMEM;
	if (len)
		memcpy(copy, bytes, len);
	err = make(&p.btf, copy, len, false, base);
	if (err) {
		free(copy);
		return err;
	}
	err = btf_check_layout(&p);
	if (!err)
		err = btf_check_metas(&p);
	if (!err)
		err = btf_check_refs(&p);
	if (!err)
		err = btf_check_objects(p.btf);
	free(p.state);
	if (err)
		btf_free(p.btf);
	else
		*out = p.btf;
	return err;
}

/* offs[] for a file whose deeper rules are taken on trust: bounds only, one pass. */
static int index_types(struct btf *btf)
{
	u32 len = btf->hdr.type_len, room = len / sizeof(struct btf_type) + 1, at = 0, n = 0;

	btf->offs = malloc(room * sizeof(u32));
	if (!btf->offs)
		return -ENOMEM;
	while (at < len) {
		const struct btf_type *t = (const void *)(btf->types + at);
		s64 tail;

		if (len - at < sizeof(*t))
			return -EINVAL;
		tail = btf_tail_size(t);
		if (tail < 0 || tail > len - at - (s64)sizeof(*t) || n >= BTF_MAX_TYPE)
			return -EINVAL;
		btf->offs[n++] = at;
		at += sizeof(*t) + tail;
	}
	btf->count = btf->first_id + n;
	return 0;
}

static int slurp(int fd, u8 **data, u32 *len, bool *mapped)
{
	struct stat st;
	size_t got = 0;

	if (fstat(fd, &st))
		return -errno;
	if (st.st_size <= 0 || st.st_size > MAX_SIZE * 4)
		return -EINVAL;
	*len = st.st_size;
	*data = mmap(NULL, *len, PROT_READ, MAP_PRIVATE, fd, 0);
	*mapped = *data != MAP_FAILED;
	if (*mapped)
		return 0;
	*data = malloc(*len);
	if (!*data)
		return -ENOMEM;
	while (got < *len) {
		ssize_t n = read(fd, *data + got, *len - got);

		if (n <= 0 && !(n < 0 && errno == EINTR)) {
			free(*data);
			return n ? -errno : -EINVAL;
		}
		got += n > 0 ? n : 0;
	}
	return 0;
}

int btf_open(struct btf **out, const char *path)
{
	struct parse p = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	bool mapped = false;
	u8 *data = NULL;
	u32 len = 0;

	*out = NULL;
	if (fd < 0)
		return -errno;
	err = slurp(fd, &data, &len, &mapped);
	close(fd);
	if (err)
		return err;
	err = make(&p.btf, data, len, mapped, NULL);
	if (err) {
		if (mapped)
			munmap(data, len);
		else
			free(data);
		return err;
	}
	err = btf_check_layout(&p);
	if (!err)
		err = index_types(p.btf);
	if (err)
		btf_free(p.btf);
	else
		*out = p.btf;
	return err;
}

const void *btf_bytes(const struct btf *btf, u32 *len)
{
	*len = btf->len;
	return btf->data;
}

u32 btf_count(const struct btf *btf)
{
	return btf->count;
}

const struct btf_type *btf_at(const struct btf *btf, u32 id)
{
	if (!id)
		return &void_type;
	while (btf && id < btf->first_id)
		btf = btf->base;
	if (!btf || id >= btf->count)
		return NULL;
	return (const void *)(btf->types + btf->offs[id - btf->first_id]);
}

bool btf_string_ok(const struct btf *btf, u32 off)
{
	while (btf && off < btf->first_string)
		btf = btf->base;
	return btf && off - btf->first_string < btf->hdr.str_len;
}

const char *btf_string(const struct btf *btf, u32 off)
{
	while (btf && off < btf->first_string)
		btf = btf->base;
	return btf && off - btf->first_string < btf->hdr.str_len
		       ? btf->strings + (off - btf->first_string)
		       : "";
}

const char *btf_name(const struct btf *btf, u32 id)
{
	const struct btf_type *t = btf_at(btf, id);

	return t ? btf_string(btf, t->name_off) : "";
}

const char *btf_kind_name(u32 kind)
{
	static const char *const names[NR_BTF_KINDS] = {
		"UNKNOWN", "INT",     "PTR",	  "ARRAY",    "STRUCT",	  "UNION",  "ENUM",
		"FWD",	   "TYPEDEF", "VOLATILE", "CONST",    "RESTRICT", "FUNC",   "FUNC_PROTO",
		"VAR",	   "DATASEC", "FLOAT",	  "DECL_TAG", "TYPE_TAG", "ENUM64",
	};

	return kind < NR_BTF_KINDS ? names[kind] : "UNKNOWN";
}

/* Names: a few searches walk the types; then a hash of all of them pays. */

static u32 hash_name(const char *name)
{
	u32 h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (u8)*name) * 16777619u;
	return h ^ h >> 15;
}

static const struct btf_names *hash_names(struct btf *btf)
{
	struct btf_names *names = __atomic_load_n(&btf->names, __ATOMIC_ACQUIRE), *other = NULL;
	u32 size = 16;

	if (names)
		return names;
	while (size < (btf->count - btf->first_id) * 2)
		size *= 2;
	names = calloc(1, sizeof(*names) + size * sizeof(u32));
	if (!names)
		return NULL;
	names->mask = size - 1;
	for (u32 id = btf->first_id; id < btf->count; id++) {
		const struct btf_type *t = btf_at(btf, id);
		u32 slot;

		if (!t->name_off)
			continue;
		slot = hash_name(btf_string(btf, t->name_off)) & names->mask;
		while (names->ids[slot])
			slot = (slot + 1) & names->mask;
		names->ids[slot] = id;
	}
	if (__atomic_compare_exchange_n(&btf->names, &other, names, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return names;
	free(names);
	return other;
}

static bool matches(const struct btf *btf, u32 id, const char *name, u32 kind)
{
	const struct btf_type *t = btf_at(btf, id);

	return btf_type_kind(t) == kind && t->name_off &&
	       !strcmp(btf_string(btf, t->name_off), name);
}

static s32 find_own(struct btf *btf, const char *name, u32 kind)
{
	const struct btf_names *names = NULL;

	if (__atomic_fetch_add(&btf->finds, 1, __ATOMIC_RELAXED) >= SCANS_BEFORE_HASH)
		names = hash_names(btf);
	if (!names) {
		for (u32 id = btf->first_id; id < btf->count; id++)
			if (matches(btf, id, name, kind))
				return id;
		return -ENOENT;
	}
	for (u32 slot = hash_name(name) & names->mask; names->ids[slot];
	     slot = (slot + 1) & names->mask)
		if (matches(btf, names->ids[slot], name, kind))
			return names->ids[slot];
	return -ENOENT;
}

s32 btf_find(const struct btf *btf, const char *name, u32 kind)
{
	s32 id = -ENOENT;

	for (; btf && id < 0; btf = btf->base)
		id = find_own((struct btf *)btf, name, kind);
	return id;
}
