// SPDX-License-Identifier: BSD-2-Clause
/*
 * skep run X.py: an unmodified Python program on the distribution's bcc module. Python is started as
 * it is; only the library that the module opens, libbcc.so.0, is skep's: LD_LIBRARY_PATH says where.
 * Which bcc module Python will import is looked up beforehand, for a wrong one fails in odd ways.
 */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "skep.h"

extern char **environ;

enum { PATH_ROOM = 4096, SOURCE_PEEK = 1 << 20 };

/* ---- Python, its bcc, our library ---- */

static const char *find_python(void)
{
	const char *asked = getenv("PYTHON");

	if (asked && *asked)
		return asked;
	/* the distribution's: its packages are that one's; another in PATH does not see them */
	return access("/usr/bin/python3", X_OK) ? "python3" : "/usr/bin/python3";
}

static bool imports_bcc(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[1024];
	bool found = false;

	for (long left = SOURCE_PEEK;
	     file && !found && left > 0 && fgets(line, sizeof(line), file);) {
		const char *at = line + strspn(line, " \t");

		left -= (long)strlen(line);
		found = (!strncmp(at, "from bcc", 8) || !strncmp(at, "import bcc", 10)) &&
			!strchr("_abcdefghijklmnopqrstuvwxyz", at[at[0] == 'f' ? 8 : 10]);
	}
	if (file)
		fclose(file);
	return found;
}

/* What "import bcc" finds in a folder, into out: 1 the module, 0 nothing, -1 another module of that name. */
static int bcc_in(const char *folder, char *out)
{
	char path[PATH_ROOM + 32];

	snprintf(path, sizeof(path), "%s/bcc/libbcc.py", folder);
	snprintf(out, PATH_ROOM, "%.*s/bcc", PATH_ROOM - 8, folder);
	if (!access(path, F_OK))
		return 1;
	snprintf(path, sizeof(path), "%s/bcc/__init__.py", folder);
	if (!access(path, F_OK))
		return -1;
	snprintf(path, sizeof(path), "%s/bcc.py", folder);
	snprintf(out, PATH_ROOM, "%.*s/bcc.py", PATH_ROOM - 8, folder);
	return access(path, F_OK) ? 0 : -1;
}

static int bcc_in_pattern(const char *pattern, char *out)
{
	glob_t found = { 0 };
	int kind = 0;

	if (!glob(pattern, 0, NULL, &found))
		for (size_t i = 0; i < found.gl_pathc && !kind; i++)
			kind = bcc_in(found.gl_pathv[i], out);
	globfree(&found);
	return kind;
}

/* Where Python looks, in its order: the program's folder, PYTHONPATH, the user's packages, the machine's, the distribution's. */
static int look_for_bcc(const char *program, char *out)
{
	const char *slash = strrchr(program, '/'), *paths = getenv("PYTHONPATH"),
		   *home = getenv("HOME");
	char folder[PATH_ROOM], *list, *at = NULL;
	int kind;

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - program) : 1,
		 slash ? program : ".");
	kind = bcc_in(folder, out);
	list = strdup(paths ? paths : "");
	for (char *path = list ? strtok_r(list, ":", &at) : NULL; path && !kind;
	     path = strtok_r(NULL, ":", &at))
		kind = bcc_in(path, out);
	free(list);
	if (!kind && home) {
		snprintf(folder, sizeof(folder), "%s/.local/lib/python3*/site-packages", home);
		kind = bcc_in_pattern(folder, out);
	}
	if (!kind)
		kind = bcc_in_pattern("/usr/local/lib/python3*/dist-packages", out);
	return kind ? kind : bcc_in_pattern("/usr/lib/python3*/dist-packages", out);
}

static int check_bcc(const char *program, const char *python)
{
	char where[PATH_ROOM];
	int kind;

	if (access(program, R_OK))
		return complain(EXIT_SKEP, "%s: %s", program, strerror(errno));
	if (!imports_bcc(program) || strcmp(python, "/usr/bin/python3"))
		return 0;
	kind = look_for_bcc(program, where);
	if (kind > 0)
		return 0;
	if (kind < 0)
		return complain(EXIT_SKEP,
				"%s imports bcc, and would get %s, which is not the bcc of BPF: "
				"rename or remove it (pip uninstall bcc)",
				program, where);
	return complain(
		EXIT_SKEP,
		"%s imports bcc, which is not installed: Debian's package is python3-bpfcc; "
		"./bootstrap --python in skep's source installs it",
		program);
}

