/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lpm_trie: the longest prefix that matches. A path-compressed binary trie: a node stands for the
 * first `bits` bits of its key; below it, child[b] holds the keys whose next bit is b. Nodes without a
 * value join two children; they go when one child goes.
 *
 * Writers hold the lock and move seq around each change. A reader takes no lock and starts again if
 * seq moved. Nodes are numbered and never given back while the map lives, so a stale index is safe
 * to follow.
 *
 * A table over the first `jump` bits of a key spares a reader the upper levels. Its entry for a
 * pattern names the topmost node of at least so many bits that begins with the pattern, and the
 * longest shorter node with a value that matches it.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include "map/area.h"
#include "map/ops.h"
#include "map/value.h"
#include "util/size.h"

enum {
	MIN_DATA = 1,
	MAX_DATA = 256,
	MAX_BITS = MAX_DATA * 8,
	PREFIX = 4, /* bytes of a key before its data: the prefix length */
	KMALLOC_MAX = 4 << 20,
	KERNEL_NODE = 40,
	MAX_RETRIES = 16,
	MAX_JUMP = 16,
};

struct node {
	u32 child[2];
	u32 bits; /* of data that count */
	u32 real; /* has a value */
	u32 free_next;
	u32 pad;
	u64 data[]; /* the key's data padded to 8, then the value */
};

struct entry {
	u32 start; /* topmost node of at least jump bits that begins with the pattern */
	u32 best;  /* longest real node of less than jump bits that matches it */
};

struct lpm {
	struct map map;
	struct area area;
	struct area table_area;
	struct entry *table;
	u32 jump;
	u32 lock, seq;
	u32 root, count;
	u32 free_first, free_last, fresh; /* unused nodes: given back (oldest first), never used */
	u32 nr_nodes;
	u32 node_size, data_size, data_room;
};

static struct lpm *to_lpm(struct map *map)
{
	return container_of(map, struct lpm, map);
}

static struct node *node_at(const struct lpm *lpm, u32 index)
{
	return (struct node *)(lpm->area.mem + (u64)index * lpm->node_size);
}

static void *node_value(const struct lpm *lpm, struct node *node)
{
	return (u8 *)node->data + lpm->data_room;
}

static int lpm_alloc(struct map **out, const struct map_spec *spec, struct log *why)
{
	const u32 known = BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE | MAP_ACCESS_FLAGS;
	struct lpm *lpm;
	u64 size;
	int err;

	if (!spec->max_entries || !(spec->flags & BPF_F_NO_PREALLOC) || spec->flags & ~known ||
	    !map_access_flags_ok(spec->flags))
		return fail(why, -EINVAL, "%s: an lpm_trie wants entries and BPF_F_NO_PREALLOC",
			    spec->name);
	if (spec->key_size < PREFIX + MIN_DATA || spec->key_size > PREFIX + MAX_DATA ||
	    !spec->value_size || spec->value_size > KMALLOC_MAX - PREFIX - MAX_DATA - KERNEL_NODE)
		return fail(why, -EINVAL, "%s: sizes of key and value do not suit an lpm_trie",
			    spec->name);
	lpm = calloc(1, sizeof(*lpm));
	if (!lpm)
		return -ENOMEM;
	lpm->data_size = spec->key_size - PREFIX;
	lpm->data_room = round_up(lpm->data_size, 8);
	lpm->node_size = (u32)sizeof(struct node) + lpm->data_room + round_up(spec->value_size, 8);
	/* node 0 does not exist; n values need at most n - 1 joints, and an update one more for a moment */
	size = 2 * (u64)spec->max_entries + 2;
	err = size <= UINT32_MAX && size_mul(size, lpm->node_size, &size)
		      ? area_new(&lpm->area, size)
		      : -ENOMEM;
	lpm->jump = (u32)__builtin_ctzll(size_pow2(spec->max_entries));
	lpm->jump = max(lpm->jump, 4u);
	lpm->jump = min(lpm->jump, lpm->data_size == 1 ? 8u : (u32)MAX_JUMP);
	if (!err)
		err = area_new(&lpm->table_area, (1ull << lpm->jump) * sizeof(struct entry));
	if (err) {
		area_free(&lpm->area);
		free(lpm);
		return err;
	}
	lpm->table = (struct entry *)lpm->table_area.mem;
	lpm->nr_nodes = 2 * spec->max_entries + 2;
	lpm->fresh = 1;
	lpm->map.values = lpm->area.mem;
	lpm->map.values_len = lpm->area.len;
	lpm->map.shape =
		(struct map_shape){ .stride = lpm->node_size,
				    .value_off = (u32)sizeof(struct node) + lpm->data_room };
	*out = &lpm->map;
	return 0;
}

