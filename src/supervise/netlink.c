/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XDP over rtnetlink: a request to put a program on an interface, and dumps that tell which is
 * there. Both are seen where the request is sent; every other request is Linux's, and so is the
 * socket: a copy of it is taken for a moment (pidfd_getfd).
 *
 *   set    done here; Linux is then asked for nothing, with the request's sequence number, so the
 *          acknowledgement comes from it to the socket that waits for one
 *   dump   made here through the caller's own socket, each interface's answer with what is attached;
 *          the caller's fd becomes a socket pair's end that holds the answer, and is its own again
 *          with the next request it sends
 *
 * Only dumps as libbpf and bpftool ask for are answered so; ip(8), which wants to know where an
 * answer comes from, sees the interfaces without our programs.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervise/answers.h"
#include "supervise/xdp.h"

enum { SWAPPED = 8, PIECE = 4096, ANSWER = 32 << 10, MODES = 7 << 1 };

#define SET_FLAGS (XDP_FLAGS_UPDATE_IF_NOEXIST | MODES | XDP_FLAGS_REPLACE)

/* A caller's fd that is a socket pair's end for now. */
struct swapped {
	int real, end; /* its socket; a copy of the end, which keeps its inode; real 0: free */
	u64 dev, ino;
};

struct netlink {
	struct swapped swapped[SWAPPED];
	u32 next;
};

static void forget(struct swapped *swapped)
{
	if (swapped->real) {
		close(swapped->real);
		close(swapped->end);
	}
	swapped->real = 0;
}

void netlink_free(struct netlink *netlink)
{
	for (int i = 0; netlink && i < SWAPPED; i++)
		forget(&netlink->swapped[i]);
	free(netlink);
}

static struct netlink *state(struct clients *clients)
{
	if (!clients->netlink)
		clients->netlink = calloc(1, sizeof(*clients->netlink));
	return clients->netlink;
}

/* Puts fd (which stays ours) where the caller's number is. 0 or -errno. */
static int replace(struct client_call *call, int fd, int number)
{
	struct seccomp_notif_addfd add = { .id = call->notif->id,
					   .flags = SECCOMP_ADDFD_FLAG_SETFD,
					   .srcfd = (u32)fd,
					   .newfd = (u32)number,
					   .newfd_flags = O_CLOEXEC };

	return ioctl(call->tree->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0 ? -errno : 0;
}

/* A caller that has read its answer gets its socket back. */
static void give_back(struct clients *clients, struct client_call *call, int number)
{
	struct fd_key key;

	if (!clients->netlink || call->caller.ops->identify(&call->caller, number, &key))
		return;
	for (int i = 0; i < SWAPPED; i++) {
		struct swapped *swapped = &clients->netlink->swapped[i];

		if (swapped->real && swapped->ino == key.ino && swapped->dev == key.dev) {
			replace(call, swapped->real, number);
			forget(swapped);
			return;
		}
	}
}

/* A copy of the caller's fd if it is a socket of rtnetlink, or -errno. */
static int take_socket(struct client_call *call, int number)
{
	int fd = client_take_fd(call, number), domain = 0, protocol = 0;
	socklen_t len = sizeof(int);

	if (fd < 0)
		return fd;
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) ||
	    getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) || domain != AF_NETLINK ||
	    protocol != NETLINK_ROUTE) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

/* ---- set ---- */

struct request {
	union {
		struct nlmsghdr header;
		u8 bytes[REQUEST_MAX];
	};
	u32 len;
};

/* The attribute of that type in len bytes, NULL: none, or what should hold it is no attributes. */
static const struct rtattr *find(const void *attrs, size_t len, u16 type)
{
	const struct rtattr *attr = attrs;

	for (; RTA_OK(attr, len); attr = RTA_NEXT(attr, len))
		if ((attr->rta_type & NLA_TYPE_MASK) == type)
			return attr;
	return NULL;
}

static bool get_u32(const struct rtattr *nest, u16 type, u32 *out)
{
	const struct rtattr *attr = find(RTA_DATA(nest), RTA_PAYLOAD(nest), type);

	if (!attr || RTA_PAYLOAD(attr) < sizeof(*out))
		return false;
	memcpy(out, RTA_DATA(attr), sizeof(*out));
	return true;
}

static const struct ifinfomsg *info_of(const struct request *request)
{
	return NLMSG_DATA(&request->header);
}

/* IFLA_XDP of a request to change a link. */
static const struct rtattr *xdp_of(const struct request *request)
{
	const u8 *attrs = (const u8 *)info_of(request) + NLMSG_ALIGN(sizeof(struct ifinfomsg));
	size_t before = (size_t)(attrs - request->bytes);

	if (request->header.nlmsg_type != RTM_SETLINK || request->len <= before)
		return NULL;
	return find(attrs, request->len - before, IFLA_XDP);
}

