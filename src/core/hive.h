/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hive from inside core: one instance of the subsystem. lock guards the tables of objects,
 * channels and pins; it is held for a few instructions, never while an object is released, a
 * program runs or a caller's memory is read.
 */
#ifndef CORE_HIVE_H
#define CORE_HIVE_H

#include <pthread.h>
#include <sys/resource.h>

#include "core/object.h"
#include "util/epoch.h"

struct btf;
struct slot;
struct pin;
struct trace_pipe;
struct map_space;

/* Objects of one kind, sorted by id; ids only grow. */
struct id_table {
	struct object **objects;
	u32 count, room, last;
};

enum { PIN_BUCKETS = 1024 };

struct hive {
	pthread_mutex_t lock;
	struct id_table ids[OBJECT_IDS];
	struct channel **buckets; /* by inode number */
	u32 bucket_count, channel_count;
	u32 marked_count,
		marked_sweep_at; /* mappable objects handed out; when to look for dead ones */
	u32 has_buffers;	 /* atomic: somebody was given one, ever */
	struct rlimit files;	 /* RLIMIT_NOFILE as the process had it */
	int fifo_dir;		 /* O_PATH of the directory FIFOs are made in for a moment */
	u32 fifo_count;
	int epoll; /* read ends, edge-triggered: hang-up tells that the last holder is gone */

	pthread_mutex_t pin_lock;
	struct pin *pins; /* all, and by the hash of their paths */
	struct pin *pin_buckets[PIN_BUCKETS];

	pthread_mutex_t source_lock;
	struct event_source **sources;
	u32 source_count;

	u64 max_memory, memory; /* bytes that objects may hold (0: any), and hold; atomic */
	u32 memory_told;	/* atomic: somebody was told that it is not enough */

	u32 nr_cpus;
	u32 engine;			   /* enum engine */
	const struct core_judge *judge;	   /* programs are judged, not run */
	const struct core_judge *observer; /* is told of rejections; may be NULL */
	struct epoch epoch;		   /* nr_cpus slots: what running programs may hold */
	u32 deferred;			   /* atomic: what waits for an epoch */
	struct map_space *space;
	struct timers *timers; /* bpf_timer */
	struct slot *slots;    /* nr_cpus of them, core/run.c */
	u64 iter_sessions;     /* atomic: opened so far */
	u32 stats_enabled;     /* atomic: holders of BPF_ENABLE_STATS */
	u32 told_interpreted;  /* atomic: that there is no machine code here */

	struct perf_event *perf_events; /* all of them, under source_lock */
	char **tracepoints;		/* names that have an id, under source_lock */
	u32 tracepoint_count;

	struct trace_pipe *trace;
	struct log *log;

	pthread_mutex_t btf_lock;
	const char *btf_path;
	bool btf_given;	     /* by who made the hive */
	struct btf *vmlinux; /* opened on first use */
	bool vmlinux_tried;
	struct object *vmlinux_object;
};

/* The kernel's BTF, or NULL where there is none. Opened once. */
const struct btf *hive_vmlinux(struct hive *hive);

/* Releases objects whose last fd is gone. Cheap when nothing happened (one epoll_wait); thorough also asks every
 * mapped object (a flock each). */
void hive_reap(struct hive *hive, bool thorough);

/* end(item) when no running program can hold it any more: soon, or at a later call. */
void hive_defer(struct hive *hive, struct epoch_item *item, void (*end)(struct epoch_item *item));
void hive_flush(struct hive *hive);

/* bytes more of memory, or less: 0; -ENOMEM, once with words, where that is more than the hive may hold. */
int hive_charge(struct hive *hive, u64 bytes);
void hive_uncharge(struct hive *hive, u64 bytes);

int slots_new(struct hive *hive);
void slots_free(struct hive *hive);
int trace_new(struct hive *hive);
void trace_free(struct hive *hive);
void pins_free(struct hive *hive);
void sources_free(struct hive *hive);
/* The name a tracepoint id stands for, NULL none. */
const char *tracepoint_name(struct hive *hive, u64 id);

#endif
