/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a tree stops at. Before it starts it is the programs that are attached then, what --watch
 * names, and what the client answers; a filter cannot be widened from outside. A program that is
 * attached later to what the filter lets pass is served by ptrace(2): each thread of the tree then
 * stops at each call, which is slow, and is said once.
 *
 * Of a call whose exit is wanted the tracer sees the entry, too; but a client's call is answered where
 * it is notified of, so that its exit is not seen.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include "event/life.h"
#include "supervise/serve.h"

bool server_own_call(s32 nr)
{
	static const s32 calls[] = { SYS_execve,   SYS_execveat, SYS_setuid,	SYS_setgid,
				     SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid,
				     SYS_setfsuid, SYS_setfsgid };

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i] == nr)
			return true;
	return false;
}

static void add_own_calls(struct syscall_set *set)
{
	for (s32 nr = 0; nr < SYSCALL_MAX; nr++)
		if (server_own_call(nr))
			syscall_set_add(set, (u32)nr);
}

static void add(struct syscall_set *to, const struct syscall_set *set)
{
	for (size_t i = 0; i < ARRAY_SIZE(to->bits); i++)
		to->bits[i] |= set->bits[i];
}

static u32 trace_bits(u32 lives)
{
	return (lives & 1u << LIFE_FORK ? 1u << TRACE_FORK : 0) |
	       (lives & 1u << LIFE_EXEC ? 1u << TRACE_EXEC : 0) |
	       (lives & 1u << LIFE_EXIT ? 1u << TRACE_EXIT : 0);
}

void server_choose(struct server *server)
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
	server->wants.life = trace_bits(lives);
	server->traces |= lives != 0;
}

/* Adds what is attached now to what the tracer tells of. Whether that is more than it can see now. */
static bool add_wants(struct server *server, struct trace_wants *now)
{
	const struct syscall_set whole = filter_whole(&server->calls);
	const struct syscall_set *traced = &server->calls.traced;
	struct syscall_wants wants = { 0 };
	bool more = false;
	u32 lives = 0;

	syscall_wanted(server->syscalls, &wants);
	life_wanted(server->lives, &lives);
	for (size_t i = 0; i < ARRAY_SIZE(traced->bits); i++) {
		u64 passed = wants.enter.bits[i] & ~whole.bits[i];

		now->all |= passed || wants.leave.bits[i] & ~traced->bits[i];
		now->enter.bits[i] |= wants.enter.bits[i] & traced->bits[i];
		now->passed.bits[i] |= passed;
		now->leave.bits[i] |= wants.leave.bits[i];
	}
	now->life |= trace_bits(lives);
	more = (now->all && !server->wants.all) || (now->life && server->tree->trace < 0);
	return more;
}

static int widen(struct server *server, const struct trace_wants *now)
{
	bool fresh = server->tree->trace < 0;
	int err = 0;

	if (fresh) {
		err = tree_trace(server->tree, now, server->signal);
		if (!err)
			err = server_follow(server);
	}
	server->tree->shared->wants = *now;
	return err ? err : tree_stop(server->tree, server->signal, !fresh);
}

static void say_once(struct server *server, const char *name)
{
	if (!server->noted_late)
		fail(server->log, 0,
		     "note: %s is attached while the command runs, and is not what it was started "
		     "to stop at: from now on ptrace(2) stops it at every system call, which is slow "
		     "(name the calls beforehand: --watch)",
		     name);
	server->noted_late = true;
}

int server_attached(void *arg, const struct event_row *row, const struct attach_target *target)
{
	struct server *server = arg;
	struct trace_wants now;
	int n = 0;

	(void)row;
	pthread_mutex_lock(&server->attaching);
	now = server->wants;
	if (add_wants(server, &now)) {
		if (now.all)
			say_once(server, target->name);
		n = widen(server, &now);
		if (n < 0)
			fail(server->log, 0,
			     "%s: attached, but the command runs already and cannot be traced (%s): "
			     "this program will see none of it",
			     target->name, strerror(-n));
	} else if (server->tree->trace >= 0) {
		server->tree->shared->wants = now;
	}
	server->wants = now;
	pthread_mutex_unlock(&server->attaching);
	return 0;
}
