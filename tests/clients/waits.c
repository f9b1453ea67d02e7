/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * waits OBJECT HOW: waits for the fds of a ring buffer and of perf buffers by one of poll, ppoll, select, pselect, epoll
 * and says what it saw: nothing before there is a record, the record, also when it comes while the wait is on, still after
 * a look that took nothing, nothing after it was taken, signals and time-outs, and other fds in the same wait.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_FDS = 256 };

static const char *how;
static int fds[MAX_FDS], count, epoll, added;
static int taken;

static int ready_poll(int timeout)
{
	struct timespec time = { timeout / 1000, timeout % 1000 * 1000000 };
	struct pollfd polled[MAX_FDS];
	int n, ready = 0;

	for (int i = 0; i < count; i++)
		polled[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	n = !strcmp(how, "ppoll") ? ppoll(polled, (nfds_t)count, timeout < 0 ? NULL : &time, NULL)
				  : poll(polled, (nfds_t)count, timeout);
	for (int i = 0; i < count && n > 0; i++)
		ready += polled[i].revents == POLLIN && polled[i].fd == fds[i];
	return n < 0 ? -errno : n != ready ? -1000 : n;
}

static int ready_select(int timeout)
{
	struct timespec time = { timeout / 1000, timeout % 1000 * 1000000 };
	struct timeval val = { time.tv_sec, time.tv_nsec / 1000 };
	int n, ready = 0, most = 0;
	fd_set set;

	FD_ZERO(&set);
	for (int i = 0; i < count; i++) {
		FD_SET(fds[i], &set);
		most = fds[i] > most ? fds[i] : most;
	}
	n = !strcmp(how, "select")
		    ? select(most + 1, &set, NULL, NULL, timeout < 0 ? NULL : &val)
		    : pselect(most + 1, &set, NULL, NULL, timeout < 0 ? NULL : &time, NULL);
	for (int i = 0; i < count && n > 0; i++)
		ready += FD_ISSET(fds[i], &set) != 0;
	return n < 0 ? -errno : n != ready ? -1000 : n;
}

static int ready_epoll(int timeout)
{
	struct epoll_event events[MAX_FDS];
	int n;

	for (int i = added; i < count; i++) {
		events[0] = (struct epoll_event){ .events = EPOLLIN, .data.fd = fds[i] };
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &events[0]))
			return -errno;
	}
	added = count;
	n = epoll_wait(epoll, events, MAX_FDS, timeout);
	return n < 0 ? -errno : n;
}

static volatile int alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

/* What was interrupted by no signal of ours was stopped and continued, or frozen: epoll_wait is not made again then. */
static int ready(int timeout)
{
	int before = alarms, got;

	do
		if (strstr(how, "poll") && *how != 'e')
			got = ready_poll(timeout);
		else
			got = strstr(how, "select") ? ready_select(timeout) : ready_epoll(timeout);
	while (got == -EINTR && alarms == before);
	return got;
}

/* What a wait says: how many are ready, or why it ended. */
static void say(const char *what, int got)
{
	printf("%s: %s\n", what, got < 0 ? strerror(-got) : got ? "ready" : "nothing");
}

static int ring_record(void *arg, void *data, size_t size)
{
	(void)arg, (void)size;
	taken += *(long *)data == 42;
	return 0;
}

static void perf_record(void *arg, int cpu, void *data, unsigned int size)
{
	(void)arg, (void)cpu, (void)size;
	taken += *(long *)data == 42;
}

static void tell(int prog)
{
	char packet[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet));

	if (bpf_prog_test_run_opts(prog, &opts))
		_exit(20);
}

/* A record, or a signal, while we wait. */
static int meanwhile(int prog, int sig)
{
	pid_t parent = getpid(), child = fork();
	int got;

	if (!child) {
		usleep(30000);
		if (!sig)
			tell(prog);
		/* again and again: the wait may begin late */
		for (int i = 0; sig && i < 1000 && getppid() == parent; i++, usleep(20000))
			kill(parent, sig);
		_exit(0);
	}
	got = ready(-1);
	kill(child, SIGTERM);
	if (!sig)
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
	else
		waitpid(child, NULL, 0);
	return got;
}

static void take(struct ring_buffer *ring, struct perf_buffer *perf)
{
	taken = 0;
	if (ring)
		ring_buffer__consume(ring);
	else
		perf_buffer__consume(perf);
	printf("taken %d\n", taken);
}

static void walk(int prog, struct ring_buffer *ring, struct perf_buffer *perf)
{
	int ends[2];

	say("before", ready(0));
	say("with a time-out", ready(20));
	tell(prog);
	say("a record", ready(-1));
	if (ring && *how != 'e') /* perf's own wait says it once */
		say("looked at again", ready(-1));
	take(ring, perf);
	say("after", ready(0));
	say("a record meanwhile", meanwhile(prog, 0));
	take(ring, perf);
	say("after", ready(0));
	say("a signal meanwhile", meanwhile(prog, SIGALRM));
	if (pipe(ends) || write(ends[1], "x", 1) != 1)
		_exit(21);
	fds[count++] = ends[0];
	say("something else", ready(-1));
	added = --count;
	close(ends[0]);
	close(ends[1]);
}

int main(int argc, char **argv)
{
	struct bpf_object *object = argc > 2 ? bpf_object__open_file(argv[1], NULL) : NULL;
	struct sigaction act = { .sa_handler = on_alarm };
	struct ring_buffer *ring;
	struct perf_buffer *perf;
	int prog, map;
	void *mem;

	if (!object || bpf_object__load(object))
		return 1;
	how = argv[2];
	setvbuf(stdout, NULL, _IONBF, 0);
	sigaction(SIGALRM, &act, NULL);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	prog = bpf_program__fd(bpf_object__find_program_by_name(object, "tell"));
	map = bpf_object__find_map_fd_by_name(object, "ring");
	ring = ring_buffer__new(map, ring_record, NULL, NULL);
	perf = perf_buffer__new(bpf_object__find_map_fd_by_name(object, "perf"), 4, perf_record,
				NULL, NULL, NULL);
	if (!ring || !perf)
		return 2;
	fds[count++] = map;
	printf("ring\n");
	walk(prog, ring, NULL);
	perf_buffer__consume(perf);
	printf("perf\n");
	count = added = 0;
	for (size_t i = 0; i < perf_buffer__buffer_cnt(perf) && i < MAX_FDS - 1; i++)
		fds[count++] = perf_buffer__buffer_fd(perf, i);
	close(epoll);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	ready(0); /* what was told of before */
	walk(prog, NULL, perf);
	mem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	printf("mapped again: %s, %d; close-on-exec: %d\n", mem == MAP_FAILED ? "no" : "yes",
	       mem != MAP_FAILED && *(unsigned long *)mem > 0,
	       (fcntl(map, F_GETFD) & FD_CLOEXEC) != 0);
	return 0;
}
