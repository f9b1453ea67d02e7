/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Output buffers. A reserved record is remembered in the run, where the shared pages cannot reach it:
 * that is how submit knows the ring and the size. The verifier sees to it that each is given back.
 */
#include <errno.h>
#include <string.h>

#include "def/ctx_layout.h"
#include "helper/body.h"
#include "map/map.h"
#include "map/perf_ring.h"
#include "map/ringbuf.h"

enum { WAKEUP_FLAGS = BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP };

/* (ring, data, size, flags) */
HELPER(ringbuf_output)
{
	void *sample;

	if (r4 & ~(u64)WAKEUP_FLAGS)
		return result(-EINVAL);
	sample = ringbuf_reserve(ptr(r1), r3);
	if (!sample)
		return result(-EAGAIN);
	memcpy(sample, ptr(r2), r3);
	ringbuf_commit(ptr(r1), sample, (u32)r3, false, r4);
	return 0;
}

/* (ring, size, flags) */
HELPER(ringbuf_reserve)
{
	struct run_record *record = &run->records[run->nr_records];

	if (r3 || run->nr_records == RUN_RECORDS)
		return 0;
	record->sample = ringbuf_reserve(ptr(r1), r2);
	if (!record->sample)
		return 0;
	record->ring = ptr(r1);
	record->len = (u32)r2;
	run->nr_records++;
	return (u64)(uintptr_t)record->sample;
}

/* The record of the sample; nearly always the last. NULL: not ours. */
static struct run_record *find_record(struct run *run, const void *sample)
{
	for (u32 i = run->nr_records; i-- > 0;)
		if (run->records[i].sample == sample)
			return &run->records[i];
	return NULL;
}

static void commit(struct run *run, u64 sample, u64 flags, bool discard)
{
	struct run_record *record = find_record(run, ptr(sample)), *last;

	if (!record)
		return;
	ringbuf_commit(record->ring, record->sample, record->len, discard, flags);
	last = &run->records[--run->nr_records];
	if (unlikely(record != last))
		*record = *last;
}

HELPER(ringbuf_submit)
{
	commit(run, r1, r2, false);
	return 0;
}

HELPER(ringbuf_discard)
{
	commit(run, r1, r2, true);
	return 0;
}

HELPER(ringbuf_query)
{
	return ringbuf_query(ptr(r1), r2);
}

/* The ring in the slot that flags name; NULL and *err where there is none. */
static struct perf_ring *ring_of(struct map *map, u64 flags, u32 cpu, s64 *err)
{
	u64 index = flags & BPF_F_INDEX_MASK;
	u32 key = index == BPF_F_CURRENT_CPU ? cpu : (u32)index;
	struct perf_ring *ring;

	*err = key >= map->spec.max_entries ? -E2BIG : -ENOENT;
	ring = *err == -E2BIG || !map->ops->object ? NULL : map->ops->object(map, &key);
	return ring;
}

/* (ctx, map, flags, data, size) */
HELPER(perf_event_output)
{
	struct perf_ring *ring;
	u64 extra_len = (r3 & BPF_F_CTXLEN_MASK) >> 32;
	const void *extra = NULL;
	s64 err;

	if (r3 & ~(u64)(BPF_F_INDEX_MASK | (run->packet ? BPF_F_CTXLEN_MASK : 0)))
		return result(-EINVAL);
	if (extra_len) {
		extra = run->packet->data;
		if (extra_len > (u64)(run->packet->data_end - run->packet->data))
			return result(-EFAULT);
	}
	ring = ring_of(ptr(r2), r3, run->cpu, &err);
	if (ring)
		err = perf_ring_output(ring, run, ptr(r4), (u32)r5, extra, (u32)extra_len);
	if (err == -ENOSPC)
		__atomic_fetch_add(&((struct map *)ptr(r2))->dropped, 1, __ATOMIC_RELAXED);
	return result(err);
}
