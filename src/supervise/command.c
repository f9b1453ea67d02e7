/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking up commands: in PATH before a tree starts, and in a traced task's own view when it
 * executes one.
 */
#include "supervise/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* 0, -ENOENT (and what amounts to it), or -EACCES: there, but not to be executed. */
static int check(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOTDIR ? -ENOENT : -errno;
	if (S_ISDIR(st.st_mode) || eaccess(path, X_OK) < 0)
		return -EACCES;
	return 0;
}

int command_find(const char *name, char *path, size_t size)
{
	const char *dirs = getenv("PATH"), *next;
	int result = -ENOENT;

	if (strchr(name, '/'))
		return snprintf(path, size, "%s", name) >= (int)size ? -ENAMETOOLONG : check(path);
	if (!*name)
		return -ENOENT;
	for (dirs = dirs ? dirs : "/bin:/usr/bin"; dirs; dirs = next) {
		size_t len = strcspn(dirs, ":");
		int err;

		next = dirs[len] ? dirs + len + 1 : NULL;
		if (snprintf(path, size, "%.*s%s%s", (int)len, dirs, len ? "/" : "", name) >=
		    (int)size)
			continue;
		err = check(path);
		if (!err)
			return 0;
		if (err == -EACCES)
			result = err;
	}
	return result;
}

/* Page by page, since what follows may not be mapped. */
bool command_read_text(struct task *task, u64 addr, char *buf, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t len = min(size - done, (size_t)(4096 - (addr + done) % 4096));

		if (task->ops->read(task, buf + done, addr + done, len))
			return false;
		if (memchr(buf + done, '\0', len))
			return true;
		done += len;
	}
	return false;
}

static bool is_setuid(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_mode & (S_ISUID | S_ISGID) && st->st_mode & 0111;
}

bool command_setuid(struct task *task, u64 addr, char *path, size_t size)
{
	char full[4096];
	struct stat st;

	if (!command_read_text(task, addr, path, size))
		return false;
	/* Linux makes /proc/PID at the first look, which costs more than the rest of an event: ask ourselves first */
	if (path[0] == '/' && !(stat(path, &st) == 0 && is_setuid(&st)))
		return false;
	snprintf(full, sizeof(full), "/proc/%u/%s/%s", task->pid, path[0] == '/' ? "root" : "cwd",
		 path);
	return stat(full, &st) == 0 && is_setuid(&st);
}
