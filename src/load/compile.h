/* SPDX-License-Identifier: BSD-2-Clause */
/* From a C file to a BPF object, through the cache. */
#ifndef LOAD_COMPILE_H
#define LOAD_COMPILE_H

#include "util/log.h"

struct compile_opts {
	struct log *log;		/* the compiler's messages and ours */
	bool color;			/* messages with colour */
	bool fresh;			/* do not look into the cache */
	void (*slow)(void *arg);	/* compiling takes a while; may be NULL */
	void *slow_arg;
};

/*
 * Compiles path, BCC's dialect or libbpf's style told apart by what it contains. *object is malloc'd.
 * -ENOENT and so on for the file, -ENOPKG no usable clang, -EBADMSG the source has errors (told in the log).
 */
int compile_file(const char *path, const struct compile_opts *opts, void **object, size_t *size);

#endif
