/* SPDX-License-Identifier: BSD-2-Clause */
/* A running tree: its notifications, and letting go of it. */
#include "supervise/tree.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

union tree_slot *tree_free_slot(struct tree *tree)
{
	for (int i = 0; i < TREE_SLOTS; i++)
		if (!__atomic_load_n(&tree->shared->slots[i].notif.id, __ATOMIC_ACQUIRE))
			return &tree->shared->slots[i];
	return NULL;
}

int tree_receive(struct tree *tree, union tree_slot *slot)
{
	memset(slot, 0, sizeof(*slot)); /* Linux insists */
	if (ioctl(tree->listener, SECCOMP_IOCTL_NOTIF_RECV, &slot->notif) == 0)
		return 0;
	return errno == ENOENT || errno == EINTR ? -EAGAIN : -errno;
}

static void send(struct tree *tree, union tree_slot *slot, struct seccomp_notif_resp *resp)
{
	resp->id = slot->notif.id;
	/* Fails only where the caller was killed meanwhile. */
	ioctl(tree->listener, SECCOMP_IOCTL_NOTIF_SEND, resp);
	__atomic_store_n(&slot->notif.id, 0, __ATOMIC_RELEASE);
}

void tree_continue(struct tree *tree, union tree_slot *slot)
{
	struct seccomp_notif_resp resp = { .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };

	send(tree, slot, &resp);
}

void tree_answer(struct tree *tree, union tree_slot *slot, s64 result)
{
	struct seccomp_notif_resp resp = { .val = max(result, (s64)0),
					   .error = (s32)min(result, (s64)0) };

	send(tree, slot, &resp);
}

/* Whether no process of the tree is left. */
static bool is_over(const struct tree *tree)
{
	struct pollfd fd = { .fd = tree->listener };

	return tree->listener < 0 || (poll(&fd, 1, 0) == 1 && fd.revents & (POLLHUP | POLLERR));
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void await(s32 pid)
{
	while (pid && waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
}

void tree_end(struct tree *tree)
{
	bool over = is_over(tree);

	close_fd(&tree->listener);
	close_fd(&tree->channel);
	close_fd(&tree->pidfd);
	close_fd(&tree->trace);
	if (over) {
		await(tree->keeper);
		await(tree->tracer);
	}
	tree->keeper = tree->tracer = 0;
	if (tree->ignored_sigchld)
		signal(SIGCHLD, SIG_IGN);
	tree->ignored_sigchld = false;
	if (tree->shared)
		munmap(tree->shared, sizeof(*tree->shared));
	tree->shared = NULL;
}
