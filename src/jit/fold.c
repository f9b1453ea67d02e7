// SPDX-License-Identifier: BSD-2-Clause
/* Rewriting within basic blocks. */
#include "jit/ir.h"

int jit_fold(struct jit *jit)
{
	(void)jit;
	return 0;
}
