/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The start of a tree: supervisor forks keeper, keeper clones the command, the command installs
 * the filter.
 *
 * The command shares the keeper's memory and fds until its exec (CLONE_VM, CLONE_FILES), so the
 * listener that seccomp(2) gives it is at once the keeper's too, and it can say its number
 * without a system call, which the filter might stop. From there on it makes no call but execve:
 * programs see none of ours. The keeper hands a copy of the listener to the supervisor by
 * SCM_RIGHTS.
 */
#include "supervise/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "supervise/raw.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1ul << 5)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define SYNC_WAKE_UP 1ull

#if defined(__GLIBC__)
#include <sys/rseq.h>
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));
#define rseq_area() \
	(&__rseq_size && __rseq_size ? (char *)__builtin_thread_pointer() + __rseq_offset : NULL)
#else
#define rseq_area() NULL
#endif

enum { CHILD_STACK = 64 << 10, STACKS = KEEPER_STACK + CHILD_STACK };

/*
 * What supervisor, keeper and command know of the start; the keeper has a copy, which the command
 * shares.
 */
struct launch {
	const struct tree_spec *spec;
	struct sock_fprog filter;
	const char **shell_argv;
	struct tree_shared *shared;
	u8 *stacks;		      /* the keeper's, then the command's */
	int ours, theirs;	      /* channel: the supervisor's end, the keeper's */
	int trace_ours, trace_theirs; /* likewise the tracer's; -1: there is none */
	bool ignore_sigchld;
	s32 tracer;
	volatile s32 listener; /* 1 + its number, or -errno; 0: not yet */
	volatile s32 in_use;   /* the command still shares our memory */
	volatile bool no_new_privs;
};

/* The keeper's only words to the supervisor. The listener comes with it where err is 0. */
struct report {
	s32 err, child;
	bool no_new_privs;
};

/* struct sigaction as rt_sigaction(2) has it. */
struct kernel_sigaction {
	void *handler;
	unsigned long flags;
	void *restorer;
	u64 mask;
};

static BARE void reset_handlers(bool ignore_sigchld)
{
	struct kernel_sigaction act, dfl = { 0 };

	for (int sig = 1; sig <= 64; sig++)
		if (raw6(SYS_rt_sigaction, sig, 0, &act, 8, 0, 0) == 0 &&
		    act.handler != (void *)SIG_DFL && act.handler != (void *)SIG_IGN)
			raw6(SYS_rt_sigaction, sig, &dfl, 0, 8, 0, 0);
	dfl.handler = (void *)SIG_IGN;
	if (ignore_sigchld)
		raw6(SYS_rt_sigaction, SIGCHLD, &dfl, 0, 8, 0, 0);
}

static BARE long listen_with(struct launch *launch, unsigned long flags)
{
	long fd = raw3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &launch->filter);

	if (fd != -EACCES)
		return fd;
	if (raw6(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0) < 0)
		return -EACCES;
	launch->no_new_privs = true;
	return raw3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &launch->filter);
}

/* Without CAP_SYS_ADMIN Linux wants no_new_privs first (EACCES): set only then. */
static BARE long install_filter(struct launch *launch)
{
	long fd = listen_with(launch, SECCOMP_FILTER_FLAG_NEW_LISTENER |
					      SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);

	return fd == -EINVAL ? listen_with(launch, SECCOMP_FILTER_FLAG_NEW_LISTENER) : fd;
}

/* A file of text without #!: the shell's, as execvp(3) does. */
static const char **shell_argv(const struct tree_spec *spec)
{
	const char **argv;
	size_t argc = 0;

	while (spec->argv[argc])
		argc++;
	argv = calloc(argc + 2, sizeof(*argv));
	if (!argv)
		return NULL;
	argv[0] = "/bin/sh";
	argv[1] = spec->path;
	for (size_t i = 1; i <= argc; i++)
		argv[i + 1] = spec->argv[i];
	return argv;
}

static BARE void pause_us(long us)
{
	struct timespec time = { .tv_nsec = us * 1000 };

	raw3(SYS_nanosleep, &time, 0, 0);
}

/* Before the filter: it stops calls for a tracer that must be there. Yama asks for our consent. */
static BARE long await_tracer(struct launch *launch)
{
	raw6(SYS_prctl, PR_SET_PTRACER, launch->tracer, 0, 0, 0, 0);
	launch->shared->to_seize = (s32)raw3(SYS_gettid, 0, 0, 0);
	for (long us = 20; !launch->shared->seized; us = us < 1000 ? us * 2 : us)
		pause_us(us);
	return launch->shared->seized < 0 ? -EPIPE : 0;
}

