// SPDX-License-Identifier: BSD-2-Clause
/*
 * clang as a process. All its files are ours in memory: standard input is the source, standard
 * output the object, standard error its messages, descriptor 3 the list of what it read. So nothing
 * is left behind, however it ends, and there is no pipe to deadlock on.
 */
#include "load/clang.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { SLOW_MS = 333, FLAGS_MAX = 160, OUTPUT_MAX = 64 << 20, CHILD_FDS = 4 };

/* ---- finding ---- */

static int version_in(const char *path)
{
	const char *at = strstr(path, "llvm-");

	if (!at)
		at = strstr(path, "clang-");
	return at ? atoi(strchr(at, '-') + 1) : 0;
}

static bool usable(struct clang *out, const char *path)
{
	char real[4096];
	struct stat st;

	if (access(path, X_OK) || stat(path, &st) || !S_ISREG(st.st_mode) ||
	    strlen(path) >= sizeof(out->path) || !realpath(path, real))
		return false;
	out->version = version_in(real);
	if (out->version && out->version < CLANG_OLDEST)
		return false;
	strcpy(out->path, path);
	snprintf(out->id, sizeof(out->id), "%s:%lld:%lld.%09ld", real, (long long)st.st_size,
		 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	return true;
}

static bool in_path(struct clang *out, const char *name)
{
	const char *path = getenv("PATH");
	char full[4096];

	if (strchr(name, '/'))
		return usable(out, name);
	for (const char *at = path ? path : "/usr/local/bin:/usr/bin:/bin"; *at;) {
		size_t len = strcspn(at, ":");

		if (len && len + strlen(name) + 2 <= sizeof(full)) {
			snprintf(full, sizeof(full), "%.*s/%s", (int)len, at, name);
			if (usable(out, full))
				return true;
		}
		at += len + (at[len] == ':');
	}
	return false;
}

int clang_find(struct clang *out)
{
	const char *asked = getenv("CLANG");
	char name[16];

	if (asked && *asked)
		return in_path(out, asked) ? 0 : -ENOENT;
	if (in_path(out, "clang"))
		return 0;
	for (int version = CLANG_NEWEST_NAMED; version >= CLANG_OLDEST; version--) {
		snprintf(name, sizeof(name), "clang-%d", version);
		if (in_path(out, name))
			return 0;
	}
	return -ENOENT;
}

/* ---- running ---- */

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return lseek(fd, 0, SEEK_SET) < 0 ? -errno : 0;
}

static int read_all(int fd, char **out, size_t *out_len)
{
	struct stat st;
	size_t len = 0;

	if (fstat(fd, &st))
		return -errno;
	if (st.st_size > OUTPUT_MAX)
		return -E2BIG;
	*out = malloc((size_t)st.st_size + 1);
	if (!*out)
		return -ENOMEM;
	while (len < (size_t)st.st_size) {
		ssize_t n = pread(fd, *out + len, (size_t)st.st_size - len, (off_t)len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	(*out)[len] = 0;
	*out_len = len;
	return 0;
}

static int spawn(const char *path, char *const *argv, const int *fds, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, usual;
	int err;

	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	if (posix_spawn_file_actions_init(&actions))
		return -ENOMEM;
	if (posix_spawnattr_init(&attr)) {
		posix_spawn_file_actions_destroy(&actions);
		return -ENOMEM;
	}
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &usual);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	for (int i = 0; i < CHILD_FDS; i++)
		posix_spawn_file_actions_adddup2(&actions, fds[i], i);
	err = posix_spawn(pid, path, &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return -err;
}

static void await(pid_t pid, const struct clang_job *job, int *status)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	if (pidfd >= 0) {
		if (job->slow && !poll(&p, 1, SLOW_MS))
			job->slow(job->slow_arg);
		close(pidfd);
	}
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
}

/* Above the numbers the child wants them on, so that no dup2 there hits one still needed. */
static int memory_file(void)
{
	int low = memfd_create("skep-clang", MFD_CLOEXEC), high, err;

	if (low < 0)
		return -errno;
	high = fcntl(low, F_DUPFD_CLOEXEC, CHILD_FDS);
	err = high < 0 ? -errno : high;
	close(low);
	return err;
}

static int run(const char *path, char *const *argv, const struct clang_job *job,
	       struct clang_result *out)
{
	int fds[CHILD_FDS] = { -1, -1, -1, -1 }, err = 0;
	pid_t pid;

	for (int i = 0; i < CHILD_FDS && !err; i++) {
		fds[i] = memory_file();
		err = fds[i] < 0 ? fds[i] : 0;
	}
	if (!err && job->source)
		err = write_all(fds[0], job->source, job->source_len);
	if (!err)
		err = spawn(path, argv, fds, &pid);
	if (!err) {
		await(pid, job, &out->status);
		err = read_all(fds[1], &out->object, &out->object_len);
	}
	if (!err)
		err = read_all(fds[2], &out->says, &out->says_len);
	if (!err)
		err = read_all(fds[3], &out->depends, &out->depends_len);
	for (int i = 0; i < CHILD_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (err)
		clang_result_free(out);
	return err;
}

/* "Debian clang version 14.0.6" */
static int ask_version(struct clang *clang)
{
	char *argv[] = { clang->path, (char *)"--version", NULL };
	struct clang_job job = { .source = "", .source_len = 0 };
	struct clang_result result = { .status = 0 };
	const char *at;
	int err = run(clang->path, argv, &job, &result);

	if (err)
		return err;
	at = strstr(result.object, "version ");
	clang->version = at ? atoi(at + 8) : 0;
	clang_result_free(&result);
	return clang->version >= CLANG_OLDEST ? 0 : -ENOEXEC;
}

int clang_run(struct clang *clang, const struct clang_job *job, struct clang_result *out)
{
	const char *argv[FLAGS_MAX];
	size_t n = 0;
	int err = clang->version ? 0 : ask_version(clang);

	*out = (struct clang_result){ .status = 0 };
	if (err)
		return err;
	argv[n++] = clang->path;
	for (const char *const *flag = job->flags; *flag; flag++) {
		if (n + 12 > FLAGS_MAX)
			return -E2BIG;
		argv[n++] = *flag;
	}
	argv[n++] = "-MD";
	argv[n++] = "-MF";
	argv[n++] = "/dev/fd/3";
	argv[n++] = "-MT";
	argv[n++] = "o";
	argv[n++] = "-c";
	argv[n++] = "-x";
	argv[n++] = "c";
	argv[n++] = job->path ? job->path : "-";
	argv[n++] = "-o";
	argv[n++] = "-";
	argv[n] = NULL;
	return run(clang->path, (char *const *)argv, job, out);
}

void clang_result_free(struct clang_result *result)
{
	free(result->object);
	free(result->depends);
	free(result->says);
	*result = (struct clang_result){ .status = result->status };
}
