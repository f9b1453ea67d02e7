/* SPDX-License-Identifier: BSD-2-Clause */
/* The text sink. The library never prints: whoever wants its words hands it a struct log. */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <stdarg.h>
#include "util/types.h"

/* write() gets len bytes of text (not NUL-terminated, may be a part of a line). A NULL log or write swallows. */
struct log {
	void (*write)(void *arg, const char *text, size_t len);
	void *arg;
};

/* Writes formatted text as it is, no newline added. */
void say(struct log *log, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void vsay(struct log *log, const char *fmt, va_list ap);

/* Writes one line (newline added) and returns err, a negative errno: return fail(log, -EINVAL, "…", …); */
int fail(struct log *log, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
