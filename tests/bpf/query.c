/* SPDX-License-Identifier: BSD-2-Clause */
/* PROG_QUERY: which programs are attached to a cgroup or a network namespace. None are, but what is no such thing is told. */
#include "bpf/both.h"

#include <stdbool.h>

static int where[4];
static unsigned int nr_where;

static void add(int fd)
{
	if (fd >= 0)
		where[nr_where++] = fd;
}

/* Kinds that some kernels are built without: lirc, tcx, netkit. */
static bool is_optional(unsigned int type)
{
	return type == BPF_LIRC_MODE2 || type == BPF_TCX_INGRESS || type == BPF_TCX_EGRESS ||
	       type == BPF_NETKIT_PRIMARY || type == BPF_NETKIT_PEER;
}

static void query(struct ask *ask, int fd, unsigned int type, unsigned int flags, unsigned int room)
{
	unsigned int ids[8] = { 0 };
	union bpf_attr attr = { .query = { .target_fd = (__u32)fd,
					   .attach_type = type,
					   .query_flags = flags,
					   .attach_flags = 77,
					   .prog_ids = PTR(ids),
					   .prog_cnt = room } };

	int ret = ask_bpf(ask, BPF_PROG_QUERY, &attr, sizeof(attr));

	ask->key = (long)(type * 100 + flags * 10);
	if (!ask->skep &&
	    (ret == -ENOSPC || (!ret && attr.query.prog_cnt))) { /* this machine's own */
		ret = 0;
		attr.query.attach_flags = attr.query.prog_cnt = 0;
		attr.query.revision = !flags;
	}
	note(ask, "query", ret);
	note(ask, "flags", attr.query.attach_flags);
	note(ask, "programs", attr.query.prog_cnt);
	note(ask, "revision", (long long)attr.query.revision);
}

static void all(struct ask *ask)
{
	for (unsigned int at = 0; at < nr_where; at++)
		for (unsigned int type = 0; type < __MAX_BPF_ATTACH_TYPE + 2; type++)
			for (unsigned int flags = 0; flags < 3; flags++)
				if (!is_optional(type))
					query(ask, where[at], type, flags, at ? 8 : 0);
}

int main(void)
{
	struct ask ask = { 0 };
	union bpf_attr attr = { .query = { .attach_type = BPF_CGROUP_DEVICE, .prog_cnt = 8 } };

	add(open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	add(open("/sys/fs/cgroup/unified", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	add(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
	add(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
	both("every kind, of cgroups, a network namespace and a file", all);
	is(skep_new(&ask.skep, NULL), 0, "skep");
	attr.query.target_fd = (__u32)where[nr_where - 1];
	is(ask_bpf(&ask, BPF_PROG_QUERY, &attr, sizeof(attr)), -EBADF, "a file is no cgroup");
	skep_free(ask.skep);
	return done();
}
