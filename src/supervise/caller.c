/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client's memory, fds and identity (see caller.h). The thread waits in its system call, so its
 * number is its own as long as the notification is valid; that is asked again before anything of
 * it is changed, for a thread can be killed at any moment and its number be given away.
 *
 * An fd is known by (device, inode), asked of /proc/TID/fd without making a file system refresh
 * what it knows: a client's own FUSE must not be able to hold us up.
 */
#include "supervise/caller.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "util/proc.h"

enum { PAGE = 4096, BEFORE = 256, FDS = 16 };

/* /proc/TID/fd of the threads that called last: a look-up through one costs half of one by path. */
struct fd_cache {
	u64 clock;
	struct fd_folder {
		u32 tid;
		int fd; /* fails with ESRCH or ENOENT once its thread is gone, whoever has the number */
		u64 used;
	} folders[FDS];
};

struct fd_cache *fd_cache_new(void)
{
	return calloc(1, sizeof(struct fd_cache));
}

void fd_cache_free(struct fd_cache *cache)
{
	for (int i = 0; cache && i < FDS; i++)
		if (cache->folders[i].tid)
			close(cache->folders[i].fd);
	free(cache);
}

static int open_folder(u32 tid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u/fd", tid);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static struct fd_folder *find_folder(struct fd_cache *cache, u32 tid)
{
	struct fd_folder *oldest = cache->folders;

	for (int i = 0; i < FDS; i++) {
		if (cache->folders[i].tid == tid)
			return &cache->folders[i];
		if (cache->folders[i].used < oldest->used)
			oldest = &cache->folders[i];
	}
	return oldest;
}

/* What file fd is; 0 or -errno. */
static int ask(int folder, int fd, struct statx *out)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", fd);
	return statx(folder, name, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, out) ? -errno : 0;
}

/* O_* of the fd, as the mode of its link says. */
static int ask_access(int folder, int fd, u32 *access)
{
	char name[16];
	struct stat st;

	snprintf(name, sizeof(name), "%d", fd);
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW))
		return -EBADF;
	*access = st.st_mode & S_IWUSR ? (st.st_mode & S_IRUSR ? O_RDWR : O_WRONLY) : O_RDONLY;
	return 0;
}

static int identify_in(int folder, int fd, struct fd_key *out)
{
	struct statx stx;
	int err = ask(folder, fd, &stx);

	if (err)
		return err;
	*out = (struct fd_key){ .dev = makedev(stx.stx_dev_major, stx.stx_dev_minor),
				.ino = stx.stx_ino,
				.access = O_WRONLY };
	return S_ISFIFO(stx.stx_mode) ? 0 : ask_access(folder, fd, &out->access);
}

/* Through the cache; a folder of a thread that is gone makes room for that of its successor. */
static int identify_cached(struct fd_cache *cache, u32 tid, int fd, struct fd_key *out)
{
	struct fd_folder *folder = find_folder(cache, tid);
	int fresh;

	folder->used = ++cache->clock;
	if (folder->tid == tid && !identify_in(folder->fd, fd, out))
		return 0;
	fresh = open_folder(tid);
	if (fresh < 0)
		return -EBADF;
	if (folder->tid)
		close(folder->fd);
	folder->tid = tid;
	folder->fd = fresh;
	return identify_in(fresh, fd, out) ? -EBADF : 0;
}

static struct client_call *call_of(struct caller *caller)
{
	return container_of(caller, struct client_call, caller);
}

static int client_identify(struct caller *caller, int fd, struct fd_key *out)
{
	struct client_call *call = call_of(caller);
	int folder, err;

	if (fd < 0)
		return -EBADF;
	if (call->cache)
		return identify_cached(call->cache, caller->pid, fd, out);
	folder = open_folder(caller->pid);
	if (folder < 0)
		return -EBADF;
	err = identify_in(folder, fd, out);
	close(folder);
	return err ? -EBADF : 0;
}

static int read_memory(u32 tid, void *dst, u64 addr, size_t len)
{
	struct iovec local = { dst, len }, remote = { (void *)(uintptr_t)addr, len };

	return tid && process_vm_readv((pid_t)tid, &local, 1, &remote, 1, 0) == (ssize_t)len ?
		       0 :
		       -EFAULT;
}

/* Whether all of it was read ahead. */
static bool in_window(const struct client_call *call, u64 addr, size_t len)
{
	return addr >= call->window_addr && addr - call->window_addr <= call->window_len &&
	       len <= call->window_len - (addr - call->window_addr);
}

