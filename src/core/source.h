/* SPDX-License-Identifier: BSD-2-Clause */
/* Event sources (rank 6): what they register, and how they run the programs that are attached through them. */
#ifndef CORE_SOURCE_H
#define CORE_SOURCE_H

#include "core/core.h"

/* What a link or perf event attaches to. */
struct attach_target {
	u32 kind;	  /* ATTACH_* */
	const char *name; /* "__x64_sys_execve", "sched/sched_process_exec", "sys_enter" */
	u64 offset, cookie;
	int ifindex, pid;
};
enum attach_kind {
	ATTACH_KPROBE,
	ATTACH_KRETPROBE,
	ATTACH_TRACEPOINT,
	ATTACH_RAW_TRACEPOINT,
	ATTACH_XDP
};
struct attachment; /* one program on one target, core's; event sources hold it */
/* attach() and detach() are called by whatever thread calls bpf(2) or reaps. Once detach() has returned, the source does
 * not fire the attachment any more: a source whose events come on other threads takes a lock of its own around both. */
struct event_source {
	const char *name;
	bool (*claims)(void *arg, const struct attach_target *target);
	int (*attach)(void *arg, struct attachment *attachment, const struct attach_target *target,
		      struct log *why);
	void (*detach)(void *arg, struct attachment *attachment);
	void (*free)(void *arg); /* the hive goes; every attachment was detached. May be NULL */
	void *arg;
};
int core_add_event_source(struct hive *hive, const struct event_source *source);
/* The source of that name, or NULL: how the layers above find their own state again. */
const struct event_source *core_event_source(struct hive *hive, const char *name);
/* Adds every source of rank 6 to a new hive (src/event/sources.c); skep_new() calls it. */
int event_sources_add(struct hive *hive);

/* The number that perf_event_attr.config and tracefs' id file name a tracepoint ("syscalls/sys_enter_openat") by;
 * made up on first use. -ENOMEM. */
int core_tracepoint_id(struct hive *hive, const char *name);

/* For a source's attach(): programs that may read more of their context are refused. */
void core_attachment_limit(struct attachment *attachment, u32 ctx_size);
/* Whether the attachment's program may tail-call others, which may read more than it does. */
bool core_attachment_tails(const struct attachment *attachment);
/* Whether the kernel's BTF has a struct of this name with this member. */
bool core_btf_has(struct hive *hive, const char *type, const char *member);

/* Runs an attachment's program on slot cpu for an event. ctx is our own layout for the program type. Returns r0;
 * a program that is running on this slot already is counted (recursion) and skipped. */
u64 core_fire(struct hive *hive, struct attachment *attachment, u32 cpu, void *ctx,
	      struct task *task, const struct run_region *regions, u32 nr_regions);

#endif
