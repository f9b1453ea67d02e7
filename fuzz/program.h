/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random programs, mostly valid: arithmetic, branches, loops, stack, map values, packets, helpers, locks,
 * timers, ring buffer records, callbacks and functions, for the maps of tests/verify/oracle.h. With `program_fixed` set, nothing in them depends on
 * chance or on memory that was never written, so that two machines must come to the same end.
 */
#ifndef FUZZ_PROGRAM_H
#define FUZZ_PROGRAM_H

#include <string.h>

#include "def/uapi.h"
#include "util/types.h"
#include "verify/oracle.h"

enum { MOST = 200, ROOM = MOST + 400 };

/* Maps of oracle.h by number. */
enum { RINGBUF = 5, LOCKED = 18, TIMED = 19 };

/* Functions behind the program. */
enum function { STATIC, LOOP, EACH, TIMER, GLOBAL, FUNCTIONS };

static u64 seed;
static bool program_fixed;

static u32 rnd(u32 n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (u32)((seed >> 11) % n);
}

/* What the generator thinks a register is; only to make sense more often. */
enum kind { NONE, NUMBER, SMALL, FRAME, VALUE, MAYBE, CONTEXT, PACKET, END };

struct gen {
	struct bpf_insn insns[ROOM];
	u32 n, type;
	u8 kind[11];
	u8 size[11];		/* VALUE: bytes behind it */
	bool slot[8];		/* stack slot written */
	bool needs[FUNCTIONS];
	u32 starts[FUNCTIONS];	/* 0: none */
	bool told;		/* functions have BTF */
	const struct question *compiled;	/* what this was before it was damaged, or NULL */
};

static void put(struct gen *g, u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	if (g->n < ROOM)
		g->insns[g->n++] = (struct bpf_insn){ .code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm };
}

static s32 interesting(void)
{
	static const s32 some[] = { 0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 40, 47, 48, 63, 64, 100, 127, 128, 255, 256,
		0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, -1, -2, -8, -16, -128, -32768, (s32)0x80000000 };

	return rnd(4) ? some[rnd(ARRAY_SIZE(some))] : (s32)rnd(0xffffffff);
}

static s32 pick(struct gen *g, u32 wanted)
{
	u32 start = rnd(10);

	for (u32 i = 0; i < 10; i++)
		if (wanted >> g->kind[(start + i) % 10] & 1)
			return (s32)((start + i) % 10);
	return -1;
}

#define NUMBERS (1u << NUMBER | 1u << SMALL)
#define POINTERS (1u << FRAME | 1u << VALUE | 1u << PACKET)

/* A number the verifier knows nothing of: from the map "data". */
static void gen_stored(struct gen *g, u8 reg)
{
	put(g, BPF_LD | BPF_IMM | BPF_DW, reg, BPF_PSEUDO_MAP_VALUE, 0, 3);
	put(g, 0, 0, 0, 0, 0);
	put(g, BPF_LDX | BPF_MEM | BPF_DW, reg, reg, (s16)(8 * rnd(8)), 0);
	g->kind[reg] = NUMBER;
}

static void gen_number(struct gen *g, u8 reg)
{
	if (program_fixed && !rnd(2))
		return gen_stored(g, reg);
	switch (program_fixed ? rnd(2) : rnd(4)) {
	case 0:
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, reg, 0, 0, interesting());
		break;
	case 1:
		put(g, BPF_ALU | BPF_MOV | BPF_K, reg, 0, 0, interesting());
		break;
	case 2:
		put(g, BPF_JMP | BPF_CALL, 0, 0, 0, 7);
		for (u32 r = 1; r <= 5; r++)
			g->kind[r] = NONE;
		g->kind[0] = NUMBER;
		put(g, BPF_ALU64 | BPF_MOV | BPF_X, reg, 0, 0, 0);
		break;
	default:
		put(g, BPF_LD | BPF_IMM | BPF_DW, reg, 0, 0, interesting());
		put(g, 0, 0, 0, 0, interesting());
	}
	g->kind[reg] = NUMBER;
}

static void gen_alu(struct gen *g)
{
	static const u8 ops[] = { BPF_ADD, BPF_SUB, BPF_MUL, BPF_OR, BPF_AND, BPF_LSH, BPF_RSH, BPF_XOR, BPF_MOV, BPF_ARSH,
		BPF_DIV, BPF_MOD, BPF_NEG, BPF_AND, BPF_ADD, BPF_ADD };
	u8 op = ops[rnd(ARRAY_SIZE(ops))], class = rnd(3) ? BPF_ALU64 : BPF_ALU;
	s32 dst = pick(g, NUMBERS), src = pick(g, NUMBERS), imm = interesting();
	s16 off = 0;

	if (dst < 0)
		return gen_number(g, (u8)rnd(10));
	if (op == BPF_NEG) {
		put(g, class | op, (u8)dst, 0, 0, 0);
		return;
	}
	if (op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH)
		imm = (s32)rnd(class == BPF_ALU64 ? 64 : 32);
	if ((op == BPF_DIV || op == BPF_MOD) && !imm)
		imm = 3;
	if ((op == BPF_DIV || op == BPF_MOD) && !rnd(3))
		off = 1;
	if (src >= 0 && rnd(2)) {
		if (op == BPF_MOV && !rnd(4))
			off = class == BPF_ALU64 ? (s16)(8 << rnd(3)) : (s16)(8 << rnd(2));
		put(g, class | op | BPF_X, (u8)dst, (u8)src, off, 0);
	} else {
		put(g, class | op | BPF_K, (u8)dst, 0, op == BPF_MOV ? 0 : off, imm);
	}
	if (op == BPF_AND)
		g->kind[dst] = SMALL;
}

