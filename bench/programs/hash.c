/* SPDX-License-Identifier: BSD-2-Clause */
/* FNV-1a over 1.5 KB of text, and a comparison of two equal strings of that length. */
#include "bench.h"

enum { LENGTH = 1500 };
struct { u8 left[LENGTH + 1], right[LENGTH + 1]; } data;

static inline s32 compare(void)
{
	for (u32 i = 0; i < LENGTH; i++) {
		u8 a = data.left[i], b = data.right[i];

		if (a != b)
			return (s32)a - (s32)b;
		if (!a)
			break;
	}
	return 0;
}

u64 program(void *ctx)
{
	u64 hash = 0xcbf29ce484222325ull;

	for (u32 i = 0; i < LENGTH && data.left[i]; i++) {
		hash ^= data.left[i];
		hash *= 0x100000001b3ull;
	}
	return hash + (u64)(s64)compare();
}
