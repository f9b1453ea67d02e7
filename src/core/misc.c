/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The small commands: ids to fds, run statistics, what a task's fd leads to; and those a hive
 * refuses: tokens, program streams.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/link.h"
#include "core/prog.h"

static enum object_kind kind_of(int cmd)
{
	switch (cmd) {
	case BPF_PROG_GET_NEXT_ID:
	case BPF_PROG_GET_FD_BY_ID: return OBJECT_PROG;
	case BPF_MAP_GET_NEXT_ID:
	case BPF_MAP_GET_FD_BY_ID: return OBJECT_MAP;
	case BPF_BTF_GET_NEXT_ID:
	case BPF_BTF_GET_FD_BY_ID: return OBJECT_BTF;
	default: return OBJECT_LINK;
	}
}

/* Enumerations see no object whose last fd is gone already, mapped ones included. */
static void settle(struct call *call, enum object_kind kind)
{
	hive_reap(call->hive, kind == OBJECT_MAP);
	if (kind == OBJECT_BTF)
		btf_ensure_kernel(call->hive);
}

int cmd_obj_next_id(struct call *call)
{
	enum object_kind kind = kind_of(call->cmd);
	u32 id = call->attr.start_id;
	int err;

	/* nothing of the attr is known behind next_id, though the struct has more */
	if (id >= INT32_MAX)
		return -EINVAL;
	settle(call, kind);
	err = object_next_id(call->hive, kind, &id);
	return err ? err : call_put(call, next_id, id);
}

int cmd_obj_fd_by_id(struct call *call)
{
	enum object_kind kind = kind_of(call->cmd);
	int access = O_RDWR, err;
	struct object *object;
	struct fd_key key;

	if (kind == OBJECT_MAP) {
		if (call->attr.open_flags & ~(u32)(BPF_F_RDONLY | BPF_F_WRONLY))
			return -EINVAL;
		access = access_of_flags(call->attr.open_flags);
		if (access < 0)
			return access;
	} else if (kind == OBJECT_BTF) {
		if (call->attr.open_flags & ~(u32)BPF_F_TOKEN_FD)
			return -EINVAL;
		if (call->attr.open_flags) {
			err = call->caller->ops->identify(call->caller,
							  call->attr.fd_by_id_token_fd, &key);
			return err ? err : -EINVAL;
		}
	}
	settle(call, kind);
	err = object_from_id(call->hive, kind, call->attr.start_id, &object);
	if (err)
		return err;
	err = object_install(object, call->caller, (u32)access);
	object_put(object);
	return err;
}

/* Run statistics count while somebody holds an fd of this kind. */

static void stats_release(struct object *object)
{
	__atomic_sub_fetch(&object->hive->stats_enabled, 1, __ATOMIC_RELAXED);
	free(object);
}

static const struct object_ops stats_object_ops = { .release = stats_release };

int cmd_enable_stats(struct call *call)
{
	struct object *object;
	int err;

	if (call->attr.enable_stats.type != BPF_STATS_RUN_TIME)
		return -EINVAL;
	object = malloc(sizeof(*object));
	if (!object)
		return -ENOMEM;
	object_init(object, call->hive, OBJECT_STATS, &stats_object_ops);
	__atomic_add_fetch(&call->hive->stats_enabled, 1, __ATOMIC_RELAXED);
	err = object_install(object, call->caller, O_RDWR);
	object_put(object);
	return err;
}

/* What an fd of any task leads to. */

struct fd_answer {
	u32 prog_id, type;
	const char *name;
	u64 offset;
};

static int put_answer(struct call *call, const struct fd_answer *answer)
{
	u64 buf = call->attr.task_fd_query.buf;
	u32 room = call->attr.task_fd_query.buf_len;
	int err = 0;

	if (call_put(call, task_fd_query.buf_len, (u32)strlen(answer->name)))
		return -EFAULT;
	if (room && buf)
		err = call_put_text(call, buf, room, answer->name);
	if (err == -EFAULT || call_put(call, task_fd_query.prog_id, answer->prog_id) ||
	    call_put(call, task_fd_query.fd_type, answer->type) ||
	    call_put(call, task_fd_query.probe_offset, answer->offset) ||
	    call_put(call, task_fd_query.probe_addr, 0))
		return -EFAULT;
	return err;
}

