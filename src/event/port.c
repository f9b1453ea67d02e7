/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AF_PACKET rings, as packet(7) and the kernel's packet_mmap.rst have them. A block of received
 * frames is ours when it is full, or a millisecond after its first frame came. A frame to be sent
 * lies anywhere in its slot (PACKET_TX_HAS_OFF), so that a program may grow it at both ends in
 * place.
 */
#include "event/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "event/names.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

enum {
	BLOCK = 128 << 10,
	BLOCKS = 256, /* a quarter of a second, for each is given up after RETIRE_MS */
	RETIRE_MS = 1,
	SLOT = 4096,
	SLOTS = 512,
	SLOT_HEAD = TPACKET3_HDRLEN - sizeof(struct sockaddr_ll), /* before what a slot carries */
	OFFLOAD = sizeof(struct virtio_net_hdr),
	VLAN_TAG = 4,
	WAIT_MS = 100, /* for an interface that takes no more */
	NEAR_NAMES = 64,
};

_Static_assert(SLOT_HEAD + PACKET_HEADROOM + PACKET_LINEAR <= SLOT, "a slot holds a linear packet");

/* ---- open ---- */

static int no_such(const char *name, struct log *log)
{
	struct if_nameindex *all = if_nameindex();
	const char *names[NEAR_NAMES];
	size_t count = 0;

	say(log, "%s: no such interface here", name);
	for (size_t i = 0; all && all[i].if_index && count < NEAR_NAMES; i++)
		names[count++] = all[i].if_name;
	names_suggest(log, name, "", names, count);
	say(log, "\n");
	if_freenameindex(all);
	return -ENODEV;
}

static int open_socket(const char *name, struct log *log)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		return fd;
	if (errno == EPERM || errno == EACCES)
		return fail(
			log, -EPERM,
			"%s: packets of an interface take the capability CAP_NET_RAW; without "
			"privilege there is one in network namespaces of your own: unshare -Urn",
			name);
	return fail(log, -errno, "%s: no AF_PACKET socket: %s", name, strerror(errno));
}

/* Fills in what the interface is: Ethernet, up, its MTU. */
static int look_at(struct port *port, struct log *log)
{
	struct ifreq req = { .ifr_ifindex = 0 };

	memcpy(req.ifr_name, port->name, IF_NAMESIZE);
	if (ioctl(port->fd, SIOCGIFHWADDR, &req))
		return fail(log, -errno, "%s: %s", port->name, strerror(errno));
	if (req.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return fail(log, -EINVAL, "%s: no Ethernet interface (type %u)", port->name,
			    req.ifr_hwaddr.sa_family);
	if (!ioctl(port->fd, SIOCGIFMTU, &req))
		port->mtu = (u32)req.ifr_mtu;
	if (ioctl(port->fd, SIOCGIFFLAGS, &req) || !(req.ifr_flags & IFF_UP))
		return fail(log, -ENETDOWN, "%s: is down: ip link set %s up", port->name,
			    port->name);
	return 0;
}

static int set(int fd, int option, int value)
{
	return setsockopt(fd, SOL_PACKET, option, &value, sizeof(value)) ? -errno : 0;
}

/* The order is the kernel's: version and header first, rings last. */
static int make_rings(struct port *port, bool receive)
{
	struct tpacket_req3 rx = { .tp_block_size = BLOCK,
				   .tp_block_nr = BLOCKS,
				   .tp_frame_size = SLOT,
				   .tp_frame_nr = BLOCK / SLOT * BLOCKS,
				   .tp_retire_blk_tov = RETIRE_MS },
			    tx = { .tp_block_size = BLOCK,
				   .tp_block_nr = SLOT * SLOTS / BLOCK,
				   .tp_frame_size = SLOT,
				   .tp_frame_nr = SLOTS };
	size_t received = receive ? (size_t)BLOCK * BLOCKS : 0;
	int fd = port->fd, err = set(fd, PACKET_VERSION, TPACKET_V3);

	if (!err)
		err = set(fd, PACKET_VNET_HDR, 1);
	if (!err)
		err = set(fd, PACKET_LOSS, 1);
	if (!err)
		err = set(fd, PACKET_TX_HAS_OFF, 1);
	set(fd, PACKET_IGNORE_OUTGOING, 1); /* Linux 4.20; port_receive() looks, too */
	if (!err && receive)
		err = setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &rx, sizeof(rx)) ? -errno : 0;
	if (!err)
		err = setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &tx, sizeof(tx)) ? -errno : 0;
	if (err)
		return err;
	port->size = received + (size_t)SLOT * SLOTS;
	port->mem =
		mmap(NULL, port->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (port->mem == MAP_FAILED) {
		port->mem = NULL;
		return -errno;
	}
	port->slots = port->mem + received;
	return 0;
}

