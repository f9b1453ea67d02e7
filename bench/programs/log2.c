/* SPDX-License-Identifier: BSD-2-Clause */
/* Sum of the binary logarithms of 256 words. */
#include "bench.h"

struct { u64 word[256]; } data;

static inline u32 log2_32(u32 v)
{
	u32 r, shift;

	r = (v > 0xffff) << 4;
	v >>= r;
	shift = (v > 0xff) << 3;
	v >>= shift;
	r |= shift;
	shift = (v > 0xf) << 2;
	v >>= shift;
	r |= shift;
	shift = (v > 0x3) << 1;
	v >>= shift;
	r |= shift;
	return r | v >> 1;
}

u64 program(void *ctx)
{
	u64 sum = 0;

	for (u32 i = 0; i < 256; i++) {
		u64 v = data.word[i];
		u32 high = v >> 32;

		sum += high ? log2_32(high) + 32 : log2_32((u32)v);
	}
	return sum;
}
