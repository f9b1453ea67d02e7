/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When an observer waits, and what it waits for, is read off its main thread's calls: the listener
 * sees every sleep and poll of it with its timeout, and that trace_pipe is opened. For what a
 * listener does not see (a read that blocks, a futex) /proc is looked at every now and then.
 *
 *   start   programs attached, then a wait: ready
 *   finish  what the buffers hold is read; a wait that ends by itself within FINISH_MS is let end,
 *           and what follows it be done, until the next wait; then SIGINT
 *
 * Invariant: nothing here is decided by how fast the observer is, only how soon.
 */
#include "supervise/observer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "supervise/command.h"

enum {
	LOOK_MS = 20,	      /* between two looks at /proc */
	STILL = 4,	      /* looks without a change: the observer waits */
	UNREAD = 100,	      /* looks without a change: what is unread stays so */
	FINISH_MS = 10000,    /* a wait that takes longer is interrupted */
	MACHINE_MS = 2000,    /* for the trace of a whole machine */
	AGAIN_MS = 3000,      /* after SIGINT: once more, */
	TERM_MS = 10000,      /* SIGTERM, */
	KILL_MS = 15000,      /* SIGKILL */
	SET_BPF = 0x40042408, /* PERF_EVENT_IOC_SET_BPF */
};

#define MS(ms) ((u64)(ms)*1000000)

/* The main thread's last wait. */
struct wait {
	u64 number; /* how many there were */
	u64 until;  /* CLOCK_MONOTONIC, ns; UINT64_MAX: for ever */
};

struct observer {
	struct observer_spec spec;
	struct client client; /* looks at a call, then asks clients' own */
	struct server server;
	struct tree tree;
	pthread_mutex_t lock; /* of what follows */
	struct wait wait;
	u32 attached;
	bool ready, ended;
	int ready_fd; /* eventfd: ready */
	int status;
};

/* ---- the observer's calls ---- */

static u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec;
}

static bool peek(u32 tid, u64 addr, void *out, size_t size)
{
	struct iovec to = { out, size }, from = { (void *)(uintptr_t)addr, size };

	return process_vm_readv((pid_t)tid, &to, 1, &from, 1, 0) == (ssize_t)size;
}

/* Nanoseconds from a timespec (unit 1) or timeval (unit 1000); a NULL or bad one: for ever. */
static u64 peek_time(u32 tid, u64 addr, u64 unit)
{
	s64 time[2];

	if (!addr || !peek(tid, addr, time, sizeof(time)) || time[0] < 0 || time[0] > 1ll << 32)
		return UINT64_MAX;
	return (u64)time[0] * 1000000000 + (u64)time[1] * unit;
}

static u64 from_now(u64 ns)
{
	return ns == UINT64_MAX ? ns : now_ns() + ns;
}

static u64 in_ms(u64 ms)
{
	return (s32)ms < 0 ? UINT64_MAX : now_ns() + (u64)(u32)ms * 1000000;
}

/* Until when a call waits; 0: it is no wait. */
static u64 wait_until(u32 tid, const struct seccomp_data *data)
{
	const u64 *args = (const u64 *)data->args;

	switch (data->nr) {
	case SYS_clock_nanosleep:
		return args[1] & TIMER_ABSTIME && args[0] == CLOCK_MONOTONIC
			       ? peek_time(tid, args[2], 1)
			       : from_now(peek_time(tid, args[2], 1));
	case SYS_nanosleep: return from_now(peek_time(tid, args[0], 1));
	case SYS_ppoll: return from_now(peek_time(tid, args[2], 1));
	case SYS_pselect6: return from_now(peek_time(tid, args[4], 1));
	case SYS_epoll_pwait: return in_ms(args[3]);
	case SYS_rt_sigtimedwait: return from_now(peek_time(tid, args[2], 1));
	case SYS_rt_sigsuspend: return UINT64_MAX;
#if defined(__x86_64__)
	case SYS_poll: return in_ms(args[2]);
	case SYS_select: return from_now(peek_time(tid, args[4], 1000));
	case SYS_epoll_wait: return in_ms(args[3]);
	case SYS_pause: return UINT64_MAX;
#endif
	}
	return 0;
}

static const s32 looked_at[] = {
	SYS_clock_nanosleep,
	SYS_nanosleep,
	SYS_ppoll,
	SYS_pselect6,
	SYS_epoll_pwait,
	SYS_rt_sigtimedwait,
	SYS_rt_sigsuspend,
	SYS_bpf,
	SYS_ioctl,
	SYS_openat,
#if defined(__x86_64__)
	SYS_poll,
	SYS_select,
	SYS_epoll_wait,
	SYS_pause,
#endif
};

