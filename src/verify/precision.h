/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which scalars' values mattered. Two states may differ in a scalar that nothing later depended on,
 * so each scalar of a remembered state is either precise (compare it) or not (any scalar will do).
 *
 * Every scalar carries a `dep`: a node of a graph of what it was computed from. 0 depends on nothing
 * remembered. A remembered state gives each of its scalars a leaf; when a value is needed, marking
 * its node marks everything it came from once, and leaves pass it on to their state. So the cost of
 * all marking together is linear in the nodes made.
 */
#ifndef VERIFY_PRECISION_H
#define VERIFY_PRECISION_H

#include "util/types.h"

struct env;
struct state;
struct saved;
struct reg_state;

int precision_new(struct env *env);
void precision_free(struct env *env);
/* Forgets all nodes: before another subprogram is walked. */
void precision_reset(struct env *env);

/* A node that depends on both; either may be 0. */
u32 precise_join(struct env *env, u32 a, u32 b);
/* The value of reg matters from here on. */
void precise_mark(struct env *env, const struct reg_state *reg);
/* cur has been saved as stored, to be remembered: fresh leaves for its scalars. */
int precise_remember(struct env *env, struct state *cur, struct saved *stored);
/* No state but stored, the one just remembered, is kept: nothing that it came from can be asked for any more. */
void precise_restart(struct env *env, struct saved *stored);
/* cur's path ends because it is like stored: what mattered of stored's scalars matters of cur's. */
void precise_follow(struct env *env, struct state *cur, const struct saved *stored);

#endif