static void gen_copy(struct gen *g)
{
	s32 src = pick(g, ~1u);
	u8 dst = (u8)rnd(10);

	if (src < 0)
		return;
	put(g, BPF_ALU64 | BPF_MOV | BPF_X, dst, (u8)src, 0, 0);
	g->kind[dst] = g->kind[src];
	g->size[dst] = g->size[src];
}

/* Two numbers a constant apart, and a comparison that tells of both. */
static void gen_linked(struct gen *g)
{
	static const u8 ops[] = { BPF_JLE, BPF_JLT, BPF_JGE, BPF_JGT, BPF_JSLT, BPF_JSGE, BPF_JEQ };
	s32 src = pick(g, NUMBERS);
	u8 dst = (u8)rnd(10), class = rnd(3) ? BPF_ALU64 : BPF_ALU;

	if (src < 0 || src == dst)
		return;
	if (rnd(2))
		put(g, BPF_ALU | BPF_MOV | BPF_X, (u8)src, (u8)src, 0, 0);
	put(g, BPF_ALU64 | BPF_MOV | BPF_X, dst, (u8)src, 0, 0);
	put(g, class | (rnd(2) ? BPF_ADD : BPF_SUB) | BPF_K, dst, 0, 0, rnd(3) ? (s32)rnd(40) - 20 : interesting());
	put(g, (rnd(3) ? BPF_JMP : BPF_JMP32) | ops[rnd(ARRAY_SIZE(ops))] | BPF_K, rnd(4) ? dst : (u8)src, 0, 2,
	    rnd(2) ? (s32)rnd(60) : interesting());
	put(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	g->kind[dst] = NUMBER;
	g->kind[src] = rnd(2) ? SMALL : NUMBER;
}

static u8 width(void)
{
	static const u8 sizes[] = { BPF_B, BPF_H, BPF_W, BPF_DW };

	return sizes[rnd(4)];
}

static s16 stack_offset(u8 size)
{
	u32 bytes = size == BPF_B ? 1 : size == BPF_H ? 2 : size == BPF_W ? 4 : 8;

	return (s16)(-(s32)(1 + rnd(64 / bytes)) * (s32)bytes);
}

static void gen_stack(struct gen *g)
{
	u8 size = rnd(2) ? BPF_DW : width();
	s16 off = stack_offset(size);
	s32 src = pick(g, program_fixed ? NUMBERS : ~1u);

	switch (rnd(4)) {
	case 0:
		put(g, BPF_ST | BPF_MEM | size, 10, 0, off, rnd(2) ? 0 : interesting());
		break;
	case 1:
		if (src >= 0)
			put(g, BPF_STX | BPF_MEM | size, 10, (u8)src, off, 0);
		break;
	default: {
		u8 dst = (u8)rnd(10);

		put(g, BPF_LDX | (size != BPF_DW && !rnd(4) ? BPF_MEMSX : BPF_MEM) | size, dst, 10, off, 0);
		g->kind[dst] = NUMBER;
	}
	}
}

/* Frame pointer plus a variable offset. */
static void gen_variable_stack(struct gen *g)
{
	s32 n = pick(g, NUMBERS);
	u8 dst = (u8)rnd(10), size = width();

	if (n < 0 || n == dst)
		return;
	put(g, BPF_ALU64 | BPF_AND | BPF_K, (u8)n, 0, 0, (s32)(rnd(4) * 8 + 7) & ~(rnd(2) ? 7 : 0));
	put(g, BPF_ALU64 | BPF_MOV | BPF_X, dst, 10, 0, 0);
	put(g, BPF_ALU64 | BPF_ADD | BPF_X, dst, (u8)n, 0, 0);
	put(g, BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, -(s32)(rnd(8) * 8 + 8));
	g->kind[dst] = FRAME;
	if (rnd(2))
		put(g, BPF_ST | BPF_MEM | size, dst, 0, 0, rnd(2) ? 0 : 5);
	else
		put(g, BPF_LDX | BPF_MEM | size, (u8)rnd(10), dst, 0, 0);
}

static void gen_lookup(struct gen *g)
{
	static const u8 maps[] = { 0, 1, 2, 8, 13, 14 }, sizes[] = { 8, 48, 48, 16, 16, 16 };
	u32 m = rnd(ARRAY_SIZE(maps));
	u8 keep = (u8)(6 + rnd(4));

	put(g, BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, (s32)rnd(3));
	put(g, BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0);
	put(g, BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -8);
	put(g, BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, maps[m]);
	put(g, 0, 0, 0, 0, 0);
	put(g, BPF_JMP | BPF_CALL, 0, 0, 0, 1);
	for (u32 r = 1; r <= 5; r++)
		g->kind[r] = NONE;
	g->kind[0] = MAYBE;
	g->size[0] = sizes[m];
	if (program_fixed || rnd(3))
		put(g, BPF_ALU64 | BPF_MOV | BPF_X, keep, 0, 0, 0);
	if (rnd(8)) {
		put(g, BPF_JMP | BPF_JNE | BPF_K, 0, 0, 2, 0);
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
		put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
		g->kind[0] = VALUE;
	}
	if (program_fixed || g->insns[g->n - 1].code != (BPF_JMP | BPF_EXIT) || rnd(4)) {
		g->kind[keep] = g->kind[0];
		g->size[keep] = g->size[0];
	}
}

static void gen_atomic_at(struct gen *g, u8 p, u8 n, s16 off)
{
	static const s32 some[] = { BPF_ADD, BPF_OR, BPF_AND, BPF_XOR, BPF_ADD | BPF_FETCH, BPF_OR | BPF_FETCH,
		BPF_AND | BPF_FETCH, BPF_XOR | BPF_FETCH, BPF_XCHG, BPF_CMPXCHG, BPF_LOAD_ACQ, BPF_STORE_REL };
	s32 op = some[rnd(ARRAY_SIZE(some))];
	u8 size = rnd(2) ? BPF_W : BPF_DW;

	if (op == BPF_CMPXCHG && program_fixed && g->kind[0] != NUMBER && g->kind[0] != SMALL)
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, interesting());
	if (op == BPF_LOAD_ACQ || op == BPF_STORE_REL)
		size = width();
	if (op == BPF_LOAD_ACQ)
		put(g, BPF_STX | BPF_ATOMIC | size, n, p, off, op);
	else
		put(g, BPF_STX | BPF_ATOMIC | size, p, n, off, op);
	g->kind[n] = NUMBER;
	if (op == BPF_CMPXCHG)
		g->kind[0] = NUMBER;
}

