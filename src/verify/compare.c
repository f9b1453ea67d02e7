/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Comparisons of scalars: whether one is decided already, and what both sides learn when it holds.
 * Invariant: a decision is right for every pair of values the operands contain, and refining loses
 * no pair for which the comparison holds.
 */
#include "verify/reg.h"

#include "def/uapi.h"

u8 jump_opposite(u8 op)
{
	switch (op) {
	case BPF_JEQ: return BPF_JNE;
	case BPF_JNE: return BPF_JEQ;
	case BPF_JSET: return JSET_NOT;
	case JSET_NOT: return BPF_JSET;
	case BPF_JGT: return BPF_JLE;
	case BPF_JLE: return BPF_JGT;
	case BPF_JGE: return BPF_JLT;
	case BPF_JLT: return BPF_JGE;
	case BPF_JSGT: return BPF_JSLE;
	case BPF_JSLE: return BPF_JSGT;
	case BPF_JSGE: return BPF_JSLT;
	default: return BPF_JSGE;
	}
}

u8 jump_flipped(u8 op)
{
	switch (op) {
	case BPF_JGT: return BPF_JLT;
	case BPF_JLT: return BPF_JGT;
	case BPF_JGE: return BPF_JLE;
	case BPF_JLE: return BPF_JGE;
	case BPF_JSGT: return BPF_JSLT;
	case BPF_JSLT: return BPF_JSGT;
	case BPF_JSGE: return BPF_JSLE;
	case BPF_JSLE: return BPF_JSGE;
	default: return op;
	}
}

/* The views of one width, widened to 64 bits. */
struct view {
	struct tnum bits;
	u64 umin, umax;
	s64 smin, smax;
};

static struct view view_of(const struct reg_state *r, bool is32)
{
	if (is32)
		return (struct view){ tnum_subreg(r->var_off), r->u32_min, r->u32_max, r->s32_min,
				      r->s32_max };
	return (struct view){ r->var_off, r->umin, r->umax, r->smin, r->smax };
}

static bool apart32(const struct reg_state *a, const struct reg_state *b)
{
	return a->u32_min > b->u32_max || a->u32_max < b->u32_min || a->s32_min > b->s32_max ||
	       a->s32_max < b->s32_min;
}

static int decide_equal(const struct reg_state *a, const struct reg_state *b, bool is32)
{
	struct view x = view_of(a, is32), y = view_of(b, is32);

	if (tnum_is_const(x.bits) && tnum_is_const(y.bits))
		return x.bits.value == y.bits.value;
	if (!tnum_overlap(x.bits, y.bits) || x.umin > y.umax || x.umax < y.umin ||
	    x.smin > y.smax || x.smax < y.smin)
		return 0;
	if (!is32 && apart32(a, b))
		return 0;
	return -1;
}

static int decide_bits(struct tnum x, struct tnum y)
{
	if (!tnum_is_const(y)) {
		struct tnum swap = x;

		x = y;
		y = swap;
	}
	if (!tnum_is_const(y))
		return -1;
	if (x.value & y.value)
		return 1;
	return (x.value | x.mask) & y.value ? -1 : 0;
}

static int not_of(int decided)
{
	return decided < 0 ? decided : !decided;
}

int scalar_branch(const struct reg_state *a, const struct reg_state *b, u8 op, bool is32)
{
	struct view x = view_of(a, is32), y = view_of(b, is32);

	switch (op) {
	case BPF_JEQ: return decide_equal(a, b, is32);
	case BPF_JNE: return not_of(decide_equal(a, b, is32));
	case BPF_JSET: return decide_bits(x.bits, y.bits);
	case BPF_JGT: return x.umin > y.umax ? 1 : x.umax <= y.umin ? 0 : -1;
	case BPF_JGE: return x.umin >= y.umax ? 1 : x.umax < y.umin ? 0 : -1;
	case BPF_JLT: return x.umax < y.umin ? 1 : x.umin >= y.umax ? 0 : -1;
	case BPF_JLE: return x.umax <= y.umin ? 1 : x.umin > y.umax ? 0 : -1;
	case BPF_JSGT: return x.smin > y.smax ? 1 : x.smax <= y.smin ? 0 : -1;
	case BPF_JSGE: return x.smin >= y.smax ? 1 : x.smax < y.smin ? 0 : -1;
	case BPF_JSLT: return x.smax < y.smin ? 1 : x.smin >= y.smax ? 0 : -1;
	case BPF_JSLE: return x.smax <= y.smin ? 1 : x.smin > y.smax ? 0 : -1;
	}
	return -1;
}

