/* SPDX-License-Identifier: BSD-2-Clause */
/* Whom a program's tables are for besides itself: BPF_TABLE_PINNED, BPF_TABLE_PUBLIC, BPF_TABLE("extern"), ... */
#ifndef BCC_SHARE_H
#define BCC_SHARE_H

#include <stddef.h>

enum bcc_share {
	BCC_PIN,    /* found at, or put at, a path */
	BCC_EXPORT, /* for modules of this process that come later */
	BCC_EXTERN, /* it is another module's */
};

/*
 * Calls fn for each table of an object file that is shared, in the order of its symbols; text is the path of a pin, else "".
 * Stops at the first result that is not 0 and returns that. An object without any, or no object at all: 0.
 */
int bcc_shares(const void *object, size_t size,
	       int (*fn)(void *arg, const char *table, enum bcc_share how, const char *text),
	       void *arg);

#endif
