// SPDX-License-Identifier: BSD-2-Clause
/* Division by multiplication is division: every small divisor, divisors around powers of two, at the edges. */
#include "jit/divide.h"
#include "tap.h"

static u64 multiply_high(u64 a, u64 b)
{
	return (u64)((unsigned __int128)a * b >> 64);
}

static u64 divide(u64 n, const struct divider *by)
{
	u64 m = n >> by->pre, h = multiply_high(m, by->multiplier);

	return by->add ? (((m - h) >> 1) + h) >> (by->shift - 1) : h >> by->shift;
}

/* Numerators where a quotient changes, and the largest. */
static u64 bad_numerators(u64 d)
{
	struct divider by = divide_by(d);
	u64 top = UINT64_MAX / d * d, bad = 0;
	const u64 n[] = { 0,
			  1,
			  d - 1,
			  d,
			  d + 1,
			  2 * d - 1,
			  2 * d,
			  top - 1,
			  top,
			  top + 1,
			  UINT64_MAX,
			  UINT64_MAX - 1,
			  (u64)1 << 63,
			  ((u64)1 << 63) - 1,
			  UINT32_MAX,
			  (u64)UINT32_MAX + 1 };

	for (u32 i = 0; i < ARRAY_SIZE(n); i++)
		bad += divide(n[i], &by) != n[i] / d;
	return bad;
}

static u64 bad_narrow(u32 d)
{
	u64 bad = 0;
	const u32 top = UINT32_MAX / d * d, n[] = {
		0, 1, d - 1, d, d + 1, top - 1, top, UINT32_MAX, UINT32_MAX - 1, 1u << 31
	};

	for (u32 i = 0; i < ARRAY_SIZE(n); i++)
		bad += multiply_high(n[i], divide_by32(d)) != n[i] / d;
	return bad;
}

int main(void)
{
	u64 bad = 0, narrow = 0, random = 88172645463325252ull;

	for (u64 d = 3; d < 70000; d++) {
		bad += d & (d - 1) ? bad_numerators(d) : 0;
		narrow += bad_narrow((u32)d);
	}
	is(bad, 0, "64 bits, divisors below 70000");
	is(narrow, 0, "32 bits, divisors below 70000");
	bad = narrow = 0;
	for (u32 bit = 4; bit < 64; bit++)
		for (s64 off = -3; off <= 3; off++) {
			u64 d = ((u64)1 << bit) + (u64)off;

			bad += d & (d - 1) ? bad_numerators(d) : 0;
			narrow += (u32)d > 1 ? bad_narrow((u32)d) : 0;
		}
	is(bad + narrow, 0, "divisors around powers of two");
	for (u32 i = bad = narrow = 0; i < 200000; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		u64 d = random >> i % 61;

		bad += d > 2 && d & (d - 1) ? bad_numerators(d) : 0;
		narrow += (u32)d > 1 ? bad_narrow((u32)d) : 0;
	}
	is(bad + narrow, 0, "random divisors");
	return done();
}