static int set(struct clients *clients, struct client_call *call, int sock,
	       const struct request *request, const struct rtattr *nest)
{
	struct xdp_place place = { .ifindex = info_of(request)->ifi_index };
	struct ifreq name = { .ifr_ifindex = place.ifindex };
	u32 fd, flags = 0, expected;

	if (!get_u32(nest, IFLA_XDP_FD, &fd))
		return 0;
	get_u32(nest, IFLA_XDP_FLAGS, &flags);
	if (flags & ~(u32)SET_FLAGS || __builtin_popcount(flags & MODES) > 1)
		return -EINVAL;
	if (ioctl(sock, SIOCGIFNAME, &name))
		return -ENODEV;
	if (flags & XDP_FLAGS_REPLACE && !get_u32(nest, IFLA_XDP_EXPECTED_FD, &expected))
		return -EINVAL;
	return xdp_set(clients, call, &place,
		       &(struct xdp_change){
			       .fd = (int)fd,
			       .expected = flags & XDP_FLAGS_REPLACE ? (int)expected : -1,
			       .compare = flags & XDP_FLAGS_REPLACE,
			       .only_new = flags & XDP_FLAGS_UPDATE_IF_NOEXIST,
			       .mode = flags & MODES,
		       });
}

/* Linux says "done" to the request, whose sequence number is in this one for nothing. */
static void acknowledge(int sock, const struct request *request)
{
	struct nlmsghdr nothing = { .nlmsg_len = sizeof(nothing),
				    .nlmsg_type = NLMSG_NOOP,
				    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
				    .nlmsg_seq = request->header.nlmsg_seq };

	if (request->header.nlmsg_flags & NLM_F_ACK)
		send(sock, &nothing, sizeof(nothing), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---- dump ---- */

/* As libbpf and bpftool ask for all links: no attributes. */
static bool is_dump(const struct request *request)
{
	return request->header.nlmsg_type == RTM_GETLINK &&
	       (request->header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP &&
	       request->len == NLMSG_LENGTH(sizeof(struct ifinfomsg)) &&
	       info_of(request)->ifi_family == AF_PACKET;
}

struct piece {
	int to; /* where answers go */
	u32 len;
	int error;
	u8 bytes[PIECE];
};

static void flush(struct piece *piece)
{
	if (piece->len && !piece->error &&
	    send(piece->to, piece->bytes, piece->len, MSG_DONTWAIT | MSG_NOSIGNAL) !=
		    (ssize_t)piece->len)
		piece->error = -errno;
	piece->len = 0;
}

static void *append(u8 *at, u32 *len, u16 type, const void *data, u32 size)
{
	struct rtattr *attr = (struct rtattr *)(at + *len);

	memset(attr, 0, RTA_SPACE(size));
	attr->rta_type = type;
	attr->rta_len = (u16)RTA_LENGTH(size);
	if (size)
		memcpy(RTA_DATA(attr), data, size);
	*len += RTA_SPACE(size);
	return attr;
}

/* IFLA_XDP as the kernel writes it. */
static void append_xdp(u8 *at, u32 *len, const struct xdp_state *xdp)
{
	u8 attached = xdp->mode & XDP_FLAGS_SKB_MODE ? XDP_ATTACHED_SKB : XDP_ATTACHED_DRV;
	struct rtattr *nest = append(at, len, IFLA_XDP | NLA_F_NESTED, NULL, 0);

	append(at, len, IFLA_XDP_ATTACHED, &attached, sizeof(attached));
	append(at, len, attached == XDP_ATTACHED_SKB ? IFLA_XDP_SKB_PROG_ID : IFLA_XDP_DRV_PROG_ID,
	       &xdp->prog, sizeof(xdp->prog));
	append(at, len, IFLA_XDP_PROG_ID, &xdp->prog, sizeof(xdp->prog));
	nest->rta_len = (u16)(at + *len - (u8 *)nest);
}

/* One link's message, with what is attached here in IFLA_XDP's place. */
static void put_link(struct piece *piece, const struct nlmsghdr *from, const struct xdp_state *xdp)
{
	const struct rtattr *attr;
	size_t left = from->nlmsg_len - NLMSG_SPACE(sizeof(struct ifinfomsg));
	struct nlmsghdr *header = (struct nlmsghdr *)(piece->bytes + piece->len);
	u32 len = NLMSG_SPACE(sizeof(struct ifinfomsg));

	memcpy(header, from, len);
	attr = (const void *)((const u8 *)from + len);
	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
		if ((attr->rta_type & NLA_TYPE_MASK) != IFLA_XDP)
			append((u8 *)header, &len, attr->rta_type, RTA_DATA(attr),
			       (u32)RTA_PAYLOAD(attr));
	append_xdp((u8 *)header, &len, xdp);
	header->nlmsg_len = len;
	piece->len += NLMSG_ALIGN(len);
}

static void put_message(struct clients *clients, struct client_call *call, struct piece *piece,
			const struct nlmsghdr *from)
{
	const u32 most = NLMSG_ALIGN(from->nlmsg_len) + 64; /* IFLA_XDP and padding */
	struct xdp_place place = { 0 };
	struct xdp_state xdp;

	if (piece->len + most > sizeof(piece->bytes))
		flush(piece);
	if (most > sizeof(piece->bytes)) {
		piece->error = -EMSGSIZE;
		return;
	}
	if (from->nlmsg_type == RTM_NEWLINK &&
	    from->nlmsg_len >= NLMSG_SPACE(sizeof(struct ifinfomsg))) {
		place.ifindex = ((const struct ifinfomsg *)NLMSG_DATA(from))->ifi_index;
		if (xdp_get(clients, call, &place, &xdp)) {
			put_link(piece, from, &xdp);
			return;
		}
	}
	memcpy(piece->bytes + piece->len, from, from->nlmsg_len);
	piece->len += NLMSG_ALIGN(from->nlmsg_len);
}

/* Asks Linux and passes on what it says, ours added: 0 or -errno. */
static int dump(struct clients *clients, struct client_call *call, int sock,
		const struct request *request, int to)
{
	struct piece piece = { .to = to };
	u8 *buf = malloc(ANSWER);
	bool done = false;

	if (!buf)
		return -ENOMEM;
	if (send(sock, request->bytes, request->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		piece.error = -errno;
	while (!done && !piece.error) {
		ssize_t got = recv(sock, buf, ANSWER, MSG_DONTWAIT);
		size_t left = got > 0 ? (size_t)got : 0, at = 0;

		if (got <= 0)
			piece.error = got < 0 ? -errno : -EIO;
		while (!piece.error && at < left && left - at >= sizeof(struct nlmsghdr)) {
			const struct nlmsghdr *header = (const void *)(buf + at);

			if (header->nlmsg_len < sizeof(*header) || header->nlmsg_len > left - at)
				break;
			done |= header->nlmsg_type == NLMSG_DONE ||
				header->nlmsg_type == NLMSG_ERROR;
			put_message(clients, call, &piece, header);
			at += NLMSG_ALIGN(header->nlmsg_len);
		}
	}
	flush(&piece);
	free(buf);
	return piece.error;
}

/* The caller's fd becomes a socket that holds the answer. */
static int answer_dump(struct clients *clients, struct client_call *call, int sock, int number,
		       const struct request *request)
{
	struct netlink *netlink = state(clients);
	int ends[2], room = 4 << 20, err;
	struct swapped *swapped;
	struct stat st;

	if (!netlink)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	err = dump(clients, call, sock, request, ends[1]);
	if (!err)
		err = fstat(ends[0], &st) ? -errno : replace(call, ends[0], number);
	close(ends[1]);
	if (err) {
		close(ends[0]);
		return err;
	}
	swapped = &netlink->swapped[netlink->next++ % SWAPPED];
	forget(swapped);
	*swapped = (struct swapped){
		.real = sock, .end = ends[0], .dev = st.st_dev, .ino = st.st_ino
	};
	return 0;
}

/* ---- requests ---- */

static bool read_request(struct client_call *call, u64 addr, u32 len, struct request *request)
{
	if (len < REQUEST_MIN || len > REQUEST_MAX ||
	    call->caller.ops->read(&call->caller, request->bytes, addr, len))
		return false;
	request->len = min(request->header.nlmsg_len, len);
	return request->header.nlmsg_len >= REQUEST_MIN;
}

/* sendto(2) to nobody by name. */
static s64 do_sendto(struct clients *clients, struct client_call *call, const u64 *args)
{
	const struct rtattr *nest;
	struct request request;
	int sock, err;

	give_back(clients, call, (int)args[0]);
	if (args[4] || !read_request(call, args[1], (u32)min(args[2], (u64)UINT32_MAX), &request))
		return CONTINUE;
	nest = xdp_of(&request);
	if (!nest && (!is_dump(&request) || !xdp_any(clients)))
		return CONTINUE;
	sock = take_socket(call, (int)args[0]);
	if (sock < 0)
		return CONTINUE;
	if (!nest) {
		err = answer_dump(clients, call, sock, (int)args[0], &request);
		if (err)
			close(sock); /* else it is kept, to be given back */
		return err ? err : (s64)args[2];
	}
	err = set(clients, call, sock, &request, nest);
	if (!err)
		acknowledge(sock, &request);
	close(sock);
	return err ? err : (s64)args[2];
}

const struct answer_row netlink_rows[] = {
	{ SYS_sendto, NULL, do_sendto },
};
const size_t netlink_row_count = ARRAY_SIZE(netlink_rows);
