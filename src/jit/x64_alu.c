// SPDX-License-Identifier: BSD-2-Clause
/*
 * x86-64: what needs more than one machine instruction, or fixed registers: division, shifts by a
 * register, atomics. rcx, rdx and r11 are free here; rax is BPF's r0 and is saved where it lives on.
 */
#include "jit/divide.h"
#include "jit/x64.h"

struct division {
	bool wide, is_signed, modulo;
	u32 dst; /* machine register */
	bool save_rax;
};

static struct division describe(const struct jinsn *i, u16 live)
{
	u32 row = (i->op - OP_DIV64_IMM) % 4;	    /* insn.def: 64_IMM, 64_REG, 32_IMM, 32_REG */
	u32 kind = (u32)(i->op - OP_DIV64_IMM) / 4; /* DIV, SDIV, MOD, SMOD */

	return (struct division){
		.wide = row < 2,
		.is_signed = kind & 1,
		.modulo = kind >= 2,
		.dst = x64_reg[i->dst],
		.save_rax = (live & 1) && i->dst != BPF_REG_0,
	};
}

/* r11 = rdx * multiplier, high half; rdx holds the multiplicand. */
static void multiply_high(struct jbuf *buf, u64 multiplier, u64 features)
{
	enc_mov_imm(buf, R11, multiplier);
	if (features & FEATURE_BMI2) {
		enc_mulx(buf, R11, RCX, R11);
		return;
	}
	enc_mov(buf, true, RCX, RAX);
	enc_mov(buf, true, RAX, RDX);
	enc_unary(buf, true, UNARY_MUL, R11);
	enc_mov(buf, true, R11, RDX);
	enc_mov(buf, true, RAX, RCX);
}

/* dst = dst - r11 * d */
static void subtract_multiple(struct jbuf *buf, bool wide, u32 dst, u64 d)
{
	if (fits32((s64)d)) {
		enc_imul_imm(buf, wide, R11, R11, (s32)d);
	} else {
		enc_mov_imm(buf, RCX, d);
		enc_imul(buf, wide, R11, RCX);
	}
	enc_alu(buf, wide, ALU_SUB, dst, R11);
}

static void divide_power(struct jbuf *buf, const struct division *div, u64 d)
{
	u32 shift = (u32)__builtin_ctzll(d);

	if (!div->modulo) {
		if (shift)
			enc_shift_imm(buf, div->wide, SHIFT_SHR, div->dst, shift);
		else if (!div->wide)
			enc_mov(buf, false, div->dst, div->dst);
	} else if (d - 1 <= INT32_MAX) {
		enc_alu_imm(buf, false, ALU_AND, div->dst, (s32)(d - 1));
	} else {
		enc_mov_imm(buf, RCX, d - 1);
		enc_alu(buf, div->wide, ALU_AND, div->dst, RCX);
	}
}

static void divide_const(struct jbuf *buf, const struct division *div, u64 d, u64 features)
{
	if (!(d & (d - 1))) {
		divide_power(buf, div, d);
		return;
	}
	enc_mov(buf, div->wide, RDX, div->dst);
	if (div->wide) {
		struct divider by = divide_by(d);

		if (by.pre)
			enc_shift_imm(buf, true, SHIFT_SHR, RDX, by.pre);
		multiply_high(buf, by.multiplier, features);
		if (by.add) {
			enc_mov(buf, true, RDX, div->dst);
			enc_alu(buf, true, ALU_SUB, RDX, R11);
			enc_shift_imm(buf, true, SHIFT_SHR, RDX, 1);
			enc_alu(buf, true, ALU_ADD, R11, RDX);
			by.shift--;
		}
		if (by.shift)
			enc_shift_imm(buf, true, SHIFT_SHR, R11, by.shift);
	} else {
		multiply_high(buf, divide_by32((u32)d), features);
	}
	if (div->modulo)
		subtract_multiple(buf, div->wide, div->dst, d);
	else
		enc_mov(buf, div->wide, div->dst, R11);
}

/* rax, rdx = dst / rcx; rcx is not 0, and not -1 where signed. Result to dst. */
static void divide_machine(struct jbuf *buf, const struct division *div)
{
	if (div->save_rax)
		enc_mov(buf, true, R11, RAX);
	if (div->dst != RAX)
		enc_mov(buf, div->wide, RAX, div->dst);
	if (div->is_signed) {
		enc_rex(buf, div->wide, 0, 0, 0, false);
		put8(buf, 0x99); /* cdq, cqo */
	} else {
		enc_alu(buf, false, ALU_XOR, RDX, RDX);
	}
	enc_unary(buf, div->wide, div->is_signed ? UNARY_IDIV : UNARY_DIV, RCX);
	if (div->modulo)
		enc_mov(buf, div->wide, div->dst, RDX);
	else if (div->dst != RAX)
		enc_mov(buf, div->wide, div->dst, RAX);
	if (div->save_rax)
		enc_mov(buf, true, RAX, R11);
}

/* What dividing by 0 leaves in dst (RFC 9669 4.1). */
static void divided_by_zero(struct jbuf *buf, const struct division *div)
{
	if (!div->modulo)
		enc_mov_imm(buf, div->dst, 0);
	else if (!div->wide)
		enc_mov(buf, false, div->dst, div->dst);
}

