/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs on interfaces (see xdp.h). An interface that one is attached to, here or by a link of
 * bpf(2), has a packet socket in its network namespace and a thread that runs what is attached on what
 * arrives. The socket is made by a child of ours that
 * enters the namespaces as their owner may: a tree that has made itself a network namespace needs
 * no privilege for that, any other needs what AF_PACKET wants.
 */
#include "supervise/xdp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/link.h"
#include "supervise/raw.h"

enum { PLACES = 64, FRAME = 64 << 10 };

struct xdp {
	struct place {
		struct xdp_place at; /* ifindex 0: free */
		struct attachment *attachment;
		struct prog *prog; /* a reference */
		u32 mode;
	} places[PLACES];
	struct tapped {
		struct xdp_place at; /* ifindex 0: free */
		struct tap *tap;
	} taps[PLACES];
	struct hive *hive;
};

/* ---- what arrives ---- */

struct tap {
	struct hive *hive;
	u32 ifindex;
	int fd, stop;
	pthread_t thread;
	u8 mem[PACKET_HEADROOM + FRAME + PACKET_LINEAR];
};

static void run_frame(struct tap *tap, u32 len)
{
	struct packet_frame frame = { .mem = tap->mem, .room = sizeof(tap->mem), .len = len };
	struct event_list *list = event_list(tap->hive, &packet_kind);
	int cpu = sched_getcpu();

	pthread_rwlock_rdlock(&list->lock);
	packet_fire(list, cpu < 0 ? 0 : (u32)cpu, tap->ifindex, &frame);
	pthread_rwlock_unlock(&list->lock);
}

static void *run_tap(void *arg)
{
	struct tap *tap = arg;
	struct pollfd fds[2] = { { .fd = tap->stop, .events = POLLIN },
				 { .fd = tap->fd, .events = POLLIN } };

	while (poll(fds, 2, -1) < 0 || !fds[0].revents) {
		struct sockaddr_ll from;
		socklen_t size = sizeof(from);
		ssize_t len = recvfrom(tap->fd, tap->mem + PACKET_HEADROOM, FRAME, MSG_DONTWAIT,
				       (struct sockaddr *)&from, &size);

		if (len > 0 && from.sll_pkttype != PACKET_OUTGOING)
			run_frame(tap, (u32)len);
		else if (fds[1].revents & (POLLERR | POLLHUP) && len <= 0)
			fds[1].fd = -1; /* the interface went away or down */
	}
	return NULL;
}

static void tap_free(struct tap *tap)
{
	if (!tap)
		return;
	eventfd_write(tap->stop, 1);
	pthread_join(tap->thread, NULL);
	close(tap->fd);
	close(tap->stop);
	free(tap);
}

/* fd is the tap's from now on, also on error. */
static int tap_new(struct tap **out, struct hive *hive, u32 ifindex, int fd)
{
	struct tap *tap = calloc(1, sizeof(*tap));
	sigset_t all, old;
	int err;

	if (!tap) {
		close(fd);
		return -ENOMEM;
	}
	tap->hive = hive;
	tap->ifindex = ifindex;
	tap->fd = fd;
	tap->stop = eventfd(0, EFD_CLOEXEC);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = tap->stop < 0 ? -EMFILE : -pthread_create(&tap->thread, NULL, run_tap, tap);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!err) {
		*out = tap;
		return 0;
	}
	if (tap->stop >= 0)
		close(tap->stop);
	close(fd);
	free(tap);
	return err;
}

/* ---- a socket in somebody's network ---- */

static void name_file(char path[48], u32 pid, const char *file)
{
	snprintf(path, 48, "/proc/%u/ns/%s", pid, file);
}

/* Whether the thread's namespace of that kind is ours. */
static bool is_ours(u32 pid, const char *file)
{
	char mine[48], theirs[48];
	struct stat a, b;

	snprintf(mine, sizeof(mine), "/proc/self/ns/%s", file);
	name_file(theirs, pid, file);
	return stat(mine, &a) == 0 && stat(theirs, &b) == 0 && a.st_ino == b.st_ino;
}

struct entering {
	int user, net; /* namespaces; -1: ours */
	int channel;
};

/* In a copy of this process with one thread: no libc from here on but what is a bare system call. */
static void enter(const struct entering *enter)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .align = { .cmsg_len = CMSG_LEN(sizeof(int)),
				 .cmsg_level = SOL_SOCKET,
				 .cmsg_type = SCM_RIGHTS } };
	long err = 0;
	struct iovec iov = { &err, sizeof(err) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	long fd;

	if (enter->user >= 0)
		err = raw3(SYS_setns, enter->user, CLONE_NEWUSER, 0);
	if (!err)
		err = raw3(SYS_setns, enter->net, CLONE_NEWNET, 0);
	fd = err ? err : raw3(SYS_socket, AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	err = min(fd, 0l);
	if (fd >= 0) {
		*(int *)CMSG_DATA(&control.align) = (int)fd;
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.buf);
	}
	raw3(SYS_sendmsg, enter->channel, &msg, MSG_NOSIGNAL);
	raw3(SYS_exit_group, 0, 0, 0);
}

