/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AArch64 instruction encoding (Arm ARM, section C4), only what a64.c uses. An a64_ function returns
 * the instruction's word; wide chooses the 64-bit form. 32-bit results clear the upper half.
 */
#ifndef JIT_A64_ENC_H
#define JIT_A64_ENC_H

#include "jit/ir.h"

enum { XZR = 31, SP = 31, LR = 30 };
enum a64_cc {
	A64_EQ,
	A64_NE,
	A64_HS,
	A64_LO,
	A64_MI,
	A64_PL,
	A64_HI = 8,
	A64_LS,
	A64_GE,
	A64_LT,
	A64_GT,
	A64_LE
};

/* Base words of instructions with three registers. */
enum a64_rrr {
	A64_ADD = 0x0b000000,
	A64_SUB = 0x4b000000,
	A64_SUBS = 0x6b000000,
	A64_AND = 0x0a000000,
	A64_ORR = 0x2a000000,
	A64_EOR = 0x4a000000,
	A64_ANDS = 0x6a000000,
	A64_UDIV = 0x1ac00800,
	A64_SDIV = 0x1ac00c00,
	A64_LSLV = 0x1ac02000,
	A64_LSRV = 0x1ac02400,
	A64_ASRV = 0x1ac02800,
	A64_MUL = 0x1b007c00,
};
/* Of loads and stores: the operation's bits; size is a logarithm. */
enum a64_mem { A64_STORE = 0, A64_LOAD = 1 << 22, A64_LOAD_SIGNED = 2 << 22 };

static inline u32 a64_wide(bool wide)
{
	return (u32)wide << 31;
}
static inline u32 a64_rrr(bool wide, u32 op, u32 d, u32 n, u32 m)
{
	return op | a64_wide(wide) | m << 16 | n << 5 | d;
}
static inline u32 a64_mov(bool wide, u32 d, u32 m)
{
	return a64_rrr(wide, A64_ORR, d, XZR, m);
}
static inline u32 a64_msub(bool wide, u32 d, u32 n, u32 m, u32 a)
{
	return 0x1b008000 | a64_wide(wide) | m << 16 | a << 10 | n << 5 | d;
}
static inline u32 a64_umulh(u32 d, u32 n, u32 m)
{
	return 0x9bc07c00 | m << 16 | n << 5 | d;
}

/* d = n + imm, 0 <= imm < 4096; subtract, or set flags, by other base words */
static inline u32 a64_add_imm(bool wide, u32 d, u32 n, u32 imm)
{
	return 0x11000000 | a64_wide(wide) | imm << 10 | n << 5 | d;
}
static inline u32 a64_sub_imm(bool wide, u32 d, u32 n, u32 imm)
{
	return 0x51000000 | a64_wide(wide) | imm << 10 | n << 5 | d;
}
static inline u32 a64_cmp_imm(bool wide, u32 n, u32 imm)
{
	return 0x71000000 | a64_wide(wide) | imm << 10 | n << 5 | XZR;
}
static inline u32 a64_cmn_imm(bool wide, u32 n, u32 imm)
{
	return 0x31000000 | a64_wide(wide) | imm << 10 | n << 5 | XZR;
}

static inline u32 a64_movz(u32 d, u32 imm, u32 half)
{
	return 0xd2800000 | half << 21 | imm << 5 | d;
}
static inline u32 a64_movn(u32 d, u32 imm, u32 half)
{
	return 0x92800000 | half << 21 | imm << 5 | d;
}
static inline u32 a64_movk(u32 d, u32 imm, u32 half)
{
	return 0xf2800000 | half << 21 | imm << 5 | d;
}

