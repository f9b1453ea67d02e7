/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Iterators: links of programs that write text about each map, program, link, or element of a map, and
 * the fds their text is read from.
 *
 * Linux runs the program while somebody reads. Here BPF_ITER_CREATE runs it over everything and hands
 * out the text as a memfd opened for reading: what a reader gets is the same, of the moment of the call.
 * Text goes through a buffer of the kernel's size: an object whose text does not fit what is left of it
 * is shown again in an empty one, and one that does not fit at all is -E2BIG. A program that returns 1
 * sees the object again, as if its reader, told EAGAIN, had tried again.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/iter_stage.h"
#include "core/prog.h"

enum {
	SEQ_SIZE = 8 * 4096,  /* the kernel's buffer */
	MAX_TEXT = 256 << 20, /* of one session */
	MAX_TRIES = 1000,     /* of a program that returns 1 */
	MAX_INFO = 4096,
};

struct session {
	struct hive *hive;
	struct prog *prog;
	struct map_object *map; /* whose elements, or NULL */
	struct stage *stage;
	struct run_seq seq;
	u64 ctx[4]; /* the program's: meta and the target's arguments */
	u64 id, number;
	u32 cpu;
	bool inside; /* holds the slot throughout */
	int fd;
	u64 written;
	u8 *values; /* per-CPU values of an element, side by side */
	int err;
};

/* Running the program. */

static int run_once(struct session *s)
{
	struct task self;
	struct run_region region = stage_region(s->stage);
	struct run_input input = {
		.ctx = s->ctx, .task = &self, .regions = &region, .nr_regions = 1, .seq = &s->seq
	};
	u64 r0;

	task_self(&self);
	stage_meta(s->stage, s->id, s->number);
	if (!s->inside && !slot_enter(s->hive, s->cpu, s->prog))
		return -EBUSY;
	r0 = slot_run(s->hive, s->cpu, s->prog, &input);
	if (!s->inside)
		slot_leave(s->hive, s->cpu);
	return r0 ? -EAGAIN : 0;
}

static int flush(struct session *s)
{
	u32 done = 0;

	s->written += s->seq.count;
	if (s->written > MAX_TEXT)
		return fail(s->hive->log, -ENOSPC, "iter_create: the text is longer than %u bytes",
			    MAX_TEXT);
	while (done < s->seq.count) {
		ssize_t n = write(s->fd, s->seq.buf + done, s->seq.count - done);

		if (n < 0)
			return -errno;
		done += (u32)n;
	}
	s->seq.count = 0;
	return 0;
}

/* One object (or, at the end, none): its text is in the buffer afterwards, whole. */
static int show(struct session *s, bool end)
{
	for (u32 tries = 0; tries < MAX_TRIES;) {
		u32 before = s->seq.count;
		int err = run_once(s);

		if (end && err == -EAGAIN)
			err = 0;
		if (!err && s->seq.count < s->seq.size)
			return 0;
		s->seq.count = before;
		if (err && err != -EAGAIN)
			return err;
		if (!before && !err)
			return fail(s->hive->log, -E2BIG,
				    "iter_create: the text of one object is longer than %u bytes",
				    SEQ_SIZE);
		tries += !before;
		if (before)
			err = flush(s);
		if (before && err)
			return err;
	}
	return fail(s->hive->log, -EAGAIN,
		    "iter_create: program %s asks again and again to be shown the same object",
		    s->prog->name);
}

/* Objects with ids. */

static void stage_object(struct session *s, struct object *object)
{
	switch (object->kind) {
	case OBJECT_MAP:
		stage_map(s->stage, to_map(object));
		s->ctx[1] = stage_address(s->stage, STAGE_MAP);
		break;
	case OBJECT_PROG:
		stage_prog(s->stage, to_prog(object));
		s->ctx[1] = stage_address(s->stage, STAGE_PROG);
		break;
	default:
		stage_link(s->stage, to_link(object));
		s->ctx[1] = stage_address(s->stage, STAGE_LINK);
	}
}

static int show_objects(struct session *s, enum object_kind kind)
{
	struct object *object;
	bool first = true;
	u32 id = 0;
	int err = 0;

	hive_reap(s->hive, true);
	while (!err && !object_next_id(s->hive, kind, &id)) {
		if (object_from_id(s->hive, kind, id, &object))
			continue;
		s->number += !first;
		first = false;
		stage_object(s, object);
		err = show(s, false);
		object_put(object);
	}
	return err;
}

/* Elements of a map. */

