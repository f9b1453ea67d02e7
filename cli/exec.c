/* SPDX-License-Identifier: BSD-2-Clause */
/* skep exec: a command, and everything it starts, for whom bpf(2) is skep. */
#include <errno.h>
#include <getopt.h>
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
	"      --interp      interpret programs, even where machine code could be made\n\n"
	"Exit status: CMD's own; 125 skep failed, 126 or 127 CMD could not be run.\n\n"
	"CMD runs with no_new_privs unless skep is root: sudo and setuid programs in it do not gain privilege.\n";

struct exec {
	char **argv;
	const char *watch;
	bool as_root, interp;
};

static int parse(struct exec *exec, int argc, char **argv)
{
	static const struct option options[] = {
		{ "as-root", no_argument, NULL, 'r' },
		{ "watch", required_argument, NULL, 'w' },
		{ "interp", no_argument, NULL, 'i' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "+:", options, NULL)) >= 0) {
		switch (option) {
		case 'r': exec->as_root = true; break;
		case 'w': exec->watch = optarg; break;
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
