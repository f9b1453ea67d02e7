/* SPDX-License-Identifier: BSD-2-Clause */
/* Links and perf events: raw tracepoints, refused targets, update and detach, info, statistics, task_fd_query. */
#include "bpf/both.h"

#include <linux/perf_event.h>

static void raw_tp(struct ask *ask)
{
	static const char *const names[] = { "sys_enter", "no_such_tracepoint", "" };
	int raw = make_prog(ask, BPF_PROG_TYPE_RAW_TRACEPOINT, 0),
	    xdp = make_prog(ask, BPF_PROG_TYPE_XDP, 0), link;
	int progs[] = { raw, xdp, -1, open("/dev/null", O_RDWR) };
	struct bpf_link_info info = { 0 };
	char name[64] = "";

	for (int i = 0; i < 4; i++)
		for (int n = 0; n < 3; n++) {
			ask->key = i * 10 + n;
			link = note_fd(ask, "open",
				       BPF(ask, BPF_RAW_TRACEPOINT_OPEN,
					   .raw_tracepoint = { .name = PTR(names[n]),
							       .prog_fd = (__u32)progs[i] }));
			if (link >= 0)
				close(link);
		}
	note(ask, "open NULL",
	     BPF(ask, BPF_RAW_TRACEPOINT_OPEN, .raw_tracepoint = { .prog_fd = (__u32)raw }));
	note(ask, "open nowhere",
	     BPF(ask, BPF_RAW_TRACEPOINT_OPEN,
		 .raw_tracepoint = { .name = 64, .prog_fd = (__u32)raw }));
	link = BPF(
		ask, BPF_RAW_TRACEPOINT_OPEN,
		.raw_tracepoint = { .name = PTR("sys_enter"), .prog_fd = (__u32)raw, .cookie = 7 });
	for (__u32 len = 0; len < 12; len++) {
		memset(&info, 0, sizeof(info));
		memset(name, 'x', sizeof(name));
		name[20] = 0;
		info.raw_tracepoint.tp_name = len ? PTR(name) : 0;
		info.raw_tracepoint.tp_name_len = len;
		ask->key = len;
		note(ask, "info",
		     BPF(ask, BPF_OBJ_GET_INFO_BY_FD,
			 .info = { .bpf_fd = (__u32)link,
				   .info_len = sizeof(info),
				   .info = PTR(&info) }));
		note(ask, "type", info.type);
		note(ask, "name length", info.raw_tracepoint.tp_name_len);
		note(ask, "cookie", (long long)info.raw_tracepoint.cookie);
		note(ask, "text", (long long)strlen(name));
	}
	note(ask, "has an id", info.id != 0);
	link = (note_fd(ask, "by id", BPF(ask, BPF_LINK_GET_FD_BY_ID, .link_id = info.id)), link);
	note(ask, "update",
	     BPF(ask, BPF_LINK_UPDATE,
		 .link_update = { .link_fd = (__u32)link, .new_prog_fd = (__u32)raw }));
	note(ask, "update, flags",
	     BPF(ask, BPF_LINK_UPDATE,
		 .link_update = { .link_fd = (__u32)link, .new_prog_fd = (__u32)raw, .flags = 1 }));
	note(ask, "update, old only",
	     BPF(ask, BPF_LINK_UPDATE,
		 .link_update = { .link_fd = (__u32)link,
				  .new_prog_fd = (__u32)raw,
				  .old_prog_fd = (__u32)raw }));
	note(ask, "update, no link",
	     BPF(ask, BPF_LINK_UPDATE,
		 .link_update = { .link_fd = (__u32)raw, .new_prog_fd = (__u32)raw }));
	note(ask, "update, no prog",
	     BPF(ask, BPF_LINK_UPDATE,
		 .link_update = { .link_fd = (__u32)link, .new_prog_fd = (__u32)link }));
	note(ask, "detach", BPF(ask, BPF_LINK_DETACH, .link_detach = { .link_fd = (__u32)link }));
	note(ask, "detach no link",
	     BPF(ask, BPF_LINK_DETACH, .link_detach = { .link_fd = (__u32)raw }));
	note(ask, "iter of it",
	     BPF(ask, BPF_ITER_CREATE, .iter_create = { .link_fd = (__u32)link }));
	note(ask, "iter with flags",
	     BPF(ask, BPF_ITER_CREATE, .iter_create = { .link_fd = (__u32)link, .flags = 1 }));
	{
		union bpf_attr attr = { .task_fd_query = { .pid = (__u32)getpid(),
							   .fd = (__u32)link,
							   .buf_len = 64,
							   .buf = PTR(name) } };

		note(ask, "task_fd_query", ask_bpf(ask, BPF_TASK_FD_QUERY, &attr, sizeof(attr)));
		note(ask, "its type", attr.task_fd_query.fd_type);
		note(ask, "its name", strcmp(name, "sys_enter"));
		note(ask, "its length", attr.task_fd_query.buf_len);
		attr.task_fd_query.fd = (__u32)raw;
		note(ask, "task_fd_query of a program",
		     ask_bpf(ask, BPF_TASK_FD_QUERY, &attr, sizeof(attr)));
		attr.task_fd_query.fd = 12345;
		note(ask, "task_fd_query of nothing",
		     ask_bpf(ask, BPF_TASK_FD_QUERY, &attr, sizeof(attr)));
		attr.task_fd_query.pid = 0x7fffffff;
		note(ask, "task_fd_query of nobody",
		     ask_bpf(ask, BPF_TASK_FD_QUERY, &attr, sizeof(attr)));
		attr.task_fd_query.flags = 1;
		note(ask, "task_fd_query with flags",
		     ask_bpf(ask, BPF_TASK_FD_QUERY, &attr, sizeof(attr)));
	}
	close(link), close(raw), close(xdp), close(progs[3]);
}

