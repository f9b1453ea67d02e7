/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client's memory, fds and identity (see caller.h). The thread waits in its system call, so its
 * number is its own as long as the notification is valid. A thread can be killed at any moment and its
 * number be given away, but not before all others were: calls that may take long ask again before
 * they change anything.
 *
 * An fd is known by (device, inode): of a copy of it, taken for a moment, or where that is denied
 * (containers), of what /proc says.
 */
#include "supervise/answers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "util/proc.h"

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

enum { PAGE = 4096, BEFORE = 256, PEERS = 16, THREAD = O_EXCL /* PIDFD_THREAD */ };

/*
 * What is kept of a thread. Either fails once the thread is gone, whoever has its number then, and
 * is opened anew.
 */
struct peers {
	u64 clock;
	struct peer {
		u32 tid;	/* 0: free */
		int pidfd, mem; /* -1: cannot be had, -2: not tried yet */
		u64 used;
	} peers[PEERS];
};

struct peers *peers_new(void)
{
	return calloc(1, sizeof(struct peers));
}

static void forget(struct peer *peer)
{
	if (peer->tid && peer->pidfd >= 0)
		close(peer->pidfd);
	if (peer->tid && peer->mem >= 0)
		close(peer->mem);
	*peer = (struct peer){ .pidfd = -2, .mem = -2 };
}

void peers_forget(struct peers *peers)
{
	for (int i = 0; i < PEERS; i++)
		forget(&peers->peers[i]);
}

void peers_free(struct peers *peers)
{
	if (peers)
		peers_forget(peers);
	free(peers);
}

static struct peer *find_peer(struct peers *peers, u32 tid)
{
	struct peer *oldest = peers->peers;

	for (int i = 0; i < PEERS; i++) {
		struct peer *peer = &peers->peers[i];

		if (peer->tid == tid) {
			peer->used = ++peers->clock;
			return peer;
		}
		if (peer->used < oldest->used)
			oldest = peer;
	}
	forget(oldest);
	oldest->tid = tid;
	oldest->used = ++peers->clock;
	return oldest;
}

/* ---- fds ---- */

static int open_folder(u32 tid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u/fd", tid);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* O_* of the fd, as the mode of its link says. */
static int ask_access(int folder, const char *name, u32 *access)
{
	struct stat st;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW))
		return -EBADF;
	*access = st.st_mode & S_IWUSR ? (st.st_mode & S_IRUSR ? O_RDWR : O_WRONLY) : O_RDONLY;
	return 0;
}

/* By /proc, where the fd cannot be taken. */
static int identify_by_name(u32 tid, int fd, struct fd_key *out)
{
	int folder = open_folder(tid), err = -EBADF;
	struct statx stx;
	char name[16];

	if (folder < 0)
		return -EBADF;
	snprintf(name, sizeof(name), "%d", fd);
	if (!statx(folder, name, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &stx)) {
		*out = (struct fd_key){ .dev = makedev(stx.stx_dev_major, stx.stx_dev_minor),
					.ino = stx.stx_ino,
					.access = O_WRONLY };
		err = S_ISFIFO(stx.stx_mode) ? 0 : ask_access(folder, name, &out->access);
	}
	close(folder);
	return err;
}

/* A copy of the thread's fd: -EBADF it has none, -ESRCH, -EPERM. */
static int take_fd(struct peer *peer, int fd)
{
	int taken;

	if (peer->pidfd == -2) {
		peer->pidfd = (int)syscall(SYS_pidfd_open, peer->tid, THREAD);
		if (peer->pidfd < 0) /* Linux before 6.9: of processes only */
			peer->pidfd = (int)syscall(SYS_pidfd_open, peer->tid, 0);
	}
	if (peer->pidfd < 0)
		return -EPERM;
	taken = (int)syscall(SYS_pidfd_getfd, peer->pidfd, fd, 0);
	return taken < 0 ? -errno : taken;
}

/* By a copy of the fd: cheaper by half. */
static int identify_by_copy(struct peer *peer, int fd, struct fd_key *out)
{
	u32 tid = peer->tid;
	int taken = take_fd(peer, fd), flags = O_WRONLY, err;
	struct stat st;

	if (taken == -ESRCH) {
		forget(peer);
		peer->tid = tid;
		taken = take_fd(peer, fd);
	}
	if (taken < 0)
		return taken;
	err = fstat(taken, &st) ? -EBADF : 0;
	if (!err && !S_ISFIFO(st.st_mode))
		flags = fcntl(taken, F_GETFL);
	close(taken);
	*out = (struct fd_key){ .dev = st.st_dev,
				.ino = st.st_ino,
				.access = (u32)flags & O_ACCMODE };
	return flags < 0 ? -EBADF : err;
}

