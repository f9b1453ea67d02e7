/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks over /proc (see task.h). An entry keeps an fd of /proc/TID/comm: reading it gives the
 * name of this moment, and fails with ESRCH when the thread is gone, which is what keeps a reused
 * id from being taken for its predecessor. Since ids come again only after all others, an entry
 * that was known less than TRUSTED_NS ago needs no such proof. Linux makes that file for each process
 * when it is first opened, which costs more than all else of an event: it is opened when a name is
 * asked for, or when the thread is met again after that time. Entries are found by hash in sets of
 * WAYS; the oldest of a set makes room, so the fds held are bounded however many processes come and go.
 */
#include "event/task.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "event/stack.h"
#include "util/proc.h"

enum { SETS = 32, WAYS = 4, TRUSTED_NS = 20000000, OPEN_AFTER = 3 };

struct entry {
	struct task task;
	struct task_cache *cache;
	int comm_fd, mem_fd;
	u32 reads; /* of its memory: mem_fd is opened when there were some */
	bool creds_known;
	u32 uid, gid;
	u64 used;	 /* clock of the last task_get() */
	u64 seen_ns;	 /* when it was last known to be the thread it is */
	bool comm_known; /* comm is of this event */
	char comm[16];
	struct stack_reader *stack; /* NULL: none was asked for yet */
};

struct task_cache {
	u64 clock;
	bool keep_memory; /* who uses the cache tells of every execve */
	struct entry entries[SETS][WAYS];
};

static struct entry *entry_of(struct task *task)
{
	return container_of(task, struct entry, task);
}

static int open_proc(u32 tid, const char *file)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%u/%s", tid, file);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec;
}

/* Reads the present name through the kept fd; false where the thread is gone. */
static bool refresh_comm(struct entry *entry)
{
	ssize_t len = pread(entry->comm_fd, entry->comm, sizeof(entry->comm), 0);

	entry->comm_known = true;
	if (len <= 0) {
		memset(entry->comm, 0, sizeof(entry->comm));
		return false;
	}
	memset(entry->comm + len - 1, 0,
	       sizeof(entry->comm) - (size_t)len + 1); /* the newline and after */
	entry->seen_ns = now_ns();
	return true;
}

static void forget_memory(struct entry *entry)
{
	if (entry->mem_fd >= 0)
		close(entry->mem_fd);
	entry->mem_fd = -1;
	entry->reads = 0;
}

static void forget(struct entry *entry)
{
	if (entry->comm_fd >= 0)
		close(entry->comm_fd);
	forget_memory(entry);
	stack_reader_free(entry->stack);
	*entry = (struct entry){
		.task = { .ops = entry->task.ops }, .cache = entry->cache, .comm_fd = -1, .mem_fd = -1
	};
}

/* All but one, which may be in use; NULL: all. */
static void forget_others(struct task_cache *cache, const struct entry *kept)
{
	for (int i = 0; i < SETS * WAYS; i++)
		if (&cache->entries[i / WAYS][i % WAYS] != kept)
			forget(&cache->entries[i / WAYS][i % WAYS]);
}

/* Where no fd is left, all that the cache holds are given up for this one. */
static void open_comm(struct entry *entry)
{
	if (entry->comm_fd >= 0 || !entry->task.pid)
		return;
	entry->comm_fd = open_proc(entry->task.pid, "comm");
	if (entry->comm_fd < 0 && (errno == EMFILE || errno == ENFILE)) {
		forget_others(entry->cache, entry);
		entry->comm_fd = open_proc(entry->task.pid, "comm");
	}
}

/* The value of a line "Name:\tN..." of /proc/TID/status. */
static u32 status_field(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at ? (u32)strtoul(at + strlen(name), NULL, 10) : 0;
}

static bool read_status(u32 tid, char *buf, size_t size)
{
	int fd = open_proc(tid, "status");
	ssize_t len;

	if (fd < 0)
		return false;
	len = read(fd, buf, size - 1);
	close(fd);
	buf[max(len, (ssize_t)0)] = '\0';
	return len > 0;
}

/*
 * A signal 0 to thread tid of group tid fails with ESRCH unless tid leads its group: far cheaper
 * than status.
 */
u32 task_group(u32 tid)
{
	char status[2048];

	if (syscall(SYS_tgkill, tid, tid, 0) == 0 || errno != ESRCH)
		return tid;
	return read_status(tid, status, sizeof(status)) ? status_field(status, "\nTgid:\t") : tid;
}

static void task_comm(struct task *task, char comm[16])
{
	struct entry *entry = entry_of(task);

	if (!entry->comm_known) {
		open_comm(entry);
		refresh_comm(entry);
	}
	memcpy(comm, entry->comm, 16);
}

