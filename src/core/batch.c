/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The batch commands. A batch is many single operations and one report of how many were done; it
 * stops at the first error. Which types take which batches is Linux's choice, stated in one table.
 *
 * Array-like maps and tries are walked by key and hand the last key out as where to go on; hashes
 * hand out a 32-bit token, because callers give them four bytes for it (batch.h).
 */
#include "core/batch.h"

#include <stdlib.h>
#include <string.h>

#include "core/element.h"

enum { LOOKUP = 1, UPDATE = 2, DELETE = 4, TAKE = 8, BY_TOKEN = 16 };

static u32 batches_of(u32 type)
{
	switch (type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_HASH_OF_MAPS: return LOOKUP | UPDATE | DELETE | TAKE | BY_TOKEN;
	case BPF_MAP_TYPE_LPM_TRIE: return LOOKUP | UPDATE | DELETE;
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_ARRAY_OF_MAPS: return LOOKUP | UPDATE;
	default: return 0;
	}
}

static u32 kind_of(int cmd)
{
	switch (cmd) {
	case BPF_MAP_LOOKUP_BATCH: return LOOKUP;
	case BPF_MAP_LOOKUP_AND_DELETE_BATCH: return TAKE;
	case BPF_MAP_UPDATE_BATCH: return UPDATE;
	default: return DELETE;
	}
}

struct batch {
	struct call *call;
	struct map_object *map;
	u8 *key, *next, *value;
	u32 key_size, value_size, done;
	bool by_token;
};

/* Cursors. Under the map's lock. Tokens: 0 is the beginning, as an untouched variable of the caller's is. */
enum { NOTHING_LEFT = INT32_MAX };

void cursors_free(struct batch_cursor *cursors)
{
	for (int i = 0; cursors && i < BATCH_CURSORS; i++)
		free(cursors[i].key);
	free(cursors);
}

static u32 cursor_save(struct map_object *map, const void *key, u32 size)
{
	struct batch_cursor *slot = NULL;
	u32 token = 0;

	pthread_mutex_lock(&map->lock);
	if (!map->cursors)
		map->cursors = calloc(BATCH_CURSORS, sizeof(*map->cursors));
	if (map->cursors) {
		token = map->cursor_last = (map->cursor_last + 1) % NOTHING_LEFT ?: 1;
		slot = &map->cursors[token % BATCH_CURSORS];
	}
	if (slot && !slot->key)
		slot->key = malloc(size);
	if (slot && slot->key) {
		memcpy(slot->key, key, size);
		slot->token = token;
	}
	pthread_mutex_unlock(&map->lock);
	return slot && slot->key ? token : 0;
}

static int cursor_load(struct map_object *map, u32 token, void *key, u32 size)
{
	int err = -ENOENT;

	pthread_mutex_lock(&map->lock);
	if (token && map->cursors && map->cursors[token % BATCH_CURSORS].token == token) {
		memcpy(key, map->cursors[token % BATCH_CURSORS].key, size);
		err = 0;
	}
	pthread_mutex_unlock(&map->lock);
	return err;
}

/* Where to start: 0 and *from (NULL: at the beginning). */
static int batch_start(struct batch *b, u8 **from)
{
	u64 in = b->call->attr.batch.in_batch;
	u32 token;

	*from = NULL;
	if (!in)
		return 0;
	*from = b->key;
	if (!b->by_token)
		return call_read(b->call, b->key, in, b->key_size);
	if (call_read(b->call, &token, in, sizeof(token)))
		return -EFAULT;
	if (!token) {
		*from = NULL;
		return 0;
	}
	return cursor_load(b->map, token, b->key, b->key_size);
}

static int batch_leave_off(struct batch *b, const u8 *last)
{
	u64 out = b->call->attr.batch.out_batch;
	u32 token;

	if (!b->by_token)
		return call_write(b->call, out, last, b->key_size);
	token = last ? cursor_save(b->map, last, b->key_size) : NOTHING_LEFT;
	if (!token)
		return -ENOMEM;
	return call_write(b->call, out, &token, sizeof(token));
}

static int put_element(struct batch *b, const u8 *key)
{
	const union bpf_attr *attr = &b->call->attr;

	if (call_write(b->call, attr->batch.keys + (u64)b->done * b->key_size, key, b->key_size) ||
	    call_write(b->call, attr->batch.values + (u64)b->done * b->value_size, b->value,
		       b->value_size))
		return -EFAULT;
	b->done++;
	return 0;
}

