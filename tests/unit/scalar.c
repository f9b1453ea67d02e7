/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every range operator of scalars against concrete values: small ranges exhaustively around 0 and the
 * seams of 32 and 64 bits, random ranges at full width; comparisons decided and refined likewise.
 */
#include "verify/reg.h"

#include "def/uapi.h"
#include "tap.h"

static u64 seed = 0x9e3779b97f4a7c15ull;

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static bool fits(const struct reg_state *r, u64 v)
{
	return !((v ^ r->var_off.value) & ~r->var_off.mask) && v >= r->umin && v <= r->umax &&
	       (s64)v >= r->smin && (s64)v <= r->smax && (u32)v >= r->u32_min &&
	       (u32)v <= r->u32_max && (s32)v >= r->s32_min && (s32)v <= r->s32_max;
}

/* Everything from lo on, count numbers, wrapping: the tightest state that syncing finds. */
static struct reg_state span(u64 lo, u64 count)
{
	struct reg_state r = { .type = SCALAR_VALUE };
	u64 hi = lo + count - 1;

	reg_set_unbounded(&r);
	if (lo <= hi)
		r.umin = lo, r.umax = hi;
	if ((s64)lo <= (s64)hi)
		r.smin = (s64)lo, r.smax = (s64)hi;
	reg_sync(&r);
	return r;
}

static u64 concrete(u8 op, bool is32, u64 a, u64 b)
{
	u32 x = (u32)a, y = (u32)b;

	switch (op) {
	case BPF_ADD: return is32 ? x + y : a + b;
	case BPF_SUB: return is32 ? x - y : a - b;
	case BPF_MUL: return is32 ? x * y : a * b;
	case BPF_AND: return is32 ? x & y : a & b;
	case BPF_OR: return is32 ? x | y : a | b;
	case BPF_XOR: return is32 ? x ^ y : a ^ b;
	case BPF_LSH: return is32 ? x << (y & 31) : a << (b & 63);
	case BPF_RSH: return is32 ? x >> (y & 31) : a >> (b & 63);
	default: return is32 ? (u32)((s32)x >> (y & 31)) : (u64)((s64)a >> (b & 63));
	}
}

static const struct {
	u8 op;
	const char *name;
} ops[] = {
	{ BPF_ADD, "add" }, { BPF_SUB, "sub" }, { BPF_MUL, "mul" },
	{ BPF_AND, "and" }, { BPF_OR, "or" },	{ BPF_XOR, "xor" },
	{ BPF_LSH, "lsh" }, { BPF_RSH, "rsh" }, { BPF_ARSH, "arsh" },
};

/* Where ranges begin: around 0 and each seam. */
static const u64 bases[] = {
	0, -3ull, 0x7ffffffdull, 0xfffffffdull, 0xffffffff7ffffffdull, 0x7ffffffffffffffdull, 5
};

static int alu_small(u8 op, bool is32)
{
	for (u32 i = 0; i < ARRAY_SIZE(bases); i++)
		for (u32 j = 0; j < ARRAY_SIZE(bases); j++)
			for (u64 n = 1; n <= 6; n++)
				for (u64 m = 1; m <= 6; m++) {
					struct reg_state a = span(bases[i], n),
							 b = span(bases[j], m), r = a;

					scalar_alu(op, is32, &r, &b);
					if (reg_contradicts(&r))
						return 0;
					for (u64 x = 0; x < n; x++)
						for (u64 y = 0; y < m; y++)
							if (!fits(&r,
								  concrete(op, is32, bases[i] + x,
									   bases[j] + y)))
								return 0;
				}
	return 1;
}

/* A random state with a member, built like a program does: from knowledge gathered piece by piece. */
static struct reg_state any(u64 *member)
{
	struct reg_state r = { .type = SCALAR_VALUE };
	u64 v = rnd() >> (rnd() % 64);

	if (rnd() & 1)
		v = -v;
	reg_set_unbounded(&r);
	if (rnd() & 1) {
		u64 mask = rnd() & rnd();

		r.var_off = TNUM(v & ~mask, mask);
	}
	if (rnd() & 1)
		r.umin = v - min(v, rnd() >> (rnd() % 64)),
		r.umax = v + min(~v, rnd() >> (rnd() % 64));
	if (rnd() & 1) {
		u64 d = rnd() >> (1 + rnd() % 63);

		r.smin = __builtin_sub_overflow((s64)v, (s64)d, &r.smin) ? INT64_MIN : r.smin;
		r.smax = __builtin_add_overflow((s64)v, (s64)d, &r.smax) ? INT64_MAX : r.smax;
	}
	if (rnd() & 1)
		r.u32_min = (u32)v - (u32)min((u64)(u32)v, rnd() >> (32 + rnd() % 32)),
		r.u32_max = (u32)v;
	if (rnd() & 1)
		r.s32_min = (s32)v;
	reg_sync(&r);
	*member = v;
	return r;
}

