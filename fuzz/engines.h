/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A generator of random programs that the kernel's verifier would accept: r9 holds the context (64
 * bytes of memory, read and written at constant offsets), the stack is initialised, r0..r8 hold
 * scalars, jumps go forward, loops are counted down, functions take and return scalars. What a run
 * leaves in r0 and in the context is defined, so any two engines must agree on it.
 *
 * Instructions come from patterns rather than evenly from the table: compilers' idioms (rotates, bytes
 * put together, copies before operations) are what optimising passes look for.
 */
#ifndef FUZZ_ENGINES_H
#define FUZZ_ENGINES_H

#include <string.h>

#include "isa/insn.h"

enum { GEN_MAX = 600, GEN_CTX = 64, GEN_STACK = 64, GEN_FUNCS = 3 };

struct gen {
	u64 seed;
	struct bpf_insn insns[GEN_MAX];
	u32 count;
	u32 starts[GEN_FUNCS];
	u32 func_count;
	bool v4;		/* may use v4 instructions */
	bool has_ctx;		/* r9 is the context: main only */
};

static u64 gen_random(struct gen *g)
{
	g->seed ^= g->seed << 13;
	g->seed ^= g->seed >> 7;
	g->seed ^= g->seed << 17;
	return g->seed * 0x9e3779b97f4a7c15ull >> 8;
}
static u32 gen_below(struct gen *g, u32 n) { return (u32)(gen_random(g) % n); }

static s32 gen_imm(struct gen *g)
{
	static const s32 special[] = { 0, 1, -1, 2, 7, 8, 10, 31, 32, 63, 64, 255, 256, 1000, 65535, 0x7fffffff, -0x7fffffff - 1 };

	return gen_below(g, 2) ? special[gen_below(g, ARRAY_SIZE(special))] : (s32)gen_random(g);
}

static void gen_put(struct gen *g, u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	if (g->count < GEN_MAX)
		g->insns[g->count++] = (struct bpf_insn){ .code = code, .dst_reg = dst & 15, .src_reg = src & 15, .off = off, .imm = imm };
}

static u8 gen_reg(struct gen *g) { return (u8)gen_below(g, g->has_ctx ? 9 : 10); }

/* An operation; shift counts and swaps' widths in range. Atomics and jumps are others' business. */
static void gen_alu(struct gen *g)
{
	static const u8 ops[] = { BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR, BPF_AND, BPF_XOR, BPF_LSH, BPF_RSH, BPF_ARSH, BPF_MOD, BPF_MOV };
	u8 class = gen_below(g, 2) ? BPF_ALU64 : BPF_ALU, op = ops[gen_below(g, ARRAY_SIZE(ops))];
	u8 dst = gen_reg(g), src = gen_reg(g);
	bool shift = op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH, divide = op == BPF_DIV || op == BPF_MOD;
	s32 imm = gen_imm(g);

	if (shift)
		imm &= class == BPF_ALU64 ? 63 : 31;
	if (divide && !imm)
		imm = 3;
	if (gen_below(g, 2))
		gen_put(g, class | op | BPF_X, dst, src, g->v4 && divide && gen_below(g, 2), 0);
	else
		gen_put(g, class | op | BPF_K, dst, 0, g->v4 && divide && gen_below(g, 2), imm);
}

static void gen_unary(struct gen *g)
{
	static const s16 wide[] = { 8, 16, 32 };
	u8 dst = gen_reg(g), class = gen_below(g, 2) ? BPF_ALU64 : BPF_ALU;

	switch (gen_below(g, g->v4 ? 4 : 2)) {
	case 0:
		gen_put(g, class | BPF_NEG, dst, 0, 0, 0);
		break;
	case 1:
		gen_put(g, BPF_ALU | BPF_END | (gen_below(g, 2) ? BPF_TO_BE : BPF_TO_LE), dst, 0, 0, 16 << gen_below(g, 3));
		break;
	case 2:
		gen_put(g, BPF_ALU64 | BPF_END, dst, 0, 0, 16 << gen_below(g, 3));
		break;
	case 3:
		gen_put(g, class | BPF_MOV | BPF_X, dst, gen_reg(g), wide[gen_below(g, class == BPF_ALU64 ? 3 : 2)], 0);
		break;
	}
}