static void lpm_free(struct map *map)
{
	area_free(&to_lpm(map)->area);
	area_free(&to_lpm(map)->table_area);
	free(to_lpm(map));
}

static u32 bit_of(const u8 *data, u32 at)
{
	return data[at / 8] >> (7 - at % 8) & 1;
}

static u64 load_be(const u64 *word)
{
	return be64toh(__atomic_load_n(word, __ATOMIC_RELAXED));
}

/* How many leading bits of data (padded with zeroes to 8) and the node's are the same, at most limit. */
static u32 common(const struct node *node, const u64 *data, u32 limit)
{
	for (u32 at = 0; at < limit; at += 64) {
		u64 differ = load_be(&node->data[at / 64]) ^ be64toh(data[at / 64]);

		if (differ)
			return min(limit, at + (u32)__builtin_clzll(differ));
	}
	return limit;
}

/* A key as given: its length in bits and its data, padded. */
struct key {
	u32 bits;
	u64 data[MAX_DATA / 8];
};

static bool take_key(const struct lpm *lpm, const void *from, struct key *key)
{
	const u8 *data = (const u8 *)from + PREFIX;

	memcpy(&key->bits, from, PREFIX);
	key->data[(lpm->data_size - 1) / 8] = 0;
	if (lpm->data_size == 4)
		memcpy(key->data, data, 4);
	else if (lpm->data_size == 16)
		memcpy(key->data, data, 16);
	else
		memcpy(key->data, data, lpm->data_size);
	return key->bits <= lpm->data_size * 8;
}

static u32 step(const struct node *node, const struct key *key, u32 bits)
{
	return __atomic_load_n(&node->child[bit_of((const u8 *)key->data, bits)], __ATOMIC_ACQUIRE);
}

static u32 pattern_of(const struct lpm *lpm, const u64 *data)
{
	return (u32)(be64toh(data[0]) >> (64 - lpm->jump));
}

/* The longest real node below `at` that matches the key, or best. What does not match has nothing below that does. */
static u32 descend(const struct lpm *lpm, const struct key *key, u32 at, u32 best)
{
	u32 left = MAX_BITS + 1;

	for (; at && left; left--) {
		const struct node *node = node_at(lpm, at);
		u32 bits = __atomic_load_n(&node->bits, __ATOMIC_RELAXED);

		if (bits > key->bits || common(node, key->data, bits) < bits)
			break;
		if (__atomic_load_n(&node->real, __ATOMIC_RELAXED))
			best = at;
		if (bits == lpm->data_size * 8)
			break;
		at = step(node, key, bits);
	}
	return best;
}

/* The longest real node that matches the key, 0: none. */
static u32 match(const struct lpm *lpm, const struct key *key)
{
	const struct entry *entry;

	if (key->bits < lpm->jump)
		return descend(lpm, key, __atomic_load_n(&lpm->root, __ATOMIC_ACQUIRE), 0);
	entry = &lpm->table[pattern_of(lpm, key->data)];
	return descend(lpm, key, __atomic_load_n(&entry->start, __ATOMIC_ACQUIRE),
		       __atomic_load_n(&entry->best, __ATOMIC_ACQUIRE));
}

