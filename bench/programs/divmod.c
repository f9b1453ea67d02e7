/* SPDX-License-Identifier: BSD-2-Clause */
/* Division and remainder, by constants (decimal digits) and by variables. */
#include "bench.h"

struct { u64 number[32]; u64 divisor[32]; } data;

u64 program(void *ctx)
{
	u64 sum = 0;

	for (u32 i = 0; i < 32; i++) {
		u64 n = data.number[i];
		u32 m = (u32)n;

		sum += n / 1000000007 + n % 10 + n / 7 % 641;
		sum ^= m / 10 + m % 60 + m / 3600 % 24;
		sum += n / (data.divisor[i] | 1);
		sum ^= m % ((u32)data.divisor[i] | 1);
	}
	return sum;
}
