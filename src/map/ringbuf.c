/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ring buffer, with the kernel's pages: consumer position, producer position, data, and the data's
 * mirror. A record is touched contiguously from its header on, by both sides, so the mirror needs no
 * second mapping of the same pages: a record that wraps simply runs on into it. Some consumers wrap
 * again after the header; a header that would be the last 8 bytes is preceded by an empty discarded one.
 *
 * The shared pages are the consumer's to scribble on. Only its position is read from there, and it can
 * but make the buffer seem full; record lengths in headers count for the consumer, and for how far
 * records are finished, where a lie costs records but no memory safety.
 */
#include "map/ringbuf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "map/area.h"
#include "map/ops.h"
#include "util/lock.h"
#include "util/notify.h"

enum {
	PAGE = 4096,
	HEADER = 8,
	WAITS = 4, /* for a consumer at work, before a record is refused: some microseconds */
	WAIT_SPINS = 48,
	PATIENCE =
		32, /* records refused until a consumer that does not move counts as not at work */
};

struct header {
	u32 len;   /* with BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT */
	u32 pages; /* from the start of the pages, as the kernel's */
};

struct ringbuf {
	struct map map;
	struct area area;
	int memfd;
	struct notify notify;
	u64 *consumer; /* shared: the consumer's */
	u64 *producer; /* shared: a copy for the consumer */
	u8 *data;
	u64 size; /* a power of two */
	u32 lock __attribute__((aligned(64)));
	u64 end;     /* where the next record goes */
	u64 pending; /* up to here all records are finished */
	u64 consumed; /* the consumer's position as last seen: looked at again only when there is no room */
	u64 stuck_at; /* where the consumer was when last there was no room; 0 until then: nobody has consumed */
	u32 stuck; /* how often it was found there since */
};

static struct ringbuf *to_ring(struct map *map)
{
	return container_of(map, struct ringbuf, map);
}

static u64 record_size(u64 len)
{
	return round_up(len + HEADER, 8);
}

static struct header *header_at(struct ringbuf *ring, u64 pos)
{
	return (struct header *)(ring->data + (pos & (ring->size - 1)));
}

/* Whether a record waits: not the same as whether it is finished, which its consumer will see. */
static bool has_data(void *arg)
{
	struct ringbuf *ring = arg;

	return __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE) !=
	       __atomic_load_n(&ring->end, __ATOMIC_ACQUIRE);
}

static int ringbuf_alloc(struct map **out, const struct map_spec *spec, struct log *why)
{
	u64 size = spec->max_entries;
	struct ringbuf *ring;
	int err;

	if (spec->flags & ~(u32)BPF_F_NUMA_NODE || spec->key_size || spec->value_size)
		return fail(why, -EINVAL, "%s: a ring buffer has no keys, values or flags",
			    spec->name);
	if (!size || size & (size - 1) || size % PAGE)
		return fail(why, -EINVAL,
			    "%s: the size of a ring buffer is a power of two of pages", spec->name);
	ring = aligned_alloc(64, round_up(sizeof(*ring), 64));
	if (!ring)
		return -ENOMEM;
	memset(ring, 0, sizeof(*ring));
	err = notify_init(&ring->notify, has_data, ring);
	ring->memfd = err ? err : area_new_shared(&ring->area, 2 * PAGE + 2 * size);
	if (ring->memfd < 0) {
		if (!err)
			notify_end(&ring->notify);
		err = ring->memfd;
		free(ring);
		return err;
	}
	ring->consumer = (u64 *)ring->area.mem;
	ring->producer = (u64 *)(ring->area.mem + PAGE);
	ring->data = ring->area.mem + 2 * PAGE;
	ring->size = size;
	ring->map.values = ring->data;
	ring->map.values_len = 2 * size;
	ring->stuck = PATIENCE;
	*out = &ring->map;
	return 0;
}

static void ringbuf_free(struct map *map)
{
	struct ringbuf *ring = to_ring(map);

	notify_end(&ring->notify);
	close(ring->memfd);
	area_free(&ring->area);
	free(ring);
}

/* Moves pending over finished records. */
static void skip_finished(struct ringbuf *ring)
{
	while (ring->pending < ring->end) {
		u32 len = __atomic_load_n(&header_at(ring, ring->pending)->len, __ATOMIC_ACQUIRE);

		if (len & BPF_RINGBUF_BUSY_BIT)
			break;
		ring->pending += record_size(len & ~(u32)BPF_RINGBUF_DISCARD_BIT);
	}
	ring->pending = min(ring->pending, ring->end);
}

static void put_header(struct ringbuf *ring, u64 pos, u32 len)
{
	struct header *header = header_at(ring, pos);

	__atomic_store_n(&header->pages, (u32)((u64)((u8 *)header - ring->area.mem) / PAGE),
			 __ATOMIC_RELAXED);
	__atomic_store_n(&header->len, len, __ATOMIC_RELEASE);
}

