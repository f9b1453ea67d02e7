/* SPDX-License-Identifier: BSD-2-Clause */
/* Text that grows in a caller's buffer, as snprintf does: what does not fit is cut but counted. */
#ifndef UTIL_TEXT_H
#define UTIL_TEXT_H

#include <stdarg.h>
#include <stdio.h>
#include "util/types.h"

/* buf of size bytes (NULL with 0: only the length is wanted); len is what all of it would take, without NUL. */
struct text {
	char *buf;
	size_t size, len;
};

static inline struct text text_in(char *buf, size_t size)
{
	if (size)
		buf[0] = 0;
	return (struct text){ .buf = buf, .size = size };
}

__attribute__((format(printf, 2, 3))) static inline void text_put(struct text *t, const char *fmt,
								  ...)
{
	size_t at = t->len < t->size ? t->len : t->size;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->size ? t->buf + at : NULL, t->size - at, fmt, ap);
	va_end(ap);
	t->len += n > 0 ? (size_t)n : 0;
}

#endif
