/* SPDX-License-Identifier: BSD-2-Clause */
/* Ring buffers: the kernel's layout for any consumer, nothing lost, a scribbling consumer harmless. */
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "map/ringbuf.h"
#include "map.h"
#include "run.h"
#include "util/notify.h"

enum { SIZE = 4096 };

static u64 *consumer, *producer;
static u8 *data; /* as libbpf maps it: twice the size */

static struct map *make(void)
{
	int err;
	struct map *map = make_map(BPF_MAP_TYPE_RINGBUF, 0, 0, SIZE, 0, &err);
	int fd = map->ops->memfd(map);

	consumer = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	producer = mmap(NULL, 4096 + 2 * SIZE, PROT_READ, MAP_SHARED, fd, 4096);
	data = (u8 *)producer + 4096;
	return map;
}

static void end(struct map *map)
{
	munmap(consumer, 4096);
	munmap(producer, 4096 + 2 * SIZE);
	map_free(map);
}

/* Takes a record as libbpf does (again: wraps once more after the header, as others do). -1: none. */
static int take(u8 *out, bool again)
{
	u32 *header, len;
	u64 at;

	while (*consumer < __atomic_load_n(producer, __ATOMIC_ACQUIRE)) {
		header = (u32 *)(data + *consumer % SIZE);
		len = __atomic_load_n(header, __ATOMIC_ACQUIRE);
		if (len & BPF_RINGBUF_BUSY_BIT)
			return -1;
		at = *consumer + 8;
		__atomic_store_n(consumer, *consumer + round_up((len & 0x3fffffff) + 8, 8),
				 __ATOMIC_RELEASE);
		if (len & BPF_RINGBUF_DISCARD_BIT)
			continue;
		memcpy(out, again ? data + at % SIZE : (u8 *)(header + 2), len);
		return (int)len;
	}
	return -1;
}

static void any_size(void)
{
	struct map *map = make();
	u8 out[SIZE], want[SIZE];
	u32 bad = 0, seed = 1;

	for (u32 i = 0; i < 20000; i++) {
		u32 len;
		u8 *sample;

		seed = seed * 1103515245 + 12345;
		len = seed >> 16 & (i % 2 ? 0x3f : 0x7ff);
		memset(want, (int)i, len);
		sample = ringbuf_reserve(map, len);
		if (!sample) {
			bad++;
			continue;
		}
		memcpy(sample, want, len);
		ringbuf_commit(map, sample, len, false, 0);
		bad += take(out, i % 3 == 0) != (int)len || memcmp(out, want, len);
	}
	is(bad, 0, "records of any size come whole to consumers of either kind");
	end(map);
}

static void full(void)
{
	struct map *map = make();
	u8 out[SIZE];
	u32 fitted = 0;
	void *held, *second;

	while (ringbuf_reserve(map, 24))
		fitted++;
	is(fitted, SIZE / 32 - 1, "it takes what fits");
	is(map->dropped, 1, "and counts what does not");
	is(take(out, false), -1, "what is reserved is not to be read");
	end(map);

	map = make();
	held = ringbuf_reserve(map, 8);
	second = ringbuf_reserve(map, 8);
	ringbuf_commit(map, second, 8, false, 0);
	is(take(out, false), -1, "a finished record waits for the one before");
	ringbuf_commit(map, held, 8, true, 0);
	is(take(out, false), 8, "and comes when that is discarded");
	ok(!ringbuf_reserve(map, SIZE), "larger than the buffer");
	ok(!ringbuf_reserve(map, ~0ull), "larger than anything");
	is(ringbuf_query(map, BPF_RB_RING_SIZE), SIZE, "query: size");
	is(ringbuf_query(map, BPF_RB_PROD_POS), 32, "query: producer");
	is(ringbuf_query(map, BPF_RB_CONS_POS), 32, "query: consumer");
	is(ringbuf_query(map, BPF_RB_AVAIL_DATA), 0, "query: available");
	is(ringbuf_query(map, 9), 0, "query: unknown");
	end(map);
}

static void scribbled(void)
{
	struct map *map = make();
	u8 *all = mmap(NULL, 8192 + 2 * SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		       map->ops->memfd(map), 0);
	u32 outside = 0;

	srand(7);
	for (u32 i = 0; i < 20000; i++) {
		u32 len = (u32)rand() % 600;
		u8 *sample;

		for (u32 k = 0; k < 20; k++)
			all[(u32)rand() % (8192 + 2 * SIZE)] = (u8)rand();
		*consumer =
			rand() % 2 ? (u64)rand() << 20 | (u64)rand() : *producer - (u64)rand() % 64;
		sample = ringbuf_reserve(map, len);
		if (!sample)
			continue;
		outside += sample < map->values || sample + len > map->values + 2 * SIZE;
		memset(sample, 1, len);
		ringbuf_commit(map, sample, len, rand() % 2, 0);
	}
	is(outside, 0, "whatever a consumer writes, records stay inside");
	munmap(all, 8192 + 2 * SIZE);
	end(map);
}

static bool readable(int fd, int timeout)
{
	struct pollfd poller = { fd, POLLIN, 0 };

	return poll(&poller, 1, timeout) == 1;
}

static void waking(void)
{
	struct map *map = make();
	int fd = notify_fd(map->ops->notify(map));
	u8 out[64];
	u64 count;

	ok(!readable(fd, 0), "nothing to read at first");
	ringbuf_commit(map, ringbuf_reserve(map, 8), 8, false, BPF_RB_NO_WAKEUP);
	ok(!readable(fd, 20), "BPF_RB_NO_WAKEUP");
	ringbuf_commit(map, ringbuf_reserve(map, 8), 8, false, 0);
	ok(readable(fd, 120000) && read(fd, &count, 8) == 8, "a record wakes");
	while (take(out, false) >= 0)
		;
	ringbuf_commit(map, ringbuf_reserve(map, 8), 8, false, BPF_RB_FORCE_WAKEUP);
	ok(readable(fd, 0) && read(fd, &count, 8) == 8, "BPF_RB_FORCE_WAKEUP, at once");
	is(notify_fd(map->ops->notify(map)), fd, "who comes later");
	ok(readable(fd, 0), "finds what waits");
	end(map);
}

static void from_programs(void)
{
	struct map *map = make();
	u8 out[64];
	void *sample = (void *)(uintptr_t)CALL(BPF_FUNC_ringbuf_reserve, map, 16, 0);

	ok(sample, "reserve");
	memcpy(sample, "0123456789abcdef", 16);
	CALL(BPF_FUNC_ringbuf_submit, sample, 0, 0);
	ok(take(out, false) == 16 && !memcmp(out, "0123456789abcdef", 16), "submit");
	sample = (void *)(uintptr_t)CALL(BPF_FUNC_ringbuf_reserve, map, 16, 0);
	CALL(BPF_FUNC_ringbuf_discard, sample, 0, 0);
	is(take(out, false), -1, "discard");
	ok(!CALL(BPF_FUNC_ringbuf_reserve, map, 16, 1), "reserve with flags");
	is(CALL5(BPF_FUNC_ringbuf_output, map, "abc", 3, 0, 0), 0, "output");
	is(take(out, false), 3, "… arrived");
	is(CALL5(BPF_FUNC_ringbuf_output, map, "abc", 3, 4, 0), -EINVAL, "output with flags");
	is(CALL5(BPF_FUNC_ringbuf_output, map, out, SIZE, 0, 0), -EAGAIN, "output without room");
	is(run_slot.nr_records, 0, "nothing is held");
	end(map);
}

int main(void)
{
	any_size();
	full();
	scribbled();
	waking();
	from_programs();
	return done();
}
