/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Further steps of random programs, included by program.h: maps in maps, constants and tables of them, keys that are
 * known, unknown or in other memory; packet pointers with variable parts, and what moves the packet; pointers that
 * live on the stack for a while; byte order; sizes that may be 0; tail calls; contexts.
 * Most are left out of programs that must come to the same end everywhere (program_fixed).
 */
#ifndef FUZZ_STEPS_H
#define FUZZ_STEPS_H

/* Maps of oracle.h by number. */
enum {
	HASH8,
	ARRAY48 = 2,
	RODATA = 4,
	PROGS = 6,
	PERF,
	OUTER = 12,
	RDONLY,
	WRONLY,
	TABLE = 20,
	CONSTS = 22,
	LONG,
	SHORT,
	LENGTHS,
	INNERS
};

static void gen_end(struct gen *g)
{
	static const s32 widths[] = { 16, 32, 64 };
	s32 r = pick(g, NUMBERS);
	u32 kind = rnd(3);

	if (r < 0)
		return;
	put(g, kind == 2 ? BPF_ALU64 | BPF_END : (u8)(BPF_ALU | BPF_END | (kind ? BPF_TO_BE : BPF_TO_LE)),
	    (u8)r, 0, 0, widths[rnd(3)]);
}

/* r2 = a key: known or not, on the stack at 8 or 4, in a value or a packet. */
static void put_key(struct gen *g)
{
	s32 n = pick(g, NUMBERS), p = pick(g, 1u << VALUE | 1u << PACKET | 1u << FRAME);
	s16 at = rnd(3) ? -8 : -4;

	switch (rnd(5)) {
	case 0:
		if (n >= 0) {
			put(g, BPF_STX | BPF_MEM | BPF_W, 10, (u8)n, at, 0);
			break;
		}
		/* fall through */
	case 1:
		if (p >= 0 && p != 1) {
			put_copy(g, 2, (u8)p, rnd(3) ? 0 : (s32)(4 * rnd(4)));
			return;
		}
		/* fall through */
	case 2: put(g, BPF_ST | BPF_MEM | BPF_DW, 10, 0, at = -8, (s32)rnd(4)); break;
	case 3: at = -8; break; /* what is there */
	default: put(g, BPF_ST | BPF_MEM | BPF_W, 10, 0, at, (s32)rnd(10));
	}
	put_copy(g, 2, 10, at);
}

/* A lookup; the result may be used untested where the key is known. */
static void put_lookup(struct gen *g, u8 size, bool test)
{
	u8 keep = (u8)(6 + rnd(4));

	put_call(g, BPF_FUNC_map_lookup_elem, MAYBE);
	g->size[0] = size;
	if (test) {
		put(g, BPF_JMP | BPF_JNE | BPF_K, 0, 0, 2, 0);
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
		put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}
	g->kind[0] = VALUE;
	put_copy(g, keep, 0, 0);
	g->kind[keep] = VALUE;
	g->size[keep] = size;
}

static void gen_inner(struct gen *g)
{
	static const u8 outers[] = { OUTER, CONSTS, LENGTHS, INNERS }, sizes[] = { 48, 16, 16, 8 };
	u32 m = rnd(4);

	put_key(g);
	put_map(g, 1, outers[m]);
	put_call(g, BPF_FUNC_map_lookup_elem, NONE);
	if (!mistake()) {
		put(g, BPF_JMP | BPF_JNE | BPF_K, 0, 0, 2, 0);
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
		put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}
	put_copy(g, 1, 0, 0);
	put_key(g);
	if (!rnd(8))
		put_map(g, 1, (s32)(m ? RODATA + 17 * (m > 1) : ARRAY48));
	put_lookup(g, sizes[m], rnd(3));
}

static void gen_keyed(struct gen *g)
{
	static const u8 maps[] = { ARRAY48, 3, RODATA, 8, RDONLY, WRONLY, TABLE, 21, LONG, SHORT, HASH8 },
			sizes[] = { 48, 64, 16, 16, 16, 16, 16, 16, 16, 16, 8 };
	u32 m = rnd(ARRAY_SIZE(maps));

	put_key(g);
	put_map(g, 1, maps[m]);
	put_lookup(g, sizes[m], rnd(3));
}

