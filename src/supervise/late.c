/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tracer for a tree that runs: for programs that are attached to what its filter lets pass. Its
 * threads are found in /proc, by descent from the command; what left the tree by becoming init's
 * child is not found. The tracer makes its threads' children its own by itself, so the search ends
 * when it finds nobody new.
 */
#include "supervise/tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "supervise/raw.h"

enum { PROCESSES = 65536, PASSES = 10, ANSWER_MS = 5000 };

struct start {
	struct tracer tracer;
	int ours;
};

static BARE void tracer_main(void *arg)
{
	struct start *start = arg;

	raw3(SYS_close, start->ours, 0, 0);
	tracer_live(&start->tracer);
}

int tree_trace(struct tree *tree, const struct trace_wants *wants, int signal)
{
	struct start start = { .tracer = {
				       .signal = signal, .late = true, .shared = tree->shared } };
	sigset_t all, old;
	int sockets[2];
	long pid;
	u8 *stack;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return -errno;
	stack = mmap(NULL, KEEPER_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	tree->shared->wants = *wants;
	tree->shared->nr_tids = 0;
	tree->shared->asked++; /* so that it does not find that nobody is there */
	start.ours = sockets[0];
	start.tracer.socket = sockets[1];
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = stack == MAP_FAILED ? -ENOMEM
				  : raw_clone(0, stack + KEEPER_STACK, tracer_main, &start, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	close(sockets[1]);
	if (stack != MAP_FAILED)
		munmap(stack, KEEPER_STACK);
	if (pid < 0) {
		close(sockets[0]);
		return (int)pid;
	}
	tree->trace = sockets[0];
	tree->tracer = (s32)pid;
	return 0;
}

/* Calls each() for every numeric entry of a folder of /proc. */
static void each_number(const char *path, void (*each)(void *arg, s32 number), void *arg)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			each(arg, atoi(entry->d_name));
	if (dir)
		closedir(dir);
}

struct search {
	struct {
		s32 pid, parent;
		bool ours;
	} * processes;
	u32 count;
	struct tree_shared *shared;
};

static s32 parent_of(s32 pid)
{
	char path[48], text[512], *end;
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	end = strrchr(text, ')'); /* the name before may hold anything */
	return end && end[1] && end[2] ? atoi(end + 4) : 0;
}

static void add_process(void *arg, s32 pid)
{
	struct search *search = arg;

	if (search->count == PROCESSES)
		return;
	search->processes[search->count].pid = pid;
	search->processes[search->count].parent = parent_of(pid);
	search->processes[search->count++].ours = false;
}

static void add_thread(void *arg, s32 tid)
{
	struct tree_shared *shared = ((struct search *)arg)->shared;

	if (shared->nr_tids < TREE_TIDS)
		shared->tids[shared->nr_tids++] = tid;
}

static bool mark(struct search *search, s32 command)
{
	bool found = false;

	for (u32 i = 0; i < search->count; i++) {
		bool ours = search->processes[i].pid == command;

		for (u32 j = 0; j < search->count && !ours; j++)
			ours = search->processes[j].ours &&
			       search->processes[j].pid == search->processes[i].parent;
		found |= ours && !search->processes[i].ours;
		search->processes[i].ours |= ours;
	}
	return found;
}

/* The tree's threads as they are now, into shared->tids. */
static int find_threads(struct tree *tree)
{
	struct search search = { .shared = tree->shared };
	char path[48];

	search.processes = calloc(PROCESSES, sizeof(*search.processes));
	if (!search.processes)
		return -ENOMEM;
	each_number("/proc", add_process, &search);
	while (mark(&search, tree->child))
		;
	tree->shared->nr_tids = 0;
	for (u32 i = 0; i < search.count; i++) {
		if (!search.processes[i].ours)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task", search.processes[i].pid);
		each_number(path, add_thread, &search);
	}
	free(search.processes);
	return 0;
}

/* Tells the tracer that there is an order, and waits until it was carried out. */
static int order(struct tree *tree, int signal)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	struct tree_shared *shared = tree->shared;

	shared->asked++;
	for (int ms = 0; shared->done != shared->asked; ms++) {
		if (ms == ANSWER_MS || kill(tree->tracer, signal))
			return -ESRCH;
		nanosleep(&moment, NULL);
	}
	return 0;
}

int tree_stop(struct tree *tree, int signal, bool again)
{
	u32 before = 0;
	int err;

	for (int pass = 0; pass < PASSES; pass++) {
		tree->shared->again = again && !pass;
		tree->shared->refused = false;
		err = find_threads(tree);
		if (!err)
			err = order(tree, signal);
		if (err || tree->shared->nr_tids == before)
			break;
		before = tree->shared->nr_tids;
	}
	if (!err && tree->shared->refused)
		err = -EPERM;
	return err ? err : (int)before;
}
