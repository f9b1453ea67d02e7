/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skep_bridge_*(): the attached XDP programs as the only path between two interfaces. One thread
 * takes what arrives on either, copies it to where it would go if it passed (a slot of the other
 * interface's ring), runs the program on it there and does what the verdict says. So a packet that
 * passes is copied once and one that is dropped is simply not sent.
 *
 * Redirects may go to any interface of the network namespace; those that are not of the bridge are
 * opened, for sending only, when the first packet goes there.
 */
#include "skep.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "event/port.h"
#include "supervise/out.h"

enum {
	SIDES = 2,
	PORTS = 16,
	SCRATCH = PACKET_HEADROOM + PORT_LONGEST + PACKET_LINEAR,
	FD_STOP = SIDES,
	FD_TRACE,
	FD_OUT,
	FDS,
	LOOK_AGAIN_MS = 100, /* whether an interface that went down is up again, or away */
	LAST_ROUNDS = 1000,  /* of PORT_QUIET_MS, for what still comes in when it is to stop */
};

struct skep_bridge {
	struct event_list *list;
	struct log *log;
	struct port ports[PORTS]; /* the two sides first */
	u32 nr_ports;
	u32 unreachable[PORTS]; /* interfaces that could not be opened */
	u32 nr_unreachable;
	struct skep_bridge_result result;
	struct out trace;
	pthread_t thread;
	bool started;
	int stop;  /* eventfd: written to end it */
	int ended; /* eventfd: readable when it has ended by itself */
	int error; /* why */
	bool down[SIDES];
	u8 *scratch; /* frames that no slot holds */

	u32 side, cpu; /* of the block that is being read */
};

/* ---- where a packet goes ---- */

static struct port *port_of(struct skep_bridge *bridge, u32 ifindex)
{
	char name[IF_NAMESIZE];

	for (u32 i = 0; i < bridge->nr_ports; i++)
		if (bridge->ports[i].ifindex == ifindex)
			return &bridge->ports[i];
	for (u32 i = 0; i < bridge->nr_unreachable; i++)
		if (bridge->unreachable[i] == ifindex)
			return NULL;
	if (bridge->nr_ports == PORTS || bridge->nr_unreachable == PORTS)
		return NULL;
	if (!if_indextoname(ifindex, name)) {
		say(bridge->log, "a packet is redirected to interface %u, which does not exist\n",
		    ifindex);
	} else if (!port_open(&bridge->ports[bridge->nr_ports], name, false, bridge->log)) {
		return &bridge->ports[bridge->nr_ports++];
	}
	bridge->unreachable[bridge->nr_unreachable++] = ifindex;
	return NULL;
}

/* What the metadata says of the frame once its head was moved; NULL where it says nothing. */
static const struct virtio_net_hdr *moved(struct virtio_net_hdr *offload,
					  const struct packet_frame *packet)
{
	s32 by = PACKET_HEADROOM - (s32)packet->start, csum = offload->csum_start + by;

	if (offload->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return NULL;
	if (csum < ETHER_HEADER || csum + offload->csum_offset + 2 > (s32)packet->len)
		return NULL;
	offload->csum_start = (u16)csum;
	offload->hdr_len = (u16)max(offload->hdr_len + by, 0);
	return offload;
}

/* slot: the packet lies in the other side's slot, which is then what is sent. */
static void pass(struct skep_bridge *bridge, const struct packet_frame *packet, bool slot,
		 const struct virtio_net_hdr *offload)
{
	struct port *there = &bridge->ports[!bridge->side];

	if (slot)
		port_put_slot(there, packet->start, packet->len);
	else
		port_send(there, packet->mem + packet->start, packet->len, offload);
}

/* The other side comes last: after it the packet's slot is no longer ours to read a copy from. */
static void redirect(struct skep_bridge *bridge, const struct packet_frame *packet, bool slot,
		     const struct virtio_net_hdr *offload)
{
	struct skep_bridge_side *counts = &bridge->result.side[bridge->side];
	const u32 there = bridge->ports[!bridge->side].ifindex;
	bool sent = false, to_there = false;

	for (u32 i = 0; i < packet->nr_targets; i++) {
		struct port *to = port_of(bridge, packet->targets[i]);

		if (packet->targets[i] == there)
			to_there = true;
		else if (to)
			port_send(to, packet->mem + packet->start, packet->len, offload);
		sent = sent || to;
	}
	if (to_there)
		pass(bridge, packet, slot, offload);
	if (sent)
		counts->redirected++;
	else
		counts->unreachable++;
}

static void follow(struct skep_bridge *bridge, u32 verdict, struct packet_frame *packet, bool slot,
		   struct virtio_net_hdr *offload)
{
	struct skep_bridge_side *counts = &bridge->result.side[bridge->side];

	switch (verdict) {
	case XDP_PASS:
		counts->passed++;
		pass(bridge, packet, slot, moved(offload, packet));
		return;
	case XDP_TX:
		counts->tx++;
		port_send(&bridge->ports[bridge->side], packet->mem + packet->start, packet->len,
			  moved(offload, packet));
		return;
	case XDP_REDIRECT: redirect(bridge, packet, slot, moved(offload, packet)); return;
	case XDP_DROP: counts->dropped++; return;
	case XDP_ABORTED: counts->aborted++; return;
	default: counts->invalid++;
	}
}

static void take(void *arg, struct port_frame *frame)
{
	struct skep_bridge *bridge = arg;
	struct skep_bridge_side *counts = &bridge->result.side[bridge->side];
	bool fits =
		frame->len <= PACKET_LINEAR && frame->offload.gso_type == VIRTIO_NET_HDR_GSO_NONE;
	u8 *slot = fits ? port_slot(&bridge->ports[!bridge->side]) : NULL;
	struct packet_frame packet;

	counts->packets++;
	if (frame->cut) {
		counts->too_long++;
		return;
	}
	packet.mem = slot ? slot : bridge->scratch;
	packet.room = PACKET_HEADROOM + max(frame->len, (u32)PACKET_LINEAR);
	packet.len = frame->len;
	memcpy(packet.mem + PACKET_HEADROOM, frame->bytes, frame->len);
	follow(bridge,
	       packet_fire(bridge->list, bridge->cpu, bridge->ports[bridge->side].ifindex, &packet),
	       &packet, slot, &frame->offload);
}

/* ---- the thread ---- */

static u64 cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec;
}

/* Hands over what is to be sent; returns the ns all such have taken up to now. */
static u64 flush_all(struct skep_bridge *bridge)
{
	u64 ns = 0;

	for (u32 i = 0; i < bridge->nr_ports; i++) {
		port_flush(&bridge->ports[i]);
		ns += bridge->ports[i].flush_ns;
	}
	return ns;
}

/* A block of either side; false if none was full. */
static bool serve(struct skep_bridge *bridge)
{
	u64 start = cpu_ns(), flushed = flush_all(bridge);
	int cpu = sched_getcpu();
	bool any = false;

	bridge->cpu = cpu < 0 ? 0 : (u32)cpu;
	for (bridge->side = 0; bridge->side < SIDES; bridge->side++) {
		pthread_rwlock_rdlock(&bridge->list->lock);
		if (port_receive(&bridge->ports[bridge->side], take, bridge))
			any = true;
		pthread_rwlock_unlock(&bridge->list->lock);
	}
	flushed = flush_all(bridge) - flushed;
	if (any)
		bridge->result.busy_ns += cpu_ns() - start - flushed;
	return any;
}

static void flush_trace(struct skep_bridge *bridge, struct pollfd *fds)
{
	out_flush(&bridge->trace);
	fds[FD_OUT].fd = bridge->trace.blocked ? bridge->trace.fd : -1;
	fds[FD_TRACE].fd = bridge->trace.blocked || bridge->trace.fd < 0
				   ? -1
				   : core_trace_fd(bridge->list->hive);
}

/* An interface went down (which may pass) or away (which ends the bridge). */
static bool lives(struct skep_bridge *bridge, u32 side)
{
	struct port *port = &bridge->ports[side];
	int err = port_error(port);

	if (err == -ENODEV) {
		bridge->error = fail(bridge->log, err, "%s: the interface is gone", port->name);
		return false;
	}
	if (err && !bridge->down[side])
		fail(bridge->log, err, "%s: %s", port->name,
		     err == -ENETDOWN ? "went down; nothing passes until it is up again"
				      : strerror(-err));
	bridge->down[side] = err;
	return true;
}

static bool look_at_fds(struct skep_bridge *bridge, struct pollfd *fds)
{
	for (u32 side = 0; side < SIDES; side++)
		if ((fds[side].revents & POLLERR || bridge->down[side]) && !lives(bridge, side))
			return false;
	if (fds[FD_TRACE].revents || fds[FD_OUT].revents)
		flush_trace(bridge, fds);
	return true;
}

/* How long to sleep: for ever, but for what nobody tells. */
static int patience(const struct skep_bridge *bridge, bool stopping)
{
	if (stopping)
		return PORT_QUIET_MS;
	return bridge->down[0] || bridge->down[1] ? LOOK_AGAIN_MS : -1;
}

/* Until it is told to stop, and then until nothing comes in any more. */
static void loop(struct skep_bridge *bridge)
{
	struct pollfd fds[FDS] = { { .fd = bridge->ports[0].fd, .events = POLLIN },
				   { .fd = bridge->ports[1].fd, .events = POLLIN },
				   { .fd = bridge->stop, .events = POLLIN },
				   { .fd = -1, .events = POLLIN },
				   { .fd = -1, .events = POLLOUT } };
	int last = -1; /* rounds since the stop */

	flush_trace(bridge, fds);
	while (last < LAST_ROUNDS) {
		bool more = serve(bridge);
		int n = poll(fds, FDS, more ? 0 : patience(bridge, last >= 0));

		if (n >= 0 && !look_at_fds(bridge, fds))
			return;
		if (fds[FD_STOP].revents) {
			fds[FD_STOP].fd = -1;
			fds[FD_STOP].revents = 0;
			last = 0;
		} else if (last >= 0) {
			if (!more && n == 0)
				return;
			last++;
		}
	}
}

static void *run(void *arg)
{
	struct skep_bridge *bridge = arg;
	const u64 one = 1;

	loop(bridge);
	out_finish(&bridge->trace);
	if (bridge->error && write(bridge->ended, &one, sizeof(one)) < 0)
		bridge->error = -errno;
	return NULL;
}

/* ---- start and stop ---- */

static void bridge_free(struct skep_bridge *bridge)
{
	for (u32 i = 0; i < bridge->nr_ports; i++)
		port_close(&bridge->ports[i]);
	if (bridge->stop >= 0)
		close(bridge->stop);
	if (bridge->ended >= 0)
		close(bridge->ended);
	free(bridge->scratch);
	free(bridge);
}

static int open_all(struct skep_bridge *bridge, const struct skep_bridge_opts *opts)
{
	const char *const names[SIDES] = { opts->a, opts->b };
	int err = 0;

	if (!strcmp(opts->a, opts->b))
		return fail(bridge->log, -EINVAL, "%s: a bridge is between two interfaces, not one",
			    opts->a);
	for (u32 i = 0; i < SIDES && !err; i++) {
		err = port_open(&bridge->ports[i], names[i], true, bridge->log);
		bridge->nr_ports += !err;
	}
	bridge->stop = eventfd(0, EFD_CLOEXEC);
	bridge->ended = eventfd(0, EFD_CLOEXEC);
	bridge->scratch = calloc(1, SCRATCH);
	if (!err && (bridge->stop < 0 || bridge->ended < 0 || !bridge->scratch))
		err = -ENOMEM;
	return err;
}

int skep_bridge_open(struct skep_bridge **out, struct skep *skep,
		     const struct skep_bridge_opts *opts)
{
	struct hive *hive = skep_hive(skep);
	struct skep_bridge *bridge;
	int err;

	*out = NULL;
	if (opts->sz < sizeof(*opts) || !opts->a || !opts->b || !event_list(hive, &packet_kind))
		return -EINVAL;
	bridge = calloc(1, sizeof(*bridge));
	if (!bridge)
		return -ENOMEM;
	bridge->stop = bridge->ended = -1;
	bridge->list = event_list(hive, &packet_kind);
	bridge->log = skep_log(skep);
	bridge->result.sz = sizeof(bridge->result);
	out_start(&bridge->trace, hive, opts->trace_fd);
	err = open_all(bridge, opts);
	if (err)
		bridge_free(bridge);
	else
		*out = bridge;
	return err;
}

/* Signals are for the thread that started it; a reader of the trace that goes is no reason to die. */
int skep_bridge_start(struct skep_bridge *bridge)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&bridge->thread, NULL, run, bridge);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	bridge->started = !err;
	return -err;
}

int skep_bridge_fd(const struct skep_bridge *bridge)
{
	return bridge->ended;
}

int skep_bridge_stop(struct skep_bridge *bridge, struct skep_bridge_result *result)
{
	const u64 one = 1;
	int err;

	if (bridge->started && write(bridge->stop, &one, sizeof(one)) == sizeof(one))
		pthread_join(bridge->thread, NULL);
	for (u32 i = 0; i < SIDES; i++) {
		bridge->result.side[i].lost = port_lost(&bridge->ports[i]);
		bridge->result.side[i].unsent = bridge->ports[i].unsent;
	}
	for (u32 i = SIDES; i < bridge->nr_ports; i++)
		bridge->result.unsent_elsewhere += bridge->ports[i].unsent;
	bridge->result.trace_lost = bridge->trace.lost;
	bridge->result.trace_errno = bridge->trace.err;
	err = bridge->error;
	*result = bridge->result;
	bridge_free(bridge);
	return err;
}
