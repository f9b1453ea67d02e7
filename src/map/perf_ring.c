/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Perf records. Invariant: `head` is ours and only copied to the shared page; the consumer's tail is
 * believed only where it leaves head - tail within the buffer, else the buffer is full. Records wrap
 * bytewise. Lost records are counted and told by a PERF_RECORD_LOST before the next sample that fits.
 */
#include "map/perf_ring.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "map/area.h"
#include "util/lock.h"
#include "util/notify.h"

enum {
	PAGE = 4096,
	MAX_DATA = 64 << 20,
	SUPPORTED = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
		    PERF_SAMPLE_ADDR | PERF_SAMPLE_ID | PERF_SAMPLE_STREAM_ID | PERF_SAMPLE_CPU |
		    PERF_SAMPLE_PERIOD | PERF_SAMPLE_RAW,
};

struct perf_ring {
	struct perf_ring_spec spec;
	struct area area;
	int memfd;
	struct notify notify;
	struct perf_event_mmap_page *page;
	u8 *data;
	bool on;
	u32 lock __attribute__((aligned(64)));
	u32 unwoken; /* samples since the consumer was last told */
	u64 size;    /* bytes of data, 0 until mapped */
	u64 head;
	u64 lost, lost_ever;
};

static bool has_data(void *arg)
{
	struct perf_ring *ring = arg;

	return __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) !=
	       __atomic_load_n(&ring->page->data_tail, __ATOMIC_ACQUIRE);
}

int perf_ring_new(struct perf_ring **out, const struct perf_ring_spec *spec)
{
	struct perf_ring *ring;
	int err;

	*out = NULL;
	if (spec->sample_type & ~(u64)SUPPORTED)
		return -EOPNOTSUPP;
	ring = aligned_alloc(64, round_up(sizeof(*ring), 64));
	if (!ring)
		return -ENOMEM;
	memset(ring, 0, sizeof(*ring));
	ring->spec = *spec;
	err = notify_init(&ring->notify, has_data, ring);
	ring->notify.by_asking = true;
	ring->memfd = err ? err : area_new_shared(&ring->area, PAGE + MAX_DATA);
	if (ring->memfd < 0) {
		if (!err)
			notify_end(&ring->notify);
		err = ring->memfd;
		free(ring);
		return err;
	}
	ring->page = (struct perf_event_mmap_page *)ring->area.mem;
	ring->data = ring->area.mem + PAGE;
	*out = ring;
	return 0;
}

void perf_ring_free(struct perf_ring *ring)
{
	if (!ring)
		return;
	notify_end(&ring->notify);
	close(ring->memfd);
	area_free(&ring->area);
	free(ring);
}

int perf_ring_memfd(struct perf_ring *ring)
{
	return ring->memfd;
}

struct notify *perf_ring_notify(struct perf_ring *ring)
{
	return &ring->notify;
}

void perf_ring_enable(struct perf_ring *ring, bool on)
{
	__atomic_store_n(&ring->on, on, __ATOMIC_RELEASE);
}

bool perf_ring_unread(struct perf_ring *ring)
{
	return has_data(ring);
}

u64 perf_ring_lost(struct perf_ring *ring)
{
	return __atomic_load_n(&ring->lost_ever, __ATOMIC_RELAXED);
}

int perf_ring_mapped(struct perf_ring *ring, u64 bytes)
{
	u64 data = bytes - PAGE;
	int err = 0;

	if (bytes < 2 * PAGE || data > MAX_DATA || data % PAGE || data & (data - 1))
		return -EINVAL;
	lock_take(&ring->lock);
	if (ring->size && ring->size != data) {
		err = -EBUSY;
	} else {
		ring->page->data_offset = PAGE;
		ring->page->data_size = data;
		ring->size = data;
	}
	lock_drop(&ring->lock);
	return err;
}

static void put(struct perf_ring *ring, u64 *pos, const void *from, u64 len)
{
	u64 at = *pos & (ring->size - 1), part = min(len, ring->size - at);

	memcpy(ring->data + at, from, part);
	memcpy(ring->data, (const u8 *)from + part, len - part);
	*pos += len;
}

static void put_u64(struct perf_ring *ring, u64 *pos, u64 value)
{
	put(ring, pos, &value, sizeof(value));
}

static u64 fixed_size(u64 sample_type)
{
	return (u64)__builtin_popcountll(sample_type & ~(u64)PERF_SAMPLE_RAW) * 8;
}

