/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the JIT's passes work on: instructions with absolute jump targets and a few operations that
 * BPF lacks, basic blocks, liveness, and the buffer that a back end fills.
 *
 * Invariant between passes: index i is still BPF instruction i (removed ones are JIT_NOP), so line
 * info maps to machine code, and a pass may be left out without harm.
 */
#ifndef JIT_IR_H
#define JIT_IR_H

#include "jit/jit.h"

/* Operations beyond enum op. */
enum jit_op {
	JIT_NOP = OP_COUNT,
	JIT_ROTR32, /* dst = src rotated right by imm, 32 bits */
	JIT_ROTR64,
	JIT_LDBE16, /* dst = big-endian load at src + off */
	JIT_LDBE32,
	JIT_LDBE64,
	JIT_OPS,
};

enum {
	JIT_LEADER = 1, /* begins a basic block */
	JIT_LOOP = 2,	/* and is the target of a backward jump */
	JIT_TARGET = 4, /* and control gets there in another way than from the instruction before */
};

struct jinsn {
	u16 op; /* enum op or enum jit_op */
	u8 dst, src;
	s16 off;
	u16 flags;
	s32 imm;
	u32 aux; /* target of a jump, local call or function load (index of the function there) */
};
static inline u64 jinsn_imm64(const struct jinsn *i)
{
	return (u32)i->imm | (u64)i->aux << 32;
}

struct jblock {
	u32 start, end;
	u32 next[2]; /* successors, JIT_NONE if fewer */
	u16 uses, defs, live_in, live_out;
};
#define JIT_NONE UINT32_MAX

/* What a function needs of its frame. */
struct jframe {
	u32 start, end;
	u16 written, read; /* masks of BPF registers */
	bool calls;	   /* helpers or functions: the native stack must be aligned */
	bool local_calls, needs_run, needs_fp;
	bool private_stack; /* r10 is only ever a base: nobody else can know an address in this frame */
};

/* Machine code being written; emit.c keeps room ahead of len. */
struct jbuf {
	u8 *at;
	u32 len, room;
};

struct jit {
	const struct jit_spec *spec;
	struct jinsn *insns;
	u32 count;
	struct jframe *frames; /* one a function */
	struct jblock *blocks;
	u32 block_count;
	u16 *live_out;	  /* of every instruction: mask of BPF registers */
	u32 *loop_ends;	  /* of a JIT_LOOP instruction: the last jump back to it */
	u32 *offsets;	  /* machine code of every instruction, [count] = end */
	bool calls_first; /* somebody calls function 0 */
	bool has_func;	  /* LD_FUNC occurs: helpers may call back */
	bool sized;	  /* offsets[] of the first emission hold */
	struct jbuf buf;
	u64 features;	  /* of the machine, as the back end names them */
	u64 address;	  /* where the code will run, once known; 0 before */
	u32 entry, enter; /* offsets of the two C entries */
};

/* shape.c: decoded instructions to jinsns, targets, leaders, frames, blocks. */
int jit_shape(struct jit *jit);
/* Measures frames anew; passes that removed instructions leave smaller ones. */
void jit_frames(struct jit *jit);
/* live.c: liveness; removes what computes dead registers. */
void jit_live(struct jit *jit);
/* fold.c: value numbering in basic blocks: rotates, wide and big-endian loads, copies, constants, reloads. */
int jit_fold(struct jit *jit);

/* What an operation does to registers (live.c). */
struct jeffect {
	u16 reads, writes; /* masks, besides dst and src */
	u8 flags;
	u8 format; /* enum insn_format, as the nearest BPF instruction has it */
};
enum { READS_DST = 1, READS_SRC = 2, WRITES_DST = 4, PURE = 8, ATOMIC_EFFECT = 16 };
extern const struct jeffect jit_effects[JIT_OPS];

/* Registers that insn reads and writes (masks). */
static inline u16 jinsn_reads(const struct jinsn *i)
{
	const struct jeffect *e = &jit_effects[i->op];
	u16 mask =
		(u16)(e->reads | (e->flags & READS_DST) << i->dst | (e->flags >> 1 & 1) << i->src);

	return e->flags & ATOMIC_EFFECT && i->imm == BPF_CMPXCHG ? mask | 1 : mask;
}
static inline u16 jinsn_writes(const struct jinsn *i)
{
	const struct jeffect *e = &jit_effects[i->op];

	if (e->flags & ATOMIC_EFFECT)
		return i->imm == BPF_CMPXCHG ? 1 : i->imm & BPF_FETCH ? (u16)(1 << i->src) : 0;
	return (u16)(e->writes | (e->flags >> 2 & 1) << i->dst);
}
/* Whether removing it is unseen when dst is dead. */
static inline bool jinsn_pure(const struct jinsn *i)
{
	return jit_effects[i->op].flags & PURE;
}
static inline u8 jinsn_format(const struct jinsn *i)
{
	return jit_effects[i->op].format;
}
static inline bool jinsn_is_jcc(const struct jinsn *i)
{
	return jinsn_format(i) == FORMAT_JCC_IMM || jinsn_format(i) == FORMAT_JCC_REG;
}

/* mem.c: executable memory in packed pages. alloc reserves room, write puts code there; 0 or -ENOMEM. */
int jit_mem_alloc(u8 **out, u32 size);
int jit_mem_write(u8 *mem, const void *code, u32 size);
void jit_mem_free(u8 *mem, u32 size);

#endif