static int bind_to(int fd, u32 ifindex, u16 protocol)
{
	const struct sockaddr_ll at = { .sll_family = AF_PACKET,
					.sll_protocol = htons(protocol),
					.sll_ifindex = (int)ifindex };
	const struct packet_mreq all = { .mr_ifindex = (int)ifindex, .mr_type = PACKET_MR_PROMISC };

	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)))
		return -errno;
	if (protocol && setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)))
		return -errno;
	return 0;
}

int port_open(struct port *port, const char *name, bool receive, struct log *log)
{
	int err;

	*port = (struct port){ .fd = -1, .large = -1 };
	if (strlen(name) < IF_NAMESIZE)
		port->ifindex = if_nametoindex(name);
	if (!port->ifindex)
		return no_such(name, log);
	strcpy(port->name, name);
	port->fd = open_socket(name, log);
	if (port->fd < 0)
		return port->fd;
	err = look_at(port, log);
	if (!err) {
		err = make_rings(port, receive);
		if (!err)
			err = bind_to(port->fd, port->ifindex, receive ? ETH_P_ALL : 0);
		if (err)
			fail(log, err, "%s: no packet rings: %s", name, strerror(-err));
	}
	if (err)
		port_close(port);
	return err;
}

void port_close(struct port *port)
{
	if (port->mem)
		munmap(port->mem, port->size);
	if (port->large >= 0)
		close(port->large);
	if (port->fd >= 0)
		close(port->fd);
	port->mem = NULL;
	port->fd = port->large = -1;
}

