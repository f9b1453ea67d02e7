/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skep_spawn(): the supervisor of a traced command. Its system calls are served by a thread of
 * their own (serve.c); here is one loop over poll(2) for all else: the command's end, signals,
 * ticks, the trace pipe's reader. Nothing in it waits but that poll: a trace reader that is slow
 * costs lines, which are counted, never the tree's time.
 */
#include "skep.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervise/client.h"
#include "supervise/command.h"
#include "supervise/observer.h"
#include "supervise/out.h"
#include "supervise/serve.h"

enum {
	MAX_POLLS = 64,
	REAP_MS = 1000, /* how soon what a client only mapped is given back */
	GATHER_MS = 1,
};

enum { FD_CHILD, FD_SIGNALS, FD_TICK, FD_TRACE, FD_OUT, FD_HIVE, FD_OTHERS };

struct supervisor {
	const struct skep_spawn_opts *opts;
	struct skep_spawn_result *result;
	struct hive *hive;
	struct log *log;
	struct server server;
	struct watch watch;
	struct clients *clients;   /* NULL: bpf(2) is Linux's */
	struct observer *observer; /* whose programs watch the command; NULL: none */
	struct tree tree;
	struct out out;
	struct pollfd fds[FD_OTHERS + MAX_POLLS];
	sigset_t mask; /* of the calling thread, to be restored */
	bool ended;
	u64 flushed_ms; /* when lines were written last */
	bool gather;	/* there are lines, to be written a moment later */
};

/* Signals of the terminal reach the command by themselves; the others were meant for the tree. */
static void pass_signals(struct supervisor *sup)
{
	struct signalfd_siginfo info;

	while (read(sup->fds[FD_SIGNALS].fd, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_code <= 0 && !sup->ended) /* sent by a process */
			kill(sup->tree.child, (int)info.ssi_signo);
}

static void run_tick(struct supervisor *sup)
{
	struct pollfd *fd = &sup->fds[FD_TICK];
	u64 times;

	if (read(fd->fd, &times, sizeof(times)) == sizeof(times) &&
	    sup->opts->tick(sup->opts->arg) < 0) {
		close(fd->fd);
		fd->fd = -1;
	}
}

static void reap(struct supervisor *sup)
{
	int err;

	do
		err = waitpid(sup->tree.child, &sup->result->status, __WALL);
	while (err < 0 && errno == EINTR);
	sup->ended = true;
}

static void run_others(struct supervisor *sup)
{
	for (unsigned int i = 0; i < sup->opts->nr_polls; i++) {
		const struct skep_poll *poll = &sup->opts->polls[i];
		struct pollfd *fd = &sup->fds[FD_OTHERS + i];

		if (fd->revents && poll->ready(poll->arg, fd->fd) < 0)
			fd->fd = -1;
	}
}

static u64 now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * 1000 + (u64)now.tv_nsec / 1000000;
}

/* While the reader is slow, it is his readiness that is waited for, not more lines. */
static void flush_trace(struct supervisor *sup)
{
	sup->flushed_ms = now_ms();
	sup->gather = false;
	out_flush(&sup->out);
	sup->fds[FD_OUT].fd = sup->out.blocked ? sup->out.fd : -1;
	sup->fds[FD_TRACE].fd = sup->out.blocked || sup->out.fd < 0 ? -1 : core_trace_fd(sup->hive);
}

/*
 * Lines after a pause are written at once. Where they come one after the other each would wake us, on a
 * CPU that the tree could use: they gather for a moment.
 */
static void trace_ready(struct supervisor *sup)
{
	if (now_ms() - sup->flushed_ms > GATHER_MS || sup->out.blocked) {
		flush_trace(sup);
		return;
	}
	sup->gather = true;
	sup->fds[FD_TRACE].fd = -1;
}

/* How long poll(2) may wait, -1: for ever. */
static int patience(const struct supervisor *sup)
{
	if (sup->gather)
		return GATHER_MS;
	return sup->clients || sup->observer ? REAP_MS : -1;
}

