// SPDX-License-Identifier: BSD-2-Clause
/*
 * Liveness of the eleven registers, backwards over basic blocks until nothing changes; then, in one
 * more walk, instructions that only compute a dead register are removed.
 */
#include "jit/ir.h"

enum { ARGS = 0x3e, R0 = 1, CLOBBERED = ARGS | R0 };

/* Effects by format; a copy (BPF_MOV) does not read dst. */
#define E_NONE	     0, 0, 0
#define E_ALU_IMM    0, 0, WRITES_DST | PURE | READS_DST
#define E_ALU_REG    0, 0, WRITES_DST | PURE | READS_DST | READS_SRC
#define E_UNARY	     0, 0, WRITES_DST | PURE | READS_DST
#define E_CAST	     0, 0, WRITES_DST | PURE | READS_SRC
#define E_JA	     0, 0, 0
#define E_JA32	     0, 0, 0
#define E_JCC_IMM    0, 0, READS_DST
#define E_JCC_REG    0, 0, READS_DST | READS_SRC
#define E_CALL	     ARGS, CLOBBERED, 0
#define E_CALL_KFUNC ARGS, CLOBBERED, 0
#define E_CALLX	     ARGS, CLOBBERED, READS_DST
#define E_LDX	     0, 0, WRITES_DST | PURE | READS_SRC
#define E_STX	     0, 0, READS_DST | READS_SRC
#define E_ST	     0, 0, READS_DST
#define E_ATOMIC     0, 0, READS_DST | READS_SRC | ATOMIC_EFFECT
#define E_LOAD_ACQ   0, 0, WRITES_DST | READS_SRC
#define E_STORE_REL  0, 0, READS_DST | READS_SRC
#define E_WIDE	     0, 0, WRITES_DST | PURE
#define E_LD_ABS     1 << BPF_REG_6, CLOBBERED, 0
#define E_LD_IND     1 << BPF_REG_6, CLOBBERED, READS_SRC
#define IS_COPY(code) \
	((BPF_CLASS(code) == BPF_ALU || BPF_CLASS(code) == BPF_ALU64) && BPF_OP(code) == BPF_MOV)
#define EFFECT(code, fixed_reads, fixed_writes, bits)                               \
	{                                                                           \
		.reads = (fixed_reads) | ((code) == (BPF_JMP | BPF_EXIT) ? R0 : 0), \
		.writes = fixed_writes, .flags = (bits) & ~(IS_COPY(code) ? READS_DST : 0),
#define EFFECT_OF(...) EFFECT(__VA_ARGS__)

const struct jeffect jit_effects[JIT_OPS] = {
#define INSN(name, code, field, value, kind, text)                     \
	[OP_##name] = EFFECT_OF(code, E_##kind).format = FORMAT_##kind \
	}                                                              \
	,
#include "isa/insn.def"
	[JIT_ROTR32] = { .flags = WRITES_DST | PURE | READS_SRC, .format = FORMAT_LDX },
	[JIT_ROTR64] = { .flags = WRITES_DST | PURE | READS_SRC, .format = FORMAT_LDX },
	[JIT_LDBE16] = { .flags = WRITES_DST | PURE | READS_SRC, .format = FORMAT_LDX },
	[JIT_LDBE32] = { .flags = WRITES_DST | PURE | READS_SRC, .format = FORMAT_LDX },
	[JIT_LDBE64] = { .flags = WRITES_DST | PURE | READS_SRC, .format = FORMAT_LDX },
};

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