static int describe(struct call *call, struct object *object)
{
	struct fd_answer answer = { .name = "" };
	const struct attach_target *target;

	if (object->kind == OBJECT_LINK && to_link(object)->type == BPF_LINK_TYPE_RAW_TRACEPOINT) {
		answer.prog_id = to_link(object)->prog->object.id;
		answer.type = BPF_FD_TYPE_RAW_TRACEPOINT;
		answer.name = to_link(object)->attachment->target.name;
		return put_answer(call, &answer);
	}
	if (object->kind != OBJECT_PERF)
		return -ENOTSUPP;
	if (!to_perf(object)->prog)
		return -ENOENT;
	if (!to_perf(object)->attachment)
		return -EOPNOTSUPP;
	target = &to_perf(object)->attachment->target;
	answer.prog_id = to_perf(object)->prog->object.id;
	answer.offset = target->offset;
	answer.name = target->name;
	if (target->kind == ATTACH_TRACEPOINT) {
		answer.type = BPF_FD_TYPE_TRACEPOINT;
		answer.name =
			strchr(target->name, '/') ? strchr(target->name, '/') + 1 : target->name;
	} else {
		answer.type = target->kind == ATTACH_KRETPROBE ? BPF_FD_TYPE_KRETPROBE
							       : BPF_FD_TYPE_KPROBE;
	}
	return put_answer(call, &answer);
}

int cmd_task_fd_query(struct call *call)
{
	const union bpf_attr *attr = &call->attr;
	struct object *object;
	struct stat st;
	char path[64];
	int err;

	if (attr->task_fd_query.flags)
		return -EINVAL;
	snprintf(path, sizeof(path), "/proc/%u", attr->task_fd_query.pid);
	if (stat(path, &st))
		return -ENOENT;
	snprintf(path, sizeof(path), "/proc/%u/fd/%u", attr->task_fd_query.pid,
		 attr->task_fd_query.fd);
	if (stat(path, &st))
		return -EBADF;
	err = object_from_key(call->hive, &(struct fd_key){ .dev = st.st_dev, .ino = st.st_ino },
			      &object, NULL);
	if (err)
		return -ENOTSUPP;
	err = describe(call, object);
	object_put(object);
	return err;
}

/* Refused. */

int cmd_iter_create(struct call *call)
{
	struct link *link;
	int err, fd;

	if (call->attr.iter_create.flags)
		return -EINVAL;
	err = link_from_fd(call->hive, call->caller, (int)call->attr.iter_create.link_fd, &link);
	if (err)
		return err;
	fd = link->type == BPF_LINK_TYPE_ITER ? iter_text(call->hive, link) : -EINVAL;
	object_put(&link->object);
	return fd < 0 ? fd : call->caller->ops->install(call->caller, fd, true);
}

int cmd_token_create(struct call *call)
{
	struct fd_key key;

	if (call->attr.token_create.flags)
		return -EINVAL;
	if (call->caller->ops->identify(call->caller, (int)call->attr.token_create.bpffs_fd, &key))
		return -EBADF;
	return fail(call->hive->log, -EINVAL,
		    "token_create: whoever may speak to this hive needs no token");
}

int cmd_prog_stream_read(struct call *call)
{
	const union bpf_attr *attr = &call->attr;
	struct prog *prog;
	int err =
		prog_from_fd(call->hive, call->caller, (int)attr->prog_stream_read.prog_fd, &prog);

	if (err)
		return err;
	object_put(&prog->object);
	/* streams 1 (out) and 2 (err) exist and stay empty: nothing here writes to them */
	return attr->prog_stream_read.stream_id == 1 || attr->prog_stream_read.stream_id == 2
		       ? 0
		       : -ENOENT;
}
