/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One message, one answer. What is known of a thread may have changed between two of its stops,
 * since of most calls the tracer sees nothing: credentials are asked for anew at each.
 */
#include "supervise/follow.h"

#include <dirent.h>
#include <errno.h>
#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <unistd.h>

#include "event/life.h"
#include "event/task.h"
#include "supervise/command.h"
#include "util/proc.h"

/* What the registers say of a call. */
struct call {
	struct syscall_event event;
	u64 args[6];
	s64 ret;
};

#if defined(__x86_64__)
static void read_call(struct call *call, const u64 *words)
{
	const struct user_regs_struct *regs = (const void *)words;
	const u64 args[6] = { regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9 };

	memcpy(call->args, args, sizeof(args));
	call->event.nr = (s32)regs->orig_rax;
	call->event.ip = regs->rip;
	call->ret = (s64)regs->rax;
}

static void set_regs(struct task *task, const u64 *words)
{
	const struct user_regs_struct *regs = (const void *)words;

	task->known = regs->rip ? TASK_IP | TASK_SP | TASK_BP : 0;
	task->ip = regs->rip;
	task->sp = regs->rsp;
	task->bp = regs->rbp;
}
#else
static void read_call(struct call *call, const u64 *words)
{
	memcpy(call->args, words, sizeof(call->args));
	call->event.nr = (s32)words[8];
	call->event.ip = words[32 - 1];
	call->ret = (s64)words[0];
}

static void set_regs(struct task *task, const u64 *words)
{
	(void)words;
	task->known = 0;
}
#endif

static u32 this_cpu(void)
{
	int cpu = sched_getcpu();

	return cpu < 0 ? 0 : (u32)cpu;
}

static void pass_call(struct follower *follower, struct task *task, const struct trace_event *told)
{
	struct call call;

	read_call(&call, told->regs);
	call.event.args = call.args;
	call.event.regs = told->regs;
	follower->events++;
	if (told->kind == TRACE_LEAVE) {
		syscall_leave(follower->syscalls, this_cpu(), task, &call.event, call.ret,
			      told->value);
		return;
	}
	syscall_enter(follower->syscalls, this_cpu(), task, &call.event);
	follower->entered(follower->arg, task, call.event.nr, call.args);
}

/* The value of an entry of the thread's auxiliary vector; 0: none. */
static u64 auxiliary(s32 tid, u64 type)
{
	u64 entries[128];
	char path[48];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/auxv", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, entries, sizeof(entries));
	if (fd >= 0)
		close(fd);
	for (ssize_t i = 0; i + 1 < len / 8; i += 2)
		if (entries[i] == type)
			return entries[i + 1];
	return 0;
}

static s32 priority(s32 tid)
{
	struct sched_param param;
	long nice;

	if (syscall(SYS_sched_getparam, tid, &param) == 0 && param.sched_priority)
		return 99 - param.sched_priority;
	nice = syscall(SYS_getpriority, PRIO_PROCESS, tid); /* 20 - it */
	return nice < 0 ? 120 : 140 - (s32)nice;
}

/* Whether a thread that ends is the last of its process. */
static bool is_last(u32 tgid)
{
	char path[48];
	struct dirent *entry;
	u32 threads = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/task", tgid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		threads += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return threads <= 1;
}

static void pass_exec(struct follower *follower, struct task *task, s32 old_pid)
{
	struct life_event event = { .life = LIFE_EXEC, .old_pid = old_pid };
	char name[LIFE_NAME];
	u64 at = auxiliary((s32)task->pid, AT_EXECFN);

	if (!at || !command_read_text(task, at, name, sizeof(name)))
		name[0] = '\0';
	event.filename = name;
	life_fire(follower->lives, this_cpu(), task, &event);
}

/* Of a thread whose maker cannot be asked any more: its process, or its process's parent. */
static u32 parent_of(u32 child, u32 group)
{
	struct task_origin origin;

	if (group != child)
		return group;
	proc_origin(child, &origin.parent, origin.parent_comm, &origin.start_ns);
	return origin.parent;
}

static void pass_fork(struct follower *follower, struct task *task, s32 child)
{
	struct task other = { .ops = task->ops, .pid = (u32)child, .tgid = task_group((u32)child) };
	const struct life_event event = { .life = LIFE_FORK, .other = &other };

	if (!task->pid)
		task = task_get(follower->tasks, parent_of((u32)child, other.tgid));
	life_fire(follower->lives, this_cpu(), task, &event);
}

static void pass_exit(struct follower *follower, struct task *task, u32 status)
{
	const struct life_event event = { .life = LIFE_EXIT,
					  .prio = priority((s32)task->pid),
					  .group_dead = is_last(task->tgid) };

	task->exit_code = status;
	life_fire(follower->lives, this_cpu(), task, &event);
	task->exit_code = 0;
}

/* Takes a thread out of those that were seen ending; false where it is not among them. */
static bool forget_ending(struct follower *follower, s32 tid)
{
	for (size_t i = follower->nr_ending; i--;)
		if (follower->ending[i] == tid) {
			follower->ending[i] = follower->ending[--follower->nr_ending];
			return true;
		}
	return false;
}

/* Without memory for it its end is told twice. */
static void remember_ending(struct follower *follower, s32 tid)
{
	s32 *grown;

	if (follower->nr_ending == follower->room) {
		grown = realloc(follower->ending, (follower->room + 64) * sizeof(*grown));
		if (!grown)
			return;
		follower->ending = grown;
		follower->room += 64;
	}
	follower->ending[follower->nr_ending++] = tid;
}

static void pass(struct follower *follower, const struct trace_event *told)
{
	struct task *task;

	if (told->kind == TRACE_DEAD && forget_ending(follower, told->tid))
		return;
	task = task_get(follower->tasks, (u32)told->tid);
	task_forget_creds(task);
	set_regs(task, told->regs);
	switch ((enum trace_kind)told->kind) {
	case TRACE_ENTER:
	case TRACE_LEAVE: pass_call(follower, task, told); break;
	case TRACE_FORK: pass_fork(follower, task, (s32)told->value); break;
	case TRACE_EXEC:
		/* it took the id of a thread that had ended */
		forget_ending(follower, told->tid);
		pass_exec(follower, task, (s32)told->value);
		break;
	case TRACE_EXIT: remember_ending(follower, told->tid); /* fallthrough */
	case TRACE_DEAD: pass_exit(follower, task, (u32)told->value); break;
	}
}

static void *follow(void *arg)
{
	struct follower *follower = arg;
	struct trace_event told;
	const u8 done = 0;

	while (recv(follower->socket, &told, sizeof(told), 0) == sizeof(told)) {
		pass(follower, &told);
		if (send(follower->socket, &done, 1, MSG_NOSIGNAL) != 1)
			break;
	}
	return NULL;
}

int follower_start(struct follower *follower)
{
	sigset_t all, old;
	int err = task_cache_new(&follower->tasks);

	if (err)
		return err;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = -pthread_create(&follower->thread, NULL, follow, follower);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	follower->runs = !err;
	if (err)
		task_cache_free(follower->tasks);
	return err;
}

void follower_stop(struct follower *follower)
{
	if (!follower->runs)
		return;
	follower->runs = false;
	shutdown(follower->socket, SHUT_RDWR);
	pthread_join(follower->thread, NULL);
	task_cache_free(follower->tasks);
	free(follower->ending);
}
