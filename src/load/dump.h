/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects as text: what llvm-objdump -d and -S print of them. */
#ifndef LOAD_DUMP_H
#define LOAD_DUMP_H

#include "util/log.h"

struct dump_opts {
	const char *name; /* the file, for the first line and messages */
	const char *prog; /* only this function; NULL: all */
	bool source;	  /* with source lines (.BTF.ext) */
	bool explain;	  /* every instruction told byte by byte */
};

/* The bytes are hostile. 0, -EINVAL and words to why, -ENOENT no such function. */
int dump_object(const void *bytes, size_t size, const struct dump_opts *opts, struct log *out,
		struct log *why);

#endif
