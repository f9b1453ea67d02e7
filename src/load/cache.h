/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compiled objects kept in $XDG_CACHE_HOME/skep (else ~/.cache/skep), one file each, named by a hash
 * of what was compiled and how. An entry lists what else went into it and is used only while all
 * of that still reads the same. What is in the folder is checked like any input: a damaged entry is
 * as good as none.
 */
#ifndef LOAD_CACHE_H
#define LOAD_CACHE_H

#include "util/types.h"

enum { CACHE_PATH = 4096 };

struct cache_key {
	u8 hash[32];
};

/* The object of key if it is up to date: *object (malloc'd) and its size, or -ENOENT. compiler NULL: any will do. */
int cache_get(const struct cache_key *key, const char *compiler, void **object, size_t *size);

/*
 * Keeps an object. depends is the compiler's list of what it read, as a make rule; those files' contents
 * are hashed now. Written beside and renamed, so a reader sees all or nothing. 0 or -errno, which nobody minds.
 */
int cache_put(const struct cache_key *key, const char *compiler, const char *depends,
	      const void *object, size_t size);

/* Where a file of that name is kept in the cache's folder, whether it is there or not: 0, -ENOENT (no home), -ENAMETOOLONG. */
int cache_path(const char *name, char path[CACHE_PATH]);

/* Puts a file there, beside and renamed as above; its folders are made. 0 or -errno. */
int cache_write(const char *path, const void *bytes, size_t size);

#endif
