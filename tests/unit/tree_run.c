/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tree's start and end: statuses, failing executions, the calls seen, no descriptor or process
 * left over.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervise/tree.h"
#include "tap.h"

static int seen; /* execve calls of the last run */

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void serve(struct tree *tree)
{
	struct pollfd fds[] = { { tree->listener, POLLIN, 0 }, { tree->pidfd, POLLIN, 0 } };
	union tree_slot *slot = &tree->shared->slots[0];

	for (;;) {
		poll(fds, 2, -1);
		if (fds[0].revents & POLLIN && !tree_receive(tree, slot)) {
			seen += slot->notif.data.nr == SYS_execve;
			tree_continue(tree, slot);
		} else if (fds[1].revents) {
			return;
		}
	}
}

/* The wait status, or -errno. */
static int run(const char *path, char *const argv[], int *exec_errno)
{
	struct tree_calls calls = { 0 };
	struct tree tree;
	sigset_t mask;
	struct tree_spec spec = {
		.path = path, .argv = argv, .envp = environ, .calls = &calls, .mask = &mask
	};
	int err, status;

	sigemptyset(&mask);
	syscall_set_add(&calls.set, SYS_execve);
	seen = 0;
	err = tree_start(&tree, &spec, NULL);
	if (err)
		return err;
	serve(&tree);
	is(waitpid(tree.child, &status, __WALL), tree.child, "the command is our child");
	*exec_errno = tree.shared->exec_errno;
	tree_end(&tree);
	return status;
}

static void check(const char *path, const char *script, int status, int error, int calls)
{
	char *const argv[] = { (char *)path, "-c", (char *)script, NULL };
	int exec_errno, got = run(path, argv, &exec_errno);

	is(got, status, "%s %s: status", path, script);
	is(exec_errno, error, "%s %s: errno of its execution", path, script);
	if (calls)
		is(seen, calls, "%s %s: execve calls", path, script);
}

int main(void)
{
	char *const none[] = { "true", NULL };
	int before, unused, err = run("/bin/true", none, &unused);

	if (err < 0) {
		skip(strerror(-err));
		return done();
	}
	before = count_fds();
	check("/bin/sh", "exit 3", 3 << 8, 0, 1);
	check("/bin/sh", "kill -9 $$", SIGKILL, 0, 1);
	check("/bin/sh", "kill -15 $$", SIGTERM, 0, 1);
	check("/bin/sh",
	      "/bin/true; /bin/false; (exec /bin/true); /nonexistent 2>/dev/null; exit 0", 0, 0, 5);
	check("/nonexistent/command", "", 127 << 8, ENOENT, 1);
	check("/etc/passwd", "", 126 << 8, EACCES, 1);
	check("/proc", "", 126 << 8, EACCES, 1);
	is(count_fds(), before, "no descriptor is left");
	errno = 0;
	is(waitpid(-1, NULL, __WALL | WNOHANG), -1, "no process is left");
	is(errno, ECHILD, "at all");
	return done();
}