static int alu_random(u8 op, bool is32)
{
	for (int i = 0; i < 100000; i++) {
		u64 x, y;
		struct reg_state a = any(&x), b = any(&y), r;

		if (op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH) {
			y = rnd() % (is32 ? 32 : 64);
			reg_set_const(&b, y);
		}
		if (!fits(&a, x) || !fits(&b, y))
			return 0;
		r = a;
		scalar_alu(op, is32, &r, &b);
		if (!fits(&r, concrete(op, is32, x, y)) || reg_contradicts(&r))
			return 0;
	}
	return 1;
}

static bool holds(u8 op, bool is32, u64 a, u64 b)
{
	s64 x = is32 ? (s32)a : (s64)a, y = is32 ? (s32)b : (s64)b;

	if (is32)
		a = (u32)a, b = (u32)b;
	switch (op) {
	case BPF_JEQ: return a == b;
	case BPF_JNE: return a != b;
	case BPF_JSET: return a & b;
	case BPF_JGT: return a > b;
	case BPF_JGE: return a >= b;
	case BPF_JLT: return a < b;
	case BPF_JLE: return a <= b;
	case BPF_JSGT: return x > y;
	case BPF_JSGE: return x >= y;
	case BPF_JSLT: return x < y;
	default: return x <= y;
	}
}

static const u8 jumps[] = { BPF_JEQ, BPF_JNE,  BPF_JSET, BPF_JGT,  BPF_JGE, BPF_JLT,
			    BPF_JLE, BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE };

/* A register compared with itself. */
static bool itself(u8 op, bool is32, struct reg_state a, u64 x)
{
	bool h = holds(op, is32, x, x);
	int way = scalar_branch(&a, &a, op, is32);

	if (way >= 0)
		return way == h;
	scalar_refine(&a, &a, h ? op : jump_opposite(op), is32);
	return fits(&a, x);
}

static int compare(u8 op, bool is32)
{
	for (int i = 0; i < 100000; i++) {
		u64 x, y;
		struct reg_state a = any(&x), b = any(&y);
		bool h;
		int way;

		if (!(rnd() & 3))
			y = x, b = a;
		else if (!(rnd() & 3))
			reg_set_const(&b, y);
		if (!itself(op, is32, a, x))
			return 0;
		h = holds(op, is32, x, y);
		way = scalar_branch(&a, &b, op, is32);
		if (way >= 0 && way != h)
			return 0;
		if (way >= 0)
			continue;
		scalar_refine(&a, &b, h ? op : jump_opposite(op), is32);
		if (!fits(&a, x) || !fits(&b, y))
			return 0;
	}
	return 1;
}

static int casts(void)
{
	for (int i = 0; i < 200000; i++) {
		u64 x;
		struct reg_state a = any(&x), r;

		for (u32 size = 1; size <= 4; size *= 2) {
			u32 shift = 64 - size * 8;
			u64 sext = (u64)((s64)(x << shift) >> shift);

			r = a;
			reg_truncate(&r, size);
			if (!fits(&r, x << shift >> shift))
				return 0;
			r = a;
			reg_sext(&r, size, false);
			if (!fits(&r, sext))
				return 0;
			r = a;
			reg_sext(&r, size, true);
			if (size < 4 && !fits(&r, (u32)sext))
				return 0;
		}
		r = a;
		scalar_neg(&r, false);
		if (!fits(&r, -x))
			return 0;
		r = a;
		scalar_neg(&r, true);
		if (!fits(&r, (u32)-x))
			return 0;
	}
	return 1;
}

int main(void)
{
	for (int is32 = 0; is32 < 2; is32++) {
		for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
			ok(alu_small(ops[i].op, is32), "%s%d of small ranges at every seam",
			   ops[i].name, is32 ? 32 : 64);
			ok(alu_random(ops[i].op, is32), "%s%d of random ranges", ops[i].name,
			   is32 ? 32 : 64);
		}
		for (size_t i = 0; i < ARRAY_SIZE(jumps); i++)
			ok(compare(jumps[i], is32), "jump %02x, %d bits: decided and refined right",
			   jumps[i], is32 ? 32 : 64);
	}
	ok(casts(), "truncation, sign extension and negation");
	return done();
}
