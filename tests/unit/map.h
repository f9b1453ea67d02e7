/* SPDX-License-Identifier: BSD-2-Clause */
/* Making maps in tests. */
#ifndef TESTS_UNIT_MAP_H
#define TESTS_UNIT_MAP_H

#include <errno.h>
#include <string.h>

#include "map/map.h"
#include "tap.h"

enum { TEST_CPUS = 2 };

__attribute__((unused)) static struct map_spec map_spec_of(u32 type, u32 key, u32 value,
							   u32 entries, u32 flags)
{
	return (struct map_spec){
		.type = type,
		.key_size = key,
		.value_size = value,
		.max_entries = entries,
		.flags = flags,
		.name = "test",
		.nr_cpus = TEST_CPUS,
		.spin_lock_off = -1,
		.timer_off = -1,
	};
}

/* NULL where it cannot be made; *err says why. */
__attribute__((unused)) static struct map *make_map(u32 type, u32 key, u32 value, u32 entries,
						    u32 flags, int *err)
{
	struct map_spec spec = map_spec_of(type, key, value, entries, flags);
	struct map *map;

	*err = map_new(&map, &spec, NULL);
	return map;
}

#endif
