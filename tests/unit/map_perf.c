/* SPDX-License-Identifier: BSD-2-Clause */
/* Perf buffers: records as perf's readers want them, losses told, a lying consumer harmless. */
#include <linux/perf_event.h>
#include <poll.h>
#include <sys/mman.h>
#include <time.h>

#include "map/perf_ring.h"
#include "map.h"
#include "run.h"
#include "util/notify.h"

enum { DATA = 4096 };

static struct perf_event_mmap_page *page;
static u8 *data;

/* Takes the next record, unwrapped; 0: none. */
static u32 next_record(u8 *out)
{
	u64 tail = page->data_tail, head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
	u16 size;

	if (tail == head)
		return 0;
	for (u32 i = 0; i < 8; i++)
		out[i] = data[(tail + i) % DATA];
	memcpy(&size, out + 6, 2);
	for (u32 i = 0; i < size; i++)
		out[i] = data[(tail + i) % DATA];
	__atomic_store_n(&page->data_tail, tail + size, __ATOMIC_RELEASE);
	return size;
}

static struct perf_ring *make(u64 sample_type, u32 wakeup)
{
	struct perf_ring_spec spec = { .cpu = 0,
				       .sample_type = sample_type,
				       .id = 77,
				       .clock = CLOCK_MONOTONIC,
				       .wakeup = wakeup };
	struct perf_ring *ring;

	if (perf_ring_new(&ring, &spec))
		return NULL;
	page = mmap(NULL, 4096 + DATA, PROT_READ | PROT_WRITE, MAP_SHARED, perf_ring_memfd(ring),
		    0);
	data = (u8 *)page + 4096;
	return ring;
}

static void end(struct perf_ring *ring)
{
	munmap(page, 4096 + DATA);
	perf_ring_free(ring);
}

static void records(void)
{
	struct perf_ring *ring = make(PERF_SAMPLE_RAW, 1);
	u8 record[512], payload[100], odd = 5;
	u32 raw, bad = 0;

	is(perf_ring_output(ring, &run_slot, payload, 10, NULL, 0), 0,
	   "before it is enabled nothing is written");
	perf_ring_enable(ring, true);
	is(perf_ring_output(ring, &run_slot, payload, 10, NULL, 0), -ENOSPC,
	   "nor before it is mapped");
	is(perf_ring_mapped(ring, 4096), -EINVAL, "a mapping without data");
	is(perf_ring_mapped(ring, 4096 + 3 * 4096), -EINVAL, "a mapping of three pages");
	is(perf_ring_mapped(ring, 4096 + DATA), 0, "a mapping of one page");
	ok(page->data_size == DATA && page->data_offset == 4096, "the page says so");
	for (u32 i = 0; i < 1000; i++) {
		u32 len = i % 100;

		memset(payload, (int)i, sizeof(payload));
		bad += perf_ring_output(ring, &run_slot, payload, len, &odd, 1) != 0;
		bad += next_record(record) % 8 != 0;
		memcpy(&raw, record + 8, 4);
		bad += record[0] != PERF_RECORD_SAMPLE || raw < len + 1 || raw > len + 8 ||
		       memcmp(record + 12, payload, len) || record[12 + len] != 5;
	}
	is(bad, 0, "records of all sizes, wrapped or not, come whole");
	end(ring);
}

