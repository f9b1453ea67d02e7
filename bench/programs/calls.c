/* SPDX-License-Identifier: BSD-2-Clause */
/* A loop around calls of small functions that are not inlined, one of which calls another. */
#include "bench.h"

struct { u32 seed; } data;

NOINLINE u64 mix(u64 x, u64 y);
NOINLINE u64 step(u64 x, u64 i);

u64 program(void *ctx)
{
	u64 x = data.seed;

	for (u32 i = 0; i < 100; i++) {
		x = step(x, i);
		x += mix(i, x);
	}
	return x;
}

u64 step(u64 x, u64 i)
{
	return mix(x, i) ^ x >> 7;
}

u64 mix(u64 x, u64 y)
{
	x ^= y << 13;
	return x * 0x9e3779b1 + 1;
}
