/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf(2) and what belongs to its seam, answered for any caller. A hive is one instance of the
 * subsystem: its objects, ids, pins, event sources, trace pipe. Core never dereferences a caller's
 * address: it goes through struct caller, in process and supervised alike.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include "def/run.h"
#include "def/uapi.h"
#include "util/log.h"

struct hive;
struct verify_env;
struct verify_result;
struct caller;
struct rlimit;

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
	/* Whether nobody waits for the answer any more: long work is given up then. May be NULL: never. */
	bool (*gone)(struct caller *caller);
};
struct caller {
	const struct caller_ops *ops;
	u32 pid, tgid, uid, gid;
	struct task *
		task; /* the calling thread, for programs it runs; NULL: the thread of this process that calls */
};

struct hive_opts {
	u32 nr_cpus;	 /* 0: possible CPUs of the machine */
	u32 engine;	 /* enum engine (vm/code.h) of programs that are loaded */
	struct log *log; /* diagnostics for a person, may be NULL */
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

/* The caller for this very process. */
extern const struct caller_ops caller_self_ops;

/* Event sources (rank 6) register here; a link or perf event attaches through it. */
struct attach_target {
	u32 kind;	  /* ATTACH_* */
	const char *name; /* "__x64_sys_execve", "sched/sched_process_exec", "sys_enter" */
	u64 offset, cookie;
	int ifindex, pid;
};
enum attach_kind {
	ATTACH_KPROBE,
	ATTACH_KRETPROBE,
	ATTACH_TRACEPOINT,
	ATTACH_RAW_TRACEPOINT,
	ATTACH_XDP
};
struct attachment; /* one program on one target, core's; event sources hold it */
/* attach() and detach() are called by whatever thread calls bpf(2) or reaps. Once detach() has returned, the source does
 * not fire the attachment any more: a source whose events come on other threads takes a lock of its own around both. */
struct event_source {
	const char *name;
	bool (*claims)(void *arg, const struct attach_target *target);
	int (*attach)(void *arg, struct attachment *attachment, const struct attach_target *target,
		      struct log *why);
	void (*detach)(void *arg, struct attachment *attachment);
	void (*free)(void *arg); /* the hive goes; every attachment was detached. May be NULL */
	void *arg;
};
int core_add_event_source(struct hive *hive, const struct event_source *source);
/* The source of that name, or NULL: how the layers above find their own state again. */
const struct event_source *core_event_source(struct hive *hive, const char *name);
/* Adds every source of rank 6 to a new hive (src/event/sources.c); skep_new() calls it. */
int event_sources_add(struct hive *hive);
/* What a public handle stands for. */
struct skep;
struct hive *skep_hive(struct skep *skep);
struct log *skep_log(struct skep *skep);

/* The number that perf_event_attr.config and tracefs' id file name a tracepoint ("syscalls/sys_enter_openat") by;
 * made up on first use. -ENOMEM. */
int core_tracepoint_id(struct hive *hive, const char *name);

/* For a source's attach(): programs that may read more of their context are refused. */
void core_attachment_limit(struct attachment *attachment, u32 ctx_size);
/* Whether the attachment's program may tail-call others, which may read more than it does. */
bool core_attachment_tails(const struct attachment *attachment);
/* Whether the kernel's BTF has a struct of this name with this member. */
bool core_btf_has(struct hive *hive, const char *type, const char *member);

/* Runs an attachment's program on slot cpu for an event. ctx is our own layout for the program type. Returns r0;
 * a program that is running on this slot already is counted (recursion) and skipped. */
u64 core_fire(struct hive *hive, struct attachment *attachment, u32 cpu, void *ctx,
	      struct task *task, const struct run_region *regions, u32 nr_regions);

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
