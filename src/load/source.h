/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of source files, read once. */
#ifndef LOAD_SOURCE_H
#define LOAD_SOURCE_H

#include "util/types.h"

struct texts;
struct texts *texts_new(void); /* NULL: no memory */
void texts_free(struct texts *sources);

bool texts_have(struct texts *sources, const char *path);
/* Line number (from 1) of a file, without its end; "" where there is none. Lives until texts_free(). */
const char *texts_line(struct texts *sources, const char *path, u32 number);

#endif
