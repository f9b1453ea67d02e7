// SPDX-License-Identifier: BSD-2-Clause
/* Files that commands are given: an object's bytes, from the object itself, from C or from assembly. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "skep.h"

enum { FILE_LIMIT = 256 << 20 };

static bool ends_with(const char *text, const char *end)
{
	size_t a = strlen(text), b = strlen(end);

	return a > b && !strcmp(text + a - b, end);
}

bool is_source(const char *path)
{
	return ends_with(path, ".c") || ends_with(path, ".S") || ends_with(path, ".s");
}

/* By its name, or by what it says of itself: "#! /usr/bin/python3", as the tools of bpfcc-tools do. */
bool is_python(const char *path)
{
	struct stat st;
	FILE *file = NULL;
	char line[128] = "";

	if (!ends_with(path, ".py") && !stat(path, &st) && S_ISREG(st.st_mode))
		file = fopen(path, "re");
	if (!file)
		return ends_with(path, ".py");
	if (!fgets(line, sizeof(line), file))
		line[0] = 0;
	fclose(file);
	return !strncmp(line, "#!", 2) && strstr(line, "python");
}

static void compiling_slowly(void *arg)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "skep: compiling %s ...\n", (const char *)arg);
}

int compile_source(const char *path, bool fresh, void **bytes, size_t *size)
{
	struct skep_compile_opts opts = {
		.sz = sizeof(opts),
		.log = log_stderr,
		.color = wants_color(STDERR_FILENO),
		.fresh = fresh,
		.slow = compiling_slowly,
		.slow_arg = (void *)path,
	};

	return skep_compile(path, &opts, bytes, size);
}

static int read_whole(const char *path, void **bytes, size_t *size)
{
	FILE *file = fopen(path, "re");
	struct stat st;
	int err = 0;

	if (!file || fstat(fileno(file), &st)) {
		err = -errno;
		complain(0, "%s: %s", path, strerror(-err));
	} else if (!S_ISREG(st.st_mode) || st.st_size > FILE_LIMIT) {
		err = -EINVAL;
		complain(0, "%s: not a file that could be an object", path);
	} else if (!(*bytes = malloc((size_t)st.st_size + 1))) {
		err = -ENOMEM;
	} else {
		*size = fread(*bytes, 1, (size_t)st.st_size, file);
	}
	if (file)
		fclose(file);
	return err;
}

int read_program(const char *path, void **bytes, size_t *size)
{
	*bytes = NULL;
	if (is_python(path)) {
		complain(0,
			 "%s: a Python program; skep run takes it, here goes C (.c) or an object",
			 path);
		return -EOPNOTSUPP;
	}
	if (is_source(path))
		return compile_source(path, false, bytes, size);
	return read_whole(path, bytes, size);
}