/* The address of a value: of constants, which are known, or of data. */
static void gen_direct(struct gen *g)
{
	u8 reg = (u8)rnd(10);
	bool constant = rnd(2);

	put(g, BPF_LD | BPF_IMM | BPF_DW, reg, BPF_PSEUDO_MAP_VALUE, 0, constant ? RODATA : rnd(3) ? 3 : 21);
	put(g, 0, 0, 0, 0, (s32)rnd(rnd(4) ? 8 : 20));
	g->kind[reg] = VALUE;
	g->size[reg] = 16;
	if (rnd(2)) {
		u8 to = (u8)rnd(10);

		put(g, (u8)(BPF_LDX | (rnd(4) ? BPF_MEM : BPF_MEMSX) | width()), to, reg, (s16)rnd(9), 0);
		g->kind[to] = NUMBER;
	}
}

/* pointer += number & mask, tested against the end in any form, then used. */
static void gen_packet_variable(struct gen *g)
{
	static const u8 ops[] = { BPF_JLE, BPF_JLT, BPF_JGT, BPF_JGE };
	s32 n = pick(g, NUMBERS), p = pick(g, 1u << PACKET), end = pick(g, 1u << END);
	u8 op = ops[rnd(4)], test = (u8)(2 + rnd(4));
	bool flipped = rnd(2), below = (op == BPF_JLE || op == BPF_JLT) != flipped;

	if (n < 0 || p < 0 || end < 0 || n == p)
		return;
	if (rnd(8))
		put(g, (rnd(4) ? BPF_ALU64 : BPF_ALU) | BPF_AND | BPF_K, (u8)n, 0, 0, rnd(6) ? (s32)rnd(256) : 0x7ffff);
	put(g, BPF_ALU64 | (rnd(8) ? BPF_ADD : BPF_SUB) | BPF_X, (u8)p, (u8)n, 0, 0);
	if (test == p || test == end)
		test = (u8)(p == 7 || end == 7 ? 8 : 7);
	put_copy(g, test, (u8)p, rnd(6) ? (s32)(1 + rnd(40)) : 0xfff0);
	if (!rnd(4)) /* by a second variable part */
		put(g, BPF_ALU64 | BPF_ADD | BPF_X, test, (u8)n, 0, 0);
	put(g, BPF_JMP | op | BPF_X, flipped ? (u8)end : test, flipped ? test : (u8)end, below ? 2 : 1, 0);
	if (!below)
		put(g, BPF_JMP | BPF_JA, 0, 0, 2, 0);
	put(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	g->kind[test] = PACKET;
	put(g, (u8)(BPF_LDX | BPF_MEM | width()), 0, rnd(2) ? (u8)p : test, (s16)((s32)rnd(44) - 4 * (s32)rnd(8)), 0);
	g->kind[0] = NUMBER;
}

/* The packet may be elsewhere afterwards. */
static void gen_packet_move(struct gen *g)
{
	s32 n = pick(g, NUMBERS);

	put_copy(g, 1, 6, 0);
	if (n >= 0 && rnd(2))
		put_copy(g, 2, (u8)n, 0);
	else
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, (s32)rnd(16) - 8);
	if (g->type == BPF_PROG_TYPE_XDP) {
		put_call(g, rnd(2) ? BPF_FUNC_xdp_adjust_head : BPF_FUNC_xdp_adjust_tail, NUMBER);
	} else {
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 0);
		put_call(g, rnd(2) ? BPF_FUNC_skb_pull_data : BPF_FUNC_skb_change_tail, NUMBER);
	}
	for (u32 r = 0; r < 10 && !mistake(); r++)
		if (g->kind[r] == PACKET || g->kind[r] == END)
			g->kind[r] = NONE;
}

/* A pointer on the stack, then some steps, then in a register again. */
static void gen_parked(struct gen *g)
{
	s32 p = pick(g, POINTERS | 1u << MAYBE | 1u << CONTEXT | 1u << END | NUMBERS);
	u8 to = (u8)rnd(10), kind, size;
	s16 at = (s16)(-8 * (s32)(3 + rnd(6)));

	if (p < 0)
		return;
	kind = g->kind[p];
	size = g->size[p];
	put(g, BPF_STX | BPF_MEM | (mistake() ? BPF_W : BPF_DW), 10, (u8)p, at, 0);
	for (u32 i = 0; i < rnd(4); i++)
		if (rnd(2))
			gen_alu(g);
		else if (rnd(2))
			gen_branch(g);
		else if (!rnd(4))
			gen_stack(g);
	if (!rnd(6)) /* a part of it is overwritten */
		put(g, BPF_ST | BPF_MEM | width(), 10, 0, (s16)(at + (rnd(2) ? 4 : 0)), (s32)rnd(2));
	put(g, BPF_LDX | BPF_MEM | (mistake() ? BPF_W : BPF_DW), to, 10, at, 0);
	g->kind[to] = kind;
	g->size[to] = size;
}

