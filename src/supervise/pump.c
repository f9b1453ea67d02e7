/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace_pipe for clients. Each open gets a pipe of its own; a thread moves lines from the hive's
 * trace pipe to the first reader that is still there, for a line is read once, as on Linux. A
 * reader that is slow leaves lines where they are, bounded and counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "supervise/answers.h"
#include "supervise/out.h"

enum { READERS = 16 };

struct trace_pump {
	struct hive *hive;
	pthread_t thread;
	int wake; /* a new reader, or the end */
	pthread_mutex_t lock;
	int readers[READERS]; /* write ends, in the order they came */
	u32 count;
	bool stop;
	struct out out; /* to readers[0] */
};

/* The reader at the front is gone: the next one's turn. Caller holds the lock. */
static void drop_first(struct trace_pump *pump)
{
	close(pump->readers[0]);
	for (u32 i = 1; i < pump->count; i++)
		pump->readers[i - 1] = pump->readers[i];
	pump->count--;
	pump->out.fd = pump->count ? pump->readers[0] : -1;
}

/* What to wait for; false: it is time to go. */
static bool plan(struct trace_pump *pump, struct pollfd fds[3])
{
	bool go;

	pthread_mutex_lock(&pump->lock);
	if (pump->count && pump->out.fd < 0)
		pump->out.fd = pump->readers[0];
	fds[0] = (struct pollfd){ .fd = pump->wake, .events = POLLIN };
	fds[1] =
		(struct pollfd){ .fd = pump->count && !pump->out.blocked ? core_trace_fd(pump->hive)
									 : -1,
				 .events = POLLIN };
	fds[2] = (struct pollfd){ .fd = pump->count ? pump->readers[0] : -1,
				  .events = pump->out.blocked ? POLLOUT : 0 };
	go = !pump->stop;
	pthread_mutex_unlock(&pump->lock);
	return go;
}

static void *run(void *arg)
{
	struct trace_pump *pump = arg;
	struct pollfd fds[3];
	eventfd_t news;

	while (plan(pump, fds)) {
		if (poll(fds, 3, -1) < 0)
			continue;
		if (fds[0].revents)
			eventfd_read(pump->wake, &news);
		pthread_mutex_lock(&pump->lock);
		if (fds[2].revents & (POLLERR | POLLHUP | POLLNVAL))
			drop_first(pump);
		else if (fds[1].revents || fds[2].revents)
			out_flush(&pump->out);
		pthread_mutex_unlock(&pump->lock);
	}
	return NULL;
}

static int start(struct clients *clients)
{
	struct trace_pump *pump = calloc(1, sizeof(*pump));
	sigset_t all, old;
	int err;

	if (!pump)
		return -ENOMEM;
	pump->hive = clients->hive;
	pump->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&pump->lock, NULL);
	out_start(&pump->out, clients->hive, -1);
	sigfillset(&all); /* signals are the application's; SIGPIPE stays pending here */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pump->wake < 0 ? -EMFILE : -pthread_create(&pump->thread, NULL, run, pump);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		if (pump->wake >= 0)
			close(pump->wake);
		free(pump);
		return err;
	}
	clients->pump = pump;
	return 0;
}

/* A read end that could write as well: whoever holds it never reads an end, as on Linux. */
static int open_endless(int end)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", end);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int make_pipe(bool endless, int ends[2])
{
	int fd;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	fd = endless ? open_endless(ends[0]) : ends[0];
	if (endless)
		close(ends[0]);
	if (fd < 0)
		close(ends[1]);
	ends[0] = fd;
	return fd < 0 ? fd : 0;
}

int trace_pump_open(struct clients *clients)
{
	struct trace_pump *pump;
	int ends[2], err = clients->pump ? 0 : start(clients);

	if (!err)
		err = make_pipe(clients->opts.endless, ends);
	if (err)
		return err;
	pump = clients->pump;
	pthread_mutex_lock(&pump->lock);
	err = pump->count == READERS ? -EBUSY : 0;
	if (!err)
		pump->readers[pump->count++] = ends[1];
	pthread_mutex_unlock(&pump->lock);
	if (err) {
		close(ends[0]);
		close(ends[1]);
		return err;
	}
	eventfd_write(pump->wake, 1);
	return ends[0];
}

bool trace_pump_unread(struct trace_pump *pump)
{
	struct pollfd lines = { .fd = core_trace_fd(pump->hive), .events = POLLIN };
	int held = 0;
	bool unread;

	pthread_mutex_lock(&pump->lock);
	unread = pump->count && (pump->out.done < pump->out.len || poll(&lines, 1, 0) > 0 ||
				 (!ioctl(pump->readers[0], FIONREAD, &held) && held > 0));
	pthread_mutex_unlock(&pump->lock);
	return unread;
}

void trace_pump_free(struct trace_pump *pump)
{
	if (!pump)
		return;
	pthread_mutex_lock(&pump->lock);
	pump->stop = true;
	pthread_mutex_unlock(&pump->lock);
	eventfd_write(pump->wake, 1);
	pthread_join(pump->thread, NULL);
	while (pump->count)
		drop_first(pump);
	close(pump->wake);
	pthread_mutex_destroy(&pump->lock);
	free(pump);
}
