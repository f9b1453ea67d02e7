/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which program types go where: the attach types of bpf(2), and PROG_ATTACH, PROG_DETACH and
 * PROG_QUERY, whose targets (cgroups, sockets, network namespaces) a hive has none of.
 */
#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>

#include "core/link.h"

#include "core/prog.h"

static u32 prog_type_of(u32 attach_type)
{
	static const u8 types[__MAX_BPF_ATTACH_TYPE] = {
		[BPF_CGROUP_INET_INGRESS] = BPF_PROG_TYPE_CGROUP_SKB,
		[BPF_CGROUP_INET_EGRESS] = BPF_PROG_TYPE_CGROUP_SKB,
		[BPF_CGROUP_INET_SOCK_CREATE] = BPF_PROG_TYPE_CGROUP_SOCK,
		[BPF_CGROUP_INET_SOCK_RELEASE] = BPF_PROG_TYPE_CGROUP_SOCK,
		[BPF_CGROUP_INET4_POST_BIND] = BPF_PROG_TYPE_CGROUP_SOCK,
		[BPF_CGROUP_INET6_POST_BIND] = BPF_PROG_TYPE_CGROUP_SOCK,
		[BPF_CGROUP_INET4_BIND] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		[BPF_CGROUP_INET6_BIND] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		[BPF_CGROUP_INET4_CONNECT] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		[BPF_CGROUP_INET6_CONNECT] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		[BPF_CGROUP_UNIX_CONNECT] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		[BPF_CGROUP_INET4_GETPEERNAME] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		[BPF_CGROUP_INET6_GETPEERNAME] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		[BPF_CGROUP_UNIX_GETPEERNAME] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		[BPF_CGROUP_INET4_GETSOCKNAME] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		[BPF_CGROUP_INET6_GETSOCKNAME] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		[BPF_CGROUP_UNIX_GETSOCKNAME] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		[BPF_CGROUP_UDP4_SENDMSG] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		[BPF_CGROUP_UDP6_SENDMSG] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		[BPF_CGROUP_UNIX_SENDMSG] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		[BPF_CGROUP_UDP4_RECVMSG] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		[BPF_CGROUP_UDP6_RECVMSG] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		[BPF_CGROUP_UNIX_RECVMSG] = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		[BPF_CGROUP_SOCK_OPS] = BPF_PROG_TYPE_SOCK_OPS,
		[BPF_CGROUP_DEVICE] = BPF_PROG_TYPE_CGROUP_DEVICE,
		[BPF_SK_MSG_VERDICT] = BPF_PROG_TYPE_SK_MSG,
		[BPF_SK_SKB_STREAM_PARSER] = BPF_PROG_TYPE_SK_SKB,
		[BPF_SK_SKB_STREAM_VERDICT] = BPF_PROG_TYPE_SK_SKB,
		[BPF_SK_SKB_VERDICT] = BPF_PROG_TYPE_SK_SKB,
		[BPF_LIRC_MODE2] = BPF_PROG_TYPE_LIRC_MODE2,
		[BPF_FLOW_DISSECTOR] = BPF_PROG_TYPE_FLOW_DISSECTOR,
		[BPF_CGROUP_SYSCTL] = BPF_PROG_TYPE_CGROUP_SYSCTL,
		[BPF_CGROUP_GETSOCKOPT] = BPF_PROG_TYPE_CGROUP_SOCKOPT,
		[BPF_CGROUP_SETSOCKOPT] = BPF_PROG_TYPE_CGROUP_SOCKOPT,
		[BPF_TRACE_ITER] = BPF_PROG_TYPE_TRACING,
		[BPF_TRACE_RAW_TP] = BPF_PROG_TYPE_TRACING,
		[BPF_TRACE_FENTRY] = BPF_PROG_TYPE_TRACING,
		[BPF_TRACE_FEXIT] = BPF_PROG_TYPE_TRACING,
		[BPF_MODIFY_RETURN] = BPF_PROG_TYPE_TRACING,
		[BPF_LSM_MAC] = BPF_PROG_TYPE_LSM,
		[BPF_LSM_CGROUP] = BPF_PROG_TYPE_LSM,
		[BPF_SK_LOOKUP] = BPF_PROG_TYPE_SK_LOOKUP,
		[BPF_XDP] = BPF_PROG_TYPE_XDP,
		[BPF_TCX_INGRESS] = BPF_PROG_TYPE_SCHED_CLS,
		[BPF_TCX_EGRESS] = BPF_PROG_TYPE_SCHED_CLS,
		[BPF_NETKIT_PRIMARY] = BPF_PROG_TYPE_SCHED_CLS,
		[BPF_NETKIT_PEER] = BPF_PROG_TYPE_SCHED_CLS,
	};

	return attach_type < ARRAY_SIZE(types) ? types[attach_type] : BPF_PROG_TYPE_UNSPEC;
}

