/* SPDX-License-Identifier: BSD-2-Clause */
/* How deep a stack counts where Linux rewrites calls: spills that go (fastcall.c), loops that are inlined. */
#ifndef VERIFY_FASTCALL_H
#define VERIFY_FASTCALL_H

#include "util/types.h"

struct env;
struct func_state;

/* Finds spills and fills around calls that need none, before the walk. */
int fastcall_mark(struct env *env);
/* The walk uses f's stack at off: where a spill lies that is no part of a pattern, none of the function's goes. */
void fastcall_touch(struct env *env, const struct func_state *f, s32 off);
/* After the walk: depths without the spills (profile linux). */
void fastcall_drop(struct env *env);
/* A call of bpf_loop is walked. */
void fastcall_loop(struct env *env, u32 callback, bool no_flags);
/* For the log: what inlined loops and may_goto take beside the program's own. */
u32 fastcall_extra(const struct env *env, u32 subprog);

#endif
