/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs the .test files of this folder: a developer's mistake in C and what he is told.
 *
 *   -- c        the program; it is compiled as t.bpf.c
 *   -- expect   lines that the explanation must have, in this order (parts of lines, blanks trimmed)
 *   -- last     the kernel's last line, which the note quotes
 */
#include "skep.h"
#include "tap.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT = 1 << 16 };

static char source[TEXT], expect[TEXT], last[TEXT], told[TEXT], json[TEXT];
static int verdicts, verdict_err;

static void on_verdict(void *arg, const struct skep_verdict *v)
{
	(void)arg;
	verdicts++;
	verdict_err = v->err;
	snprintf(told, sizeof(told), "%s", v->explanation ? v->explanation : "");
	snprintf(json, sizeof(json), "%s", v->json ? v->json : "");
}

static void to_comment(void *arg, const char *text, size_t len)
{
	(void)arg;
	printf("# %.*s%s", (int)len, text, len && text[len - 1] == '\n' ? "" : "\n");
}

static bool read_test(const char *path)
{
	char line[1024], *to = NULL;
	FILE *f = fopen(path, "r");

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		if (!strcmp(line, "-- c\n"))
			to = source;
		else if (!strcmp(line, "-- expect\n"))
			to = expect;
		else if (!strcmp(line, "-- last\n"))
			to = last;
		else if (to)
			strncat(to, line, TEXT - strlen(to) - 1);
	}
	fclose(f);
	return *source && *expect;
}

static char *trim(char *line)
{
	char *end = line + strlen(line);

	line += strspn(line, " \t");
	while (end > line && strchr(" \t\n", end[-1]))
		*--end = 0;
	return line;
}

static void check_lines(void)
{
	char *at = told, *next;

	for (char *line = expect; line && *line; line = next) {
		char *want, *found;

		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		want = trim(line);
		if (!*want)
			continue;
		found = strstr(at, want);
		if (!ok(found != NULL, "%s", want)) {
			to_comment(NULL, "told:\n", 6);
			for (char *l = told, *e; *l; l = e + (*e != 0)) {
				e = strchrnul(l, '\n');
				printf("# %.*s\n", (int)(e - l), l);
			}
			return;
		}
		at = found + strlen(want);
	}
}

static int compile(const char *dir, void **bytes, size_t *size)
{
	struct skep_compile_opts opts = { .sz = sizeof(opts), .log = to_comment };
	char path[256];
	FILE *f;
	int err;

	snprintf(path, sizeof(path), "%s/t.bpf.c", dir);
	f = fopen(path, "w");
	if (!f)
		return -errno;
	fputs(source, f);
	fclose(f);
	err = skep_compile(path, &opts, bytes, size);
	unlink(path);
	return err;
}

int main(int argc, char **argv)
{
	struct skep_verify_opts opts = { .sz = sizeof(opts),
					 .verdict = on_verdict,
					 .log = to_comment };
	char dir[] = "/tmp/skep-reason.XXXXXX", command[320];
	struct skep *skep;
	void *bytes = NULL;
	size_t size;
	int err;

	if (argc < 2 || !read_test(argv[1]) || !mkdtemp(dir)) {
		printf("Bail out! cannot read the test\n");
		return 1;
	}
	setenv("XDG_CACHE_HOME", dir, 1);
	err = compile(dir, &bytes, &size);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	if (system(command))
		printf("# %s is left\n", dir);
	if (err == -ENOPKG) {
		skip("no clang here");
		return done();
	}
	if (!ok(!err, "it compiles") || !ok(!skep_new(&skep, NULL), "a skep"))
		return done();
	err = skep_verify_object(skep, bytes, size, &opts);
	is(err, 1, "one program is rejected");
	is(verdicts, 1, "one verdict");
	check_lines();
	if (*last)
		ok(strstr(told, trim(last)) != NULL, "the kernel's last line: %s", last);
	ok(json[0] == '{' && json[strlen(json) - 1] == '}', "JSON says it too");
	skep_free(skep);
	free(bytes);
	return done();
}
