/* SPDX-License-Identifier: BSD-2-Clause */
/* The text sink: formats into a stack buffer, or a heap one for long text, and hands it on whole. */
#include "util/log.h"

#include <stdio.h>
#include <stdlib.h>

void vsay(struct log *log, const char *fmt, va_list ap)
{
	char small[512], *text = small;
	va_list again;
	int len;

	if (!log || !log->write)
		return;
	va_copy(again, ap);
	len = vsnprintf(small, sizeof(small), fmt, ap);
	if (len >= (int)sizeof(small)) {
		text = malloc((size_t)len + 1);
		if (text)
			vsnprintf(text, (size_t)len + 1, fmt, again);
		else
			text = small, len = sizeof(small) - 1;
	}
	va_end(again);
	if (len > 0)
		log->write(log->arg, text, (size_t)len);
	if (text != small)
		free(text);
}

void say(struct log *log, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(log, fmt, ap);
	va_end(ap);
}

int fail(struct log *log, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(log, fmt, ap);
	va_end(ap);
	say(log, "\n");
	return err;
}
