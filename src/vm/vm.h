/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of src/vm/ share: struct code and the interpreter's pre-decoded form. */
#ifndef VM_VM_H
#define VM_VM_H

#include "isa/insn.h"
#include "jit/jit.h"
#include "vm/code.h"

enum { CHECKED_FRAME = 512 }; /* stack bytes of a subprogram nobody measured */

/*
 * One pre-decoded instruction; index i is raw instruction i, so offsets need no translation.
 * Calls differ from the raw form: off is the stack depth of the calling subprogram, of a local call
 * in checked code the low bits of its charge; a helper call's imm indexes code->helpers.
 */
struct iop {
	const void *handler;
	u8 dst, src;
	s16 off;
	s32 imm;
};

/* What a local call of checked code costs: the instructions of its callee. */
static inline s64 iop_charge(const struct iop *i)
{
	return (u16)i->off | i->dst << 16;
}

/* What LD_FUNC loads the address of: an entry of a program as a value. */
struct code_func {
	const struct code *code;
	u32 index; /* of the subprogram */
};

struct code {
	entry_fn entry;		  /* first: enters the program, r10 = run->stack_cur */
	struct iop *iops;	  /* NULL where compiled */
	struct jit_image image;	  /* mem NULL where interpreted */
	struct jit_func *natives; /* of the image, one a subprogram */
	helper_fn *helpers;	  /* distinct ones, iop.imm indexes */
	struct code_subprog *subprogs;
	struct code_func *funcs; /* one a subprogram */
	u32 count, subprog_count, helper_count;
	bool checked;
	struct beliefs *beliefs;	 /* vm/watch.h; NULL but in ORACLE builds */
	helper_fn (*helper)(u32 number); /* for CALLX */
};

/* Structure that engines rely on: known ops, jumps inside their subprogram, nothing falls off an end, r10 never
 * written. Fills code's count, subprogs and subprog_count. 0, -EINVAL, -EOPNOTSUPP, -ENOMEM. */
int check_structure(struct code *code, const struct code_spec *spec, const struct insn *insns,
		    struct log *why);

/* The subprogram that instruction index belongs to. */
u32 subprog_of(const struct code *code, u32 index);

/* Prepares code->iops. 0, -ENOMEM, -EINVAL for an unknown helper. */
int interp_prepare(struct code *code, const struct code_spec *spec, const struct insn *insns,
		   struct log *why);

/* Runs code from start with r1..r5 (args) and r10 = run->stack_cur. With run == NULL: fills labels[OP_COUNT]. */
u64 interp_plain(const struct code *code, u32 start, const u64 args[5], struct run *run,
		 const void **labels);
u64 interp_checked(const struct code *code, u32 start, const u64 args[5], struct run *run,
		   const void **labels);

/* CALLX's callee: the helper whose number is in a register; an unknown one sets run->guard.error. */
u64 call_by_number(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run, u64 number);

/* Whether a checked program may touch size bytes at addr. */
static inline bool may_touch(const struct run *run, u64 addr, u32 size)
{
	u64 low = (u64)run->stack_low, stack = (u64)run->stack_top - low;

	if (addr - low < stack && size <= stack - (addr - low))
		return true;
	return addr - run->guard.mem < run->guard.mem_len &&
	       size <= run->guard.mem_len - (addr - run->guard.mem);
}

#endif
