/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unsigned division by a constant as a multiplication (Granlund and Montgomery, "Division by
 * invariant integers using multiplication", 1994, section 4 and figure 6.2).
 *
 *   n >>= pre; h = high64(n * multiplier);
 *   add ? (((n - h) >> 1) + h) >> (shift - 1) : h >> shift
 */
#ifndef JIT_DIVIDE_H
#define JIT_DIVIDE_H

#include "util/types.h"

struct divider {
	u64 multiplier;
	u8 pre, shift;
	bool add;
};

/* The smallest multiplier for numerators of so many bits; true if it needs no 65th bit. */
static inline bool divide_choose(u64 d, u32 bits, struct divider *out)
{
	u32 shift = 64 - (u32)__builtin_clzll(d - 1); /* 2^(shift-1) < d <= 2^shift */
	unsigned __int128 rest = ((unsigned __int128)1 << shift) - d,
			  one = (unsigned __int128)1 << 64;
	unsigned __int128 low = one + (rest << 64) / d;
	unsigned __int128 high =
		one + ((rest << 64) + ((unsigned __int128)1 << (64 + shift - bits))) / d;

	while (shift && low >> 1 < high >> 1) {
		low >>= 1;
		high >>= 1;
		shift--;
	}
	out->multiplier = (u64)high;
	out->shift = (u8)shift;
	out->add = high >> 64 != 0;
	return !out->add;
}

/* For 64-bit numerators; d > 2 and no power of two. */
static inline struct divider divide_by(u64 d)
{
	struct divider out = { 0 };

	if (!divide_choose(d, 64, &out) && !(d & 1)) {
		out.pre = (u8)__builtin_ctzll(d);
		divide_choose(d >> out.pre, 64 - out.pre, &out);
	}
	return out;
}

/* For zero-extended 32-bit numerators n / d = high64(n * divide_by32(d)); d > 1. */
static inline u64 divide_by32(u32 d)
{
	return UINT64_MAX / d + 1;
}

#endif
