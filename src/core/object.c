/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects and the real fds that lead to them.
 *
 * A channel is what the fds of one object (in one access mode) have in common: an inode. A FIFO for
 * objects that are never mapped: clients hold write ends, we hold the read end, whose hang-up tells
 * that the last write end is gone, however it went. A memfd for mappable ones: clients hold a file
 * description of their own on which we took a shared flock before handing it out; mappings keep that
 * description, so an exclusive flock on ours succeeds exactly when nobody holds or maps it any more.
 *
 * A buffer has a third one: a FIFO that its records are told by (util/notify.h), for clients that wait for
 * it; we hold both ends, so what clients hold bears the mark.
 *
 * held is true while a process may have the channel; it then counts as one reference and one user.
 */
#include "core/object.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/channel.h"
#include "core/hive.h"
#include "util/notify.h"

struct channel {
	struct object *object;
	struct channel *next; /* in its bucket */
	u64 dev, ino;
	int fd; /* FIFO: our read end, waited: both ends; memfd: the object's own, not ours to close */
	u32 access;
	bool memfd, waited;
	bool held;
};

/* Whether what clients hold bears our mark, and is asked after: else hang-ups tell. */
static bool is_marked(const struct channel *ch)
{
	return ch->memfd || ch->waited;
}

static void lock(struct hive *hive)
{
	pthread_mutex_lock(&hive->lock);
}
static void unlock(struct hive *hive)
{
	pthread_mutex_unlock(&hive->lock);
}

/* The table of channels, by inode number. */

int channels_new(struct hive *hive)
{
	hive->bucket_count = 64;
	hive->buckets = calloc(hive->bucket_count, sizeof(*hive->buckets));
	return hive->buckets ? 0 : -ENOMEM;
}

static struct channel **bucket_of(struct hive *hive, u64 ino)
{
	return &hive->buckets[(ino * 0x9e3779b97f4a7c15ull >> 32) & (hive->bucket_count - 1)];
}

/* More buckets; staying with the old ones is no error. */
static void grow_buckets(struct hive *hive)
{
	u32 old_count = hive->bucket_count;
	struct channel **old = hive->buckets,
		       **wider = calloc((size_t)old_count * 4, sizeof(*wider));

	if (!wider)
		return;
	hive->buckets = wider;
	hive->bucket_count = old_count * 4;
	for (u32 i = 0; i < old_count; i++) {
		struct channel *next;

		for (struct channel *ch = old[i]; ch; ch = next) {
			struct channel **head = bucket_of(hive, ch->ino);

			next = ch->next;
			ch->next = *head;
			*head = ch;
		}
	}
	free(old);
}

static void channel_insert(struct hive *hive, struct channel *ch)
{
	struct channel **head;

	if (hive->channel_count++ >= 2 * hive->bucket_count)
		grow_buckets(hive);
	head = bucket_of(hive, ch->ino);
	ch->next = *head;
	*head = ch;
	hive->marked_count += is_marked(ch);
}

static struct channel *channel_find(struct hive *hive, const struct fd_key *key)
{
	struct channel *ch = *bucket_of(hive, key->ino);

	while (ch && (ch->ino != key->ino || ch->dev != key->dev))
		ch = ch->next;
	return ch;
}

/* Closes and frees a channel that is in no table. */
static void channel_free(struct hive *hive, struct channel *ch)
{
	if (!ch->memfd) {
		/* a forked child may share the read end, so closing alone would leave it in the epoll set */
		if (!ch->waited)
			epoll_ctl(hive->epoll, EPOLL_CTL_DEL, ch->fd, NULL);
		close(ch->fd);
	}
	free(ch);
}

static void channel_remove(struct hive *hive, struct channel *ch)
{
	struct channel **at = bucket_of(hive, ch->ino);

	while (*at != ch)
		at = &(*at)->next;
	*at = ch->next;
	hive->channel_count--;
	hive->marked_count -= is_marked(ch);
	channel_free(hive, ch);
}

/* Making channels. */

