/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tracer: a process that follows the tree by ptrace(2), for what a listener cannot tell: the
 * exit of a call, every register, the birth, execve and death of processes. A call of which the
 * exit is wanted stops here at its entry (SECCOMP_RET_TRACE) and at its exit; of the others the
 * tracer sees nothing.
 *
 * It is a process of its own since RET_TRACE without a tracer makes a call fail: when the
 * supervisor is gone it lets every stop continue until the tree has ended. It keeps nothing of a
 * thread between two stops, but where births are told: what a stop means follows from the stop and
 * its registers. Signals,
 * group stops and exit statuses reach the tree and its parents as if nobody traced (PTRACE_SEIZE).
 *
 * A fork of the supervisor without libc's knowledge: system calls only.
 */
#include "supervise/tree.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "supervise/raw.h"

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

enum { SOCKET = 0 }; /* the tracer's only fd */
enum { NO_REQUEST = -1 };

#define OPTIONS                                                                                   \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | \
	 PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_TRACESECCOMP)

struct stop {
	s32 tid;
	int signal, event;
};

/* Thread ids, the oldest of which make room. */
enum { IDS = 64 };
struct ids {
	s32 of[IDS]; /* 0: free */
	u32 next;
};

struct tree_life {
	struct tree_shared *shared;
	bool alone; /* the supervisor is gone */
	bool late;  /* no filter needs us */
	bool had;   /* there was a thread to trace */
	struct trace_event told;
	/* A birth is told of when the parent stops for it; it may be later than the child. */
	s32 born[IDS]; /* waits for that */
	u32 nr_born, patience;
	struct ids
		announced; /* the parent was first; negative: it took too long and was not waited for */
};

enum { PATIENCE = 200, PAUSE_NS = 50000 }; /* 10 ms for a parent to stop */

static BARE long trace(long request, s32 tid, long addr, void *data)
{
	return raw6(SYS_ptrace, request, tid, addr, data, 0, 0);
}

/* The thread's registers as they are in this stop, into life->told.regs; zeroes where it is gone. */
static BARE void read_regs(struct tree_life *life, s32 tid)
{
	struct iovec iov = { life->told.regs, sizeof(life->told.regs) };

	for (int i = 0; i < TRACE_REGS; i++)
		life->told.regs[i] = 0;
	trace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &iov);
}

/* The number of the call that a thread is in, of life->told.regs; -1: none. */
static BARE s32 call_of(const struct tree_life *life)
{
#if defined(__x86_64__)
	return (s32)((const struct user_regs_struct *)life->told.regs)->orig_rax;
#else
	return (s32)life->told.regs[8];
#endif
}

static BARE s64 result_of(const struct tree_life *life)
{
#if defined(__x86_64__)
	return (s64)((const struct user_regs_struct *)life->told.regs)->rax;
#else
	return (s64)life->told.regs[0];
#endif
}

/* Hands life->told to the supervisor and waits until it has looked. */
static BARE void tell(struct tree_life *life, u32 kind, s32 tid, u64 value)
{
	long len;
	u8 done;

	life->told.kind = kind;
	life->told.tid = tid;
	life->told.value = value;
	do
		len = raw6(SYS_sendto, SOCKET, &life->told, sizeof(life->told), MSG_NOSIGNAL, 0, 0);
	while (len == -EINTR);
	while (len > 0) {
		len = raw6(SYS_recvfrom, SOCKET, &done, 1, 0, 0, 0);
		if (len > 0)
			return;
		if (len == -EINTR)
			len = 1;
	}
	life->alone = true;
}

static BARE bool has(const struct syscall_set *set, s32 nr)
{
	return nr >= 0 && nr < SYSCALL_MAX && set->bits[nr / 64] >> nr % 64 & 1;
}

static BARE bool wants(const struct tree_life *life, u32 kind)
{
	return !life->alone && life->shared->wants.life & 1u << kind;
}

