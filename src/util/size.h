/* SPDX-License-Identifier: BSD-2-Clause */
/* Sizes from outside: sums and products that say so when they do not fit 64 bits. */
#ifndef UTIL_SIZE_H
#define UTIL_SIZE_H

#include "util/types.h"

/* Each returns false and leaves *out unspecified where the result does not fit. */
static inline bool size_add(u64 a, u64 b, u64 *out)
{
	return !__builtin_add_overflow(a, b, out);
}
static inline bool size_mul(u64 a, u64 b, u64 *out)
{
	return !__builtin_mul_overflow(a, b, out);
}

/* Requires x <= 1 << 63. */
static inline u64 size_pow2(u64 x)
{
	return x <= 1 ? 1 : 1ull << (64 - __builtin_clzll(x - 1));
}

#endif
