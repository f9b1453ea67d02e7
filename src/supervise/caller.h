/* SPDX-License-Identifier: BSD-2-Clause */
/* struct caller over a thread that is stopped in a system call. */
#ifndef SUPERVISE_CALLER_H
#define SUPERVISE_CALLER_H

#include "supervise/tree.h"

/*
 * Handles on the threads that called last (their memory, their fds), since opening costs more than
 * using; for one thread of ours. Whoever executes another file changes its memory: forget all then.
 */
struct peers;
struct clients;

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
	struct peers *peers;	 /* NULL: none */
	const u32 *ending;	 /* not 0: give up; NULL: never */
	struct clients *clients; /* who knows virtual folders; NULL: there are none */
	u64 window_addr;
	u32 window_len;
	u8 window[1024];
};

/* peers and ending may be NULL. notif must outlive the call. */
void client_call_start(struct client_call *call, struct tree *tree,
		       const struct seccomp_notif *notif, struct peers *peers, const u32 *ending);
/*
 * Puts fd in the place of the caller's number and closes ours, also on error; close-on-exec stays as it was. 0 or -errno.
 */
int client_call_replace(struct client_call *call, int fd, int number);
/* Looks up who calls: tgid, uid, gid; before, only the thread is known. */
void client_call_identify(struct client_call *call);

/* Whether the call still waits to be answered: else its thread is gone, or somebody else's number. */
bool client_call_valid(const struct client_call *call);

struct peers *peers_new(void);
void peers_forget(struct peers *peers);
void peers_free(struct peers *peers);

#endif
