/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ranges of scalars: how the five views of a value (tnum, u64, s64, u32, s32) inform one another, and
 * what each arithmetic operation does to them. Invariant: a value that fitted all views of the
 * operands gives a result that fits all views of the result. tests/unit/scalar.c tries it.
 */
#include "verify/reg.h"

#include "def/uapi.h"

#define S32_LOW INT32_MIN
#define S32_TOP INT32_MAX

static void unbound64(struct reg_state *r)
{
	r->smin = INT64_MIN;
	r->smax = INT64_MAX;
	r->umin = 0;
	r->umax = UINT64_MAX;
}

static void unbound32(struct reg_state *r)
{
	r->s32_min = S32_LOW;
	r->s32_max = S32_TOP;
	r->u32_min = 0;
	r->u32_max = UINT32_MAX;
}

void reg_set_unbounded(struct reg_state *r)
{
	r->var_off = TNUM_UNKNOWN;
	unbound64(r);
	unbound32(r);
}

void reg_set_const(struct reg_state *r, u64 v)
{
	r->var_off = tnum_const(v);
	r->smin = r->smax = (s64)v;
	r->umin = r->umax = v;
	r->s32_min = r->s32_max = (s32)v;
	r->u32_min = r->u32_max = (u32)v;
}

void reg_set_const32(struct reg_state *r, u32 v)
{
	r->var_off = tnum_with_subreg(r->var_off, tnum_const(v));
	r->s32_min = r->s32_max = (s32)v;
	r->u32_min = r->u32_max = v;
}

/* Unknown bits all 0 give the least unsigned value, all 1 the greatest; the sign bit turns that round. */
static void learn32_from_tnum(struct reg_state *r)
{
	u32 value = (u32)r->var_off.value, mask = (u32)r->var_off.mask, sign = 1u << 31;

	r->s32_min = max(r->s32_min, (s32)(value | (mask & sign)));
	r->s32_max = min(r->s32_max, (s32)(value | (mask & ~sign)));
	r->u32_min = max(r->u32_min, value);
	r->u32_max = min(r->u32_max, value | mask);
}

/*
 * The tnum may have just one member in the unsigned range: then that is the value. Where it has none, no
 * value fits (a branch never taken), and its greatest is taken, as Linux does.
 */
static void learn_only_member(struct reg_state *r)
{
	struct tnum t = r->var_off;
	u64 top = t.value | t.mask, next, second;
	bool in = !((r->umin ^ t.value) & ~t.mask);

	if (!tnum_above(t, r->umin, &next))
		next = top;
	if (in && next > r->umax)
		reg_set_const(r, r->umin);
	else if (!in && next == top)
		reg_set_const(r, top);
	else if (!in && next <= r->umax && (!tnum_above(t, next, &second) || second > r->umax))
		reg_set_const(r, next);
}

static void learn64_from_tnum(struct reg_state *r)
{
	u64 value = r->var_off.value, mask = r->var_off.mask, sign = 1ull << 63;

	r->smin = max(r->smin, (s64)(value | (mask & sign)));
	r->smax = min(r->smax, (s64)(value | (mask & ~sign)));
	r->umin = max(r->umin, value);
	r->umax = min(r->umax, value | mask);
	if (mask != ~0ull && (mask || r->umin != value))
		learn_only_member(r);
}

static void learn_from_tnum(struct reg_state *r)
{
	learn32_from_tnum(r);
	learn64_from_tnum(r);
}

static void narrow_u32(struct reg_state *r, u32 lo, u32 hi)
{
	r->u32_min = max(r->u32_min, lo);
	r->u32_max = min(r->u32_max, hi);
}

static void narrow_s32(struct reg_state *r, s32 lo, s32 hi)
{
	r->s32_min = max(r->s32_min, lo);
	r->s32_max = min(r->s32_max, hi);
}

static void narrow_u64(struct reg_state *r, u64 lo, u64 hi)
{
	r->umin = max(r->umin, lo);
	r->umax = min(r->umax, hi);
}

static void narrow_s64(struct reg_state *r, s64 lo, s64 hi)
{
	r->smin = max(r->smin, lo);
	r->smax = min(r->smax, hi);
}

