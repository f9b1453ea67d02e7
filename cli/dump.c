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
	"       skep dump --explain=BYTES\n\n"
	"Disassembles a BPF object (or a .c file, which is compiled) as llvm-objdump -d of LLVM 19 does.\n\n"
	"  -S, --source         with the source line before what was made of it\n"
	"      --prog NAME      only this function\n"
	"      --explain        tell every instruction byte by byte\n"
	"      --explain=BYTES  tell these instructions, hex: --explain='b7 02 00 00 0f 00 00 00'\n\n"
	"Exit status: 0; 2 where the file could not be read.\n";

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
	for (size_t i = 0; !status && i < n; i += bytes[i] == 0x18 ? 16 : 8) {	/* a 16-byte load has opcode 0x18 */
		char text[2048];

		skep_explain(bytes + i, n - i, text, sizeof(text));
		puts(text);
	}
	free(bytes);
	return status;
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
	return err ? EXIT_USAGE : 0;
}

int cmd_dump(int argc, char **argv)
{
	static const struct option options[] = {
		{ "source", no_argument, NULL, 'S' },	   { "prog", required_argument, NULL, 'p' },
		{ "explain", optional_argument, NULL, 'e' }, { NULL, 0, NULL, 0 },
	};
	struct skep_dump_opts opts = { .sz = sizeof(opts), .log = log_stderr };
	int option;

	while ((option = getopt_long(argc, argv, ":S", options, NULL)) >= 0) {
		if (option == 'S')
			opts.source = 1;
		else if (option == 'p')
			opts.prog = optarg;
		else if (option == 'e' && optarg)
			return explain(optarg);
		else if (option == 'e')
			opts.explain = 1;
		else
			return usage_error("dump", option == ':' ? "option '%s' wants a value" : "unknown option '%s'",
					   argv[optind - 1]);
	}
	if (argc - optind != 1)
		return usage_error("dump", argc == optind ? "no file given" : "one file at a time");
	opts.name = argv[optind];
	return dump(&opts);
}
