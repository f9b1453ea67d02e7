/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The buffer of a perf event of kind PERF_COUNT_SW_BPF_OUTPUT: what a perf_event_array's slots hold.
 * A memfd laid out as the kernel's: a perf_event_mmap_page, then a power of two of data pages. How much
 * of it is the buffer the client says by how much it maps.
 */
#ifndef MAP_PERF_RING_H
#define MAP_PERF_RING_H

#include "def/run.h"

struct perf_ring;
struct notify;

struct perf_ring_spec {
	u32 cpu;	 /* the slot it belongs to; ~0: any */
	u64 sample_type; /* PERF_SAMPLE_RAW and the simple ones, else -EOPNOTSUPP */
	u64 id;
	int clock;  /* of samples' times: CLOCK_MONOTONIC or another of clock_gettime(2)'s */
	u32 wakeup; /* wake the consumer each so many events; 0: as 1 */
};

/* 0, -EOPNOTSUPP, -ENOMEM, -EMFILE. */
int perf_ring_new(struct perf_ring **out, const struct perf_ring_spec *spec);
void perf_ring_free(struct perf_ring *ring);

int perf_ring_memfd(struct perf_ring *ring);		 /* for the client, kept by the ring */
struct notify *perf_ring_notify(struct perf_ring *ring); /* who tells its consumer */

/* The client maps bytes (page + 2^n pages) of it. 0; -EINVAL; -EBUSY once mapped with another size. */
int perf_ring_mapped(struct perf_ring *ring, u64 bytes);
/* PERF_EVENT_IOC_ENABLE and DISABLE: what is written while off is dropped, as in the kernel. */
void perf_ring_enable(struct perf_ring *ring, bool on);
bool perf_ring_unread(struct perf_ring *ring); /* whether the consumer has yet to read something */
u64 perf_ring_lost(struct perf_ring *ring);    /* records that found no room so far */

/* One sample for the current event: data, then extra (packet bytes, may be NULL). 0, -ENOSPC, -E2BIG, -EOPNOTSUPP (CPU). */
int perf_ring_output(struct perf_ring *ring, struct run *run, const void *data, u32 len,
		     const void *extra, u32 extra_len);

#endif
