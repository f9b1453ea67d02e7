/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A supervisor that is killed harms nobody: at every point of its life, a call in flight
 * included, the command ends with its right output and status, and its keeper with it.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervise/tree.h"
#include "tap.h"

static char *const command[] = { "sh", "-c",
				 "for i in 1 2 3; do /bin/echo $i; done; (exit 7); echo done $?",
				 NULL };
static const char want[] = "1\n2\n3\ndone 7\n";

enum moment { AFTER_RECEIVE, AFTER_ANSWER, AT_START, AT_ONCE, NEVER };

/*
 * Supervises, and kills itself at the given moment of the count-th call. Returns only if it never
 * came.
 */
static void supervise(enum moment moment, int count)
{
	struct tree tree;
	sigset_t mask;
	struct tree_calls calls;
	struct tree_spec spec = {
		.path = "/bin/sh", .argv = command, .envp = environ, .calls = &calls, .mask = &mask
	};

	memset(&calls, 0xff, sizeof(calls));
	memset(&calls.traced, 0, sizeof(calls.traced));
	sigemptyset(&mask);
	if (tree_start(&tree, &spec, NULL))
		_exit(125);
	if (moment == AT_START)
		raise(SIGKILL);
	for (int i = 0;; i++) {
		struct pollfd fds[] = { { tree.listener, POLLIN, 0 }, { tree.pidfd, POLLIN, 0 } };
		union tree_slot *slot = &tree.shared->slots[0];

		poll(fds, 2, -1);
		if (fds[1].revents)
			break;
		if (tree_receive(&tree, slot))
			continue;
		if (moment == AFTER_RECEIVE && i == count)
			raise(SIGKILL);
		tree_continue(&tree, slot);
		if (moment == AFTER_ANSWER && i == count)
			raise(SIGKILL);
	}
	waitpid(tree.child, NULL, __WALL);
	tree_end(&tree);
	_exit(0);
}

/*
 * What comes out of the pipe until nobody holds it any more; false if nothing comes for two
 * minutes.
 */
static bool collect(int fd, char *buf, size_t size)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t n;

	while (poll(&ready, 1, 120000) == 1) {
		n = read(fd, buf + len, size - 1 - len);
		if (n <= 0)
			return true;
		len += (size_t)n;
		buf[len] = '\0';
	}
	return false;
}

/*
 * Runs the tree under a supervisor that dies so; true if all went well, *died says whether it
 * did.
 */
static bool survives(enum moment moment, int count, long delay_us, bool *died)
{
	char text[256] = "";
	int pipes[2], status;
	bool closed;
	pid_t pid;

	if (pipe(pipes))
		return false;
	pid = fork();
	if (!pid) {
		dup2(pipes[1], 1);
		close(pipes[0]);
		close(pipes[1]);
		supervise(moment, count);
	}
	close(pipes[1]);
	if (moment == AT_ONCE) {
		usleep((useconds_t)delay_us);
		kill(pid, SIGKILL);
	}
	closed = collect(pipes[0], text, sizeof(text));
	close(pipes[0]);
	waitpid(pid, &status, 0);
	*died = WIFSIGNALED(status);
	/* killed before it began, the command may not have started at all */
	return closed && (!strcmp(text, want) || (moment == AT_ONCE && !*text));
}

static void check_moment(enum moment moment, const char *what)
{
	int bad = 0, calls = 0;
	bool died = true;

	for (; died; calls += 1 + calls / 12)
		if (!survives(moment, calls, 0, &died))
			bad++, printf("# call %d\n", calls);
	is(bad, 0, "killed right %s, up to call %d", what, calls);
}

int main(void)
{
	bool died;
	int bad = 0;

	if (!survives(NEVER, 0, 0, &died)) {
		skip("no seccomp listener can be had here");
		return done();
	}
	ok(!died, "left alive");
	ok(survives(AT_START, 0, 0, &died) && died, "killed before it looks at any call");
	check_moment(AFTER_RECEIVE, "after receiving a call");
	check_moment(AFTER_ANSWER, "after answering a call");
	for (long us = 0; us < 4000; us += 40)
		if (!survives(AT_ONCE, 0, us, &died))
			bad++, printf("# at %ld us\n", us);
	is(bad, 0, "killed at any time from the start on");
	return done();
}
