/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which addresses are values of a map: what bpf_probe_read_kernel may reach besides a run's own stack,
 * context and packet. One a hive. Readers never block; adding and removing takes a lock.
 */
#ifndef MAP_SPACE_H
#define MAP_SPACE_H

#include "util/types.h"

struct map_space;

int space_new(struct map_space **out); /* 0, -ENOMEM */
void space_free(struct map_space *space);

/* Ranges do not overlap; owner is what space_owner() says of them. 0 or -ENOMEM. */
int space_add(struct map_space *space, const void *start, u64 len, void *owner);
void space_remove(struct map_space *space, const void *start);

/* How many of the len bytes at addr lie in the one range that addr is in; 0: none. NULL space: 0. Safe against
 * space_add() and space_remove() of other ranges at the same time. */
u64 space_reach(struct map_space *space, u64 addr, u64 len);
/* Whose range addr is in; NULL: nobody's. */
void *space_owner(struct map_space *space, u64 addr);

#endif