/* A 64-bit range whose ends share their upper half is a range of lower halves too. */
static void lower_halves(struct reg_state *r)
{
	if (r->umin >> 32 == r->umax >> 32) {
		narrow_u32(r, (u32)r->umin, (u32)r->umax);
		if ((s32)r->umin <= (s32)r->umax)
			narrow_s32(r, (s32)r->umin, (s32)r->umax);
	}
	if (r->smin >> 32 == r->smax >> 32) {
		if ((u32)r->smin <= (u32)r->smax)
			narrow_u32(r, (u32)r->smin, (u32)r->smax);
		if ((s32)r->smin <= (s32)r->smax)
			narrow_s32(r, (s32)r->smin, (s32)r->smax);
	}
	/* Upper halves one apart, and the lower halves run from negative over 0 to positive. */
	if ((u32)(r->umin >> 32) + 1 == (u32)(r->umax >> 32) && (s32)r->umin < 0 &&
	    (s32)r->umax >= 0)
		narrow_s32(r, (s32)r->umin, (s32)r->umax);
	if ((u32)(r->smin >> 32) + 1 == (u32)(r->smax >> 32) && (s32)r->smin < 0 &&
	    (s32)r->smax >= 0)
		narrow_s32(r, (s32)r->smin, (s32)r->smax);
}

/*
 * Between the signed and the unsigned view of one width: a range that does not cross the other
 * view's seam is a range there; one that does is two pieces there, and if the other view excludes
 * one piece, the other is left.
 */
#define AGREE(name, U, S, u_min, u_max, s_min, s_max)          \
	static void name(struct reg_state *r)                  \
	{                                                      \
		if ((S)r->u_min <= (S)r->u_max) {              \
			r->s_min = max(r->s_min, (S)r->u_min); \
			r->s_max = min(r->s_max, (S)r->u_max); \
		}                                              \
		if ((U)r->s_min <= (U)r->s_max) {              \
			r->u_min = max(r->u_min, (U)r->s_min); \
			r->u_max = min(r->u_max, (U)r->s_max); \
		} else if (r->u_max < (U)r->s_min) {           \
			r->s_min = (S)r->u_min;                \
			r->u_max = min(r->u_max, (U)r->s_max); \
		} else if ((U)r->s_max < r->u_min) {           \
			r->s_max = (S)r->u_max;                \
			r->u_min = max(r->u_min, (U)r->s_min); \
		}                                              \
	}
AGREE(agree32, u32, s32, u32_min, u32_max, s32_min, s32_max)
AGREE(agree64, u64, s64, umin, umax, smin, smax)

/* A range of lower halves tightens the lower half of each 64-bit end. */
static void upper_from_lower(struct reg_state *r)
{
	const u64 upper = ~0xffffffffull;

	narrow_u64(r, (r->umin & upper) | r->u32_min, (r->umax & upper) | r->u32_max);
	narrow_s64(r, (s64)(((u64)r->smin & upper) | r->u32_min),
		   (s64)(((u64)r->smax & upper) | r->u32_max));
	if ((u32)r->s32_min <= (u32)r->s32_max) {
		u32 lo = (u32)r->s32_min, hi = (u32)r->s32_max;

		narrow_u64(r, (r->umin & upper) | lo, (r->umax & upper) | hi);
		narrow_s64(r, (s64)(((u64)r->smin & upper) | lo),
			   (s64)(((u64)r->smax & upper) | hi));
	}
	/* The value is a sign-extended 32-bit one, and that is not negative: the upper half is 0. */
	if (r->s32_min >= 0 && r->smin >= S32_LOW && r->smax <= S32_TOP) {
		r->smin = r->s32_min;
		r->smax = r->s32_max;
		r->umin = (u64)r->s32_min;
		r->umax = (u64)r->s32_max;
		if (r->s32_min <= r->s32_max)
			r->var_off = tnum_intersect(r->var_off, tnum_range(r->umin, r->umax));
	}
}

static void tnum_from_ranges(struct reg_state *r)
{
	struct tnum whole = tnum_intersect(r->var_off, tnum_range(r->umin, r->umax));
	struct tnum low = tnum_intersect(tnum_subreg(whole), tnum_range(r->u32_min, r->u32_max));

	r->var_off = tnum_with_subreg(whole, low);
}

void reg_sync(struct reg_state *r)
{
	learn_from_tnum(r);
	for (int i = 0; i < 3; i++) {
		lower_halves(r);
		agree32(r);
		agree64(r);
		upper_from_lower(r);
	}
	tnum_from_ranges(r);
	learn_from_tnum(r);
}

