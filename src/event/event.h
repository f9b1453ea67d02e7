/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event sources: where events come from when no kernel gives them. A source is one file with a
 * struct event_kind, and a row in sources.c; list.c keeps the programs that are attached to it.
 * Whoever meets the event (the supervisor of a process tree, the reader of a capture file) tells
 * the source, which runs the programs through core_fire() with the context the kernel would have
 * given them.
 */
#ifndef EVENT_EVENT_H
#define EVENT_EVENT_H

#include <pthread.h>

#include "core/source.h"
#include "def/ctx_layout.h"

/* One attached program; a kind's own rows begin with it. */
struct event_row {
	struct attachment *attachment;
	u32 stage;    /* rows of lower stages run first */
	u32 ctx_size; /* bytes of context that a program may read; 0: the program type says it */
};

enum { EVENT_ROW_MAX = 64 }; /* bytes of the longest row */
/* What a program of these types can read at the most, whatever there is. */
enum { RECORD_MAX = 8192, RAW_ARGS_MAX = 12 };

struct event_kind {
	const char *name;
	size_t row_size;
	bool (*claims)(const struct attach_target *target);
	/* Fills in a zeroed row; the attachment is set by the list. 0, or -errno after words. */
	int (*attach)(struct event_row *row, const struct attach_target *target, struct log *why);
};

extern const struct event_kind syscall_kind, process_kind, packet_kind;

/* Who runs a source's events: called after each attach; an error undoes it. */
struct event_watcher {
	void *arg;
	int (*changed)(void *arg, const struct event_row *row, const struct attach_target *target);
};

struct event_list {
	const struct event_kind *kind;
	struct hive *hive;
	u8 *rows;
	size_t count;
	pthread_rwlock_t lock; /* of the rows */
	pthread_mutex_t watch_lock;
	struct event_watcher watcher;
};

/* Adds a source of this kind: 0 or -ENOMEM. */
int event_add(struct hive *hive, const struct event_kind *kind);
/* The hive's source of this kind, NULL where it was never added. */
struct event_list *event_list(struct hive *hive, const struct event_kind *kind);
/* From now on; NULL: nobody. No call to the watcher before is running any more. */
void event_watch(struct event_list *list, const struct event_watcher *watcher);

/* The i-th row; hold list->lock. */
static inline struct event_row *event_row(const struct event_list *list, size_t i)
{
	return (struct event_row *)(list->rows + i * list->kind->row_size);
}

/* ---- syscall.c: entries and exits of system calls, as kprobes and tracepoints ---- */

enum { SYSCALL_MAX = 512 }; /* numbers are below */

struct syscall_set {
	u64 bits[SYSCALL_MAX / 64];
};

/* What programs must see: entries and exits of calls. */
struct syscall_wants {
	struct syscall_set enter, leave;
};

/* A system call: args in its own order, as they were at the entry. */
struct syscall_event {
	s32 nr;
	u64 ip;
	const u64 *args; /* 6 */
	const u64 *
		regs; /* all of the caller's, in the order of the kernel's struct pt_regs; NULL: not known */
};

/* Adds what the programs attached now must see. */
void syscall_wanted(struct event_list *list, struct syscall_wants *wants);
/* Adds what the program of a row must see. */
void syscall_row_wanted(const struct event_row *row, struct syscall_wants *wants);
/* Runs every program attached to the entry of event->nr, in the kernel's order. */
void syscall_enter(struct event_list *list, u32 cpu, struct task *task,
		   const struct syscall_event *event);
/*
 * Those attached to its exit. child: it is the new thread that leaves its parent's call, where no
 * function returns. nr -1: rt_sigreturn, which only programs that see every call see.
 */
void syscall_leave(struct event_list *list, u32 cpu, struct task *task,
		   const struct syscall_event *event, s64 ret, bool child);

static inline void syscall_set_add(struct syscall_set *set, u32 nr)
{
	set->bits[nr / 64] |= 1ull << nr % 64;
}
static inline void syscall_set_remove(struct syscall_set *set, u32 nr)
{
	set->bits[nr / 64] &= ~(1ull << nr % 64);
}
static inline bool syscall_set_has(const struct syscall_set *set, u32 nr)
{
	return nr < SYSCALL_MAX && set->bits[nr / 64] >> nr % 64 & 1;
}

/* ---- watch.c: what a tree is stopped at before anybody is attached ---- */

struct watch {
	struct syscall_wants calls;
	u32 lives; /* 1 << enum life */
};
/*
 * Comma-separated words: a system call's name, "all", "default" (execve, clone, open, connect and
 * their like), each also as "exit:NAME" for when it leaves; "life" for sched_process_fork, _exec
 * and _exit. 0, or -EINVAL after words to the log.
 */
int watch_parse(struct watch *watch, const char *list, struct log *log);

/* ---- packet.c: XDP programs ---- */

enum {
	PACKET_HEADROOM = 256, /* XDP_PACKET_HEADROOM */
	PACKET_LINEAR =
		3520, /* what a page leaves for a packet after headroom and skb_shared_info */
};

/*
 * A packet in a buffer: len bytes PACKET_HEADROOM into mem, which has room bytes. A program may
 * move both ends.
 */
struct packet_frame {
	u8 *mem;
	u32 room;
	u32 start, len; /* after a run: where the packet is now */
	/* after XDP_REDIRECT: the interfaces it goes to */
	u32 nr_targets;
	u32 targets[XDP_TARGETS];
};

/* Whether a program is attached to the interface. */
bool packet_attached(struct event_list *list, u32 ifindex);
/*
 * Runs the programs attached to ifindex (0: to any interface) one after the other while they pass
 * the packet, as received there. Returns the last verdict, XDP_PASS where no program is attached.
 * Hold list->lock for reading: over many packets, for it costs as much as a small program.
 */
u32 packet_fire(struct event_list *list, u32 cpu, u32 ifindex, struct packet_frame *frame);

#endif