static void refine_equal(struct reg_state *a, struct reg_state *b, bool is32)
{
	struct tnum both;

	if (is32) {
		a->u32_min = b->u32_min = max(a->u32_min, b->u32_min);
		a->u32_max = b->u32_max = min(a->u32_max, b->u32_max);
		a->s32_min = b->s32_min = max(a->s32_min, b->s32_min);
		a->s32_max = b->s32_max = min(a->s32_max, b->s32_max);
		both = tnum_intersect(tnum_subreg(a->var_off), tnum_subreg(b->var_off));
		a->var_off = tnum_with_subreg(a->var_off, both);
		b->var_off = tnum_with_subreg(b->var_off, both);
	} else {
		a->umin = b->umin = max(a->umin, b->umin);
		a->umax = b->umax = min(a->umax, b->umax);
		a->smin = b->smin = max(a->smin, b->smin);
		a->smax = b->smax = min(a->smax, b->smax);
		a->var_off = b->var_off = tnum_intersect(a->var_off, b->var_off);
	}
}

static bool known(const struct reg_state *r, bool is32)
{
	return is32 ? tnum_subreg_is_const(r->var_off) : tnum_is_const(r->var_off);
}

/* a is not v: only an end of a range can be moved. */
static void refine_unequal(struct reg_state *a, u64 v, bool is32)
{
	if (is32) {
		a->u32_min += a->u32_min == (u32)v;
		a->u32_max -= a->u32_max == (u32)v;
		a->s32_min = a->s32_min == (s32)v ? (s32)((u32)a->s32_min + 1) : a->s32_min;
		a->s32_max = a->s32_max == (s32)v ? (s32)((u32)a->s32_max - 1) : a->s32_max;
	} else {
		a->umin += a->umin == v;
		a->umax -= a->umax == v;
		a->smin = a->smin == (s64)v ? (s64)((u64)a->smin + 1) : a->smin;
		a->smax = a->smax == (s64)v ? (s64)((u64)a->smax - 1) : a->smax;
	}
}

/* "a & v" is not 0 (some bit of v is 1: known only if v has one bit), or is 0 (all are 0). */
static void refine_bits(struct reg_state *a, u64 v, bool set, bool is32)
{
	struct tnum bits;

	if (set && (!v || v & (v - 1)))
		return;
	if (is32)
		v = (u32)v;
	bits = is32 ? tnum_subreg(a->var_off) : a->var_off;
	bits = set ? tnum_or(bits, tnum_const(v)) : tnum_and(bits, tnum_const(~v));
	a->var_off = is32 ? tnum_with_subreg(a->var_off, bits) : bits;
}

static void refine_below(struct reg_state *a, struct reg_state *b, u8 op, bool is32)
{
	bool strict = op == BPF_JLT || op == BPF_JSLT;

	if (op == BPF_JLT || op == BPF_JLE) {
		if (is32) {
			a->u32_max = min(a->u32_max, b->u32_max - strict);
			b->u32_min = max(b->u32_min, a->u32_min + strict);
		} else {
			a->umax = min(a->umax, b->umax - strict);
			b->umin = max(b->umin, a->umin + strict);
		}
	} else if (is32) {
		a->s32_max = min(a->s32_max, (s32)((u32)b->s32_max - strict));
		b->s32_min = max(b->s32_min, (s32)((u32)a->s32_min + strict));
	} else {
		a->smax = min(a->smax, (s64)((u64)b->smax - strict));
		b->smin = max(b->smin, (s64)((u64)a->smin + strict));
	}
}

static void refine_against_known(struct reg_state *a, struct reg_state *b, u8 op, bool is32)
{
	if (!known(b, is32)) {
		struct reg_state *swap = a;

		a = b;
		b = swap;
	}
	if (!known(b, is32))
		return;
	if (op == BPF_JNE)
		refine_unequal(a, b->var_off.value, is32);
	else
		refine_bits(a, is32 ? (u32)b->var_off.value : b->var_off.value, op == BPF_JSET,
			    is32);
}

void scalar_refine(struct reg_state *a, struct reg_state *b, u8 op, bool is32)
{
	switch (op) {
	case BPF_JEQ: refine_equal(a, b, is32); break;
	case BPF_JNE:
	case BPF_JSET:
	case JSET_NOT: refine_against_known(a, b, op, is32); break;
	case BPF_JGT:
	case BPF_JGE:
	case BPF_JSGT:
	case BPF_JSGE: refine_below(b, a, jump_flipped(op), is32); break;
	default: refine_below(a, b, op, is32);
	}
	reg_sync(a);
	reg_sync(b);
	/* A branch that cannot be taken leaves nothing that fits: believe nothing, which is always right. */
	if (reg_contradicts(a))
		reg_set_unbounded(a);
	if (reg_contradicts(b))
		reg_set_unbounded(b);
}
