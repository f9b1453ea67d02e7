/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Links: BPF_LINK_CREATE, UPDATE, DETACH, BPF_RAW_TRACEPOINT_OPEN. A link holds its program and, but
 * for perf links, its attachment; when it goes, the attachment goes first.
 *
 * What Linux attaches to kernel objects that a hive has none of (cgroups, functions, LSM hooks) passes
 * Linux's checks of the attributes and is then refused with -EOPNOTSUPP and a reason.
 */
#include "core/link.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "core/prog.h"

static void link_release(struct object *object)
{
	struct link *link = to_link(object);

	attachment_free(object->hive, link->attachment);
	if (link->perf) {
		perf_clear_prog(link->perf);
		object_put(&link->perf->object);
	}
	put_map(link->map);
	put_prog(link->prog);
	pthread_mutex_destroy(&link->lock);
	free(link);
}

static const struct object_ops link_object_ops = { .release = link_release };

int link_new(struct link **out, struct hive *hive, u32 type, u32 attach_type, struct prog *prog)
{
	struct link *link = calloc(1, sizeof(*link));

	if (!link)
		return -ENOMEM;
	object_init(&link->object, hive, OBJECT_LINK, &link_object_ops);
	pthread_mutex_init(&link->lock, NULL);
	link->type = type;
	link->attach_type = attach_type;
	link->prog = prog;
	object_get(&prog->object);
	*out = link;
	return 0;
}

int link_settle(struct call *call, struct link *link, int err)
{
	if (!err)
		err = object_publish(&link->object);
	if (!err)
		err = object_install(&link->object, call->caller, O_RDWR);
	object_put(&link->object);
	return err;
}

int link_from_fd(struct hive *hive, struct caller *caller, int fd, struct link **out)
{
	struct object *object;
	int err = object_from_fd(hive, caller, fd, OBJECT_LINK, &object, NULL);

	if (!err)
		*out = to_link(object);
	return err;
}

static int link_to_target(struct call *call, struct prog *prog, u32 type,
			  const struct attach_target *target)
{
	struct link *link;
	int err = link_new(&link, call->hive, type, prog->attach_type, prog);

	if (err)
		return err;
	return link_settle(call, link, attachment_new(&link->attachment, call->hive, target, prog));
}

int link_not_here(struct call *call, const struct prog *prog, const char *what)
{
	return fail(call->hive->log, -EOPNOTSUPP, "program %s: there is no %s here to attach to",
		    prog->name, what);
}

/* Raw tracepoints. */

/* The tracepoint of a BTF-typed program: the type it names is the typedef btf_trace_NAME. */
static const char *btf_tracepoint(struct prog *prog)
{
	const char *prefix = "btf_trace_", *name = "";

	if (prog->attach_btf && prog->attach_btf->btf)
		name = btf_name(prog->attach_btf->btf, prog->attach_btf_id);
	return strncmp(name, prefix, strlen(prefix)) ? NULL : name + strlen(prefix);
}

static int open_raw_tp(struct call *call, struct prog *prog, u64 uname, u64 cookie)
{
	struct attach_target target = { .kind = ATTACH_RAW_TRACEPOINT, .cookie = cookie };
	char name[128];

	switch (prog->type) {
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_EXT:
	case BPF_PROG_TYPE_LSM:
		if (uname)
			return -EINVAL;
		if (prog->type == BPF_PROG_TYPE_TRACING && prog->attach_type == BPF_TRACE_ITER)
			return -EINVAL; /* LINK_CREATE's */
		if (prog->type != BPF_PROG_TYPE_TRACING || prog->attach_type != BPF_TRACE_RAW_TP)
			return link_not_here(call, prog,
					     prog->type == BPF_PROG_TYPE_LSM ? "LSM hook"
									     : "kernel function");
		target.name = btf_tracepoint(prog);
		if (!target.name)
			return -ENOENT;
		break;
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE:
		if (call_string(call, name, sizeof(name), uname) < 0)
			return -EFAULT;
		target.name = name;
		break;
	default: return -EINVAL;
	}
	return link_to_target(call, prog, BPF_LINK_TYPE_RAW_TRACEPOINT, &target);
}