/* Kprobe programs loaded for one of the multi kinds attach as that kind only. */
static int check_kprobe(const struct prog *prog, u32 attach_type)
{
	static const u8 multi[] = { BPF_TRACE_KPROBE_MULTI, BPF_TRACE_KPROBE_SESSION,
				    BPF_TRACE_UPROBE_MULTI, BPF_TRACE_UPROBE_SESSION };
	bool known = attach_type == BPF_PERF_EVENT;

	for (size_t i = 0; i < ARRAY_SIZE(multi); i++) {
		if (prog->attach_type == multi[i] && attach_type != multi[i])
			return -EINVAL;
		known |= attach_type == multi[i];
	}
	return known ? 0 : -EINVAL;
}

int check_attach_type(const struct prog *prog, u32 attach_type)
{
	switch (prog->type) {
	case BPF_PROG_TYPE_CGROUP_SOCK:
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
	case BPF_PROG_TYPE_CGROUP_SOCKOPT:
	case BPF_PROG_TYPE_SK_LOOKUP: return attach_type == prog->attach_type ? 0 : -EINVAL;
	case BPF_PROG_TYPE_EXT: return 0;
	case BPF_PROG_TYPE_NETFILTER: return attach_type == BPF_NETFILTER ? 0 : -EINVAL;
	case BPF_PROG_TYPE_PERF_EVENT:
	case BPF_PROG_TYPE_TRACEPOINT: return attach_type == BPF_PERF_EVENT ? 0 : -EINVAL;
	case BPF_PROG_TYPE_KPROBE: return check_kprobe(prog, attach_type);
	default: return prog_type_of(attach_type) == prog->type ? 0 : -EINVAL;
	}
}

static bool is_mprog(u32 prog_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_CGROUP_SOCK:
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
	case BPF_PROG_TYPE_SOCK_OPS:
	case BPF_PROG_TYPE_CGROUP_DEVICE:
	case BPF_PROG_TYPE_CGROUP_SYSCTL:
	case BPF_PROG_TYPE_CGROUP_SOCKOPT: return true;
	default: return false;
	}
}

static bool is_on(struct caller *caller, int fd, u32 magic)
{
	struct statfs fs;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/fd/%d", caller->tgid, fd);
	return !statfs(path, &fs) && (u32)fs.f_type == magic;
}

static bool is_cgroup(struct caller *caller, int fd)
{
	return is_on(caller, fd, CGROUP2_SUPER_MAGIC);
}

/* The target of an attach would be a cgroup, a socket map, a namespace or a device, none of which is a hive's. */
static int refuse_target(struct call *call, u32 prog_type, int fd)
{
	struct map_object *map;
	int err;

	if (prog_type == BPF_PROG_TYPE_SK_SKB || prog_type == BPF_PROG_TYPE_SK_MSG) {
		err = map_from_fd(call->hive, call->caller, fd, &map, NULL);
		put_map(err ? NULL : map);
		/* whatever map it is, it holds no sockets */
		return err ? err : call->cmd == BPF_PROG_DETACH ? -EINVAL : -EOPNOTSUPP;
	}
	if (prog_type != BPF_PROG_TYPE_SCHED_CLS && !is_cgroup(call->caller, fd))
		return -EBADF;
	return fail(call->hive->log, -EOPNOTSUPP,
		    "bpf command %d: programs of type %u cannot be attached here", call->cmd,
		    prog_type);
}

