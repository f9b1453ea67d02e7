/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for the fds of ring and perf buffers, which are memfds: Linux does not let anybody wait for one.
 *
 *   poll, select  before the call continues, the caller's fd is exchanged for a FIFO that is readable when
 *                 records wait (core_fd_to_wait()). What blocks is Linux's own call then: time-outs, signals
 *                 and other fds in the same call are as ever
 *   mmap          shared, of such an fd: exchanged back first
 *   epoll_ctl     the caller's epoll, taken for a moment, gets the buffer's eventfd in the fd's stead, by
 *                 edges, with the caller's own data; epoll_wait is not stopped at. Where a container denies
 *                 pidfd_getfd(2), the fd is exchanged as for poll, and epoll_wait is looked at like it
 *
 * An exchange changes a number of the caller's table of fds; what the caller has mapped stays. A client that
 * changes what it passed meanwhile, or maps in one thread what it polls in another, confuses itself only.
 */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervise/answers.h"

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

enum { MOST = 4096, FEW = 32, SET_BITS = 1024 };

int client_take_fd(struct client_call *call, int fd)
{
	int pidfd, taken;

	client_call_identify(call);
	pidfd = (int)syscall(SYS_pidfd_open, call->caller.tgid, 0);
	if (pidfd < 0)
		return -errno;
	taken = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (taken < 0)
		taken = -errno;
	close(pidfd);
	return taken;
}

bool client_may_take_fds(void)
{
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	int taken = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, pidfd, 0);

	if (taken >= 0)
		close(taken);
	if (pidfd >= 0)
		close(pidfd);
	return taken >= 0;
}

/* ---- poll, select ---- */

/* Linux says itself what is wrong with an fd. */
static void ready_to_wait(struct clients *clients, struct client_call *call, int fd)
{
	int waited = fd < 0 ? -EBADF : core_fd_to_wait(clients->hive, &call->caller, fd);

	if (waited >= 0)
		client_call_replace(call, waited, fd);
}

static enum how poll_how(const struct clients *clients, const u64 *args)
{
	if (!core_has_buffers(clients->hive) || !args[1])
		return LINUX;
	return args[1] > FEW ? LONG : SHORT;
}

static s64 do_poll(struct clients *clients, struct client_call *call, const u64 *args)
{
	u64 count = min(args[1] & UINT32_MAX, (u64)MOST);
	struct pollfd fd;

	for (u64 i = 0; i < count; i++) {
		if (call->caller.ops->read(&call->caller, &fd, args[0] + i * sizeof(fd),
					   sizeof(fd)))
			break;
		if (fd.events & (POLLIN | POLLRDNORM))
			ready_to_wait(clients, call, fd.fd);
	}
	return CONTINUE;
}

static enum how select_how(const struct clients *clients, const u64 *args)
{
	if (!core_has_buffers(clients->hive) || (s32)args[0] <= 0 || !args[1])
		return LINUX;
	return args[0] > FEW ? LONG : SHORT;
}

/* Who waits for an fd to become readable; a buffer can be waited for by no other set. */
static s64 do_select(struct clients *clients, struct client_call *call, const u64 *args)
{
	u32 count = min((u32)args[0], (u32)SET_BITS);
	u64 words[SET_BITS / 64] = { 0 };

	if (call->caller.ops->read(&call->caller, words, args[1], round_up(count, 64u) / 8))
		return CONTINUE;
	for (u32 fd = 0; fd < count; fd++)
		if (words[fd / 64] & 1ull << fd % 64)
			ready_to_wait(clients, call, (int)fd);
	return CONTINUE;
}

/* ---- mmap ---- */

static enum how mmap_how(const struct clients *clients, const u64 *args)
{
	bool shared = args[3] & MAP_SHARED && !(args[3] & MAP_ANONYMOUS) && (s32)args[4] >= 0;

	return shared && core_has_buffers(clients->hive) ? SHORT : LINUX;
}

static s64 do_mmap(struct clients *clients, struct client_call *call, const u64 *args)
{
	int fd = (int)args[4], memfd = core_fd_to_map(clients->hive, &call->caller, fd);

	if (memfd >= 0)
		client_call_replace(call, memfd, fd);
	return CONTINUE;
}

/* ---- epoll ---- */

/* The wait is for a wake fd instead of the buffer's own. */
static s64 control(struct client_call *call, int epoll, int op, int wake, u64 addr)
{
	struct epoll_event event = { 0 };
	int taken, err;

	if (op != EPOLL_CTL_DEL &&
	    call->caller.ops->read(&call->caller, &event, addr, sizeof(event)))
		return -EFAULT;
	taken = client_take_fd(call, epoll);
	if (taken < 0)
		return taken;
	event.events |= EPOLLET;
	err = epoll_ctl(taken, op, wake, &event) ? -errno : 0;
	close(taken);
	return err;
}

static s64 do_epoll_ctl(struct clients *clients, struct client_call *call, const u64 *args)
{
	int wake;

	if (clients->native_epoll) {
		ready_to_wait(clients, call, (int)args[2]);
		return CONTINUE;
	}
	wake = core_wake_fd(clients->hive, &call->caller, (int)args[2]);
	if (wake == -EPERM)
		return -EPERM; /* an object that Linux cannot wait for either */
	return wake < 0 ? CONTINUE : control(call, (int)args[0], (int)args[1], wake, args[3]);
}

/* Which buffers an epoll has is not known: all of them. */
static enum how epoll_wait_how(const struct clients *clients, const u64 *args)
{
	(void)args;
	if (core_has_buffers(clients->hive))
		core_settle_buffers(clients->hive);
	return LINUX;
}

const struct answer_row wait_rows[] = {
	{ SYS_epoll_ctl, NULL, do_epoll_ctl },	 { SYS_ppoll, poll_how, do_poll },
	{ SYS_pselect6, select_how, do_select }, { SYS_mmap, mmap_how, do_mmap },
#ifdef SYS_poll
	{ SYS_poll, poll_how, do_poll },	 { SYS_select, select_how, do_select },
#endif
};
const size_t wait_row_count = ARRAY_SIZE(wait_rows);

const struct answer_row epoll_rows[] = {
	{ SYS_epoll_pwait, epoll_wait_how, NULL },
	{ SYS_epoll_pwait2, epoll_wait_how, NULL },
#ifdef SYS_epoll_wait
	{ SYS_epoll_wait, epoll_wait_how, NULL },
#endif
};
const size_t epoll_row_count = ARRAY_SIZE(epoll_rows);