int cmd_raw_tracepoint_open(struct call *call)
{
	const union bpf_attr *attr = &call->attr;
	struct prog *prog;
	int err = prog_from_fd(call->hive, call->caller, (int)attr->raw_tracepoint.prog_fd, &prog);

	if (err)
		return err;
	err = open_raw_tp(call, prog, attr->raw_tracepoint.name, attr->raw_tracepoint.cookie);
	object_put(&prog->object);
	return err;
}

/* LINK_CREATE by program type. */

static int link_perf(struct call *call, struct prog *prog)
{
	const union bpf_attr *attr = &call->attr;
	struct object *object;
	struct link *link;
	int err;

	if (attr->link_create.flags)
		return -EINVAL;
	err = object_from_fd(call->hive, call->caller, (int)attr->link_create.target_fd,
			     OBJECT_PERF, &object, NULL);
	if (err)
		return -EBADF;
	err = link_new(&link, call->hive, BPF_LINK_TYPE_PERF_EVENT, attr->link_create.attach_type,
		       prog);
	if (!err) {
		err = perf_set_prog(to_perf(object), prog, attr->link_create.perf_event.bpf_cookie);
		if (!err) {
			link->perf = to_perf(object);
			object_get(object);
		}
		err = link_settle(call, link, err);
	}
	object_put(object);
	return err;
}

static bool has_xdp_link(struct object *object, void *arg)
{
	const struct link *link = to_link(object);

	return link->type == BPF_LINK_TYPE_XDP && link->attachment &&
	       link->attachment->target.ifindex == *(int *)arg;
}

struct wanted_xdp {
	int ifindex;
	u32 prog, mode;
};

static bool take_xdp_link(struct object *object, void *arg)
{
	struct link *link = to_link(object);
	struct wanted_xdp *wanted = arg;
	bool found = false;

	pthread_mutex_lock(&link->lock);
	if (has_xdp_link(object, &wanted->ifindex)) {
		wanted->prog = link->prog->object.id;
		wanted->mode = (u32)link->attachment->target.offset;
		found = true;
	}
	pthread_mutex_unlock(&link->lock);
	return found;
}

bool link_xdp_on(struct hive *hive, int ifindex, u32 *prog, u32 *mode)
{
	struct wanted_xdp wanted = { .ifindex = ifindex };

	if (!object_any(hive, OBJECT_LINK, take_xdp_link, &wanted))
		return false;
	*prog = wanted.prog;
	*mode = wanted.mode;
	return true;
}

static int link_xdp(struct call *call, struct prog *prog)
{
	const union bpf_attr *attr = &call->attr;
	struct attach_target target = { .kind = ATTACH_XDP,
					.offset = attr->link_create.flags,
					.ifindex = (int)attr->link_create.target_ifindex };

	if (attr->link_create.flags & ~0xeu ||
	    __builtin_popcount(attr->link_create.flags) > 1) /* XDP_FLAGS_MODES */
		return -EINVAL;
	if (target.ifindex <= 0 || prog->attach_type == BPF_XDP_DEVMAP ||
	    prog->attach_type == BPF_XDP_CPUMAP)
		return -EINVAL;
	if (object_any(call->hive, OBJECT_LINK, has_xdp_link, &target.ifindex))
		return -EBUSY;
	return link_to_target(call, prog, BPF_LINK_TYPE_XDP, &target);
}

static int link_tracing(struct call *call, struct prog *prog)
{
	const union bpf_attr *attr = &call->attr;

	if (attr->link_create.attach_type != prog->attach_type)
		return -EINVAL;
	if (prog->attach_type == BPF_TRACE_RAW_TP)
		return open_raw_tp(call, prog, 0, attr->link_create.tracing.cookie);
	if (prog->attach_type == BPF_TRACE_ITER)
		return iter_attach(call, prog);
	if (!attr->link_create.target_fd != !attr->link_create.target_btf_id)
		return -EINVAL;
	return link_not_here(call, prog,
			     prog->type == BPF_PROG_TYPE_LSM ? "LSM hook" : "kernel function");
}