/* On whatever pointer there is, aligned or not. */
static void gen_any_atomic(struct gen *g)
{
	s32 n = pick(g, program_fixed || rnd(8) ? NUMBERS : ~1u);
	s32 p = program_fixed ? 10 : pick(g, POINTERS | 1u << CONTEXT | 1u << MAYBE | 1u << END);

	if (n < 0)
		return;
	if (p < 0 || rnd(3))
		gen_atomic_at(g, 10, (u8)n, (s16)(-8 * (s32)(1 + rnd(8)) + (program_fixed || rnd(6) ? 0 : 4)));
	else
		gen_atomic_at(g, (u8)p, (u8)n, (s16)(rnd(8) ? 8 * rnd(4) : rnd(20)));
}

static void gen_access(struct gen *g)
{
	s32 p = pick(g, 1u << VALUE | 1u << PACKET), n = pick(g, NUMBERS);
	u8 size = width(), dst = (u8)rnd(10);
	s16 off = (s16)rnd(rnd(4) ? 8 : 52);

	if (p < 0)
		return;
	if (n >= 0 && n != p && rnd(2)) {
		switch (rnd(4)) {
		case 0:
			put(g, BPF_ALU64 | BPF_AND | BPF_K, (u8)n, 0, 0, (s32)rnd(40));
			break;
		case 1:
			put(g, BPF_JMP | BPF_JLE | BPF_K, (u8)n, 0, 2, (s32)rnd(44));
			put(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
			put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
			break;
		case 2:
			put(g, (rnd(2) ? BPF_JMP : BPF_JMP32) | (rnd(2) ? BPF_JSLT : BPF_JLT) | BPF_K, (u8)n, 0, 2, (s32)rnd(44));
			put(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
			put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
			break;
		}
		put(g, BPF_ALU64 | (rnd(6) ? BPF_ADD : BPF_SUB) | BPF_X, (u8)p, (u8)n, 0, 0);
	} else if (!rnd(4)) {
		put(g, BPF_ALU64 | BPF_ADD | BPF_K, (u8)p, 0, 0, (s32)rnd(50) - 5);
	}
	switch (rnd(4)) {
	case 0:
		put(g, BPF_ST | BPF_MEM | size, (u8)p, 0, off, interesting());
		break;
	case 1:
		if (n >= 0)
			put(g, BPF_STX | BPF_MEM | size, (u8)p, (u8)n, off, 0);
		break;
	case 2:
		if (n >= 0) {
			gen_atomic_at(g, (u8)p, (u8)n, off & ~7);
			break;
		}
		/* fall through */
	default:
		put(g, BPF_LDX | (size != BPF_DW && !rnd(4) ? BPF_MEMSX : BPF_MEM) | size, dst, (u8)p, off, 0);
		g->kind[dst] = NUMBER;
	}
}

static void gen_branch(struct gen *g)
{
	static const u8 ops[] = { BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE, BPF_JSET, BPF_JSGT, BPF_JSGE,
		BPF_JSLT, BPF_JSLE };
	u8 class = rnd(3) ? BPF_JMP : BPF_JMP32, op = ops[rnd(ARRAY_SIZE(ops))];
	s32 a = pick(g, program_fixed || rnd(8) ? NUMBERS : ~1u), b = pick(g, program_fixed || rnd(8) ? NUMBERS : ~1u);
	s16 off = (s16)(1 + rnd(6));

	if (a < 0)
		return;
	if (b >= 0 && rnd(2))
		put(g, class | op | BPF_X, (u8)a, (u8)b, off, 0);
	else
		put(g, class | op | BPF_K, (u8)a, 0, off, rnd(3) ? interesting() : (s32)rnd(64));
}

/*
 * A branch over a whole step, after which a register only is what it is on both ways: so that no
 * number is ever compared with an address, which no two machines have in common.
 */
static void gen_guarded(struct gen *g, void (*step)(struct gen *))
{
	u8 before[sizeof(g->kind)];
	u32 at = g->n;

	memcpy(before, g->kind, sizeof(before));
	gen_branch(g);
	if (g->n == at)
		return;
	at = g->n - 1;
	step(g);
	g->insns[at].off = (s16)(g->n - at - 1);
	for (u32 r = 0; r < sizeof(before); r++)
		if (g->kind[r] != before[r])
			g->kind[r] = NONE;
}

/* r = 0; do { … } while (++r < n) with at most a few instructions inside. */
static void gen_loop(struct gen *g)
{
	u8 r = (u8)(6 + rnd(4));
	u32 at;

	put(g, BPF_ALU64 | BPF_MOV | BPF_K, r, 0, 0, 0);
	at = g->n;
	g->kind[r] = NONE;
	for (u32 i = 0; i < rnd(3); i++)
		gen_alu(g);
	if (rnd(2))
		gen_stack(g);
	put(g, BPF_ALU64 | BPF_ADD | BPF_K, r, 0, 0, 1);
	put(g, BPF_JMP | (rnd(2) ? BPF_JLT : BPF_JNE) | BPF_K, r, 0, (s16)(at - g->n - 1), (s32)(1 + rnd(12)));
	g->kind[r] = NUMBER;
}

static void gen_helper(struct gen *g)
{
	switch (program_fixed ? 1 : rnd(4)) {
	case 0:		/* probe_read_kernel or skb_load_bytes like: fills stack */
		put(g, BPF_ALU64 | BPF_MOV | BPF_X, 1, 10, 0, 0);
		put(g, BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, -(s32)(8 + rnd(56)));
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, (s32)rnd(24));
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 0);
		put(g, BPF_JMP | BPF_CALL, 0, 0, 0, g->type == BPF_PROG_TYPE_KPROBE ? 113 : 16);
		break;
	case 1:		/* map_update_elem */
		put(g, BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0);
		put(g, BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -16);
		put(g, BPF_ALU64 | BPF_MOV | BPF_X, 3, 10, 0, 0);
		put(g, BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, -64);
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, 0);
		put(g, BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, (s32)rnd(3));
		put(g, 0, 0, 0, 0, 0);
		put(g, BPF_JMP | BPF_CALL, 0, 0, 0, 2);
		break;
	case 2: {	/* variable size */
		s32 n = pick(g, NUMBERS);

		if (n < 0)
			return;
		put(g, BPF_ALU64 | BPF_MOV | BPF_X, 2, (u8)n, 0, 0);
		put(g, BPF_ALU64 | BPF_AND | BPF_K, 2, 0, 0, (s32)(8 << rnd(3)) - 1);
		if (rnd(2))
			put(g, BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, 1);
		put(g, BPF_ALU64 | BPF_MOV | BPF_X, 1, 10, 0, 0);
		put(g, BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, -64);
		put(g, BPF_JMP | BPF_CALL, 0, 0, 0, 6);
		break;
	}
	default:
		put(g, BPF_JMP | BPF_CALL, 0, 0, 0, rnd(2) ? 5 : 8);
	}
	for (u32 r = 1; r <= 5; r++)
		g->kind[r] = NONE;
	g->kind[0] = NUMBER;
}

