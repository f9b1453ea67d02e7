/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a task says of a thread: name, ids, memory; and that a reused or dead id tells nothing
 * stale.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "event/task.h"
#include "tap.h"

static struct task_cache *cache;

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static const char *comm_of(struct task *task)
{
	static char comm[17];

	task->ops->comm(task, comm);
	return comm;
}

static void check_self(void)
{
	struct task *task = task_get(cache, (u32)getpid());
	char secret[] = "secret", copy[8] = "", *page;
	u32 uid = 1, gid = 1;

	is(task->pid, getpid(), "pid");
	is(task->tgid, getpid(), "the main thread leads its group");
	prctl(PR_SET_NAME, "a name of 15 ch");
	task = task_get(cache, (u32)getpid());
	ok(!strcmp(comm_of(task), "a name of 15 ch"), "comm is the present one");
	task->ops->creds(task, &uid, &gid);
	ok(uid == getuid() && gid == getgid(), "uid and gid");
	is(task->ops->read(task, copy, (u64)(uintptr_t)secret, 7), 0, "reads memory");
	ok(!strcmp(copy, "secret"), "and gets it");
	is(task->ops->read(task, copy, 0, 1), -EFAULT, "NULL is -EFAULT");
	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(page + 4096, 4096);
	is(task->ops->read(task, copy, (u64)(uintptr_t)page + 4092, 8), -EFAULT,
	   "half a read is none");
	is(task->ops->write(task, (u64)(uintptr_t)page, "x", 1), 0, "writes memory");
	ok(page[0] == 'x', "and it is there");
}

static pthread_barrier_t barrier;
static pid_t thread_id;

static void *thread(void *arg)
{
	thread_id = (pid_t)syscall(SYS_gettid);
	prctl(PR_SET_NAME, "second");
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return arg;
}

static void check_thread(void)
{
	struct task *task;
	pthread_t id;

	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&id, NULL, thread, NULL);
	pthread_barrier_wait(&barrier);
	task = task_get(cache, (u32)thread_id);
	is(task->pid, thread_id, "a thread has its own pid");
	is(task->tgid, getpid(), "and its process as tgid");
	ok(!strcmp(comm_of(task), "second"), "and its own comm");
	pthread_barrier_wait(&barrier);
	pthread_join(id, NULL);
	for (int i = 0; i < 100 && !syscall(SYS_tgkill, getpid(), thread_id, 0); i++)
		usleep(1000); /* join returns a moment before the thread is gone */
	task = task_get(cache, (u32)thread_id);
	ok(!strcmp(comm_of(task), ""), "a thread that is gone has no comm");
}

static void check_many(void)
{
	int before = count_fds(), idle = -1, named = 0;
	struct task *task;

	prctl(PR_SET_NAME, "second test");
	for (int i = 0; i < 1000; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(pause());
		task = task_get(cache, (u32)pid);
		if (i == 500)
			idle = count_fds() - before;
		if (i >= 500)
			named += !strcmp(comm_of(task), "second test");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	ok(idle <= 0, "500 processes whose name nobody asks for cost no fd: %d", idle);
	is(named, 500, "the others have the name they were made with");
	ok(count_fds() - before <= 128, "1,000 processes leave at most 128 fds: %d",
	   count_fds() - before);
}

/* Memory that is read often is read through an fd, until an execve is told of. */
static void check_memory(void)
{
	static volatile u32 value = 41;
	int before = count_fds();
	pid_t pid = fork();
	struct task *task;
	u32 got = 0, right = 0;

	if (!pid) {
		value = 42;
		raise(SIGSTOP);
		_exit(0);
	}
	waitpid(pid, NULL, WUNTRACED);
	task_keep_memory(cache);
	comm_of(task_get(cache, (u32)pid)); /* from now on it is known to be the one it is */
	for (int i = 0; i < 8; i++) {
		task = task_get(cache, (u32)pid);
		got = 0;
		task->ops->read(task, &got, (u64)(uintptr_t)&value, sizeof(got));
		right += got == 42;
	}
	is(right, 8, "memory is read right, often");
	is(task->ops->read(task, &got, 8, sizeof(got)), -EFAULT, "and where there is none");
	is(count_fds() - before, 2, "by a file that stays open");
	task_forget_memory(cache, (u32)pid);
	is(count_fds() - before, 1, "until the memory may be another");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	int before = count_fds();
	struct task *task;

	is(task_cache_new(&cache), 0, "cache");
	check_self();
	check_thread();
	check_memory();
	check_many();
	task = task_get(cache, 0);
	ok(task && !strcmp(comm_of(task), ""), "tid 0 is a task without a name");
	is(task->ops->read(task, &before, (u64)(uintptr_t)&before, 1), -EFAULT,
	   "and without memory");
	task_cache_free(cache);
	is(count_fds(), before, "freed with all its fds");
	return done();
}