int port_error(struct port *port)
{
	struct ifreq req = { .ifr_ifindex = 0 };
	socklen_t len = sizeof(int);
	int err = 0;

	getsockopt(port->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (!if_indextoname(port->ifindex, req.ifr_name) || ioctl(port->fd, SIOCGIFFLAGS, &req))
		return -ENODEV;
	if (!(req.ifr_flags & IFF_UP))
		return -ENETDOWN;
	return err == ENETDOWN ? 0 : -err;
}

/* ---- receive ---- */

/* The internet checksum's sum of len bytes in memory's order, not yet folded to 16 bits. */
static u64 sum_words(const u8 *bytes, u32 len)
{
	u64 sum = 0;

	for (; len >= 4; bytes += 4, len -= 4) {
		u32 word;

		memcpy(&word, bytes, 4);
		sum += word;
	}
	if (len) {
		u32 word = 0;

		memcpy(&word, bytes, len);
		sum += word;
	}
	return sum;
}

/* What the hardware would have done: the sum of the rest of the frame, pseudo header's included. */
static void fill_checksum(struct port_frame *frame)
{
	u32 start = frame->offload.csum_start, at = start + frame->offload.csum_offset;
	u64 sum;
	u16 value;

	if (start > frame->len || at + 2 > frame->len)
		return;
	sum = sum_words(frame->bytes + start, frame->len - start);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	value = (u16)~sum;
	value = value ? value : 0xffff; /* UDP's zero means none */
	memcpy(frame->bytes + at, &value, 2);
}

/* The tag goes back between addresses and type: the addresses move, the frame grows at its head. */
static void restore_tag(struct port_frame *frame, u16 protocol, u16 tag)
{
	const u16 words[2] = { htons(protocol), htons(tag) };

	frame->bytes -= VLAN_TAG;
	memmove(frame->bytes, frame->bytes + VLAN_TAG, 2 * ETH_ALEN);
	memcpy(frame->bytes + 2 * ETH_ALEN, words, VLAN_TAG);
	frame->len += VLAN_TAG;
	frame->offload.csum_start += VLAN_TAG;
	frame->offload.hdr_len += VLAN_TAG;
}

/* False for what is none of ours: sent by this machine. */
static bool read_frame(struct port_frame *frame, u8 *at)
{
	const struct tpacket3_hdr *header = (const void *)at;
	const struct sockaddr_ll *from = (const void *)(at + TPACKET_ALIGN(sizeof(*header)));

	frame->bytes = at + header->tp_mac;
	frame->len = header->tp_snaplen;
	frame->cut = header->tp_snaplen < header->tp_len || header->tp_len > PORT_LONGEST;
	memcpy(&frame->offload, frame->bytes - OFFLOAD, OFFLOAD);
	if (header->tp_status & TP_STATUS_VLAN_VALID && frame->len >= 2 * ETH_ALEN)
		restore_tag(frame,
			    header->tp_status & TP_STATUS_VLAN_TPID_VALID ? header->hv1.tp_vlan_tpid
									  : ETH_P_8021Q,
			    (u16)header->hv1.tp_vlan_tci);
	if (frame->offload.gso_type == VIRTIO_NET_HDR_GSO_NONE &&
	    frame->offload.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		fill_checksum(frame);
	return from->sll_pkttype != PACKET_OUTGOING;
}

u32 port_receive(struct port *port, void (*each)(void *arg, struct port_frame *frame), void *arg)
{
	struct tpacket_block_desc *block = (void *)(port->mem + (size_t)port->block * BLOCK);
	struct port_frame frame;
	u32 count;
	u8 *at;

	if (!(__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
		return 0;
	count = block->hdr.bh1.num_pkts;
	at = (u8 *)block + block->hdr.bh1.offset_to_first_pkt;
	for (u32 i = 0; i < count; i++) {
		u32 step = ((const struct tpacket3_hdr *)(const void *)at)->tp_next_offset;

		__builtin_prefetch(at + step);
		__builtin_prefetch(at + step + 64);
		if (read_frame(&frame, at))
			each(arg, &frame);
		at += step;
	}
	__atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	port->block = (port->block + 1) % BLOCKS;
	return max(count, 1u);
}

u64 port_lost(struct port *port)
{
	struct tpacket_stats_v3 stats = { 0 };
	socklen_t len = sizeof(stats);

	return getsockopt(port->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) ? 0
										 : stats.tp_drops;
}

/* ---- send ---- */

static struct tpacket3_hdr *slot_at(struct port *port, u32 number)
{
	return (void *)(port->slots + (size_t)(number % SLOTS) * SLOT);
}

static u32 status_of(struct port *port, u32 number)
{
	return __atomic_load_n(&slot_at(port, number)->tp_status, __ATOMIC_ACQUIRE);
}

u8 *port_slot(struct port *port)
{
	if (status_of(port, port->next) & (TP_STATUS_SEND_REQUEST | TP_STATUS_SENDING)) {
		port_flush(port);
		if (status_of(port, port->next) & (TP_STATUS_SEND_REQUEST | TP_STATUS_SENDING))
			return NULL;
	}
	return (u8 *)slot_at(port, port->next) + SLOT_HEAD;
}

/* hdr_len makes the kernel copy the whole frame at once, instead of holding pages of the ring. */
static void put(struct port *port, u32 start, u32 len)
{
	struct tpacket3_hdr *slot = slot_at(port, port->next);
	const struct virtio_net_hdr plain = { .hdr_len = (u16)len };

	memcpy((u8 *)slot + SLOT_HEAD + start - OFFLOAD, &plain, OFFLOAD);
	slot->tp_mac = (u16)(SLOT_HEAD + start - OFFLOAD);
	slot->tp_len = len + OFFLOAD;
	slot->tp_next_offset = 0;
	__atomic_store_n(&slot->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
	port->next++;
}

/* Longer than the interface may send, a VLAN tag not counted. */
static bool too_long(const struct port *port, u32 len)
{
	return len > port->mtu + ETHER_HEADER + VLAN_TAG;
}

void port_put_slot(struct port *port, u32 start, u32 len)
{
	if (too_long(port, len) || len < ETHER_HEADER)
		port->unsent++;
	else
		put(port, start, len);
}

/* Of frames that no slot holds. In order: what is in slots goes first. */
static void send_large(struct port *port, const u8 *bytes, u32 len,
		       const struct virtio_net_hdr *offload)
{
	struct virtio_net_hdr plain = { 0 };
	struct iovec parts[2] = { { offload ? (void *)(uintptr_t)offload : &plain, OFFLOAD },
				  { (void *)(uintptr_t)bytes, len } };
	struct pollfd writable = { .events = POLLOUT };

	port_flush(port);
	if (port->large < 0) {
		port->large = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (port->large >= 0 && (set(port->large, PACKET_VNET_HDR, 1) ||
					 bind_to(port->large, port->ifindex, 0))) {
			close(port->large);
			port->large = -1;
		}
	}
	writable.fd = port->large;
	if (port->large < 0 || poll(&writable, 1, WAIT_MS) != 1 ||
	    writev(port->large, parts, 2) < 0)
		port->unsent++;
}

void port_send(struct port *port, const u8 *bytes, u32 len, const struct virtio_net_hdr *offload)
{
	u8 *slot;

	if ((!offload && too_long(port, len)) || len < ETHER_HEADER) {
		port->unsent++;
		return;
	}
	if (offload || len > PACKET_LINEAR) {
		send_large(port, bytes, len, offload);
		return;
	}
	slot = port_slot(port);
	if (!slot) {
		port->unsent++;
		return;
	}
	memcpy(slot + PACKET_HEADROOM, bytes, len);
	put(port, PACKET_HEADROOM, len);
}

/* Whether all slots have been taken. */
static bool taken(struct port *port)
{
	while (port->sent != port->next && !(status_of(port, port->sent) & TP_STATUS_SEND_REQUEST))
		port->sent++;
	return port->sent == port->next;
}

static void flush(struct port *port)
{
	for (int tries = 0; !taken(port) && tries < WAIT_MS; tries++) {
		u32 before = port->sent;

		if (send(port->fd, NULL, 0, MSG_DONTWAIT) < 0 && errno != EAGAIN &&
		    errno != ENOBUFS && errno != EINTR)
			return; /* down: they wait in their slots until it is up, or for ever */
		if (!taken(port) && port->sent == before)
			poll(NULL, 0, 1);
	}
}

static u64 cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec;
}

void port_flush(struct port *port)
{
	u64 start;

	if (taken(port))
		return;
	start = cpu_ns();
	flush(port);
	port->flush_ns += cpu_ns() - start;
}
