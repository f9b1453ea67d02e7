// SPDX-License-Identifier: BSD-2-Clause
/*
 * skep run: a program from its source to live events. Compile or take from the cache, load, attach,
 * then run the command (or the packets of a file) with it, and show what it says and counted.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "skep.h"

const char help_run[] =
	"usage: skep run [OPTIONS] PROG [-- CMD [ARG...]]\n\n"
	"Runs a BPF program on the events of CMD and everything CMD starts (no CMD: $SHELL), or on packets.\n"
	"PROG is C in BCC's dialect or libbpf's style (.c), a compiled object (.bpf.o), or a Python program on\n"
	"the bcc module with its arguments (.py [ARG...]; see skep(1)), which starts first.\n\n"
	"  -a, --attach [FN=]KIND:TARGET   where a program goes, for instance kprobe:execve, hello=kprobe:openat,\n"
	"                                  tracepoint:syscalls:sys_enter_openat, raw_tracepoint:sys_enter, xdp:eth0.\n"
	"                                  Sections and names as kprobe__X say it, too; this wins. A lone function\n"
	"                                  without any goes to kprobe:execve. FN=none: nowhere,\n"
	"                                  FN is reached by tail calls. FN=iter:MAP: over the elements of a map\n"
	"      --pcap FILE                 run XDP programs on the packets of a capture file ('-': standard input)\n"
	"      --out FILE                  write the packets that pass to this capture file\n"
	"      --bridge A,B                be the path between two interfaces: packets of each go through the XDP\n"
	"                                  programs and leave on the other if they pass. Takes CAP_NET_RAW, as in\n"
	"                                  unshare -Urn. Without CMD: until Ctrl-C\n"
	"      --every SECONDS             print the maps this often while CMD runs\n"
	"      --maps NAME[,NAME...]       print these maps only ('none': no map)\n"
	"      --kernel                    let Linux answer: load into the kernel, events of the whole machine\n"
	"      --as-root                   a Python program believes that it is root, for tools that insist\n"
	"      --interp                    interpret, even where machine code could be made\n\n"
	"What programs print (bpf_printk) comes on standard output as in trace_pipe, so do the records they send\n"
	"(perf and ring buffers), one line each; at the end, what its iterators (iter/...) write and the entries of\n"
	"its maps. A program of iterators only is run at once, unless there is a CMD.\n"
	"Exit status: CMD's own; 125 skep failed, 126 or 127 CMD could not be run.\n\n"
	"CMD runs with no_new_privs unless skep is root: sudo and setuid programs in it do not gain privilege.\n";

enum { TARGETS_MAX = 64 };

struct run {
	const char *prog, *pcap, *out, *bridge, *maps;
	const char *targets[TARGETS_MAX];
	size_t nr_targets;
	unsigned int every_ms;
	bool kernel, interp, as_root;
	int records;	     /* readable when a buffer has some; -1: no buffers */
	char **command;	     /* NULL: none given */
	char **args, **rest; /* a Python program and its arguments, up to rest; NULL: it is none */
	int signal;	     /* that the command died of, 0: none */
	bool failed;	     /* an iterator could not be run to its end */
	int unwritten;	     /* errno: why standard output is not whole, 0: it is */

	struct skep *skep;
	struct skep_object *object;
	struct skep_bridge *between; /* NULL: no --bridge, or it has ended */
	char sides[2][16];	     /* its interfaces */
};

/* ---- arguments ---- */

static int parse_seconds(const char *text, unsigned int *ms)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds >= 0.001 && seconds <= 86400))
		return usage_error("run", "--every wants seconds, not '%s'", text);
	*ms = (unsigned int)(seconds * 1000);
	return 0;
}

/* A,B */
static int parse_sides(struct run *run, const char *text)
{
	size_t a = strcspn(text, ","), b = text[a] ? strlen(text + a + 1) : 0;

	if (!a || !b || strchr(text + a + 1, ','))
		return usage_error("run", "--bridge wants two interfaces, A,B, not '%s'", text);
	if (a >= sizeof(run->sides[0]) || b >= sizeof(run->sides[1]))
		return usage_error("run", "--bridge %s: an interface's name has 15 letters at most",
				   text);
	memcpy(run->sides[0], text, a);
	memcpy(run->sides[1], text + a + 1, b);
	return 0;
}

