// SPDX-License-Identifier: BSD-2-Clause
/*
 * Liveness of the eleven registers, backwards over basic blocks until nothing changes; then, in one
 * more walk, instructions that only compute a dead register are removed.
 */
#include "jit/ir.h"

enum { ARGS = 0x3e, R0 = 1, CLOBBERED = ARGS | R0, ALL = 0x7ff };

u16 jinsn_reads(const struct jinsn *i)
{
	u16 dst = (u16)(1 << i->dst), src = (u16)(1 << i->src);

	switch ((enum insn_format)jinsn_format(i)) {
	case FORMAT_NONE:
		return i->op == OP_EXIT ? R0 : 0;
	case FORMAT_ALU_IMM:
		return i->op == OP_MOV64_IMM || i->op == OP_MOV32_IMM ? 0 : dst;
	case FORMAT_ALU_REG:
		if (i->op == OP_MOV64_REG || i->op == OP_MOV32_REG || (i->op >= OP_MOVSX8_64 && i->op <= OP_MOVSX16_32))
			return src;
		return dst | src;
	case FORMAT_UNARY: case FORMAT_JCC_IMM: case FORMAT_ST:
		return dst;
	case FORMAT_CAST: case FORMAT_LDX: case FORMAT_LOAD_ACQ:
		return src;
	case FORMAT_JCC_REG: case FORMAT_STX: case FORMAT_STORE_REL:
		return dst | src;
	case FORMAT_ATOMIC:
		return dst | src | (i->imm == BPF_CMPXCHG ? R0 : 0);
	case FORMAT_CALL: case FORMAT_CALL_KFUNC:
		return ARGS;
	case FORMAT_CALLX:
		return ARGS | dst;
	case FORMAT_LD_ABS:
		return 1 << BPF_REG_6;
	case FORMAT_LD_IND:
		return 1 << BPF_REG_6 | src;
	case FORMAT_JA: case FORMAT_JA32: case FORMAT_WIDE:
		return 0;
	}
	return ALL;
}

u16 jinsn_writes(const struct jinsn *i)
{
	switch ((enum insn_format)jinsn_format(i)) {
	case FORMAT_ALU_IMM: case FORMAT_ALU_REG: case FORMAT_UNARY: case FORMAT_CAST:
	case FORMAT_LDX: case FORMAT_LOAD_ACQ: case FORMAT_WIDE:
		return (u16)(1 << i->dst);
	case FORMAT_ATOMIC:
		if (i->imm == BPF_CMPXCHG)
			return R0;
		return i->imm & BPF_FETCH ? (u16)(1 << i->src) : 0;
	case FORMAT_CALL: case FORMAT_CALL_KFUNC: case FORMAT_CALLX: case FORMAT_LD_ABS: case FORMAT_LD_IND:
		return CLOBBERED;
	case FORMAT_NONE: case FORMAT_JA: case FORMAT_JA32: case FORMAT_JCC_IMM: case FORMAT_JCC_REG:
	case FORMAT_STX: case FORMAT_ST: case FORMAT_STORE_REL:
		return 0;
	}
	return 0;
}

bool jinsn_pure(const struct jinsn *i)
{
	switch ((enum insn_format)jinsn_format(i)) {
	case FORMAT_ALU_IMM: case FORMAT_ALU_REG: case FORMAT_UNARY: case FORMAT_CAST:
	case FORMAT_LDX: case FORMAT_WIDE:
		return true;
	case FORMAT_NONE: case FORMAT_JA: case FORMAT_JA32: case FORMAT_JCC_IMM: case FORMAT_JCC_REG:
	case FORMAT_CALL: case FORMAT_CALL_KFUNC: case FORMAT_CALLX: case FORMAT_STX: case FORMAT_ST:
	case FORMAT_ATOMIC: case FORMAT_LOAD_ACQ: case FORMAT_STORE_REL: case FORMAT_LD_ABS: case FORMAT_LD_IND:
		return false;
	}
	return false;
}

static void summarize(struct jit *jit, struct jblock *block)
{
	u16 uses = 0, defs = 0;

	for (u32 at = block->end; at-- > block->start;) {
		u16 writes = jinsn_writes(&jit->insns[at]);

		defs |= writes;
		uses = (u16)((uses & ~writes) | jinsn_reads(&jit->insns[at]));
	}
	block->uses = block->live_in = uses;
	block->defs = defs;
	block->live_out = 0;
}

static bool update(struct jit *jit, struct jblock *block)
{
	u16 out = 0, in;

	for (u32 side = 0; side < 2; side++)
		if (block->next[side] != JIT_NONE)
			out |= jit->blocks[block->next[side]].live_in;
	in = (u16)(block->uses | (out & ~block->defs));
	if (in == block->live_in && out == block->live_out)
		return false;
	block->live_in = in;
	block->live_out = out;
	return true;
}

static void remove_dead(struct jit *jit, const struct jblock *block)
{
	u16 live = block->live_out;

	for (u32 at = block->end; at-- > block->start;) {
		struct jinsn *i = &jit->insns[at];
		u16 writes = jinsn_writes(i);

		if (i->op != JIT_NOP && !(writes & live) && jinsn_pure(i))
			i->op = JIT_NOP;
		jit->live_out[at] = live;
		if (i->op != JIT_NOP)
			live = (u16)((live & ~writes) | jinsn_reads(i));
	}
}

void jit_live(struct jit *jit)
{
	bool changed = true;

	for (u32 b = 0; b < jit->block_count; b++)
		summarize(jit, &jit->blocks[b]);
	while (changed) {
		changed = false;
		for (u32 b = jit->block_count; b-- > 0;)
			changed |= update(jit, &jit->blocks[b]);
	}
	for (u32 b = 0; b < jit->block_count; b++)
		remove_dead(jit, &jit->blocks[b]);
}
