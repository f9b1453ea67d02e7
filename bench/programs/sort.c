/* SPDX-License-Identifier: BSD-2-Clause */
/* Bubble sort of 64 numbers, from a copy so that every run sorts the same. */
#include "bench.h"

struct { u32 from[64], to[64]; } data;

u64 program(void *ctx)
{
	u64 sum = 0;

	for (u32 i = 0; i < 64; i++)
		data.to[i] = data.from[i];
	for (u32 i = 0; i < 63; i++)
		for (u32 j = 0; j < 63 - i; j++) {
			u32 a = data.to[j], b = data.to[j + 1];

			if (a > b) {
				data.to[j] = b;
				data.to[j + 1] = a;
			}
		}
	for (u32 i = 0; i < 64; i++)
		sum = sum * 31 + data.to[i];
	return sum;
}
