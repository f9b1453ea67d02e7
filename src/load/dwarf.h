/* SPDX-License-Identifier: BSD-2-Clause */
/* Source positions of instructions from DWARF's line tables, versions 2 to 5 (DWARF 5, section 6.2). */
#ifndef LOAD_DWARF_H
#define LOAD_DWARF_H

#include "load/lines.h"

/* Where the addresses in .debug_line belong: the relocations of that section, as the object has them. */
struct dwarf_relocs {
	void *arg;
	/* The section and offset that the 8 bytes at this offset of .debug_line are relative to; false: none. */
	bool (*find)(void *arg, u64 offset, u32 *section, u64 *value);
};

/*
 * The rows for one section's code, by offset; of rows with one offset the last counts. number 0: no line. file is a path in
 * memory that lines_free() frees; text is "". 0, -EINVAL (nothing usable), -ENOMEM.
 */
int dwarf_lines(struct lines *out, struct bytes line, struct bytes line_str, struct bytes str,
		const struct dwarf_relocs *relocs, u32 section);

#endif
