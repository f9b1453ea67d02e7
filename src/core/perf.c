/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perf_event_open(2) and its ioctls, for what loaders of BPF programs open: probes, tracepoints, and
 * buffers of kind BPF output. A probe's attachment is made when it is opened, without a program, so
 * that a target nobody knows fails there as it does on Linux.
 */
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "core/link.h"
#include "core/prog.h"
#include "map/perf_ring.h"
#include "map/ringbuf.h"
#include "util/notify.h"

enum { PAGE = 4096, NAME_SIZE = 512, PERF_ITSELF = 16384 };

static void perf_end(struct epoch_item *item)
{
	struct perf_event *event = container_of(item, struct perf_event, ending);

	perf_ring_free(event->ring);
	pthread_mutex_destroy(&event->lock);
	free(event);
}

/* A program may be writing to its buffer still. */
static void perf_release(struct object *object)
{
	struct perf_event *event = to_perf(object);
	struct hive *hive = object->hive;

	pthread_mutex_lock(&hive->source_lock);
	for (struct perf_event **at = &hive->perf_events; *at; at = &(*at)->next)
		if (*at == event) {
			*at = event->next;
			break;
		}
	pthread_mutex_unlock(&hive->source_lock);
	attachment_free(hive, event->attachment);
	put_prog(event->prog);
	hive_defer(hive, &event->ending, perf_end);
}

static int perf_memfd(struct object *object)
{
	struct perf_event *event = to_perf(object);

	return event->ring ? perf_ring_memfd(event->ring) : -EOPNOTSUPP;
}

static struct notify *perf_notify(struct object *object)
{
	struct perf_event *event = to_perf(object);

	return event->ring ? perf_ring_notify(event->ring) : NULL;
}

static const struct object_ops perf_object_ops = {
	.release = perf_release,
	.memfd = perf_memfd,
	.notify = perf_notify,
};

struct perf_event *perf_of_ring(struct hive *hive, const struct perf_ring *ring)
{
	struct perf_event *event;

	pthread_mutex_lock(&hive->source_lock);
	for (event = hive->perf_events; event && event->ring != ring; event = event->next)
		;
	pthread_mutex_unlock(&hive->source_lock);
	return event;
}

static bool map_unread(struct object *object, void *arg)
{
	struct map *map = to_map(object)->map;

	(void)arg;
	return map->spec.type == BPF_MAP_TYPE_RINGBUF && ringbuf_query(map, BPF_RB_AVAIL_DATA);
}

bool core_unread(struct hive *hive)
{
	bool unread = object_any(hive, OBJECT_MAP, map_unread, NULL);

	pthread_mutex_lock(&hive->source_lock);
	for (struct perf_event *event = hive->perf_events; event && !unread; event = event->next)
		unread = event->ring && perf_ring_unread(event->ring);
	pthread_mutex_unlock(&hive->source_lock);
	return unread;
}

/* Opening. */

/* perf_event_attr of whatever size the caller knows: 0, -E2BIG, -EFAULT. */
static int read_attr(struct call *call, struct perf_event_attr *attr, u64 from)
{
	u8 tail[PAGE];
	u32 size;

	memset(attr, 0, sizeof(*attr));
	if (call_read(call, &size, from + offsetof(struct perf_event_attr, size), sizeof(size)))
		return -EFAULT;
	size = size ? size : PERF_ATTR_SIZE_VER0;
	if (size < PERF_ATTR_SIZE_VER0 || size > PAGE)
		return -E2BIG;
	if (call_read(call, tail, from, size))
		return -EFAULT;
	for (u32 i = sizeof(*attr); i < size; i++)
		if (tail[i])
			return -E2BIG;
	memcpy(attr, tail, min(size, (u32)sizeof(*attr)));
	return 0;
}

static int open_probe(struct call *call, struct perf_event *event,
		      const struct perf_event_attr *attr)
{
	struct attach_target target = {
		.kind = attr->config & 1 ? ATTACH_KRETPROBE : ATTACH_KPROBE,
		.pid = event->pid,
	};
	char name[NAME_SIZE];
	int len;

	if (attr->type == CORE_PERF_UPROBE)
		return fail(call->hive->log, -EOPNOTSUPP,
			    "perf_event_open: uprobes are not supported yet");
	if (!attr->config1)
		return fail(call->hive->log, -EINVAL,
			    "perf_event_open: a kprobe needs a function's name, not an address");
	len = call_string(call, name, sizeof(name), attr->config1);
	if (len < 0)
		return len;
	target.name = name;
	target.offset = attr->config2;
	return attachment_new(&event->attachment, call->hive, &target, NULL);
}

static int open_tracepoint(struct call *call, struct perf_event *event,
			   const struct perf_event_attr *attr)
{
	struct attach_target target = {
		.kind = ATTACH_TRACEPOINT,
		.name = tracepoint_name(call->hive, attr->config),
		.pid = event->pid,
	};

	if (!target.name)
		return -ENOENT;
	return attachment_new(&event->attachment, call->hive, &target, NULL);
}

