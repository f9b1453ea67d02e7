// SPDX-License-Identifier: BSD-2-Clause
/*
 * arm64: constants, addresses, arithmetic, atomics. The machine's division has BPF's results for 0 and for
 * MIN / -1. T0 is any of these sequences' own; T1 to T3 are theirs between a sequence's start and its end.
 */
#include "jit/a64.h"
#include "jit/divide.h"

u32 a64_logical_imm(bool wide, u64 imm)
{
	u32 size = 64, ones, rotation;
	u64 mask, element;

	if (!wide)
		imm = (u32)imm | imm << 32;
	if (!imm || !~imm)
		return 0;
	while (size > 2 &&
	       (imm >> size / 2 & (((u64)1 << size / 2) - 1)) == (imm & (((u64)1 << size / 2) - 1)))
		size /= 2;
	mask = size == 64 ? ~(u64)0 : ((u64)1 << size) - 1;
	element = imm & mask;
	ones = (u32)__builtin_popcountll(element);
	for (rotation = 0; rotation < size; rotation++) {
		u64 turned =
			rotation ? ((element >> rotation) | (element << (size - rotation))) & mask
				 : element;

		if (turned == ((u64)1 << ones) - 1)
			break;
	}
	if (rotation == size)
		return 0;
	return (u32)(size == 64) << 22 | ((size - rotation) % size) << 16 |
	       (((~(size * 2 - 1) & 0x3f) | (ones - 1)) & 0x3f) << 10;
}

void a64_put_imm(struct emitter *a, u32 d, u64 imm)
{
	u32 zeros = 0, ones = 0;
	bool first = true;

	for (u32 half = 0; half < 4; half++) {
		zeros += (u16)(imm >> 16 * half) == 0;
		ones += (u16)(imm >> 16 * half) == 0xffff;
	}
	for (u32 half = 0; half < 4; half++) {
		u16 part = (u16)(imm >> 16 * half);

		if (part == (ones > zeros ? 0xffff : 0))
			continue;
		if (!first)
			put(a, a64_movk(d, part, half));
		else
			put(a,
			    ones > zeros ? a64_movn(d, (u16)~part, half) : a64_movz(d, part, half));
		first = false;
	}
	if (first)
		put(a, ones > zeros ? a64_movn(d, 0, 0) : a64_movz(d, 0, 0));
}

void a64_put_add(struct emitter *a, bool wide, u32 d, u32 n, s64 imm)
{
	if (imm >= 0 && imm < 4096) {
		put(a, a64_add_imm(wide, d, n, (u32)imm));
	} else if (imm < 0 && imm > -4096) {
		put(a, a64_sub_imm(wide, d, n, (u32)-imm));
	} else {
		a64_put_imm(a, T0, (u64)imm);
		put(a, a64_rrr(wide, A64_ADD, d, n, T0));
	}
}

void a64_put_mem(struct emitter *a, u32 op, u32 size, u32 t, u32 base, s32 off)
{
	if (off >= 0 && !(off & ((1 << size) - 1)) && off >> size < 4096) {
		put(a, a64_mem_scaled(op, size, t, base, (u32)off >> size));
	} else if (off >= -256 && off < 256) {
		put(a, a64_mem_near(op, size, t, base, off));
	} else {
		a64_put_imm(a, T0, (u64)(s64)off);
		put(a, a64_mem_reg(op, size, t, base, T0));
	}
}
/* ---- arithmetic ---- */

/* T1 = dst / d without dividing; true unless it cannot be done. */
static bool divide_const(struct emitter *a, bool wide, u32 dst, u64 d)
{
	struct divider by;

	if (d < 3 || !(d & (d - 1)))
		return false;
	if (!wide) {
		a64_put_imm(a, T0, divide_by32((u32)d));
		put(a, a64_mov(false, T1, dst));
		put(a, a64_umulh(T1, T1, T0));
		return true;
	}
	by = divide_by(d);
	a64_put_imm(a, T0, by.multiplier);
	if (by.pre)
		put(a, a64_lsr(true, T1, dst, by.pre));
	put(a, a64_umulh(T1, by.pre ? T1 : dst, T0));
	if (by.add) {
		put(a, a64_rrr(true, A64_SUB, T0, dst, T1));
		put(a, a64_lsr(true, T0, T0, 1));
		put(a, a64_rrr(true, A64_ADD, T1, T1, T0));
		by.shift--;
	}
	if (by.shift)
		put(a, a64_lsr(true, T1, T1, by.shift));
	return true;
}

