/* SPDX-License-Identifier: BSD-2-Clause */
/* The program side of a BPF_MAP_TYPE_RINGBUF. flags: BPF_RB_NO_WAKEUP, BPF_RB_FORCE_WAKEUP. */
#ifndef MAP_RINGBUF_H
#define MAP_RINGBUF_H

#include "map/map.h"

/* size bytes to fill, contiguous, 8-byte aligned, until ringbuf_commit(); NULL: no room (counted). */
void *ringbuf_reserve(struct map *map, u64 size);
/* size as reserved: what lies in the shared pages is not trusted. */
void ringbuf_commit(struct map *map, void *sample, u32 size, bool discard, u64 flags);
/* BPF_RB_AVAIL_DATA, …; 0 for others. */
u64 ringbuf_query(struct map *map, u64 what);

#endif
