/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of maps, taken once when the map is made: zeroed pages, committed as they are touched, so a
 * large map costs what it holds. More than the machine's memory is refused at once, as the kernel does.
 */
#ifndef MAP_AREA_H
#define MAP_AREA_H

#include "util/types.h"

struct area {
	u8 *mem;
	u64 len; /* whole pages */
};

/* Private memory of at least len > 0 bytes. 0 or -ENOMEM. */
int area_new(struct area *area, u64 len);
/* The pages of a memfd named bpf-map, its size sealed. Returns the fd, or -ENOMEM etc. */
int area_new_shared(struct area *area, u64 len);
void area_free(struct area *area);

#endif
