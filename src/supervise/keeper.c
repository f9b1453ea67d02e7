/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keeper: a process that does nothing as long as the supervisor lives, and when it is gone
 * lets the tree run on as if it had never been watched.
 *
 * All of it lies in one section and uses system calls only, for it unmaps everything else: what
 * it keeps of the memory it was forked with is this code, its stack and the shared slots. It
 * holds no fd but the listener and its end of the channel, so no pipe, terminal or file of anyone
 * stays open because of it.
 */
#include "supervise/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>

#include "supervise/raw.h"

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE (1u << 1)
#endif

/*
 * Code that may run when nothing but itself is mapped: no calls outside the section, no
 * instrumentation.
 */
#define KEEPER                                                                      \
	static __attribute__((section("keeper_text"), noinline, no_stack_protector, \
			      no_sanitize("address"), no_sanitize("undefined"),     \
			      no_sanitize("thread")))

extern const char __start_keeper_text[], __stop_keeper_text[];

enum { LISTENER = 0, CHANNEL = 1 }; /* the keeper's only fds */
enum { GONE = POLLHUP | POLLERR | POLLNVAL };

/* Not memset(): the compiler would call libc's. */
KEEPER void zero(volatile u8 *mem, size_t len)
{
	while (len--)
		*mem++ = 0;
}

KEEPER void answer(u64 id)
{
	struct seccomp_notif_resp resp;

	zero((volatile u8 *)&resp, sizeof(resp));
	resp.id = id;
	resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	raw3(SYS_ioctl, LISTENER, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

/*
 * Waits for want on the listener, at most ms (-1: for ever), or for the channel to close if it is
 * watched. Returns what poll(2) says of the listener.
 */
KEEPER short wait_for(bool channel, short want, long ms, bool *closed)
{
	struct timespec time;
	struct pollfd fds[2];

	time.tv_sec = 0;
	time.tv_nsec = ms * 1000000;
	fds[0].fd = LISTENER;
	fds[0].events = want;
	fds[0].revents = 0;
	fds[1].fd = channel ? CHANNEL : -1;
	fds[1].events = 0;
	fds[1].revents = 0;
	raw6(SYS_ppoll, fds, 2, ms < 0 ? 0 : &time, 0, 0, 0);
	*closed = fds[1].revents & GONE;
	return fds[0].revents;
}

/* The ids that the supervisor left unanswered; answering one twice does no harm. */
KEEPER void answer_slots(struct tree_shared *shared)
{
	for (int i = 0; i < TREE_SLOTS; i++)
		if (shared->slots[i].notif.id)
			answer(shared->slots[i].notif.id);
}

KEEPER void unmap(uintptr_t from, uintptr_t to)
{
	if (from < to)
		raw3(SYS_munmap, from, to - from, 0);
}

/*
 * Gives back all memory but the code, the stack and the shared page (kept: sorted, page-aligned
 * ranges).
 */
KEEPER void shrink(const struct keeper *keeper)
{
	uintptr_t kept[3][2], end = (1ull << 47) - 4096;

	/* no initialisers: they may become calls of memcpy() */
	kept[0][0] = (uintptr_t)__start_keeper_text & ~4095ul;
	kept[0][1] = ((uintptr_t)__stop_keeper_text + 4095) & ~4095ul;
	kept[1][0] = (uintptr_t)keeper->stack;
	kept[1][1] = kept[1][0] + KEEPER_STACK;
	kept[2][0] = (uintptr_t)keeper->shared;
	kept[2][1] = kept[2][0] + ((sizeof(struct tree_shared) + 4095) & ~4095ul);
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 2; j++)
			if (kept[j][0] > kept[j + 1][0])
				for (int k = 0; k < 2; k++) {
					uintptr_t swap = kept[j][k];

					kept[j][k] = kept[j + 1][k];
					kept[j + 1][k] = swap;
				}
	unmap(4096, kept[0][0]);
	unmap(kept[0][1], kept[1][0]);
	unmap(kept[1][1], kept[2][0]);
	unmap(kept[2][1], end);
}

/*
 * The table of fds is shared with the command until its exec: first a copy of our own, then empty
 * that.
 */
KEEPER void own_fds(const struct keeper *keeper)
{
	const u32 low = (u32)min(keeper->listener, keeper->channel);
	const u32 high = (u32)max(keeper->listener, keeper->channel);
	long listener, channel;

	if (raw3(SYS_close_range, ~0u, ~0u, CLOSE_RANGE_UNSHARE) < 0 &&
	    raw3(SYS_unshare, CLONE_FILES, 0, 0) < 0)
		raw3(SYS_exit_group, 1, 0,
		     0); /* Linux before 5.9 in a container: no keeper rather than a harmful one */
	/* these two may be the last that the limit allows: make room first */
	if (low)
		raw3(SYS_close_range, 0, low - 1, 0);
	if (high > low + 1)
		raw3(SYS_close_range, low + 1, high - 1, 0);
	raw3(SYS_close_range, high + 1, ~0u, 0);
	listener = raw3(SYS_fcntl, keeper->listener, F_DUPFD, 3);
	channel = raw3(SYS_fcntl, keeper->channel, F_DUPFD, 3);
	raw3(SYS_dup3, listener, LISTENER, 0);
	raw3(SYS_dup3, channel, CHANNEL, 0);
	raw3(SYS_close_range, 2, ~0u, 0);
}

/*
 * Linux writes to a registered rseq area whenever it likes: memory may go only after that is
 * undone.
 */
KEEPER bool leave_rseq(const struct keeper *keeper)
{
	enum { UNREGISTER = 1, SIGNATURE = 0x53053053 };

	if (!keeper->rseq)
		return true;
	for (u32 len = 32; len <= 256; len += 32)
		if (raw6(SYS_rseq, keeper->rseq, len, UNREGISTER, SIGNATURE, 0, 0) == 0)
			return true;
	return false;
}

KEEPER void let_continue(const struct keeper *keeper)
{
	union tree_slot *slot = &keeper->shared->slots[0];
	bool closed, small = false;

	for (;;) {
		short ready = wait_for(false, POLLIN, small ? -1 : 50, &closed);

		if (ready & GONE)
			return;
		zero(slot->room, sizeof(slot->room));
		/* with nothing ready this would wait for ever */
		if (ready & POLLIN &&
		    raw3(SYS_ioctl, LISTENER, SECCOMP_IOCTL_NOTIF_RECV, slot) == 0)
			answer(slot->notif.id);
		if (small || *keeper->in_use)
			continue;
		if (leave_rseq(keeper))
			shrink(keeper);
		small = true;
	}
}

__attribute__((section("keeper_text"), noinline, no_stack_protector, no_sanitize("address"),
	       no_sanitize("undefined"), no_sanitize("thread"))) _Noreturn void
keeper_live(struct keeper *given)
{
	struct keeper keeper = *given;
	bool closed = false;

	raw3(SYS_setsid, 0, 0, 0);
	raw3(SYS_chdir, "/", 0, 0);
	raw6(SYS_prctl, PR_SET_NAME, "skep-keeper", 0, 0, 0, 0);
	own_fds(&keeper);
	while (!closed)
		if (wait_for(true, 0, -1, &closed) & GONE)
			raw3(SYS_exit_group, 0, 0, 0);
	answer_slots(keeper.shared);
	let_continue(&keeper);
	raw3(SYS_exit_group, 0, 0, 0);
	__builtin_unreachable();
}
