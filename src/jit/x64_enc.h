/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x86-64 instruction encoding (Intel SDM volume 2), only what x64.c uses. An enc_ function appends
 * one machine instruction. wide chooses 64-bit operands; 32-bit results clear the upper half.
 */
#ifndef JIT_X64_ENC_H
#define JIT_X64_ENC_H

#include <string.h>
#include "jit/ir.h"

enum x64_reg { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

/* The operation field of group 1 (add … cmp), of shifts, of group 3. */
enum x64_alu { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };
enum x64_shift { SHIFT_ROL, SHIFT_ROR, SHIFT_SHL = 4, SHIFT_SHR, SHIFT_SAR = 7 };
enum x64_unary { UNARY_NOT = 2, UNARY_NEG, UNARY_MUL, UNARY_IMUL, UNARY_DIV, UNARY_IDIV };
enum x64_cc {
	CC_B = 2,
	CC_AE,
	CC_E,
	CC_NE,
	CC_BE,
	CC_A,
	CC_S,
	CC_NS,
	CC_L = 12,
	CC_GE,
	CC_LE,
	CC_G
};

static inline void put(struct jbuf *buf, u64 bytes, u32 count)
{
	memcpy(buf->at + buf->len, &bytes, 8); /* room is kept by the caller */
	buf->len += count;
}
static inline void put8(struct jbuf *buf, u32 v)
{
	put(buf, v, 1);
}
static inline void put32(struct jbuf *buf, u32 v)
{
	put(buf, v, 4);
}

static inline bool fits8(s64 v)
{
	return v == (s8)v;
}
static inline bool fits32(s64 v)
{
	return v == (s32)v;
}

/* REX prefix, where one is needed; force for byte access to sil, dil, bpl. */
static inline void enc_rex(struct jbuf *buf, bool wide, u32 reg, u32 index, u32 base, bool force)
{
	u32 rex = 0x40 | (u32)wide << 3 | (reg >> 3) << 2 | (index >> 3) << 1 | base >> 3;

	if (rex != 0x40 || force)
		put8(buf, rex);
}
static inline void enc_modrm(struct jbuf *buf, u32 reg, u32 rm)
{
	put8(buf, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* ModRM (and SIB, displacement) of [base + off]. */
static inline void enc_mem(struct jbuf *buf, u32 reg, u32 base, s32 off)
{
	u32 mode = !off && (base & 7) != RBP ? 0 : fits8(off) ? 1 : 2;

	put8(buf, mode << 6 | (reg & 7) << 3 | (base & 7));
	if ((base & 7) == RSP)
		put8(buf, 0x24);
	if (mode)
		put(buf, (u32)off, mode == 1 ? 1 : 4);
}

/* op reg, rm with one opcode byte; op may carry 0x0f as its second byte (0x0fb6). */
static inline void enc_rr(struct jbuf *buf, bool wide, u32 op, u32 reg, u32 rm)
{
	enc_rex(buf, wide, reg, 0, rm, false);
	if (op > 0xff)
		put8(buf, op >> 8);
	put8(buf, op);
	enc_modrm(buf, reg, rm);
}
static inline void enc_rm(struct jbuf *buf, bool wide, u32 op, u32 reg, u32 base, s32 off,
			  bool byte)
{
	enc_rex(buf, wide, reg, 0, base, byte && reg >= 4);
	if (op > 0xff)
		put8(buf, op >> 8);
	put8(buf, op);
	enc_mem(buf, reg, base, off);
}

static inline void enc_mov(struct jbuf *buf, bool wide, u32 dst, u32 src)
{
	enc_rr(buf, wide, 0x89, src, dst);
}

static inline void enc_mov_imm(struct jbuf *buf, u32 dst, u64 imm)
{
	if (!imm) {
		enc_rr(buf, false, 0x31, dst, dst);
	} else if (imm <= UINT32_MAX) {
		enc_rex(buf, false, 0, 0, dst, false);
		put8(buf, 0xb8 | (dst & 7));
		put32(buf, (u32)imm);
	} else if (fits32((s64)imm)) {
		enc_rex(buf, true, 0, 0, dst, false);
		put8(buf, 0xc7);
		enc_modrm(buf, 0, dst);
		put32(buf, (u32)imm);
	} else {
		enc_rex(buf, true, 0, 0, dst, false);
		put8(buf, 0xb8 | (dst & 7));
		put(buf, imm, 8);
	}
}
/* The same without touching the flags. */
static inline void enc_mov_imm_keep(struct jbuf *buf, u32 dst, u32 imm)
{
	enc_rex(buf, false, 0, 0, dst, false);
	put8(buf, 0xb8 | (dst & 7));
	put32(buf, imm);
}

static inline void enc_alu(struct jbuf *buf, bool wide, enum x64_alu op, u32 dst, u32 src)
{
	enc_rr(buf, wide, (u32)op << 3 | 1, src, dst);
}
static inline void enc_alu_imm(struct jbuf *buf, bool wide, enum x64_alu op, u32 dst, s32 imm)
{
	if (!fits8(imm) && dst == RAX) {
		enc_rex(buf, wide, 0, 0, 0, false);
		put8(buf, (u32)op << 3 | 5);
		put32(buf, (u32)imm);
		return;
	}
	enc_rex(buf, wide, 0, 0, dst, false);
	put8(buf, fits8(imm) ? 0x83 : 0x81);
	enc_modrm(buf, op, dst);
	put(buf, (u32)imm, fits8(imm) ? 1 : 4);
}
/* op [base + off], imm */
static inline void enc_alu_mem_imm(struct jbuf *buf, bool wide, enum x64_alu op, u32 base, s32 off,
				   s32 imm)
{
	enc_rex(buf, wide, 0, 0, base, false);
	put8(buf, fits8(imm) ? 0x83 : 0x81);
	enc_mem(buf, op, base, off);
	put(buf, (u32)imm, fits8(imm) ? 1 : 4);
}
static inline void enc_test(struct jbuf *buf, bool wide, u32 a, u32 b)
{
	enc_rr(buf, wide, 0x85, b, a);
}
static inline void enc_test_imm(struct jbuf *buf, bool wide, u32 reg, s32 imm)
{
	bool byte = imm >= 0 && imm <= 0x7f;

	enc_rex(buf, wide && !byte && imm < 0, 0, 0, reg, byte && reg >= 4);
	put8(buf, byte ? 0xf6 : 0xf7);
	enc_modrm(buf, 0, reg);
	put(buf, (u32)imm, byte ? 1 : 4);
}
static inline void enc_shift_imm(struct jbuf *buf, bool wide, enum x64_shift op, u32 dst, u32 count)
{
	enc_rex(buf, wide, 0, 0, dst, false);
	put8(buf, count == 1 ? 0xd1 : 0xc1);
	enc_modrm(buf, op, dst);
	if (count != 1)
		put8(buf, count);
}
static inline void enc_shift_cl(struct jbuf *buf, bool wide, enum x64_shift op, u32 dst)
{
	enc_rex(buf, wide, 0, 0, dst, false);
	put8(buf, 0xd3);
	enc_modrm(buf, op, dst);
}
static inline void enc_unary(struct jbuf *buf, bool wide, enum x64_unary op, u32 dst)
{
	enc_rex(buf, wide, 0, 0, dst, false);
	put8(buf, 0xf7);
	enc_modrm(buf, op, dst);
}
static inline void enc_imul_imm(struct jbuf *buf, bool wide, u32 dst, u32 src, s32 imm)
{
	enc_rex(buf, wide, dst, 0, src, false);
	put8(buf, fits8(imm) ? 0x6b : 0x69);
	enc_modrm(buf, dst, src);
	put(buf, (u32)imm, fits8(imm) ? 1 : 4);
}
static inline void enc_imul(struct jbuf *buf, bool wide, u32 dst, u32 src)
{
	enc_rr(buf, wide, 0x0faf, dst, src);
}
static inline void enc_lea(struct jbuf *buf, bool wide, u32 dst, u32 base, s32 off)
{
	enc_rm(buf, wide, 0x8d, dst, base, off, false);
}
/* lea dst, [base + index] */
static inline void enc_lea_index(struct jbuf *buf, bool wide, u32 dst, u32 base, u32 index)
{
	enc_rex(buf, wide, dst, index, base, false);
	put8(buf, 0x8d);
	put8(buf, ((base & 7) == RBP ? 0x40 : 0) | (dst & 7) << 3 | 4);
	put8(buf, (index & 7) << 3 | (base & 7));
	if ((base & 7) == RBP)
		put8(buf, 0);
}
static inline void enc_bswap(struct jbuf *buf, bool wide, u32 dst)
{
	enc_rex(buf, wide, 0, 0, dst, false);
	put8(buf, 0x0f);
	put8(buf, 0xc8 | (dst & 7));
}
static inline void enc_push(struct jbuf *buf, u32 reg)
{
	enc_rex(buf, false, 0, 0, reg, false);
	put8(buf, 0x50 | (reg & 7));
}
static inline void enc_pop(struct jbuf *buf, u32 reg)
{
	enc_rex(buf, false, 0, 0, reg, false);
	put8(buf, 0x58 | (reg & 7));
}
/* One instruction of 1 to 9 bytes that does nothing (SDM, NOP). */
static inline void enc_nop(struct jbuf *buf, u32 bytes)
{
	static const u32 nops[] = { 0x90,	0x9066,	  0x001f0f, 0x401f0f,  0x441f0f,
				    0x441f0f66, 0x801f0f, 0x841f0f, 0x841f0f66 };

	put(buf, nops[bytes - 1], min(bytes, 8u));
	if (bytes == 9)
		put8(buf, 0);
}
static inline void enc_ret(struct jbuf *buf)
{
	put8(buf, 0xc3);
}

/* VEX-encoded BMI2: map 2 (shlx …, mulx) or 3 (rorx), with vvvv as the third operand. */
static inline void enc_vex(struct jbuf *buf, bool wide, u32 map, u32 prefix, u32 op, u32 reg,
			   u32 vvvv, u32 rm)
{
	put8(buf, 0xc4);
	put8(buf, (~reg >> 3 & 1) << 7 | 1 << 6 | (~rm >> 3 & 1) << 5 | map);
	put8(buf, (u32)wide << 7 | (~vvvv & 15) << 3 | prefix);
	put8(buf, op);
	enc_modrm(buf, reg, rm);
}
static inline void enc_rorx(struct jbuf *buf, bool wide, u32 dst, u32 src, u32 count)
{
	enc_vex(buf, wide, 3, 3, 0xf0, dst, 0, src);
	put8(buf, count);
}
/* high:low = rdx * src */
static inline void enc_mulx(struct jbuf *buf, u32 high, u32 low, u32 src)
{
	enc_vex(buf, true, 2, 3, 0xf6, high, low, src);
}

/* movbe dst, [base + off]: 16 (zero-extended by the caller), 32 or 64 bits */
static inline void enc_movbe(struct jbuf *buf, u32 bits, u32 dst, u32 base, s32 off)
{
	if (bits == 16)
		put8(buf, 0x66);
	enc_rex(buf, bits == 64, dst, 0, base, false);
	put(buf, 0xf0380f, 3);
	enc_mem(buf, dst, base, off);
}

#endif