static u32 find(struct lpm *lpm, const struct key *key)
{
	u32 found;

	for (u32 tries = 0; tries < MAX_RETRIES; tries++) {
		u32 seq = __atomic_load_n(&lpm->seq, __ATOMIC_ACQUIRE);

		found = match(lpm, key);
#if !defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
		if (likely(!(seq & 1) && __atomic_load_n(&lpm->seq, __ATOMIC_ACQUIRE) == seq))
			return found;
		lock_pause(tries);
	}
	lock_take(&lpm->lock);
	found = match(lpm, key);
	lock_drop(&lpm->lock);
	return found;
}

static void *lpm_lookup(struct map *map, const void *from, u32 cpu)
{
	struct lpm *lpm = to_lpm(map);
	struct key key;
	u32 found;

	(void)cpu;
	if (!take_key(lpm, from, &key))
		return NULL;
	found = find(lpm, &key);
	return found ? node_value(lpm, node_at(lpm, found)) : NULL;
}

static int lpm_sys_lookup(struct map *map, const void *key, void *value, u64 flags)
{
	void *stored = lpm_lookup(map, key, 0);

	if (!stored)
		return -ENOENT;
	value_out(&map->spec, value, stored, flags);
	return 0;
}

static void begin(struct lpm *lpm)
{
	lock_take(&lpm->lock);
	__atomic_fetch_add(&lpm->seq, 1, __ATOMIC_ACQ_REL);
}

static void end(struct lpm *lpm)
{
	__atomic_fetch_add(&lpm->seq, 1, __ATOMIC_RELEASE);
	lock_drop(&lpm->lock);
}

/* Locked. There is always one: nr_nodes counts every joint. */
static u32 take_node(struct lpm *lpm)
{
	u32 index = lpm->free_first;

	if (lpm->fresh < lpm->nr_nodes)
		return lpm->fresh++;
	lpm->free_first = node_at(lpm, index)->free_next;
	return index;
}

static void give_node(struct lpm *lpm, u32 index)
{
	node_at(lpm, index)->free_next = 0;
	if (lpm->free_first)
		node_at(lpm, lpm->free_last)->free_next = index;
	else
		lpm->free_first = index;
	lpm->free_last = index;
}

