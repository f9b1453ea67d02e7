/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The JIT's door: decoded, structurally sound instructions in, machine code out. Passes are listed in
 * jit.c; what differs from machine to machine is behind struct target.
 */
#ifndef JIT_JIT_H
#define JIT_JIT_H

#include "def/run.h"
#include "isa/insn.h"
#include "util/log.h"

struct jit_func {
	u32 start;	 /* first instruction */
	u32 stack_depth; /* bytes, multiple of 8 */
	u32 offset;	 /* out: of its machine code in the image */
};

struct jit_spec {
	const struct insn *insns;
	u32 count;
	struct jit_func *funcs; /* sorted, [0].start == 0 */
	u32 func_count;
	bool checked; /* run->guard holds, vm/code.h */
	helper_fn (*helper)(u32 number);
	u64 func_values; /* LD_FUNC loads func_values + n * func_size */
	u32 func_size;
	u64 without;	  /* machine features not to use (back end's bits): for tests */
	const void *code; /* what CALLX puts into run->code */
	/* CALLX: calls the helper with this number, or sets run->guard.error */
	u64 (*callx)(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run, u64 number);
};

/* Enters any function of an image from C, r10 = run->stack_cur. */
typedef u64 (*jit_enter_fn)(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run,
			    const void *function);

struct jit_image {
	u8 *mem; /* executable, not writable */
	u32 len, room;
	entry_fn entry; /* the program: function 0, r10 = run->stack_cur */
	jit_enter_fn enter;
	u32 *offsets; /* of each instruction's machine code; [count] is its end */
};

/* 0; -EOPNOTSUPP where there is no back end, -ENOMEM without executable memory, -EINVAL for an unknown helper. */
int jit_compile(struct jit_image *out, const struct jit_spec *spec, struct log *why);
void jit_release(struct jit_image *image);

#endif
