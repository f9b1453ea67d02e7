/* SPDX-License-Identifier: BSD-2-Clause */
/* What the subcommands share: the exit statuses, one way to complain, colour. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

enum {
	EXIT_REJECTED = 1, /* the answer is no: verify's verdict */
	EXIT_USAGE = 2,	   /* wrong arguments, or a file that could not be read */
	EXIT_SKEP = 125, /* run, exec: skep itself failed; 126, 127: CMD could not run, as env(1) */
};

#define COMMAND(name, summary)                 \
	int cmd_##name(int argc, char **argv); \
	extern const char help_##name[];
#include "commands.def"
#undef COMMAND

/* Writes "skep CMD: …; try skep CMD --help" to stderr; returns EXIT_USAGE. */
int usage_error(const char *cmd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What a command that only prints ends with: status, or failed (with a word) where standard output did not take it all. */
int output_status(int status, int failed);

/* Writes "skep: …" to stderr; returns status. */
int complain(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* As the command died, so do we, without a core of our own: whoever waits for skep sees what he would have seen. */
void die_of(int sig);

/* The words of the library (skep_log_fn): text to stderr as it is. */
void log_stderr(void *arg, const char *text, size_t len);

/* Whether fd is a terminal that wants colour (NO_COLOR and TERM=dumb are honoured). */
bool wants_color(int fd);

/* The object in bytes (malloc'd): compiled from a .c file, assembled from a .S, or read. 0, or -errno after words to stderr. */
int read_program(const char *path, void **bytes, size_t *size);
bool is_python(const char *path); /* whether the name says Python */
bool is_source(const char *path); /* whether the name says C or assembly */
int compile_source(const char *path, bool fresh, void **bytes, size_t *size);

/* kernel.c: what run does when Linux answers. trace_start() empties the trace pipe; fd or -1, words to stderr. */
struct skep_object;
struct kernel_run {
	char *const *argv; /* NULL: until a signal says so */
	int trace;	   /* trace_start()'s */
	unsigned int tick_ms;
	int (*tick)(void *arg);
	int records; /* when readable, ready() is called; -1: none */
	int (*ready)(void *arg, int fd);
	int ends; /* without a command: its being readable ends it, too; 0: none */
	void *arg;
};
int trace_start(void);
int kernel_run(const struct kernel_run *run); /* the exit status */

/* python.c: a Python program on bcc, with skep's libbcc.so.0. */
struct python_run {
	char **argv; /* X.py and its arguments */
	size_t argc;
	char **command; /* whose events it sees; NULL: the whole machine's, with kernel */
	bool kernel, interp, as_root;
	bool shell; /* nobody named the command */
};
int python_run(const struct python_run *run); /* the exit status */

#endif
