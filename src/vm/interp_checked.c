// SPDX-License-Identifier: BSD-2-Clause
/* The interpreter for programs nobody verified: the same instructions, every access and jump tested. */
#define CHECKED 1
#define INTERP	interp_checked
#include "vm/interp.c"
