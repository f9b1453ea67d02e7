/* SPDX-License-Identifier: BSD-2-Clause */
/* Every tnum operator against brute force: all pairs of tnums of 4 bits, and random ones of 64. */
#include "verify/tnum.h"

#include "tap.h"

enum { BITS = 4, VALUES = 1 << BITS };

static u64 seed = 0x123456789abcdefull;

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static bool has(struct tnum t, u64 v)
{
	return !((v ^ t.value) & ~t.mask);
}

struct op {
	const char *name;
	struct tnum (*abstract)(struct tnum, struct tnum);
	u64 (*concrete)(u64, u64);
};

static u64 add(u64 a, u64 b)
{
	return a + b;
}
static u64 sub(u64 a, u64 b)
{
	return a - b;
}
static u64 mul(u64 a, u64 b)
{
	return a * b;
}
static u64 and (u64 a, u64 b)
{
	return a & b;
}
static u64 or (u64 a, u64 b)
{
	return a | b;
}
static u64 xor (u64 a, u64 b) { return a ^ b; }

	static struct tnum t_add(struct tnum a, struct tnum b)
{
	return tnum_add(a, b);
}
static struct tnum t_sub(struct tnum a, struct tnum b)
{
	return tnum_sub(a, b);
}
static struct tnum t_and(struct tnum a, struct tnum b)
{
	return tnum_and(a, b);
}
static struct tnum t_or(struct tnum a, struct tnum b)
{
	return tnum_or(a, b);
}
static struct tnum t_xor(struct tnum a, struct tnum b)
{
	return tnum_xor(a, b);
}

static const struct op ops[] = {
	{ "add", t_add, add }, { "sub", t_sub, sub }, { "mul", tnum_mul, mul },
	{ "and", t_and, and},  { "or", t_or, or },    { "xor", t_xor, xor},
};

static int exhaustive(const struct op *op)
{
	for (u64 am = 0; am < VALUES; am++)
		for (u64 av = 0; av < VALUES; av++) {
			if (av & am)
				continue;
			for (u64 bm = 0; bm < VALUES; bm++)
				for (u64 bv = 0; bv < VALUES; bv++) {
					struct tnum a = TNUM(av, am), b = TNUM(bv, bm), r;

					if (bv & bm)
						continue;
					r = op->abstract(a, b);
					if (r.value & r.mask)
						return 0;
					for (u64 x = 0; x < VALUES; x++)
						for (u64 y = 0; has(a, x) && y < VALUES; y++)
							if (has(b, y) &&
							    !has(r, op->concrete(x, y)))
								return 0;
				}
		}
	return 1;
}

static struct tnum any(void)
{
	u64 m = rnd() & rnd(), v = rnd();

	if (rnd() & 1)
		m &= rnd();
	return TNUM(v & ~m, m);
}

static u64 member(struct tnum t)
{
	return t.value | (rnd() & t.mask);
}

static int random_pairs(const struct op *op)
{
	for (int i = 0; i < 20000; i++) {
		struct tnum a = any(), b = any(), r = op->abstract(a, b);

		for (int k = 0; k < 8; k++)
			if (!has(r, op->concrete(member(a), member(b))))
				return 0;
	}
	return 1;
}

static int ranges(void)
{
	for (u64 lo = 0; lo < 64; lo++)
		for (u64 hi = lo; hi < 64; hi++)
			for (u64 v = lo; v <= hi; v++)
				if (!has(tnum_range(lo, hi), v))
					return 0;
	return has(tnum_range(0, ~0ull), ~0ull) && has(tnum_range(~0ull, ~0ull), ~0ull);
}

static int above(void)
{
	for (u64 m = 0; m < 64; m++)
		for (u64 v = 0; v < 64; v++)
			for (u64 z = 0; !(v & m) && z < 70; z++) {
				u64 want = z + 1, got = 0;

				while (want < 64 && !has(TNUM(v, m), want))
					want++;
				if (tnum_above(TNUM(v, m), z, &got) != (want < 64) ||
				    (want < 64 && got != want))
					return 0;
			}
	return 1;
}

static int sets(void)
{
	for (int i = 0; i < 100000; i++) {
		struct tnum a = any(), b = any();
		u64 x = member(a);

		if (!has(tnum_union(a, b), x) || (has(b, x) && !has(tnum_intersect(a, b), x)))
			return 0;
		if (has(b, x) && !tnum_overlap(a, b))
			return 0;
		if (tnum_in(a, b) && !has(a, member(b)))
			return 0;
		if (!has(tnum_arshift(a, 7, 64), (u64)((s64)x >> 7)) ||
		    !has(tnum_arshift(a, 7, 32), (u32)((s32)x >> 7)))
			return 0;
		if (!has(tnum_cast(a, 2), (u16)x) ||
		    !has(tnum_bswap(a, 64), __builtin_bswap64(x)) ||
		    !has(tnum_bswap(a, 32), __builtin_bswap32((u32)x)))
			return 0;
	}
	return 1;
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		ok(exhaustive(&ops[i]), "%s of all 4-bit tnums holds every result", ops[i].name);
		ok(random_pairs(&ops[i]), "%s of random tnums holds every result", ops[i].name);
	}
	ok(ranges(), "range holds every number between");
	ok(above(), "the next number above is the next");
	ok(sets(), "union, intersect, overlap, in, shifts, casts and swaps hold their numbers");
	return done();
}
