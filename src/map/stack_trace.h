/* SPDX-License-Identifier: BSD-2-Clause */
/* The program side of a BPF_MAP_TYPE_STACK_TRACE. */
#ifndef MAP_STACK_TRACE_H
#define MAP_STACK_TRACE_H

#include "map/map.h"

enum { STACK_MAX_DEPTH = 127 }; /* kernel.perf_event_max_stack */

/* Keeps count > 0 addresses, or of a map with BPF_F_STACK_BUILD_ID what was made of them. The id; -EEXIST where
 * another stack has the id and BPF_F_REUSE_STACKID is not given. */
s64 stack_trace_put(struct map *map, const u64 *ips, const struct bpf_stack_build_id *ids,
		    u32 count, u64 flags);

/* How many addresses a value of the map holds. */
u32 stack_trace_depth(const struct map *map);

#endif
