/* SPDX-License-Identifier: BSD-2-Clause */
/* What the subcommands share: the exit statuses, one way to complain, colour. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

enum {
	EXIT_REJECTED = 1,	/* the answer is no: verify's verdict */
	EXIT_USAGE = 2,		/* wrong arguments, or a file that could not be read */
	EXIT_SKEP = 125,	/* run, exec: skep itself failed; 126, 127: CMD could not run, as env(1) */
};

#define COMMAND(name, summary) int cmd_##name(int argc, char **argv); extern const char help_##name[];
#include "commands.def"
#undef COMMAND

/* Writes "skep CMD: …; try skep CMD --help" to stderr; returns EXIT_USAGE. */
int usage_error(const char *cmd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Writes "skep: …" to stderr; returns status. */
int complain(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The words of the library (skep_log_fn): text to stderr as it is. */
void log_stderr(void *arg, const char *text, size_t len);

/* Whether fd is a terminal that wants colour (NO_COLOR and TERM=dumb are honoured). */
bool wants_color(int fd);

#endif
