// SPDX-License-Identifier: BSD-2-Clause
/*
 * What libbpf believes to be the C library: bpf(2), perf_event_open(2) and its ioctls, the paths it
 * looks at before it makes the call that matters. Each function asks the answer in use on this
 * thread; where that is Linux, or the call has nothing to do with the seam, it goes to libc.
 *
 * Invariant: these functions behave as libc's do (-1 and errno), and without an answer in use they
 * are libc's.
 */
#include "load/seam.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "bcc/reads.h"
#include "event/paths.h"

static _Thread_local struct {
	struct answer *answer;
	struct log *log;
} now;

static atomic_int first_kind; /* 0: none yet, 1: skep, 2: Linux */

FILE *seam_stderr; /* libbpf prints through print() below, never here */

static struct hive *hive(void)
{
	return now.answer ? now.answer->hive : NULL;
}

static long result(long ret)
{
	if (ret >= 0)
		return ret;
	errno = (int)-ret;
	return -1;
}

static int print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level != LIBBPF_DEBUG)
		vsay(now.log, fmt, ap);
	return 0;
}

/* Linux before 5.11 counts maps as locked memory: as much of it as we may have. libbpf would only complain. */
static void lift_memlock(void)
{
	struct rlimit most = { RLIM_INFINITY, RLIM_INFINITY };

	if (!setrlimit(RLIMIT_MEMLOCK, &most) || getrlimit(RLIMIT_MEMLOCK, &most))
		return;
	most.rlim_cur = most.rlim_max;
	setrlimit(RLIMIT_MEMLOCK, &most);
}

int answer_init(struct answer *answer, struct hive *h, struct log *log)
{
	int kind = h ? 1 : 2, none = 0;

	if (!atomic_compare_exchange_strong(&first_kind, &none, kind) && none != kind)
		return fail(log, -EBUSY,
			    "one process can load through skep or through Linux, not through both");
	if (none == 0) {
		libbpf_set_print(print);
		libbpf_set_memlock_rlim(0);
		if (!h)
			lift_memlock();
	}
	*answer = (struct answer){
		.hive = h,
		.why = log,
		.caller = { .ops = &caller_self_ops,
			    .pid = (u32)gettid(),
			    .tgid = (u32)getpid(),
			    .uid = getuid(),
			    .gid = getgid() },
	};
	return 0;
}

void seam_enter(struct answer *answer, struct log *log)
{
	now.answer = answer;
	now.log = log;
}

void seam_leave(void)
{
	now.answer = NULL;
	now.log = NULL;
}

static long bpf(int cmd, const void *attr, unsigned int size)
{
	if (hive())
		return result(
			core_bpf(hive(), &now.answer->caller, cmd, (u64)(uintptr_t)attr, size));
	return syscall(__NR_bpf, cmd, attr, size);
}

static long load_bcc(const void *attr, unsigned int size)
{
	struct bcc_reads reads;
	long ret = bcc_reads(attr, size, &reads);

	if (ret == -ENOSPC)
		say(now.log, "no room on the stack for what is read through the kernel's pointers: "
			     "make local variables smaller, or call bpf_probe_read_kernel()\n");
	if (ret)
		return result(ret);
	ret = bpf(BPF_PROG_LOAD, reads.changed ? &reads.attr : attr, size);
	bcc_reads_free(&reads);
	return ret;
}

/* bpf(2) and perf_event_open(2); no other call of libbpf's goes by number. */
long seam_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	if (nr == __NR_bpf && a == BPF_PROG_LOAD && now.answer && now.answer->bcc)
		return load_bcc((const void *)b, (unsigned int)c);
	if (nr == __NR_bpf)
		return bpf((int)a, (const void *)b, (unsigned int)c);
	if (hive() && nr == __NR_perf_event_open)
		return result(core_perf_event_open(hive(), &now.answer->caller, (u64)a, (int)b,
						   (int)c, (int)d, (u64)e));
	return syscall(nr, a, b, c, d, e, f);
}

int seam_ioctl(int fd, unsigned long cmd, unsigned long arg)
{
	int ret = hive() ? core_ioctl(hive(), &now.answer->caller, fd, cmd, arg) : -ENOTTY;

	return ret == -ENOTTY ? ioctl(fd, cmd, arg) : (int)result(ret);
}

/* A map's fd is a memfd where it can be mapped, so these need no answer of ours. */
void *seam_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return mmap(addr, len, prot, flags, fd, off);
}

int seam_munmap(void *addr, size_t len)
{
	return munmap(addr, len);
}

/* A buffer's fd is a memfd, which cannot be polled: its eventfd is polled in its place, by edges, with the caller's data. */
int seam_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	int wake = hive() ? core_wake_fd(hive(), &now.answer->caller, fd) : -EINVAL;
	struct epoll_event edge;

	if (wake < 0 || !event)
		return epoll_ctl(epoll, op, wake < 0 ? fd : wake, event);
	edge = *event;
	edge.events |= EPOLLET;
	return epoll_ctl(epoll, op, wake, &edge);
}

int seam_epoll_wait(int epoll, struct epoll_event *events, int max, int timeout)
{
	return epoll_wait(epoll, events, max, timeout);
}

int seam_open(const char *path, int flags, unsigned int mode)
{
	return hive() && paths_claim(path) ? (int)result(-ENOENT) : open(path, flags, mode);
}

FILE *seam_fopen(const char *path, const char *mode)
{
	char text[8192];
	int len;
	FILE *file;

	if (!hive() || !paths_claim(path))
		return fopen(path, mode);
	len = paths_read(hive(), path, text, sizeof(text));
	if (len == -ENOENT)
		paths_missing(path, now.answer->why);
	if (len < 0 || len >= (int)sizeof(text)) {
		errno = len < 0 ? -len : EIO;
		return NULL;
	}
	/* fmemopen would look at our buffer later: it allocates one of its own and gets a copy */
	file = fmemopen(NULL, sizeof(text), "w+");
	if (file) {
		fwrite(text, 1, (size_t)len, file);
		rewind(file);
	}
	return file;
}

int seam_faccessat(int dir, const char *path, int mode, int flags)
{
	return hive() && paths_claim(path) ? (int)result(min(paths_kind(hive(), path), 0))
					   : faccessat(dir, path, mode, flags);
}

int seam_access(const char *path, int mode)
{
	return seam_faccessat(AT_FDCWD, path, mode, 0);
}

int seam_statfs(const char *path, struct statfs *out)
{
	if (!hive() || !paths_in_bpffs(path))
		return statfs(path, out);
	if (core_bpffs_kind(hive(), path) < 0)
		return (int)result(-ENOENT);
	*out = (struct statfs){ .f_type = BPF_FS_MAGIC, .f_bsize = 4096, .f_namelen = 255 };
	return 0;
}

int seam_unlink(const char *path)
{
	return hive() && paths_in_bpffs(path) ? (int)result(core_bpffs_remove(hive(), path, false))
					      : unlink(path);
}

int seam_mkdir(const char *path, unsigned int mode)
{
	return hive() && paths_in_bpffs(path) ? (int)result(core_bpffs_mkdir(hive(), path))
					      : mkdir(path, mode);
}

/* glibc's other names of the same functions, where off_t has 64 bits */
void *seam_mmap64(void *, size_t, int, int, int, off_t) __attribute__((alias("seam_mmap")));
int seam_open64(const char *, int, unsigned int) __attribute__((alias("seam_open")));
FILE *seam_fopen64(const char *, const char *) __attribute__((alias("seam_fopen")));
int seam_statfs64(const char *, struct statfs *) __attribute__((alias("seam_statfs")));