/* The clocks that perf knows (perf_event_set_clock()). */
static bool known_clock(int clock)
{
	return clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_RAW ||
	       clock == CLOCK_REALTIME || clock == CLOCK_BOOTTIME || clock == CLOCK_TAI;
}

static int open_output(struct perf_event *event, const struct perf_event_attr *attr)
{
	struct perf_ring_spec spec = {
		.cpu = event->cpu < 0 ? ~0u : (u32)event->cpu,
		.sample_type = attr->sample_type,
		.id = (u64)(uintptr_t)event,
		.wakeup = attr->watermark ? 0 : attr->wakeup_events,
		.clock = attr->use_clockid ? attr->clockid : CLOCK_MONOTONIC,
	};
	int err = known_clock(spec.clock) ? perf_ring_new(&event->ring, &spec) : -EINVAL;

	if (!err)
		perf_ring_enable(event->ring, !attr->disabled);
	return err;
}

static int open_event(struct call *call, struct perf_event *event,
		      const struct perf_event_attr *attr)
{
	switch (attr->type) {
	case CORE_PERF_KPROBE:
	case CORE_PERF_UPROBE: return open_probe(call, event, attr);
	case PERF_TYPE_TRACEPOINT: return open_tracepoint(call, event, attr);
	case PERF_TYPE_SOFTWARE:
		if (attr->config == PERF_COUNT_SW_BPF_OUTPUT)
			return open_output(event, attr);
		break;
	}
	return fail(call->hive->log, -EOPNOTSUPP,
		    "perf_event_open: events of type %u, config %llu are not supported", attr->type,
		    (unsigned long long)attr->config);
}

static int check_place(const struct hive *hive, int pid, int cpu, u64 flags)
{
	if (flags & ~(u64)(PERF_FLAG_FD_NO_GROUP | PERF_FLAG_FD_OUTPUT | PERF_FLAG_PID_CGROUP |
			   PERF_FLAG_FD_CLOEXEC))
		return -EINVAL;
	if (pid == -1 && cpu == -1)
		return -EINVAL;
	return cpu >= (int)hive->nr_cpus || cpu < -1 ? -EINVAL : 0;
}

int core_perf_event_open(struct hive *hive, struct caller *caller, u64 uattr, int pid, int cpu,
			 int group, u64 flags)
{
	struct call call = { .hive = hive, .caller = caller };
	int err = check_place(hive, pid, cpu, flags);
	struct perf_event_attr attr;
	struct perf_event *event;

	(void)group;
	hive_reap(hive, false);
	if (!err)
		err = read_attr(&call, &attr, uattr);
	if (err)
		return err;
	event = calloc(1, sizeof(*event));
	if (!event)
		return -ENOMEM;
	object_init(&event->object, hive, OBJECT_PERF, &perf_object_ops);
	pthread_mutex_init(&event->lock, NULL);
	event->type = attr.type;
	event->config = attr.config;
	event->cpu = cpu;
	event->pid = pid;
	pthread_mutex_lock(&hive->source_lock);
	event->next = hive->perf_events;
	hive->perf_events = event;
	pthread_mutex_unlock(&hive->source_lock);
	err = object_charge(&event->object, PERF_ITSELF);
	if (!err)
		err = open_event(&call, event, &attr);
	if (!err && event->attachment)
		event->attachment->enabled = !attr.disabled;
	if (!err)
		err = object_install(&event->object, caller, O_RDWR);
	object_put(&event->object);
	return err;
}

/* Programs on events. */

static bool prog_fits(const struct perf_event *event, const struct prog *prog)
{
	if (!event->attachment)
		return prog->type == BPF_PROG_TYPE_PERF_EVENT;
	return prog->type == (event->attachment->target.kind == ATTACH_TRACEPOINT
				      ? BPF_PROG_TYPE_TRACEPOINT
				      : BPF_PROG_TYPE_KPROBE);
}

int perf_set_prog(struct perf_event *event, struct prog *prog, u64 cookie)
{
	int err = 0;

	pthread_mutex_lock(&event->lock);
	if (event->prog)
		err = -EEXIST;
	else if (!prog_fits(event, prog))
		err = -EINVAL;
	else if (event->attachment)
		err = attachment_fits(event->object.hive, event->attachment, prog);
	if (!err) {
		object_get(&prog->object);
		event->prog = prog;
		event->cookie = cookie;
		if (event->attachment) {
			object_get(&prog->object);
			event->attachment->target.cookie = cookie;
			attachment_set_prog(event->object.hive, event->attachment, prog);
		}
	}
	pthread_mutex_unlock(&event->lock);
	return err;
}

void perf_clear_prog(struct perf_event *event)
{
	pthread_mutex_lock(&event->lock);
	if (event->attachment)
		attachment_set_prog(event->object.hive, event->attachment, NULL);
	put_prog(event->prog);
	event->prog = NULL;
	pthread_mutex_unlock(&event->lock);
}

/* ioctls. */

