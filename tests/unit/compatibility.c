/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * docs/compatibility.md is what the tables say. With the argument "print" it writes that page
 * (`make docs`); without, it compares.
 */
#include "def/helper.h"
#include "def/iter.h"
#include "def/prog.h"
#include "def/uapi.h"
#include "helper/helper.h"
#include "map/map.h"
#include "tap.h"

#include <string.h>

static void command_page(FILE *out)
{
	static const struct {
		int number;
		const char *name, *what;
	} commands[] = {
#define COMMAND(name, last, function, what) { BPF_##name, #name, what },
#include "core/command.def"
	};

	fprintf(out, "## Commands\n\n| number | command | there |\n| --- | --- | --- |\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "| %d | BPF_%s | %s |\n", commands[i].number, commands[i].name,
			commands[i].what);
}

static void iter_page(FILE *out)
{
	fprintf(out, "\n## Iterators\n\n| target | runs |\n| --- | --- |\n");
	for (u32 i = 0; iter_target_at(i); i++)
		fprintf(out, "| %s | %s |\n", iter_target_at(i)->name,
			iter_target_at(i)->here ? "yes" : "verified only");
}

static void map_page(FILE *out)
{
	fprintf(out, "\n## Map types\n\n| number | type | elements |\n| --- | --- | --- |\n");
	for (u32 type = 1; type < __MAX_BPF_MAP_TYPE; type++)
		if (map_types[type].name)
			fprintf(out, "| %u | %s | %s |\n", type, map_types[type].name,
				map_types[type].ops ? "yes" : "created for verification only");
}

static void prog_page(FILE *out)
{
	fprintf(out,
		"\n## Program types\n\n| number | type | context | BPF_PROG_TEST_RUN |\n| --- | --- | --- | --- |\n");
	for (u32 type = 1; type < __MAX_BPF_PROG_TYPE; type++) {
		const struct prog_info *info = prog_info(type);

		if (info)
			fprintf(out, "| %u | %s | %s | %s |\n", type, info->name,
				info->ctx ? info->ctx : "–",
				info->kernel_test ? "no: needs kernel objects"
				: info->test_run  ? "yes"
						  : "no (as Linux)");
	}
}

/* bpf_tail_call is a jump: the engines' own. */
static bool runs(u32 number)
{
	return helper_body(number) || number == BPF_FUNC_tail_call;
}

static void helper_page(FILE *out)
{
	u32 bodies = 0;

	for (u32 number = 1; number < HELPER_COUNT; number++)
		bodies += runs(number);
	fprintf(out,
		"\n## Helpers\n\nThe verifier knows all %u; %u of them run.\n\n"
		"| number | helper | runs | GPL only |\n| --- | --- | --- | --- |\n",
		HELPER_COUNT - 1, bodies);
	for (u32 number = 1; number < HELPER_COUNT; number++) {
		const struct helper_proto *proto = helper_any(number);

		fprintf(out, "| %u | %s | %s | %s |\n", number, helper_name(number),
			runs(number) ? "yes" : "no", proto && proto->gpl_only ? "yes" : "");
	}
}

static void page(FILE *out)
{
	fprintf(out,
		"# Compatibility\n\nWhat of Linux 6.18's interface skep has, from its own tables "
		"(`make docs` writes this page).\n\n");
	command_page(out);
	map_page(out);
	prog_page(out);
	iter_page(out);
	helper_page(out);
}

int main(int argc, char **argv)
{
	char *want = NULL, *got = NULL;
	size_t want_size = 0, got_size = 0;
	FILE *out, *in;
	int c;

	if (argc > 1 && !strcmp(argv[1], "print")) {
		page(stdout);
		return 0;
	}
	out = open_memstream(&want, &want_size);
	page(out);
	fclose(out);
	in = fopen("docs/compatibility.md", "r");
	if (!in) {
		skip("no docs/compatibility.md here");
		return done();
	}
	out = open_memstream(&got, &got_size);
	while ((c = getc(in)) != EOF)
		putc(c, out);
	fclose(out);
	fclose(in);
	ok(want_size == got_size && !memcmp(want, got, got_size),
	   "docs/compatibility.md is what the tables say (make docs)");
	free(want);
	free(got);
	return done();
}