static void gen_context(struct gen *g)
{
	static const s16 offs[] = { 0, 4, 8, 12, 16, 20, 24, 40, 48, 52, 64, 76, 80, 104, 112, 140, 168 };
	s32 n = pick(g, NUMBERS);
	u8 to = (u8)rnd(10);
	s16 off = offs[rnd(ARRAY_SIZE(offs))];

	if (g->kind[6] != CONTEXT)
		return;
	if (mistake())
		off++;
	if (!rnd(4) && n >= 0) {
		put(g, BPF_STX | BPF_MEM | BPF_W, 6, (u8)n, off, 0);
		return;
	}
	if (to == 6)
		to = 0;
	put(g, (u8)(BPF_LDX | BPF_MEM | (rnd(6) ? BPF_W : width())), to, 6, off, 0);
	g->kind[to] = NUMBER;
}

/* Helpers that take a size, which may be 0 for some, with memory of any kind. */
static void gen_sized(struct gen *g)
{
	s32 n = pick(g, NUMBERS), p = pick(g, 1u << VALUE | 1u << PACKET);
	u8 size = rnd(3) ? 5 : 4;
	bool diff = rnd(2);

	if (g->type == BPF_PROG_TYPE_KPROBE || n < 0)
		return;
	put_copy(g, size, (u8)n, 0);
	if (rnd(8))
		put(g, BPF_ALU64 | BPF_AND | BPF_K, size, 0, 0, (s32)(4 << rnd(4)) - 1);
	if (!rnd(3))
		put(g, BPF_JMP | BPF_JEQ | BPF_K, size, 0, (s16)(1 + rnd(6)), 0);
	if (diff) {	/* csum_diff(from or NULL, 0.., to or NULL, 0.., seed) */
		put_copy(g, 2, size, 0);
		put(g, BPF_ALU64 | BPF_AND | BPF_K, 2, 0, 0, rnd(2) ? 0x3c : 0);
		if (p >= 0 && rnd(2))
			put_copy(g, 3, (u8)p, 0);
		else if (rnd(3))
			put_copy(g, 3, 10, -64);
		else
			put(g, BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 0);
		put_copy(g, 4, 2, 0);
		if (rnd(3))
			put_copy(g, 1, 10, -64);
		else
			put(g, BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 0);
		put(g, BPF_ALU64 | BPF_MOV | BPF_K, 5, 0, 0, 0);
		put_call(g, BPF_FUNC_csum_diff, NUMBER);
		return;
	}
	if (size != 5)
		put_copy(g, 5, size, 0);
	if (p >= 0 && p != 5 && rnd(2))
		put_copy(g, 4, (u8)p, 0);
	else
		put_copy(g, 4, 10, -64);
	put_copy(g, 1, 6, 0);
	put_map(g, 2, mistake() ? ARRAY48 : PERF);
	put(g, BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 0);
	put_call(g, BPF_FUNC_perf_event_output, NUMBER);
}

/* Of one type only: the first program that uses a program array says what may be in it. */
static void gen_tail_call(struct gen *g)
{
	if (g->type != BPF_PROG_TYPE_XDP)
		return;
	put_copy(g, 1, 6, 0);
	put_map(g, 2, mistake() ? ARRAY48 : PROGS);
	put(g, BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, (s32)rnd(5));
	put_call(g, BPF_FUNC_tail_call, NONE);
}

/* Packet bytes as socket filters load them. */
static void gen_abs(struct gen *g)
{
	s32 n = pick(g, NUMBERS);

	if (g->type != BPF_PROG_TYPE_SCHED_CLS || g->kind[6] != CONTEXT)
		return;
	if (n >= 0 && rnd(2))
		put(g, BPF_LD | BPF_IND | BPF_B, 0, (u8)n, 0, (s32)rnd(40));
	else
		put(g, BPF_LD | BPF_ABS | (rnd(2) ? BPF_H : BPF_W), 0, 0, 0, (s32)rnd(60));
	called(g, NUMBER);
}

static void gen_more(struct gen *g)
{
	if (program_fixed) {
		if (rnd(2))
			gen_end(g);
		return;
	}
	switch (rnd(16)) {
	case 0: case 1: gen_end(g); break;
	case 2: case 3: gen_inner(g); break;
	case 4: gen_keyed(g); break;
	case 5: gen_direct(g); break;
	case 6: case 7: case 8: gen_packet_variable(g); break;
	case 9: if (!rnd(3) && g->type != BPF_PROG_TYPE_KPROBE) gen_packet_move(g); break;
	case 10: case 11: gen_parked(g); break;
	case 12: gen_context(g); break;
	case 13: gen_sized(g); break;
	case 14: if (!rnd(4)) gen_tail_call(g); break;
	default: gen_abs(g);
	}
}

#endif
