/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Benchmark of supervised clients: what bpf(2), a look at a path and calls that are nobody's cost under
 * skep exec, beside the same without it (bpf(2) of the kernel, where that is permitted) and under a bare
 * listener (bare.h): what the exchange alone costs here, and what it costs with the system calls that
 * no answer to a lookup can do without. It runs itself as the client; rounds are short and their median
 * counts.
 */
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bare.h"

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

enum { ROUNDS = 301, CALLS = 200, LOADS = 21 };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int fd, array;
static uint32_t key = 1;
static uint64_t value = 7;

static long element(int cmd, int map)
{
	union bpf_attr attr = { .map_fd = (uint32_t)map };

	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)&value;
	return syscall(SYS_bpf, cmd, &attr, sizeof(attr));
}

static int new_map(uint32_t type)
{
	union bpf_attr attr = {
		.map_type = type, .key_size = 4, .value_size = 8, .max_entries = 64
	};

	return (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static void look_up(void)
{
	element(BPF_MAP_LOOKUP_ELEM, fd);
}
static void look_up_array(void)
{
	element(BPF_MAP_LOOKUP_ELEM, array);
}
static void update(void)
{
	element(BPF_MAP_UPDATE_ELEM, fd);
}
static void look_at_path(void)
{
	access("/usr/bin", F_OK);
}
static void nobodys(void)
{
	syscall(SYS_getppid);
}
static void make_map(void)
{
	close(new_map(BPF_MAP_TYPE_HASH));
}

static void measure(const char *name, void (*call)(void), int calls)
{
	double rounds[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		double start = now();

		for (int j = 0; j < calls; j++)
			call();
		rounds[i] = (now() - start) / calls;
	}
	qsort(rounds, ROUNDS, sizeof(*rounds), compare);
	printf("%-28s %8.0f ns   (a tenth below %.0f)\n", name, rounds[ROUNDS / 2],
	       rounds[ROUNDS / 10]);
}

static int client(void)
{
	fd = new_map(BPF_MAP_TYPE_HASH);
	array = new_map(BPF_MAP_TYPE_ARRAY);
	measure("call that is nobody's", nobodys, CALLS);
	measure("access(2) of a path", look_at_path, CALLS);
	if (fd < 0 || element(BPF_MAP_UPDATE_ELEM, fd))
		return printf("bpf(2): not permitted\n") < 0;
	measure("lookup in a hash", look_up, CALLS);
	measure("lookup in an array", look_up_array, CALLS);
	measure("update in a hash", update, CALLS);
	measure("map made and closed", make_map, LOADS);
	return 0;
}

/* ---- the floor ---- */

static union bpf_attr *attr_here;
static int pipes[2];

/* A call that nobody answers, with what a lookup gives. */
static void exchange(void)
{
	syscall(SYS_getppid, attr_here, &key, &value, pipes[1]);
}

/* attr and key read, the fd known by a copy of it, a value written: for one client. */
static void as_lookup(const struct seccomp_notif *notif)
{
	static int pidfd = -1, mem;
	const __u64 *args = notif->data.args;
	struct iovec local = { &value, sizeof(value) };
	struct iovec remote = { (void *)(uintptr_t)args[2], sizeof(value) };
	union bpf_attr attr;
	uint32_t got;
	struct stat st;
	char path[32];
	int copy;

	if (pidfd < 0) {
		snprintf(path, sizeof(path), "/proc/%u/mem", notif->pid);
		mem = open(path, O_RDONLY);
		pidfd = (int)syscall(SYS_pidfd_open, notif->pid, 0);
	}
	if (!args[0] || pread(mem, &attr, sizeof(attr), (off_t)args[0]) < 0)
		return;
	copy = (int)syscall(SYS_pidfd_getfd, pidfd, (int)args[3], 0);
	if (copy < 0 || fstat(copy, &st) || close(copy))
		return;
	if (pread(mem, &got, sizeof(got), (off_t)args[1]) == sizeof(got))
		process_vm_writev((pid_t)notif->pid, &local, 1, &remote, 1, 0);
}

static int floor_client(const char *what)
{
	union bpf_attr attr = { 0 };

	attr_here = &attr;
	if (pipe(pipes))
		return 1;
	measure(what, exchange, CALLS);
	return 0;
}

static void floor_run(char *self, char *what, void (*look)(const struct seccomp_notif *notif))
{
	char *argv[] = { self, "floor", what, NULL };
	pid_t pid = fork();

	if (pid == 0)
		bare_run(argv, SYS_getppid, look);
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	char *skep = getenv("SKEP"), self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (argc > 2)
		return floor_client(argv[2]);
	if (argc > 1)
		return client();
	self[len < 0 ? 0 : len] = 0;
	printf("without skep:\n");
	fflush(stdout);
	client();
	printf("under a bare listener:\n");
	fflush(stdout);
	floor_run(self, "the exchange alone", NULL);
	floor_run(self, "with a lookup's own calls", as_lookup);
	printf("under skep exec:\n");
	fflush(stdout);
	execl(skep ? skep : "build/skep", "skep", "exec", "--", self, "client", NULL);
	perror("skep");
	return 1;
}