/* Reads what lies around addr in its page. */
static void read_ahead(struct client_call *call, u64 addr)
{
	u64 page = addr & ~(u64)(PAGE - 1), from = max(page, addr - min(addr, (u64)BEFORE));
	u32 len = (u32)min(page + PAGE - from, (u64)sizeof(call->window));

	call->window_addr = from;
	call->window_len = read_memory(call->caller.pid, call->window, from, len) ? 0 : len;
}

static int client_read(struct caller *caller, void *dst, u64 addr, size_t len)
{
	struct client_call *call = call_of(caller);

	if (!call->window_addr && len <= sizeof(call->window) - BEFORE)
		read_ahead(call, addr);
	if (!in_window(call, addr, len))
		return read_memory(caller->pid, dst, addr, len);
	memcpy(dst, call->window + (addr - call->window_addr), len);
	return 0;
}

static int client_write(struct caller *caller, u64 addr, const void *src, size_t len)
{
	struct client_call *call = call_of(caller);
	struct iovec local = { (void *)(uintptr_t)src, len },
		     remote = { (void *)(uintptr_t)addr, len };

	call->window_len = 0; /* what was read ahead may be written over */
	if (!client_call_valid(call) ||
	    process_vm_writev((pid_t)caller->pid, &local, 1, &remote, 1, 0) != (ssize_t)len)
		return -EFAULT;
	return 0;
}

static int client_install(struct caller *caller, int fd, bool cloexec)
{
	struct client_call *call = call_of(caller);
	struct seccomp_notif_addfd add = { .id = call->notif->id,
					   .srcfd = (u32)fd,
					   .newfd_flags = cloexec ? O_CLOEXEC : 0 };
	int ret = ioctl(call->tree->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);

	if (ret < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static bool client_gone(struct caller *caller)
{
	struct client_call *call = call_of(caller);

	return (call->ending && __atomic_load_n(call->ending, __ATOMIC_RELAXED)) ||
	       !client_call_valid(call);
}

static const struct caller_ops client_ops = {
	.read = client_read,
	.write = client_write,
	.identify = client_identify,
	.install = client_install,
	.gone = client_gone,
};

/* ---- the calling thread, as programs that it runs see it ---- */

static struct client_call *call_of_task(struct task *task)
{
	return container_of(task, struct client_call, task);
}

static void task_comm(struct task *task, char comm[16])
{
	char path[32];
	ssize_t len;
	int fd;

	memset(comm, 0, 16);
	snprintf(path, sizeof(path), "/proc/%u/comm", task->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	len = read(fd, comm, 16);
	close(fd);
	if (len > 0)
		comm[len - 1] = '\0'; /* the newline */
}

static void task_creds(struct task *task, u32 *uid, u32 *gid)
{
	*uid = call_of_task(task)->caller.uid;
	*gid = call_of_task(task)->caller.gid;
}

static int task_read(struct task *task, void *dst, u64 addr, size_t len)
{
	return len ? read_memory(task->pid, dst, addr, len) : 0;
}

static int task_write(struct task *task, u64 addr, const void *src, size_t len)
{
	return len ? client_write(&call_of_task(task)->caller, addr, src, len) : 0;
}

static void task_origin(struct task *task, struct task_origin *out)
{
	proc_origin(task->pid, &out->parent, out->parent_comm, &out->start_ns);
}

static const struct task_ops client_task_ops = {
	.comm = task_comm,
	.creds = task_creds,
	.read = task_read,
	.write = task_write,
	.origin = task_origin,
};

void client_call_start(struct client_call *call, struct tree *tree,
		       const struct seccomp_notif *notif, struct fd_cache *cache, const u32 *ending)
{
	call->caller = (struct caller){
		.ops = &client_ops, .pid = notif->pid, .tgid = notif->pid, .task = &call->task
	};
	call->task = (struct task){ .ops = &client_task_ops, .pid = notif->pid };
	call->tree = tree;
	call->notif = notif;
	call->cache = cache;
	call->ending = ending;
	call->window_addr = call->window_len = 0;
}

/* The first number in the line "Name:\t…" of a status text. */
static u32 field(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at ? (u32)strtoul(at + strlen(name), NULL, 10) : 0;
}

void client_call_identify(struct client_call *call)
{
	char path[32], status[4096];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/status", call->caller.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	len = read(fd, status, sizeof(status) - 1);
	close(fd);
	status[max(len, (ssize_t)0)] = '\0';
	call->caller.tgid = call->task.tgid = field(status, "\nTgid:\t");
	call->caller.uid = field(status, "\nUid:\t");
	call->caller.gid = field(status, "\nGid:\t");
}

bool client_call_valid(const struct client_call *call)
{
	return ioctl(call->tree->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call->notif->id) == 0;
}