/* r = x << n | x >> (size - n), as compilers write it, in place or from copies. */
static void gen_rotate(struct gen *g)
{
	bool wide = gen_below(g, 2);
	u8 class = wide ? BPF_ALU64 : BPF_ALU, x = gen_reg(g), a = gen_reg(g), b = gen_reg(g);
	s32 size = wide ? 64 : 32, n = (s32)gen_below(g, (u32)size - 1) + 1, off = gen_below(g, 8) ? 0 : 1;

	gen_put(g, class | BPF_MOV | BPF_X, a, x, 0, 0);
	if (gen_below(g, 2))
		gen_put(g, class | BPF_MOV | BPF_X, b, x, 0, 0);
	gen_put(g, class | BPF_LSH | BPF_K, a, 0, 0, n);
	if (gen_below(g, 4) == 0)
		gen_put(g, class | BPF_ADD | BPF_X, gen_reg(g), a, 0, 0);
	gen_put(g, class | BPF_RSH | BPF_K, b, 0, 0, (size - n + off) % size);
	gen_put(g, (gen_below(g, 3) ? class : BPF_ALU64) | (gen_below(g, 3) ? BPF_OR : BPF_ADD) | BPF_X, a, b, 0, 0);
}

/* Extensions, as v2 and v3 code writes them. */
static void gen_extend(struct gen *g)
{
	u8 reg = gen_reg(g);

	if (gen_below(g, 2)) {
		gen_put(g, BPF_ALU | BPF_MOV | BPF_X, reg, reg, 0, 0);
		return;
	}
	gen_put(g, BPF_ALU64 | BPF_LSH | BPF_K, reg, 0, 0, 32);
	gen_put(g, BPF_ALU64 | (gen_below(g, 2) ? BPF_RSH : BPF_ARSH) | BPF_K, reg, 0, 0, 32);
}

static const u8 gen_sizes[] = { BPF_B, BPF_H, BPF_W, BPF_DW };

static s16 gen_offset(struct gen *g, u8 base, u32 bytes)
{
	u32 room = base == BPF_REG_10 ? GEN_STACK : GEN_CTX, slot = gen_below(g, room / bytes) * bytes;

	return (s16)(base == BPF_REG_10 ? (s32)slot - GEN_STACK : (s32)slot);
}
static u8 gen_base(struct gen *g) { return g->has_ctx && gen_below(g, 2) ? BPF_REG_9 : BPF_REG_10; }

/* Bytes put together to a word, mostly in one of the two orders. */
static void gen_bytes(struct gen *g)
{
	u8 base = gen_base(g), into = gen_reg(g), part = gen_reg(g);
	u32 width = 2u << gen_below(g, 3), skew = gen_below(g, 6) == 0;
	bool swapped = gen_below(g, 2);
	s16 off = gen_offset(g, base, 8);

	for (u32 i = 0; i < width; i++) {
		u32 at = swapped ? width - 1 - i : i;
		u8 to = i ? part : into;

		gen_put(g, BPF_LDX | BPF_MEM | BPF_B, to, base, (s16)(off + (s32)at), 0);
		if (gen_below(g, 12) == 0)
			gen_put(g, BPF_STX | BPF_MEM | BPF_B, gen_base(g), gen_reg(g), 0, 0), g->insns[g->count - 1].off = gen_offset(g, g->insns[g->count - 1].dst_reg, 1);
		if (i)
			gen_put(g, BPF_ALU64 | BPF_LSH | BPF_K, to, 0, 0, (s32)(8 * i + skew) & 63);
		if (i)
			gen_put(g, BPF_ALU64 | (gen_below(g, 3) ? BPF_OR : BPF_ADD) | BPF_X, into, part, 0, 0);
	}
}