static void gen_packet(struct gen *g)
{
	u8 p = (u8)(2 + rnd(2)), len = (u8)(1 + rnd(40));

	put(g, BPF_LDX | BPF_MEM | BPF_W, p, 6, g->type == BPF_PROG_TYPE_XDP ? 0 : 76, 0);
	put(g, BPF_LDX | BPF_MEM | BPF_W, 4, 6, g->type == BPF_PROG_TYPE_XDP ? 4 : 80, 0);
	put(g, BPF_ALU64 | BPF_MOV | BPF_X, 5, p, 0, 0);
	put(g, BPF_ALU64 | BPF_ADD | BPF_K, 5, 0, 0, len);
	put(g, BPF_JMP | (rnd(2) ? BPF_JLE : BPF_JLT) | BPF_X, 5, 4, 2, 0);
	put(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	g->kind[p] = PACKET;
	g->kind[4] = END;
	g->kind[5] = PACKET;
}

/* r1 to r5 are gone, r0 is what was returned. */
static void called(struct gen *g, u8 result)
{
	for (u32 r = 1; r <= 5; r++)
		g->kind[r] = NONE;
	g->kind[0] = result;
}

static void put_call(struct gen *g, s32 helper, u8 result)
{
	put(g, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
	called(g, result);
}

static void put_copy(struct gen *g, u8 dst, u8 src, s32 more)
{
	put(g, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
	if (more)
		put(g, BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, more);
}

static void put_map(struct gen *g, u8 reg, s32 map)
{
	put(g, BPF_LD | BPF_IMM | BPF_DW, reg, BPF_PSEUDO_MAP_FD, 0, map);
	put(g, 0, 0, 0, 0, 0);
}

static void put_function(struct gen *g, u8 reg, enum function fn)
{
	put(g, BPF_LD | BPF_IMM | BPF_DW, reg, BPF_PSEUDO_FUNC, 0, -1 - (s32)fn);
	put(g, 0, 0, 0, 0, 0);
	g->needs[fn] = true;
}

/* Seldom, what a program should not do. */
static bool mistake(void)
{
	return !program_fixed && !rnd(25);
}

/* keep = the value of key 0 or 1 of an array with 4-byte keys; the program ends where there is none. */
static void put_value(struct gen *g, u8 keep, s32 map, u8 size)
{
	put(g, BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, (s32)rnd(2));
	put_copy(g, 2, 10, -4);
	put_map(g, 1, map);
	put_call(g, BPF_FUNC_map_lookup_elem, NONE);
	if (!mistake()) {
		put(g, BPF_JMP | BPF_JNE | BPF_K, 0, 0, 2, 0);
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
		put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}
	put_copy(g, keep, 0, 0);
	g->kind[0] = g->kind[keep] = VALUE;
	g->size[0] = g->size[keep] = size;
}

static void gen_call(struct gen *g);

static void gen_locked(struct gen *g)
{
	u8 keep = (u8)(7 + rnd(3));

	put_value(g, keep, LOCKED, 4);
	if (!mistake()) {
		put_copy(g, 1, keep, 4);
		put_call(g, BPF_FUNC_spin_lock, NONE);
	}
	for (u32 i = 0; i < 1 + rnd(3); i++)
		if (mistake())
			put_call(g, BPF_FUNC_ktime_get_ns, NUMBER);
		else if (!program_fixed && !rnd(8))
			gen_call(g);
		else if (rnd(2))
			put(g, BPF_ST | BPF_MEM | BPF_W, keep, 0, mistake() ? 4 : 0, interesting());
		else
			gen_alu(g);
	if (mistake())
		put_value(g, keep, LOCKED, 4);
	if (!mistake()) {
		put_copy(g, 1, keep, mistake() ? 0 : 4);
		put_call(g, BPF_FUNC_spin_unlock, NONE);
	}
	g->kind[keep] = mistake() ? VALUE : NONE;
}

/* Fires, if at all, when the program has long ended. */
static void gen_timer(struct gen *g)
{
	u8 keep = (u8)(7 + rnd(3));

	put_value(g, keep, TIMED, 24);
	if (rnd(6)) {
		put_copy(g, 1, keep, mistake() ? 8 : 0);
		put_map(g, 2, mistake() ? LOCKED : TIMED);
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, mistake() ? 5 : 1);
		put_call(g, BPF_FUNC_timer_init, NUMBER);
	}
	if (rnd(6)) {
		put_copy(g, 1, keep, 0);
		put_function(g, 2, mistake() ? LOOP : TIMER);
		put_call(g, BPF_FUNC_timer_set_callback, NUMBER);
	}
	if (rnd(6)) {
		put_copy(g, 1, keep, 0);
		put(g, BPF_LD | BPF_IMM | BPF_DW, 2, 0, 0, 0);
		put(g, 0, 0, 0, 0, program_fixed ? 0x10000 : (s32)rnd(2));
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 0);
		put_call(g, BPF_FUNC_timer_start, NUMBER);
	}
	if (program_fixed || rnd(2)) {
		put_copy(g, 1, keep, 0);
		put_call(g, BPF_FUNC_timer_cancel, NUMBER);
	}
	if (program_fixed)	/* whether it was active is nobody's business */
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	if (rnd(3))
		put(g, (u8)(BPF_LDX | BPF_MEM | width()), 0, keep, mistake() ? 4 : 16, 0);
	g->kind[0] = NUMBER;
	g->kind[keep] = NONE;
}

static void gen_record(struct gen *g)
{
	static const s32 sizes[] = { 8, 16, 24, 40, 48 };
	u8 keep = (u8)(7 + rnd(3)), size = (u8)sizes[rnd(ARRAY_SIZE(sizes))];

	put_map(g, 1, mistake() ? 0 : RINGBUF);
	put(g, BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, size);
	put(g, BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, mistake() ? 1 : 0);
	put_call(g, BPF_FUNC_ringbuf_reserve, NONE);
	if (!mistake()) {
		put(g, BPF_JMP | BPF_JNE | BPF_K, 0, 0, 2, 0);
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
		put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}
	put_copy(g, keep, 0, 0);
	g->kind[keep] = VALUE;
	g->size[keep] = size;
	for (u32 i = 0; i < rnd(4); i++)
		put(g, BPF_ST | BPF_MEM | BPF_DW, keep, 0, (s16)(8 * rnd(size / 8u + !program_fixed)), interesting());
	if (!rnd(3) && !program_fixed)
		gen_access(g);
	if (mistake())
		gen_lookup(g);
	if (!mistake()) {
		put_copy(g, 1, keep, mistake() ? 8 : 0);
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0);
		put_call(g, rnd(2) ? BPF_FUNC_ringbuf_submit : BPF_FUNC_ringbuf_discard, NONE);
	}
	g->kind[keep] = mistake() ? VALUE : NONE;
}