static BARE void command_main(void *arg)
{
	struct launch *launch = arg;
	const struct tree_spec *spec = launch->spec;
	struct kernel_sigaction dfl = { 0 };
	long err;

	reset_handlers(launch->ignore_sigchld);
	err = launch->tracer ? await_tracer(launch) : 0;
	if (spec->death_signal) { /* a background job's SIGINT is ignored: it would not hear */
		raw6(SYS_rt_sigaction, spec->death_signal, &dfl, 0, 8, 0, 0);
		raw6(SYS_prctl, PR_SET_PDEATHSIG, spec->death_signal, 0, 0, 0, 0);
	}
	raw6(SYS_rt_sigprocmask, SIG_SETMASK, spec->mask, 0, 8, 0, 0);
	if (spec->files)
		raw6(SYS_prlimit64, 0, RLIMIT_NOFILE, spec->files, 0, 0, 0);
	err = err ? err : install_filter(launch);
	if (err == -EMFILE && spec->files) { /* the listener has no place below it, among our files */
		struct rlimit hard = { spec->files->rlim_max, spec->files->rlim_max };

		raw6(SYS_prlimit64, 0, RLIMIT_NOFILE, &hard, 0, 0, 0);
		err = install_filter(launch);
	}
	launch->listener = (s32)(err < 0 ? err : err + 1);
	if (err >= 0) {
		err = raw3(SYS_execve, spec->path, spec->argv, spec->envp);
		if (err == -ENOEXEC)
			err = raw3(SYS_execve, "/bin/sh", launch->shell_argv, spec->envp);
		launch->shared->exec_errno = (s32)-err;
	}
	raw3(SYS_exit_group, err == -ENOENT ? 127 : 126, 0, 0);
}

/* Waits until the command has a listener or died; -ESRCH then. */
static BARE s32 await_listener(struct launch *launch)
{
	for (long us = 1; launch->in_use && !launch->listener; us = us < 1000 ? us * 2 : us)
		pause_us(us);
	return launch->listener ? launch->listener : -ESRCH;
}

static BARE void send_report(int channel, const struct report *report, int listener)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .align = { .cmsg_len = CMSG_LEN(sizeof(int)),
				 .cmsg_level = SOL_SOCKET,
				 .cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { (void *)(uintptr_t)report, sizeof(*report) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (listener >= 0) {
		*(int *)CMSG_DATA(&control.align) = listener;
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.buf);
	}
	raw3(SYS_sendmsg, channel, &msg, MSG_NOSIGNAL);
}

static BARE void keeper_main(void *arg)
{
	struct launch *launch = arg;
	const unsigned long flags = CLONE_VM | CLONE_FILES | CLONE_PARENT | CLONE_CHILD_CLEARTID;
	struct keeper keeper = { .channel = launch->theirs,
				 .shared = launch->shared,
				 .in_use = &launch->in_use,
				 .stack = launch->stacks,
				 .rseq = rseq_area() };
	struct report report = { 0 };
	s32 listener;

	raw3(SYS_close, launch->ours, 0, 0);
	if (launch->trace_ours >= 0)
		raw3(SYS_close, launch->trace_ours, 0, 0);
	launch->in_use = 1;
	report.child = (s32)raw_clone(flags, launch->stacks + STACKS, command_main, launch,
				      &launch->in_use);
	if (report.child < 0)
		report.err = report.child, launch->in_use = 0;
	listener = report.err ? report.err : await_listener(launch);
	report.err = listener < 0 ? listener : 0;
	report.no_new_privs = launch->no_new_privs;
	keeper.listener = listener - 1;
	send_report(launch->theirs, &report, report.err ? -1 : keeper.listener);
	if (report.err)
		raw3(SYS_exit_group, 0, 0, 0);
	keeper_live(&keeper);
}

static int receive_report(int channel, struct report *report)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { report, sizeof(*report) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg;
	ssize_t len;

	do
		len = recvmsg(channel, &msg, MSG_CMSG_CLOEXEC);
	while (len < 0 && errno == EINTR);
	if (len != sizeof(*report))
		return -ESRCH;
	if (report->err)
		return report->err;
	cmsg = CMSG_FIRSTHDR(&msg);
	return cmsg && cmsg->cmsg_type == SCM_RIGHTS ? *(int *)CMSG_DATA(cmsg) : -EMFILE;
}

static int explain(int err, struct log *log)
{
	switch (err) {
	case -EBUSY:
		return fail(
			log, err,
			"a seccomp listener is there already, and Linux allows one: skep cannot "
			"run inside skep, nor where a container manager listens to system calls");
	case -ENOSYS:
	case -EINVAL:
		return fail(log, err,
			    "this kernel has no seccomp user notification (Linux 5.5 or later with "
			    "CONFIG_SECCOMP_FILTER is needed)");
	case -EPIPE:
		return fail(log, -EPERM,
			    "not allowed to trace a command by ptrace(2), which exits of system "
			    "calls and sched tracepoints need (is this process traced itself, or "
			    "ptrace(2) denied in this container?)");
	case -EPERM:
	case -EACCES:
		return fail(log, err,
			    "not allowed to install a seccomp filter (is seccomp(2) denied in "
			    "this container?)");
	}
	return fail(log, err, "cannot start a traced process: %s", strerror(-err));
}