static BARE void ids_add(struct ids *ids, s32 id)
{
	ids->of[ids->next++ % IDS] = id;
}

static BARE bool ids_take(struct ids *ids, s32 id)
{
	for (int i = 0; i < IDS; i++)
		if (ids->of[i] == id) {
			ids->of[i] = 0;
			return true;
		}
	return false;
}

/* How a thread goes on that is in no call of interest. */
static BARE int onward(const struct tree_life *life)
{
	return !life->alone && life->shared->wants.all ? PTRACE_SYSCALL : PTRACE_CONT;
}

/* How to go on in the middle of the call in life->told.regs. */
static BARE int rest_of_call(const struct tree_life *life)
{
	return !life->alone && has(&life->shared->wants.leave, call_of(life)) ? PTRACE_SYSCALL
									      : onward(life);
}

/* A call that the filter stopped at its entry. */
static BARE int enter(struct tree_life *life, const struct stop *stop)
{
	if (life->alone)
		return PTRACE_CONT;
	read_regs(life, stop->tid);
	if (has(&life->shared->wants.enter, call_of(life)))
		tell(life, TRACE_ENTER, stop->tid, 0);
	return rest_of_call(life);
}

static BARE bool at_entry(s32 tid)
{
	u8 info[128]; /* struct ptrace_syscall_info, which begins with op */

	return trace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), info) > 0 &&
	       info[0] == PTRACE_SYSCALL_INFO_ENTRY;
}

/* A stop at the exit of a call; or at its entry, where threads stop at every call. */
static BARE int call(struct tree_life *life, const struct stop *stop)
{
	bool entry = life->shared->wants.all && at_entry(stop->tid);

	if (life->alone)
		return PTRACE_CONT;
	read_regs(life, stop->tid);
	if (entry && has(&life->shared->wants.passed, call_of(life)))
		tell(life, TRACE_ENTER, stop->tid, 0);
	/* rt_sigreturn leaves without a number */
	if (!entry && (call_of(life) < 0 || has(&life->shared->wants.leave, call_of(life))))
		tell(life, TRACE_LEAVE, stop->tid, 0);
	return onward(life);
}

/* Where a new thread stops before its first instruction it leaves the call that made it. */
static BARE void let_live(struct tree_life *life, s32 tid)
{
	if (!life->alone) {
		read_regs(life, tid);
		if (has(&life->shared->wants.leave, call_of(life)))
			tell(life, TRACE_LEAVE, tid, 1);
	}
	trace(onward(life), tid, 0, NULL);
}

/* Lets the born child i live. */
static BARE void take_born(struct tree_life *life, u32 i)
{
	s32 tid = life->born[i];

	life->born[i] = life->born[--life->nr_born];
	let_live(life, tid);
}

/* The parent, in its call's registers, tells of its child. */
static BARE void announce(struct tree_life *life, s32 parent, s32 child)
{
	if (ids_take(&life->announced, -child))
		return;
	tell(life, TRACE_FORK, parent, (u64)child);
	for (u32 i = 0; i < life->nr_born; i++)
		if (life->born[i] == child) {
			take_born(life, i);
			read_regs(life, parent);
			return;
		}
	ids_add(&life->announced, child);
}

/* Their parents do not stop: killed, maybe. They are told of without. */
static BARE void give_up(struct tree_life *life)
{
	while (life->nr_born) {
		s32 child = life->born[life->nr_born - 1];

		if (wants(life, TRACE_FORK))
			tell(life, TRACE_FORK, 0, (u64)child);
		ids_add(&life->announced, -child);
		take_born(life, life->nr_born - 1);
	}
}

/* fork, vfork, clone, clone3 in the parent, or execve in the new program: both amid their call. */
static BARE int amid(struct tree_life *life, const struct stop *stop, u32 kind)
{
	unsigned long value = 0;

	if (life->alone)
		return PTRACE_CONT;
	trace(PTRACE_GETEVENTMSG, stop->tid, 0, &value);
	read_regs(life, stop->tid);
	if (kind == TRACE_FORK && wants(life, kind))
		announce(life, stop->tid, (s32)value);
	else if (wants(life, kind))
		tell(life, kind, stop->tid, value);
	return rest_of_call(life);
}