static int link_by_type(struct call *call, struct prog *prog)
{
	switch (prog->type) {
	case BPF_PROG_TYPE_XDP: return link_xdp(call, prog);
	case BPF_PROG_TYPE_PERF_EVENT:
	case BPF_PROG_TYPE_TRACEPOINT: return link_perf(call, prog);
	case BPF_PROG_TYPE_KPROBE:
		if (call->attr.link_create.attach_type == BPF_PERF_EVENT)
			return link_perf(call, prog);
		return link_not_here(call, prog, "list of functions");
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_LSM: return link_tracing(call, prog);
	case BPF_PROG_TYPE_EXT: return link_not_here(call, prog, "program function");
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_CGROUP_SOCK:
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
	case BPF_PROG_TYPE_SOCK_OPS:
	case BPF_PROG_TYPE_CGROUP_DEVICE:
	case BPF_PROG_TYPE_CGROUP_SYSCTL:
	case BPF_PROG_TYPE_CGROUP_SOCKOPT: return link_not_here(call, prog, "cgroup");
	case BPF_PROG_TYPE_FLOW_DISSECTOR:
	case BPF_PROG_TYPE_SK_LOOKUP: return link_not_here(call, prog, "network namespace");
	case BPF_PROG_TYPE_SK_MSG:
	case BPF_PROG_TYPE_SK_SKB: return link_not_here(call, prog, "socket map");
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_NETFILTER: return link_not_here(call, prog, "network hook");
	default: return -EINVAL;
	}
}

int cmd_link_create(struct call *call)
{
	const union bpf_attr *attr = &call->attr;
	struct map_object *map;
	struct prog *prog;
	int err;

	if (attr->link_create.attach_type == BPF_STRUCT_OPS) {
		err = map_from_fd(call->hive, call->caller, (int)attr->link_create.map_fd, &map,
				  NULL);
		put_map(err ? NULL : map);
		return err ? err : -EINVAL;
	}
	err = prog_from_fd(call->hive, call->caller, (int)attr->link_create.prog_fd, &prog);
	if (err)
		return err;
	err = check_attach_type(prog, attr->link_create.attach_type);
	if (!err)
		err = link_by_type(call, prog);
	object_put(&prog->object);
	return err;
}

/* Updating and detaching. Links to devices can do both, iterators the first. */

static int update_prog(struct link *link, struct prog *prog, struct prog *old)
{
	int err = 0;

	if (link->type != BPF_LINK_TYPE_XDP && link->type != BPF_LINK_TYPE_ITER)
		return -EINVAL;
	pthread_mutex_lock(&link->lock);
	if (old && link->prog != old)
		err = -EPERM;
	else if (link->type == BPF_LINK_TYPE_XDP && !link->attachment)
		err = -ENOLINK;
	else if (link->prog->type != prog->type || link->prog->attach_type != prog->attach_type ||
		 (link->iter && link->prog->attach_btf_id != prog->attach_btf_id))
		err = -EINVAL;
	if (!err && link->prog != prog) {
		if (link->attachment) {
			object_get(&prog->object);
			attachment_set_prog(link->object.hive, link->attachment, prog);
		}
		put_prog(link->prog);
		object_get(&prog->object);
		link->prog = prog;
	}
	pthread_mutex_unlock(&link->lock);
	return err;
}

int cmd_link_update(struct call *call)
{
	const union bpf_attr *attr = &call->attr;
	struct prog *prog = NULL, *old = NULL;
	struct link *link;
	int err;

	if (attr->link_update.flags & ~(u32)BPF_F_REPLACE)
		return -EINVAL;
	err = link_from_fd(call->hive, call->caller, (int)attr->link_update.link_fd, &link);
	if (err)
		return err;
	err = prog_from_fd(call->hive, call->caller, (int)attr->link_update.new_prog_fd, &prog);
	if (!err && attr->link_update.flags & BPF_F_REPLACE)
		err = prog_from_fd(call->hive, call->caller, (int)attr->link_update.old_prog_fd,
				   &old);
	else if (!err && attr->link_update.old_prog_fd)
		err = -EINVAL;
	if (!err)
		err = update_prog(link, prog, old);
	put_prog(old);
	put_prog(prog);
	object_put(&link->object);
	return err;
}

int cmd_link_detach(struct call *call)
{
	struct attachment *attachment = NULL;
	struct link *link;
	int err =
		link_from_fd(call->hive, call->caller, (int)call->attr.link_detach.link_fd, &link);

	if (err)
		return err;
	if (link->type == BPF_LINK_TYPE_XDP) {
		pthread_mutex_lock(&link->lock);
		attachment = link->attachment;
		link->attachment = NULL;
		pthread_mutex_unlock(&link->lock);
		attachment_free(call->hive, attachment);
	} else {
		err = -EOPNOTSUPP;
	}
	object_put(&link->object);
	return err;
}
