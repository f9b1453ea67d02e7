/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A text on its way from BCC's dialect to C: tokens are copied, edits are written in between.
 */
#ifndef BCC_EDIT_H
#define BCC_EDIT_H

#include <stdio.h>

#include "bcc/token.h"

struct span {
	u32 start, len;
};

enum { LATER_MAX = 64 };

struct packets;

struct pass {
	struct tokens t;
	FILE *out;
	u32 copied;   /* bytes of the text already written */
	bool kernel;  /* the kernel's types stand in front */
	u32 function; /* the name of the function that is being edited: its token */
	const struct packets *packets;
	struct {
		u32 token;
		const char *text;
	} later[LATER_MAX];
	u32 laters;
};

/* The text from one token to another, both in it. */
struct span edit_span(const struct pass *pass, u32 first, u32 last);
/* Writes the text up to offset that is not written yet. */
void edit_copy(struct pass *pass, u32 offset);
void edit_put(struct pass *pass, struct span span);
/* Text that stands before a token once what precedes it has been edited. false: too much is waiting. */
bool edit_later(struct pass *pass, u32 token, const char *text);
/* Writes what waits for token i. */
void edit_due(struct pass *pass, u32 i);
/* The end of the argument that begins at token first: its comma, or the closing parenthesis at end. */
u32 edit_argument(const struct pass *pass, u32 first, u32 end);

/* What calls of maps' methods and map macros want at token i: defaults, the types of records, names out of strings. */
void edit_methods(struct pass *pass, u32 i);

#endif