static BARE int ends(struct tree_life *life, const struct stop *stop)
{
	unsigned long status = 0;

	if (!wants(life, TRACE_EXIT))
		return onward(life);
	trace(PTRACE_GETEVENTMSG, stop->tid, 0, &status);
	read_regs(life, stop->tid);
	tell(life, TRACE_EXIT, stop->tid, status);
	return onward(life);
}

/* Whether the thread in life->told.regs is the new one of a call. */
static BARE bool is_new(const struct tree_life *life)
{
	if (result_of(life))
		return false;
	switch (call_of(life)) {
#ifdef SYS_fork
	case SYS_fork:
	case SYS_vfork:
#endif
	case SYS_clone:
	case SYS_clone3: return true;
	}
	return false;
}

/* A group stop stays one, and its end is told in the same way. A new thread stops so, too. */
static BARE int stopped(struct tree_life *life, const struct stop *stop)
{
	if (stop->signal == SIGSTOP || stop->signal == SIGTSTP || stop->signal == SIGTTIN ||
	    stop->signal == SIGTTOU)
		return PTRACE_LISTEN;
	if (life->alone)
		return PTRACE_CONT;
	read_regs(life, stop->tid);
	if (!is_new(life))
		return onward(life);
	if (!wants(life, TRACE_FORK) || ids_take(&life->announced, stop->tid) ||
	    life->nr_born == IDS) {
		let_live(life, stop->tid);
		return NO_REQUEST;
	}
	life->born[life->nr_born++] = stop->tid;
	life->patience = PATIENCE;
	return NO_REQUEST;
}

static BARE void go_on(struct tree_life *life, const struct stop *stop)
{
	int request = onward(life);
	long signal = 0;

	switch (stop->event) {
	case PTRACE_EVENT_SECCOMP: request = enter(life, stop); break;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE: request = amid(life, stop, TRACE_FORK); break;
	case PTRACE_EVENT_EXEC: request = amid(life, stop, TRACE_EXEC); break;
	case PTRACE_EVENT_EXIT: request = ends(life, stop); break;
	case PTRACE_EVENT_STOP: request = stopped(life, stop); break;
	case 0:
		if (stop->signal == (SIGTRAP | 0x80))
			request = call(life, stop);
		else
			signal = stop->signal; /* on its way to the thread */
	}
	if (request != NO_REQUEST)
		trace(request, stop->tid, 0, (void *)signal);
}

/*
 * A thread that was killed ends without a stop: it is told of while it can still be looked at. Returns
 * whom to wait for, then; -1: anyone.
 */
static BARE s32 look_ahead(struct tree_life *life, bool *told)
{
	siginfo_t info;

	*told = false;
	info.si_pid = 0;
	if (!wants(life, TRACE_EXIT) ||
	    raw6(SYS_waitid, P_ALL, 0, &info,
		 WEXITED | WSTOPPED | WNOWAIT | __WALL | (life->nr_born ? WNOHANG : 0), 0, 0) < 0 ||
	    !info.si_pid)
		return -1;
	*told = info.si_code == CLD_EXITED || info.si_code == CLD_KILLED ||
		info.si_code == CLD_DUMPED;
	if (*told) /* as wait(2) has it */
		tell(life, TRACE_DEAD, info.si_pid,
		     info.si_code == CLD_EXITED
			     ? (u64)(info.si_status & 0xff) << 8
			     : (u64)info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0));
	return info.si_pid;
}

