/* SPDX-License-Identifier: BSD-2-Clause */
/* From a C file to a BPF object, through the cache. */
#ifndef LOAD_COMPILE_H
#define LOAD_COMPILE_H

#include "util/log.h"

struct compile_opts {
	struct log *log;	 /* the compiler's messages and ours */
	bool color;		 /* messages with colour */
	bool fresh;		 /* do not look into the cache */
	void (*slow)(void *arg); /* compiling takes a while; may be NULL */
	void *slow_arg;
};

/*
 * Compiles path, BCC's dialect or libbpf's style told apart by what it contains. *object is malloc'd.
 * -ENOENT and so on for the file, -ENOPKG no usable clang, -EBADMSG the source has errors (told in the log).
 */
int compile_file(const char *path, const struct compile_opts *opts, void **object, size_t *size);

/* A source in memory, in BCC's dialect whatever it contains, and flags for the compiler (NULL at the end). */
struct compile_text {
	const char *
		name; /* what messages call it, "/FOLDER/FILE"; #include "X" is looked for in the current folder */
	const char *text;
	size_t len;
	const char *const *flags; /* at most COMPILE_FLAGS; may be NULL */
};
enum { COMPILE_FLAGS = 64 };

/* As compile_file(), and -E2BIG too many flags or a source over 16 MiB, -EINVAL no such name. */
int compile_text(const struct compile_text *text, const struct compile_opts *opts, void **object,
		 size_t *size);

#endif