static void dispatch(struct supervisor *sup)
{
	if (sup->fds[FD_HIVE].revents)
		core_reap(sup->hive);
	if (sup->fds[FD_SIGNALS].revents)
		pass_signals(sup);
	if (sup->fds[FD_TICK].revents)
		run_tick(sup);
	if (sup->fds[FD_CHILD].revents)
		reap(sup);
	run_others(sup);
	if (sup->fds[FD_TRACE].revents || sup->fds[FD_OUT].revents)
		trace_ready(sup);
	else if (sup->gather && now_ms() - sup->flushed_ms > GATHER_MS)
		flush_trace(sup);
}

/*
 * The command has ended: what came until now was for it, what comes from now on is for us, who may
 * have to wait for the trace's reader.
 */
static void leave_signals(struct supervisor *sup)
{
	sigset_t mask = sup->mask;

	pass_signals(sup);
	sigaddset(&mask, SIGPIPE);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

static int loop(struct supervisor *sup)
{
	while (!sup->ended) {
		int n = poll(sup->fds, FD_OTHERS + sup->opts->nr_polls, patience(sup));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			dispatch(sup);
		else if (n == 0 && sup->gather)
			flush_trace(sup);
		else if (n == 0)
			core_reap(sup->hive);
	}
	server_stop(&sup->server);
	leave_signals(sup);
	out_finish(&sup->out);
	sup->result->lost = sup->out.lost;
	sup->result->trace_errno = sup->out.err;
	return 0;
}

static int open_tick(unsigned int ms)
{
	struct itimerspec spec = { .it_interval = { ms / 1000, (long)(ms % 1000) * 1000000 } };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	spec.it_value = spec.it_interval;
	if (fd >= 0 && timerfd_settime(fd, 0, &spec, NULL) < 0) {
		close(fd);
		fd = -1;
	}
	return fd < 0 ? -errno : fd;
}

/* The calling thread's mask is saved in sup->mask; SIGPIPE would be our trace reader's going. */
static int open_signals(struct supervisor *sup)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, &sup->mask);
	return fd < 0 ? -errno : fd;
}

static void restore_signals(struct supervisor *sup)
{
	const struct timespec now = { 0 };
	sigset_t pipe;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	while (!sigismember(&sup->mask, SIGPIPE) && sigtimedwait(&pipe, NULL, &now) > 0)
		;
	pthread_sigmask(SIG_SETMASK, &sup->mask, NULL);
}

static int open_fds(struct supervisor *sup)
{
	const struct skep_spawn_opts *opts = sup->opts;

	for (size_t i = 0; i < ARRAY_SIZE(sup->fds); i++)
		sup->fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	sup->fds[FD_OUT].events = POLLOUT;
	if (opts->trace_fd >= 0)
		sup->fds[FD_TRACE].fd = core_trace_fd(sup->hive);
	for (unsigned int i = 0; i < opts->nr_polls; i++)
		sup->fds[FD_OTHERS + i].fd = opts->polls[i].fd;
	sup->fds[FD_SIGNALS].fd = open_signals(sup);
	if (sup->fds[FD_SIGNALS].fd < 0)
		return sup->fds[FD_SIGNALS].fd;
	if (opts->tick_ms && opts->tick)
		sup->fds[FD_TICK].fd = open_tick(opts->tick_ms);
	return opts->tick_ms && opts->tick && sup->fds[FD_TICK].fd < 0 ? sup->fds[FD_TICK].fd : 0;
}

static void close_fds(struct supervisor *sup)
{
	if (sup->fds[FD_SIGNALS].fd >= 0)
		close(sup->fds[FD_SIGNALS].fd);
	if (sup->fds[FD_TICK].fd >= 0)
		close(sup->fds[FD_TICK].fd);
}

static int supervise(struct supervisor *sup, const char *path)
{
	const struct tree_spec spec = { .path = path,
					.argv = sup->opts->argv,
					.envp = sup->opts->envp ? sup->opts->envp : environ,
					.calls = &sup->server.calls,
					.wants = sup->server.traces ? &sup->server.wants : NULL,
					.signal = sup->server.signal,
					.mask = &sup->mask,
					.files = core_files_limit(sup->hive) };
	int err = tree_start(&sup->tree, &spec, sup->log);

	if (err)
		return err;
	sup->fds[FD_CHILD].fd = sup->tree.pidfd;
	if (sup->clients || sup->observer)
		sup->fds[FD_HIVE].fd = core_poll_fd(sup->hive);
	err = server_start(&sup->server, &sup->tree);
	if (!err)
		err = loop(sup);
	server_stop(&sup->server);
	clients_free(sup->clients); /* while the tree's slots are there */
	sup->clients = NULL;
	if (sup->tree.shared->exec_errno)
		fail(sup->log, 0, "%s: %s", path, strerror(sup->tree.shared->exec_errno));
	tree_end(&sup->tree);
	return err;
}