static void gen_memory(struct gen *g)
{
	u32 log = gen_below(g, 4);
	u8 base = gen_base(g), reg = gen_reg(g);
	s16 off = gen_offset(g, base, 1u << log);

	switch (gen_below(g, 4)) {
	case 0:
		gen_put(g, BPF_LDX | BPF_MEM | gen_sizes[log], reg, base, off, 0);
		break;
	case 1:
		gen_put(g, BPF_STX | BPF_MEM | gen_sizes[log], base, reg, off, 0);
		break;
	case 2:
		gen_put(g, BPF_ST | BPF_MEM | gen_sizes[log], base, 0, off, gen_imm(g));
		break;
	case 3:
		gen_put(g, BPF_LDX | (g->v4 && log < 3 ? BPF_MEMSX : BPF_MEM) | gen_sizes[log], reg, base, off, 0);
		break;
	}
}

/* On the stack only: a context may not be the target of atomics. */
static void gen_atomic(struct gen *g)
{
	static const s32 ops[] = { BPF_ADD, BPF_OR, BPF_AND, BPF_XOR, BPF_ADD | BPF_FETCH, BPF_OR | BPF_FETCH,
				   BPF_AND | BPF_FETCH, BPF_XOR | BPF_FETCH, BPF_XCHG, BPF_CMPXCHG };
	u32 log = 2 + gen_below(g, 2);
	s16 off = gen_offset(g, BPF_REG_10, 1u << log);

	gen_put(g, BPF_STX | BPF_ATOMIC | gen_sizes[log], BPF_REG_10, gen_reg(g), off, ops[gen_below(g, ARRAY_SIZE(ops))]);
}

/* Something done to a stack slot between a store and a load of it. */
static void gen_slot(struct gen *g)
{
	s16 off = gen_offset(g, BPF_REG_10, 8);
	u8 size = gen_below(g, 2) ? BPF_DW : BPF_W;

	gen_put(g, BPF_STX | BPF_MEM | size, BPF_REG_10, gen_reg(g), off, 0);
	switch (gen_below(g, 4)) {
	case 0:
		gen_put(g, BPF_STX | BPF_ATOMIC | size, BPF_REG_10, gen_reg(g), off, gen_below(g, 2) ? BPF_ADD : BPF_XCHG);
		break;
	case 1:
		gen_put(g, BPF_STX | BPF_MEM | gen_sizes[gen_below(g, 3)], BPF_REG_10, gen_reg(g), off, 0);
		break;
	case 2:
		gen_alu(g);
		break;
	}
	gen_put(g, BPF_LDX | BPF_MEM | (gen_below(g, 3) ? size : BPF_W), gen_reg(g), BPF_REG_10, off, 0);
}

static void gen_wide(struct gen *g)
{
	u64 value = gen_random(g) << gen_below(g, 40);

	gen_put(g, BPF_LD | BPF_IMM | BPF_DW, gen_reg(g), 0, 0, (s32)value);
	gen_put(g, 0, 0, 0, 0, (s32)(value >> 32));
}

/* Kernel spills keep what a stack slot held; one unaligned overlap would be rejected there, so none is made. */
static void gen_one(struct gen *g)
{
	u32 kind = gen_below(g, 20);

	if (kind < 8)
		gen_alu(g);
	else if (kind < 9)
		gen_extend(g);
	else if (kind < 11)
		gen_unary(g);
	else if (kind < 13)
		gen_rotate(g);
	else if (kind < 14)
		gen_bytes(g);
	else if (kind < 15)
		gen_slot(g);
	else if (kind < 18)
		gen_memory(g);
	else if (kind < 19)
		gen_atomic(g);
	else
		gen_wide(g);
}