static void divide(struct emitter *a, const struct jinsn *i)
{
	u32 row = (u32)(i->op - OP_DIV64_IMM) % 4, kind = (u32)(i->op - OP_DIV64_IMM) / 4,
	    dst = a64_reg[i->dst], src = a64_reg[i->src];
	bool wide = row < 2, is_signed = kind & 1, modulo = kind >= 2, done = false;

	if (row % 2 == 0) {
		u64 d = wide ? (u64)(s64)i->imm : (u32)i->imm;

		done = !is_signed && divide_const(a, wide, dst, d);
		a64_put_imm(a, T2, d);
		src = T2;
	}
	if (!done)
		put(a, a64_rrr(wide, is_signed ? A64_SDIV : A64_UDIV, modulo ? T1 : dst, dst, src));
	if (modulo)
		put(a, a64_msub(wide, dst, T1, src, dst));
	else if (done)
		put(a, a64_mov(wide, dst, T1));
}

static void logical_imm(struct emitter *a, bool wide, u32 op, u32 dst, s32 imm)
{
	u32 field = a64_logical_imm(wide, (u64)(s64)imm);

	if (field) { /* the immediate form's word differs from the register form's in bit 28 and 27 */
		put(a, ((op & 0x60000000) | 0x12000000) | a64_wide(wide) | field | dst << 5 | dst);
		return;
	}
	a64_put_imm(a, T0, (u64)(s64)imm);
	put(a, a64_rrr(wide, op, dst, dst, T0));
}

void a64_alu_imm(struct emitter *a, const struct jinsn *i)
{
	u32 dst = a64_reg[i->dst];
	bool wide = (i->op - OP_ADD64_IMM) % 4 == 0;
	u32 count = (u32)i->imm & (wide ? 63 : 31);

	switch ((i->op - OP_ADD64_IMM) / 4 * 4 + OP_ADD64_IMM) {
	case OP_ADD64_IMM: a64_put_add(a, wide, dst, dst, i->imm); break;
	case OP_SUB64_IMM: a64_put_add(a, wide, dst, dst, -(s64)i->imm); break;
	case OP_OR64_IMM: logical_imm(a, wide, A64_ORR, dst, i->imm); break;
	case OP_AND64_IMM: logical_imm(a, wide, A64_AND, dst, i->imm); break;
	case OP_XOR64_IMM: logical_imm(a, wide, A64_EOR, dst, i->imm); break;
	case OP_MOV64_IMM: a64_put_imm(a, dst, wide ? (u64)(s64)i->imm : (u32)i->imm); break;
	case OP_LSH64_IMM: put(a, a64_lsl(wide, dst, dst, count)); break;
	case OP_RSH64_IMM: put(a, a64_lsr(wide, dst, dst, count)); break;
	case OP_ARSH64_IMM: put(a, a64_asr(wide, dst, dst, count)); break;
	case OP_MUL64_IMM:
		a64_put_imm(a, T0, (u64)(s64)i->imm);
		put(a, a64_rrr(wide, A64_MUL, dst, dst, T0));
		break;
	default: divide(a, i); break;
	}
}

