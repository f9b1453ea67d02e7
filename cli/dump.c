// SPDX-License-Identifier: BSD-2-Clause
/* skep dump: a program's instructions as text, before loading and after. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "skep.h"

const char help_dump[] =
	"usage: skep dump FILE [-S] [--prog NAME] [--explain]\n"
	"       skep dump FILE --xlated|--jited [-S] [--prog NAME]\n"
	"       skep dump --explain=BYTES\n\n"
	"Disassembles a BPF object (or a .c file, which is compiled) as llvm-objdump -d --mcpu=v4 of LLVM 19.\n\n"
	"  -S, --source         with the source line before what was made of it\n"
	"      --prog NAME      only this function\n"
	"      --xlated         load it, and show the instructions after fix-ups, as bpftool does\n"
	"      --jited          load it, and show the machine code\n"
	"      --explain        tell every instruction byte by byte\n"
	"      --explain=BYTES  tell these instructions, hex: --explain='b7 02 00 00 0f 00 00 00'\n\n"
	"Exit status: 0; 1 where it could not be loaded; 2 where the file could not be read.\n";

static void to_stdout(void *arg, const char *text, size_t len)
{
	(void)arg;
	fwrite(text, 1, len, stdout);
}

static int explain(const char *hex)
{
	unsigned char *bytes = malloc(strlen(hex) / 2 + 1);
	size_t n = 0;
	int status = 0;

	if (!bytes)
		return complain(1, "out of memory");
	for (const char *at = hex; *at && !status;) {
		if (isspace((unsigned char)*at)) {
			at++;
		} else if (isxdigit((unsigned char)at[0]) && isxdigit((unsigned char)at[1])) {
			char two[3] = { at[0], at[1], 0 };

			bytes[n++] = (unsigned char)strtoul(two, NULL, 16);
			at += 2;
		} else {
			status = usage_error("dump", "--explain wants bytes in hex, not '%s'", at);
		}
	}
	if (!status && (!n || n % 8))
		status = usage_error("dump", "--explain wants 8 bytes an instruction, not %zu", n);
	for (size_t i = 0; !status && i < n;
	     i += bytes[i] == 0x18 ? 16 : 8) { /* a 16-byte load has opcode 0x18 */
		char text[2048];

		skep_explain(bytes + i, n - i, text, sizeof(text));
		puts(text);
	}
	free(bytes);
	return output_status(status, 1);
}

static int dump(struct skep_dump_opts *opts)
{
	void *bytes;
	size_t size;
	int err = read_program(opts->name, &bytes, &size);

	if (err)
		return EXIT_USAGE;
	err = skep_dump(bytes, size, opts, to_stdout, NULL);
	free(bytes);
	return output_status(err ? EXIT_USAGE : 0, 1);
}

/* Where programs would be attached does not matter here. */
static int dump_loaded(const char *name, const char *prog, int flags)
{
	struct skep_object_opts opts = {
		.sz = sizeof(opts), .name = name, .log = log_stderr, .capture = 1
	};
	struct skep_opts skep_opts = { .sz = sizeof(skep_opts), .log = log_stderr };
	struct skep_object *object = NULL;
	struct skep *skep = NULL;
	void *bytes;
	size_t size;
	int err = read_program(name, &bytes, &size);

	if (err)
		return EXIT_USAGE;
	err = skep_new(&skep, &skep_opts);
	if (!err)
		err = skep_object_open(&object, skep, bytes, size, &opts);
	free(bytes);
	if (!err)
		err = skep_object_load(object, NULL, 0);
	if (!err)
		err = skep_object_print_programs(object, prog, flags, to_stdout, NULL);
	skep_object_close(object);
	skep_free(skep);
	return output_status(err ? 1 : 0, 1);
}

int cmd_dump(int argc, char **argv)
{
	static const struct option options[] = {
		{ "source", no_argument, NULL, 'S' },
		{ "prog", required_argument, NULL, 'p' },
		{ "explain", optional_argument, NULL, 'e' },
		{ "xlated", no_argument, NULL, 'x' },
		{ "jited", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct skep_dump_opts opts = { .sz = sizeof(opts), .log = log_stderr };
	int option, loaded = 0;

	while ((option = getopt_long(argc, argv, ":S", options, NULL)) >= 0) {
		if (option == 'S')
			opts.source = 1;
		else if (option == 'p')
			opts.prog = optarg;
		else if (option == 'e' && optarg)
			return explain(optarg);
		else if ((option == 'x' || option == 'j') && loaded && loaded != option)
			return usage_error("dump", "--xlated or --jited, not both");
		else if (option == 'x' || option == 'j')
			loaded = option;
		else if (option == 'e')
			opts.explain = 1;
		else
			return usage_error("dump",
					   option == ':' ? "option '%s' wants a value"
							 : "unknown option '%s'",
					   argv[optind - 1]);
	}
	if (argc - optind != 1)
		return usage_error("dump", argc == optind ? "no file given" : "one file at a time");
	if (loaded && opts.explain)
		return usage_error("dump", "--xlated and --jited go without --explain");
	opts.name = argv[optind];
	if (loaded)
		return dump_loaded(opts.name, opts.prog,
				   (loaded == 'j' ? SKEP_PRINT_MACHINE_CODE : 0) |
					   (opts.source ? SKEP_PRINT_SOURCE : 0));
	return dump(&opts);
}
