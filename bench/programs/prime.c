/* SPDX-License-Identifier: BSD-2-Clause */
/* Trial division: is the number at hand a prime? */
#include "bench.h"

struct { u32 number; } data;

u64 program(void *ctx)
{
	u32 n = data.number;

	if (n < 2)
		return 0;
	for (u32 i = 2; i < 4000 && i * i <= n; i++)
		if (n % i == 0)
			return i;
	return 1;
}