static void losses(void)
{
	struct perf_ring *ring = make(PERF_SAMPLE_RAW, 1);
	u8 record[512], payload[52] = { 0 };
	u32 written = 0, lost = 0;
	u64 told[2];

	perf_ring_mapped(ring, 4096 + DATA);
	perf_ring_enable(ring, true);
	for (u32 i = 0; i < 100; i++) {
		int err = perf_ring_output(ring, &run_slot, payload, sizeof(payload), NULL, 0);

		written += !err;
		lost += err == -ENOSPC;
	}
	ok(written == DATA / 64 - 1 && written + lost == 100, "a full buffer takes no more");
	is(perf_ring_lost(ring), lost, "and counts");
	while (next_record(record))
		;
	perf_ring_output(ring, &run_slot, payload, sizeof(payload), NULL, 0);
	is(next_record(record), 24, "the next record tells");
	memcpy(told, record + 8, 16);
	ok(record[0] == PERF_RECORD_LOST && told[0] == 77 && told[1] == lost,
	   "of all that were lost");
	is(next_record(record), 64, "then comes the sample");
	is(next_record(record), 0, "and no more");
	page->data_tail = page->data_head + 100000;
	is(perf_ring_output(ring, &run_slot, payload, sizeof(payload), NULL, 0), -ENOSPC,
	   "a tail from nowhere means full");
	is(perf_ring_output(ring, &run_slot, payload, 65536, NULL, 0), -E2BIG,
	   "too large for a record");
	end(ring);
}

static void fields(void)
{
	struct perf_ring *ring = make(PERF_SAMPLE_RAW | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
					      PERF_SAMPLE_CPU,
				      1),
			 *none;
	struct perf_ring_spec spec = { .sample_type = PERF_SAMPLE_CALLCHAIN };
	u8 record[512];
	u32 ids[2];

	perf_ring_mapped(ring, 4096 + DATA);
	perf_ring_enable(ring, true);
	perf_ring_output(ring, &run_slot, "x", 1, NULL, 0);
	is(next_record(record), 8 + 24 + 8, "fields before the data");
	memcpy(ids, record + 8, 8);
	ok(ids[0] == 42 && ids[1] == 43, "process, then thread");
	run_slot.cpu = 1;
	is(perf_ring_output(ring, &run_slot, "x", 1, NULL, 0), -EOPNOTSUPP, "another CPU's buffer");
	run_slot.cpu = 0;
	is(perf_ring_new(&none, &spec), -EOPNOTSUPP, "fields that cannot be had");
	end(ring);
}

static bool readable(int fd, int timeout)
{
	struct pollfd poller = { fd, POLLIN, 0 };

	return poll(&poller, 1, timeout) == 1;
}

static void waking(void)
{
	struct perf_ring *ring = make(PERF_SAMPLE_RAW, 3);
	int fd = notify_fd(perf_ring_notify(ring));
	u64 count;

	perf_ring_mapped(ring, 4096 + DATA);
	perf_ring_enable(ring, true);
	for (u32 i = 0; i < 2; i++)
		perf_ring_output(ring, &run_slot, "x", 1, NULL, 0);
	ok(!readable(fd, 20), "two records do not wake a consumer that wants three");
	perf_ring_output(ring, &run_slot, "x", 1, NULL, 0);
	ok(readable(fd, 120000), "three do");
	ok(read(fd, &count, 8) == 8 && count, "by the eventfd");
	end(ring);
}

static void from_programs(void)
{
	struct perf_ring *ring = make(PERF_SAMPLE_RAW, 1);
	int err;
	struct map *map = make_map(BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 2, 0, &err);
	u32 key = 0;

	perf_ring_mapped(ring, 4096 + DATA);
	perf_ring_enable(ring, true);
	is(CALL5(BPF_FUNC_perf_event_output, 0, map, BPF_F_CURRENT_CPU, "x", 1), -ENOENT,
	   "output to an empty slot");
	is(map->ops->set_object(map, &key, ring, 1, 0), 0, "put in");
	is(CALL5(BPF_FUNC_perf_event_output, 0, map, BPF_F_CURRENT_CPU, "x", 1), 0,
	   "output to the CPU's slot");
	is(CALL5(BPF_FUNC_perf_event_output, 0, map, 0, "x", 1), 0, "output by index");
	is(CALL5(BPF_FUNC_perf_event_output, 0, map, 2, "x", 1), -E2BIG, "beyond the array");
	is(CALL5(BPF_FUNC_perf_event_output, 0, map, 1ull << 40, "x", 1), -EINVAL, "unknown flags");
	map_free(map);
	end(ring);
}

int main(void)
{
	records();
	losses();
	fields();
	waking();
	from_programs();
	return done();
}