/* Locked. Where the record goes, ~0: no room before the consumer goes on. */
static u64 place(struct ringbuf *ring, u64 whole)
{
	u64 start = ring->end, end;

	if ((start & (ring->size - 1)) == ring->size - HEADER)
		start += HEADER;
	end = start + whole;
	if (unlikely(end - ring->consumed >= ring->size))
		ring->consumed = __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE);
	return end - ring->consumed >= ring->size || end - ring->pending >= ring->size ? ~0ull
										       : start;
}

static inline struct header *reserve(struct ringbuf *ring, u32 size, u64 whole)
{
	u64 start;

	lock_take(&ring->lock);
	skip_finished(ring);
	start = place(ring, whole);
	if (likely(start != ~0ull)) {
		if (unlikely(start != ring->end))
			put_header(ring, ring->end, BPF_RINGBUF_DISCARD_BIT);
		put_header(ring, start, size | BPF_RINGBUF_BUSY_BIT);
		__atomic_store_n(&ring->end, start + whole, __ATOMIC_RELEASE);
		__atomic_store_n(ring->producer, start + whole, __ATOMIC_RELEASE);
	}
	lock_drop(&ring->lock);
	__builtin_prefetch(header_at(ring, start + whole + 64), 1);
	return start == ~0ull ? NULL : header_at(ring, start);
}

static bool is_at_work(struct ringbuf *ring)
{
	u64 at = __atomic_load_n(ring->consumer, __ATOMIC_RELAXED);

	if (at != __atomic_exchange_n(&ring->stuck_at, at, __ATOMIC_RELAXED))
		__atomic_store_n(&ring->stuck, 0, __ATOMIC_RELAXED);
	else if (__atomic_load_n(&ring->stuck, __ATOMIC_RELAXED) >= PATIENCE)
		return false;
	__atomic_fetch_add(&ring->stuck, 1, __ATOMIC_RELAXED);
	return true;
}

/*
 * The buffer is full. If its consumer is at work, a moment's patience gets the record room; and looking at his
 * position for every record meanwhile would take that cache line from him each time, which makes him several
 * times slower. Nobody waits for a consumer that sleeps.
 */
static __attribute__((noinline)) struct header *reserve_patiently(struct ringbuf *ring, u32 size,
								  u64 whole)
{
	struct header *header = NULL;

	if (!is_at_work(ring))
		return NULL;
	for (u32 i = 0; !header && i < WAITS; i++) {
		for (u32 spins = 0; spins < WAIT_SPINS; spins++)
			lock_pause(0);
		header = reserve(ring, size, whole);
	}
	return header;
}

void *ringbuf_reserve(struct map *map, u64 size)
{
	struct ringbuf *ring = to_ring(map);
	u64 whole = record_size(size);
	struct header *header = NULL;

	if (likely(size <= UINT32_MAX / 4 && whole <= ring->size)) {
		header = reserve(ring, (u32)size, whole);
		if (unlikely(!header))
			header = reserve_patiently(ring, (u32)size, whole);
	}
	if (likely(header))
		return header + 1;
	__atomic_fetch_add(&map->dropped, 1, __ATOMIC_RELAXED);
	return NULL;
}

/*
 * Whoever sleeps is told if the buffer is not empty: the kernel tells only when the consumer had caught
 * up, but it also looks again when a consumer goes to sleep, which nobody does for an eventfd.
 */
void ringbuf_commit(struct map *map, void *sample, u32 size, bool discard, u64 flags)
{
	struct ringbuf *ring = to_ring(map);
	struct header *header = (struct header *)((u8 *)sample - HEADER);

	__atomic_store_n(&header->len, size | (discard ? BPF_RINGBUF_DISCARD_BIT : 0),
			 __ATOMIC_RELEASE);
	if (flags & BPF_RB_FORCE_WAKEUP)
		notify_now(&ring->notify);
	else if (!(flags & BPF_RB_NO_WAKEUP))
		notify_soon(&ring->notify);
}

u64 ringbuf_query(struct map *map, u64 what)
{
	struct ringbuf *ring = to_ring(map);
	u64 consumed = __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE);
	u64 end = __atomic_load_n(&ring->end, __ATOMIC_ACQUIRE);

	switch (what) {
	case BPF_RB_AVAIL_DATA: return end - consumed;
	case BPF_RB_RING_SIZE: return ring->size;
	case BPF_RB_CONS_POS: return consumed;
	case BPF_RB_PROD_POS: return end;
	default: return 0;
	}
}

static int ringbuf_memfd(struct map *map)
{
	return to_ring(map)->memfd;
}

static struct notify *ringbuf_notify(struct map *map)
{
	return &to_ring(map)->notify;
}

const struct map_ops ringbuf_ops = {
	.alloc = ringbuf_alloc,
	.free = ringbuf_free,
	.lookup = map_no_lookup,
	.memfd = ringbuf_memfd,
	.notify = ringbuf_notify,
};
