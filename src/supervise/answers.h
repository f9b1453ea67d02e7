/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a client's calls are answered by: tables of rows, one file a subject.
 *
 *   seam.c    bpf(2), perf_event_open(2), ioctls, epoll on what they give
 *   files.c   paths: bpffs, tracefs, event_source
 *   enter.c   chdir and getcwd, where such a path is meant
 *   wait.c    poll, select, epoll on the fds of buffers, and mapping them
 *   netlink.c XDP programs on interfaces
 *   root.c    who the caller is, for a tree that is to believe it is root
 */
#ifndef SUPERVISE_ANSWERS_H
#define SUPERVISE_ANSWERS_H

#include "supervise/caller.h"
#include "supervise/client.h"

enum how {
	LINUX, /* let it continue */
	SHORT, /* answered by the serving thread */
	LONG,  /* by a worker */
};

/* Results that mean: Linux's after all; the answer was given; a worker shall do it again (call->peers is NULL then). */
#define CONTINUE    INT64_MIN
#define ANSWERED    (INT64_MIN + 1)
#define TO_A_WORKER (INT64_MIN + 2)

struct answer_row {
	s32 nr;
	enum how (*how)(const struct clients *clients, const u64 *args); /* NULL: SHORT */
	/* The result, >= 0 or -errno, or CONTINUE. */
	s64 (*run)(struct clients *clients, struct client_call *call, const u64 *args);
};

extern const struct answer_row seam_rows[], file_rows[], enter_rows[], wait_rows[], epoll_rows[],
	netlink_rows[], root_rows[];
extern const size_t seam_row_count, file_row_count, enter_row_count, wait_row_count,
	epoll_row_count, netlink_row_count, root_row_count;

struct folders;	   /* open folders of virtual trees */
struct netlink;	   /* sockets that were exchanged; the serving thread's */
struct xdp;	   /* programs on interfaces; the serving thread's */
struct trace_pump; /* trace lines on their way to readers of trace_pipe */

struct clients {
	struct hive *hive;
	struct clients_opts opts;
	struct client client;
	const struct answer_row *rows[SYSCALL_MAX];
	struct peers *peers; /* the serving thread's */
	struct folders *folders;
	struct netlink *netlink;
	struct xdp *xdp;
	struct trace_pump *pump;
	struct workers *workers;
	struct client_call *call; /* that the serving thread is answering */
	u32 ending;		  /* long work is given up */
	bool native_epoll; /* pidfd_getfd(2) is denied: epoll waits for what poll waits for */
};

/* files.c: the plain path that a call with such arguments means, if it is ours: 1; else 0. out is PATH_SIZE bytes. */
enum { PATH_SIZE = 4096 };
int client_path(struct clients *clients, struct client_call *call, int dir, u64 addr,
		char out[PATH_SIZE]);

/* A string of the client's: its length, -EFAULT, -ENAMETOOLONG. */
int client_string(struct client_call *call, u64 addr, char *out, size_t size);

/* wait.c: a copy of the caller's fd, or -errno: -EPERM where a container denies pidfd_getfd(2). */
int client_take_fd(struct client_call *call, int fd);

/* Whether anybody's fds can be copied here. */
bool client_may_take_fds(void);

/* pump.c: a new read end of the trace pipe, or -errno. */
int trace_pump_open(struct clients *clients);
void trace_pump_free(struct trace_pump *pump);
/* Whether lines are on their way to a reader, or in his pipe. */
bool trace_pump_unread(struct trace_pump *pump);

/* folder.c: an fd for a client that is the folder at path (absolute, plain), or -errno. */
int folder_open(struct clients *clients, const char *path);
/* The path of the folder behind the caller's fd, or its working directory (AT_FDCWD); false: it is none of ours. */
bool folder_path(struct clients *clients, struct client_call *call, int fd, char *out, size_t size);
/* getdents64(2) on it: bytes written, 0 at its end, or -errno; CONTINUE: none of ours. */
s64 folder_read(struct clients *clients, struct client_call *call, int fd, u64 addr, u32 size);
int folders_new(struct clients *clients);
void netlink_free(struct netlink *netlink);
void folders_free(struct folders *folders);

#endif
