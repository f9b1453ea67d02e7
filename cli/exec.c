/* SPDX-License-Identifier: BSD-2-Clause */
/* skep exec: a command, and everything it starts, for whom bpf(2) is skep. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "skep.h"

const char help_exec[] =
	"usage: skep exec [OPTIONS] [--] CMD [ARG...]\n\n"
	"Runs CMD and everything it starts on a Linux whose bpf(2) is skep: without privilege, they load programs,\n"
	"make maps, attach, pin in /sys/fs/bpf and read the trace pipe. bpftool and libbpf's programs work there\n"
	"unmodified, static binaries too. What they make lives as long as CMD.\n\n"
	"      --as-root     CMD believes that it is root, for tools that insist; programs see the true uid\n"
	"      --watch LIST  what programs that CMD attaches can see of it: names of system calls, separated by commas; 'all';\n"
	"                    'default' (execve, clone, openat, connect and their like: if nothing is said); 'exit:NAME'\n"
	"                    for when a call leaves; 'life' for forks, execs and exits of processes. What is watched costs\n"
	"                    some microseconds a call; exit: and life use ptrace, so that gdb and strace do not work in CMD.\n"
	"                    Programs can be attached to other calls, too, but then each call of CMD is slow\n"
	"      --max-memory SIZE  what maps, programs, BTF and pins of the tree may hold (512M, 2G; default: half of the memory of\n"
	"                    the machine or the container): more is ENOMEM\n"
	"      --interp      interpret programs, even where machine code could be made\n\n"
	"Exit status: CMD's own; 125 skep failed, 126 or 127 CMD could not be run.\n\n"
	"CMD runs with no_new_privs unless skep is root: sudo and setuid programs in it do not gain privilege.\n";

struct exec {
	char **argv;
	const char *watch;
	unsigned long long max_memory; /* 0: not said */
	bool as_root, interp;
};

/* "512M": 0, -1. */
static int parse_size(const char *text, unsigned long long *size)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;

	errno = 0;
	*size = strtoull(text, &end, 10);
	unit = *end ? strchr(units, *end) : NULL;
	for (const char *at = units; unit && at <= unit; at++)
		if (__builtin_mul_overflow(*size, 1024ull, size))
			return -1;
	if (errno || end == text || *text == '-' || !*size)
		return -1;
	return end[unit != NULL] ? -1 : 0;
}

/* The number in a file; 0: there is none. */
static unsigned long long read_limit(const char *path)
{
	unsigned long long limit;
	FILE *file = fopen(path, "re");

	if (!file || fscanf(file, "%llu", &limit) != 1)
		limit = 0;
	if (file)
		fclose(file);
	return limit;
}

/* Half of what the machine, or the container, has. */
static unsigned long long default_memory(void)
{
	static const char *const limits[] = { "/sys/fs/cgroup/memory.max",
					      "/sys/fs/cgroup/memory/memory.limit_in_bytes" };
	unsigned long long most = (unsigned long long)sysconf(_SC_PHYS_PAGES) *
				  (unsigned long long)sysconf(_SC_PAGESIZE);

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		unsigned long long limit = read_limit(limits[i]);

		most = limit && limit < most ? limit : most;
	}
	return most / 2;
}

static int parse(struct exec *exec, int argc, char **argv)
{
	static const struct option options[] = {
		{ "as-root", no_argument, NULL, 'r' },
		{ "watch", required_argument, NULL, 'w' },
		{ "interp", no_argument, NULL, 'i' },
		{ "max-memory", required_argument, NULL, 'm' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "+:", options, NULL)) >= 0) {
		switch (option) {
		case 'r': exec->as_root = true; break;
		case 'w': exec->watch = optarg; break;
		case 'm':
			if (parse_size(optarg, &exec->max_memory))
				return usage_error("exec", "'%s' is no size (512M, 2G)", optarg);
			break;
		case ':': return usage_error("exec", "option '%s' wants a value", argv[optind - 1]);
		case 'i': exec->interp = true; break;
		default: return usage_error("exec", "unknown option '%s'", argv[optind - 1]);
		}
	}
	exec->argv = argv + optind;
	return optind < argc ? 0 : usage_error("exec", "no command given");
}

static int run(const struct exec *exec, struct skep *skep, int *status)
{
	struct skep_spawn_opts opts = { .sz = sizeof(opts),
					.argv = exec->argv,
					.trace_fd = -1,
					.client = 1,
					.as_root = exec->as_root,
					.watch = exec->watch };
	struct skep_spawn_result result = { .sz = sizeof(result) };
	int err = skep_spawn(skep, &opts, &result);

	if (err)
		return complain(EXIT_SKEP, "cannot run %s: %s", exec->argv[0], strerror(-err));
	*status = result.status;
	return skep_exit_code(result.status);
}

int cmd_exec(int argc, char **argv)
{
	struct exec exec = { .argv = NULL };
	struct skep_opts opts = { .sz = sizeof(opts), .log = log_stderr };
	int err = parse(&exec, argc, argv), status = 0;
	struct skep *skep;

	if (err)
		return err;
	opts.max_memory = exec.max_memory ? exec.max_memory : default_memory();
	opts.engine = exec.interp ? SKEP_INTERP : SKEP_AUTO;
	err = skep_new(&skep, &opts);
	if (err)
		return complain(EXIT_SKEP, "cannot start: %s", strerror(-err));
	err = run(&exec, skep, &status);
	skep_free(skep);
	if (WIFSIGNALED(status))
		die_of(WTERMSIG(status));
	return err;
}