/* Bit fields: lsl, lsr, uxtb are unsigned ones, asr and sxtb signed. */
static inline u32 a64_field(bool wide, bool is_signed, u32 d, u32 n, u32 immr, u32 imms)
{
	return (is_signed ? 0x13000000 : 0x53000000) | a64_wide(wide) | (u32)wide << 22 |
	       immr << 16 | imms << 10 | n << 5 | d;
}
static inline u32 a64_lsl(bool wide, u32 d, u32 n, u32 by)
{
	u32 size = wide ? 64 : 32;

	return a64_field(wide, false, d, n, (size - by) % size, size - 1 - by);
}
static inline u32 a64_lsr(bool wide, u32 d, u32 n, u32 by)
{
	return a64_field(wide, false, d, n, by, wide ? 63 : 31);
}
static inline u32 a64_asr(bool wide, u32 d, u32 n, u32 by)
{
	return a64_field(wide, true, d, n, by, wide ? 63 : 31);
}
static inline u32 a64_ror(bool wide, u32 d, u32 n, u32 by)
{
	return 0x13800000 | a64_wide(wide) | (u32)wide << 22 | n << 16 | by << 10 | n << 5 | d;
}
static inline u32 a64_rev16(u32 d, u32 n)
{
	return 0x5ac00400 | n << 5 | d;
}
static inline u32 a64_rev(bool wide, u32 d, u32 n)
{
	return (wide ? 0xdac00c00 : 0x5ac00800) | n << 5 | d;
}

static inline u32 a64_mem_scaled(u32 op, u32 size, u32 t, u32 n, u32 index)
{
	return 0x39000000 | size << 30 | op | index << 10 | n << 5 | t;
}
static inline u32 a64_mem_near(u32 op, u32 size, u32 t, u32 n, s32 off)
{
	return 0x38000000 | size << 30 | op | ((u32)off & 0x1ff) << 12 | n << 5 | t;
}
static inline u32 a64_mem_reg(u32 op, u32 size, u32 t, u32 n, u32 m)
{
	return 0x38206800 | size << 30 | op | m << 16 | n << 5 | t;
}
static inline u32 a64_ldar(u32 size, u32 t, u32 n)
{
	return 0x08dffc00 | size << 30 | n << 5 | t;
}
static inline u32 a64_stlr(u32 size, u32 t, u32 n)
{
	return 0x089ffc00 | size << 30 | n << 5 | t;
}
static inline u32 a64_ldaxr(u32 size, u32 t, u32 n)
{
	return 0x085ffc00 | size << 30 | n << 5 | t;
}
static inline u32 a64_stlxr(u32 size, u32 s, u32 t, u32 n)
{
	return 0x0800fc00 | size << 30 | s << 16 | n << 5 | t;
}
static inline u32 a64_str(u32 t, u32 n, u32 bytes)
{
	return a64_mem_scaled(A64_STORE, 3, t, n, bytes / 8);
}
static inline u32 a64_ldr(u32 t, u32 n, u32 bytes)
{
	return a64_mem_scaled(A64_LOAD, 3, t, n, bytes / 8);
}

/* Jumps; distance in instructions from the jump itself. */
static inline u32 a64_b(s32 distance)
{
	return 0x14000000 | ((u32)distance & 0x3ffffff);
}
static inline u32 a64_bl(s32 distance)
{
	return 0x94000000 | ((u32)distance & 0x3ffffff);
}
static inline u32 a64_bcc(enum a64_cc cc, s32 distance)
{
	return 0x54000000 | ((u32)distance & 0x7ffff) << 5 | cc;
}
static inline u32 a64_cbz(bool wide, bool nonzero, u32 t, s32 distance)
{
	return (nonzero ? 0x35000000 : 0x34000000) | a64_wide(wide) |
	       ((u32)distance & 0x7ffff) << 5 | t;
}
static inline u32 a64_br(u32 n)
{
	return 0xd61f0000 | n << 5;
}
static inline u32 a64_blr(u32 n)
{
	return 0xd63f0000 | n << 5;
}
static inline u32 a64_ret(void)
{
	return 0xd65f03c0;
}
static inline u32 a64_adr(u32 d, s32 bytes)
{
	return 0x10000000 | ((u32)bytes & 3) << 29 | ((u32)bytes >> 2 & 0x7ffff) << 5 | d;
}
static inline u32 a64_dmb(void)
{
	return 0xd5033bbf;
}

/* The N:immr:imms field of a logical immediate (already at bit 10), or 0 if imm is none. */
u32 a64_logical_imm(bool wide, u64 imm);

#endif
