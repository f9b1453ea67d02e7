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

/* Every execve, on the thread that serves. */
static bool sees_execve(const struct tree_calls *calls)
{
	return syscall_set_has(&calls->watched, SYS_execve) &&
	       syscall_set_has(&calls->watched, SYS_execveat) &&
	       !syscall_set_has(&calls->traced, SYS_execve) &&
	       !syscall_set_has(&calls->traced, SYS_execveat);
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

int server_open(struct server *server)
{
	int err;

	server->syscalls = event_list(server->hive, &syscall_kind);
	server->lives = event_list(server->hive, &process_kind);
	if (!server->syscalls || !server->lives)
		return -EINVAL;
	server_choose(server);
	err = task_cache_new(&server->tasks);
	if (err)
		return err;
	if (sees_execve(&server->calls))
		task_keep_memory(server->tasks);
	pthread_mutex_init(&server->attaching, NULL);
	server->signal = take_signal();
	return min(server->signal, 0);
}

static void give_back(int sig)
{
	struct sigaction act = { .sa_handler = SIG_DFL };

	sigaction(sig, &act, NULL);
}

void server_close(struct server *server)
{
	task_cache_free(server->tasks);
	server->tasks = NULL;
	if (server->signal > 0) {
		give_back(server->signal);
		pthread_mutex_destroy(&server->attaching);
	}
	server->signal = 0;
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
	if (server_own_call(nr))
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

static bool any_attached(struct event_list *list)
{
	bool any;

	pthread_rwlock_rdlock(&list->lock);
	any = list->count;
	pthread_rwlock_unlock(&list->lock);
	return any;
}

/* Whether the call is more than the client's. */
static bool is_watched(const struct server *server, s32 nr)
{
	return !server->client_only &&
	       ((nr >= 0 && syscall_set_has(&server->calls.watched, (u32)nr)) ||
		any_attached(server->syscalls));
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

int server_follow(struct server *server)
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

static void watch(struct server *server, const struct event_watcher *watcher)
{
	if (server->client_only)
		return;
	event_watch(server->syscalls, watcher);
	event_watch(server->lives, watcher);
}

int server_start(struct server *server, struct tree *tree)
{
	const struct event_watcher watcher = { .arg = server, .changed = server_attached };
	int err;

	server->tree = tree;
	watch(server, &watcher);
	err = server_follow(server);
	if (!err)
		err = start_thread(server, server->signal);
	if (err) {
		follower_stop(&server->follower);
		watch(server, NULL);
	}
	server->runs = !err;
	return err;
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
}

void server_stop(struct server *server)
{
	if (!server->runs)
		return;
	server->runs = false;
	join(server);
	watch(server, NULL);
	follower_stop(&server->follower);
	server->events += server->follower.events;
	for (int i = 0; i < 1024 && state(server) & POLLIN; i++) {
		union tree_slot *slot = free_slot(server);

		if (tree_receive(server->tree, slot) == 0)
			serve(server, slot);
	}
}
