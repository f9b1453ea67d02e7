/* SPDX-License-Identifier: BSD-2-Clause */
/* Values that hold a bpf_spin_lock or a bpf_timer: everything around those fields is copied, byte-exact. */
#include "map/value.h"

struct field {
	u32 start, end;
};

/* The system's fields in order of offset; returns how many. */
static u32 fields_of(const struct map_spec *spec, struct field fields[2])
{
	u32 count = 0;

	if (spec->spin_lock_off >= 0)
		fields[count++] = (struct field){ (u32)spec->spin_lock_off,
						  (u32)spec->spin_lock_off + SPIN_LOCK_SIZE };
	if (spec->timer_off >= 0)
		fields[count++] =
			(struct field){ (u32)spec->timer_off, (u32)spec->timer_off + TIMER_SIZE };
	if (count == 2 && fields[0].start > fields[1].start) {
		struct field first = fields[1];

		fields[1] = fields[0];
		fields[0] = first;
	}
	return count;
}

/* Bytes one by one where a word would touch a neighbouring field; both sides share the alignment. */
static void move(u8 *to, const u8 *from, u32 start, u32 end)
{
	for (u32 at = start; at < end; at++)
		__atomic_store_n(to + at, __atomic_load_n(from + at, __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
}

static void move_around(const struct map_spec *spec, u8 *to, const u8 *from, bool zero)
{
	struct field fields[2];
	u32 count = fields_of(spec, fields), at = 0;

	for (u32 i = 0; i < count; i++) {
		move(to, from, at, fields[i].start);
		if (zero)
			memset(to + fields[i].start, 0, fields[i].end - fields[i].start);
		at = fields[i].end;
	}
	move(to, from, at, spec->value_size);
}

static u32 *lock_of(const struct map_spec *spec, const void *stored)
{
	return spec->spin_lock_off < 0 ? NULL : (u32 *)((u8 *)stored + spec->spin_lock_off);
}

void value_in_special(const struct map_spec *spec, void *stored, const void *from, bool locked)
{
	u32 *lock = locked ? lock_of(spec, stored) : NULL;

	if (lock)
		lock_take(lock);
	move_around(spec, stored, from, false);
	if (lock)
		lock_drop(lock);
}

void value_out_special(const struct map_spec *spec, void *to, const void *stored, bool locked)
{
	u32 *lock = locked ? lock_of(spec, stored) : NULL;

	if (lock)
		lock_take(lock);
	move_around(spec, to, stored, true);
	if (lock)
		lock_drop(lock);
}
