/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moving values in and out of maps while programs may be using them. Words of eight bytes are never
 * torn, a value as a whole may be, as in Linux; the fields that belong to the system (bpf_spin_lock,
 * bpf_timer) are neither read nor written, and read as zero. Stored values are 8-byte aligned and
 * padded to a multiple of 8.
 */
#ifndef MAP_VALUE_H
#define MAP_VALUE_H

#include <string.h>
#include "map/map.h"
#include "util/lock.h"

enum { SPIN_LOCK_SIZE = 4, TIMER_SIZE = 16 };

static inline void words_in(void *stored, const void *from, u32 len)
{
	u64 word = 0;
	u32 at = 0;

	for (; at + 8 <= len; at += 8) {
		memcpy(&word, (const u8 *)from + at, 8);
		__atomic_store_n((u64 *)((u8 *)stored + at), word, __ATOMIC_RELAXED);
	}
	if (at < len) {
		word = 0;
		memcpy(&word, (const u8 *)from + at, len - at);
		__atomic_store_n((u64 *)((u8 *)stored + at), word, __ATOMIC_RELAXED);
	}
}

static inline void words_out(void *to, const void *stored, u32 len)
{
	u64 word;
	u32 at = 0;

	for (; at + 8 <= len; at += 8) {
		word = __atomic_load_n((const u64 *)((const u8 *)stored + at), __ATOMIC_RELAXED);
		memcpy((u8 *)to + at, &word, 8);
	}
	if (at < len) {
		word = __atomic_load_n((const u64 *)((const u8 *)stored + at), __ATOMIC_RELAXED);
		memcpy((u8 *)to + at, &word, len - at);
	}
}

/* Values with system fields (value.c). locked: under the value's bpf_spin_lock. */
void value_in_special(const struct map_spec *spec, void *stored, const void *from, bool locked);
void value_out_special(const struct map_spec *spec, void *to, const void *stored, bool locked);

static inline bool value_is_special(const struct map_spec *spec)
{
	return spec->spin_lock_off >= 0 || spec->timer_off >= 0;
}

/* The whole value, value_size bytes. flags: BPF_F_LOCK counts. */
static inline void value_in(const struct map_spec *spec, void *stored, const void *from, u64 flags)
{
	if (unlikely(value_is_special(spec)))
		value_in_special(spec, stored, from, flags & BPF_F_LOCK);
	else
		words_in(stored, from, spec->value_size);
}

static inline void value_out(const struct map_spec *spec, void *to, const void *stored, u64 flags)
{
	if (unlikely(value_is_special(spec)))
		value_out_special(spec, to, stored, flags & BPF_F_LOCK);
	else
		words_out(to, stored, spec->value_size);
}

#endif
