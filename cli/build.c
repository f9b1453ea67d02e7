// SPDX-License-Identifier: BSD-2-Clause
/* skep build: compile only; the object then runs where there is no compiler. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

const char help_build[] =
	"usage: skep build SRC [-o OBJECT.bpf.o]\n\n"
	"Compiles C in BCC's dialect or libbpf's style (X.c), or assembles LLVM's BPF assembly (X.S), to a BPF object,\n"
	"X.bpf.o where nothing else is said.\n\n"
	"  -o, --output FILE   where the object goes ('-': standard output)\n"
	"      --fresh         compile even if the cache has it\n\n"
	"clang (14 or later; $CLANG, or clang and clang-NN in PATH) compiles C; assembly needs none.\n"
	"Exit status: 0, or 1 where it did not work.\n";

/* hello.c and hello.bpf.c give hello.bpf.o */
static char *default_output(const char *source)
{
	size_t len = strlen(source);
	char *out;

	if (is_source(source))
		len -= 2;
	if (len > 4 && !strncmp(source + len - 4, ".bpf", 4))
		len -= 4;
	return asprintf(&out, "%.*s.bpf.o", (int)len, source) < 0 ? NULL : out;
}

static int write_all(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0)
			return -errno;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

static int write_object(const char *path, const void *bytes, size_t size)
{
	bool standard = !strcmp(path, "-");
	int fd = standard ? STDOUT_FILENO
			  : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666),
	    err;

	if (fd < 0)
		return -errno;
	err = write_all(fd, bytes, size);
	if (!standard && close(fd) && !err)
		err = -errno;
	return err;
}

static int build(const char *source, const char *output, bool fresh)
{
	char *made = output ? NULL : default_output(source);
	const char *path = output ? output : made;
	void *bytes = NULL;
	size_t size;
	int err = path ? compile_source(source, fresh, &bytes, &size) : -ENOMEM;

	if (!err) {
		err = write_object(path, bytes, size);
		if (err)
			complain(0, "%s: %s", path, strerror(-err));
	}
	free(bytes);
	free(made);
	return err ? 1 : 0;
}

int cmd_build(int argc, char **argv)
{
	static const struct option options[] = { { "output", required_argument, NULL, 'o' },
						 { "fresh", no_argument, NULL, 'f' },
						 { NULL, 0, NULL, 0 } };
	const char *output = NULL;
	bool fresh = false;
	int option;

	while ((option = getopt_long(argc, argv, ":o:", options, NULL)) >= 0) {
		if (option == 'o')
			output = optarg;
		else if (option == 'f')
			fresh = true;
		else
			return usage_error("build",
					   option == ':' ? "option '%s' wants a value"
							 : "unknown option '%s'",
					   argv[optind - 1]);
	}
	if (argc - optind != 1)
		return usage_error("build",
				   argc == optind ? "no source given" : "one source at a time");
	return build(argv[optind], output, fresh);
}