static void task_creds(struct task *task, u32 *uid, u32 *gid)
{
	struct entry *entry = entry_of(task);
	char status[2048];

	if (!entry->creds_known && task->pid && read_status(task->pid, status, sizeof(status))) {
		entry->uid = status_field(status, "\nUid:\t");
		entry->gid = status_field(status, "\nGid:\t");
		entry->creds_known = true;
	}
	*uid = entry->uid;
	*gid = entry->gid;
}

/* Costs less than process_vm_readv(2), once it is open; 0 bytes: not the memory it executes in any more. */
static bool read_by_fd(struct entry *entry, void *dst, u64 addr, size_t len)
{
	ssize_t got;

	if (!entry->cache->keep_memory)
		return false;
	if (entry->mem_fd < 0 && entry->reads++ == OPEN_AFTER)
		entry->mem_fd = open_proc(entry->task.pid, "mem");
	if (entry->mem_fd < 0)
		return false;
	got = pread(entry->mem_fd, dst, len, (off_t)addr);
	if (!got)
		forget_memory(entry);
	return got == (ssize_t)len;
}

static int task_read(struct task *task, void *dst, u64 addr, size_t len)
{
	struct iovec local = { dst, len }, remote = { (void *)(uintptr_t)addr, len };

	if (!len || (task->pid && read_by_fd(entry_of(task), dst, addr, len)))
		return 0;
	if (!task->pid ||
	    process_vm_readv((pid_t)task->pid, &local, 1, &remote, 1, 0) != (ssize_t)len)
		return -EFAULT;
	return 0;
}

static int task_write(struct task *task, u64 addr, const void *src, size_t len)
{
	struct iovec local = { (void *)(uintptr_t)src, len },
		     remote = { (void *)(uintptr_t)addr, len };

	if (!len)
		return 0;
	if (!task->pid ||
	    process_vm_writev((pid_t)task->pid, &local, 1, &remote, 1, 0) != (ssize_t)len)
		return -EFAULT;
	return 0;
}

static void task_origin(struct task *task, struct task_origin *out)
{
	proc_origin(task->pid, &out->parent, out->parent_comm, &out->start_ns);
}

static int task_stack(struct task *task, u64 *ips, u32 max)
{
	return stack_walk(&entry_of(task)->stack, task, ips, max);
}

static void task_build_id(struct task *task, struct bpf_stack_build_id *id)
{
	stack_build_id(&entry_of(task)->stack, task, id);
}

static const struct task_ops task_ops = {
	.comm = task_comm,
	.creds = task_creds,
	.read = task_read,
	.write = task_write,
	.origin = task_origin,
	.stack = task_stack,
	.build_id = task_build_id,
};

static void learn(struct entry *entry, u32 tid)
{
	forget(entry);
	if (!tid)
		return;
	entry->task.pid = tid;
	entry->task.tgid = task_group(tid);
	entry->seen_ns = now_ns();
}

/* Whether what is known of the thread may still be believed. */
static bool is_current(struct entry *entry)
{
	entry->comm_known = false;
	return now_ns() - entry->seen_ns < TRUSTED_NS ||
	       (entry->comm_fd >= 0 && refresh_comm(entry));
}

/* A thread that lives for long: from now on there is proof that it is the one it was. */
static void learn_again(struct entry *entry, u32 tid)
{
	learn(entry, tid);
	open_comm(entry);
	refresh_comm(entry);
}

struct task *task_get(struct task_cache *cache, u32 tid)
{
	struct entry *set = cache->entries[tid % SETS], *oldest = set, *entry = NULL;

	for (int i = 0; i < WAYS; i++) {
		if (tid && set[i].task.pid == tid)
			entry = &set[i];
		if (set[i].used < oldest->used)
			oldest = &set[i];
	}
	if (!entry)
		learn(entry = oldest, tid);
	else if (!is_current(entry))
		learn_again(entry, tid);
	entry->used = ++cache->clock;
	return &entry->task;
}

void task_keep_memory(struct task_cache *cache)
{
	cache->keep_memory = true;
}

void task_forget_memory(struct task_cache *cache, u32 tgid)
{
	for (int i = 0; i < SETS * WAYS; i++) {
		struct entry *entry = &cache->entries[i / WAYS][i % WAYS];

		if (entry->task.tgid == tgid)
			forget_memory(entry);
	}
}

void task_forget_creds(struct task *task)
{
	entry_of(task)->creds_known = false;
}

int task_cache_new(struct task_cache **out)
{
	struct task_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return -ENOMEM;
	for (int i = 0; i < SETS * WAYS; i++)
		cache->entries[i / WAYS][i % WAYS] = (struct entry){
			.task = { .ops = &task_ops }, .cache = cache, .comm_fd = -1, .mem_fd = -1
		};
	*out = cache;
	return 0;
}

void task_cache_free(struct task_cache *cache)
{
	if (!cache)
		return;
	forget_others(cache, NULL);
	free(cache);
}
