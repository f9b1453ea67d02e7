/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread that does nothing but receive, look, and let continue: two system calls an event, and
 * no other fd to wait for. It is woken at the end by a signal, since only that interrupts a wait for
 * notifications. The programs that are attached to the call run, then it is
 * offered to the client, then it continues if nobody answered it. While a call is looked at its id
 * lies in a slot that the keeper shares, so it is answered whatever becomes of us.
 */
#include "supervise/serve.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>

#include "event/task.h"
#include "supervise/command.h"

/* Calls after which what we know of a thread's credentials no longer holds. */
static bool changes_creds(s32 nr)
{
	static const s32 calls[] = { SYS_execve,   SYS_execveat, SYS_setuid,	SYS_setgid,
				     SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid,
				     SYS_setfsuid, SYS_setfsgid };

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i] == nr)
			return true;
	return false;
}

/* What must be seen whatever is attached. */
static void add_own_calls(struct syscall_set *set)
{
	for (s32 nr = 0; nr < SYSCALL_MAX; nr++)
		if (changes_creds(nr))
			syscall_set_add(set, (u32)nr);
}

/* A program is attached while the command runs. */
static int attached(void *arg, const struct event_row *row, const struct attach_target *target)
{
	struct server *server = arg;
	const struct syscall_set seen = filter_whole(&server->calls);
	struct syscall_wants wanted = { 0 };

	syscall_row_wanted(row, &wanted);
	for (size_t i = 0; i < ARRAY_SIZE(wanted.enter.bits); i++)
		if (wanted.enter.bits[i] & ~seen.bits[i] ||
		    wanted.leave.bits[i] & ~server->calls.traced.bits[i])
			return fail(server->log, 0,
				    "%s: attached, but the command runs already and its system "
				    "calls were chosen at its start: this program will see %s",
				    target->name,
				    server->watch ? "those that were watched then; skep exec --watch "
						    "tells which"
						  : "none of it");
	return 0;
}

static void add(struct syscall_set *to, const struct syscall_set *set)
{
	for (size_t i = 0; i < ARRAY_SIZE(to->bits); i++)
		to->bits[i] |= set->bits[i];
}

/*
 * A call of which the exit is wanted goes to the tracer, entry and all; but a client's call is answered
 * where it is notified of.
 */
static void choose_calls(struct server *server)
{
	struct syscall_set clients = { 0 }, own = { 0 };
	struct tree_calls *calls = &server->calls;
	struct syscall_wants wants = { 0 };
	u32 lives = 0;

	if (!server->client_only) {
		syscall_wanted(server->syscalls, &wants);
		life_wanted(server->lives, &lives);
		add_own_calls(&own);
	}
	if (server->watch) {
		add(&wants.enter, &server->watch->calls.enter);
		add(&wants.leave, &server->watch->calls.leave);
		lives |= server->watch->lives;
	}
	if (server->client)
		server->client->wants(server->client->arg, &clients);
	add(&calls->watched, &wants.enter);
	add(&calls->watched, &wants.leave);
	add(&calls->watched, &own);
	calls->set = calls->watched;
	add(&calls->set, &clients);
	for (size_t i = 0; i < ARRAY_SIZE(own.bits); i++) {
		u64 traced = wants.leave.bits[i] & ~clients.bits[i];

		calls->traced.bits[i] = traced;
		server->wants.leave.bits[i] = traced;
		server->wants.enter.bits[i] = traced & (wants.enter.bits[i] | own.bits[i]);
		server->traces |= traced != 0;
	}
	server->wants.life = (lives & 1u << LIFE_FORK ? 1u << TRACE_FORK : 0) |
			     (lives & 1u << LIFE_EXEC ? 1u << TRACE_EXEC : 0) |
			     (lives & 1u << LIFE_EXIT ? 1u << TRACE_EXIT : 0);
	server->traces |= lives != 0;
}

/* Every execve, on the thread that serves. */
static bool sees_execve(const struct server *server)
{
	const struct tree_calls *calls = &server->calls;

	return syscall_set_has(&calls->watched, SYS_execve) &&
	       syscall_set_has(&calls->watched, SYS_execveat) &&
	       !syscall_set_has(&calls->traced, SYS_execve) &&
	       !syscall_set_has(&calls->traced, SYS_execveat);
}

int server_open(struct server *server)
{
	int err;

	server->syscalls = event_list(server->hive, &syscall_kind);
	server->lives = event_list(server->hive, &process_kind);
	if (!server->syscalls || !server->lives)
		return -EINVAL;
	choose_calls(server);
	err = task_cache_new(&server->tasks);
	if (!err && sees_execve(server))
		task_keep_memory(server->tasks);
	return err;
}

void server_close(struct server *server)
{
	task_cache_free(server->tasks);
	server->tasks = NULL;
}

/* Once a run: a set-user-ID program will not get its rights. */
static void note_setuid(struct server *server, struct task *task, u64 file)
{
	char path[256];

	if (!server->tree->no_new_privs || __atomic_load_n(&server->noted_setuid, __ATOMIC_RELAXED))
		return;
	if (command_setuid(task, file, path, sizeof(path)) &&
	    !__atomic_exchange_n(&server->noted_setuid, true, __ATOMIC_RELAXED)) {
		fail(server->log, 0,
		     "note: %s is a set-user-ID program; under skep it runs without its "
		     "owner's rights (no_new_privs). Run skep as root to trace it with them",
		     path);
	}
}

