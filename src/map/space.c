/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sorted table of ranges under a sequence counter: a reader that saw the counter move searches
 * again. Tables that were outgrown stay until the space is freed, so a late reader never faults;
 * sizes double, so all of them together are less than the newest twice.
 */
#include "map/space.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/lock.h"

struct range {
	u64 start, len;
	void *owner;
};

struct table {
	struct table *older;
	u32 size;
	struct range ranges[];
};

struct map_space {
	u32 lock, seq;
	u32 count;
	struct table *table;
};

int space_new(struct map_space **out)
{
	struct map_space *space = calloc(1, sizeof(*space));

	*out = space;
	return space ? 0 : -ENOMEM;
}

void space_free(struct map_space *space)
{
	struct table *table, *older;

	for (table = space ? space->table : NULL; table; table = older) {
		older = table->older;
		free(table);
	}
	free(space);
}

static void put(struct range *at, struct range range)
{
	__atomic_store_n(&at->start, range.start, __ATOMIC_RELEASE);
	__atomic_store_n(&at->len, range.len, __ATOMIC_RELEASE);
	__atomic_store_n(&at->owner, range.owner, __ATOMIC_RELEASE);
}

static int grow(struct map_space *space)
{
	u32 size = space->table ? space->table->size * 2 : 16;
	struct table *table = malloc(sizeof(*table) + size * sizeof(table->ranges[0]));

	if (!table)
		return -ENOMEM;
	table->older = space->table;
	table->size = size;
	memset(table->ranges, 0, size * sizeof(table->ranges[0]));
	if (space->count)
		memcpy(table->ranges, space->table->ranges,
		       space->count * sizeof(table->ranges[0]));
	__atomic_store_n(&space->table, table, __ATOMIC_RELEASE);
	return 0;
}

/* Stores between begin() and end() are releases, loads of readers acquires: that orders them with seq. */
static void begin(struct map_space *space)
{
	__atomic_store_n(&space->seq, space->seq + 1, __ATOMIC_RELAXED);
}

static void end(struct map_space *space)
{
	__atomic_store_n(&space->seq, space->seq + 1, __ATOMIC_RELEASE);
}

/* The number of ranges that start at or before addr. */
static u32 rank_of(const struct table *table, u32 count, u64 addr)
{
	u32 low = 0, high = min(count, table->size);

	while (low < high) {
		u32 mid = low + (high - low) / 2;

		if (__atomic_load_n(&table->ranges[mid].start, __ATOMIC_ACQUIRE) <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int space_add(struct map_space *space, const void *start, u64 len, void *owner)
{
	u64 addr = (u64)(uintptr_t)start;
	int err = 0;

	if (!space || !len)
		return 0;
	lock_take(&space->lock);
	if (!space->table || space->count == space->table->size)
		err = grow(space);
	if (!err) {
		struct range *ranges = space->table->ranges;
		u32 at = rank_of(space->table, space->count, addr);

		begin(space);
		for (u32 i = space->count; i > at; i--)
			put(&ranges[i], ranges[i - 1]);
		put(&ranges[at], (struct range){ addr, len, owner });
		__atomic_store_n(&space->count, space->count + 1, __ATOMIC_RELEASE);
		end(space);
	}
	lock_drop(&space->lock);
	return err;
}

void space_remove(struct map_space *space, const void *start)
{
	u64 addr = (u64)(uintptr_t)start;
	struct range *ranges;
	u32 at;

	if (!space)
		return;
	lock_take(&space->lock);
	at = space->table ? rank_of(space->table, space->count, addr) : 0;
	if (at && space->table->ranges[at - 1].start == addr) {
		ranges = space->table->ranges;
		begin(space);
		for (u32 i = at; i < space->count; i++)
			put(&ranges[i - 1], ranges[i]);
		__atomic_store_n(&space->count, space->count - 1, __ATOMIC_RELEASE);
		end(space);
	}
	lock_drop(&space->lock);
}

/* The range that addr is in; len 0: none. */
static struct range find(struct map_space *space, u64 addr)
{
	u32 count = __atomic_load_n(&space->count, __ATOMIC_ACQUIRE), at;
	struct table *table = __atomic_load_n(&space->table, __ATOMIC_ACQUIRE);
	struct range found = { 0 };

	at = table ? rank_of(table, count, addr) : 0;
	if (!at)
		return found;
	found.start = __atomic_load_n(&table->ranges[at - 1].start, __ATOMIC_ACQUIRE);
	found.len = __atomic_load_n(&table->ranges[at - 1].len, __ATOMIC_ACQUIRE);
	found.owner = __atomic_load_n(&table->ranges[at - 1].owner, __ATOMIC_ACQUIRE);
	if (addr - found.start >= found.len)
		found.len = 0;
	return found;
}

static struct range find_whole(struct map_space *space, u64 addr)
{
	struct range found;
	u32 seq, tries = 0;

	for (;;) {
		seq = __atomic_load_n(&space->seq, __ATOMIC_ACQUIRE);
		found = find(space, addr);
		if (!(seq & 1) && __atomic_load_n(&space->seq, __ATOMIC_RELAXED) == seq)
			return found;
		lock_pause(tries++);
	}
}

u64 space_reach(struct map_space *space, u64 addr, u64 len)
{
	struct range in = space ? find_whole(space, addr) : (struct range){ 0 };

	return in.len ? min(in.len - (addr - in.start), len) : 0;
}

void *space_owner(struct map_space *space, u64 addr)
{
	struct range in = space ? find_whole(space, addr) : (struct range){ 0 };

	return in.len ? in.owner : NULL;
}
