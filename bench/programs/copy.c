/* SPDX-License-Identifier: BSD-2-Clause */
/* Copies 4 KiB, word by word, and looks at the last. */
#include "bench.h"

struct { u64 from[512], to[512]; } data;

u64 program(void *ctx)
{
	for (u32 i = 0; i < 512; i++)
		data.to[i] = data.from[i];
	return data.to[511];
}
