/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How far the frame pointer lies above the stack pointer in a function that has set both up: read off
 * its first instructions, up to the first jump or call. Instructions are told by their length only,
 * but for those that move the stack pointer.
 */
#include <string.h>

#include "event/unwind.h"

enum { PROLOGUE = 128, LONGEST = 15 };

/* Operands behind an opcode: ModRM, bytes of an immediate. */
enum { M = 0x10, I1 = 1, I2 = 2, I3 = 3, I4 = 4, I8 = 8, BAD = 0x80 };

static u8 one_byte_operands(u8 op)
{
	if (op < 0x40)
		return (u8[]){ M, M, M, M, I1, I4, BAD, BAD }[op & 7];
	switch (op) {
	case 0x63:
	case 0x84 ... 0x8f:
	case 0xd0 ... 0xd3:
	case 0xd8 ... 0xdf:
	case 0xf6:
	case 0xf7:
	case 0xfe:
	case 0xff: return M;
	case 0x6b:
	case 0x80:
	case 0x83:
	case 0xc0:
	case 0xc1:
	case 0xc6: return M | I1;
	case 0x69:
	case 0x81:
	case 0xc7: return M | I4;
	case 0x6a:
	case 0x70 ... 0x7f:
	case 0xa8:
	case 0xb0 ... 0xb7:
	case 0xcd:
	case 0xe0 ... 0xe7:
	case 0xeb: return I1;
	case 0x68:
	case 0xa9:
	case 0xb8 ... 0xbf:
	case 0xe8:
	case 0xe9: return I4;
	case 0xa0 ... 0xa3: return I8;
	case 0xc2:
	case 0xca: return I2;
	case 0xc8: return I3;
	case 0x50 ... 0x5f:
	case 0x6c ... 0x6f:
	case 0x90 ... 0x99:
	case 0x9b ... 0x9f:
	case 0xa4 ... 0xa7:
	case 0xaa ... 0xaf:
	case 0xc3:
	case 0xc9:
	case 0xcb:
	case 0xcc:
	case 0xcf:
	case 0xec ... 0xef:
	case 0xf4:
	case 0xf5:
	case 0xf8 ... 0xfd: return 0;
	default: return BAD;
	}
}

static u8 two_byte_operands(u8 op)
{
	switch (op) {
	case 0x05 ... 0x09:
	case 0x0b:
	case 0x0e:
	case 0x30 ... 0x37:
	case 0x77:
	case 0xa0 ... 0xa2:
	case 0xa8 ... 0xaa:
	case 0xc8 ... 0xcf: return 0;
	case 0x70 ... 0x73:
	case 0xa4:
	case 0xac:
	case 0xba:
	case 0xc2:
	case 0xc4 ... 0xc6: return M | I1;
	case 0x80 ... 0x8f: return I4;
	default: return M;
	}
}

/* An instruction taken apart so far as this file needs it. */
struct x86 {
	u32 len;
	u32 map; /* 0: one byte; 1: 0f; 2: 0f 38; 3: 0f 3a */
	u8 rex, op, modrm;
	bool short_imm; /* operands of 16 bits */
	const u8 *imm;
};

/* Behind a ModRM: scaled index, displacement. */
static u32 memory_operand(const u8 *at)
{
	u8 mod = at[0] >> 6, rm = at[0] & 7;
	u32 len = 1;

	if (mod == 3)
		return len;
	if (rm == 4) {
		len++;
		if (!mod && (at[1] & 7) == 5)
			len += 4;
	} else if (!mod && rm == 5) {
		len += 4;
	}
	return len + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
}

/* Prefixes, and the opcode's map. Returns where the opcode is. */
static const u8 *find_opcode(const u8 *at, struct x86 *x)
{
	for (u32 i = 0;
	     i < 4 && (at[0] == 0x66 || at[0] == 0xf2 || at[0] == 0xf3 || at[0] == 0x2e ||
		       at[0] == 0x3e || at[0] == 0x64 || at[0] == 0x65 || at[0] == 0x67);
	     i++)
		x->short_imm |= *at++ == 0x66;
	if ((at[0] & 0xf0) == 0x40)
		x->rex = *at++;
	if (at[0] == 0xc5) {
		x->map = 1;
		return at + 2;
	}
	if (at[0] == 0xc4 || at[0] == 0x62) {
		x->map = at[1] & 7;
		return at + (at[0] == 0xc4 ? 3 : 4);
	}
	if (at[0] != 0x0f)
		return at;
	x->map = at[1] == 0x38 ? 2 : at[1] == 0x3a ? 3 : 1;
	return at + (x->map == 1 ? 1 : 2);
}

