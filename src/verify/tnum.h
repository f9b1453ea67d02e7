/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tnum: a number of which each bit is known to be 0, known to be 1 or unknown. A bit set in mask is
 * unknown, and clear in value then. Every operator's result contains the result of the operation on
 * every pair of numbers that the operands contain.
 */
#ifndef VERIFY_TNUM_H
#define VERIFY_TNUM_H

#include "util/types.h"

struct tnum {
	u64 value, mask;
};

#define TNUM(v, m)   ((struct tnum){ (v), (m) })
#define TNUM_UNKNOWN TNUM(0, ~0ull)

static inline struct tnum tnum_const(u64 v)
{
	return TNUM(v, 0);
}
static inline bool tnum_is_const(struct tnum a)
{
	return !a.mask;
}
static inline bool tnum_is_unknown(struct tnum a)
{
	return a.mask == ~0ull;
}
static inline bool tnum_subreg_is_const(struct tnum a)
{
	return !(u32)a.mask;
}
static inline struct tnum tnum_subreg(struct tnum a)
{
	return TNUM((u32)a.value, (u32)a.mask);
}
static inline struct tnum tnum_lshift(struct tnum a, u32 n)
{
	return TNUM(a.value << n, a.mask << n);
}
static inline struct tnum tnum_rshift(struct tnum a, u32 n)
{
	return TNUM(a.value >> n, a.mask >> n);
}

/* The smallest tnum with every number of [lo, hi], lo <= hi. */
static inline struct tnum tnum_range(u64 lo, u64 hi)
{
	u64 differ = lo ^ hi, low;

	if (differ >> 63)
		return TNUM_UNKNOWN;
	low = differ ? ~0ull >> __builtin_clzll(differ) : 0;
	return TNUM(lo & ~low, low);
}

/* Arithmetic shift of the low bits (64 or 32); the 32-bit result has a zero upper half. */
static inline struct tnum tnum_arshift(struct tnum a, u32 n, u32 bits)
{
	if (bits == 32)
		return TNUM((u32)((s32)a.value >> n), (u32)((s32)a.mask >> n));
	return TNUM((u64)((s64)a.value >> n), (u64)((s64)a.mask >> n));
}

/* A carry can differ only between the sums with all unknown bits 0 and all 1. */
static inline struct tnum tnum_add(struct tnum a, struct tnum b)
{
	u64 low = a.value + b.value, high = low + a.mask + b.mask;
	u64 unknown = (low ^ high) | a.mask | b.mask;

	return TNUM(low & ~unknown, unknown);
}

static inline struct tnum tnum_sub(struct tnum a, struct tnum b)
{
	u64 diff = a.value - b.value;
	u64 unknown = ((diff + a.mask) ^ (diff - b.mask)) | a.mask | b.mask;

	return TNUM(diff & ~unknown, unknown);
}

static inline struct tnum tnum_neg(struct tnum a)
{
	return tnum_sub(TNUM(0, 0), a);
}

static inline struct tnum tnum_and(struct tnum a, struct tnum b)
{
	u64 ones = a.value & b.value;

	return TNUM(ones, (a.value | a.mask) & (b.value | b.mask) & ~ones);
}

static inline struct tnum tnum_or(struct tnum a, struct tnum b)
{
	u64 ones = a.value | b.value;

	return TNUM(ones, (a.mask | b.mask) & ~ones);
}

static inline struct tnum tnum_xor(struct tnum a, struct tnum b)
{
	u64 unknown = a.mask | b.mask;

	return TNUM((a.value ^ b.value) & ~unknown, unknown);
}

/* Some number is in both. */
static inline bool tnum_overlap(struct tnum a, struct tnum b)
{
	return !((a.value ^ b.value) & ~a.mask & ~b.mask);
}

/* What is in both; requires that they overlap (else a number that is in neither sense wrong: both bits 1). */
static inline struct tnum tnum_intersect(struct tnum a, struct tnum b)
{
	u64 unknown = a.mask & b.mask;

	return TNUM((a.value | b.value) & ~unknown, unknown);
}

/* What is in either, widened to a tnum. */
static inline struct tnum tnum_union(struct tnum a, struct tnum b)
{
	u64 unknown = a.mask | b.mask | (a.value ^ b.value);

	return TNUM(a.value & ~unknown, unknown);
}

/* Every number of b is in a. */
static inline bool tnum_in(struct tnum a, struct tnum b)
{
	return !(b.mask & ~a.mask) && a.value == (b.value & ~a.mask);
}

static inline bool tnum_is_aligned(struct tnum a, u64 size)
{
	return !size || !((a.value | a.mask) & (size - 1));
}

/* The low size bytes, zero-extended. */
static inline struct tnum tnum_cast(struct tnum a, u32 size)
{
	u64 keep = size >= 8 ? ~0ull : (1ull << size * 8) - 1;

	return TNUM(a.value & keep, a.mask & keep);
}

/* reg with its lower half replaced by sub's. */
static inline struct tnum tnum_with_subreg(struct tnum reg, struct tnum sub)
{
	return TNUM((reg.value & ~0xffffffffull) | (u32)sub.value,
		    (reg.mask & ~0xffffffffull) | (u32)sub.mask);
}

struct tnum tnum_mul(struct tnum a, struct tnum b);
/* The least number of t above z; false: there is none. */
bool tnum_above(struct tnum t, u64 z, u64 *next);
struct tnum tnum_bswap(struct tnum a, u32 bits); /* the low bits, swapped and zero-extended */

#endif