static bool opens_trace(u32 tid, const struct seccomp_data *data)
{
	static const char end[] = "/trace_pipe";
	char path[128];
	size_t len;

	for (len = sizeof(path); len > 16 && !peek(tid, data->args[1], path, len);)
		len /= 2; /* what follows the path may not be mapped */
	len = strnlen(path, len > 16 ? len : 0);
	return len >= sizeof(end) && !memcmp(path + len - (sizeof(end) - 1), end, sizeof(end) - 1);
}

static bool attaches(const struct seccomp_data *data)
{
	if (data->nr == SYS_ioctl)
		return (u32)data->args[1] == SET_BPF;
	return data->nr == SYS_bpf &&
	       (data->args[0] == BPF_RAW_TRACEPOINT_OPEN || data->args[0] == BPF_LINK_CREATE);
}

/* Caller holds the lock. */
static void set_ready(struct observer *o)
{
	u64 one = 1;

	if (!o->ready && write(o->ready_fd, &one, sizeof(one)) < 0)
		return; /* /proc will tell */
	o->ready = true;
}

/* A sleep until some time that was stopped and continued (Ctrl-Z and fg) is made once more by Linux, not by the program. */
static bool goes_on(const struct wait *wait, u64 until, const struct seccomp_data *data)
{
	return data->nr == SYS_clock_nanosleep && data->args[1] & TIMER_ABSTIME &&
	       data->args[0] == CLOCK_MONOTONIC && wait->until == until;
}

static void look(struct observer *o, u32 tid, const struct seccomp_data *data)
{
	u64 until = wait_until(tid, data);
	bool trace = data->nr == SYS_openat && opens_trace(tid, data);

	pthread_mutex_lock(&o->lock);
	o->attached += attaches(data);
	if (until && tid == (u32)o->tree.child && !goes_on(&o->wait, until, data))
		o->wait = (struct wait){ o->wait.number + 1, until };
	if (o->attached && ((until && tid == (u32)o->tree.child) || trace))
		set_ready(o);
	pthread_mutex_unlock(&o->lock);
}

static enum served on_call(void *arg, struct tree *tree, union tree_slot *slot, struct task *task)
{
	struct observer *o = arg;
	const struct client *client = o->spec.clients ? clients_client(o->spec.clients) : NULL;

	look(o, slot->notif.pid, &slot->notif.data);
	return client ? client->call(client->arg, tree, slot, task) : SERVED_CONTINUE;
}

static void wants(void *arg, struct syscall_set *set)
{
	struct observer *o = arg;
	const struct client *client = o->spec.clients ? clients_client(o->spec.clients) : NULL;

	for (size_t i = 0; i < ARRAY_SIZE(looked_at); i++)
		syscall_set_add(set, (u32)looked_at[i]);
	if (client)
		client->wants(client->arg, set);
}

/* ---- what /proc says ---- */

/* What the main thread used of its life until now, and whether it sleeps in a system call. */
static bool asleep(const struct observer *o, char *life, size_t size)
{
	char path[64], line[1024], state = 0;
	unsigned long user = 0, system = 0, switches = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", o->tree.child, o->tree.child);
	file = fopen(path, "re");
	if (file && fgets(line, sizeof(line), file)) {
		const char *rest = strrchr(line, ')');

		if (rest)
			sscanf(rest + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			       &state, &user, &system);
	}
	if (file)
		fclose(file);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", o->tree.child, o->tree.child);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "voluntary_ctxt_switches: %lu", &switches) == 1)
			break;
	if (file)
		fclose(file);
	snprintf(life, size, "%lu %lu %lu", user, system, switches);
	return state == 'S';
}

/* It may sleep for a child of its own: a compiler. */
static bool has_children(const struct observer *o)
{
	char path[64], one[16];
	FILE *file;
	bool any;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", o->tree.child, o->tree.child);
	file = fopen(path, "re");
	any = file && fgets(one, sizeof(one), file);
	if (file)
		fclose(file);
	return any;
}

/* The call that its main thread sleeps in; false: none, or none that is told. */
static bool sleeps_in(const struct observer *o, u32 *nr)
{
	char path[64];
	FILE *file;
	bool known;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", o->tree.child, o->tree.child);
	file = fopen(path, "re");
	known = file && fscanf(file, "%u", nr) == 1;
	if (file)
		fclose(file);
	return known;
}