void a64_alu_reg(struct emitter *a, const struct jinsn *i)
{
	static const u32 ops[] = { A64_ADD, A64_SUB, A64_MUL, 0,	0,	  0,	   0,
				   A64_ORR, A64_AND, A64_EOR, A64_LSLV, A64_LSRV, A64_ASRV };
	u32 dst = a64_reg[i->dst], src = a64_reg[i->src], row = (u32)(i->op - OP_ADD64_IMM) / 4;
	bool wide = (i->op - OP_ADD64_IMM) % 4 == 1;

	if (i->op == OP_MOV64_REG || i->op == OP_MOV32_REG) {
		if (dst != src || !wide)
			put(a, a64_mov(wide, dst, src));
	} else if (i->op >= OP_MOVSX8_64 && i->op <= OP_MOVSX16_32) {
		u32 bits = i->op == OP_MOVSX8_64 || i->op == OP_MOVSX8_32 ? 8
			   : i->op == OP_MOVSX32_64			  ? 32
									  : 16;

		put(a, a64_field(i->op <= OP_MOVSX32_64, true, dst, src, 0, bits - 1));
	} else if (ops[row]) {
		put(a, a64_rrr(wide, ops[row], dst, dst, src));
	} else {
		divide(a, i);
	}
}

void a64_unary(struct emitter *a, const struct jinsn *i)
{
	u32 dst = a64_reg[i->dst];

	switch (i->op) {
	case OP_NEG64:
	case OP_NEG32: put(a, a64_rrr(i->op == OP_NEG64, A64_SUB, dst, XZR, dst)); break;
	case OP_LE16: put(a, a64_field(false, false, dst, dst, 0, 15)); break;
	case OP_LE32: put(a, a64_mov(false, dst, dst)); break;
	case OP_BE16:
	case OP_BSWAP16:
		put(a, a64_rev16(dst, dst));
		put(a, a64_field(false, false, dst, dst, 0, 15));
		break;
	case OP_BE32:
	case OP_BSWAP32: put(a, a64_rev(false, dst, dst)); break;
	case OP_BE64:
	case OP_BSWAP64: put(a, a64_rev(true, dst, dst)); break;
	}
}

/* Address of an atomic's word to T3. */
static u32 atomic_address(struct emitter *a, const struct jinsn *i, u32 base)
{
	if (!i->off)
		return base;
	a64_put_add(a, true, T3, base, i->off);
	return T3;
}

/* A load-exclusive, store-exclusive loop; the old value ends in T1. */
void a64_atomic(struct emitter *a, const struct jinsn *i)
{
	u32 log = access_log(i), src = a64_reg[i->src],
	    base = atomic_address(a, i, a64_reg[i->dst]), again, differ = 0;
	bool wide = log == 3, exchange = i->imm == BPF_CMPXCHG;
	static const u32 ops[] = { [BPF_ADD >> 4] = A64_ADD,
				   [BPF_OR >> 4] = A64_ORR,
				   [BPF_AND >> 4] = A64_AND,
				   [BPF_XOR >> 4] = A64_EOR };

	again = a->buf->len;
	put(a, a64_ldaxr(log, T1, base));
	if (exchange) {
		put(a, a64_rrr(wide, A64_SUBS, XZR, T1, R0));
		differ = skip_if(a, a64_bcc(A64_NE, 0));
	}
	if (exchange || i->imm == BPF_XCHG)
		put(a, a64_mov(wide, T2, src));
	else
		put(a, a64_rrr(wide, ops[(i->imm & 0xf0) >> 4], T2, T1, src));
	put(a, a64_stlxr(log, T0, T2, base));
	put(a, a64_cbz(false, true, T0, -(s32)(a->buf->len - again) / 4));
	if (exchange)
		land(a, differ);
	put(a, a64_dmb());
	if (exchange)
		put(a, a64_mov(wide, R0, T1));
	else if (i->imm & BPF_FETCH)
		put(a, a64_mov(wide, src, T1));
}

void a64_ordered(struct emitter *a, const struct jinsn *i, bool load)
{
	u32 log = access_log(i), base = atomic_address(a, i, a64_reg[load ? i->src : i->dst]);

	put(a, load ? a64_ldar(log, a64_reg[i->dst], base) : a64_stlr(log, a64_reg[i->src], base));
}
