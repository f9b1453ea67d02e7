/* SPDX-License-Identifier: BSD-2-Clause */
/* The C compiler for BPF: clang, at least version 14, as a process that is gone when it is done. */
#ifndef LOAD_CLANG_H
#define LOAD_CLANG_H

#include "util/log.h"

enum { CLANG_OLDEST = 14, CLANG_NEWEST_NAMED = 22 };

struct clang {
	char path[4096];
	char id[4200]; /* names this very compiler: its real path, size and time */
	int version;   /* 0: not asked yet */
};

/* Finds a compiler: $CLANG, then clang and clang-NN in PATH. Runs nothing. -ENOENT. */
int clang_find(struct clang *out);

struct clang_job {
	const char *const *flags; /* NULL at the end */
	const char *path;	  /* file to compile, or NULL: source goes through standard input */
	const char *source;
	size_t source_len;
	void (*slow)(
		void *arg); /* called once when it takes longer than a third of a second; may be NULL */
	void *slow_arg;
};
struct clang_result {
	char *object, *depends,
		*says; /* malloc'd, NUL-terminated: object file, make rule of what was read, messages */
	size_t object_len, depends_len, says_len;
	int status; /* as wait(2) */
};

/* Runs the compiler. 0 and *out (the caller frees its texts), whatever the status; -errno where it could not run. */
int clang_run(struct clang *clang, const struct clang_job *job, struct clang_result *out);
void clang_result_free(struct clang_result *result);

#endif