/* It may sleep in a call that is not answered yet. */
static bool is_notified(const struct observer *o)
{
	u32 nr;

	return sleeps_in(o, &nr) && nr != SYS_read && syscall_set_has(&o->server.calls.set, nr);
}

static bool is_wait(u32 nr)
{
	for (size_t i = 0; i < ARRAY_SIZE(looked_at); i++)
		if ((u32)looked_at[i] == nr)
			return nr != SYS_bpf && nr != SYS_ioctl && nr != SYS_openat;
	return false;
}

/* Whether it sleeps for our answer: on a busy machine that may take long. */
static bool is_asking(const struct observer *o)
{
	u32 nr;

	return is_notified(o) && sleeps_in(o, &nr) && !is_wait(nr);
}

/* Or for whoever reads what it reports. */
static bool is_writing(const struct observer *o)
{
	u32 nr;

	return sleeps_in(o, &nr) && (nr == SYS_write || nr == SYS_writev);
}

/* Called every LOOK_MS; whether the main thread has slept through STILL looks. */
struct stillness {
	char life[80];
	u32 looks;
};

static bool is_still(const struct observer *o, struct stillness *s)
{
	char life[sizeof(s->life)];
	bool same = asleep(o, life, sizeof(life)) && !strcmp(life, s->life) && !has_children(o);

	s->looks = same ? s->looks + 1 : 0;
	strcpy(s->life, life);
	return s->looks >= STILL;
}

/* ---- its life ---- */

static void reap(struct observer *o)
{
	while (waitpid(o->tree.child, &o->status, __WALL) < 0 && errno == EINTR)
		;
	o->ended = true;
}

/* Waits at most ms for its end, for fd (-1: none). */
static bool wait_for(struct observer *o, int fd, int ms)
{
	struct pollfd fds[3] = { { .fd = o->tree.pidfd, .events = POLLIN },
				 { .fd = fd, .events = POLLIN },
				 { .fd = o->spec.signals, .events = POLLIN } };
	struct signalfd_siginfo info;
	int n = o->ended ? 0 : poll(fds, 3, ms);

	if (n > 0 && fds[2].revents && read(o->spec.signals, &info, sizeof(info)) == sizeof(info) &&
	    info.ssi_code <= 0)
		kill(o->tree.child,
		     (int)info
			     .ssi_signo); /* sent by a process; the terminal's reach it by themselves */
	if (n > 0 && fds[0].revents)
		reap(o);
	return n > 0 && fds[1].revents;
}

static bool is_attached(struct observer *o)
{
	bool attached;

	pthread_mutex_lock(&o->lock);
	attached = o->attached != 0;
	pthread_mutex_unlock(&o->lock);
	return attached;
}

/* An XDP program is attached by netlink, which nobody looks at: a long sleep stands for it. */
static void await_ready(struct observer *o)
{
	struct stillness still = { .looks = 0 };
	u32 longer = 0;

	while (!o->ended && !wait_for(o, o->ready_fd, LOOK_MS)) {
		if (!is_still(o, &still) || is_notified(o))
			longer = 0;
		else if (is_attached(o) || ++longer > 10)
			return;
	}
}

static int launch(struct observer *o)
{
	struct tree_spec spec = { .argv = o->spec.argv,
				  .envp = o->spec.envp,
				  .calls = &o->server.calls,
				  .mask = o->spec.mask,
				  .death_signal = SIGINT, /* without us it has nothing to observe */
				  .files = core_files_limit(o->spec.hive) };
	char path[4096];
	int err = command_find(o->spec.argv[0], path, sizeof(path));

	if (err)
		return fail(o->spec.log, err, "%s: %s", o->spec.argv[0], strerror(-err));
	spec.path = path;
	o->server.hive = o->spec.hive;
	o->server.log = o->spec.log;
	o->server.client = &o->client;
	o->server.client_only = true;
	err = server_open(&o->server);
	if (!err)
		err = tree_start(&o->tree, &spec, o->spec.log);
	return err ? err : server_start(&o->server, &o->tree);
}

int observer_start(struct observer **out, const struct observer_spec *spec, int *status)
{
	struct observer *o = calloc(1, sizeof(*o));
	int err;

	if (!o)
		return -ENOMEM;
	o->spec = *spec;
	o->client = (struct client){ .arg = o, .wants = wants, .call = on_call };
	o->tree = (struct tree){ .listener = -1, .channel = -1, .trace = -1, .pidfd = -1 };
	pthread_mutex_init(&o->lock, NULL);
	o->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = o->ready_fd < 0 ? -errno : launch(o);
	if (err) {
		observer_free(o);
		return err;
	}
	*out = o;
	await_ready(o);
	*status = o->status;
	return o->ended;
}

