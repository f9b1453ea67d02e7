// SPDX-License-Identifier: BSD-2-Clause
/*
 * Perf buffers in the order of time. A round takes the time, then every buffer's head, and hands on the records
 * that are older than the round, oldest first; younger ones wait for the next. So nothing is overtaken: a
 * record that was complete before another's time was taken was also complete before the round looked. Older is
 * by SETTLE_NS: a processor takes the time before its last stores are seen by others, and loads before it took the time.
 * Losses carry no time: they come with the record behind them.
 */
#include "load/records.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SETTLE_NS = 10000, FAR_NS = 1000000 };

/* A sample as records_attr() asks for it. */
struct sample {
	struct perf_event_header header;
	u64 time;
	u32 size;
	u8 data[];
} __attribute__((packed));

struct loss {
	struct perf_event_header header;
	u64 id, lost;
};

void records_attr(struct perf_event_attr *attr, u32 wakeup)
{
	*attr = (struct perf_event_attr){
		.size = sizeof(*attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_type = PERF_SAMPLE_RAW | PERF_SAMPLE_TIME,
		.sample_period = 1,
		.wakeup_events = wakeup ? wakeup : 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};
}

static u64 now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (u64)at.tv_sec * 1000000000ull + (u64)at.tv_nsec;
}

static bool is_to_come(u64 time)
{
	u64 at = now();

	return time > at && time - at > FAR_NS;
}

/* size bytes at a position of the ring, in one piece; NULL without memory. */
static const void *piece(struct record_buffer *b, u64 at, u64 size)
{
	const u8 *base = (const u8 *)b->page + sysconf(_SC_PAGESIZE);
	u64 start = at & (b->size - 1), first = min(size, b->size - start);

	if (first == size)
		return base + start;
	if (b->copy_room < size) {
		u8 *grown = realloc(b->copy, size);

		if (!grown)
			return NULL;
		b->copy = grown;
		b->copy_room = size;
	}
	memcpy(b->copy, base + start, first);
	memcpy(b->copy + first, base, size - first);
	return b->copy;
}

/* Looks at the record at the tail. What is no record ends the buffer's round. */
static void look(struct record_buffer *b)
{
	u64 tail = b->page->data_tail, left = b->head - tail, size;

	b->next = NULL;
	if (left < sizeof(*b->next) || left > b->size)
		return;
	b->next = piece(b, tail, sizeof(*b->next));
	size = b->next ? b->next->size : 0;
	b->next = size < sizeof(*b->next) || size > left ? NULL : piece(b, tail, size);
	b->time = b->next && b->next->type == PERF_RECORD_SAMPLE && size >= sizeof(struct sample)
			  ? ((const struct sample *)b->next)->time
			  : 0;
}

static void hand_on(struct record_buffer *b, records_receive receive)
{
	const struct sample *sample = (const void *)b->next;
	const struct loss *loss = (const void *)b->next;
	u64 size = b->next->size;

	if (b->next->type == PERF_RECORD_SAMPLE && size >= sizeof(*sample) &&
	    sample->size <= size - sizeof(*sample))
		receive(b->arg, sample->data, sample->size, 0);
	else if (b->next->type == PERF_RECORD_LOST && size >= sizeof(*loss))
		receive(b->arg, NULL, 0, loss->lost);
	__atomic_store_n(&b->page->data_tail, b->page->data_tail + size, __ATOMIC_RELEASE);
	look(b);
}

static struct record_buffer *oldest(struct record_buffer **buffers, u32 n)
{
	struct record_buffer *found = NULL;

	for (u32 i = 0; i < n; i++)
		if (buffers[i]->next && (!found || buffers[i]->time < found->time))
			found = buffers[i];
	return found;
}

/* Hands on what is not younger than limit, and what somebody wrote of times to come. How many; *left: there was more. */
static u64 read_round(struct record_buffer **buffers, u32 n, u64 limit, records_receive receive,
		      bool *left)
{
	struct record_buffer *b;
	u64 count = 0;

	for (u32 i = 0; i < n; i++) {
		buffers[i]->head = __atomic_load_n(&buffers[i]->page->data_head, __ATOMIC_ACQUIRE);
		look(buffers[i]);
	}
	while ((b = oldest(buffers, n)) && (b->time <= limit || is_to_come(b->time))) {
		hand_on(b, receive);
		count++;
	}
	*left = b;
	return count;
}

void records_read(struct record_buffer **buffers, u32 n, records_receive receive)
{
	bool left;
	u64 count;

	do
		count = read_round(buffers, n, now() - SETTLE_NS, receive, &left);
	while (left || count);
}

void records_free(struct record_buffer *buffer)
{
	free(buffer->copy);
	buffer->copy = NULL;
	buffer->copy_room = 0;
}
