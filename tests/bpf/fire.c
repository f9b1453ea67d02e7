/* SPDX-License-Identifier: BSD-2-Clause */
/* Attached programs: an event source of the test's own fires them; links are updated, detached, closed; cookies; counts. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "bpf/both.h"
#include "core/source.h"
#include "def/ctx_layout.h"

static struct ask ask;
static struct attachment *held;
static struct attach_target target;
static int attached, detached, attach_error;

static bool claims(void *arg, const struct attach_target *t)
{
	(void)arg;
	return t->kind == ATTACH_XDP ||
	       (t->kind == ATTACH_RAW_TRACEPOINT && !strcmp(t->name, "of_this_test"));
}

static int attach(void *arg, struct attachment *attachment, const struct attach_target *t,
		  struct log *why)
{
	(void)arg, (void)why;
	if (attach_error)
		return attach_error;
	held = attachment;
	target = *t;
	attached++;
	return 0;
}

static void detach(void *arg, struct attachment *attachment)
{
	(void)arg;
	detached += attachment == held;
	held = NULL;
}

static unsigned long long fire_xdp(void)
{
	unsigned char bytes[64] = { 0 };
	struct xdp_ctx ctx = { .packet = { .data = bytes,
					   .data_end = bytes + 64,
					   .data_meta = bytes,
					   .head = bytes,
					   .room = 64 } };
	struct run_region region = { PTR(bytes), bytes, sizeof(bytes) };
	static const struct task_ops no_task;
	struct task task = { .ops = &no_task };

	return held ? core_fire(skep_hive(ask.skep), held, 0, &ctx, &task, &region, 1) : 1000;
}

static unsigned long long runs_of(int prog)
{
	struct bpf_prog_info info = { 0 };

	BPF(&ask, BPF_OBJ_GET_INFO_BY_FD,
	    .info = { .bpf_fd = (__u32)prog, .info_len = sizeof(info), .info = PTR(&info) });
	return info.run_cnt;
}

#define LINK(prog_, ifindex, ...)                       \
	BPF(&ask, BPF_LINK_CREATE,                      \
	    .link_create = { .prog_fd = (__u32)(prog_), \
			     .target_ifindex = ifindex, \
			     .attach_type = BPF_XDP,    \
			     ##__VA_ARGS__ })
#define UPDATE(link_, prog_, ...)  \
	BPF(&ask, BPF_LINK_UPDATE, \
	    .link_update = {       \
		    .link_fd = (__u32)(link_), .new_prog_fd = (__u32)(prog_), ##__VA_ARGS__ })

static void links(void)
{
	int drop = make_prog(&ask, BPF_PROG_TYPE_XDP, 1),
	    pass = make_prog(&ask, BPF_PROG_TYPE_XDP, 2), link, stats;
	int tc = make_prog(&ask, BPF_PROG_TYPE_SCHED_CLS, 0);

	link = LINK(drop, 77);
	ok(link >= 0 && attached == 1, "attached to what the source claims");
	is(target.ifindex, 77, "it is told where");
	is(LINK(pass, 77), -EBUSY, "one program an interface");
	is(fire_xdp(), 1, "the program runs");
	is(UPDATE(link, pass, .flags = BPF_F_REPLACE, .old_prog_fd = (__u32)pass), -EPERM,
	   "replacing what is not there");
	is(UPDATE(link, tc), -EINVAL, "a program of another type");
	is(UPDATE(link, pass, .flags = BPF_F_REPLACE, .old_prog_fd = (__u32)drop), 0, "replaced");
	is(fire_xdp(), 2, "the new program runs");
	close(drop);
	stats = BPF(&ask, BPF_ENABLE_STATS, .enable_stats = { .type = BPF_STATS_RUN_TIME });
	for (int i = 0; i < 10; i++)
		fire_xdp();
	is(runs_of(pass), 10, "runs are counted while somebody wants it");
	close(stats);
	core_reap(skep_hive(ask.skep));
	fire_xdp();
	is(runs_of(pass), 10, "and no longer");
	is(BPF(&ask, BPF_LINK_DETACH, .link_detach = { .link_fd = (__u32)link }), 0, "detached");
	is(detached, 1, "the source is told");
	is(UPDATE(link, pass), -ENOLINK, "a detached link takes no program");
	is(LINK(pass, 77) >= 0, 1, "the interface is free again");
	close(link), close(pass), close(tc);
}

static void closing(void)
{
	int prog = make_prog(&ask, BPF_PROG_TYPE_RAW_TRACEPOINT, 7), before = detached, link;
	__u64 args[2] = { 0 };
	static const struct task_ops no_task;
	struct task task = { .ops = &no_task };

	attach_error = -EMFILE;
	is(BPF(&ask, BPF_RAW_TRACEPOINT_OPEN,
	       .raw_tracepoint = { .name = PTR("of_this_test"), .prog_fd = (__u32)prog }),
	   -EMFILE, "what the source says is the answer");
	attach_error = 0;
	is(BPF(&ask, BPF_RAW_TRACEPOINT_OPEN,
	       .raw_tracepoint = { .name = PTR("of_nobody"), .prog_fd = (__u32)prog }),
	   -ENOENT, "nobody claims it");
	link = BPF(&ask, BPF_RAW_TRACEPOINT_OPEN,
		   .raw_tracepoint = {
			   .name = PTR("of_this_test"), .prog_fd = (__u32)prog, .cookie = 42 });
	ok(link >= 0, "a raw tracepoint");
	is(target.cookie, 42, "with its cookie");
	is(core_fire(skep_hive(ask.skep), held, 0, args, &task, NULL, 0), 7, "fires");
	close(prog);
	is(core_fire(skep_hive(ask.skep), held, 0, args, &task, NULL, 0), 7,
	   "the link keeps the program");
	close(link);
	core_reap(skep_hive(ask.skep));
	is(detached, before + 1, "the last fd closed, it is detached");
}

int main(void)
{
	struct event_source source = {
		.name = "test", .claims = claims, .attach = attach, .detach = detach
	};

	if (skep_new(&ask.skep, NULL) || core_add_event_source(skep_hive(ask.skep), &source))
		return 1;
	links();
	closing();
	skep_free(ask.skep);
	return done();
}