static int batch_lookup(struct batch *b, bool take)
{
	const union bpf_attr *attr = &b->call->attr;
	struct map *map = b->map->map;
	u8 *from, *to = b->next, *spare = b->key;
	int err = batch_start(b, &from);

	while (!err && b->done < attr->batch.count) {
		err = map_next_key(map, from, to);
		if (err)
			break;
		err = element_lookup(b->map, to, b->value, attr->batch.elem_flags);
		if (!err)
			err = put_element(b, to);
		else if (err == -ENOENT)
			err = 0; /* deleted meanwhile */
		/* what is taken goes when the walk has left it, since a walk goes on from a key that is there */
		if (!err && take && from)
			element_delete(b->map, from);
		if (err)
			return err;
		from = to;
		to = spare;
		spare = from;
	}
	if (err == -EFAULT || (err && !b->done && err != -ENOENT))
		return err;
	if ((b->done || b->by_token) && batch_leave_off(b, from))
		return -EFAULT;
	/* a hash on Linux walks its empty buckets too: it knows at once that nothing is left */
	if (!err && b->by_token && map_next_key(map, from, to) == -ENOENT)
		err = -ENOENT;
	if (take && from)
		element_delete(b->map, from);
	return err;
}

static int batch_update(struct batch *b)
{
	const union bpf_attr *attr = &b->call->attr;
	int err = 0;

	for (; !err && b->done < attr->batch.count; b->done += !err) {
		if (call_read(b->call, b->key, attr->batch.keys + (u64)b->done * b->key_size,
			      b->key_size) ||
		    call_read(b->call, b->value, attr->batch.values + (u64)b->done * b->value_size,
			      b->value_size))
			return -EFAULT;
		err = element_update(b->call, b->map, b->key, b->value, attr->batch.elem_flags);
	}
	return err;
}

static int batch_delete(struct batch *b)
{
	const union bpf_attr *attr = &b->call->attr;
	int err = 0;

	for (; !err && b->done < attr->batch.count; b->done += !err) {
		if (call_read(b->call, b->key, attr->batch.keys + (u64)b->done * b->key_size,
			      b->key_size))
			return -EFAULT;
		err = element_delete(b->map, b->key);
	}
	return err;
}

static int run_batch(struct batch *b, u32 kind)
{
	struct call *call = b->call;
	int err;

	if (call->attr.batch.elem_flags & ~(u64)BPF_F_LOCK)
		return -EINVAL;
	if ((call->attr.batch.elem_flags & BPF_F_LOCK) && !(b->map->fields & BTF_SPIN_LOCK))
		return -EINVAL;
	if ((kind & (LOOKUP | TAKE)) && b->by_token && call->attr.batch.flags)
		return -EINVAL;
	if (!call->attr.batch.count)
		return 0;
	if (call_put(call, batch.count, 0))
		return -EFAULT;
	b->key = malloc(b->key_size);
	b->next = malloc(b->key_size);
	b->value = malloc(b->value_size);
	if (!b->key || !b->next || !b->value)
		return -ENOMEM;
	if (kind == UPDATE)
		err = batch_update(b);
	else if (kind == DELETE)
		err = batch_delete(b);
	else
		err = batch_lookup(b, kind == TAKE);
	if (err == -EFAULT && (kind == LOOKUP || kind == TAKE))
		return err; /* count stays 0 */
	return call_put(call, batch.count, b->done) ? -EFAULT : err;
}

int cmd_map_batch(struct call *call)
{
	u32 kind = kind_of(call->cmd), access;
	struct batch b = { .call = call };
	int err = map_from_fd(call->hive, call->caller, (int)call->attr.batch.map_fd, &b.map,
			      &access);

	if (err)
		return err;
	if (kind != LOOKUP)
		__atomic_add_fetch(&b.map->writers, 1, __ATOMIC_ACQUIRE);
	if (((kind & (LOOKUP | TAKE)) && !map_may_read(access)) ||
	    (kind != LOOKUP && !map_may_write(b.map, access))) {
		err = -EPERM;
	} else if (!(batches_of(b.map->map->spec.type) & kind)) {
		err = -ENOTSUPP;
	} else {
		b.by_token = batches_of(b.map->map->spec.type) & BY_TOKEN;
		b.key_size = b.map->map->spec.key_size;
		b.value_size = map_sys_value_size(b.map->map);
		err = run_batch(&b, kind);
	}
	if (kind != LOOKUP)
		__atomic_sub_fetch(&b.map->writers, 1, __ATOMIC_RELEASE);
	free(b.key);
	free(b.next);
	free(b.value);
	object_put(&b.map->object);
	return err;
}
