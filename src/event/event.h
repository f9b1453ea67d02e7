/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event sources: where events come from when no kernel gives them. A source is one file that adds a
 * struct event_source to a hive and keeps the attachments core hands it; whoever meets the event
 * (the supervisor of a process tree, the reader of a capture file) tells the source, which runs
 * the programs through core_fire() with the context the kernel would have given them.
 */
#ifndef EVENT_EVENT_H
#define EVENT_EVENT_H

#include "core/core.h"

/* One row each in sources.c. 0 or -errno. */
int event_add_syscall(struct hive *hive);
int event_add_packet(struct hive *hive);

/* ---- syscall.c: entries of system calls, as kprobes and tracepoints ---- */

enum { SYSCALL_MAX = 512 }; /* numbers are below */

struct syscall_set {
	u64 bits[SYSCALL_MAX / 64];
};

/* A system call at its entry, as seccomp tells it: args in the syscall's own order. */
struct syscall_event {
	s32 nr;
	u64 ip;
	const u64 *args; /* 6 */
};

struct syscall_source;
/* The hive's source, NULL where it was never added. */
struct syscall_source *syscall_source(struct hive *hive);

/* Adds to *set what the programs attached now must see. */
void syscall_wanted(struct syscall_source *source, struct syscall_set *set);
/*
 * A tree runs with this set (NULL: none runs); an attach outside it is told that it will see
 * nothing.
 */
void syscall_running(struct syscall_source *source, const struct syscall_set *set);
/*
 * Runs every program attached to the entry of event->nr, in the kernel's order. Returns how many
 * ran.
 */
int syscall_fire(struct syscall_source *source, u32 cpu, struct task *task,
		 const struct syscall_event *event);

static inline void syscall_set_add(struct syscall_set *set, u32 nr)
{
	set->bits[nr / 64] |= 1ull << nr % 64;
}
static inline bool syscall_set_has(const struct syscall_set *set, u32 nr)
{
	return nr < SYSCALL_MAX && set->bits[nr / 64] >> nr % 64 & 1;
}

/* ---- packet.c: XDP programs ---- */

enum {
	PACKET_HEADROOM = 256, /* XDP_PACKET_HEADROOM */
	PACKET_LINEAR =
		3520, /* what a page leaves for a packet after headroom and skb_shared_info */
};

struct packet_source;
/* The hive's source, NULL where it was never added. */
struct packet_source *packet_source(struct hive *hive);

/*
 * A packet in a buffer: len bytes PACKET_HEADROOM into mem, which has room bytes. A program may
 * move both ends.
 */
struct packet_frame {
	u8 *mem;
	u32 room;
	u32 start, len; /* after a run: where the packet is now */
};

/*
 * Runs the programs attached to ifindex (0: to any interface) one after the other while they pass
 * the packet, as received there. Returns the last verdict, XDP_PASS where no program is attached.
 */
u32 packet_fire(struct packet_source *source, u32 cpu, u32 ifindex, struct packet_frame *frame);

#endif