/* What we must know of a call ourselves. */
static void entered(void *arg, struct task *task, s32 nr, const u64 *args)
{
	if (nr == SYS_execve)
		note_setuid(arg, task, args[0]);
	if (changes_creds(nr))
		task_forget_creds(task);
}

/* The programs that watch the call. */
static void watch_call(struct server *server, struct task *task, const struct seccomp_data *call)
{
	const struct syscall_event event = { .nr = call->nr,
					     .ip = call->instruction_pointer,
					     .args = (const u64 *)call->args };
	int cpu = sched_getcpu();

	task->known = TASK_IP;
	task->ip = call->instruction_pointer;
	syscall_enter(server->syscalls, cpu < 0 ? 0 : (u32)cpu, task, &event);
	server->events++;
	entered(server, task, call->nr, event.args);
	if (call->nr == SYS_execve || call->nr == SYS_execveat)
		task_forget_memory(server->tasks, task->tgid);
}

/* Whether the call is more than the client's. */
static bool is_watched(const struct server *server, s32 nr)
{
	return !server->client_only &&
	       (__atomic_load_n(&server->syscalls->count, __ATOMIC_RELAXED) ||
		(nr >= 0 && syscall_set_has(&server->calls.watched, (u32)nr)));
}

static void serve(struct server *server, union tree_slot *slot)
{
	const struct client *client = server->client;
	struct task *task = NULL;

	if (is_watched(server, slot->notif.data.nr)) {
		task = task_get(server->tasks, slot->notif.pid);
		watch_call(server, task, &slot->notif.data);
	}
	if (!client || client->call(client->arg, server->tree, slot, task) == SERVED_CONTINUE)
		tree_continue(server->tree, slot);
}

/* A slot for the next call; where other threads still hold all of them, one that they free. */
static union tree_slot *free_slot(struct server *server)
{
	const struct timespec moment = { .tv_nsec = 100000 };
	union tree_slot *slot;

	while (!(slot = tree_free_slot(server->tree)))
		nanosleep(&moment, NULL);
	return slot;
}

/* What is said of the listener now. */
static short state(const struct server *server)
{
	struct pollfd fd = { .fd = server->tree->listener, .events = POLLIN };

	return poll(&fd, 1, 0) == 1 ? fd.revents : 0;
}

static void *serve_all(void *arg)
{
	struct server *server = arg;

	while (!__atomic_load_n(&server->stop, __ATOMIC_ACQUIRE)) {
		union tree_slot *slot = free_slot(server);

		if (tree_receive(server->tree, slot) == 0)
			serve(server, slot);
		else if (state(server) & (POLLHUP | POLLERR))
			break; /* nobody of the tree is left */
	}
	return NULL;
}

static void wake(int signal)
{
	(void)signal;
}

/* A real-time signal that nobody uses, for as long as the thread runs: -ENOSPC. */
static int take_signal(void)
{
	struct sigaction old, act = { .sa_handler = wake };

	for (int sig = SIGRTMAX; sig >= SIGRTMIN; sig--)
		if (sigaction(sig, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
			return sigaction(sig, &act, NULL) ? -errno : sig;
	return -ENOSPC;
}

static void give_back(int sig)
{
	struct sigaction act = { .sa_handler = SIG_DFL };

	sigaction(sig, &act, NULL);
}

/* The thread takes no signals but ours: the others are the application's. */
static int start_thread(struct server *server, int sig)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	sigdelset(&all, sig);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = -pthread_create(&server->thread, NULL, serve_all, server);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

static int start_following(struct server *server)
{
	server->follower = (struct follower){
		.socket = server->tree->trace,
		.syscalls = server->syscalls,
		.lives = server->lives,
		.arg = server,
		.entered = entered,
	};
	return server->tree->trace < 0 ? 0 : follower_start(&server->follower);
}

int server_start(struct server *server, struct tree *tree)
{
	const struct event_watcher watcher = { .arg = server, .changed = attached };
	int sig = take_signal(), err;

	if (sig < 0)
		return sig;
	server->tree = tree;
	if (!server->client_only)
		event_watch(server->syscalls, &watcher);
	err = start_following(server);
	if (!err)
		err = start_thread(server, sig);
	if (err) {
		follower_stop(&server->follower);
		if (!server->client_only)
			event_watch(server->syscalls, NULL);
		give_back(sig);
		return err;
	}
	server->signal = sig;
	return 0;
}

/* A signal that comes before the thread waits does nothing: again, until it has ended. */
static void join(struct server *server)
{
	struct timespec until;

	__atomic_store_n(&server->stop, 1, __ATOMIC_RELEASE);
	do {
		pthread_kill(server->thread, server->signal);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 1000000;
		if (until.tv_nsec >= 1000000000)
			until.tv_sec++, until.tv_nsec -= 1000000000;
	} while (pthread_timedjoin_np(server->thread, NULL, &until));
	give_back(server->signal);
	server->signal = 0;
}

void server_stop(struct server *server)
{
	if (!server->signal)
		return;
	join(server);
	follower_stop(&server->follower);
	server->events += server->follower.events;
	for (int i = 0; i < 1024 && state(server) & POLLIN; i++) {
		union tree_slot *slot = free_slot(server);

		if (tree_receive(server->tree, slot) == 0)
			serve(server, slot);
	}
	if (!server->client_only)
		event_watch(server->syscalls, NULL);
}