void reg_set_range_of(struct reg_state *r)
{
	unbound64(r);
	unbound32(r);
	reg_sync(r);
}

bool reg_contradicts(const struct reg_state *r)
{
	if (r->umin > r->umax || r->smin > r->smax || r->u32_min > r->u32_max ||
	    r->s32_min > r->s32_max)
		return true;
	if (tnum_is_const(r->var_off) && (r->umin != r->var_off.value || r->umax != r->umin ||
					  (u64)r->smin != r->umin || r->smax != r->smin))
		return true;
	return tnum_subreg_is_const(r->var_off) &&
	       (r->u32_min != (u32)r->var_off.value || r->u32_max != r->u32_min ||
		(u32)r->s32_min != r->u32_min || r->s32_max != r->s32_min);
}

void reg_zext(struct reg_state *r)
{
	r->var_off = tnum_subreg(r->var_off);
	r->umin = r->u32_min;
	r->umax = r->u32_max;
	if (r->s32_min >= 0) {
		r->smin = r->s32_min;
		r->smax = r->s32_max;
	} else {
		r->smin = 0;
		r->smax = UINT32_MAX;
	}
}

void reg_truncate(struct reg_state *r, u32 size)
{
	u64 keep = size >= 8 ? ~0ull : (1ull << size * 8) - 1;

	r->var_off = tnum_cast(r->var_off, size);
	if ((r->umin & ~keep) == (r->umax & ~keep)) {
		r->umin &= keep;
		r->umax &= keep;
	} else {
		r->umin = 0;
		r->umax = keep;
	}
	r->smin = (s64)r->umin;
	r->smax = (s64)r->umax;
	if (size < 4)
		unbound32(r);
	reg_sync(r);
}

/* As the kernel: the range survives only where the bits above are the same at both ends, and the sign. */
void reg_sext(struct reg_state *r, u32 size, bool is32)
{
	u32 bits = size * 8, shift = 64 - bits;
	s64 from = is32 ? r->s32_min : r->smin, to = is32 ? r->s32_max : r->smax;
	s64 lo = (s64)((u64)from << shift) >> shift, hi = (s64)((u64)to << shift) >> shift;
	bool whole = bits == 64 || (is32 && bits == 32);

	if (whole)
		return;
	if (tnum_is_const(r->var_off)) {
		s64 v = (s64)(r->var_off.value << shift) >> shift;

		reg_set_const(r, is32 ? (u32)v : (u64)v);
		return;
	}
	if (from >> bits != to >> bits || (lo < 0) != (hi < 0)) {
		lo = -(1ll << (bits - 1));
		hi = (1ll << (bits - 1)) - 1;
		r->var_off = TNUM_UNKNOWN;
	} else {
		r->var_off = tnum_range((u64)lo, (u64)hi);
	}
	unbound64(r);
	unbound32(r);
	narrow_s32(r, (s32)lo, (s32)hi);
	narrow_s64(r, lo, hi);
	if (is32) {
		agree32(r);
		learn32_from_tnum(r);
		reg_zext(r);
	}
	reg_sync(r);
}

