/* SPDX-License-Identifier: BSD-2-Clause */
/* Perf buffers of several CPUs as one stream: in the order of time, losses told, a lying writer harmless. */
#include "load/records.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

enum { CPUS = 4, DATA = 4096, TURNS = 20000 };

static struct record_buffer cpu[CPUS], *all[CPUS];
static u32 got[TURNS], count, lost, bad;

static u64 now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (u64)at.tv_sec * 1000000000ull + (u64)at.tv_nsec;
}

static void begin(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	for (u32 i = 0; i < CPUS; i++) {
		records_free(&cpu[i]);
		free(cpu[i].page);
		cpu[i] = (struct record_buffer){ .page = aligned_alloc(page, page + DATA),
						 .size = DATA,
						 .arg = &cpu[i] };
		if (!cpu[i].page)
			exit(1);
		memset(cpu[i].page, 0, page + DATA);
		all[i] = &cpu[i];
	}
	count = lost = bad = 0;
}

static void receive(void *arg, const void *data, u32 size, u64 many)
{
	struct record_buffer *b = arg;

	bad += b < cpu || b >= cpu + CPUS;
	if (!data) {
		lost += (u32)many;
		return;
	}
	bad += size < 4 || count >= TURNS;
	if (count < TURNS && size >= 4)
		memcpy(&got[count++], data, 4);
}

static void put(u32 at, const void *record, u64 size)
{
	u8 *data = (u8 *)cpu[at].page + sysconf(_SC_PAGESIZE);
	u64 head = cpu[at].page->data_head;

	for (u64 i = 0; i < size; i++)
		data[(head + i) % DATA] = ((const u8 *)record)[i];
	__atomic_store_n(&cpu[at].page->data_head, head + size, __ATOMIC_RELEASE);
}

/* A sample of 44 bytes of data, so that records wrap at odd places; the first four are the number. */
static void write_sample(u32 at, u64 time, u32 number)
{
	struct {
		struct perf_event_header header;
		u64 time;
		u32 size, data[11];
	} __attribute__((packed))
	sample = { { PERF_RECORD_SAMPLE, 0, sizeof(sample) }, time, 44, { number, number + 1 } };

	put(at, &sample, sizeof(sample));
}

static bool in_order(u32 want)
{
	for (u32 i = 0; i < count; i++)
		if (got[i] != i)
			return false;
	return count == want && !bad;
}

static void merged(void)
{
	begin();
	for (u32 i = 0; i < 100; i++)
		write_sample((i * 7 / 3) % CPUS, 1000 + i, i);
	records_read(all, CPUS, receive);
	ok(in_order(100), "records of four CPUs come in the order they were written");
	for (u32 i = 0; i < 1000; i++) {
		write_sample(i % 3, 5000 + i, 100 + i);
		if (i % 50 == 49)
			records_read(all, CPUS, receive);
	}
	ok(in_order(1100), "and when they wrap around their buffers' ends");
	records_read(all, CPUS, receive);
	is(count, 1100, "none comes twice");
}

static void losses(void)
{
	struct {
		struct perf_event_header header;
		u64 id, lost;
	} loss = { { PERF_RECORD_LOST, 0, sizeof(loss) }, 1, 77 };
	struct perf_event_header other = { PERF_RECORD_THROTTLE, 0, 8 };

	begin();
	write_sample(0, 10, 0);
	put(1, &loss, sizeof(loss));
	put(1, &other, sizeof(other));
	write_sample(1, 5000, 2);
	write_sample(0, 20, 1);
	records_read(all, CPUS, receive);
	is(lost, 77, "lost samples are told");
	ok(in_order(3), "other kinds of records are passed over");
}

static void lies(void)
{
	struct perf_event_header header = { PERF_RECORD_SAMPLE, 0, 4 };
	struct {
		struct perf_event_header header;
		u64 time;
		u32 size, data[1];
	} sample = { { PERF_RECORD_SAMPLE, 0, sizeof(sample) }, 5, 1000, { 0 } };

	begin();
	put(0, &header, sizeof(header)); /* smaller than its header */
	put(1, &sample, sizeof(sample)); /* more data than its size has room for */
	cpu[2].page->data_head = 3 * DATA;
	write_sample(3, 7, 0);
	records_read(all, CPUS, receive);
	ok(in_order(1), "a broken buffer says nothing and holds nobody up");
	begin();
	header.size = 4096;
	put(0, &header, sizeof(header)); /* longer than what is there */
	write_sample(1, ~0ull, 1);
	write_sample(2, now() + 3600000000000ull, 0);
	records_read(all, CPUS, receive);
	ok(in_order(2), "times to come do not hold the reader up");
}

static u32 turn; /* how many records are written */

/* One record after another, each on another CPU than the last, never ahead of the reader by more than fits. */
static void *write_turns(void *arg)
{
	(void)arg;
	for (u32 i = 0; i < TURNS; i++) {
		u32 at = (i * 2654435761u >> 13) % CPUS;

		while (cpu[at].page->data_head -
			       __atomic_load_n(&cpu[at].page->data_tail, __ATOMIC_ACQUIRE) >
		       DATA - 60)
			;
		write_sample(at, now(), i);
		__atomic_store_n(&turn, i + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void at_once(void)
{
	pthread_t writer;

	begin();
	if (pthread_create(&writer, NULL, write_turns, NULL))
		exit(1);
	while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) < TURNS)
		records_read(all, CPUS, receive);
	pthread_join(writer, NULL);
	records_read(all, CPUS, receive);
	ok(in_order(TURNS), "while they are written: none overtakes one that was there before it");
}

int main(void)
{
	merged();
	losses();
	lies();
	at_once();
	for (u32 i = 0; i < CPUS; i++) {
		records_free(&cpu[i]);
		free(cpu[i].page);
	}
	return done();
}
