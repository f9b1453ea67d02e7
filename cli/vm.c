// SPDX-License-Identifier: BSD-2-Clause
/*
 * skep vm: runs one program in the checked virtual machine. It speaks the plug-in protocol of the
 * public conformance suite: the program as hex bytes on stdin (or --program), memory as hex bytes in
 * an argument, r0 in hex on stdout; words for a person on stderr and a status that is not 0 otherwise.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "skep.h"

const char help_vm[] =
	"usage: skep vm [--interp | --jit] [--budget N] [--program HEX] [HEXMEM]\n\n"
	"Runs a program without a verifier, every access tested. The program is read as hex bytes from\n"
	"standard input. r1 points to a copy of HEXMEM, r2 is its length; r0 is printed in hex.\n\n"
	"  --interp, --jit   the engine (default: the JIT, where there is one)\n"
	"  --budget N        instructions to run at most (default 1000000000)\n"
	"  --program HEX     the program, instead of standard input\n"
	"  --debug           accepted for the conformance suite, ignored\n\n"
	"Helpers: 5 (ktime_get_ns), 7 (get_prandom_u32), 8 (get_smp_processor_id).\n"
	"Exit status: 0, 1 if the program was refused or cut short, 2 for wrong usage.\n";

struct vm_args {
	struct skep_vm_opts opts;
	const char *program, *mem;
};

static int digit(char c)
{
	const char *digits = "0123456789abcdef", *at;

	at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;
	return at ? (int)(at - digits) : -1;
}

static int is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Pairs of hex digits, blanks between bytes; returns how many bytes, or -1. out holds strlen(text) / 2 at least. */
static long read_hex(const char *text, unsigned char *out)
{
	long n = 0;

	for (;;) {
		while (is_blank(*text))
			text++;
		if (!*text)
			return n;
		if (digit(text[0]) < 0 || digit(text[1]) < 0)
			return -1;
		out[n++] = (unsigned char)(digit(text[0]) << 4 | digit(text[1]));
		text += 2;
	}
}

static uint64_t ktime(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, void *run)
{
	struct timespec now;

	(void)r1, (void)r2, (void)r3, (void)r4, (void)r5, (void)run;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t prandom(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, void *run)
{
	return (uint32_t)(ktime(r1, r2, r3, r4, r5, run) * 2654435761u);
}

static uint64_t processor(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5,
			  void *run)
{
	(void)r1, (void)r2, (void)r3, (void)r4, (void)r5, (void)run;
	return 0;
}

static skep_vm_helper find_helper(uint32_t number)
{
	return number == 5 ? ktime : number == 7 ? prandom : number == 8 ? processor : NULL;
}

static char *read_stdin(void)
{
	size_t used = 0, room = 1 << 16;
	char *text = malloc(room);

	while (text) {
		size_t got = fread(text + used, 1, room - used - 1, stdin);
		char *more;

		used += got;
		text[used] = '\0';
		if (!got)
			return text;
		if (room - used > 1)
			continue;
		room *= 2;
		more = realloc(text, room);
		if (!more)
			free(text);
		text = more;
	}
	return NULL;
}

static const char *reason(int err)
{
	switch (-err) {
	case EFAULT: return "access outside the stack and the given memory";
	case ETIME: return "instruction budget spent";
	case ELOOP: return "calls nested too deep";
	case ENOSYS: return "callx to an unknown helper";
	case EOPNOTSUPP: return "not supported on this machine";
	}
	return strerror(-err);
}

static int execute(const struct vm_args *args, const unsigned char *program, long size,
		   unsigned char *mem, long len)
{
	struct skep_vm *vm;
	uint64_t r0;
	int err = skep_vm_new(&vm, program, (size_t)size, &args->opts);

	if (err)
		return complain(1, "program refused: %s", reason(err));
	err = skep_vm_run(vm, len ? mem : NULL, (size_t)len, &r0);
	skep_vm_free(vm);
	if (err)
		return complain(1, "run ended: %s", reason(err));
	printf("%llx\n", (unsigned long long)r0);
	return fflush(stdout) ? 1 : 0;
}

static int parse(struct vm_args *out, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char *end = NULL;

		if (!strcmp(argv[i], "--interp"))
			out->opts.engine = SKEP_VM_INTERP;
		else if (!strcmp(argv[i], "--jit"))
			out->opts.engine = SKEP_VM_JIT;
		else if (!strcmp(argv[i], "--debug"))
			continue;
		else if (!strcmp(argv[i], "--program") && i + 1 < argc)
			out->program = argv[++i];
		else if (!strcmp(argv[i], "--budget") && i + 1 < argc) {
			out->opts.budget = strtoull(argv[++i], &end, 0);
			if (!*argv[i] || *end || !out->opts.budget)
				return usage_error("vm", "'%s' is no number of instructions",
						   argv[i]);
		} else if (argv[i][0] == '-')
			return usage_error("vm", "unknown option '%s'", argv[i]);
		else if (out->mem)
			return usage_error("vm", "more than one memory");
		else
			out->mem = argv[i];
	}
	return 0;
}

int cmd_vm(int argc, char **argv)
{
	struct vm_args args = {
		.opts = { .sz = sizeof(args.opts), .helper = find_helper, .log = log_stderr },
		.mem = NULL
	};
	int status = parse(&args, argc, argv);
	unsigned char *program, *mem;
	char *text;
	long size, len;

	if (status)
		return status;
	text = args.program ? strdup(args.program) : read_stdin();
	if (!text)
		return complain(1, "out of memory");
	program = malloc(strlen(text) / 2 + 1);
	mem = malloc(args.mem ? strlen(args.mem) / 2 + 1 : 1);
	size = program ? read_hex(text, program) : -1;
	len = mem ? read_hex(args.mem ? args.mem : "", mem) : -1;
	if (size < 0 || len < 0)
		status = usage_error("vm", "%s is not hex bytes",
				     size < 0 ? "the program" : "the memory");
	else
		status = execute(&args, program, size, mem, len);
	free(program);
	free(mem);
	free(text);
	return status;
}