/* How much of the memfd the caller maps from its beginning: 0 if nothing. */
static u64 mapped_bytes(struct caller *caller, int memfd)
{
	unsigned long start, end, offset, ino;
	char path[64], line[512];
	u64 bytes = 0;
	struct stat st;
	FILE *file;

	if (fstat(memfd, &st))
		return 0;
	snprintf(path, sizeof(path), "/proc/%u/maps", caller->tgid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%lx-%lx %*s %lx %*s %lu", &start, &end, &offset, &ino) == 4 &&
		    ino == st.st_ino && !offset && (!bytes || end - start < bytes))
			bytes = end - start; /* ours is the largest */
	if (file)
		fclose(file);
	return bytes;
}

/* The buffer is what its owner maps, if he does: 0, -ENOMEM. */
static int size_ring(struct caller *caller, struct perf_event *event)
{
	u64 bytes = mapped_bytes(caller, perf_ring_memfd(event->ring));
	int err = 0;

	if (bytes < 2 * PAGE)
		return 0;
	pthread_mutex_lock(&event->lock);
	if (!event->mapped && object_charge(&event->object, bytes))
		err = -ENOMEM;
	else if (!perf_ring_mapped(event->ring, bytes))
		event->mapped = true;
	pthread_mutex_unlock(&event->lock);
	return err;
}

static int enable(struct caller *caller, struct perf_event *event, bool on)
{
	if (event->attachment)
		__atomic_store_n(&event->attachment->enabled, on, __ATOMIC_RELAXED);
	if (event->ring && on && size_ring(caller, event))
		return -ENOMEM;
	if (event->ring)
		perf_ring_enable(event->ring, on);
	return 0;
}

static int set_bpf(struct hive *hive, struct caller *caller, struct perf_event *event, int fd)
{
	struct prog *prog;
	int err = prog_from_fd(hive, caller, fd, &prog);

	if (err)
		return err;
	err = perf_set_prog(event, prog, 0);
	object_put(&prog->object);
	return err;
}

/* struct perf_event_query_bpf: ids_len in, prog_cnt out, ids behind it. */
static int query_bpf(struct call *call, struct perf_event *event, u64 arg)
{
	u32 room, count, id = 0;

	if (call_read(call, &room, arg, sizeof(room)))
		return -EFAULT;
	pthread_mutex_lock(&event->lock);
	count = event->prog != NULL;
	id = event->prog ? event->prog->object.id : 0;
	pthread_mutex_unlock(&event->lock);
	if (call_write(call, arg + 4, &count, sizeof(count)) ||
	    (room && count && call_write(call, arg + 8, &id, sizeof(id))))
		return -EFAULT;
	return room < count ? -ENOSPC : 0;
}

int core_ioctl(struct hive *hive, struct caller *caller, int fd, unsigned long cmd, u64 arg)
{
	struct call call = { .hive = hive, .caller = caller };
	struct object *object;
	int err;

	if (_IOC_TYPE(cmd) != '$' || object_from_fd(hive, caller, fd, OBJECT_PERF, &object, NULL))
		return -ENOTTY;
	switch (cmd) {
	case PERF_EVENT_IOC_ENABLE:
	case PERF_EVENT_IOC_DISABLE:
		err = enable(caller, to_perf(object), cmd == PERF_EVENT_IOC_ENABLE);
		break;
	case PERF_EVENT_IOC_SET_BPF: err = set_bpf(hive, caller, to_perf(object), (int)arg); break;
	case PERF_EVENT_IOC_QUERY_BPF: err = query_bpf(&call, to_perf(object), arg); break;
	case PERF_EVENT_IOC_RESET: err = 0; break;
	default: err = -ENOTTY;
	}
	object_put(object);
	return err;
}

int core_wake_fd(struct hive *hive, struct caller *caller, int fd)
{
	struct notify *notify;
	struct object *object;
	int wake, err = object_any_from_fd(hive, caller, fd, &object, NULL);

	if (err)
		return err;
	notify = object->ops->notify ? object->ops->notify(object) : NULL;
	/* what epoll_ctl(2) says of files that cannot be polled */
	wake = notify ? notify_fd(notify) : -EPERM;
	object_put(object);
	return wake;
}

int core_fd_to_wait(struct hive *hive, struct caller *caller, int fd)
{
	return object_turn(hive, caller, fd, true);
}

int core_fd_to_map(struct hive *hive, struct caller *caller, int fd)
{
	return object_turn(hive, caller, fd, false);
}

bool core_has_buffers(struct hive *hive)
{
	return __atomic_load_n(&hive->has_buffers, __ATOMIC_RELAXED);
}

void core_settle_buffers(struct hive *hive)
{
	object_settle(hive);
}

int core_buffer_lost(struct hive *hive, struct caller *caller, int fd, u64 *lost)
{
	struct map_object *map;
	int err = map_from_fd(hive, caller, fd, &map, NULL);

	if (err)
		return err;
	*lost = __atomic_load_n(&map->map->dropped, __ATOMIC_RELAXED);
	object_put(&map->object);
	return 0;
}