static void gen_output(struct gen *g)
{
	if (!program_fixed && !rnd(3)) {
		put_map(g, 1, RINGBUF);
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, (s32)rnd(5));
		put_call(g, BPF_FUNC_ringbuf_query, NUMBER);
		return;
	}
	put_map(g, 1, RINGBUF);
	put_copy(g, 2, 10, -(s32)(8 * (1 + rnd(8))));
	put(g, BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, program_fixed ? 8 : (s32)rnd(17));
	put(g, BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, 0);
	put_call(g, BPF_FUNC_ringbuf_output, NUMBER);
	put(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);	/* how full it is differs */
}

static void gen_callback(struct gen *g)
{
	static const s32 maps[] = { 0, 1, 2, 8, 15 };
	bool each = rnd(2);

	if (each) {
		put_map(g, 1, program_fixed ? 2 : mistake() ? RINGBUF : maps[rnd(ARRAY_SIZE(maps))]);
	} else {
		s32 n = pick(g, 1u << SMALL);

		if (n >= 0 && !program_fixed)
			put_copy(g, 1, (u8)n, 0);
		else
			put(g, BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, (s32)rnd(5));
	}
	put_function(g, 2, mistake() ? STATIC : each ? EACH : LOOP);
	if (program_fixed || rnd(8))
		put_copy(g, 3, 10, -(s32)(8 * (1 + rnd(8))));
	else
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 0);
	put(g, BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, mistake() ? 1 : 0);
	put_call(g, each ? BPF_FUNC_for_each_map_elem : BPF_FUNC_loop, NUMBER);
}

