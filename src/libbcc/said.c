// SPDX-License-Identifier: BSD-2-Clause
/* The words of libbpf: kept while a step runs, so that they are shown only where it failed. */
#include "libbcc/libbcc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* libbpf's private copy has this for stderr (Makefile). */
extern FILE *libbcc_stderr;
FILE *libbcc_stderr;

static __attribute__((constructor)) void set_stderr(void)
{
	libbcc_stderr = stderr;
}

static char *kept;
static size_t kept_len;
static FILE *keeping;

static int keep(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (keeping && level == LIBBPF_WARN)
		return vfprintf(keeping, fmt, ap);
	return 0;
}

void said_begin(void)
{
	free(kept);
	kept = NULL;
	keeping = open_memstream(&kept, &kept_len);
	libbpf_set_print(keep);
}

const char *said_end(void)
{
	int saved = errno;

	if (keeping && fclose(keeping))
		kept = NULL;
	keeping = NULL;
	libbpf_set_print(NULL);
	errno = saved;
	return kept ? kept : "";
}

static void write_stderr(void *arg, const char *text, size_t len)
{
	int saved = errno;

	(void)arg;
	fwrite(text, 1, len, stderr);
	errno = saved;
}

struct log to_stderr = { .write = write_stderr };
