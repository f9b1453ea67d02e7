/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executable programs. code_new() takes what the verifier's fix-ups left and prepares it for an
 * engine; code_run() runs it in a slot. Interpreter and JITs give the same results.
 */
#ifndef VM_CODE_H
#define VM_CODE_H

#include "def/run.h"
#include "def/uapi.h"
#include "util/log.h"

enum { CODE_MAX_INSNS = 4000000 }; /* the kernel's million, and what fix-ups add */

enum engine {
	ENGINE_AUTO, /* JIT where there is a back end and executable memory, else the interpreter */
	ENGINE_INTERP,
	ENGINE_JIT, /* or -EOPNOTSUPP */
};

struct code_subprog {
	u32 start;	 /* instruction index */
	u32 stack_depth; /* bytes, multiple of 8 */
};

struct beliefs;

struct code_spec {
	const struct bpf_insn
		*insns; /* fixed up: LD_MAP_* carry addresses, CALL_HELPER helper numbers */
	u32 count;
	const struct code_subprog *subprogs; /* sorted; [0].start == 0 */
	u32 subprog_count;
	enum engine engine;
	struct beliefs
		*beliefs; /* ORACLE builds: code_new() takes them over and interprets; else NULL */
	bool checked; /* not verified: test every access against run->guard and the stack, see below */
	helper_fn (*helper)(u32 number); /* NULL for a number that occurs: -EINVAL */
};

/*
 * Checked programs: subprogs may be NULL (they are found, 512 bytes of stack each), registers and
 * stack start as zero, an access outside [stack_low, stack_top) and run->guard's memory, a misaligned
 * atomic, a ninth frame, or a spent budget ends the run with r0 = 0 and guard.error set. The budget
 * is charged at backward jumps, by the instructions spanned, and at calls, so that a run executes at
 * most budget + count instructions; it is the same number in every engine.
 */

struct code;

int code_new(struct code **out, const struct code_spec *spec, struct log *why);
void code_free(struct code *code);

/* Runs from the first instruction with r1 = ctx, resetting the tail-call count and the stack. Returns r0.
 * The caller filled run's stack_top, stack_low, ops, cpu, task and, for checked programs, guard. */
u64 code_run(const struct code *code, void *ctx, struct run *run);

/* The same for a checked program with a second argument: r2 (the length of r1's memory). */
u64 code_run_checked(const struct code *code, u64 r1, u64 r2, struct run *run);

/* Calls back into a program: callback is what it passed (LD_FUNC's value). For helpers; its frame starts at run->stack_cur. */
u64 code_callback(struct run *run, u64 callback, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5);

/* Machine code for listings: NULL and 0 where interpreted. */
const void *code_image(const struct code *code, u32 *len);
/* Of the n-th subprogram, with its prologue: NULL beyond the last one or where interpreted. */
const void *code_function(const struct code *code, u32 n, u32 *len);
/* Of instruction index; NULL where interpreted or out of range. */
const void *code_insn(const struct code *code, u32 index);

#endif
