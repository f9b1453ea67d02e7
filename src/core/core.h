/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf(2) and what belongs to its seam, answered for any caller. A hive is one instance of the
 * subsystem: its objects, ids, pins, event sources, trace pipe. Core never dereferences a caller's
 * address: it goes through struct caller, in process and supervised alike.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include "core/caller.h"
#include "def/run.h"
#include "def/uapi.h"
#include "util/log.h"

struct hive;
struct verify_env;
struct verify_result;
struct rlimit;

struct hive_opts {
	u32 nr_cpus;	 /* 0: possible CPUs of the machine */
	u32 engine;	 /* enum engine (vm/code.h) of programs that are loaded */
	struct log *log; /* diagnostics for a person, may be NULL */
	u64 max_memory;	 /* bytes that its objects may hold; 0: no limit */
	const char *
		btf_path; /* vmlinux BTF for CO-RE and verification; NULL: /sys/kernel/btf/vmlinux */
};
/* Raises the process's soft limit of open files to the hard one: an object is a file of ours as long as a client has it. */
int hive_new(struct hive **out, const struct hive_opts *opts);
void hive_free(struct hive *hive);

/* The limit (RLIMIT_NOFILE) as it was before: what commands are to be started with. */
const struct rlimit *core_files_limit(const struct hive *hive);

/* Objects whose last fd is gone are released at the next call; a loop that sleeps polls core_poll_fd() (readable: call
 * core_reap()) and calls core_reap() when a client exits, which also asks after mapped objects. */
void core_reap(struct hive *hive);
int core_poll_fd(struct hive *hive);

/* bpf(2): attr is an address in the caller; >= 0 or -errno. */
int core_bpf(struct hive *hive, struct caller *caller, int cmd, u64 attr, u32 size);

/*
 * Verification alone: programs are judged as Linux 6.18 would (every helper, whether or not skep can run
 * it) and never run. judge() gets each BPF_PROG_LOAD with its verdict; result is NULL where the load was
 * refused before the verifier saw it. What it returns decides what the caller gets.
 */
enum judged {
	JUDGED,		   /* the verdict, no fd */
	JUDGED_FD_IF_GOOD, /* an fd if it was accepted */
	JUDGED_FD,	   /* an fd in any case: of a program that cannot run */
};
struct core_judge {
	void *arg;
	enum judged (*judge)(void *arg, const union bpf_attr *attr, const struct verify_env *env,
			     const struct verify_result *result, int err);
};
/* One load, judged: BPF_PROG_LOAD's attr, its errno, 0 instead of an fd. */
int core_verify(struct hive *hive, struct caller *caller, u64 attr, u32 size,
		const struct core_judge *judge);
/* From now on all loads of the hive; judge must outlive it. */
void core_set_judge(struct hive *hive, const struct core_judge *judge);

/* Whoever wants to know why loads are rejected: judge() is called for each rejection, its result is not looked at. */
void core_set_observer(struct hive *hive, const struct core_judge *observer);

/* The file of kernel BTF the hive was given, NULL if it was given none. */
const char *core_btf_path(struct hive *hive);

/* perf_event_open(2) for the kinds skep answers (kprobe, uprobe, tracepoint, BPF output), and its ioctls. */
/* Its perf_event_attr.type for the dynamic kinds, as event_source/devices/{kprobe,uprobe}/type tell loaders;
 * bit 0 of config says "return". */
enum { CORE_PERF_KPROBE = 6, CORE_PERF_UPROBE = 7 };
int core_perf_event_open(struct hive *hive, struct caller *caller, u64 attr, int pid, int cpu,
			 int group, u64 flags);
int core_ioctl(struct hive *hive, struct caller *caller, int fd, unsigned long cmd,
	       u64 arg); /* -ENOTTY: not ours */

/* What to poll for an fd of a ring buffer's map or a perf buffer, edge-triggered, in place of the fd itself: an eventfd of
 * the hive's, not to be closed. -EPERM: not pollable; -EBADF; -EINVAL: no object. */
int core_wake_fd(struct hive *hive, struct caller *caller, int fd);

/*
 * For callers that wait by Linux's own poll(2), select(2), epoll: the memfd of a buffer does not let anybody wait, so
 * the caller's fd is exchanged, by who answers him, for a FIFO that does, and back when he is going to map it. What to put
 * in fd's place: an fd of ours; -EALREADY: it is what it is to be; -EINVAL: it is no buffer's; -EBADF, -errno. From then on
 * the FIFO is readable if there is something to read: looked at in this call, and when records come.
 */
int core_fd_to_wait(struct hive *hive, struct caller *caller, int fd);
int core_fd_to_map(struct hive *hive, struct caller *caller, int fd);
/* Whether anybody was given a buffer yet: else there is nothing to exchange. Any thread. */
bool core_has_buffers(struct hive *hive);
/* Somebody is going to wait for he does not say what: looks at all buffers that were exchanged. */
void core_settle_buffers(struct hive *hive);

/* Records that found no room in the ring buffer or perf buffers of a map so far: 0 or -EBADF, -EINVAL. When a map goes
 * that lost some, the hive's log is told how many. */
int core_buffer_lost(struct hive *hive, struct caller *caller, int fd, u64 *lost);

/* What a public handle stands for. */
struct skep;
struct hive *skep_hive(struct skep *skep);
struct log *skep_log(struct skep *skep);

/* The lines of /proc/PID/fdinfo that Linux has for the object behind the caller's fd, and its access mode: 0, -EINVAL (none of
 * ours), -EBADF. */
struct text;
int core_fdinfo(struct hive *hive, struct caller *caller, int fd, struct text *to, u32 *access);

/* The virtual bpffs: what file calls on absolute paths at and below /sys/fs/bpf answer. */
int core_bpffs_mkdir(struct hive *hive,
		     const char *path); /* 0, -EEXIST, -ENOENT, -ENOTDIR, -EPERM */
int core_bpffs_remove(struct hive *hive, const char *path,
		      bool folder);			  /* unlink, rmdir: 0 or -errno */
int core_bpffs_kind(struct hive *hive, const char *path); /* 1: a folder, 0: a pin, -ENOENT */
/* A pin opened as a file: of an iterator, an fd of ours to read its text from; -EIO of anything else, as Linux. */
int core_bpffs_open(struct hive *hive, const char *path);
/* Calls each() for every entry of a folder until it returns non-zero, which is returned; -ENOTDIR. */
int core_bpffs_list(struct hive *hive, const char *path,
		    int (*each)(void *arg, const char *name, bool folder), void *arg);

/* The trace pipe (bpf_trace_printk): lines go to a bounded buffer; reading takes them away. */
void core_trace_write(struct hive *hive, const char *line, size_t len);
/* Up to size bytes, 0 if empty; *lost counts lines dropped since the last call. fd for poll(2): core_trace_fd(). */
size_t core_trace_read(struct hive *hive, char *buf, size_t size, u64 *lost);
int core_trace_fd(struct hive *hive);

/* Whether a ring or perf buffer holds what its consumer has not read yet. */
bool core_unread(struct hive *hive);

#endif