/* false: not known. code has LONGEST bytes. */
static bool take_apart(const u8 *code, struct x86 *x)
{
	const u8 *at;
	u8 operands;

	*x = (struct x86){ .len = 0 };
	at = find_opcode(code, x);
	x->op = *at++;
	operands = x->map == 0	 ? one_byte_operands(x->op)
		   : x->map == 1 ? two_byte_operands(x->op)
		   : x->map == 2 ? M
		   : x->map == 3 ? M | I1
				 : BAD;
	if (operands & BAD)
		return false;
	if (operands & M) {
		x->modrm = *at;
		at += memory_operand(at);
		if (!x->map && (x->op == 0xf6 || x->op == 0xf7) && !(x->modrm & 0x30))
			operands |= x->op == 0xf6 ? I1 : I4;
	}
	x->imm = at;
	operands &= 0xf;
	if (operands == I4 && x->short_imm && x->op != 0xe8 && x->op != 0xe9)
		operands = I2;
	if (!x->map && (x->op & 0xf8) == 0xb8 && x->rex & 8)
		operands = I8;
	x->len = (u32)(at - code) + operands;
	return x->len <= LONGEST;
}

enum move { STAYS, MOVES, ENDS, LOSES };

/* What an instruction does to the stack pointer: MOVES: down by *by; ENDS: control goes elsewhere; LOSES: anything. */
static enum move move_of(const struct x86 *x, s64 *by)
{
	bool to_sp = (x->modrm >> 6) == 3 && (x->modrm & 7) == 4 && !(x->rex & 1);
	bool from_sp_reg = (x->modrm >> 3 & 7) == 4 && !(x->rex & 4);
	s32 imm;

	if (x->map)
		return x->map == 1 && (x->op & 0xf0) == 0x80 ? ENDS : STAYS;
	switch (x->op) {
	case 0x50 ... 0x57: *by = 8; return MOVES;
	case 0x81:
	case 0x83:
		if (!to_sp)
			return STAYS;
		if (x->op == 0x83)
			imm = (s8)x->imm[0];
		else
			memcpy(&imm, x->imm, 4);
		*by = (x->modrm >> 3 & 7) == 5 ? imm : -(s64)imm;
		return (x->modrm >> 3 & 7) == 5 || (x->modrm >> 3 & 7) == 0 ? MOVES : LOSES;
	case 0x89: return to_sp ? LOSES : STAYS;
	case 0x8b:
	case 0x8d: return from_sp_reg ? LOSES : STAYS;
	case 0x58 ... 0x5f:
	case 0xc8:
	case 0xc9:
	case 0x94: return LOSES;
	case 0x70 ... 0x7f:
	case 0xc2:
	case 0xc3:
	case 0xcc:
	case 0xe0 ... 0xe3:
	case 0xe8:
	case 0xe9:
	case 0xeb: return ENDS;
	case 0xff:
		return (x->modrm >> 3 & 7) == 6 ? LOSES : (x->modrm >> 3 & 7) >= 2 ? ENDS : STAYS;
	default: return STAYS;
	}
}

/* "mov %rsp,%rbp", in either encoding. */
static bool sets_bp(const u8 *code)
{
	return !memcmp(code, "\x48\x89\xe5", 3) || !memcmp(code, "\x48\x8b\xec", 3);
}

bool prologue_frame(struct unwind_space *space, u64 start, u64 *above)
{
	u8 code[PROLOGUE + LONGEST];
	bool framed = false;
	struct x86 x;
	s64 by, sum = 0;
	enum move move;

	if (!unwind_read(space, code, start, sizeof(code)))
		return false;
	for (u32 at = 0; at < PROLOGUE; at += x.len) {
		if (!take_apart(code + at, &x))
			return false;
		move = move_of(&x, &by);
		if (move == LOSES)
			return false;
		if (move == ENDS)
			break;
		if (move == MOVES)
			sum += by;
		if (sets_bp(code + at)) {
			framed = true;
			sum = 0;
		}
	}
	*above = (u64)sum;
	return framed && sum >= 0;
}