/* Words to stderr, after what they are about. */
static void log_target(void *arg, const char *text, size_t len)
{
	fputs(arg, stderr);
	log_stderr(NULL, text, len);
}

static int take_target(struct run *run, const char *text)
{
	if (run->nr_targets == TARGETS_MAX)
		return usage_error("run", "more than %d --attach", TARGETS_MAX);
	run->targets[run->nr_targets++] = text;
	return skep_target_check(text, log_target, (void *)"skep run: --attach ") ? EXIT_USAGE : 0;
}

static int take_option(struct run *run, int option, const char *word)
{
	switch (option) {
	case 'a': return take_target(run, optarg);
	case 'p': run->pcap = optarg; return 0;
	case 'o': run->out = optarg; return 0;
	case 'b': run->bridge = optarg; return parse_sides(run, optarg);
	case 'e': return parse_seconds(optarg, &run->every_ms);
	case 'm': run->maps = optarg; return 0;
	case 'k': run->kernel = true; return 0;
	case 'i': run->interp = true; return 0;
	case 'r': run->as_root = true; return 0;
	case ':': return usage_error("run", "option '%s' wants a value", word);
	default: return usage_error("run", "unknown option '%s'", word);
	}
}

static int check(struct run *run, int words)
{
	if (!words)
		return usage_error("run", "no program given");
	if (words > 1)
		return usage_error("run", "one program at a time; the command comes after --");
	if (run->command && !run->command[0])
		return usage_error("run", "no command after --");
	if (run->bridge && run->pcap)
		return usage_error("run",
				   "packets come from --bridge or from --pcap, not from both");
	if (run->pcap && (run->command || run->kernel))
		return usage_error("run", "--pcap goes without a command and without --kernel");
	if (run->bridge && run->kernel)
		return usage_error("run", "--bridge is skep's own; with --kernel: --attach xdp:%s",
				   run->bridge);
	if (run->out && !run->pcap)
		return usage_error("run", "--out goes with --pcap");
	if (run->as_root && (run->kernel || !run->args))
		return usage_error("run", "--as-root is for Python programs, without --kernel");
	if (run->kernel && run->interp)
		return usage_error("run", "--interp is not for --kernel");
	return 0;
}

