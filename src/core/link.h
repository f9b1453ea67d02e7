/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attaching. An attachment is one program (or none yet) on one target of an event source; a link or a
 * perf event owns it. Event sources keep pointers to attachments between attach and detach; memory of
 * a detached one goes after an epoch, so that a fire under way is safe.
 */
#ifndef CORE_LINK_H
#define CORE_LINK_H

#include "core/command.h"
#include "core/objects.h"
#include "core/source.h"
#include "def/iter.h"

struct attachment {
	struct attach_target target; /* name is ours */
	struct prog *prog;	     /* atomic; a reference, or NULL */
	bool enabled;		     /* atomic */
	u32 ctx_size; /* bytes of context that there are; 0: the program type says it */
	const struct event_source *source;
	struct epoch_item ending;
};

/* Asks the sources one by one who claims the target: 0, -ENOENT (nobody), what the source's attach returned. The
 * reference of prog (may be NULL) is the caller's to drop. */
int attachment_new(struct attachment **out, struct hive *hive, const struct attach_target *target,
		   struct prog *prog);
/* Whether the program reads no further than the target's context goes: 0, -EACCES, -EINVAL, after words. */
int attachment_fits(struct hive *hive, const struct attachment *attachment,
		    const struct prog *prog);
/* Detaches and frees; NULL is fine. */
void attachment_free(struct hive *hive, struct attachment *attachment);
/* Puts another program (or NULL) in; the reference moves in, the old one goes after an epoch. */
void attachment_set_prog(struct hive *hive, struct attachment *attachment, struct prog *prog);

struct link {
	struct object object;
	u32 type; /* BPF_LINK_TYPE_* */
	u32 attach_type;
	struct prog *prog; /* under lock: LINK_UPDATE changes it */
	pthread_mutex_t lock;
	struct attachment *attachment;	/* NULL: detached, or a perf link's (the event has it) */
	struct perf_event *perf;	/* perf links: a reference */
	struct map_object *map;		/* iterators over elements of a map */
	const struct iter_target *iter; /* iterators */
};
static inline struct link *to_link(struct object *o)
{
	return container_of(o, struct link, object);
}
/* Whether a link has put an XDP program on an interface: its id and the mode asked for (XDP_FLAGS_*_MODE). */
bool link_xdp_on(struct hive *hive, int ifindex, u32 *prog, u32 *mode);
int link_from_fd(struct hive *hive, struct caller *caller, int fd, struct link **out);

/* perf_event_open(2)'s objects. */
struct perf_event {
	struct object object;
	u32 type; /* perf_event_attr.type */
	u64 config;
	int cpu, pid;
	bool mapped; /* its buffer is, and was charged for */
	struct attachment *attachment; /* probes and tracepoints */
	struct perf_ring *ring;	       /* BPF output */
	pthread_mutex_t lock;
	struct prog *prog;
	bool by_link;
	u64 cookie;
	struct perf_event *next; /* hive->perf_events */
	struct epoch_item ending;
};
static inline struct perf_event *to_perf(struct object *o)
{
	return container_of(o, struct perf_event, object);
}
/* Puts prog on the event: 0, -EEXIST, -EINVAL (a program of the wrong type). Takes its own reference. */
int perf_set_prog(struct perf_event *event, struct prog *prog, u64 cookie);
void perf_clear_prog(struct perf_event *event);
/* Whose ring it is. */
struct perf_event *perf_of_ring(struct hive *hive, const struct perf_ring *ring);

/* Whether a program may be attached as this attach type: 0, -EINVAL. */
int check_attach_type(const struct prog *prog, u32 attach_type);

/* A link of its own, without id yet, with a reference to prog. */
int link_new(struct link **out, struct hive *hive, u32 type, u32 attach_type, struct prog *prog);
/* Gives a finished link its id and the caller his fd; drops our reference either way. Passes err on. */
int link_settle(struct call *call, struct link *link, int err);
/* -EOPNOTSUPP with words: there is nothing of the kind here to attach to. */
int link_not_here(struct call *call, const struct prog *prog, const char *what);

/* LINK_CREATE for a program that is loaded for an iterator. */
int iter_attach(struct call *call, struct prog *prog);
/* A session of an iterator: an fd of ours to read its text from, or -errno. */
int iter_text(struct hive *hive, struct link *link);

#endif