/* A FIFO nobody can open by name any more; returns our end of that access. */
static int make_fifo(struct hive *hive, const char *what, u32 access)
{
	char name[64];

	for (int tries = 0; tries < 100; tries++) {
		u32 count = __atomic_add_fetch(&hive->fifo_count, 1, __ATOMIC_RELAXED);
		int fd;

		snprintf(name, sizeof(name), ".skep-%d-%p-%u-%s", (int)getpid(), (void *)hive,
			 count, what);
		if (mkfifoat(hive->fifo_dir, name, 0600)) {
			if (errno == EEXIST)
				continue;
			return -errno;
		}
		fd = openat(hive->fifo_dir, name,
			    (int)access | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			fd = -errno;
		unlinkat(hive->fifo_dir, name, 0);
		return fd;
	}
	return -EEXIST;
}

static const char *const file_names[OBJECT_KINDS] = {
	[OBJECT_PROG] = "bpf-prog", [OBJECT_MAP] = "bpf-map",	  [OBJECT_BTF] = "btf",
	[OBJECT_LINK] = "bpf-link", [OBJECT_PERF] = "perf-event", [OBJECT_STATS] = "bpf-stats",
};

/* The memfd of an object that has one, else -EOPNOTSUPP. */
static int object_memfd(struct object *object)
{
	int fd = object->ops->memfd ? object->ops->memfd(object) : -EOPNOTSUPP;

	return fd >= 0 ? fd : -EOPNOTSUPP;
}

static struct notify *object_notify(struct object *object)
{
	return object->ops->notify ? object->ops->notify(object) : NULL;
}

/* Who tells us of the last holder, or whom we tell of records. */
static int channel_connect(struct hive *hive, struct channel *ch, const struct stat *st)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.ptr = ch };

	if (ch->memfd)
		return 0;
	if (!S_ISFIFO(st->st_mode) || st->st_uid != geteuid())
		return -EPERM;
	if (ch->waited)
		return notify_pipe(object_notify(ch->object), ch->fd);
	return epoll_ctl(hive->epoll, EPOLL_CTL_ADD, ch->fd, &event) ? -errno : 0;
}

static int channel_new(struct channel **out, struct object *object, u32 access)
{
	struct hive *hive = object->hive;
	struct channel *ch = calloc(1, sizeof(*ch));
	struct stat st;
	int fd = object_memfd(object), err;

	if (!ch)
		return -ENOMEM;
	*ch = (struct channel){ .object = object, .access = access };
	ch->memfd = fd >= 0 && access == O_RDWR;
	ch->waited = fd >= 0 && access == O_WRONLY;
	if (!ch->memfd)
		fd = make_fifo(hive, file_names[object->kind], ch->waited ? O_RDWR : O_RDONLY);
	if (fd < 0) {
		free(ch);
		return fd;
	}
	ch->fd = fd;
	err = fstat(fd, &st) ? -errno : channel_connect(hive, ch, &st);
	if (err) {
		channel_free(hive, ch);
		return err;
	}
	ch->dev = st.st_dev;
	ch->ino = st.st_ino;
	*out = ch;
	return 0;
}

/* A new fd for a client: a write end, or a description of the memfd with our mark on it. */
static int channel_open(struct channel *ch, u32 access)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", ch->fd);
	if (ch->waited)
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	else
		fd = open(path, (ch->memfd ? (int)access : O_WRONLY) | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (is_marked(ch) && flock(fd, LOCK_SH | LOCK_NB)) {
		close(fd);
		return -EAGAIN;
	}
	return fd;
}

/* Whether some process still has the channel. */
static bool channel_in_use(struct channel *ch)
{
	struct pollfd pollfd = { .fd = ch->fd, .events = POLLIN };

	if (!is_marked(ch))
		return poll(&pollfd, 1, 0) != 1 || !(pollfd.revents & POLLHUP);
	if (flock(ch->fd, LOCK_EX | LOCK_NB))
		return true;
	flock(ch->fd, LOCK_UN);
	return false;
}

/* Reaping. Under the lock a channel is only marked; references are given back after it. */

static struct object *unhold_if_dead(struct channel *ch)
{
	if (!ch->held || channel_in_use(ch))
		return NULL;
	ch->held = false;
	return ch->object;
}

/* The next object whose last fd went, from the epoll set; NULL none. Caller holds the lock. */
static struct object *next_hangup(struct hive *hive)
{
	struct epoll_event event;

	/* A registered channel is in the table, and it leaves the epoll set before the table: data.ptr is good. */
	while (epoll_wait(hive->epoll, &event, 1, 0) == 1) {
		struct object *object = unhold_if_dead(event.data.ptr);

		if (object)
			return object;
	}
	return NULL;
}

static struct object *next_dead_marked(struct hive *hive, u32 *bucket)
{
	for (; *bucket < hive->bucket_count; ++*bucket)
		for (struct channel *ch = hive->buckets[*bucket]; ch; ch = ch->next)
			if (is_marked(ch)) {
				struct object *object = unhold_if_dead(ch);

				if (object)
					return object;
			}
	return NULL;
}

/* One holder (a channel, a pin) is gone. Caller does not hold the lock. */
static void drop_user(struct object *object)
{
	bool last;

	lock(object->hive);
	last = --object->users == 0;
	unlock(object->hive);
	if (last && object->ops->last_user)
		object->ops->last_user(object);
	object_put(object);
}