/* What the child sent: its socket, or -errno. */
static int receive(int channel)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	long err = -EIO;
	struct iovec iov = { &err, sizeof(err) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg;
	ssize_t len;

	do
		len = recvmsg(channel, &msg, MSG_CMSG_CLOEXEC);
	while (len < 0 && errno == EINTR);
	cmsg = len == sizeof(err) ? CMSG_FIRSTHDR(&msg) : NULL;
	return cmsg && cmsg->cmsg_type == SCM_RIGHTS ? *(int *)CMSG_DATA(cmsg) : (int)min(err, -1l);
}

static int socket_through_child(const struct entering *entering)
{
	struct entering child = *entering;
	int ends[2], fd;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	child.channel = ends[1];
	pid = fork();
	if (pid == 0)
		enter(&child);
	close(ends[1]);
	fd = pid < 0 ? -errno : receive(ends[0]);
	close(ends[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return fd;
}

static int open_namespace(u32 pid, const char *file)
{
	char path[48];

	name_file(path, pid, file);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* A packet socket in the caller's network, bound to nothing, or -errno. */
static int packet_socket(struct client_call *call)
{
	struct entering entering = { .user = -1 };
	u32 pid = call->caller.pid;
	int fd;

	if (is_ours(pid, "net")) {
		fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
		return fd < 0 ? -errno : fd;
	}
	if (!is_ours(pid, "user"))
		entering.user = open_namespace(pid, "user");
	entering.net = open_namespace(pid, "net");
	fd = entering.net < 0 ? -EPERM : socket_through_child(&entering);
	if (entering.user >= 0)
		close(entering.user);
	if (entering.net >= 0)
		close(entering.net);
	return fd;
}

static int open_tap(struct tap **out, struct hive *hive, struct client_call *call, int ifindex)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_protocol = __builtin_bswap16(ETH_P_ALL),
				  .sll_ifindex = ifindex };
	int fd = packet_socket(call), err;

	if (fd < 0)
		return fd == -EACCES ? -EPERM : fd;
	if (bind(fd, (struct sockaddr *)&to, sizeof(to))) {
		err = -errno;
		close(fd);
		return err;
	}
	return tap_new(out, hive, (u32)ifindex, fd);
}

/* ---- places ---- */

static int locate(struct client_call *call, struct xdp_place *place)
{
	char path[48];
	struct stat st;

	name_file(path, call->caller.pid, "net");
	if (stat(path, &st))
		return -EPERM;
	place->dev = st.st_dev;
	place->ino = st.st_ino;
	return 0;
}

static bool is_at(const struct xdp_place *a, const struct xdp_place *b)
{
	return a->ifindex == b->ifindex && a->dev == b->dev && a->ino == b->ino;
}

static struct place *find(struct xdp *xdp, const struct xdp_place *at)
{
	for (int i = 0; xdp && i < PLACES; i++)
		if (is_at(&xdp->places[i].at, at))
			return &xdp->places[i];
	return NULL;
}

static struct tapped *find_tap(struct xdp *xdp, const struct xdp_place *at)
{
	for (int i = 0; i < PLACES; i++)
		if (is_at(&xdp->taps[i].at, at))
			return &xdp->taps[i];
	return NULL;
}

/* Taps of interfaces that no program is on any more. */
static void sweep(struct xdp *xdp)
{
	struct event_list *list = event_list(xdp->hive, &packet_kind);

	for (int i = 0; i < PLACES; i++) {
		struct tapped *tapped = &xdp->taps[i];

		if (!tapped->at.ifindex || packet_attached(list, (u32)tapped->at.ifindex))
			continue;
		tap_free(tapped->tap);
		*tapped = (struct tapped){ .at = { 0 } };
	}
}

/* A program comes to an interface, by netlink or by a link: from now on packets are seen there. */
static int attached(void *arg, const struct event_row *row, const struct attach_target *target)
{
	struct clients *clients = arg;
	struct xdp_place at = { .ifindex = target->ifindex };
	struct tapped *tapped;
	int err;

	(void)row;
	if (!clients->call)
		return 0;
	sweep(clients->xdp);
	err = locate(clients->call, &at);
	if (!err && find(clients->xdp, &at))
		err = -EBUSY; /* by netlink: a link does not replace it */
	if (err || find_tap(clients->xdp, &at))
		return err;
	tapped = find_tap(clients->xdp, &(struct xdp_place){ 0 });
	err = tapped ? open_tap(&tapped->tap, clients->hive, clients->call, at.ifindex) : -ENOSPC;
	if (!err)
		tapped->at = at;
	return err;
}

int xdp_new(struct clients *clients)
{
	const struct event_watcher watcher = { .arg = clients, .changed = attached };

	clients->xdp = calloc(1, sizeof(*clients->xdp));
	if (!clients->xdp)
		return -ENOMEM;
	clients->xdp->hive = clients->hive;
	event_watch(event_list(clients->hive, &packet_kind), &watcher);
	return 0;
}

static void clear(struct xdp *xdp, struct place *place)
{
	attachment_free(xdp->hive, place->attachment);
	put_prog(place->prog);
	*place = (struct place){ .at = { 0 } };
}

void xdp_free(struct xdp *xdp)
{
	if (xdp)
		event_watch(event_list(xdp->hive, &packet_kind), NULL);
	for (int i = 0; xdp && i < PLACES; i++)
		if (xdp->places[i].at.ifindex)
			clear(xdp, &xdp->places[i]);
	for (int i = 0; xdp && i < PLACES; i++)
		tap_free(xdp->taps[i].tap);
	free(xdp);
}

bool xdp_any(const struct clients *clients)
{
	for (int i = 0; clients->xdp && i < PLACES; i++)
		if (clients->xdp->places[i].at.ifindex || clients->xdp->taps[i].at.ifindex)
			return true;
	return false;
}

/* By a link, which is seen by its packets. */
static bool has_link(struct clients *clients, const struct xdp_place *at, struct xdp_state *out)
{
	return clients->xdp && find_tap(clients->xdp, at) &&
	       link_xdp_on(clients->hive, at->ifindex, &out->prog, &out->mode);
}

bool xdp_get(struct clients *clients, struct client_call *call, struct xdp_place *at,
	     struct xdp_state *out)
{
	struct place *place;

	if (locate(call, at))
		return false;
	place = find(clients->xdp, at);
	if (place)
		*out = (struct xdp_state){ place->prog->object.id, place->mode };
	return place || has_link(clients, at, out);
}

/* Puts a program where none is; takes prog's reference if it succeeds. */
static int put(struct clients *clients, const struct xdp_place *at, struct prog *prog, u32 mode)
{
	struct attach_target target = { .kind = ATTACH_XDP, .ifindex = at->ifindex };
	struct place *place = find(clients->xdp, &(struct xdp_place){ 0 });
	int err = place ? 0 : -ENOSPC;

	if (!err)
		err = attachment_new(&place->attachment, clients->hive, &target, prog);
	if (err)
		return err;
	place->at = *at;
	place->prog = prog;
	place->mode = mode;
	return 0;
}

/* The one that is there gives way: the interface's packets go on to be seen. */
static void exchange(struct clients *clients, struct place *place, struct prog *prog, u32 mode)
{
	object_get(&prog->object);
	attachment_set_prog(clients->hive, place->attachment, prog);
	put_prog(place->prog);
	place->prog = prog;
	place->mode = mode;
}

/* Whether what is there is what the caller expects: 0, -EEXIST. */
static int compare(struct clients *clients, struct client_call *call, const struct place *place,
		   int expected)
{
	struct prog *prog = NULL;
	int err = expected < 0 ? 0 : prog_from_fd(clients->hive, &call->caller, expected, &prog);

	if (!err && prog != (place ? place->prog : NULL))
		err = -EEXIST;
	put_prog(prog);
	return err;
}

static int change_to(struct clients *clients, struct client_call *call, struct place *place,
		     const struct xdp_place *at, const struct xdp_change *change)
{
	struct prog *prog;
	int err = prog_from_fd(clients->hive, &call->caller, change->fd, &prog);

	if (err)
		return err;
	if (prog->type != BPF_PROG_TYPE_XDP || prog->attach_type == BPF_XDP_DEVMAP ||
	    prog->attach_type == BPF_XDP_CPUMAP)
		err = -EINVAL;
	else if (place && place->prog != prog)
		exchange(clients, place, prog, change->mode);
	else if (!place)
		err = put(clients, at, prog, change->mode);
	else
		put_prog(prog); /* it is there already */
	if (err)
		put_prog(prog);
	return err;
}

int xdp_set(struct clients *clients, struct client_call *call, struct xdp_place *at,
	    const struct xdp_change *change)
{
	struct xdp_state link;
	struct place *place;
	int err = locate(call, at);

	if (!err && has_link(clients, at, &link))
		err = -EBUSY; /* only whoever has the link may change that */
	if (err)
		return err;
	place = find(clients->xdp, at);
	if (change->compare)
		err = compare(clients, call, place, change->expected);
	else if (change->only_new && place && change->fd >= 0)
		err = -EBUSY;
	if (err)
		return err;
	if (change->fd >= 0)
		return change_to(clients, call, place, at, change);
	if (place)
		clear(clients->xdp, place);
	sweep(clients->xdp);
	return 0;
}