/* The folder of libbcc.so.0: beside the program when it was built, in ../lib/skep where it is installed. */
static int find_library(char *folder, size_t size)
{
	static const char *const places[] = { "lib", "../lib/skep" };
	char self[PATH_ROOM], path[2 * PATH_ROOM];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[len > 0 ? len : 0] = 0;
	if (strrchr(self, '/'))
		*strrchr(self, '/') = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s/libbcc.so.0", self, places[i]);
		if (!access(path, R_OK)) {
			snprintf(folder, size, "%.*s/%s", PATH_ROOM - 16, self, places[i]);
			return 0;
		}
	}
	return complain(
		EXIT_SKEP,
		"libbcc.so.0 is neither in %s/lib nor in %s/../lib/skep: is skep installed whole?",
		self, self);
}

/* The environment with our folder first in LD_LIBRARY_PATH; malloc'd. */
static char **make_environment(const char *folder, bool kernel)
{
	const char *old = getenv("LD_LIBRARY_PATH");
	size_t n = 0, len = strlen(folder) + (old ? strlen(old) : 0) + 32;
	char **copy, *path = malloc(len);

	while (environ[n])
		n++;
	copy = calloc(n + 3, sizeof(*copy));
	if (!copy || !path)
		return NULL;
	snprintf(path, len, "LD_LIBRARY_PATH=%s%s%s", folder, old && *old ? ":" : "",
		 old ? old : "");
	n = 0;
	for (char **e = environ; *e; e++)
		if (strncmp(*e, "LD_LIBRARY_PATH=", 16))
			copy[n++] = *e;
	copy[n++] = path;
	copy[n] = (char *)(kernel ? "SKEP_RUN=linux"
				  : "SKEP_RUN=skep"); /* for libbcc: how it ends, what to offer */
	return copy;
}

/* ---- running ---- */

static int told(const struct python_run *run, const struct skep_spawn_result *r)
{
	if (!r->observed && r->status)
		return skep_exit_code(r->status); /* the command is none: words were said */
	if (!r->observed) {
		if (!run->shell)
			complain(0, "%s ended before it waited for events: %s was not run",
				 run->argv[0], run->command[0]);
		if (WIFSIGNALED(r->observer_status))
			die_of(WTERMSIG(r->observer_status));
		return skep_exit_code(r->observer_status);
	}
	if (WIFSIGNALED(r->status))
		die_of(WTERMSIG(r->status));
	return skep_exit_code(r->status);
}

static int observe(const struct python_run *run, char **python, char **env)
{
	struct skep_opts opts = { .sz = sizeof(opts),
				  .log = log_stderr,
				  .engine = run->interp ? SKEP_INTERP : SKEP_AUTO };
	struct skep_spawn_opts spawn = { .sz = sizeof(spawn),
					 .argv = run->command,
					 .trace_fd = -1,
					 .client = !run->kernel,
					 .as_root = run->as_root,
					 .observer = python,
					 .observer_envp = env };
	struct skep_spawn_result result = { .sz = sizeof(result) };
	struct skep *skep;
	int err = skep_new(&skep, &opts);

	if (err)
		return complain(EXIT_SKEP, "cannot start: %s", strerror(-err));
	err = skep_spawn(skep, &spawn, &result);
	skep_free(skep);
	if (err)
		return complain(EXIT_SKEP, "cannot run %s: %s", run->argv[0], strerror(-err));
	return told(run, &result);
}

int python_run(const struct python_run *run)
{
	const char *python = find_python();
	char folder[PATH_ROOM], **argv = calloc(run->argc + 2, sizeof(*argv)), **env;
	int status = check_bcc(run->argv[0], python);

	if (!status)
		status = find_library(folder, sizeof(folder));
	if (status)
		return status;
	env = make_environment(folder, run->kernel);
	if (!argv || !env)
		return complain(EXIT_SKEP, "out of memory");
	argv[0] = (char *)python;
	memcpy(argv + 1, run->argv, run->argc * sizeof(*argv));
	if (!run->command) {
		execvpe(python, argv, env);
		return complain(EXIT_SKEP, "%s: %s", python, strerror(errno));
	}
	return observe(run, argv, env);
}
