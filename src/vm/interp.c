// SPDX-License-Identifier: BSD-2-Clause
/*
 * The interpreter: direct-threaded code (each pre-decoded instruction carries its handler's address).
 *
 * This file is compiled twice: as it is for verified programs, and by interp_checked.c with CHECKED
 * for those nobody verified, whose accesses and running time are tested. Instruction semantics are
 * RFC 9669's; insn.def says which instruction is which. BPF-to-BPF calls keep their frames in an
 * array here, so the native stack does not grow with them.
 */
#include <errno.h>
#include <string.h>

#include "vm/arith.h"
#include "vm/watch.h"

#ifndef CHECKED
#define CHECKED 0
#define INTERP	interp_plain
#endif

/* Memory at any alignment. */
struct mem8 {
	u8 v;
} __attribute__((packed, may_alias));
struct mem16 {
	u16 v;
} __attribute__((packed, may_alias));
struct mem32 {
	u32 v;
} __attribute__((packed, may_alias));
struct mem64 {
	u64 v;
} __attribute__((packed, may_alias));

#define NEXT                        \
	do {                        \
		ip++;               \
		WATCH_STEP;         \
		goto * ip->handler; \
	} while (0)
#define DST reg[ip->dst]
#define SRC reg[ip->src]
#define IMM ((u64)(s64)ip->imm)

/* A store of a program on another CPU may be meant to be seen: loops may not be optimised over these. */
#define TOUCH(addr, size)                                   \
	do {                                                \
		if (CHECKED && !may_touch(run, addr, size)) \
			goto fault;                         \
	} while (0)
#define TOUCH_ALIGNED(addr, size)               \
	do {                                    \
		TOUCH(addr, size);              \
		if (CHECKED && (addr) % (size)) \
			goto fault;             \
	} while (0)
#define JUMP(distance)                                                            \
	do {                                                                      \
		s32 jump_by = (distance);                                         \
		if (CHECKED && jump_by < 0 && (run->guard.budget += jump_by) < 0) \
			goto spent;                                               \
		ip += jump_by;                                                    \
		NEXT;                                                             \
	} while (0)

/* Four instructions of one operation; e64 and e32 compute from a and b. */
#define BINARY(name, e64, e32)                      \
	name##64_IMM:                               \
	{                                           \
		u64 a = DST, b = IMM;               \
		DST = (e64);                        \
		(void)a;                            \
		NEXT;                               \
	}                                           \
	name##64_REG:                               \
	{                                           \
		u64 a = DST, b = SRC;               \
		DST = (e64);                        \
		(void)a;                            \
		NEXT;                               \
	}                                           \
	name##32_IMM:                               \
	{                                           \
		u32 a = (u32)DST, b = (u32)ip->imm; \
		DST = (u32)(e32);                   \
		(void)a;                            \
		NEXT;                               \
	}                                           \
	name##32_REG:                               \
	{                                           \
		u32 a = (u32)DST, b = (u32)SRC;     \
		DST = (u32)(e32);                   \
		(void)a;                            \
		NEXT;                               \
	}
#define COMPARE(name, sign, op)                                               \
	name##64_IMM : if ((sign##64)DST op(sign##64) IMM) JUMP(ip->off);     \
	NEXT;                                                                 \
	name##64_REG : if ((sign##64)DST op(sign##64) SRC) JUMP(ip->off);     \
	NEXT;                                                                 \
	name##32_IMM : if ((sign##32)DST op(sign##32) ip->imm) JUMP(ip->off); \
	NEXT;                                                                 \
	name##32_REG : if ((sign##32)DST op(sign##32) SRC) JUMP(ip->off);     \
	NEXT;