/* Interval arithmetic, once a width. Two sums that both wrap, or both do not, still bound what is between. */
#define INTERVALS(bits, U, S, u_min, u_max, s_min, s_max)                                   \
	static void add##bits(struct reg_state *d, const struct reg_state *s)               \
	{                                                                                   \
		S lo, hi;                                                                   \
		U ulo, uhi;                                                                 \
		bool low = __builtin_add_overflow(d->s_min, s->s_min, &lo);                 \
		bool high = __builtin_add_overflow(d->s_max, s->s_max, &hi);                \
                                                                                            \
		if (low != high || lo > hi)                                                 \
			lo = (S)((U)1 << (bits - 1)), hi = (S)(((U)1 << (bits - 1)) - 1);   \
		d->s_min = lo, d->s_max = hi;                                               \
		low = __builtin_add_overflow(d->u_min, s->u_min, &ulo);                     \
		high = __builtin_add_overflow(d->u_max, s->u_max, &uhi);                    \
		if (low != high)                                                            \
			ulo = 0, uhi = (U)-1;                                               \
		d->u_min = ulo, d->u_max = uhi;                                             \
	}                                                                                   \
	static void sub##bits(struct reg_state *d, const struct reg_state *s)               \
	{                                                                                   \
		S lo, hi;                                                                   \
		U ulo, uhi;                                                                 \
		bool low = __builtin_sub_overflow(d->s_min, s->s_max, &lo);                 \
		bool high = __builtin_sub_overflow(d->s_max, s->s_min, &hi);                \
                                                                                            \
		if (low != high || lo > hi)                                                 \
			lo = (S)((U)1 << (bits - 1)), hi = (S)(((U)1 << (bits - 1)) - 1);   \
		d->s_min = lo, d->s_max = hi;                                               \
		low = __builtin_sub_overflow(d->u_min, s->u_max, &ulo);                     \
		high = __builtin_sub_overflow(d->u_max, s->u_min, &uhi);                    \
		if (low != high)                                                            \
			ulo = 0, uhi = (U)-1;                                               \
		d->u_min = ulo, d->u_max = uhi;                                             \
	}                                                                                   \
	static void mul##bits(struct reg_state *d, const struct reg_state *s)               \
	{                                                                                   \
		S p[4], lo, hi;                                                             \
		U ulo, uhi;                                                                 \
		int wraps = __builtin_mul_overflow(d->s_max, s->s_max, &p[0]) +             \
			    __builtin_mul_overflow(d->s_max, s->s_min, &p[1]) +             \
			    __builtin_mul_overflow(d->s_min, s->s_max, &p[2]) +             \
			    __builtin_mul_overflow(d->s_min, s->s_min, &p[3]);              \
                                                                                            \
		if (__builtin_mul_overflow(d->u_max, s->u_max, &uhi) ||                     \
		    __builtin_mul_overflow(d->u_min, s->u_min, &ulo))                       \
			ulo = 0, uhi = (U)-1;                                               \
		lo = hi = p[0];                                                             \
		for (int i = 1; i < 4; i++)                                                 \
			lo = min(lo, p[i]), hi = max(hi, p[i]);                             \
		if (wraps)                                                                  \
			lo = (S)((U)1 << (bits - 1)), hi = (S)(((U)1 << (bits - 1)) - 1);   \
		d->s_min = lo, d->s_max = hi, d->u_min = ulo, d->u_max = uhi;               \
	}                                                                                   \
	/* Unsigned bounds are known; the signed ones follow unless they cross the sign. */ \
	static void bounds##bits(struct reg_state *d, U lo, U hi)                           \
	{                                                                                   \
		d->u_min = lo, d->u_max = hi;                                               \
		if ((S)lo <= (S)hi)                                                         \
			d->s_min = (S)lo, d->s_max = (S)hi;                                 \
		else                                                                        \
			unbound_s##bits(d);                                                 \
	}
static void unbound_s64(struct reg_state *d)
{
	d->smin = INT64_MIN, d->smax = INT64_MAX;
}
static void unbound_s32(struct reg_state *d)
{
	d->s32_min = S32_LOW, d->s32_max = S32_TOP;
}
INTERVALS(64, u64, s64, umin, umax, smin, smax)
INTERVALS(32, u32, s32, u32_min, u32_max, s32_min, s32_max)

/* d->var_off is the result's already; d's ranges are still the operand's. */
static void bitwise(u8 op, struct reg_state *d, const struct reg_state *s)
{
	u32 low32 = (u32)d->var_off.value, high32 = low32 | (u32)d->var_off.mask;
	u64 low = d->var_off.value, high = low | d->var_off.mask;

	switch (op) {
	case BPF_AND: /* no greater than either operand */
		bounds32(d, low32, min(d->u32_max, s->u32_max));
		bounds64(d, low, min(d->umax, s->umax));
		break;
	case BPF_OR: /* no less than either */
		bounds32(d, max(d->u32_min, s->u32_min), high32);
		bounds64(d, max(d->umin, s->umin), high);
		break;
	default: bounds32(d, low32, high32); bounds64(d, low, high);
	}
	learn_from_tnum(d);
}