static struct client_call *call_of(struct caller *caller)
{
	return container_of(caller, struct client_call, caller);
}

static int client_identify(struct caller *caller, int fd, struct fd_key *out)
{
	struct client_call *call = call_of(caller);
	int err = -EPERM;

	if (fd < 0)
		return -EBADF;
	if (call->peers)
		err = identify_by_copy(find_peer(call->peers, caller->pid), fd, out);
	return err && err != -EBADF ? identify_by_name(caller->pid, fd, out) : err;
}

/* ---- memory ---- */

static int read_memory(u32 tid, void *dst, u64 addr, size_t len)
{
	struct iovec local = { dst, len }, remote = { (void *)(uintptr_t)addr, len };

	return tid && process_vm_readv((pid_t)tid, &local, 1, &remote, 1, 0) == (ssize_t)len
		       ? 0
		       : -EFAULT;
}

static int open_memory(u32 tid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u/mem", tid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Through the kept file of its memory; what that does not give is asked for the plain way. */
static int read_peer(struct client_call *call, void *dst, u64 addr, size_t len)
{
	u32 tid = call->caller.pid;
	struct peer *peer = call->peers && tid ? find_peer(call->peers, tid) : NULL;

	if (peer && peer->mem == -2)
		peer->mem = open_memory(tid);
	if (peer && peer->mem >= 0 && pread(peer->mem, dst, len, (off_t)addr) == (ssize_t)len)
		return 0;
	if (peer && peer->mem >= 0) { /* of a thread that is gone, or a bad address */
		close(peer->mem);
		peer->mem = -2;
	}
	return read_memory(tid, dst, addr, len);
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
	call->window_len = read_peer(call, call->window, from, len) ? 0 : len;
}

static int client_read(struct caller *caller, void *dst, u64 addr, size_t len)
{
	struct client_call *call = call_of(caller);

	if (!call->window_addr && len <= sizeof(call->window) - BEFORE)
		read_ahead(call, addr);
	if (!in_window(call, addr, len))
		return read_peer(call, dst, addr, len);
	memcpy(dst, call->window + (addr - call->window_addr), len);
	return 0;
}

static int client_write(struct caller *caller, u64 addr, const void *src, size_t len)
{
	struct client_call *call = call_of(caller);
	struct iovec local = { (void *)(uintptr_t)src, len },
		     remote = { (void *)(uintptr_t)addr, len };

	call->window_len = 0; /* what was read ahead may be written over */
	if ((!call->peers && !client_call_valid(call)) ||
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

/* Whether the caller's fd is closed by execve(2). */
static bool is_cloexec(u32 tid, int number)
{
	char path[48], text[256];
	const char *flags;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/fdinfo/%d", tid, number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[max(len, (ssize_t)0)] = '\0';
	flags = strstr(text, "flags:");
	return !flags || strtoul(flags + strlen("flags:"), NULL, 8) & O_CLOEXEC;
}

int client_call_replace(struct client_call *call, int fd, int number)
{
	struct seccomp_notif_addfd add = {
		.id = call->notif->id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.srcfd = (u32)fd,
		.newfd = (u32)number,
		.newfd_flags = is_cloexec(call->caller.pid, number) ? O_CLOEXEC : 0,
	};
	int err = ioctl(call->tree->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0 ? -errno : 0;

	close(fd);
	return err;
}

static bool client_gone(struct caller *caller)
{
	struct client_call *call = call_of(caller);

	return (call->ending && __atomic_load_n(call->ending, __ATOMIC_RELAXED)) ||
	       !client_call_valid(call);
}

static int client_folder(struct caller *caller, int fd, char *out, size_t size)
{
	struct client_call *call = call_of(caller);

	return call->clients && folder_path(call->clients, call, fd, out, size) ? 0 : -ENOENT;
}

static const struct caller_ops client_ops = {
	.folder = client_folder,
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
		       const struct seccomp_notif *notif, struct peers *peers, const u32 *ending)
{
	call->caller = (struct caller){
		.ops = &client_ops, .pid = notif->pid, .tgid = notif->pid, .task = &call->task
	};
	call->task = (struct task){ .ops = &client_task_ops, .pid = notif->pid };
	call->tree = tree;
	call->notif = notif;
	call->peers = peers;
	call->ending = ending;
	call->clients = NULL;
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
