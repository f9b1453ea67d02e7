/* SPDX-License-Identifier: BSD-2-Clause */
/* From BPF assembly to a BPF object, without a compiler. */
#ifndef LOAD_ASSEMBLE_H
#define LOAD_ASSEMBLE_H

#include "util/log.h"

bool assemble_takes(const char *path); /* whether the name says assembly: X.S or X.s */

/*
 * Assembles text (len bytes and a NUL) of the file path into an object (malloc'd) with one program:
 * asm_program()'s statements and, each on a line of its own,
 *
 *   .section NAME	of the program ("socket" where none is given), or license
 *   .globl NAME	the first names the program (the file's stem where none does)
 *   .asciz "TEXT"	in section license: the license ("GPL" where none is given)
 *
 * .text, .file, .type, .size, .p2align, .addrsig, .addrsig_sym and .ident are passed over. -EBADMSG and
 * "path:LINE: why" in the log; -ENOMEM.
 */
int assemble(const char *path, const char *text, size_t len, struct log *log, void **object,
	     size_t *size);

#endif
