// SPDX-License-Identifier: BSD-2-Clause
/*
 * skep: the command line. A table of subcommands, one file each (commands.def has the rows); what
 * is common to all of them is here: --help, --version, and one clear line for wrong usage.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli.h"
#include "skep.h"

struct command {
	const char *name;
	int (*fn)(int argc, char **argv);
	const char *summary, *help;
};

static const struct command commands[] = {
#define COMMAND(name, summary) { #name, cmd_##name, summary, help_##name },
#include "commands.def"
#undef COMMAND
	{ NULL, NULL, NULL, NULL },
};

int usage_error(const char *cmd, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "skep%s%s: ", cmd ? " " : "", cmd ? cmd : "");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "; see skep%s%s --help\n", cmd ? " " : "", cmd ? cmd : "");
	return EXIT_USAGE;
}

int complain(int status, const char *fmt, ...)
{
	va_list ap;

	fputs("skep: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return status;
}

int output_status(int status, int failed)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	return complain(status ? status : failed, "standard output could not be written wholly");
}

void log_stderr(void *arg, const char *text, size_t len)
{
	(void)arg;
	fwrite(text, 1, len, stderr);
}

void die_of(int sig)
{
	const struct rlimit none = { 0, 0 };
	sigset_t set;

	fflush(stdout);
	setrlimit(RLIMIT_CORE, &none);
	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(sig);
}

bool wants_color(int fd)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	return isatty(fd) && !(no && *no) && !(term && !strcmp(term, "dumb"));
}

static int print_help(void)
{
	printf("usage: skep COMMAND [ARGUMENTS]\n\n"
	       "Linux's eBPF without privilege: compile, inspect, verify, run, attach, watch.\n\n");
	for (const struct command *c = commands; c->name; c++)
		printf("  %-8s %s\n", c->name, c->summary);
	printf("\n  skep COMMAND --help    how to use a command\n"
	       "  skep --version         the version\n");
	return fflush(stdout) ? 1 : 0;
}

static int print_command_help(const struct command *c)
{
	fputs(c->help, stdout);
	return fflush(stdout) ? 1 : 0;
}

static const struct command *find(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

/* Streams that were closed would be taken by the first files we open, and those be written to or inherited. */
static void open_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	const struct command *c;

	open_streams();
	if (argc < 2)
		return usage_error(NULL, "no command given");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return print_help();
	if (!strcmp(argv[1], "--version")) {
		printf("skep %s\n", skep_version());
		return fflush(stdout) ? 1 : 0;
	}
	if (!strcmp(argv[1], "help")) {
		if (argc < 3)
			return print_help();
		c = find(argv[2]);
		return c ? print_command_help(c) : usage_error(NULL, "no command '%s'", argv[2]);
	}
	c = find(argv[1]);
	if (!c)
		return usage_error(NULL,
				   argv[1][0] == '-' ? "unknown option '%s'" : "no command '%s'",
				   argv[1]);
	if (argc > 2 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h")))
		return print_command_help(c);
	return c->fn(argc - 1, argv + 1);
}
