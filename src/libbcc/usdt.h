/* SPDX-License-Identifier: BSD-2-Clause */
/* Statically defined probes of user programs, as systemtap's sys/sdt.h leaves them in ELF notes. */
#ifndef LIBBCC_USDT_H
#define LIBBCC_USDT_H

#include <stdio.h>

#include "util/types.h"

/* ---- notes.c ---- */

/* Addresses are the file's own (as its segments have them). Texts live during the call. */
struct usdt_note {
	u64 pc, semaphore; /* semaphore: 0, none */
	const char *provider, *name, *args;
};

/* Calls fn for each probe of a file, in their order. 0 (also without any), or -errno: no ELF file. */
int notes_each(const char *path, void (*fn)(void *arg, const struct usdt_note *note), void *arg);

/* What a process adds to the addresses of a file that it has mapped as `mapped`: 0, -ENOENT, -ENOEXEC. */
int notes_bias(const char *path, int pid, const char *mapped, u64 *bias);
/* The address of a symbol of any kind: 0, -ENOENT, -ENOEXEC. */
int notes_symbol(const char *path, const char *name, u64 *address);

/* ---- usdt_arg.c ---- */

enum { /* bcc's BCC_USDT_ARGUMENT_FLAGS */
       USDT_CONSTANT = 1,
       USDT_OFFSET = 2,
       USDT_IDENT = 4,
       USDT_BASE = 8,
       USDT_INDEX = 16,
       USDT_SCALE = 32,
       USDT_ARGS_MAX = 12,
};

struct usdt_arg {
	int size;  /* bytes, negative: signed */
	int valid; /* which of the following are said */
	s64 constant;
	int offset;
	char ident[96];		  /* a symbol */
	const char *base, *index; /* fields of struct pt_regs */
	int scale;
};

/* Parses all arguments of a note: how many, at most USDT_ARGS_MAX; those not understood have size 0. */
int usdt_args_parse(const char *text, struct usdt_arg args[USDT_ARGS_MAX]);
const char *usdt_arg_type(int size); /* "int32_t" */
/*
 * Writes C that assigns an argument to *(type *)dest; symbol is the address of its ident at run time. false: it cannot be
 * read by a program.
 */
bool usdt_arg_write(FILE *out, const struct usdt_arg *arg, const char *type, u64 symbol);

#endif