/* And by -1: the negation, remainder 0; the machine would trap on MIN / -1. */
static void divided_by_minus_one(struct jbuf *buf, const struct division *div)
{
	if (div->modulo)
		enc_mov_imm(buf, div->dst, 0);
	else
		enc_unary(buf, div->wide, UNARY_NEG, div->dst);
}

static void divide_variable(struct jbuf *buf, const struct division *div, u32 src)
{
	u32 zero, minus = 0, end[2] = { 0 };

	enc_mov(buf, div->wide, RCX, src);
	enc_test(buf, div->wide, RCX, RCX);
	zero = jcc8(buf, CC_E);
	if (div->is_signed) {
		enc_alu_imm(buf, div->wide, ALU_CMP, RCX, -1);
		minus = jcc8(buf, CC_E);
	}
	divide_machine(buf, div);
	end[0] = jmp8(buf);
	if (div->is_signed) {
		land(buf, minus);
		divided_by_minus_one(buf, div);
		end[1] = jmp8(buf);
	}
	land(buf, zero);
	divided_by_zero(buf, div);
	if (div->is_signed)
		land(buf, end[1]);
	land(buf, end[0]);
}

void x64_divide(struct jbuf *buf, const struct jinsn *i, u16 live, u64 features)
{
	struct division div = describe(i, live);
	u64 d = div.wide ? (u64)(s64)i->imm : (u32)i->imm;

	if ((i->op - OP_DIV64_IMM) % 2) {
		divide_variable(buf, &div, x64_reg[i->src]);
	} else if (!d) {
		divided_by_zero(buf, &div);
	} else if (!div.is_signed) {
		divide_const(buf, &div, d, features);
	} else if (i->imm == -1) {
		divided_by_minus_one(buf, &div);
	} else {
		enc_mov_imm(buf, RCX, d);
		divide_machine(buf, &div);
	}
}

void x64_shift(struct jbuf *buf, const struct jinsn *i, u64 features)
{
	static const u8 machine[] = { SHIFT_SHL, SHIFT_SHR, SHIFT_SAR }, prefix[] = { 1, 3, 2 };
	u32 kind = (u32)(i->op - OP_LSH64_IMM) / 4, dst = x64_reg[i->dst], src = x64_reg[i->src];
	bool wide = (i->op - OP_LSH64_IMM) % 4 < 2;

	if (features & FEATURE_BMI2) {
		enc_vex(buf, wide, 2, prefix[kind], 0xf7, dst, src, dst);
		return;
	}
	enc_mov(buf, false, RCX, src);
	enc_shift_cl(buf, wide, machine[kind], dst);
}

/* lock op [base + off], reg */
static void locked(struct jbuf *buf, bool wide, u32 op, u32 reg, u32 base, s32 off)
{
	put8(buf, 0xf0);
	enc_rm(buf, wide, op, reg, base, off, false);
}

/* old = [base + off]; [base + off] = old op src; src = old: a compare-and-exchange loop */
static void fetch_loop(struct jbuf *buf, bool wide, enum x64_alu op, u32 base, s32 off, u32 src)
{
	u32 again, operand = src == RAX ? R11 : src;

	enc_mov(buf, true, R11, RAX);
	if (base == RAX) {
		enc_mov(buf, true, RDX, RAX);
		base = RDX;
	}
	enc_rm(buf, wide, 0x8b, RAX, base, off, false);
	again = buf->len;
	enc_mov(buf, wide, RCX, RAX);
	enc_alu(buf, wide, op, RCX, operand);
	locked(buf, wide, 0x0fb1, RCX, base, off);
	put(buf, 0x75, 2);
	buf->at[buf->len - 1] = (u8)(again - buf->len);
	if (src != RAX) {
		enc_mov(buf, wide, src, RAX);
		enc_mov(buf, true, RAX, R11);
	} else if (!wide) {
		enc_mov(buf, false, RAX, RAX);
	}
}

void x64_atomic(struct jbuf *buf, const struct jinsn *i)
{
	bool wide = (i->op - OP_ATOMIC_ADD64) % 2 == 0;
	u32 base = x64_reg[i->dst], src = x64_reg[i->src];

	switch (i->imm) {
	case BPF_ADD: locked(buf, wide, 0x01, src, base, i->off); break;
	case BPF_OR: locked(buf, wide, 0x09, src, base, i->off); break;
	case BPF_AND: locked(buf, wide, 0x21, src, base, i->off); break;
	case BPF_XOR: locked(buf, wide, 0x31, src, base, i->off); break;
	case BPF_ADD | BPF_FETCH: locked(buf, wide, 0x0fc1, src, base, i->off); break;
	case BPF_OR | BPF_FETCH: fetch_loop(buf, wide, ALU_OR, base, i->off, src); break;
	case BPF_AND | BPF_FETCH: fetch_loop(buf, wide, ALU_AND, base, i->off, src); break;
	case BPF_XOR | BPF_FETCH: fetch_loop(buf, wide, ALU_XOR, base, i->off, src); break;
	case BPF_XCHG: enc_rm(buf, wide, 0x87, src, base, i->off, false); break;
	case BPF_CMPXCHG:
		locked(buf, wide, 0x0fb1, src, base, i->off);
		if (!wide)
			enc_mov(buf, false, RAX, RAX);
		break;
	}
}
