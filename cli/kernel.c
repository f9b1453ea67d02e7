// SPDX-License-Identifier: BSD-2-Clause
/*
 * skep run --kernel, once the program is attached: the command runs as it is, and the kernel's trace
 * pipe, which is the whole machine's, is copied until the command ends or a signal comes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "skep.h"

extern char **environ;

enum { ENDS, TRACE, TICK, RECORDS, ENDS_TOO, FDS };

int trace_start(void)
{
	static const char *const paths[] = { "/sys/kernel/tracing/trace_pipe",
					     "/sys/kernel/debug/tracing/trace_pipe" };
	char old[4096];
	int fd = -1;

	for (size_t i = 0; i < 2 && fd < 0; i++)
		fd = open(paths[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && !geteuid()) {
		complain(0,
			 "tracefs is not mounted (mount -t tracefs tracefs /sys/kernel/tracing): "
			 "what the program prints cannot be shown");
		return -1;
	}
	if (fd < 0) {
		complain(0, "%s: %s: what the program prints cannot be shown", paths[0],
			 strerror(errno));
		return -1;
	}
	while (read(fd, old, sizeof(old)) > 0)
		;
	return fd;
}

static void copy_trace(int fd)
{
	char text[4096];
	ssize_t n;

	while (fd >= 0 && (n = read(fd, text, sizeof(text))) > 0)
		fwrite(text, 1, (size_t)n, stdout);
	fflush(stdout);
}

static int start_timer(unsigned int ms)
{
	struct itimerspec every = { .it_interval = { ms / 1000, ms % 1000 * 1000000L } };
	int fd = ms ? timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK) : -1;

	every.it_value = every.it_interval;
	if (fd >= 0)
		timerfd_settime(fd, 0, &every, NULL);
	return fd;
}

static void loop(struct pollfd fds[FDS], const struct kernel_run *run)
{
	unsigned long long ticks;

	while (!fds[ENDS].revents && !fds[ENDS_TOO].revents) {
		if (poll(fds, FDS, -1) < 0 && errno != EINTR)
			return;
		if (fds[TRACE].revents)
			copy_trace(run->trace);
		if (fds[RECORDS].revents)
			run->ready(run->arg, fds[RECORDS].fd);
		if (fds[TICK].revents && read(fds[TICK].fd, &ticks, sizeof(ticks)) > 0 &&
		    run->tick(run->arg) < 0)
			fds[TICK].fd = -1;
	}
	copy_trace(run->trace);
}

/* The signals that end us without a command; with one they are the command's. */
static sigset_t ending(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	return set;
}

static int spawn(char *const *argv, const sigset_t *mask, pid_t *pid)
{
	posix_spawnattr_t attr;
	int err = posix_spawnattr_init(&attr);

	if (err)
		return err;
	posix_spawnattr_setsigmask(&attr, mask);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	err = posix_spawnp(pid, argv[0], NULL, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	return err;
}

static int run_command(const struct kernel_run *run, struct pollfd fds[FDS], const sigset_t *mask)
{
	int status = 0, err;
	pid_t pid;

	fflush(stdout);
	err = spawn(run->argv, mask, &pid);
	if (err)
		return complain(err == ENOENT ? 127 : 126, "%s: %s", run->argv[0], strerror(err));
	fds[ENDS].fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fds[ENDS].fd >= 0)
		loop(fds, run);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	copy_trace(run->trace);
	return skep_exit_code(status);
}

int kernel_run(const struct kernel_run *run)
{
	struct pollfd fds[FDS] = { { .fd = -1, .events = POLLIN },
				   { .fd = run->trace, .events = POLLIN },
				   { .fd = start_timer(run->tick_ms), .events = POLLIN },
				   { .fd = run->records, .events = POLLIN },
				   { .fd = run->argv || !run->ends ? -1 : run->ends,
				     .events = POLLIN } };
	sigset_t set = ending(), before;
	int status = 0;

	sigprocmask(SIG_BLOCK, &set, &before);
	if (run->argv) {
		status = run_command(run, fds, &before);
	} else {
		complain(0, "running until Ctrl-C");
		fds[ENDS].fd = signalfd(-1, &set, SFD_CLOEXEC);
		if (fds[ENDS].fd >= 0)
			loop(fds, run);
	}
	for (int i = 0; i < RECORDS; i++)
		if (fds[i].fd >= 0)
			close(fds[i].fd);
	return status;
}