void hive_reap(struct hive *hive, bool thorough)
{
	struct object *object;
	u32 bucket = 0;

	for (;;) {
		lock(hive);
		object = next_hangup(hive);
		if (!object && (thorough || hive->marked_count >= hive->marked_sweep_at)) {
			object = next_dead_marked(hive, &bucket);
			if (!object)
				hive->marked_sweep_at = 2 * hive->marked_count + 16;
		}
		unlock(hive);
		if (!object)
			break;
		drop_user(object);
	}
	if (__atomic_load_n(&hive->deferred, __ATOMIC_RELAXED))
		hive_flush(hive);
}

void core_reap(struct hive *hive)
{
	hive_reap(hive, true);
}
int core_poll_fd(struct hive *hive)
{
	return hive->epoll;
}

void channels_close(struct hive *hive)
{
	if (!hive->buckets)
		return;
	for (u32 i = 0; i < hive->bucket_count;) {
		struct channel *ch;

		lock(hive);
		for (ch = hive->buckets[i]; ch && !ch->held; ch = ch->next)
			;
		if (ch)
			ch->held = false;
		unlock(hive);
		if (ch)
			drop_user(ch->object);
		else
			i++;
	}
}

void channels_free(struct hive *hive)
{
	free(hive->buckets);
}

/* Ids. */

