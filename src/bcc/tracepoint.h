/* SPDX-License-Identifier: BSD-2-Clause */
/* The records of tracepoints as C structs, for TRACEPOINT_PROBE and functions named tracepoint__C__E. */
#ifndef BCC_TRACEPOINT_H
#define BCC_TRACEPOINT_H

#include <stdio.h>

#include "util/types.h"

/*
 * Writes "struct tracepoint__CATEGORY__EVENT { … };", once however often it is asked for, as the running kernel's tracefs has it, else from
 * tracepoint.def. -ENOENT: neither knows it. The names are len bytes of what should be identifiers.
 */
int tracepoint_struct(FILE *out, const char *category, u32 category_len, const char *event,
		      u32 event_len);

#endif
