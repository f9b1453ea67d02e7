/* SPDX-License-Identifier: BSD-2-Clause */
/* The tnum operators that need a loop. */
#include "verify/tnum.h"

/*
 * Long multiplication: a's known one adds b << i, a's unknown bit adds either that or nothing, which
 * is the union of the sum with and without it.
 */
struct tnum tnum_mul(struct tnum a, struct tnum b)
{
	struct tnum sum = TNUM(0, 0);

	while (a.value || a.mask) {
		if (a.value & 1)
			sum = tnum_add(sum, b);
		else if (a.mask & 1)
			sum = tnum_union(sum, tnum_add(sum, b));
		a = tnum_rshift(a, 1);
		b = tnum_lshift(b, 1);
	}
	return sum;
}

/*
 * The result agrees with z above some bit i, has 1 where z has 0 there, and is least below. The lower
 * i, the lesser the result; known bits that differ from z's forbid every i below the highest of them.
 */
bool tnum_above(struct tnum t, u64 z, u64 *next)
{
	u64 differ = (z ^ t.value) & ~t.mask, raise = t.mask & ~z, bit, below;

	if (differ) {
		bit = 1ull << (63 - __builtin_clzll(differ));
		if (t.value & bit)
			raise = bit;
		else
			raise &= ~(bit | (bit - 1));
	}
	if (!raise)
		return false;
	bit = raise & -raise;
	below = bit | (bit - 1);
	*next = (z & ~below) | bit | (t.value & (bit - 1));
	return true;
}

struct tnum tnum_bswap(struct tnum a, u32 bits)
{
	switch (bits) {
	case 16: return TNUM(__builtin_bswap16((u16)a.value), __builtin_bswap16((u16)a.mask));
	case 32: return TNUM(__builtin_bswap32((u32)a.value), __builtin_bswap32((u32)a.mask));
	default: return TNUM(__builtin_bswap64(a.value), __builtin_bswap64(a.mask));
	}
}