static bool is_percpu(const struct map *map)
{
	u32 type = map->spec.type;

	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH ||
	       type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

static bool show_element(void *arg, struct map *map, const void *key, void *value)
{
	struct session *s = arg;

	if (s->values) {
		if (map_sys_lookup(map, key, s->values, 0)) /* gone meanwhile */
			return false;
		value = s->values;
	}
	s->ctx[2] = (u64)(uintptr_t)key;
	s->ctx[3] = (u64)(uintptr_t)value;
	s->err = show(s, false);
	s->number++;
	return s->err != 0;
}

/* The slot is held throughout: what is shown stays, and the map's elements stay readable. */
static int show_elements(struct session *s)
{
	struct map *map = s->map->map;

	stage_map(s->stage, s->map);
	s->ctx[1] = stage_address(s->stage, STAGE_MAP);
	if (is_percpu(map)) {
		s->values = malloc(map_sys_value_size(map));
		if (!s->values)
			return -ENOMEM;
	}
	if (!slot_enter(s->hive, s->cpu, s->prog))
		return -EBUSY;
	s->inside = true;
	map->ops->for_each(map, s->cpu, show_element, s);
	s->number -= s->number > 0;
	s->inside = false;
	slot_leave(s->hive, s->cpu);
	return s->err;
}

/* Sessions. */

static int show_all(struct session *s, const struct iter_target *target)
{
	int err;

	if (s->map)
		err = show_elements(s);
	else if (!strcmp(target->name, "bpf_map"))
		err = show_objects(s, OBJECT_MAP);
	else
		err = show_objects(s,
				   !strcmp(target->name, "bpf_prog") ? OBJECT_PROG : OBJECT_LINK);
	for (u32 i = s->map ? 2 : 1; i < ARRAY_SIZE(s->ctx); i++)
		s->ctx[i] = 0;
	err = err ? err : show(s, true);
	return err ? err : flush(s);
}

static int open_session(struct session *s, const struct btf *btf)
{
	int err = btf ? stage_new(&s->stage, btf) : -ENOENT;

	if (err)
		return err;
	s->seq.size = SEQ_SIZE;
	s->seq.buf = malloc(SEQ_SIZE);
	s->fd = memfd_create("bpf_iter", MFD_CLOEXEC);
	if (!s->seq.buf)
		return -ENOMEM;
	return s->fd < 0 ? -errno : 0;
}

static void close_session(struct session *s)
{
	if (s->fd >= 0)
		close(s->fd);
	free(s->seq.buf);
	free(s->values);
	if (s->stage)
		stage_free(s->stage);
	put_prog(s->prog);
}

/* Another description of the memfd, at its start, for reading. */
static int reader_of(int fd)
{
	char path[64];
	int reader;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reader = open(path, O_RDONLY | O_CLOEXEC);
	return reader < 0 ? -errno : reader;
}

int iter_text(struct hive *hive, struct link *link)
{
	struct session s = { .hive = hive, .map = link->map, .fd = -1, .cpu = slot_here(hive) };
	int err, fd;

	pthread_mutex_lock(&link->lock);
	s.prog = link->prog;
	object_get(&s.prog->object);
	pthread_mutex_unlock(&link->lock);
	s.id = __atomic_add_fetch(&hive->iter_sessions, 1, __ATOMIC_RELAXED);
	err = open_session(&s, hive_vmlinux(hive));
	if (!err) {
		s.ctx[0] = stage_address(s.stage, STAGE_META);
		err = show_all(&s, link->iter);
	}
	fd = err ? err : reader_of(s.fd);
	close_session(&s);
	return fd;
}

/* Attaching. */

static int read_info(struct call *call, union bpf_iter_link_info *info)
{
	u64 from = call->attr.link_create.iter_info;
	u32 len = call->attr.link_create.iter_info_len;
	u8 tail[MAX_INFO];

	if (!from != !len)
		return -EINVAL;
	if (len > MAX_INFO)
		return -E2BIG;
	if (len > sizeof(*info)) {
		if (call_read(call, tail, from + sizeof(*info), len - sizeof(*info)))
			return -EFAULT;
		for (u32 i = 0; i < len - sizeof(*info); i++)
			if (tail[i])
				return -E2BIG;
	}
	return call_read(call, info, from, min(len, (u32)sizeof(*info)));
}

/* The map whose elements are shown: of a type that has keys to walk, and as large as the program reads. */
static int find_map(struct call *call, const struct prog *prog, u32 fd, struct map_object **out)
{
	const struct map *map;
	int err;

	if (!fd)
		return -EBADF;
	err = map_from_fd(call->hive, call->caller, (int)fd, out, NULL);
	if (err)
		return err;
	map = (*out)->map;
	if (!is_percpu(map) && map->spec.type != BPF_MAP_TYPE_HASH &&
	    map->spec.type != BPF_MAP_TYPE_LRU_HASH && map->spec.type != BPF_MAP_TYPE_ARRAY)
		err = -EINVAL;
	else if (prog->max_rdonly_access > map->spec.key_size ||
		 prog->max_rdwr_access > map_sys_value_size(map))
		err = -EACCES;
	if (err)
		put_map(*out);
	return err;
}

int iter_attach(struct call *call, struct prog *prog)
{
	union bpf_iter_link_info info = { 0 };
	const struct iter_target *target;
	struct link *link;
	int err;

	if (call->attr.link_create.target_fd || call->attr.link_create.flags)
		return -EINVAL;
	err = read_info(call, &info);
	if (err)
		return err;
	target = prog->attach_btf && prog->attach_btf->btf
			 ? iter_target_of(btf_name(prog->attach_btf->btf, prog->attach_btf_id))
			 : NULL;
	if (!target)
		return -ENOENT;
	if (!target->here)
		return fail(call->hive->log, -EOPNOTSUPP,
			    "program %s: there is no iterator %s here", prog->name, target->name);
	if (prog->flags & BPF_F_SLEEPABLE)
		return -EINVAL;
	err = link_new(&link, call->hive, BPF_LINK_TYPE_ITER, prog->attach_type, prog);
	if (err)
		return err;
	link->iter = target;
	if (!strcmp(target->name, "bpf_map_elem"))
		err = find_map(call, prog, info.map.map_fd, &link->map);
	if (err)
		link->map = NULL;
	return link_settle(call, link, err);
}
