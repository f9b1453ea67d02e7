/* SPDX-License-Identifier: BSD-2-Clause */
/* What the passes before the walk find out of the program, and what the walk adds to it. */
#ifndef VERIFY_PROGRAM_H
#define VERIFY_PROGRAM_H

#include "util/types.h"

/* What passes and walk remember of an instruction. */
enum aux_flag {
	AUX_SEEN = 1 << 0,
	AUX_PRUNE = 1 << 1,
	AUX_FORCE = 1 << 2,
	AUX_TARGET = 1 << 3,
	AUX_CALLBACK = 1 << 4,
	AUX_MAP_POISON = 1 << 5,
	AUX_FASTCALL = 1 << 6,
	AUX_CALL_KEPT = 1 << 7,
};
struct insn_aux {
	u16 flags,
		live_regs; /* live_regs: bit n, register n is read before it is written from here on */
	union {
		struct {		       /* loads and stores */
			u32 ptr_type;	       /* of the memory touched, NOT_INIT if none yet */
			u16 ctx_off, ctx_size; /* context: the field */
		};
		struct {
			u32 map_off; /* LD_MAP_VALUE */
			u16 map; /* 1 + index in env->maps: LD_MAP_*'s, or the map a helper call is always given */
		};
	};
};

struct subprog {
	u32 start, stack_depth, order;
	const char *name;
	u32 btf_func; /* type id of its FUNC, or 0 */
	bool has_tail_call, has_ld_abs, is_callback, is_async, global, called, verified,
		checked_args;
	bool reaches_tail_call, changes_packet, loops;
	u32 nr_args;
	struct {
		u32 type, mem_size, btf_id;
	} args[5];
	u32 depth_limit;
	s32 fastcall_off; /* fastcall.c: spills that may go lie below it */
	u32 fastcalls;	  /* calls whose spills go */
	bool fastcall_kept;
};

/* Where blocks begin: prune points and functions. */
struct points {
	u64 *bits;   /* a bit an instruction */
	u32 *before; /* how many there are before this word of bits */
	u32 *at;     /* their instructions, in order; one more: the program's end */
	u32 *pred_start,
		*pred; /* blocks that jump there: pred[pred_start[p]] up to pred_start[p + 1] */
	u32 count, nr_preds;
};

/* How many points are at or before the instruction. */
static inline u32 points_until(const struct points *p, u32 insn)
{
	u64 upto = p->bits[insn / 64] & (~0ull >> (63 - insn % 64));

	return p->before[insn / 64] + (u32)__builtin_popcountll(upto);
}

#endif