/* What is to be seen of the tree whoever is attached when. */
static int add_watch(struct supervisor *sup)
{
	const char *list = sup->opts->watch ? sup->opts->watch : sup->clients ? "default" : NULL;

	sup->server.watch = list ? &sup->watch : NULL;
	return list ? watch_parse(&sup->watch, list, sup->log) : 0;
}

/* bpf(2) and what belongs to it are skep's for the tree. */
static int add_clients(struct supervisor *sup)
{
	const struct clients_opts opts = { .packets = true, .as_root = sup->opts->as_root };
	int err = sup->opts->client && !sup->opts->observer
			  ? clients_new(&sup->clients, sup->hive, &opts)
			  : 0;

	if (!err && sup->clients)
		sup->server.client = clients_client(sup->clients);
	return err;
}

/* The observer runs until it waits for the command: 0; 1: it has ended, there is nothing to run for. */
static int start_observer(struct supervisor *sup)
{
	const struct clients_opts opts = { .packets = true,
					   .as_root = sup->opts->as_root,
					   .endless = true };
	struct observer_spec spec = { .hive = sup->hive,
				      .log = sup->log,
				      .argv = sup->opts->observer,
				      .envp = sup->opts->envp ? sup->opts->envp : environ,
				      .mask = &sup->mask,
				      .signals = sup->fds[FD_SIGNALS].fd };
	int err = sup->opts->client ? clients_new(&spec.clients, sup->hive, &opts) : 0;

	if (sup->opts->observer_envp)
		spec.envp = sup->opts->observer_envp;
	err = err ? err : observer_start(&sup->observer, &spec, &sup->result->observer_status);
	sup->result->observed = err == 0;
	return err;
}

/* The command, and the observer where there is one. */
static int run_both(struct supervisor *sup, const char *path)
{
	int err = sup->opts->observer ? start_observer(sup) : 0;

	if (!err)
		err = server_open(&sup->server);
	if (!err)
		err = supervise(sup, path);
	if (sup->observer && err >= 0)
		sup->result->observer_status = observer_finish(sup->observer);
	observer_free(sup->observer);
	sup->observer = NULL;
	return min(err, 0);
}

static int run(struct supervisor *sup)
{
	char path[4096];
	int err = command_find(sup->opts->argv[0], path, sizeof(path));

	if (err) {
		sup->result->status = (err == -ENOENT ? 127 : 126) << 8;
		return fail(sup->log, 0, "%s: %s", sup->opts->argv[0], strerror(-err));
	}
	sup->server.hive = sup->hive;
	sup->server.log = sup->log;
	err = add_clients(sup);
	if (!err)
		err = add_watch(sup);
	if (err) {
		clients_free(sup->clients);
		return err;
	}
	out_start(&sup->out, sup->hive, sup->opts->trace_fd);
	err = open_fds(sup);
	if (!err)
		err = run_both(sup, path);
	close_fds(sup);
	restore_signals(sup);
	sup->result->events = sup->server.events;
	server_close(&sup->server);
	clients_free(sup->clients);
	return err;
}

int skep_spawn(struct skep *skep, const struct skep_spawn_opts *opts,
	       struct skep_spawn_result *result)
{
	struct hive *hive = skep_hive(skep);
	struct supervisor *sup;
	int err;

	if (opts->sz < sizeof(*opts) || !opts->argv || !opts->argv[0] || opts->nr_polls > MAX_POLLS)
		return -EINVAL;
	sup = calloc(1, sizeof(*sup));
	if (!sup)
		return -ENOMEM;
	*result = (struct skep_spawn_result){ .sz = sizeof(*result) };
	sup->opts = opts;
	sup->result = result;
	sup->hive = hive;
	sup->log = skep_log(skep);
	err = run(sup);
	free(sup);
	return err;
}

int skep_exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