static void *map_shared(size_t size, int flags)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

static BARE void tracer_main(void *arg)
{
	const struct launch *launch = arg;
	struct tracer tracer = { .socket = launch->trace_theirs,
				 .signal = launch->spec->signal,
				 .shared = launch->shared };

	tracer_live(&tracer);
}

/*
 * Clones both with all signals blocked: neither they nor the command may run our handlers. The
 * tracer first: it has a copy of what is in launch now.
 */
static int clone_processes(struct tree *tree, struct launch *launch)
{
	long pid = 0;

	if (launch->trace_theirs >= 0)
		pid = raw_clone(0, launch->stacks + KEEPER_STACK, tracer_main, launch, NULL);
	tree->tracer = launch->tracer = pid > 0 ? (s32)pid : 0;
	if (pid < 0)
		return (int)pid;
	pid = raw_clone(0, launch->stacks + KEEPER_STACK, keeper_main, launch, NULL);
	tree->keeper = pid > 0 ? (s32)pid : 0;
	return pid < 0 ? (int)pid : 0;
}

static int clone_helpers(struct tree *tree, struct launch *launch)
{
	struct sigaction chld;
	sigset_t all, old;
	int err;

	sigaction(SIGCHLD, NULL, &chld);
	launch->ignore_sigchld = chld.sa_handler == SIG_IGN;
	tree->ignored_sigchld = launch->ignore_sigchld;
	if (launch->ignore_sigchld)
		signal(SIGCHLD, SIG_DFL); /* else the command's status would be lost */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = clone_processes(tree, launch);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

/*
 * Makes what the processes share; launch->filter.filter, ->shell_argv and ->stacks are for the
 * caller to free.
 */
static int prepare(struct tree *tree, struct launch *launch)
{
	int channel[2], err = filter_build(&launch->filter, launch->spec->calls);

	if (err)
		return err;
	launch->shell_argv = shell_argv(launch->spec);
	launch->stacks = map_shared(STACKS, MAP_PRIVATE | MAP_STACK);
	tree->shared = map_shared(sizeof(*tree->shared), MAP_SHARED);
	if (!launch->shell_argv || !launch->stacks || !tree->shared)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0)
		return -errno;
	launch->shared = tree->shared;
	tree->channel = launch->ours = channel[0];
	launch->theirs = channel[1];
	if (!launch->spec->wants)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0)
		return -errno;
	tree->trace = launch->trace_ours = channel[0];
	launch->trace_theirs = channel[1];
	tree->shared->wants = *launch->spec->wants;
	return 0;
}

static int meet(struct tree *tree)
{
	struct report report = { 0 };
	u64 flags = SYNC_WAKE_UP;

	tree->listener = receive_report(tree->channel, &report);
	tree->child = report.child > 0 ? report.child : 0;
	tree->no_new_privs = report.no_new_privs;
	if (tree->listener < 0)
		return tree->listener;
	ioctl(tree->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
	      flags); /* Linux ≥ 6.6; slower without */
	tree->pidfd = (int)syscall(SYS_pidfd_open, tree->child, 0);
	if (tree->pidfd < 0)
		return -errno;
	fcntl(tree->pidfd, F_SETFD, FD_CLOEXEC);
	return 0;
}

int tree_start(struct tree *tree, const struct tree_spec *spec, struct log *log)
{
	struct launch launch = {
		.spec = spec, .ours = -1, .theirs = -1, .trace_ours = -1, .trace_theirs = -1
	};
	int err;

	*tree = (struct tree){ .listener = -1, .channel = -1, .trace = -1, .pidfd = -1 };
	err = prepare(tree, &launch);
	if (!err)
		err = clone_helpers(tree, &launch);
	if (launch.theirs >= 0)
		close(launch.theirs);
	if (launch.trace_theirs >= 0)
		close(launch.trace_theirs);
	if (!err)
		err = meet(tree);
	if (launch.stacks)
		munmap(launch.stacks, STACKS);
	free(launch.filter.filter);
	free(launch.shell_argv);
	if (err) {
		explain(err, log);
		if (tree->child) {
			kill(tree->child, SIGKILL); /* it may wait for an answer, which nobody gives */
			waitpid(tree->child, NULL, __WALL);
		}
		tree->child = 0;
		tree_end(tree);
	}
	return err;
}
