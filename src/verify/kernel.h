/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pointers to the kernel's objects, typed by its BTF (PTR_TO_BTF_ID): where a program gets them, what
 * a walk through one yields, and how far it is trusted.
 */
#ifndef VERIFY_KERNEL_H
#define VERIFY_KERNEL_H

#include "util/types.h"

struct env;
struct mem_op;
struct reg_state;

/* What a program that is attached by BTF id is attached to. */
struct attach_point {
	const char *name; /* "bpf_iter_bpf_map" */
	u32 proto;	  /* its FUNC_PROTO */
	const struct iter_target *iter;
};
/* Finds it, where the program's type has one. */
int kernel_target(struct env *env);

/* A load from the context of such a program: *reg is what it yields. */
int kernel_argument(struct env *env, s32 off, u32 size, bool write, struct reg_state *reg);

/* *reg becomes a pointer of this type to the kernel's struct of this name. */
int kernel_result(struct env *env, const char *strct, u32 type, struct reg_state *reg);

/* A load through the pointer in op->regno; off includes reg->off. op->value < 0: only whether it may be. */
int kernel_load(struct env *env, const struct mem_op *op, s32 off);
/* Likewise for a helper that reads size bytes, which must lie inside the object. */
int kernel_memory(struct env *env, u32 regno, u32 size, bool write);
/* Whether the register points to what the helper asks for. */
int kernel_match(struct env *env, u32 regno, u32 arg, const char *want);
/* A buffer whose size the attachment decides. */
int buffer_access(struct env *env, u32 regno, s32 off, u32 size, bool write);

/* Such a pointer may lead nowhere: fix-ups make the load one that yields zero then. */
bool kernel_probes(u32 type);

#endif
