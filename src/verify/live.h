/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which registers and stack slots may still be read after a point: what two states may differ in.
 *
 * Registers: computed once from the instructions. Stack slots: pointers into the stack are only known
 * while walking, so each read and write met is noted at (chain of calls, instruction, frame), and
 * liveness is spread backwards over the control flow when asked for. It is only asked for states
 * whose continuations have all been walked, so all reads behind them are noted.
 */
#ifndef VERIFY_LIVE_H
#define VERIFY_LIVE_H

#include "util/types.h"

struct env;
struct saved;
struct func_state;

int live_registers(struct env *env); /* fills aux[].live_regs; needs cfg.c's predecessors */
int live_log(struct env *env);	     /* at log level 2 */
void live_free(struct env *env);

/* The record of a subprogram called from callsite in caller's context (NULL: an entry point). NULL: no memory. */
struct live *live_enter(struct env *env, struct live *caller, u32 callsite, u32 subprog);

/* This instruction reads (may read) or wholly overwrites these slots of frame f. */
void live_read(struct env *env, const struct func_state *f, u64 slots);
void live_write(struct env *env, const struct func_state *f, u64 slots);
/* The instruction has been walked once, in the context that `live` records. */
int live_commit(struct env *env, struct live *live, u32 insn);

/* Forgets dead registers and slots of a remembered state with no unfinished paths below it. */
void live_clean(struct env *env, struct saved *state);

#endif
