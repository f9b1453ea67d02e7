/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queue and stack: values without keys. A ring of max_entries + 1 places, one lock: head is where the
 * next value goes, tail the oldest; they are equal when it is empty.
 */
#include <errno.h>
#include <stdlib.h>

#include "map/area.h"
#include "map/ops.h"
#include "map/value.h"

enum { KMALLOC_MAX = 4 << 20 };

struct queue {
	struct map map;
	struct area area;
	u32 lock, head, tail;
	u32 places;
	u32 stride;
};

static struct queue *to_queue(struct map *map)
{
	return container_of(map, struct queue, map);
}

static int queue_alloc(struct map **out, const struct map_spec *spec, struct log *why)
{
	const u32 known = BPF_F_NUMA_NODE | MAP_ACCESS_FLAGS;
	struct queue *queue;
	int err;

	if (!spec->max_entries || spec->key_size || !spec->value_size || spec->flags & ~known ||
	    !map_access_flags_ok(spec->flags))
		return fail(why, -EINVAL,
			    "%s: a queue or stack has entries and values, but no keys", spec->name);
	if (spec->value_size > KMALLOC_MAX)
		return fail(why, -E2BIG, "%s: values are too large", spec->name);
	queue = calloc(1, sizeof(*queue));
	if (!queue)
		return -ENOMEM;
	queue->stride = round_up(spec->value_size, 8);
	queue->places = spec->max_entries + 1;
	err = queue->places ? area_new(&queue->area, (u64)queue->places * queue->stride) : -E2BIG;
	if (err) {
		free(queue);
		return err;
	}
	*out = &queue->map;
	return 0;
}

static void queue_free(struct map *map)
{
	area_free(&to_queue(map)->area);
	free(to_queue(map));
}

static u8 *place(struct queue *queue, u32 at)
{
	return queue->area.mem + (u64)at * queue->stride;
}

static u32 after(const struct queue *queue, u32 at)
{
	return at + 1 == queue->places ? 0 : at + 1;
}

static u32 before(const struct queue *queue, u32 at)
{
	return at ? at - 1 : queue->places - 1;
}

static int push(struct map *map, const void *value, u64 flags)
{
	struct queue *queue = to_queue(map);
	int err = 0;

	if (flags & BPF_NOEXIST || flags > BPF_EXIST)
		return -EINVAL;
	lock_take(&queue->lock);
	if (after(queue, queue->head) == queue->tail) {
		if (flags & BPF_EXIST)
			queue->tail = after(queue, queue->tail);
		else
			err = -E2BIG;
	}
	if (!err) {
		words_in(place(queue, queue->head), value, map->spec.value_size);
		queue->head = after(queue, queue->head);
	}
	lock_drop(&queue->lock);
	return err;
}

static int take(struct map *map, void *value, bool newest, bool remove)
{
	struct queue *queue = to_queue(map);
	bool empty;
	u32 at;

	lock_take(&queue->lock);
	empty = queue->head == queue->tail;
	if (empty) {
		memset(value, 0, map->spec.value_size);
	} else {
		at = newest ? before(queue, queue->head) : queue->tail;
		words_out(value, place(queue, at), map->spec.value_size);
		if (remove && newest)
			queue->head = at;
		else if (remove)
			queue->tail = after(queue, at);
	}
	lock_drop(&queue->lock);
	return empty ? -ENOENT : 0;
}

static int queue_pop(struct map *map, void *value)
{
	return take(map, value, false, true);
}

static int queue_peek(struct map *map, void *value)
{
	return take(map, value, false, false);
}

static int stack_pop(struct map *map, void *value)
{
	return take(map, value, true, true);
}

static int stack_peek(struct map *map, void *value)
{
	return take(map, value, true, false);
}

static int no_next(struct map *map, const void *key, void *next)
{
	(void)map, (void)key, (void)next;
	return -EINVAL;
}

#define COMMON                                                                           \
	.alloc = queue_alloc, .free = queue_free, .lookup = map_no_lookup, .push = push, \
	.sys_remove = map_no_remove, .next_key = no_next

const struct map_ops queue_ops = { COMMON, .pop = queue_pop, .peek = queue_peek };
const struct map_ops stack_ops = { COMMON, .pop = stack_pop, .peek = stack_peek };