int cmd_prog_attach(struct call *call)
{
	const union bpf_attr *attr = &call->attr;
	u32 type = prog_type_of(attr->attach_type),
	    flags = BPF_F_ALLOW_OVERRIDE | BPF_F_ALLOW_MULTI | BPF_F_REPLACE | BPF_F_PREORDER;
	struct prog *prog;
	int err;

	if (!type)
		return -EINVAL;
	if (is_mprog(type)) {
		flags = BPF_F_REPLACE | BPF_F_BEFORE | BPF_F_AFTER | BPF_F_ID | BPF_F_LINK |
			(type == BPF_PROG_TYPE_SCHED_CLS
				 ? 0
				 : BPF_F_ALLOW_OVERRIDE | BPF_F_ALLOW_MULTI | BPF_F_PREORDER);
		if (attr->attach_flags & ~flags)
			return -EINVAL;
	} else if (attr->attach_flags & ~flags || attr->relative_fd || attr->expected_revision) {
		return -EINVAL;
	}
	err = prog_from_fd(call->hive, call->caller, (int)attr->attach_bpf_fd, &prog);
	if (err)
		return err;
	if (prog->type != type || check_attach_type(prog, attr->attach_type))
		err = -EINVAL;
	if (!err)
		err = refuse_target(call, type, (int)attr->target_fd);
	object_put(&prog->object);
	return err;
}

int cmd_prog_detach(struct call *call)
{
	const union bpf_attr *attr = &call->attr;
	u32 type = prog_type_of(attr->attach_type);

	if (!type ||
	    (type != BPF_PROG_TYPE_SCHED_CLS && (attr->attach_flags || attr->relative_fd)) ||
	    (!is_mprog(type) && attr->expected_revision))
		return -EINVAL;
	return refuse_target(call, type, (int)attr->target_fd);
}

/* No program is attached there, for none can be. */
static int query_none(struct call *call)
{
	return call_put(call, query.attach_flags, 0) || call_put(call, query.prog_cnt, 0) ? -EFAULT
											  : 0;
}

static int query_cgroup(struct call *call)
{
	const union bpf_attr *attr = &call->attr;
	bool effective = attr->query.query_flags & BPF_F_QUERY_EFFECTIVE;
	int err;

	if (!is_cgroup(call->caller, (int)attr->query.target_fd))
		return -EBADF;
	if (attr->query.attach_type == BPF_LSM_CGROUP && !effective)
		return -EINVAL;
	err = query_none(call);
	if (!err && !effective && call_put(call, query.revision, 1))
		err = -EFAULT;
	return err;
}

int cmd_prog_query(struct call *call)
{
	const union bpf_attr *attr = &call->attr;
	u32 type = prog_type_of(attr->query.attach_type);

	if (attr->query.query_flags & ~(u32)BPF_F_QUERY_EFFECTIVE)
		return -EINVAL;
	switch (type) {
	case BPF_PROG_TYPE_UNSPEC:
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_XDP:
	case BPF_PROG_TYPE_LIRC_MODE2: /* this and the next as a Linux built without them */
	case BPF_PROG_TYPE_SCHED_CLS: return -EINVAL;
	case BPF_PROG_TYPE_FLOW_DISSECTOR:
	case BPF_PROG_TYPE_SK_LOOKUP:
		if (attr->query.query_flags ||
		    !is_on(call->caller, (int)attr->query.target_fd, NSFS_MAGIC))
			return -EINVAL;
		return query_none(call);
	case BPF_PROG_TYPE_SK_SKB:
	case BPF_PROG_TYPE_SK_MSG: return refuse_target(call, type, (int)attr->query.target_fd);
	case BPF_PROG_TYPE_LSM:
		if (attr->query.attach_type != BPF_LSM_CGROUP)
			return -EINVAL;
		return query_cgroup(call);
	default: return query_cgroup(call);
	}
}
