/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ways to make processes, one a name: workload NAME [ARG...]. Each executes /bin/true so often as
 * its name says.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
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

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} ways[] = {
		{ "fork", run_fork },	  { "vfork", run_vfork },     { "spawn", run_spawn },
		{ "thread", run_thread }, { "threads", run_threads }, { "fail", run_fail },
		{ "name", run_name },	  { "storm", run_storm },     { "execveat", run_execveat },
		{ "int80", run_int80 },
	};

	for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(argv[1], ways[i].name))
			return ways[i].run();
	fprintf(stderr, "workload: no such way\n");
	return 2;
}