static void set(u32 *word, u32 value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* A node for bits of data, without children. */
static u32 make_node(struct lpm *lpm, const u64 *data, u32 bits, const void *value)
{
	u32 index = take_node(lpm);
	struct node *node = node_at(lpm, index);

	set(&node->child[0], 0);
	set(&node->child[1], 0);
	set(&node->bits, bits);
	set(&node->real, value != NULL);
	words_in(node->data, data, lpm->data_size);
	if (value)
		words_in(node_value(lpm, node), value, lpm->map.spec.value_size);
	return index;
}

/* The link at which the key belongs, and how much the node there (if any) shares with it. */
static u32 *place(struct lpm *lpm, const struct key *key, u32 *shared)
{
	u32 *link = &lpm->root;

	for (*shared = 0; *link;
	     link = &node_at(lpm, *link)->child[bit_of((const u8 *)key->data, *shared)]) {
		struct node *node = node_at(lpm, *link);

		*shared = common(node, key->data, min(node->bits, key->bits));
		if (*shared < node->bits || *shared == key->bits)
			break;
	}
	return link;
}

static int insert(struct lpm *lpm, const struct key *key, const void *value, u64 flags)
{
	u32 shared, *link = place(lpm, key, &shared), old = *link, fresh;
	struct node *there = old ? node_at(lpm, old) : NULL;
	bool same = there && there->bits == key->bits && shared == key->bits;

	if (same && there->real && flags == BPF_NOEXIST)
		return -EEXIST;
	if (!(same && there->real) && flags == BPF_EXIST)
		return -ENOENT;
	if (!(same && there->real) && lpm->count == lpm->map.spec.max_entries)
		return -ENOSPC;
	lpm->count += !(same && there->real);
	fresh = make_node(lpm, key->data, key->bits, value);
	if (same) {
		set(&node_at(lpm, fresh)->child[0], there->child[0]);
		set(&node_at(lpm, fresh)->child[1], there->child[1]);
		set(link, fresh);
		give_node(lpm, old);
	} else if (!there) {
		set(link, fresh);
	} else if (shared == key->bits) {
		set(&node_at(lpm, fresh)->child[bit_of((u8 *)there->data, shared)], old);
		set(link, fresh);
	} else {
		u32 joint = make_node(lpm, (const u64 *)there->data, shared, NULL);
		u32 way = bit_of((const u8 *)key->data, shared);

		set(&node_at(lpm, joint)->child[way], fresh);
		set(&node_at(lpm, joint)->child[!way], old);
		set(link, joint);
	}
	return 0;
}

/* Locked. The longest real node shorter than `below` bits that matches the data. */
static u32 best_below(struct lpm *lpm, const u64 *data, u32 below)
{
	u32 best = 0;

	for (u32 at = lpm->root; at;) {
		struct node *node = node_at(lpm, at);

		if (node->bits >= below || common(node, data, node->bits) < node->bits)
			break;
		if (node->real)
			best = at;
		at = node->child[bit_of((const u8 *)data, node->bits)];
	}
	return best;
}

/* Locked. The table's entries that a change of the key concerns. */
static void mend_table(struct lpm *lpm, const struct key *key)
{
	u32 pattern = pattern_of(lpm, key->data), best, at = lpm->root, first, last;

	if (key->bits >= lpm->jump) {
		while (at && node_at(lpm, at)->bits < lpm->jump)
			at = node_at(lpm, at)
				     ->child[bit_of((const u8 *)key->data, node_at(lpm, at)->bits)];
		if (at && common(node_at(lpm, at), key->data, lpm->jump) < lpm->jump)
			at = 0;
		set(&lpm->table[pattern].start, at);
		return;
	}
	best = best_below(lpm, key->data, key->bits + 1);
	first = pattern >> (lpm->jump - key->bits) << (lpm->jump - key->bits);
	last = first + (1u << (lpm->jump - key->bits)) - 1;
	for (u32 i = first; i <= last; i++) {
		u32 now = lpm->table[i].best;

		/* a longer one that stays is better; those that were as long are this key's, old or new */
		if (!now || node_at(lpm, now)->bits <= key->bits)
			set(&lpm->table[i].best, best);
	}
}

static int lpm_update(struct map *map, const void *from, const void *value, u64 flags, u32 cpu)
{
	struct lpm *lpm = to_lpm(map);
	struct key key;
	int err;

	(void)cpu;
	if (flags > BPF_EXIST || !take_key(lpm, from, &key))
		return -EINVAL;
	begin(lpm);
	err = insert(lpm, &key, value, flags);
	if (!err)
		mend_table(lpm, &key);
	end(lpm);
	return err;
}

static int lpm_sys_update(struct map *map, const void *key, const void *value, u64 flags)
{
	return lpm_update(map, key, value, flags, 0);
}

static u32 only_child(const struct node *node)
{
	return node->child[0] ? node->child[0] : node->child[1];
}

/* Locked. Removes the node at link, whose parent hangs at parent_link (NULL: it is the root). */
static void cut(struct lpm *lpm, u32 *link, u32 *parent_link)
{
	u32 index = *link, parent;
	struct node *node = node_at(lpm, index);

	if (node->child[0] && node->child[1]) {
		set(&node->real, 0);
		return;
	}
	parent = parent_link ? *parent_link : 0;
	set(link, only_child(node));
	give_node(lpm, index);
	if (parent && !*link && !node_at(lpm, parent)->real) {
		set(parent_link, only_child(node_at(lpm, parent)));
		give_node(lpm, parent);
	}
}

static int lpm_remove(struct map *map, const void *from)
{
	struct lpm *lpm = to_lpm(map);
	u32 *link = &lpm->root, *parent_link = NULL;
	struct key key;
	int err = -ENOENT;

	if (!take_key(lpm, from, &key))
		return -EINVAL;
	begin(lpm);
	while (*link) {
		struct node *node = node_at(lpm, *link);

		if (common(node, key.data, min(node->bits, key.bits)) < node->bits ||
		    node->bits > key.bits)
			break;
		if (node->bits == key.bits) {
			err = node->real ? 0 : -ENOENT;
			break;
		}
		parent_link = link;
		link = &node->child[bit_of((const u8 *)key.data, node->bits)];
	}
	if (!err) {
		cut(lpm, link, parent_link);
		lpm->count--;
		mend_table(lpm, &key);
	}
	end(lpm);
	return err;
}

/* Walking is children first, so that what is most specific comes first. path[0..depth) leads to a node. */
struct walk {
	u32 depth;
	u32 path[MAX_BITS + 2];
};

static void to_leftmost(struct lpm *lpm, struct walk *walk, u32 at)
{
	for (; at; at = only_child(node_at(lpm, at)))
		walk->path[walk->depth++] = at;
}

/* From the node at the end of the path to the next one in order, real or not; false: there is none. */
static bool advance(struct lpm *lpm, struct walk *walk)
{
	u32 from = walk->path[--walk->depth];
	struct node *parent;

	if (!walk->depth)
		return false;
	parent = node_at(lpm, walk->path[walk->depth - 1]);
	if (parent->child[0] == from && parent->child[1])
		to_leftmost(lpm, walk, parent->child[1]);
	return true;
}

static bool walk_to(struct lpm *lpm, struct walk *walk, const struct key *key)
{
	u32 at = lpm->root;

	for (walk->depth = 0; at;) {
		struct node *node = node_at(lpm, at);

		walk->path[walk->depth++] = at;
		if (node->bits > key->bits || common(node, key->data, node->bits) < node->bits)
			return false;
		if (node->bits == key->bits)
			return node->real;
		at = node->child[bit_of((const u8 *)key->data, node->bits)];
	}
	return false;
}

static int next_locked(struct lpm *lpm, const struct key *key, void *next)
{
	struct walk walk;
	struct node *node;

	if (!lpm->root)
		return -ENOENT;
	if (key && walk_to(lpm, &walk, key)) {
		if (!advance(lpm, &walk))
			return -ENOENT;
	} else {
		walk.depth = 0;
		to_leftmost(lpm, &walk, lpm->root);
	}
	while (!node_at(lpm, walk.path[walk.depth - 1])->real)
		if (!advance(lpm, &walk))
			return -ENOENT;
	node = node_at(lpm, walk.path[walk.depth - 1]);
	memcpy(next, &node->bits, PREFIX);
	words_out((u8 *)next + PREFIX, node->data, lpm->data_size);
	return 0;
}

static int lpm_next_key(struct map *map, const void *from, void *next)
{
	struct lpm *lpm = to_lpm(map);
	struct key key;
	bool known = from && take_key(lpm, from, &key);
	int err;

	lock_take(&lpm->lock);
	err = next_locked(lpm, known ? &key : NULL, next);
	lock_drop(&lpm->lock);
	return err;
}

const struct map_ops lpm_trie_ops = {
	.alloc = lpm_alloc,
	.free = lpm_free,
	.lookup = lpm_lookup,
	.update = lpm_update,
	.remove = lpm_remove,
	.sys_lookup = lpm_sys_lookup,
	.sys_update = lpm_sys_update,
	.sys_remove = lpm_remove,
	.next_key = lpm_next_key,
};
