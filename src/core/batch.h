/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a batch look-up of a hash left off. The caller gets a 32-bit token (Linux: a bucket number),
 * whatever the size of a key; the key it stands for is kept here, the last few of a map.
 */
#ifndef CORE_BATCH_H
#define CORE_BATCH_H

#include "util/types.h"

enum { BATCH_CURSORS = 64 };
struct batch_cursor {
	u32 token; /* 0: unused */
	void *key;
};
void cursors_free(struct batch_cursor *cursors); /* an array of BATCH_CURSORS, or NULL */

#endif
