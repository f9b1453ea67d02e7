/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Helpers on map elements. Which map type may be given to which helper, the verifier has checked; an
 * operation that a type does not have is an error all the same, not a crash (lookups: map_no_lookup).
 */
#include <errno.h>
#include <string.h>

#include "helper/body.h"
#include "map/map.h"
#include "vm/code.h"

HELPER(map_lookup_elem)
{
	struct map *map = ptr(r1);

	return (u64)(uintptr_t)map->ops->lookup(map, ptr(r2), run->cpu);
}

HELPER(map_update_elem)
{
	struct map *map = ptr(r1);

	return result(map->ops->update ? map->ops->update(map, ptr(r2), ptr(r3), r4, run->cpu)
				       : -EOPNOTSUPP);
}

HELPER(map_delete_elem)
{
	struct map *map = ptr(r1);

	return result(map->ops->remove ? map->ops->remove(map, ptr(r2)) : -EOPNOTSUPP);
}

HELPER(map_push_elem)
{
	struct map *map = ptr(r1);

	return result(map->ops->push ? map->ops->push(map, ptr(r2), r3) : -EOPNOTSUPP);
}

HELPER(map_pop_elem)
{
	struct map *map = ptr(r1);

	return result(map->ops->pop ? map->ops->pop(map, ptr(r2)) : -EOPNOTSUPP);
}

HELPER(map_peek_elem)
{
	struct map *map = ptr(r1);

	return result(map->ops->peek ? map->ops->peek(map, ptr(r2)) : -EOPNOTSUPP);
}

HELPER(map_lookup_percpu_elem)
{
	struct map *map = ptr(r1);

	return (u32)r3 < map->spec.nr_cpus ? (u64)(uintptr_t)map->ops->lookup(map, ptr(r2), (u32)r3)
					   : 0;
}

struct visit {
	struct run *run;
	u64 callback, ctx;
};

static bool visit_elem(void *arg, struct map *map, const void *key, void *value)
{
	struct visit *visit = arg;
	struct run *run = visit->run;
	struct run_visit element = { .key = key, .up = run->visit };
	u64 stop;

	element.depth = element.up ? element.up->depth + 1 : 0;
	if (map->spec.type == BPF_MAP_TYPE_ARRAY || map->spec.type == BPF_MAP_TYPE_PERCPU_ARRAY) {
		u32 *kept = &run->array_keys[min(element.depth, RUN_FRAMES - 1u)];

		memcpy(kept, key, sizeof(*kept));
		element.key = kept;
	}
	run->visit = &element;
	stop = code_callback(run, visit->callback, (u64)(uintptr_t)map, (u64)(uintptr_t)element.key,
			     (u64)(uintptr_t)value, visit->ctx, 0);
	run->visit = element.up;
	return stop != 0;
}

/* callback(map, key, value, ctx): 0 goes on, 1 stops. Returns how many elements were seen. */
HELPER(for_each_map_elem)
{
	struct map *map = ptr(r1);
	struct visit visit = { .run = run, .callback = r2, .ctx = r3 };

	if (r4)
		return result(-EINVAL);
	return result(map->ops->for_each ? map->ops->for_each(map, run->cpu, visit_elem, &visit)
					 : -EOPNOTSUPP);
}
