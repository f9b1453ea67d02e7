/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects behind fds. An object lives while its count of references is above zero: one for every
 * channel a process may still hold an fd of, one for every pin, one for every object that uses it.
 * When the count falls to zero it leaves the tables first (nobody can find it any more), then its
 * release() runs, without the hive's lock.
 */
#ifndef CORE_OBJECT_H
#define CORE_OBJECT_H

#include "core/core.h"

/* Kinds up to OBJECT_IDS have ids that GET_NEXT_ID and GET_FD_BY_ID know. */
enum object_kind {
	OBJECT_PROG,
	OBJECT_MAP,
	OBJECT_BTF,
	OBJECT_LINK,
	OBJECT_IDS,
	OBJECT_PERF = OBJECT_IDS, /* perf_event_open(2) */
	OBJECT_STATS,		  /* BPF_ENABLE_STATS */
	OBJECT_KINDS
};

struct notify;
struct object;
struct object_ops {
	void (*release)(struct object *object);	  /* frees it and what it refers to */
	void (*last_user)(struct object *object); /* no fd and no pin left; may be NULL */
	int (*memfd)(
		struct object *
			object); /* mappable: the memfd to hand out (stays ours) or -errno; NULL: a FIFO */
	/* Buffers: who tells those that wait for it; may be NULL, and so may what it returns. */
	struct notify *(*notify)(struct object *object);
};

struct channel; /* what one access mode's fds lead to; object.c */
struct object {
	struct hive *hive;
	const struct object_ops *ops;
	enum object_kind kind;
	u32 id;
	u32 refs;		     /* atomic */
	u64 memory;		     /* bytes charged to the hive */
	u32 users;		     /* held channels and pins; under the hive's lock */
	/* By O_RDONLY, O_WRONLY, O_RDWR; a buffer's: the memfd by O_RDWR, what is waited for by O_WRONLY. */
	struct channel *channels[3];
};

/* Prepares an embedded object with one reference, the caller's. Not findable until object_publish(). */
void object_init(struct object *object, struct hive *hive, enum object_kind kind,
		 const struct object_ops *ops);

/* Gives it an id (kinds below OBJECT_IDS); 0, -ENOMEM. */
int object_publish(struct object *object);

/* The object holds this much memory, until it goes: 0, -ENOMEM. For whoever makes it. */
int object_charge(struct object *object, u64 bytes);

void object_get(struct object *object);
void object_put(struct object *object);

/* The object of this kind behind the caller's fd, with a reference: 0, -EBADF (no such fd), -EINVAL (another kind of
 * file). *access, if asked for, is O_RDONLY, O_WRONLY or O_RDWR. */
int object_from_fd(struct hive *hive, struct caller *caller, int fd, enum object_kind kind,
		   struct object **out, u32 *access);
/* Likewise, of any kind. */
int object_any_from_fd(struct hive *hive, struct caller *caller, int fd, struct object **out,
		       u32 *access);

/* By an fd's identity: 0, -EINVAL. */
int object_from_key(struct hive *hive, const struct fd_key *key, struct object **out, u32 *access);

/* Whether match() is true of an object of this kind; called with the hive's lock held. */
bool object_any(struct hive *hive, enum object_kind kind,
		bool (*match)(struct object *object, void *arg), void *arg);

/* By id, with a reference: 0, -ENOENT. */
int object_from_id(struct hive *hive, enum object_kind kind, u32 id, struct object **out);
/* The smallest id above *id; 0, -ENOENT. */
int object_next_id(struct hive *hive, enum object_kind kind, u32 *id);

/* Gives the caller an fd of the object (close-on-exec), in an access mode; its number or -errno. */
int object_install(struct object *object, struct caller *caller, u32 access);

/*
 * What a caller's fd of a buffer is to be exchanged for, so that Linux can let him wait for it (wait), or map it:
 * a new fd of ours. -EALREADY: it is that already; in any case a level is right then (notify_level()). -EINVAL: it is no
 * buffer's; -EBADF; -errno.
 */
int object_turn(struct hive *hive, struct caller *caller, int fd, bool wait);
/* The levels of all buffers that are waited for. */
void object_settle(struct hive *hive);

/* A pin holds the object like an fd does. */
void object_pin(struct object *object);
void object_unpin(struct object *object);

#endif
