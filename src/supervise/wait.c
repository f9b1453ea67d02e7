/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for the fds of ring and perf buffers. Here they are memfds, which Linux neither refuses
 * nor lets wait: so the eventfd of the buffer stands in for it, by edges, with the caller's own
 * data.
 *
 *   epoll   the caller's epoll, taken for a moment, gets that eventfd; epoll_wait stays Linux's
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervise/answers.h"

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

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
	int wake = core_wake_fd(clients->hive, &call->caller, (int)args[2]);

	if (wake == -EPERM)
		return -EPERM; /* an object that Linux cannot wait for either */
	return wake < 0 ? CONTINUE : control(call, (int)args[0], (int)args[1], wake, args[3]);
}

const struct answer_row wait_rows[] = {
	{ SYS_epoll_ctl, NULL, do_epoll_ctl },
};
const size_t wait_row_count = ARRAY_SIZE(wait_rows);
