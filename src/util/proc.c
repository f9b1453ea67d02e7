/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading /proc/PID/stat, comm, cgroup, status. */
#include "util/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TICK_NS = 10000000 }; /* of USER_HZ, 100 on every machine */

static ssize_t read_file(u32 tid, const char *file, char *buf, size_t size)
{
	char path[48];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/%s", tid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	len = read(fd, buf, size - 1);
	close(fd);
	buf[len > 0 ? len : 0] = 0;
	return len;
}

int proc_origin(u32 tid, u32 *parent, char parent_comm[16], u64 *start_ns)
{
	char stat[1024], comm[32], *at;
	unsigned long long ticks = 0;

	*parent = 0;
	*start_ns = 0;
	memset(parent_comm, 0, 16);
	/* the name, field 2, is in brackets and may hold anything: what follows its last bracket is numbers */
	if (read_file(tid, "stat", stat, sizeof(stat)) <= 0 || !(at = strrchr(stat, ')')))
		return -ESRCH;
	sscanf(at + 1,
	       " %*c %u %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
	       parent, &ticks);
	*start_ns = ticks * TICK_NS;
	if (*parent && read_file(*parent, "comm", comm, sizeof(comm)) > 0)
		memcpy(parent_comm, comm, strcspn(comm, "\n") < 16 ? strcspn(comm, "\n") : 15);
	return 0;
}

/* Cuts a path after level components; false where it has fewer. */
static bool cut(char *path, int level)
{
	char *at = path;

	if (level < 0)
		return true;
	for (; level && *at == '/' && at[1]; level--)
		at += 1 + strcspn(at + 1, "/");
	*at = 0;
	return !level;
}

/* The inode number of its directory is a cgroup's id. */
u64 proc_cgroup(u32 tid, int level)
{
	static const char *const roots[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	char text[4096], path[4200], *at;
	struct stat st;

	if (read_file(tid, "cgroup", text, sizeof(text)) <= 0)
		return 0;
	at = !strncmp(text, "0::", 3) ? text : strstr(text, "\n0::");
	if (!at)
		return 0;
	at = strchr(at, '/');
	if (!at)
		return 0;
	at[strcspn(at, "\n")] = 0;
	if (!cut(at, level))
		return 0;
	for (u32 i = 0; i < ARRAY_SIZE(roots); i++) {
		snprintf(path, sizeof(path), "%s%s", roots[i], at);
		if (!stat(path, &st))
			return st.st_ino;
	}
	return 0;
}

/* The last number of a line of status: of the innermost namespace. */
static bool last_number(const char *status, const char *name, u32 *out)
{
	const char *at = strstr(status, name), *end;

	if (!at)
		return false;
	end = strchrnul(at + 1, '\n');
	while (end > at && end[-1] != '\t')
		end--;
	return sscanf(end, "%u", out) == 1;
}

bool proc_in_pidns(u32 tid, u64 dev, u64 ino, u32 *pid, u32 *tgid)
{
	char path[48], status[4096];
	struct stat own;

	snprintf(path, sizeof(path), "/proc/%u/ns/pid", tid);
	return !stat(path, &own) && own.st_dev == dev && own.st_ino == ino &&
	       read_file(tid, "status", status, sizeof(status)) > 0 &&
	       last_number(status, "\nNStgid:", tgid) && last_number(status, "\nNSpid:", pid);
}
