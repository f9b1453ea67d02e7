/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the verifier believed at each instruction, kept for an interpreter that checks it while the
 * program runs (vm/watch.h). Only in builds with SKEP_ORACLE defined (make ORACLE=1); elsewhere the
 * doors below are empty and struct beliefs is never made.
 *
 * An accepted program is walked once more, literally: a path stops only where a remembered state
 * contains the present one in everything, dead and imprecise values too. So each state that a run can
 * be in is contained in one of the states visited at that instruction, and the walk must accept too.
 */
#ifndef VERIFY_BELIEF_H
#define VERIFY_BELIEF_H

#include "verify/state.h"

struct verify_env;
struct verify_result;
struct env;
struct insn;

struct belief_slot {
	const struct reg_state *reg; /* what is spilled there, NULL: nothing */
	u8 type[SLOT];
};

struct belief_frame {
	u32 callsite, subprog, nr_slots;
	const struct reg_state *regs[REG_COUNT];
	struct belief_slot slots[];
};

/* One visited state; frame[0] is the outermost that this walk knows of. */
struct belief {
	struct belief *next;
	u32 nr;
	const struct belief_frame *frame[];
};

enum { BELIEF_NONE = ~0u, BELIEF_DEAD = 1u << 31 };

struct beliefs {
	u32 count, xlated_count;
	struct belief **at;   /* per instruction as loaded, in order of visits */
	struct belief **last; /* per instruction: the one that held last (a hint) */
	u32 *from; /* per instruction that runs: the one it begins, BELIEF_NONE inside of one; BELIEF_DEAD: a trap */
	const struct bpf_insn *insns; /* as loaded */
	struct belief_store *store;
};

struct belief_counts {
	u32 kept, too_large;
};

#ifdef SKEP_ORACLE
/* Walks in's program, accepted with result, again; result->beliefs is left NULL if that exceeds the limits. */
int beliefs_gather(struct verify_env *in, struct verify_result *result);
void beliefs_free(struct beliefs *beliefs);
struct belief_counts beliefs_counted(void);
/* The walk visits env->insn_idx. -E2BIG: more than may be kept. */
int belief_note(struct env *env);
/* After an instruction, with SKEP_ORACLE_PLANT set: believes something that is not so, for the tests of all this. */
void belief_plant(struct env *env, const struct insn *insn);
/* A belief that does not hold: says so and aborts. */
void belief_broken(const char *text) __attribute__((noreturn));
#else
static inline int beliefs_gather(struct verify_env *in, struct verify_result *result)
{
	(void)in, (void)result;
	return 0;
}
static inline void beliefs_free(struct beliefs *beliefs)
{
	(void)beliefs;
}
static inline struct belief_counts beliefs_counted(void)
{
	return (struct belief_counts){ 0, 0 };
}
static inline int belief_note(struct env *env)
{
	(void)env;
	return 0;
}
static inline void belief_plant(struct env *env, const struct insn *insn)
{
	(void)env, (void)insn;
}
#endif

#ifdef SKEP_ORACLE
#define ORACLE_BUILD 1
#else
#define ORACLE_BUILD 0
#endif

#endif
