/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Perf buffers of several CPUs, read as one stream in the order of time. The buffers are mapped as Linux maps
 * them (perf_event_mmap_page, uapi linux/perf_event.h); either answer may be the writer.
 */
#ifndef LOAD_RECORDS_H
#define LOAD_RECORDS_H

#include <linux/perf_event.h>

#include "util/types.h"

/* One CPU's buffer: page and size are the opener's, the rest is the reader's and begins as zeroes. */
struct record_buffer {
	struct perf_event_mmap_page *page;    /* as mapped, its data behind it */
	u64 size;			      /* bytes of data, a power of two */
	void *arg;			      /* for the receiver */
	u64 head;			      /* how far this round may read */
	const struct perf_event_header *next; /* the record at the tail, in one piece; NULL: none */
	u64 time;			      /* when it was written, ns; 0: it does not say */
	u8 *copy;			      /* of a record that wraps around the end */
	u64 copy_room;
};

/* The event to open for one CPU: a sample carries its time. It wakes the reader every so many samples (0: each). */
void records_attr(struct perf_event_attr *attr, u32 wakeup);

/*
 * A sample, data and its size in bytes, valid during the call; or, where data is NULL, how many samples found
 * no room. arg is the buffer's.
 */
typedef void (*records_receive)(void *arg, const void *data, u32 size, u64 lost);

/*
 * Hands on all that is in n buffers, until they are empty. What was written before another record was is handed
 * on before it, whichever CPUs wrote them; without memory for a wrapped record its buffer is left for later.
 */
void records_read(struct record_buffer **buffers, u32 n, records_receive receive);
/* Gives back what the reader keeps; the mapping is the opener's. */
void records_free(struct record_buffer *buffer);

#endif