/* The fields before the raw data, in the order of perf_event.h. */
static void put_fixed(struct perf_ring *ring, u64 *pos, struct run *run)
{
	u64 type = ring->spec.sample_type;
	struct timespec now;

	if (type & PERF_SAMPLE_IDENTIFIER)
		put_u64(ring, pos, ring->spec.id);
	if (type & PERF_SAMPLE_IP)
		put_u64(ring, pos, 0);
	if (type & PERF_SAMPLE_TID)
		put_u64(ring, pos, (u64)run->task->pid << 32 | run->task->tgid);
	if (type & PERF_SAMPLE_TIME) {
		clock_gettime(ring->spec.clock, &now);
		put_u64(ring, pos, (u64)now.tv_sec * 1000000000ull + (u64)now.tv_nsec);
	}
	if (type & PERF_SAMPLE_ADDR)
		put_u64(ring, pos, 0);
	if (type & PERF_SAMPLE_ID)
		put_u64(ring, pos, ring->spec.id);
	if (type & PERF_SAMPLE_STREAM_ID)
		put_u64(ring, pos, ring->spec.id);
	if (type & PERF_SAMPLE_CPU)
		put_u64(ring, pos, run->cpu);
	if (type & PERF_SAMPLE_PERIOD)
		put_u64(ring, pos, 1);
}

static void put_lost(struct perf_ring *ring, u64 *pos)
{
	struct {
		struct perf_event_header header;
		u64 id, lost;
	} record = { { PERF_RECORD_LOST, 0, sizeof(record) }, ring->spec.id, ring->lost };

	put(ring, pos, &record, sizeof(record));
	ring->lost = 0;
}

/* The raw field's own size, padding included, so that the record is a multiple of 8. */
static u32 raw_size(u64 len)
{
	return (u32)(round_up(len + 4, 8) - 4);
}

struct sample {
	const void *data, *extra;
	u32 len, extra_len;
};

static void put_sample(struct perf_ring *ring, u64 *pos, struct run *run,
		       const struct sample *sample, u16 size)
{
	struct perf_event_header header = { PERF_RECORD_SAMPLE, PERF_RECORD_MISC_KERNEL, size };
	u32 raw = raw_size((u64)sample->len + sample->extra_len),
	    pad = raw - sample->len - sample->extra_len;
	static const u8 zeroes[8];

	put(ring, pos, &header, sizeof(header));
	put_fixed(ring, pos, run);
	if (!(ring->spec.sample_type & PERF_SAMPLE_RAW))
		return;
	put(ring, pos, &raw, sizeof(raw));
	put(ring, pos, sample->data, sample->len);
	if (sample->extra_len)
		put(ring, pos, sample->extra, sample->extra_len);
	put(ring, pos, zeroes, pad);
}

static int output_locked(struct perf_ring *ring, struct run *run, const struct sample *sample,
			 u64 size)
{
	u64 tail = __atomic_load_n(&ring->page->data_tail, __ATOMIC_ACQUIRE),
	    used = ring->head - tail, pos = ring->head;
	u64 want = size + (ring->lost ? 24 : 0);

	if (!ring->size)
		return -ENOSPC;
	if (used >= ring->size || ring->size - 1 - used < want) {
		ring->lost++;
		__atomic_store_n(&ring->lost_ever, ring->lost_ever + 1, __ATOMIC_RELAXED);
		return -ENOSPC;
	}
	if (ring->lost)
		put_lost(ring, &pos);
	put_sample(ring, &pos, run, sample, (u16)size);
	__atomic_store_n(&ring->head, pos, __ATOMIC_RELEASE);
	__atomic_store_n(&ring->page->data_head, pos, __ATOMIC_RELEASE);
	return 0;
}

int perf_ring_output(struct perf_ring *ring, struct run *run, const void *data, u32 len,
		     const void *extra, u32 extra_len)
{
	struct sample sample = { data, extra, len, extra_len };
	u64 size = sizeof(struct perf_event_header) + fixed_size(ring->spec.sample_type);
	bool wake = false;
	int err;

	if (ring->spec.cpu != ~0u && ring->spec.cpu != run->cpu)
		return -EOPNOTSUPP;
	if (!__atomic_load_n(&ring->on, __ATOMIC_ACQUIRE))
		return 0;
	if (ring->spec.sample_type & PERF_SAMPLE_RAW)
		size += 4 + (u64)raw_size((u64)len + extra_len);
	if (size > UINT16_MAX)
		return -E2BIG;
	lock_take(&ring->lock);
	err = output_locked(ring, run, &sample, size);
	if (!err && ++ring->unwoken >= ring->spec.wakeup) {
		ring->unwoken = 0;
		wake = true;
	}
	lock_drop(&ring->lock);
	if (wake)
		notify_soon(&ring->notify);
	return err;
}