static struct wait last_wait(struct observer *o)
{
	struct wait wait;

	pthread_mutex_lock(&o->lock);
	wait = o->wait;
	pthread_mutex_unlock(&o->lock);
	return wait;
}

static bool sleeps(const struct observer *o)
{
	char life[80];

	return asleep(o, life, sizeof(life));
}

static bool unread(const struct observer *o)
{
	return o->spec.clients && clients_unread(o->spec.clients);
}

/* Whether it is in a wait that ends by itself soon. */
static bool ends_soon(const struct wait *wait, u64 now)
{
	return wait->until > now && wait->until < now + MS(FINISH_MS);
}

/* Whether a wait that had an end has come to it: what it does since may take a while in calls that nobody answers yet. */
static bool is_over(const struct wait *wait, u64 now)
{
	return wait->number && wait->until <= now;
}

/*
 * Lets it see what the command did. Where it waits now and again: until a wait that began after one that the command's
 * end fell into or came before, so that what was to be looked at in between has been. Where it waits for what may never
 * come: until it does so. In both cases nothing is left to read, so the signal does not meet it at work on a record; what
 * it does not read for long it will not read. Linux does not tell what is read, and the whole machine's events may never end:
 * one wait more, which begins when all is read; who does not wait at all, but reads the trace, has two seconds.
 */
static void let_finish(struct observer *o)
{
	u64 start = now_ns(), rounds;
	struct wait first = last_wait(o);
	struct stillness still = { .looks = 0 };

	rounds = (ends_soon(&first, start) ? 1 : 2) + !o->spec.clients;
	while (!o->ended && now_ns() < start + MS(2 * FINISH_MS)) {
		struct wait wait = last_wait(o);
		u64 now = now_ns(), done = wait.number - first.number;
		bool given_up = now > start + MS(UNREAD * LOOK_MS), soon = ends_soon(&wait, now);

		if (soon && done >= rounds && (!unread(o) || (given_up && done > 3)) && sleeps(o))
			return;
		if (is_still(o, &still) && !soon && !is_asking(o) && (!unread(o) || given_up) &&
		    (still.looks >= UNREAD || !is_over(&wait, now)))
			return;
		if (!o->spec.clients && wait.until == UINT64_MAX && done >= rounds && sleeps(o))
			return;
		if (!o->spec.clients && !done && !ends_soon(&first, start) &&
		    now > start + MS(MACHINE_MS))
			return;
		wait_for(o, -1, soon ? LOOK_MS / 4 : LOOK_MS);
	}
}

/*
 * Ends it. Time counts while it waits as if nothing had been asked of it; one that is at its report, or waits for that to
 * be read, is given as much as it takes, or ten times as long where it only seems to be.
 */
static void interrupt(struct observer *o)
{
	static const struct {
		u64 after_ms;
		int signal;
	} steps[] = {
		{ 0, SIGINT },
		{ AGAIN_MS, SIGINT },
		{ TERM_MS, SIGTERM },
		{ KILL_MS, SIGKILL },
	};
	u64 waits = last_wait(o).number, idle_ms = 0, busy_ms = 0, last = now_ns();
	struct stillness still = { .looks = 0 };
	size_t step = 0;

	while (!o->ended) {
		bool waits_on = is_still(o, &still) || last_wait(o).number != waits;
		u64 now = now_ns(), ms = min((now - last) / 1000000, (u64)LOOK_MS * 4);

		last = now;
		if (waits_on && !is_writing(o))
			idle_ms += ms;
		else if (!is_writing(o))
			busy_ms += ms;
		if (step < ARRAY_SIZE(steps) && idle_ms + busy_ms / 10 >= steps[step].after_ms)
			kill(o->tree.child, steps[step++].signal);
		wait_for(o, -1, LOOK_MS);
	}
}

int observer_finish(struct observer *o)
{
	wait_for(o, -1, 0);
	if (!o->ended)
		let_finish(o);
	if (!o->ended)
		interrupt(o);
	return o->status;
}

void observer_free(struct observer *o)
{
	if (!o)
		return;
	if (o->tree.child && !o->ended)
		interrupt(o);
	server_stop(&o->server);
	clients_free(o->spec.clients); /* while the tree's slots are there */
	tree_end(&o->tree);
	server_close(&o->server);
	if (o->ready_fd >= 0)
		close(o->ready_fd);
	pthread_mutex_destroy(&o->lock);
	free(o);
}