/* A static function behind the program: takes a number and a pointer into the caller's stack. */
static void gen_call(struct gen *g)
{
	s32 n = pick(g, NUMBERS), p;
	enum function fn;

	put(g, BPF_ALU64 | BPF_MOV | BPF_X, 1, n < 0 ? 10 : (u8)n, 0, 0);
	if (n < 0)
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, interesting());
	fn = !program_fixed && !rnd(3) ? GLOBAL : STATIC;
	p = fn == GLOBAL && rnd(2) ? pick(g, 1u << VALUE | 1u << PACKET | 1u << FRAME | 1u << MAYBE) : -1;
	if (p >= 0 && p != 1) {
		put(g, BPF_ALU64 | BPF_MOV | BPF_X, 2, (u8)p, 0, 0);
	} else {
		put(g, BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0);
		put(g, BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -(s32)(8 + 8 * rnd(8)));
	}
	if (!program_fixed && g->kind[6] == CONTEXT)
		put_copy(g, 3, 6, 0);
	else if (!program_fixed)
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 0);
	put(g, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, -1 - (s32)fn);	/* told where to later */
	called(g, NUMBER);
	g->needs[fn] = true;
}

/* What a function may do; r2 (EACH: r4) points into its caller's stack. */
static void gen_function_body(struct gen *g, enum function fn, u32 length)
{
	u32 end = g->n + length;
	u8 frame = fn == EACH ? 4 : 2;

	while (g->n < end) {
		s32 n = pick(g, NUMBERS);

		if (fn == EACH && !program_fixed && !rnd(8)) { /* the key */
			put(g, (u8)(BPF_LDX | BPF_MEM | width()), 5, 2, (s16)(rnd(4) ? 0 : 4), 0);
			g->kind[5] = NUMBER;
		}
		if (fn == GLOBAL && g->kind[2] == FRAME && !rnd(4)) { /* the memory, further in */
			put(g, (u8)(BPF_LDX | BPF_MEM | width()), 5, 2, (s16)(4 * rnd(6)), 0);
			g->kind[5] = NUMBER;
		}
		if (fn == STATIC && g->kind[3] == CONTEXT && g->type == BPF_PROG_TYPE_XDP && !rnd(10)) {
			put_copy(g, 1, 3, 0);
			put_map(g, 2, 6);
			put(g, BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, (s32)rnd(5));
			put_call(g, BPF_FUNC_tail_call, NONE);
			put(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, interesting());
			g->kind[0] = NUMBER;
		}
		switch (rnd(9)) {
		case 0:
			if (g->kind[frame] == FRAME && n >= 0)
				put(g, BPF_STX | BPF_MEM | width(), frame, (u8)n, 0, 0);
			break;
		case 1:
			if (g->kind[frame] == FRAME) {
				put(g, BPF_LDX | BPF_MEM | width(), 5, frame, 0, 0);
				g->kind[5] = NUMBER;
			}
			break;
		case 2: gen_stack(g); break;
		case 3:
			if (!program_fixed)
				gen_branch(g);
			break;
		case 4: gen_loop(g); break;
		case 5: gen_access(g); break;
		default: gen_alu(g);
		}
	}
}

