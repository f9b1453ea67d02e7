/* SPDX-License-Identifier: BSD-2-Clause */
/* Source lines of an object's instructions, from .BTF.ext (layout: Linux' Documentation/bpf/btf.rst, section 4). */
#ifndef LOAD_LINES_H
#define LOAD_LINES_H

#include "util/types.h"

struct bytes {
	const u8 *at;
	size_t len;
};

struct line {
	u32 offset; /* of the instruction, bytes in its section */
	u32 number; /* 0: made for no line in particular */
	u32 order;  /* among lines of one offset */
	const char *file, *text;
	char *owned; /* file, where it is malloc'd */
};

struct lines {
	struct line *line;
	u32 count;
};

/* The lines of one code section, in order of offset. btf and ext are the sections' bytes, hostile. 0, -EINVAL, -ENOMEM. */
int lines_read(struct lines *out, struct bytes btf, struct bytes ext, const char *section);
void lines_free(struct lines *lines);

#endif
