/* SPDX-License-Identifier: BSD-2-Clause */
/* struct caller over a thread that is stopped in a system call. */
#ifndef SUPERVISE_CALLER_H
#define SUPERVISE_CALLER_H

#include "supervise/tree.h"

/* A cache of what is asked for at every call of a thread; for one thread of ours. */
struct fd_cache;

/*
 * One call of a client. Its memory is read and written as the thread itself could: what it may not
 * write is -EFAULT, what it has not mapped, too. A window of bytes around the first address is read
 * ahead, for attr and what it points to mostly lie side by side.
 */
struct client_call {
	struct caller caller;
	struct task task; /* the calling thread */
	struct tree *tree;
	const struct seccomp_notif *notif;
	struct fd_cache *cache; /* NULL: none */
	const u32 *ending;	/* not 0: give up; NULL: never */
	u64 window_addr;
	u32 window_len;
	u8 window[1024];
};

/* cache and ending may be NULL. notif must outlive the call. */
void client_call_start(struct client_call *call, struct tree *tree,
		       const struct seccomp_notif *notif, struct fd_cache *cache, const u32 *ending);
/* Looks up who calls: tgid, uid, gid; before, only the thread is known. */
void client_call_identify(struct client_call *call);

/* Whether the call still waits to be answered: else its thread is gone, or somebody else's number. */
bool client_call_valid(const struct client_call *call);

struct fd_cache *fd_cache_new(void);
void fd_cache_free(struct fd_cache *cache);

#endif