/* Threads that are ours already only stop. What they were waiting in goes on, as after any attach. */
static BARE void obey(struct tree_life *life)
{
	struct tree_shared *shared = life->shared;
	u32 asked = shared->asked;

	for (u32 i = 0; i < shared->nr_tids && i < TREE_TIDS; i++) {
		s32 tid = shared->tids[i];
		bool ours = trace(PTRACE_SEIZE, tid, 0, (void *)OPTIONS) >= 0;

		if (shared->wants.all && (ours || shared->again))
			trace(PTRACE_INTERRUPT, tid, 0, NULL);
		life->had |= ours;
	}
	shared->refused = !life->had;
	shared->done = asked;
}

static BARE void wait_for_parents(struct tree_life *life)
{
	struct timespec time = { .tv_nsec = PAUSE_NS };

	if (life->alone || !--life->patience)
		give_up(life);
	else
		raw3(SYS_nanosleep, &time, 0, 0);
}

/* Whether the supervisor is there still: it never writes unasked. */
static BARE bool is_alone(void)
{
	u8 none;

	return raw6(SYS_recvfrom, SOCKET, &none, 1, MSG_DONTWAIT, 0, 0) == 0;
}

/* Until nobody is left to trace. */
static BARE void follow(struct tree_life *life)
{
	struct timespec moment = { .tv_nsec = 1000000 };

	for (;;) {
		int status = 0;
		bool told;
		long tid;
		s32 next;

		if (life->shared->asked != life->shared->done)
			obey(life);
		if (life->alone && life->late)
			return; /* which lets all of them go */
		next = look_ahead(life, &told);
		tid = raw6(SYS_wait4, next, &status, __WALL | (life->nr_born ? WNOHANG : 0), 0, 0,
			   0);

		if (tid > 0 && WIFSTOPPED(status)) {
			const struct stop stop = { .tid = (s32)tid,
						   .signal = WSTOPSIG(status),
						   .event = status >> 16 };

			go_on(life, &stop);
		} else if (tid > 0 && !told && wants(life, TRACE_EXIT)) {
			tell(life, TRACE_DEAD, (s32)tid, (u64)status); /* killed in between */
		} else if (tid == -ECHILD && next < 0) {
			if (life->had || !life->late || is_alone())
				return;
			raw3(SYS_nanosleep, &moment, 0, 0);
		} else if (tid == 0) {
			wait_for_parents(life);
		}
	}
}

/* Waits for the command to show itself. False: it never did. */
static BARE bool seize(struct tree_shared *shared)
{
	struct timespec time = { .tv_nsec = 20000 };
	long err;

	while (!shared->to_seize) {
		if (is_alone())
			return false;
		raw3(SYS_nanosleep, &time, 0, 0);
	}
	err = trace(PTRACE_SEIZE, shared->to_seize, 0, (void *)OPTIONS);
	if (err >= 0)
		shared->seized = 1;
	return err >= 0;
}

/* All other files belong to others. */
static BARE bool own_fds(const struct tracer *tracer)
{
	long socket = raw3(SYS_fcntl, tracer->socket, F_DUPFD, 3);

	raw3(SYS_dup3, socket, SOCKET, 0);
	return socket >= 0 && raw3(SYS_close_range, 1, ~0u, 0) == 0;
}

BARE _Noreturn void tracer_live(struct tracer *tracer)
{
	struct tree_life life = { .shared = tracer->shared,
				  .late = tracer->late,
				  .had = !tracer->late };
	u64 signals = tracer->signal ? 1ull << (tracer->signal - 1) : 0;

	raw3(SYS_setsid, 0, 0, 0);
	raw3(SYS_chdir, "/", 0, 0);
	raw6(SYS_prctl, PR_SET_NAME, "skep-tracer", 0, 0, 0, 0);
	raw6(SYS_rt_sigprocmask, SIG_UNBLOCK, &signals, 0, 8, 0, 0);
	if (own_fds(tracer) && (tracer->late || seize(life.shared)))
		follow(&life);
	else
		life.shared->seized = -EPERM;
	raw3(SYS_exit_group, 0, 0, 0);
	__builtin_unreachable();
}
