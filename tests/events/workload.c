/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ways to make processes, one a name: workload NAME [ARG...]. Each executes /bin/true so often as
 * its name says.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static char *const argv_true[] = { "true", NULL };

static int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_fork(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(7);
	return reap(pid) == 7 ? 0 : 1;
}

static int run_vfork(void)
{
	pid_t pid = vfork();

	if (!pid) {
		execv("/bin/true", argv_true);
		_exit(1);
	}
	return reap(pid);
}

static int run_spawn(void)
{
	pid_t pid;

	return posix_spawn(&pid, "/bin/true", NULL, NULL, argv_true, environ) ? 1 : reap(pid);
}

static void *exec_true(void *arg)
{
	prctl(PR_SET_NAME, "worker");
	execv("/bin/true", argv_true);
	return arg;
}

/* An execve in a thread that is not the first: the kernel gives it the process's id. */
static int run_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, exec_true, NULL);
	pthread_join(thread, NULL);
	return 1;
}

static void *spawn_some(void *arg)
{
	for (int i = 0; i < 5; i++)
		if (run_spawn())
			return NULL;
	return arg;
}

static int run_threads(void)
{
	pthread_t threads[4];
	void *good;
	int bad = 0;

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, spawn_some, threads);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &good);
		bad |= !good;
	}
	return bad;
}

static int run_fail(void)
{
	execv("/no/such/command", argv_true);
	return errno == ENOENT ? 0 : 1;
}

static int run_name(void)
{
	prctl(PR_SET_NAME, "a name of 15 ch");
	execv("/bin/true", argv_true);
	return 1;
}

static int run_storm(void)
{
	for (int i = 0; i < 1000; i++)
		if (run_vfork())
			return 1;
	return 0;
}

/* fexecve(3): the other call that executes. */
static int run_execveat(void)
{
	return (int)syscall(SYS_execveat, -100, "/bin/true", argv_true, environ, 0);
}

/* A 32-bit call, where the kernel has them (else it is SIGSEGV): getpid. */
static int run_int80(void)
{
	pid_t pid = fork();
	long got = 20;

	if (!pid) {
#ifdef __x86_64__
		__asm__ volatile("int $0x80" : "+a"(got) : : "memory");
#endif
		_exit(got == getpid() ? 0 : 1);
	}
	got = reap(pid);
	return got == 128 + SIGSEGV ? 0 : (int)got;
}

static void note(int sig)
{
	(void)sig;
}

/* Calls with results that are known: close -9, write 3, getppid the parent's id, read of nothing 0. */
static int run_results(void)
{
	int null = open("/dev/null", O_RDWR);
	char byte;

	return close(-1) == -1 && errno == EBADF && write(null, "abc", 3) == 3 &&
			       read(null, &byte, 1) == 0 && getppid() > 0
		       ? 0
		       : 1;
}

static void interrupt_soon(int flags)
{
	struct sigaction act = { .sa_handler = note, .sa_flags = flags };
	struct itimerval soon = { .it_value = { .tv_usec = 20000 } };

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
}

/* Calls that a signal cuts short, that go on after it, and that are restarted with the rest of their time. */
static int run_interrupted(void)
{
	struct timespec time = { .tv_nsec = 60000000 };
	int pipes[2], bad = 0;
	char byte;
	pid_t pid;

	if (pipe(pipes))
		return 1;
	interrupt_soon(0);
	bad |= read(pipes[0], &byte, 1) != -1 || errno != EINTR;
	pid = fork();
	if (!pid) {
		nanosleep(&time, NULL);
		_exit(write(pipes[1], "x", 1) != 1);
	}
	interrupt_soon(SA_RESTART);
	bad |= read(pipes[0], &byte, 1) != 1;
	return bad | reap(pid);
}

/* A job that is stopped and continued, seen by its parent as a shell does. */
static int run_stopped(void)
{
	int status, bad = 0;
	pid_t pid = fork();

	if (!pid) {
		struct timespec time = { .tv_nsec = 100000000 };

		raise(SIGSTOP);
		nanosleep(&time, NULL); /* stopped in there by SIGTSTP */
		_exit(5);
	}
	bad |= waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status) ||
	       WSTOPSIG(status) != SIGSTOP;
	kill(pid, SIGCONT);
	bad |= waitpid(pid, &status, WCONTINUED) != pid || !WIFCONTINUED(status);
	kill(pid, SIGTSTP);
	bad |= waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status) ||
	       WSTOPSIG(status) != SIGTSTP;
	kill(pid, SIGCONT);
	return bad | (reap(pid) != 5);
}

/* Children that die of signals, one of them in a call. */
static int run_killed(void)
{
	static const int signals[] = { SIGKILL, SIGTERM, SIGSEGV };
	int bad = 0;

	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (!pid) {
			pause();
			_exit(0);
		}
		kill(pid, signals[i]);
		bad |= reap(pid) != 128 + signals[i];
	}
	return bad;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} ways[] = {
		{ "fork", run_fork },	      { "vfork", run_vfork },
		{ "spawn", run_spawn },	      { "thread", run_thread },
		{ "threads", run_threads },   { "fail", run_fail },
		{ "name", run_name },	      { "storm", run_storm },
		{ "execveat", run_execveat }, { "int80", run_int80 },
		{ "results", run_results },   { "interrupted", run_interrupted },
		{ "stopped", run_stopped },   { "killed", run_killed },
	};

	for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(argv[1], ways[i].name))
			return ways[i].run();
	fprintf(stderr, "workload: no such way\n");
	return 2;
}
