/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Some answers are more than a number: a working directory can be changed by nobody but the process. For a moment we
 * are its tracer: the thread, which waits for our answer, is told to stop as soon as it has it; then makes a call of ours
 * by the very instruction that it came from, and another that takes the fd back that the first one needed; then it goes on as
 * if nothing had been, with its registers and signal mask as they were.
 *
 * Should we die in the middle, Linux lets it go on where it is: after a call, with our result instead of its own.
 */
#include "supervise/inject.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)

struct injection {
	pid_t tid;
	struct user_regs_struct before;
	u64 mask;
	int signal; /* that came meanwhile */
};

/* Until it stops next: what for, or -ESRCH: it is gone. */
static int await(const struct injection *in)
{
	int status;
	pid_t got;

	do
		got = waitpid(in->tid, &status, __WALL | __WNOTHREAD);
	while (got < 0 && errno == EINTR);
	return got == in->tid && WIFSTOPPED(status) ? status >> 8 : -ESRCH;
}

/* To the call's beginning or end. Of signals only SIGSTOP, which cannot be blocked, may come: it is to come later. */
static int step(struct injection *in)
{
	int why;

	do {
		why = ptrace(PTRACE_SYSCALL, in->tid, 0, 0) ? -errno : await(in);
		if (why > 0 && why < 128 && why != SIGTRAP)
			in->signal = why;
	} while (why >= 0 && why != (SIGTRAP | 0x80));
	return min(why, 0);
}

/* The thread stands behind a system call: makes another one there. */
static s64 call(struct injection *in, u64 nr, u64 arg)
{
	struct user_regs_struct regs = in->before;
	int err;

	regs.rip -= 2;
	regs.rax = nr;
	regs.orig_rax = ~0ull; /* it is in no call: nothing is to be started again */
	regs.rdi = arg;
	err = ptrace(PTRACE_SETREGS, in->tid, 0, &regs) ? -errno : 0;
	for (int i = 0; i < 2 && !err; i++)
		err = step(in);
	if (!err && ptrace(PTRACE_GETREGS, in->tid, 0, &regs))
		err = -errno;
	return err ? err : (s64)regs.rax;
}

/* Whether it stands behind the instruction of a system call. */
static bool is_behind_call(const struct injection *in)
{
	u8 insn[2];
	struct iovec to = { insn, 2 }, from = { (void *)(uintptr_t)(in->before.rip - 2), 2 };

	return process_vm_readv(in->tid, &to, 1, &from, 1, 0) == 2 && insn[0] == 0x0f &&
	       insn[1] == 0x05;
}

/*
 * A thread that cannot be let go has been killed, and we are who must see its end: else an execve(2) of its process would
 * wait for it.
 */
static void let_go(const struct injection *in)
{
	if (ptrace(PTRACE_DETACH, in->tid, 0, in->signal))
		while (await(in) >= 0)
			ptrace(PTRACE_CONT, in->tid, 0, 0);
}

/* As it was, with what the call is to return. */
static void leave(struct injection *in, s64 result)
{
	in->before.rax = (u64)result;
	in->before.orig_rax = ~0ull;
	ptrace(PTRACE_SETREGS, in->tid, 0, &in->before);
	ptrace(PTRACE_SETSIGMASK, in->tid, sizeof(in->mask), &in->mask);
	let_go(in);
}

/* The thread stops on its way back. */
static void run(struct injection *in, int number)
{
	const u64 all = ~0ull;
	s64 result = -EACCES;

	if (ptrace(PTRACE_GETREGS, in->tid, 0, &in->before) ||
	    ptrace(PTRACE_GETSIGMASK, in->tid, sizeof(in->mask), &in->mask)) {
		let_go(in);
		return;
	}
	ptrace(PTRACE_SETSIGMASK, in->tid, sizeof(all), &all);
	if (is_behind_call(in)) {
		result = call(in, SYS_fchdir, (u64)number);
		call(in, SYS_close, (u64)number);
	}
	leave(in, result);
}

int inject_chdir(struct client_call *client, union tree_slot *slot, int fd)
{
	struct injection in = { .tid = (pid_t)client->caller.pid };
	int number;

	if (ptrace(PTRACE_SEIZE, in.tid, 0, PTRACE_O_TRACESYSGOOD)) {
		close(fd);
		return -EPERM;
	}
	ptrace(PTRACE_INTERRUPT, in.tid, 0, 0); /* fails if it is dead only: so do we then */
	number = client->caller.ops->install(&client->caller, fd, true);
	tree_answer(client->tree, slot, min(number, 0));
	if (await(&in) < 0)
		return 0;
	if (number < 0)
		let_go(&in);
	else
		run(&in, number);
	return 0;
}

#else

int inject_chdir(struct client_call *client, union tree_slot *slot, int fd)
{
	(void)client, (void)slot;
	close(fd);
	return -ENOSYS;
}

#endif