/* Index of the first entry whose id is >= id. */
static u32 id_lower_bound(const struct id_table *table, u32 id)
{
	u32 low = 0, high = table->count;

	while (low < high) {
		u32 mid = low + (high - low) / 2;

		if (table->objects[mid]->id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void id_remove(struct id_table *table, struct object *object)
{
	u32 i = id_lower_bound(table, object->id);

	memmove(&table->objects[i], &table->objects[i + 1],
		(table->count - i - 1) * sizeof(table->objects[0]));
	table->count--;
}

static int id_append(struct id_table *table, struct object *object)
{
	if (table->last >= INT32_MAX)
		return -ENOSPC;
	if (table->count == table->room) {
		u32 room = table->room ? 2 * table->room : 32;
		struct object **wider = realloc(table->objects, room * sizeof(*wider));

		if (!wider)
			return -ENOMEM;
		table->objects = wider;
		table->room = room;
	}
	object->id = ++table->last;
	table->objects[table->count++] = object;
	return 0;
}

/* Objects. */

void object_init(struct object *object, struct hive *hive, enum object_kind kind,
		 const struct object_ops *ops)
{
	*object = (struct object){ .hive = hive, .ops = ops, .kind = kind, .refs = 1 };
}

int object_publish(struct object *object)
{
	int err;

	lock(object->hive);
	err = id_append(&object->hive->ids[object->kind], object);
	unlock(object->hive);
	return err;
}

int object_charge(struct object *object, u64 bytes)
{
	int err = hive_charge(object->hive, bytes);

	if (!err)
		object->memory += bytes;
	return err;
}

void object_get(struct object *object)
{
	__atomic_add_fetch(&object->refs, 1, __ATOMIC_RELAXED);
}

/* A reference to an object found in a table, unless it is on its way out. Caller holds the lock. */
static bool get_unless_zero(struct object *object)
{
	u32 refs = __atomic_load_n(&object->refs, __ATOMIC_RELAXED);

	while (refs)
		if (__atomic_compare_exchange_n(&object->refs, &refs, refs + 1, true,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

void object_put(struct object *object)
{
	struct hive *hive = object->hive;

	if (__atomic_sub_fetch(&object->refs, 1, __ATOMIC_ACQ_REL))
		return;
	lock(hive);
	for (u32 i = 0; i < ARRAY_SIZE(object->channels); i++)
		if (object->channels[i])
			channel_remove(hive, object->channels[i]);
	if (object->id && object->kind < OBJECT_IDS)
		id_remove(&hive->ids[object->kind], object);
	unlock(hive);
	hive_uncharge(hive, object->memory);
	object->ops->release(object);
}

int object_from_key(struct hive *hive, const struct fd_key *key, struct object **out, u32 *access)
{
	struct channel *ch;
	int err;

	lock(hive);
	ch = channel_find(hive, key);
	err = ch && get_unless_zero(ch->object) ? 0 : -EINVAL;
	if (!err) {
		*out = ch->object;
		if (access)
			*access = ch->memfd ? key->access : ch->waited ? O_RDWR : ch->access;
	}
	unlock(hive);
	return err;
}

int object_any_from_fd(struct hive *hive, struct caller *caller, int fd, struct object **out,
		       u32 *access)
{
	struct fd_key key = { .access = O_RDWR };
	int err = caller->ops->identify(caller, fd, &key);

	return err ? err : object_from_key(hive, &key, out, access);
}

bool object_any(struct hive *hive, enum object_kind kind,
		bool (*match)(struct object *object, void *arg), void *arg)
{
	struct id_table *table = &hive->ids[kind];
	bool found = false;

	lock(hive);
	for (u32 i = 0; i < table->count && !found; i++)
		found = match(table->objects[i], arg);
	unlock(hive);
	return found;
}

int object_from_fd(struct hive *hive, struct caller *caller, int fd, enum object_kind kind,
		   struct object **out, u32 *access)
{
	int err = object_any_from_fd(hive, caller, fd, out, access);

	if (!err && (*out)->kind != kind) {
		object_put(*out);
		err = -EINVAL;
	}
	return err;
}

int object_from_id(struct hive *hive, enum object_kind kind, u32 id, struct object **out)
{
	struct id_table *table = &hive->ids[kind];
	int err = -ENOENT;
	u32 i;

	lock(hive);
	i = id_lower_bound(table, id);
	if (i < table->count && table->objects[i]->id == id && get_unless_zero(table->objects[i])) {
		*out = table->objects[i];
		err = 0;
	}
	unlock(hive);
	return err;
}

int object_next_id(struct hive *hive, enum object_kind kind, u32 *id)
{
	struct id_table *table = &hive->ids[kind];
	int err = -ENOENT;
	u32 i;

	lock(hive);
	i = id_lower_bound(table, *id + 1);
	if (i < table->count) {
		*id = table->objects[i]->id;
		err = 0;
	}
	unlock(hive);
	return err;
}

/* The object's channel for an access mode, made if there is none. Returns with the lock held if 0. */
static int channel_for(struct object *object, u32 access, struct channel **out)
{
	struct hive *hive = object->hive;
	struct channel *made = NULL;
	int err;

	lock(hive);
	if (!object->channels[access]) {
		unlock(hive);
		err = channel_new(&made, object, access);
		if (err)
			return err;
		lock(hive);
		if (object->channels[access]) {
			channel_free(hive, made); /* another thread was faster */
		} else {
			channel_insert(hive, made);
			object->channels[access] = made;
		}
	}
	*out = object->channels[access];
	return 0;
}

/* An fd for a client, of the channel by that name, which is held from now on. */
static int object_open(struct object *object, u32 name, u32 access)
{
	struct channel *ch;
	int fd, err = channel_for(object, name, &ch);

	if (err)
		return err;
	fd = channel_open(ch, access);
	if (fd >= 0 && !ch->held) {
		ch->held = true;
		object->users++;
		object_get(object);
	}
	unlock(object->hive);
	return fd;
}

int object_install(struct object *object, struct caller *caller, u32 access)
{
	int fd = object_open(object, object_memfd(object) >= 0 ? O_RDWR : access, access);

	if (object_notify(object))
		__atomic_store_n(&object->hive->has_buffers, 1, __ATOMIC_RELAXED);
	return fd < 0 ? fd : caller->ops->install(caller, fd, true);
}

/* Which side of the buffer the key is: 1 it is waited for, 0 the memfd; -EINVAL no buffer's. Takes a reference. */
static int find_side(struct hive *hive, const struct fd_key *key, struct object **out)
{
	struct channel *ch;
	int side = -EINVAL;

	lock(hive);
	ch = channel_find(hive, key);
	if (ch && is_marked(ch) && object_notify(ch->object) && get_unless_zero(ch->object)) {
		*out = ch->object;
		side = ch->waited;
	}
	unlock(hive);
	return side;
}

int object_turn(struct hive *hive, struct caller *caller, int fd, bool wait)
{
	struct fd_key key = { .access = O_RDWR };
	int side = caller->ops->identify(caller, fd, &key), ret = -EALREADY;
	struct object *object = NULL;

	if (!side)
		side = find_side(hive, &key, &object);
	if (side < 0)
		return side;
	if (side != wait)
		ret = object_open(object, wait ? O_WRONLY : O_RDWR, O_RDWR);
	if (wait)
		notify_level(object_notify(object));
	object_put(object);
	return ret;
}

void object_settle(struct hive *hive)
{
	lock(hive);
	for (u32 i = 0; i < hive->bucket_count; i++)
		for (struct channel *ch = hive->buckets[i]; ch; ch = ch->next)
			if (ch->waited)
				notify_level(object_notify(ch->object));
	unlock(hive);
}

void object_pin(struct object *object)
{
	lock(object->hive);
	object->users++;
	object_get(object);
	unlock(object->hive);
}

void object_unpin(struct object *object)
{
	drop_user(object);
}