static void gen_jump(struct gen *g)
{
	static const u8 ops[] = { BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE, BPF_JSET, BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE };
	u8 class = gen_below(g, 2) ? BPF_JMP : BPF_JMP32, op = ops[gen_below(g, ARRAY_SIZE(ops))];
	bool reg = gen_below(g, 2);
	u32 at = g->count, n = 1 + gen_below(g, 5);

	if (g->count + 60 > GEN_MAX)
		return;
	gen_put(g, class | op | (reg ? BPF_X : BPF_K), gen_reg(g), reg ? gen_reg(g) : 0, 0, reg ? 0 : gen_imm(g));
	if (gen_below(g, 4) == 0)
		gen_put(g, BPF_JMP | BPF_JA, 0, 0, 0, 0), g->insns[at].off = 1;
	else
		at = UINT32_MAX - at;
	for (u32 i = 0; i < n; i++)
		gen_one(g);
	if (at < GEN_MAX)
		g->insns[at + 1].off = (s16)(g->count - at - 2);	/* over a goto: if … goto +1; goto end */
	else
		g->insns[UINT32_MAX - at].off = (s16)(g->count - (UINT32_MAX - at) - 1);
}

/* A counted loop: the counter is kept on the stack, below what the body may touch. */
static void gen_loop(struct gen *g)
{
	u32 begin;

	if (g->count + 80 > GEN_MAX)
		return;
	gen_put(g, BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, -GEN_STACK - 8, 2 + (s32)gen_below(g, 4));
	begin = g->count;
	for (u32 i = 0; i < 4; i++)
		gen_one(g);
	gen_put(g, BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_0, BPF_REG_10, -GEN_STACK - 8, 0);
	gen_put(g, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_0, 0, 0, -1);
	gen_put(g, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, BPF_REG_0, -GEN_STACK - 8, 0);
	gen_put(g, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, (s16)(begin - g->count - 1), 0);
}

static void gen_init(struct gen *g)
{
	for (s32 off = -GEN_STACK - 8; off < 0; off += 8)
		gen_put(g, BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, (s16)off, gen_imm(g));
	for (u8 r = g->has_ctx ? 0 : 6; r < (g->has_ctx ? 9 : 10); r++)
		gen_put(g, BPF_ALU64 | BPF_MOV | BPF_K, r, 0, 0, gen_imm(g));
	if (!g->has_ctx)
		gen_put(g, BPF_ALU64 | BPF_MOV | BPF_X, 0, 1, 0, 0);
}

/* A local call to function n; its offset is known in the end. r1..r5 are scalars again after it. */
static void gen_call(struct gen *g, u32 n)
{
	gen_put(g, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, (s32)n);
	for (u8 r = 1; r < 6; r++)
		gen_put(g, BPF_ALU64 | BPF_MOV | BPF_X, r, 0, 0, 0);
}

static void gen_body(struct gen *g, u32 func, u32 length)
{
	for (u32 i = 0; i < length && g->count + 100 < GEN_MAX; i++) {
		u32 kind = gen_below(g, 16);

		if (kind < 2)
			gen_jump(g);
		else if (kind < 3)
			gen_loop(g);
		else if (kind < 4 && func + 1 < g->func_count)
			gen_call(g, func + 1 + gen_below(g, g->func_count - func - 1));
		else
			gen_one(g);
	}
	if (func + 1 < g->func_count)	/* every function is called */
		gen_call(g, func + 1);
	gen_put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* A whole program into g->insns; the same seed gives the same program. */
static void gen_program(struct gen *g, u64 seed, bool v4)
{
	*g = (struct gen){ .seed = seed * 2 + 0x9e3779b97f4a7c15ull, .v4 = v4, .has_ctx = true };
	for (u32 i = 0; i < 5; i++)
		gen_random(g);
	g->func_count = 1 + gen_below(g, GEN_FUNCS);
	gen_put(g, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_9, BPF_REG_1, 0, 0);
	for (u32 f = 0; f < g->func_count; f++) {
		g->starts[f] = f ? g->count : 0;
		g->has_ctx = !f;
		gen_init(g);
		gen_body(g, f, 10 + gen_below(g, 30));
	}
	for (u32 at = 0; at < g->count; at++) {
		struct bpf_insn *i = &g->insns[at];

		if (i->code == (BPF_LD | BPF_IMM | BPF_DW))
			at++;
		else if (i->code == (BPF_JMP | BPF_CALL))
			i->imm = (s32)g->starts[i->imm] - (s32)at - 1;
	}
}

#endif