static int parse(struct run *run, int argc, char **argv)
{
	static const struct option options[] = {
		{ "attach", required_argument, NULL, 'a' },
		{ "pcap", required_argument, NULL, 'p' },
		{ "bridge", required_argument, NULL, 'b' },
		{ "out", required_argument, NULL, 'o' },
		{ "every", required_argument, NULL, 'e' },
		{ "maps", required_argument, NULL, 'm' },
		{ "kernel", no_argument, NULL, 'k' },
		{ "interp", no_argument, NULL, 'i' },
		{ "as-root", no_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	int option, err, ours = 1;

	while (ours < argc && strcmp(argv[ours], "--"))
		ours++;
	if (ours < argc)
		run->command = argv + ours + 1;
	run->rest = argv + ours;
	for (int i = 1; i < ours; i++)
		if (is_python(argv[i])) {
			run->args = argv + i;
			ours = i + 1; /* what follows is the program's own */
		}
	while ((option = getopt_long(ours, argv, ":a:", options, NULL)) >= 0) {
		err = take_option(run, option, argv[optind - 1]);
		if (err)
			return err;
	}
	err = check(run, ours - optind);
	run->prog = argv[optind];
	return err;
}

/* ---- running ---- */

/* The first reason is kept; a reader that had enough is none. */
static void unwritten(struct run *run, int reason)
{
	if (!run->unwritten && reason != EPIPE)
		run->unwritten = reason;
}

static void to_stdout(void *arg, const char *text, size_t len)
{
	if (fwrite(text, 1, len, stdout) != len)
		unwritten(arg, errno);
}

static void flush_stdout(struct run *run)
{
	if (fflush(stdout))
		unwritten(run, errno);
}

/* What iterators write, and the maps. */
static int print_state(void *arg)
{
	struct run *run = arg;
	int err = 0;

	if (skep_object_print_iterators(run->object, to_stdout, run))
		run->failed = true;
	if (!run->maps || strcmp(run->maps, "none"))
		err = skep_object_print_maps(run->object, run->maps, to_stdout, run);
	flush_stdout(run);
	return err;
}

static int read_records(void *arg, int fd)
{
	struct run *run = arg;

	(void)fd;
	skep_object_read_records(run->object);
	flush_stdout(run);
	return 0;
}

static int run_pcap(struct run *run)
{
	struct skep_poll records = { .fd = run->records, .ready = read_records, .arg = run };
	struct skep_pcap_opts opts = { .sz = sizeof(opts),
				       .in = run->pcap,
				       .out = run->out,
				       .trace_fd = STDOUT_FILENO,
				       .polls = &records,
				       .nr_polls = run->records >= 0 };
	struct skep_pcap_result r = { .sz = sizeof(r) };
	int err = skep_pcap(run->skep, &opts, &r);

	unwritten(run, r.trace_errno);
	read_records(run, -1);
	print_state(run);
	if (!err || r.packets)
		complain(
			0,
			"%llu packet%s: %llu passed, %llu dropped, %llu sent back, %llu redirected, %llu aborted",
			(unsigned long long)r.packets, r.packets == 1 ? "" : "s",
			(unsigned long long)r.passed, (unsigned long long)(r.dropped + r.invalid),
			(unsigned long long)r.tx, (unsigned long long)r.redirected,
			(unsigned long long)r.aborted);
	return err ? EXIT_SKEP : 0;
}

static char *const *command_or_shell(const struct run *run)
{
	static char *shell[2];
	char *name = getenv("SHELL");

	if (run->command)
		return run->command;
	shell[0] = name && *name ? name : (char *)"/bin/sh";
	return shell;
}

static void tell_lost(unsigned long long lines)
{
	if (lines)
		complain(0, "%llu trace lines were lost: their reader was too slow", lines);
}

/* The command's tree under the programs, until it ends. trace: where lines go, -1: they are left. */
static int run_command(struct run *run, int trace)
{
	struct skep_spawn_opts opts = {
		.sz = sizeof(opts),
		.argv = command_or_shell(run),
		.trace_fd = trace,
		.tick_ms = run->every_ms,
		.tick = print_state,
		.arg = run,
	};
	struct skep_spawn_result r = { .sz = sizeof(r) };
	struct skep_poll records = { .fd = run->records, .ready = read_records, .arg = run };
	int err;

	opts.polls = &records;
	opts.nr_polls = run->records >= 0;
	err = skep_spawn(run->skep, &opts, &r);
	if (err)
		return complain(EXIT_SKEP, "cannot run %s: %s", opts.argv[0], strerror(-err));
	tell_lost(r.lost);
	unwritten(run, r.trace_errno);
	run->signal = WIFSIGNALED(r.status) ? WTERMSIG(r.status) : 0;
	return skep_exit_code(r.status);
}

static int run_tree(struct run *run)
{
	int status = run_command(run, STDOUT_FILENO);

	read_records(run, -1);
	print_state(run);
	return status;
}

static void tell_side(const struct run *run, int from, const struct skep_bridge_side *n)
{
	complain(
		0,
		"%s to %s: %llu packet%s: %llu passed, %llu dropped, %llu sent back, %llu redirected, %llu aborted",
		run->sides[from], run->sides[!from], (unsigned long long)n->packets,
		n->packets == 1 ? "" : "s", (unsigned long long)n->passed,
		(unsigned long long)(n->dropped + n->invalid + n->too_long),
		(unsigned long long)n->tx, (unsigned long long)n->redirected,
		(unsigned long long)n->aborted);
	if (n->lost)
		complain(0, "%llu packets from %s were lost: they came too fast",
			 (unsigned long long)n->lost, run->sides[from]);
	if (n->unreachable)
		complain(0, "%llu packets from %s were redirected to where nothing can be sent",
			 (unsigned long long)n->unreachable, run->sides[from]);
	if (n->unsent)
		complain(0,
			 "%llu packets could not leave on %s: too long for it, or it took no more",
			 (unsigned long long)n->unsent, run->sides[from]);
}

/* With a command, which is traced as ever, or until a signal comes; the bridge has a thread of its own. */
static int run_bridge(struct run *run)
{
	struct kernel_run k = { .trace = -1,
				.tick_ms = run->every_ms,
				.tick = print_state,
				.records = run->records,
				.ready = read_records,
				.ends = skep_bridge_fd(run->between),
				.arg = run };
	struct skep_bridge_result r;
	int err = skep_bridge_start(run->between), status;

	if (err)
		return complain(EXIT_SKEP, "cannot start the bridge: %s", strerror(-err));
	status = run->command ? run_command(run, -1) : kernel_run(&k);
	err = skep_bridge_stop(run->between, &r);
	run->between = NULL;
	unwritten(run, r.trace_errno);
	read_records(run, -1);
	print_state(run);
	for (int side = 0; side < 2; side++)
		tell_side(run, side, &r.side[side]);
	tell_lost(r.trace_lost);
	return err ? EXIT_SKEP : status;
}

static int run_kernel(struct run *run, int trace)
{
	struct kernel_run k = { .argv = run->command,
				.trace = trace,
				.tick_ms = run->every_ms,
				.tick = print_state,
				.records = run->records,
				.ready = read_records,
				.arg = run };
	int status = kernel_run(&k);

	read_records(run, -1);
	print_state(run);
	return status;
}

static int load(struct run *run)
{
	struct skep_object_opts opts = { .sz = sizeof(opts),
					 .name = run->prog,
					 .log = log_stderr,
					 .color = wants_color(STDERR_FILENO),
					 .capture = run->pcap != NULL,
					 .interfaces = run->bridge };
	void *bytes;
	size_t size;
	int err = read_program(run->prog, &bytes, &size);

	if (err)
		return err;
	err = skep_object_open(&run->object, run->skep, bytes, size, &opts);
	free(bytes);
	if (!err)
		err = skep_object_load(run->object, run->targets, run->nr_targets);
	return err;
}

static int start(struct run *run)
{
	struct skep_opts opts = { .sz = sizeof(opts),
				  .log = log_stderr,
				  .engine = run->interp ? SKEP_INTERP : SKEP_AUTO };
	struct skep_bridge_opts between = { .sz = sizeof(between),
					    .a = run->sides[0],
					    .b = run->sides[1],
					    .trace_fd = STDOUT_FILENO };
	int err = run->kernel ? 0 : skep_new(&run->skep, &opts), trace = -1;

	if (err)
		return complain(EXIT_SKEP, "cannot start: %s", strerror(-err));
	if (load(run))
		return EXIT_SKEP;
	if (run->maps && strcmp(run->maps, "none") &&
	    skep_object_check_maps(run->object, run->maps))
		return EXIT_USAGE;
	run->records = skep_object_open_records(run->object, to_stdout, run);
	if (run->records < 0 && run->records != -ENOENT)
		return EXIT_SKEP;
	if (run->bridge && skep_bridge_open(&run->between, run->skep, &between))
		return EXIT_SKEP;
	if (run->kernel)
		trace = trace_start();
	err = skep_object_attach(run->object);
	if (err < 0)
		return EXIT_SKEP;
	if (err == skep_object_count_iterators(run->object) && !run->command && !run->pcap &&
	    !run->bridge) { /* nothing waits for events */
		print_state(run);
		return run->failed ? EXIT_SKEP : 0;
	}
	if (run->kernel)
		return run_kernel(run, trace);
	if (run->bridge)
		return run_bridge(run);
	return run->pcap ? run_pcap(run) : run_tree(run);
}

static int run_python(const struct run *run)
{
	struct python_run p = { .argv = run->args,
				.argc = (size_t)(run->rest - run->args),
				.kernel = run->kernel,
				.interp = run->interp,
				.as_root = run->as_root,
				.shell = !run->command,
				.command = run->kernel ? run->command
						       : (char **)command_or_shell(run) };

	if (run->nr_targets || run->pcap || run->out || run->every_ms || run->maps)
		return usage_error(
			"run",
			"a Python program takes --kernel, --as-root and --interp only; it attaches and prints by itself");
	return python_run(&p);
}

int cmd_run(int argc, char **argv)
{
	struct run run = { .every_ms = 0 };
	struct skep_bridge_result unused;
	int status = parse(&run, argc, argv);

	if (status)
		return status;
	if (run.args)
		return run_python(&run);
	status = start(&run);
	if (run.between)
		skep_bridge_stop(run.between, &unused);
	skep_object_close(run.object);
	skep_free(run.skep);
	if (run.kernel && ferror(stdout)) /* a reader that is gone has killed us by SIGPIPE there */
		unwritten(&run, EIO);
	if (run.unwritten)
		status = complain(status ? status : EXIT_SKEP,
				  "standard output could not be written wholly: %s",
				  strerror(run.unwritten));
	if (run.signal)
		die_of(run.signal);
	return status;
}
