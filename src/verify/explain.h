/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A rejection told to the developer: what is wrong in his own words, where in his source, where the
 * value came from, what to do. verify_explain() decides what is said; the two writers only lay it out.
 */
#ifndef VERIFY_EXPLAIN_H
#define VERIFY_EXPLAIN_H

#include "verify/reason.h"
#include "verify/verify.h"

/* A place in the source with words to it. text lives in the program's BTF. */
struct explain_span {
	const char *file;   /* without directories */
	const char *text;   /* the whole line */
	u32 line, col, len; /* col from 1, in bytes */
	bool primary;	    /* where it was rejected; the others are how it came to that */
	char label[192];
};

struct explanation {
	const struct verify_reason *reason;
	const char *program;
	enum reason_kind kind; /* reason's, made finer */
	char title[256];
	struct explain_span spans[3];
	u32 nr_spans;
	char help[384]; /* "" none */
	char note[768]; /* the instruction, the kernel's line, errno, cost */
};

/* env is what verify_prog() was given: BTF and line info must still be there; program may be NULL. */
void verify_explain(struct explanation *out, const struct verify_reason *reason,
		    const struct verify_env *env, const char *program);

/* As a compiler would: error, --> file:line:col, excerpts with underlined spans, help, note. */
void explain_text(const struct explanation *e, bool color, struct log *log);

/* One JSON object, no newline at its end. */
void explain_json(const struct explanation *e, struct log *log);

/* "null_deref" … for a kind, as JSON has it. */
const char *explain_kind(enum reason_kind kind);

/* Inside: words.c fills title, label of spans[0], help from the kind. */
void explain_words(struct explanation *e, const struct verify_env *env, const char *name);

#endif
