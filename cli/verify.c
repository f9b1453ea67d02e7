// SPDX-License-Identifier: BSD-2-Clause
/* skep verify: whether Linux's verifier would accept a program, what it costs, and if not, why. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "skep.h"

const char help_verify[] =
	"usage: skep verify FILE [--prog NAME] [--log 1|2|4] [--json] [--btf FILE]\n\n"
	"Verifies the programs of a BPF object (or a .c file, which is compiled) as Linux 6.18 does.\n"
	"Nothing is run. A rejection is told with the source lines it comes from.\n\n"
	"      --prog NAME   only this program\n"
	"      --log LEVEL   the verifier's log too: 1 the path to the error, 2 every state,\n"
	"                    4 statistics only\n"
	"      --json        one JSON object instead of text\n"
	"      --btf FILE    the kernel's BTF (default: /sys/kernel/btf/vmlinux)\n\n"
	"Exit status: 0 accepted, 1 rejected, 2 where the file could not be read.\n";

struct report {
	unsigned int log_level;
	bool json, head_written;
	json_t *programs;
	char *explanations; /* text, kept for after the table */
};

static void add_text(char **to, const char *text)
{
	size_t len = *to ? strlen(*to) : 0;
	char *grown = realloc(*to, len + strlen(text) + 2);

	if (!grown)
		return;
	sprintf(grown + len, "%s%s", len ? "\n" : "", text);
	*to = grown;
}

static void row(struct report *r, const struct skep_verdict *v)
{
	if (!r->head_written)
		printf("%-24s %-16s %-9s %7s %9s %6s %6s %6s %9s\n", "program", "type", "verdict",
		       "insns", "processed", "states", "peak", "stack", "ms");
	r->head_written = true;
	printf("%-24s %-16s %-9s %7u %9u %6u %6u %6u %9.2f\n", v->program, v->type,
	       v->err ? "rejected" : "accepted", v->insns, v->processed, v->total_states,
	       v->peak_states, v->stack_depth, (double)v->time_ns / 1e6);
	if (r->log_level)
		fputs(v->log, stdout);
	if (v->err)
		add_text(&r->explanations, v->explanation);
}

/* The log is bytes: where it is not UTF-8, JSON cannot hold it as it is. */
static json_t *text_or_null(const char *text)
{
	json_t *value = json_string(text);

	return value ? value : json_null();
}

static void on_verdict(void *arg, const struct skep_verdict *v)
{
	struct report *r = arg;
	json_t *p;

	if (!r->json) {
		row(r, v);
		return;
	}
	p = json_pack("{s:o, s:s, s:b, s:i, s:i, s:i, s:i, s:i, s:I, s:I}", "program",
		      text_or_null(v->program), "type", v->type, "accepted", !v->err, "insns",
		      v->insns, "processed", v->processed, "states", v->total_states, "peak_states",
		      v->peak_states, "stack_depth", v->stack_depth, "time_ns",
		      (json_int_t)v->time_ns, "memory", (json_int_t)v->memory);
	if (r->log_level)
		json_object_set_new(p, "log", text_or_null(v->log));
	if (v->err)
		json_object_set_new(p, "rejection", json_loads(v->json, 0, NULL));
	json_array_append_new(r->programs, p);
}

static int write_json(struct report *r, const char *file)
{
	json_t *all = json_pack("{s:o, s:o}", "file", text_or_null(file), "programs", r->programs);
	int err = all ? json_dumpf(all, stdout, JSON_INDENT(2)) : -1;

	putchar('\n');
	json_decref(all);
	return err;
}

static int verify(struct skep_verify_opts *opts, const char *btf)
{
	struct skep_opts with = { .sz = sizeof(with), .log = log_stderr, .btf = btf };
	struct report *r = opts->arg;
	struct skep *skep;
	void *bytes;
	size_t size;
	int err;

	if (btf && access(btf, R_OK))
		return complain(EXIT_USAGE, "%s: %s", btf, strerror(errno));
	if (read_program(opts->name, &bytes, &size))
		return EXIT_USAGE;
	err = skep_new(&skep, &with);
	if (err) {
		free(bytes);
		return complain(EXIT_USAGE, "cannot start: %s", strerror(-err));
	}
	if (btf && skep_check_btf(skep)) {
		free(bytes);
		skep_free(skep);
		return EXIT_USAGE;
	}
	r->programs = r->json ? json_array() : NULL;
	err = skep_verify_object(skep, bytes, size, opts);
	if (err >= 0 && r->json)
		write_json(r, opts->name);
	if (r->explanations)
		printf("\n%s", r->explanations);
	free(r->explanations);
	free(bytes);
	skep_free(skep);
	return output_status(err < 0 ? EXIT_USAGE : err ? EXIT_REJECTED : 0, EXIT_USAGE);
}

int cmd_verify(int argc, char **argv)
{
	static const struct option options[] = {
		{ "prog", required_argument, NULL, 'p' },
		{ "log", required_argument, NULL, 'l' },
		{ "json", no_argument, NULL, 'j' },
		{ "btf", required_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 },
	};
	struct report report = { 0 };
	struct skep_verify_opts opts = { .sz = sizeof(opts),
					 .verdict = on_verdict,
					 .arg = &report,
					 .log = log_stderr,
					 .color = wants_color(STDOUT_FILENO) };
	const char *btf = NULL;
	int option;

	while ((option = getopt_long(argc, argv, ":", options, NULL)) >= 0) {
		if (option == 'p')
			opts.prog = optarg;
		else if (option == 'j')
			report.json = true;
		else if (option == 'b')
			btf = optarg;
		else if (option == 'l' && strlen(optarg) == 1 && strchr("1234567", *optarg))
			opts.log_level = report.log_level = (unsigned int)(*optarg - '0');
		else if (option == 'l')
			return usage_error("verify", "--log wants 1, 2 or 4, not '%s'", optarg);
		else if (option == ':')
			return usage_error("verify", "option '%s' wants a value", argv[optind - 1]);
		else
			return usage_error("verify", "unknown option '%s'", argv[optind - 1]);
	}
	if (argc - optind != 1)
		return usage_error("verify",
				   argc == optind ? "no file given" : "one file at a time");
	opts.name = argv[optind];
	return verify(&opts, btf);
}