/* LINK_CREATE with a target that is none, for every program type that loads here and every attach type. */
static void refused(struct ask *ask)
{
	static const int types[] = { BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_KPROBE,
				     BPF_PROG_TYPE_TRACEPOINT,	  BPF_PROG_TYPE_XDP,
				     BPF_PROG_TYPE_PERF_EVENT,	  BPF_PROG_TYPE_RAW_TRACEPOINT };

	for (unsigned int t = 0; t < 6; t++) {
		int prog = make_prog(ask, (__u32)types[t], 0);

		for (__u32 attach = 0; attach < 60; attach++) {
			/* the multi kinds are told apart by what the kernel was built with */
			if (types[t] == BPF_PROG_TYPE_KPROBE && attach != BPF_PERF_EVENT &&
			    attach >= 40)
				continue;
			ask->key = types[t] * 1000 + (long)attach;
			note(ask, "link type*1000+attach",
			     BPF(ask, BPF_LINK_CREATE,
				 .link_create = { .prog_fd = (__u32)prog,
						  .target_fd = (__u32)-1,
						  .attach_type = attach }));
		}
		note(ask, "flags",
		     BPF(ask, BPF_LINK_CREATE,
			 .link_create = { .prog_fd = (__u32)prog,
					  .target_fd = 12345,
					  .attach_type = BPF_PERF_EVENT,
					  .flags = 1 }));
		close(prog);
	}
	note(ask, "no program",
	     BPF(ask, BPF_LINK_CREATE,
		 .link_create = { .prog_fd = 12345, .attach_type = BPF_XDP }));
}

static void stats(struct ask *ask)
{
	int fd =
		note_fd(ask, "enable",
			BPF(ask, BPF_ENABLE_STATS, .enable_stats = { .type = BPF_STATS_RUN_TIME }));
	int prog = make_prog(ask, BPF_PROG_TYPE_XDP, 2);
	static unsigned char packet[64];

	note(ask, "other kind", BPF(ask, BPF_ENABLE_STATS, .enable_stats = { .type = 1 }));
	for (int on = 1; on >= 0; on--) {
		struct bpf_prog_info info = { 0 };

		for (int i = 0; i < 5; i++) /* one by one: a repeated run may be given up and begun again */
			BPF(ask, BPF_PROG_TEST_RUN,
			    .test = { .prog_fd = (__u32)prog, .data_in = PTR(packet), .data_size_in = 64 });
		BPF(ask, BPF_OBJ_GET_INFO_BY_FD,
		    .info = {
			    .bpf_fd = (__u32)prog, .info_len = sizeof(info), .info = PTR(&info) });
		note(ask, "runs", (long long)info.run_cnt);
		note(ask, "time", info.run_time_ns != 0);
		if (on)
			close(fd);
	}
	close(prog);
}

/* kernel.bpf_stats_enabled: Linux counts without being asked to. */
static int always_counts(void)
{
	FILE *file = fopen("/proc/sys/kernel/bpf_stats_enabled", "r");
	int on = file && fgetc(file) == '1';

	if (file)
		fclose(file);
	return on;
}

int main(void)
{
	both("raw tracepoints", raw_tp);
	both("links to nothing", refused);
	if (always_counts())
		skip("kernel.bpf_stats_enabled: Linux counts all runs");
	else
		both("run statistics", stats);
	return done();
}