#define MEMORY(bits)                                                             \
	LDX##bits:                                                               \
	{                                                                        \
		u64 at = SRC + (u64)ip->off;                                     \
		TOUCH(at, bits / 8);                                             \
		DST = ((const struct mem##bits *)at)->v;                         \
		NEXT;                                                            \
	}                                                                        \
	STX##bits:                                                               \
	{                                                                        \
		u64 at = DST + (u64)ip->off;                                     \
		TOUCH(at, bits / 8);                                             \
		((struct mem##bits *)at)->v = (u##bits)SRC;                      \
		NEXT;                                                            \
	}                                                                        \
	ST##bits:                                                                \
	{                                                                        \
		u64 at = DST + (u64)ip->off;                                     \
		TOUCH(at, bits / 8);                                             \
		((struct mem##bits *)at)->v = (u##bits)ip->imm;                  \
		NEXT;                                                            \
	}                                                                        \
	LOAD_ACQ##bits:                                                          \
	{                                                                        \
		u64 at = SRC + (u64)ip->off;                                     \
		TOUCH_ALIGNED(at, bits / 8);                                     \
		DST = __atomic_load_n((u##bits *)at, __ATOMIC_ACQUIRE);          \
		NEXT;                                                            \
	}                                                                        \
	STORE_REL##bits:                                                         \
	{                                                                        \
		u64 at = DST + (u64)ip->off;                                     \
		TOUCH_ALIGNED(at, bits / 8);                                     \
		__atomic_store_n((u##bits *)at, (u##bits)SRC, __ATOMIC_RELEASE); \
		NEXT;                                                            \
	}
#define SIGNED_LOAD(bits)                                                   \
	LDSX##bits:                                                         \
	{                                                                   \
		u64 at = SRC + (u64)ip->off;                                \
		TOUCH(at, bits / 8);                                        \
		DST = (u64)(s64)(s##bits)((const struct mem##bits *)at)->v; \
		NEXT;                                                       \
	}
#define ATOMIC_AT(bits)                      \
	({                                   \
		u64 at = DST + (u64)ip->off; \
		TOUCH_ALIGNED(at, bits / 8); \
		(u##bits *)at;               \
	})
#define ATOMIC_OP(name, builtin)                                                            \
	ATOMIC_##name##64 : builtin(ATOMIC_AT(64), SRC, __ATOMIC_SEQ_CST);                  \
	NEXT;                                                                               \
	ATOMIC_##name##32 : builtin(ATOMIC_AT(32), (u32)SRC, __ATOMIC_SEQ_CST);             \
	NEXT;                                                                               \
	ATOMIC_FETCH_##name##64 : SRC = builtin(ATOMIC_AT(64), SRC, __ATOMIC_SEQ_CST);      \
	NEXT;                                                                               \
	ATOMIC_FETCH_##name##32 : SRC = builtin(ATOMIC_AT(32), (u32)SRC, __ATOMIC_SEQ_CST); \
	NEXT;
#define PACKET(size, offset)                                                        \
	{                                                                           \
		s64 got = run->ops && run->ops->load_packet                         \
				  ? run->ops->load_packet(run, (s32)(offset), size) \
				  : -1;                                             \
		if (got < 0) {                                                      \
			reg[0] = 0;                                                 \
			goto leave;                                                 \
		}                                                                   \
		reg[0] = (u64)got;                                                  \
		NEXT;                                                               \
	}

u64 INTERP(const struct code *code, u32 start, const u64 args[5], struct run *run,
	   const void **labels)
{
	static const void *const table[OP_COUNT] = {
		[OP_INVALID] = &&INVALID,
		[OP_WIDE_HIGH] = &&INVALID,
#define INSN(name, opcode, field, value, format, text) [OP_##name] = &&name,
#include "isa/insn.def"
	};
	struct interp_frame frames[RUN_FRAMES - 1];
	u32 depth = 0;
	const struct iop *ip;
	u64 reg[MAX_BPF_REG];

	if (!run) {
		memcpy(labels, table, sizeof(table));
		return 0;
	}
	memset(reg, 0, sizeof(reg));
	memcpy(&reg[1], args, 5 * sizeof(u64));
	reg[10] = (u64)run->stack_cur;
	ip = code->iops + start;
	WATCH_BEGIN;
	WATCH_STEP;
	goto * ip->handler;

	BINARY(ADD, a + b, a + b)
	BINARY(SUB, a - b, a - b)
	BINARY(MUL, a * b, a * b)
	BINARY(DIV, div64(a, b), div32(a, b))
	BINARY(SDIV, sdiv64(a, b), sdiv32(a, b))
	BINARY(MOD, mod64(a, b), mod32(a, b))
	BINARY(SMOD, smod64(a, b), smod32(a, b))
	BINARY(OR, a | b, a | b)
	BINARY(AND, a & b, a & b)
	BINARY(XOR, a ^ b, a ^ b)
	BINARY(LSH, a << (b & 63), a << (b & 31))
	BINARY(RSH, a >> (b & 63), a >> (b & 31))
	BINARY(ARSH, (u64)((s64)a >> (b & 63)), (u32)((s32)a >> (b & 31)))
	BINARY(MOV, b, b)

MOVSX8_64:
	DST = (u64)(s64)(s8)SRC;
	NEXT;
MOVSX16_64:
	DST = (u64)(s64)(s16)SRC;
	NEXT;
MOVSX32_64:
	DST = (u64)(s64)(s32)SRC;
	NEXT;
MOVSX8_32:
	DST = (u32)(s32)(s8)SRC;
	NEXT;
MOVSX16_32:
	DST = (u32)(s32)(s16)SRC;
	NEXT;
NEG64:
	DST = -DST;
	NEXT;
NEG32:
	DST = (u32) - (u32)DST;
	NEXT;

/* Hosts are little endian */
LE16:
	DST = (u16)DST;
	NEXT;
LE32:
	DST = (u32)DST;
	NEXT;
LE64:
	NEXT;
BE16:
BSWAP16:
	DST = __builtin_bswap16((u16)DST);
	NEXT;
BE32:
BSWAP32:
	DST = __builtin_bswap32((u32)DST);
	NEXT;
BE64:
BSWAP64:
	DST = __builtin_bswap64(DST);
	NEXT;

JA:
	JUMP(ip->off);
JA32:
	JUMP(ip->imm);
	COMPARE(JEQ, u, ==)
	COMPARE(JNE, u, !=)
	COMPARE(JGT, u, >)
	COMPARE(JGE, u, >=)
	COMPARE(JLT, u, <)
	COMPARE(JLE, u, <=)
	COMPARE(JSET, u, &)
	COMPARE(JSGT, s, >)
	COMPARE(JSGE, s, >=)
	COMPARE(JSLT, s, <)
	COMPARE(JSLE, s, <=)
MAY_GOTO:
	if (!run->may_goto)
		JUMP(ip->off);
	run->may_goto--;
	NEXT;

CALL_HELPER:
	run->stack_cur = (u8 *)reg[10] - ip->off;
	reg[0] = code->helpers[ip->imm](reg[1], reg[2], reg[3], reg[4], reg[5], run);
	NEXT;
CALLX:
	run->stack_cur = (u8 *)reg[10] - CHECKED_FRAME;
	run->code = code;
	reg[0] = call_by_number(reg[1], reg[2], reg[3], reg[4], reg[5], run, DST);
	if (run->guard.error)
		return 0;
	NEXT;
CALL_LOCAL:
	if (depth == ARRAY_SIZE(frames))
		goto too_deep;
	if (CHECKED && (run->guard.budget -= iop_charge(ip)) < 0)
		goto spent;
	frames[depth] =
		(struct interp_frame){ ip, { reg[6], reg[7], reg[8], reg[9] }, (u8 *)reg[10] };
	depth++;
	reg[10] -= CHECKED ? (u64)CHECKED_FRAME : (u64)ip->off;
	ip += ip->imm;
	NEXT;
EXIT:
leave:
	if (!depth)
		return reg[0];
	depth--;
	memcpy(&reg[6], frames[depth].saved, sizeof(frames[depth].saved));
	reg[10] = (u64)frames[depth].fp;
	ip = frames[depth].back;
	NEXT;

	MEMORY(8)
	MEMORY(16)
	MEMORY(32)
	MEMORY(64)
	SIGNED_LOAD(8)
	SIGNED_LOAD(16)
	SIGNED_LOAD(32)

	ATOMIC_OP(ADD, __atomic_fetch_add)
	ATOMIC_OP(OR, __atomic_fetch_or)
	ATOMIC_OP(AND, __atomic_fetch_and)
	ATOMIC_OP(XOR, __atomic_fetch_xor)
ATOMIC_XCHG64:
	SRC = __atomic_exchange_n(ATOMIC_AT(64), SRC, __ATOMIC_SEQ_CST);
	NEXT;
ATOMIC_XCHG32:
	SRC = __atomic_exchange_n(ATOMIC_AT(32), (u32)SRC, __ATOMIC_SEQ_CST);
	NEXT;
ATOMIC_CMPXCHG64:
	__atomic_compare_exchange_n(ATOMIC_AT(64), &reg[0], SRC, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	NEXT;
ATOMIC_CMPXCHG32 : {
	u32 expected = (u32)reg[0];

	__atomic_compare_exchange_n(ATOMIC_AT(32), &expected, (u32)SRC, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	reg[0] = expected;
	NEXT;
}

LD_IMM64:
LD_MAP_FD:
LD_MAP_VALUE:
LD_BTF_ID:
LD_MAP_IDX:
LD_MAP_IDX_VALUE:
LD_FUNC:
	DST = (u32)ip->imm | (u64)(u32)ip[1].imm << 32;
	ip++;
	NEXT;

LD_ABS8:
	PACKET(1, ip->imm)
LD_ABS16:
	PACKET(2, ip->imm)
LD_ABS32:
	PACKET(4, ip->imm)
LD_IND8:
	PACKET(1, SRC + IMM)
LD_IND16:
	PACKET(2, SRC + IMM)
LD_IND32:
	PACKET(4, SRC + IMM)

/* A spare slot of the table: bpf_tail_call, which interp_prepare() tells from other helper calls. */
INVALID:
	if (run->tail_calls < RUN_TAIL_CALLS && run->ops && run->ops->tail_target) {
		const struct code *target =
			run->ops->tail_target(run, (struct map *)reg[2], (u32)reg[3]);

		if (target) {
			run->tail_calls++;
			run->code = target;
			if (!depth && target->iops) {
				code = target;
				ip = code->iops;
				WATCH_STEP;
				goto * ip->handler;
			}
			run->stack_cur = (u8 *)reg[10];
			reg[0] = target->entry(reg[1], 0, 0, 0, 0, run);
			goto leave;
		}
	}
	reg[0] = 0;
	NEXT;

/* Refused by check_structure() */
ADDR_SPACE_CAST:
CALL_KFUNC:
fault:
	run->guard.error = -EFAULT;
	return 0;
spent:
	run->guard.error = -ETIME;
	return 0;
too_deep:
	run->guard.error = -ELOOP;
	return 0;
}
