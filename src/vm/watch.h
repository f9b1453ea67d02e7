/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interpreter watched: in builds with SKEP_ORACLE defined (make ORACLE=1), before each instruction
 * the registers and the stack of every frame are looked for in what the verifier believed there
 * (verify/belief.h). In other builds nothing of this is compiled.
 */
#ifndef VM_WATCH_H
#define VM_WATCH_H

#include "vm/vm.h"

/* A function that called another one, as the interpreter keeps it. */
struct interp_frame {
	const struct iop *back;
	u64 saved[4]; /* r6..r9 */
	u8 *fp;
};

/* One interp_plain() that is running; a callback's links to the one whose helper calls it back. */
struct watch {
	struct run *run;
	struct watch *before, *up;
	const struct code *code;
	const u64 *reg;
	const struct interp_frame *frames;
	u32 depth, at, steps;
	u64 args[RUN_FRAMES + 1][5]; /* of each function that runs: r1 to r5 when it was entered */
};

#ifdef SKEP_ORACLE
void watch_begin(struct watch *watch, struct run *run, u32 start, u64 *reg,
		 struct interp_frame *frames);
void watch_end(struct watch *watch);
/* Instruction at of code comes next, in a function that depth others wait for. Aborts if a belief does not hold.
 * Beyond half a million instructions a run goes on unwatched. */
void watch_step(struct watch *watch, const struct code *code, u32 at, u32 depth);

/* watch_memory.c: whether v may be what is believed of a pointer (not NULL) */
struct reg_state;
bool watch_offset(const struct reg_state *believed, u64 v); /* v: the variable part alone */
bool watch_value(const struct run *run, const struct reg_state *believed, u64 v);
/* timer: it may be a timer's callback that was shown the key */
bool watch_key(const struct run *run, const struct reg_state *believed, u64 v, bool timer);
bool watch_map(const struct reg_state *believed, u64 v);
bool watch_packet(const struct run *run, const struct reg_state *believed, u64 v, bool meta);
bool watch_record(const struct run *run, const struct reg_state *believed, u64 v);
/* Into the memory that one of the arguments of a global function points to. */
bool watch_argument(const struct run *run, const struct reg_state *believed, u64 v,
		    const u64 args[5]);

#define WATCH_BEGIN                                             \
	struct watch watch __attribute__((cleanup(watch_end))); \
	watch_begin(&watch, run, start, reg, frames)
#define WATCH_STEP watch_step(&watch, code, (u32)(ip - code->iops), depth)
#else
#define WATCH_BEGIN (void)0
#define WATCH_STEP  (void)0
#endif

#endif
