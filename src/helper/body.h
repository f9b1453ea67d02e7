/* SPDX-License-Identifier: BSD-2-Clause */
/* What helper bodies share. A body gets r1..r5 as the program left them, checked by the verifier. */
#ifndef HELPER_BODY_H
#define HELPER_BODY_H

#include "def/run.h"
#include "def/uapi.h"

#define BODY(name) u64 helper_##name(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run);
#include "helper/bodies.def"
#undef BODY

/* Opens a body: all six names exist, whether used or not. */
#define HELPER(name)                                                                      \
	u64 helper_##name(u64 r1 __attribute__((unused)), u64 r2 __attribute__((unused)), \
			  u64 r3 __attribute__((unused)), u64 r4 __attribute__((unused)), \
			  u64 r5 __attribute__((unused)), struct run *run __attribute__((unused)))

/* A register as an address the verifier vouches for. */
static inline void *ptr(u64 reg)
{
	return (void *)(uintptr_t)reg;
}

/* 0 or a negative errno as r0. */
static inline u64 result(s64 value)
{
	return (u64)value;
}

/*
 * What a program may read of the system without being sure (its stack, its context, the packet,
 * values of maps). The bytes at addr, and in *avail how many of len there are; NULL: none.
 */
const void *mem_reach(struct run *run, u64 addr, u64 len, u64 *avail);
/* 0 or -EFAULT, dst zeroed then. */
int mem_read_kernel(struct run *run, void *dst, u32 len, u64 addr);
int mem_read_user(struct run *run, void *dst, u32 len, u64 addr);
/* A string cut to size bytes, NUL included: its length with the NUL, or -EFAULT with dst zeroed. 0 for size 0. */
s64 mem_read_kernel_str(struct run *run, char *dst, u32 size, u64 addr);
s64 mem_read_user_str(struct run *run, char *dst, u32 size, u64 addr);
/* The old helpers' rule: the system's memory if it is that, else the process's. */
s64 mem_read_any_str(struct run *run, char *dst, u32 size, u64 addr);

/*
 * The kernel's printf for programs (print.c): fmt of fmt_size bytes holds its NUL. Writes at most size bytes with the
 * NUL; returns the length of the whole text without it, or -EINVAL, -ENOSPC with nothing promised about out.
 */
s64 print_format(struct run *run, char *out, u32 size, const char *fmt, u32 fmt_size,
		 const u64 *args, u32 nr_args);

u64 time_now(int clock); /* ns */

#endif
