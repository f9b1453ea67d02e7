// SPDX-License-Identifier: BSD-2-Clause
/*
 * Where pointers of a run point, against what was believed (vm/watch.h). A pointer is base + off + a variable part; of
 * the base it is known here, from outside of the verifier, where it may be: at the value of an element of the map, at
 * the key that a callback was shown, at the packet, at a record, at an argument of a global function.
 */
#include "vm/watch.h"

#ifdef SKEP_ORACLE

#include <sys/mman.h>
#include <unistd.h>

#include "def/ctx_layout.h"
#include "map/map.h"
#include "map/space.h"
#include "verify/belief.h"
#include "verify/verify.h"

/* Of a pointer only the 64-bit description of its variable part is kept. */
bool watch_offset(const struct reg_state *b, u64 v)
{
	return !((v ^ b->var_off.value) & ~b->var_off.mask) && v >= b->umin && v <= b->umax &&
	       (s64)v >= b->smin && (s64)v <= b->smax;
}

/* at: the pointer, counted from where element 0 has its value, in a block of len bytes. */
static bool in_block(const struct map *map, const struct reg_state *b, s64 at, u64 len)
{
	const struct map_shape *shape = &map->shape;
	s64 stride = shape->stride, last = (s64)(len / shape->stride) - 1;
	s64 from = at - b->smax, to = at - b->smin;

	if (map->spec.type == BPF_MAP_TYPE_ARRAY || map->spec.type == BPF_MAP_TYPE_PERCPU_ARRAY)
		last = (s64)map->spec.max_entries - 1;
	from = from <= 0 ? 0 : (from + stride - 1) / stride;
	for (s64 e = from; e <= last && e * stride <= to; e++)
		if (watch_offset(b, (u64)(at - e * stride)))
			return true;
	return false;
}

/* At the value of some element. */
static bool in_element(const struct map *map, const struct reg_state *b, u64 v)
{
	const struct map_shape *shape = &map->shape;
	s64 at = (s64)(v - (u64)(s64)b->off - (u64)map->values) - shape->value_off;
	u64 block = shape->block ? shape->block : map->values_len;

	if (!map->values || !shape->stride || (u64)b->smax - (u64)b->smin > 64ull * shape->stride)
		return true;
	for (u64 start = 0; start + block <= map->values_len; start += block)
		if (in_block(map, b, at - (s64)start, block))
			return true;
	return false;
}

static bool alike(const struct map *map, const struct verify_map *believed)
{
	return map->spec.type == believed->type && map->spec.key_size == believed->key_size &&
	       map->spec.value_size == believed->value_size;
}

bool watch_value(const struct run *run, const struct reg_state *b, u64 v)
{
	const struct map *map = (const struct map *)b->map->addr;
	u64 at = v - (u64)(s64)b->off;

	if (!map) { /* one that is in the template's place */
		map = space_owner(run->space, at - (u64)b->smin);
		map = map ? map : space_owner(run->space, at);
		if (!map)
			return true; /* taken away meanwhile, and there until this run ends */
		if (!alike(map, b->map))
			return false;
	}
	return in_element(map, b, v);
}

bool watch_key(const struct run *run, const struct reg_state *b, u64 v, bool timer)
{
	for (const struct run_visit *visit = run->visit; visit; visit = visit->up)
		if (watch_offset(b, v - (u64)(s64)b->off - (u64)visit->key))
			return true;
	for (u32 i = 0; i < RUN_FRAMES; i++) /* kept from a callback that has ended */
		if (watch_offset(b, v - (u64)(s64)b->off - (u64)&run->array_keys[i]))
			return true;
	if (b->map->type == BPF_MAP_TYPE_ARRAY || b->map->type == BPF_MAP_TYPE_PERCPU_ARRAY)
		return timer;
	return true; /* in an element */
}

/* Whether there is memory at all: another state's map may be this one's number. */
static bool mapped(u64 addr)
{
	unsigned char resident;
	u64 page = (u64)sysconf(_SC_PAGESIZE);

	return !mincore((void *)(addr & ~(page - 1)), page, &resident);
}

bool watch_map(const struct reg_state *b, u64 v)
{
	if (b->map->addr)
		return v == b->map->addr;
	return !(v % 8) && mapped(v) && mapped(v + sizeof(struct map) - 1) &&
	       alike((const struct map *)v, b->map);
}

bool watch_packet(const struct run *run, const struct reg_state *b, u64 v, bool meta)
{
	const struct packet *p = run->packet;
	u64 start = v - (u64)(s64)b->off, end;

	if (!p)
		return true;
	end = (u64)(meta ? p->data : p->data_end);
	return watch_offset(b, start - (u64)(meta ? p->data_meta : p->data)) &&
	       (b->range <= 0 || start + (u64)b->range <= end);
}

bool watch_record(const struct run *run, const struct reg_state *b, u64 v)
{
	for (u32 i = 0; i < run->nr_records; i++)
		if (run->records[i].len >= b->mem_size &&
		    watch_offset(b, v - (u64)(s64)b->off - (u64)run->records[i].sample))
			return true;
	return !b->ref_obj_id;
}

static bool within(u64 addr, u64 len, const void *start, const void *end)
{
	return addr >= (u64)start && addr <= (u64)end && len <= (u64)end - addr;
}

/* All of it is memory that this program may touch. */
static bool reachable(const struct run *run, u64 addr, u64 len)
{
	const struct packet *p = run->packet;

	if (within(addr, len, run->stack_low, run->stack_top) ||
	    (p && within(addr, len, p->data_meta, p->data_end)) ||
	    space_reach(run->space, addr, len) == len)
		return true;
	for (u32 i = 0; i < run->nr_records; i++)
		if (within(addr, len, run->records[i].sample,
			   (u8 *)run->records[i].sample + run->records[i].len))
			return true;
	for (const struct run_visit *visit = run->visit; visit; visit = visit->up)
		if (addr == (u64)visit->key)
			return true;
	return false;
}

bool watch_argument(const struct run *run, const struct reg_state *b, u64 v, const u64 args[5])
{
	for (u32 i = 0; i < 5; i++)
		if (watch_offset(b, v - (u64)(s64)b->off - args[i]) &&
		    reachable(run, args[i], b->mem_size))
			return true;
	return false;
}

#endif
