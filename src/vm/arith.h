/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arithmetic where C and BPF differ (RFC 9669 section 4.1): division by zero gives 0, its remainder
 * the dividend; MIN / -1 is MIN, its remainder 0. 32-bit results are zero-extended by the caller.
 */
#ifndef VM_ARITH_H
#define VM_ARITH_H

#include "util/types.h"

static inline u64 div64(u64 a, u64 b)
{
	return b ? a / b : 0;
}
static inline u64 mod64(u64 a, u64 b)
{
	return b ? a % b : a;
}
static inline u32 div32(u32 a, u32 b)
{
	return b ? a / b : 0;
}
static inline u32 mod32(u32 a, u32 b)
{
	return b ? a % b : a;
}
static inline u64 sdiv64(u64 a, u64 b)
{
	return b + 1 <= 1 ? (b ? -a : 0) : (u64)((s64)a / (s64)b);
}
static inline u64 smod64(u64 a, u64 b)
{
	return b + 1 <= 1 ? (b ? 0 : a) : (u64)((s64)a % (s64)b);
}
static inline u32 sdiv32(u32 a, u32 b)
{
	return b + 1 <= 1 ? (b ? -a : 0) : (u32)((s32)a / (s32)b);
}
static inline u32 smod32(u32 a, u32 b)
{
	return b + 1 <= 1 ? (b ? 0 : a) : (u32)((s32)a % (s32)b);
}

#endif