/* One function behind the program. */
static void gen_function(struct gen *g, enum function fn)
{
	s32 results = fn == TIMER ? 1 : fn == LOOP || fn == EACH ? 2 : 16;

	g->starts[fn] = g->n;
	memset(g->kind, NONE, sizeof(g->kind));
	if (fn == STATIC || fn == LOOP || fn == GLOBAL)
		g->kind[1] = NUMBER;
	if (fn == STATIC || fn == LOOP || (fn == GLOBAL && !rnd(4)))
		g->kind[2] = FRAME;
	if (fn == EACH || fn == TIMER) {
		g->kind[3] = VALUE;
		g->size[3] = fn == EACH ? 48 : 24;
	}
	if (fn == EACH)
		g->kind[4] = FRAME;
	if (fn == STATIC && !program_fixed)
		g->kind[3] = CONTEXT;
	put(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, interesting());
	if (fn == GLOBAL && rnd(4)) {
		put(g, BPF_JMP | BPF_JNE | BPF_K, 2, 0, 2, 0);
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1);
		put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
		g->kind[2] = FRAME;
	}
	for (u32 i = 0; program_fixed && i < 8; i++)
		put(g, BPF_ST | BPF_MEM | BPF_DW, 10, 0, (s16)(-8 * (s32)(i + 1)), (s32)i);
	g->kind[0] = NUMBER;
	gen_function_body(g, fn, 3 + rnd(12));
	for (u32 i = 0; i < 7; i++)
		put(g, BPF_ALU64 | (rnd(2) ? BPF_MOV : BPF_ADD) | BPF_K, 0, 0, 0, (s32)rnd(16));
	if (fn != STATIC && (program_fixed || rnd(10)))
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, (s32)rnd((u32)results));
	put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* Those that are called, and the calls' targets. */
static void gen_functions(struct gen *g)
{
	u32 end = g->n;

	for (u32 fn = 0; fn < FUNCTIONS; fn++)
		if (g->needs[fn])
			gen_function(g, (enum function)fn);
	for (u32 i = 0; i < end; i++) {
		struct bpf_insn *insn = &g->insns[i];
		bool call = insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL;
		bool address = insn->code == (BPF_LD | BPF_IMM | BPF_DW) && insn->src_reg == BPF_PSEUDO_FUNC;

		if (call || address)
			insn->imm = (s32)(g->starts[-1 - insn->imm] - i - 1);
	}
	g->told = g->needs[LOOP] || g->needs[EACH] || g->needs[TIMER] || g->needs[GLOBAL] || !rnd(4);
}

/* BTF of the functions, for what loads a program. */
struct functions {
	struct btfgen btf;
	struct bpf_func_info info[FUNCTIONS + 1];
	u32 count;
};

static void add_function(struct functions *f, const char *name, u32 start, bool global)
{
	u32 ids[2] = { 1, 5 }, proto;

	proto = btfgen_type(&f->btf, "", BTF_KIND_FUNC_PROTO, global ? 2 : 0, 1);
	for (u32 k = 0; global && k < 2; k++)
		btfgen_param(&f->btf, "a", ids[k]);
	f->info[f->count].insn_off = start;
	f->info[f->count++].type_id = btfgen_type(&f->btf, name, BTF_KIND_FUNC, global ? BTF_FUNC_GLOBAL : BTF_FUNC_STATIC, proto);
}

/* Loads g, with BTF in f if its functions are told. */
static void gen_question(const struct gen *g, struct functions *f, struct question *q)
{
	static const char *const names[] = { "called", "looped", "each", "fired", "everyone" };

	if (g->compiled) {
		*q = *g->compiled;
		q->insns = g->insns;
		return;
	}
	*q = (struct question){ .insns = g->insns, .count = g->n, .type = g->type };
	if (!g->told)
		return;
	f->count = 0;
	btfgen_start(&f->btf);
	btfgen_int(&f->btf, "int", 4);
	btfgen_type(&f->btf, "m", BTF_KIND_STRUCT, 0, 8);
	btfgen_type(&f->btf, "", BTF_KIND_PTR, 0, 2);
	btfgen_type(&f->btf, "n", BTF_KIND_STRUCT, 0, g->n % 4 ? 8 : 24);
	btfgen_type(&f->btf, "", BTF_KIND_PTR, 0, 4);
	add_function(f, "program", 0, false);
	for (u32 fn = 0; fn < FUNCTIONS; fn++)
		if (g->starts[fn])
			add_function(f, names[fn], g->starts[fn], fn == GLOBAL);
	btfgen_finish(&f->btf);
	q->btf = &f->btf;
	q->func_info = f->info;
	q->func_info_count = f->count;
}

