/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One interface through an AF_PACKET socket: frames come in through a TPACKET_V3 ring and leave
 * through another one. Offload metadata travels as struct virtio_net_hdr: a checksum that the
 * sender left to the hardware is filled in when a frame is read, a segment that is still to be cut
 * (GSO) stays one frame of up to 64 KiB and is cut by the kernel where it leaves, if need be. VLAN
 * tags that the kernel took out are put back.
 *
 * Invariant: slots between sent and next carry frames that the kernel may not have taken yet; all
 * others are ours.
 */
#ifndef EVENT_PORT_H
#define EVENT_PORT_H

#include <linux/virtio_net.h>
#include <net/if.h>

#include "event/event.h"

enum {
	ETHER_HEADER = 14,
	PORT_LONGEST = 120 << 10, /* bytes of the longest frame that is read */
	PORT_QUIET_MS = 30,	  /* what was received lies in the ring no longer than this */
};

struct port {
	char name[IF_NAMESIZE];
	u32 ifindex, mtu;
	int fd;	   /* -1: not open */
	int large; /* socket for frames that no slot holds; -1: not yet */
	u8 *mem;   /* both rings */
	size_t size;
	u8 *slots;	/* to send */
	u32 block;	/* received: the next to look at */
	u32 sent, next; /* slots, counted without end */
	u64 unsent;	/* frames the kernel did not take */
	u64 flush_ns;	/* spent in port_flush() */
};

/* A received frame; bytes are in the ring. */
struct port_frame {
	u8 *bytes;
	u32 len;
	bool cut;		       /* bytes are missing: longer than PORT_LONGEST */
	struct virtio_net_hdr offload; /* gso_type NONE: a plain frame */
};

/*
 * receive false: only to send. 0, or -errno after words to log: -ENODEV no such interface, -EPERM
 * no CAP_NET_RAW, -ENETDOWN, -EINVAL no Ethernet.
 */
int port_open(struct port *port, const char *name, bool receive, struct log *log);
void port_close(struct port *port);

/*
 * How the interface is: 0, -ENETDOWN (may come up again), -ENODEV (gone for good). POLLERR tells when to
 * ask, but of an interface that is taken away often only that it went down: then ask again later.
 */
int port_error(struct port *port);

/*
 * Shows each frame of the next full block; returns how many, 0: none is full. Then the block is
 * the kernel's again.
 */
u32 port_receive(struct port *port, void (*each)(void *arg, struct port_frame *frame), void *arg);
/* Frames that found the ring full since the last call. */
u64 port_lost(struct port *port);

/* A free slot's buffer, PACKET_HEADROOM + PACKET_LINEAR bytes, or NULL: all are with the kernel. */
u8 *port_slot(struct port *port);
/*
 * Sends len bytes at offset start of the buffer that port_slot() gave last, with 40 bytes that need
 * not be kept before them. Nothing moves before port_flush().
 */
void port_put_slot(struct port *port, u32 start, u32 len);
/*
 * Sends bytes that lie elsewhere: copied into a slot, or, where they are too many, at once. offload
 * NULL: a plain frame; else its csum_start counts from the first byte.
 */
void port_send(struct port *port, const u8 *bytes, u32 len, const struct virtio_net_hdr *offload);
/* Hands the slots over; waits a moment for a slow interface. */
void port_flush(struct port *port);

#endif
