/* SPDX-License-Identifier: BSD-2-Clause */
/* Who makes a call: another process's thread or this one's, and how its memory and its files are reached. */
#ifndef CORE_CALLER_H
#define CORE_CALLER_H

#include "util/types.h"

struct caller;
struct task;

struct fd_key {
	u64 dev, ino; /* fstat(2)'s identity of an open file */
	u32 access; /* O_RDONLY, O_WRONLY or O_RDWR, as F_GETFL (or the mode of the link /proc/PID/fd/N) says */
};

struct caller_ops {
	int (*read)(struct caller *caller, void *dst, u64 addr, size_t len); /* 0, -EFAULT */
	/* Up to len bytes of a string, no further than its end, which may not be in them; NULL: read() will do. */
	int (*read_text)(struct caller *caller, char *dst, u64 addr, size_t len);
	int (*write)(struct caller *caller, u64 addr, const void *src, size_t len); /* 0, -EFAULT */
	int (*identify)(struct caller *caller, int fd, struct fd_key *out);	    /* 0, -EBADF */
	/* Gives fd to the caller and closes ours (also on error); the caller's number or -errno. */
	int (*install)(struct caller *caller, int fd, bool cloexec);
	/* The absolute path of the folder behind an fd (AT_FDCWD: the working directory), where /proc does not know it:
	 * 0, -ENOENT. May be NULL. */
	int (*folder)(struct caller *caller, int fd, char *out, size_t size);
	/* Whether nobody waits for the answer any more: long work is given up then. May be NULL: never. */
	bool (*gone)(struct caller *caller);
};
struct caller {
	const struct caller_ops *ops;
	u32 pid, tgid, uid, gid;
	struct task *
		task; /* the calling thread, for programs it runs; NULL: the thread of this process that calls */
};

/* The caller for this very process. */
extern const struct caller_ops caller_self_ops;

#endif