static void gen_may_goto(struct gen *g)
{
	u32 at = g->n;

	put(g, BPF_JMP | BPF_JCOND, 0, 0, 0, 0);
	for (u32 i = 0; i < 1 + rnd(3); i++)
		gen_alu(g);
	if (rnd(2))
		gen_stack(g);
	if (rnd(2))
		gen_branch(g);
	put(g, BPF_JMP | BPF_JA, 0, 0, (s16)(at - g->n - 1), 0);
	g->insns[at].off = (s16)(g->n - at - 1);
}

/* Random damage to a program that made sense. */
static void mutate(struct gen *g)
{
	for (u32 i = 0; i < 1 + rnd(3); i++) {
		struct bpf_insn *insn = &g->insns[rnd(g->n)];

		switch (rnd(6)) {
		case 0: insn->imm = interesting(); break;
		case 1: insn->off = (s16)(insn->off + (s32)rnd(9) - 4); break;
		case 2: insn->dst_reg = (u8)rnd(11); break;
		case 3: insn->src_reg = (u8)rnd(11); break;
		case 4: *insn = g->insns[rnd(g->n)]; break;
		default: insn->code = (u8)(insn->code ^ 1u << rnd(8));
		}
	}
}

#include "steps.h"

static void gen_step(struct gen *g);

static void gen_some_branch(struct gen *g)
{
	if (program_fixed)
		gen_guarded(g, gen_step);
	else
		gen_branch(g);
}

static void gen_object(struct gen *g)
{
	if (g->n > MOST - 60)
		return;
	switch (rnd(program_fixed ? 5 : 8)) {
	case 0: gen_locked(g); break;
	case 1: gen_timer(g); break;
	case 2: gen_record(g); break;
	case 3: gen_output(g); break;
	default: gen_callback(g);
	}
}

static void gen_step(struct gen *g)
{
	if (!rnd(5))
		return gen_more(g);
	switch (rnd(24)) {
	case 22: case 23: gen_linked(g); break;
	case 19: gen_any_atomic(g); break;
	case 20: case 21: gen_object(g); break;
	case 0: gen_number(g, (u8)rnd(10)); break;
	case 1: case 2: case 3: case 4: gen_alu(g); break;
	case 5: gen_copy(g); break;
	case 6: case 7: gen_stack(g); break;
	case 8: gen_lookup(g); break;
	case 9: case 10: gen_access(g); break;
	case 11: gen_variable_stack(g); break;
	case 12: gen_helper(g); break;
	case 13: if (g->type != BPF_PROG_TYPE_KPROBE && g->kind[6] == CONTEXT) gen_packet(g); break;
	case 14: if (!rnd(3)) { gen_loop(g); break; } /* fall through */
	case 15: if (!rnd(2)) { gen_call(g); break; } /* fall through */
	case 16: if (!program_fixed && !rnd(8)) { gen_may_goto(g); break; } /* fall through */
	default:
		if (g->n < MOST - 40)
			gen_some_branch(g);
	}
}

static void generate(struct gen *g)
{
	static const u32 types[] = { BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_KPROBE };
	u32 length = (program_fixed ? 22 : 5) + rnd(rnd(3) ? 25 : 80);

	memset(g, 0, sizeof(*g));
	g->type = types[rnd(program_fixed ? 2 : 3)];
	put(g, BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0);
	g->kind[6] = CONTEXT;
	for (u32 i = 0; i < (program_fixed ? 16 : 8); i++)
		if (program_fixed || rnd(2))
			put(g, BPF_ST | BPF_MEM | BPF_DW, 10, 0, (s16)(-8 * (s32)(i + 1)), rnd(2) ? 0 : interesting());
	gen_number(g, 7);
	gen_number(g, 8);
	while (g->n < length)
		gen_step(g);
	for (u32 i = 0; i < 7; i++)	/* every jump lands */
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	if (program_fixed) {	/* what is left on the stack tells, too */
		put(g, BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_VALUE, 0, 3);
		put(g, 0, 0, 0, 0, 0);
		for (s16 i = 0; i < 8; i++) {
			put(g, BPF_LDX | BPF_MEM | BPF_W, 2, 10, (s16)(-8 * i - 8), 0);
			put(g, BPF_STX | BPF_MEM | BPF_W, 1, 2, (s16)(8 * i), 0);
		}
	}
	put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	gen_functions(g);
	if (!program_fixed && !rnd(8))
		mutate(g);
}

#endif