static void shift_left(struct reg_state *d, u32 n, bool is32)
{
	bool fits32 = n < 32 && d->u32_max <= UINT32_MAX >> n && d->u32_max <= 1ull << (31 - n);
	bool fits64 = d->umax <= 1ull << (63 - n);

	/* A compiler sign-extends by << 32 and s>> 32. */
	if (!is32 && n == 32) {
		d->smin = (s64)((u64)(s64)d->s32_min << 32);
		d->smax = (s64)((u64)(s64)d->s32_max << 32);
	} else {
		unbound_s64(d);
	}
	unbound_s32(d);
	d->umin = fits64 ? d->umin << n : 0;
	d->umax = fits64 ? d->umax << n : UINT64_MAX;
	d->u32_min = fits32 ? d->u32_min << n : 0;
	d->u32_max = fits32 ? d->u32_max << n : UINT32_MAX;
	d->var_off = is32 ? tnum_subreg(tnum_lshift(tnum_subreg(d->var_off), n))
			  : tnum_lshift(d->var_off, n);
	if (is32) {
		unbound64(d);
		learn32_from_tnum(d);
	} else {
		learn_from_tnum(d);
	}
}

static void shift_right(struct reg_state *d, u32 n, bool is32)
{
	if (is32) {
		d->var_off = tnum_rshift(tnum_subreg(d->var_off), n);
		d->u32_min >>= n;
		d->u32_max >>= n;
		unbound_s32(d);
		unbound64(d);
		learn32_from_tnum(d);
	} else {
		d->var_off = tnum_rshift(d->var_off, n);
		d->umin >>= n;
		d->umax >>= n;
		unbound_s64(d);
		unbound32(d);
		learn_from_tnum(d);
	}
}

static void shift_right_signed(struct reg_state *d, u32 n, bool is32)
{
	if (is32) {
		d->s32_min >>= n;
		d->s32_max >>= n;
		d->var_off = tnum_arshift(tnum_subreg(d->var_off), n, 32);
		d->u32_min = 0;
		d->u32_max = UINT32_MAX;
		unbound64(d);
		learn32_from_tnum(d);
	} else {
		d->smin >>= n;
		d->smax >>= n;
		d->var_off = tnum_arshift(d->var_off, n, 64);
		d->umin = 0;
		d->umax = UINT64_MAX;
		unbound32(d);
		learn_from_tnum(d);
	}
}

/* Shifts are computed only for one known count below the width, the rest always. */
static bool computable(u8 op, bool is32, const struct reg_state *s)
{
	switch (op) {
	case BPF_ADD:
	case BPF_SUB:
	case BPF_MUL:
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR: return true;
	case BPF_LSH:
	case BPF_RSH:
	case BPF_ARSH:
		if (is32)
			return tnum_subreg_is_const(s->var_off) && s->u32_max < 32 &&
			       s->u32_min == s->u32_max && s->umax < 32;
		return tnum_is_const(s->var_off) && s->umax < 64;
	}
	return false;
}

void scalar_alu(u8 op, bool is32, struct reg_state *d, const struct reg_state *s)
{
	u32 n = (u32)s->umin;

	if (!computable(op, is32, s)) {
		reg_set_unbounded(d);
		return;
	}
	switch (op) {
	case BPF_ADD:
		add32(d, s);
		add64(d, s);
		d->var_off = tnum_add(d->var_off, s->var_off);
		break;
	case BPF_SUB:
		sub32(d, s);
		sub64(d, s);
		d->var_off = tnum_sub(d->var_off, s->var_off);
		break;
	case BPF_MUL:
		mul32(d, s);
		mul64(d, s);
		d->var_off = tnum_mul(d->var_off, s->var_off);
		break;
	case BPF_AND:
		d->var_off = tnum_and(d->var_off, s->var_off);
		bitwise(op, d, s);
		break;
	case BPF_OR:
		d->var_off = tnum_or(d->var_off, s->var_off);
		bitwise(op, d, s);
		break;
	case BPF_XOR:
		d->var_off = tnum_xor(d->var_off, s->var_off);
		bitwise(op, d, s);
		break;
	case BPF_LSH: shift_left(d, n, is32); break;
	case BPF_RSH: shift_right(d, n, is32); break;
	case BPF_ARSH: shift_right_signed(d, n, is32); break;
	}
	if (is32)
		reg_zext(d);
	reg_sync(d);
}

void scalar_neg(struct reg_state *d, bool is32)
{
	struct reg_state zero = *d, value = *d;

	reg_set_const(&zero, 0);
	scalar_alu(BPF_SUB, is32, &zero, &value);
	zero.dep = d->dep;
	*d = zero;
}
