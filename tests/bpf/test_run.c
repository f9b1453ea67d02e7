/* SPDX-License-Identifier: BSD-2-Clause */
/* PROG_TEST_RUN: sizes of data and context, flags, what comes back, types that have none. */
#include "bpf/both.h"

static unsigned char packet[8192], out[8192];

#pragma GCC diagnostic ignored "-Woverride-init"
#define RUN(what, ...)                                                                         \
	({                                                                                     \
		union bpf_attr run_attr = { .test = { .prog_fd = (__u32)fd, ##__VA_ARGS__ } }; \
		memset(out, 0, sizeof(out));                                                   \
		note(ask, what, ask_bpf(ask, BPF_PROG_TEST_RUN, &run_attr, sizeof(run_attr))); \
		note(ask, what, run_attr.test.retval);                                         \
		note(ask, what, run_attr.test.data_size_out);                                  \
		note(ask, what, run_attr.test.ctx_size_out);                                   \
		note(ask, what, out[0] * 256 + out[20]);                                       \
	})
#define PACKET .data_in = PTR(packet), .data_size_in = 64

static void packets(struct ask *ask, int type)
{
	static const __u32 sizes[] = { 0,    1,	   13,	 14,   15,   60,   64,	 1500, 3518,
				       3519, 3520, 3521, 3600, 3712, 3713, 4096, 5000, 8192 };
	int fd = make_prog(ask, (__u32)type, type == BPF_PROG_TYPE_CGROUP_SKB ? 1 : 2);

	for (int i = 0; i < 64; i++)
		packet[i] = (unsigned char)(i + 1);
	for (unsigned int i = 0; i < sizeof(sizes) / 4; i++) {
		ask->key = sizes[i];
		RUN("size", .data_in = PTR(packet), .data_size_in = sizes[i]);
		RUN("size, out", .data_in = PTR(packet), .data_size_in = sizes[i],
		    .data_out = PTR(out), .data_size_out = sizeof(out));
	}
	ask->key = 0;
	RUN("room for less", PACKET, .data_out = PTR(out), .data_size_out = 20);
	RUN("room not told", PACKET, .data_out = PTR(out));
	RUN("bad address", .data_in = 64, .data_size_in = 64);
	RUN("bad address out", PACKET, .data_out = 64, .data_size_out = 64);
	RUN("repeat", PACKET, .repeat = 10);
	RUN("cpu", PACKET, .cpu = 1);
	RUN("batch", PACKET, .batch_size = 1);
	for (int bit = 0; bit < 32; bit++)
		if (bit != 1) {
			ask->key = bit;
			RUN("flag", PACKET, .flags = 1u << bit);
		}
	RUN("no data", .data_size_in = 0);
	close(fd);
}

static void xdp(struct ask *ask)
{
	packets(ask, BPF_PROG_TYPE_XDP);
}
static void filter(struct ask *ask)
{
	packets(ask, BPF_PROG_TYPE_SOCKET_FILTER);
}
static void lwt_in(struct ask *ask)
{
	packets(ask, BPF_PROG_TYPE_LWT_IN);
}
static void lwt_xmit(struct ask *ask)
{
	packets(ask, BPF_PROG_TYPE_LWT_XMIT);
}
static void act(struct ask *ask)
{
	packets(ask, BPF_PROG_TYPE_SCHED_ACT);
}
static void cgroup(struct ask *ask)
{
	packets(ask, BPF_PROG_TYPE_CGROUP_SKB);
}
static void tc(struct ask *ask)
{
	packets(ask, BPF_PROG_TYPE_SCHED_CLS);
}

static void xdp_ctx(struct ask *ask)
{
	static const struct xdp_md mds[] = {
		{ .data_end = 64 },
		{ .data = 8, .data_end = 64 },
		{ .data = 6, .data_end = 64 },
		{ .data = 32, .data_end = 64 },
		{ .data = 36, .data_end = 64 },
		{ .data = 252, .data_end = 64 },
		{ .data = 256, .data_end = 64 },
		{ .data = 8, .data_end = 60 },
		{ .data_meta = 4, .data = 8, .data_end = 64 },
		{ .data_end = 65 },
		{ .data_end = 64, .egress_ifindex = 1 },
		{ .data_end = 64, .rx_queue_index = 1 },
		{ .data_end = 64, .ingress_ifindex = 99999 },
		{ .data = 65, .data_end = 64 },
	};
	int fd = make_prog(ask, BPF_PROG_TYPE_XDP, 1);
	unsigned char room[4096] = { 0 };

	for (unsigned int i = 0; i < sizeof(mds) / sizeof(mds[0]); i++) {
		struct xdp_md back = { 0 };

		ask->key = i;
		RUN("context", PACKET, .ctx_in = PTR(&mds[i]), .ctx_size_in = sizeof(mds[i]),
		    .ctx_out = PTR(&back), .ctx_size_out = sizeof(back), .data_out = PTR(out),
		    .data_size_out = sizeof(out));
		note(ask, "data back", back.data);
		note(ask, "data_end back", back.data_end);
		note(ask, "data_meta back", back.data_meta);
		note(ask, "ingress back", back.ingress_ifindex);
	}
	*(struct xdp_md *)room = mds[0];
	for (__u32 size = 0; size < 40; size += 4) {
		ask->key = size;
		RUN("context size", PACKET, .ctx_in = size ? PTR(room) : 0, .ctx_size_in = size);
		RUN("context size out", PACKET, .ctx_in = PTR(room), .ctx_size_in = 24,
		    .ctx_out = size ? PTR(room + 100) : 0, .ctx_size_out = size);
	}
	room[30] = 1;
	RUN("context with a tail", PACKET, .ctx_in = PTR(room), .ctx_size_in = 40);
	RUN("context without size", PACKET, .ctx_in = PTR(room));
	RUN("size without context", PACKET, .ctx_size_in = 24);
	RUN("room without size", PACKET, .ctx_out = PTR(room));
	RUN("context at a bad address", PACKET, .ctx_in = 64, .ctx_size_in = 24);
	close(fd);
}

static void skb_ctx(struct ask *ask)
{
	int fd = make_prog(ask, BPF_PROG_TYPE_SCHED_CLS, 0);
	struct __sk_buff md, back;

	for (unsigned int at = 0; at < sizeof(md); at += 4) {
		memset(&md, 0, sizeof(md));
		memset(&back, 0, sizeof(back));
		*(__u32 *)((char *)&md + at) = 1;
		ask->key = at;
		RUN("a field set", PACKET, .ctx_in = PTR(&md), .ctx_size_in = sizeof(md),
		    .ctx_out = PTR(&back), .ctx_size_out = sizeof(back));
		for (unsigned int i = 0; i < sizeof(md); i += 4)
			if (((__u32 *)&back)[i / 4])
				note(ask, "set in what comes back",
				     i * 1000000LL + ((__u32 *)&back)[i / 4]);
	}
	close(fd);
}

static int is_address(int type, unsigned int at)
{
	if (type == BPF_PROG_TYPE_XDP)
		return at < 12;
	return at == offsetof(struct __sk_buff, data) ||
	       at == offsetof(struct __sk_buff, data_end) ||
	       at == offsetof(struct __sk_buff, data_meta);
}

/* What programs read of a packet under test: every scalar field of the context. */
static void fields(struct ask *ask, int type, unsigned int size)
{
	static const __u8 eth[14] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0 };

	memset(packet, 0, 64);
	memcpy(packet, eth, sizeof(eth));
	packet[14] = 0x45;
	for (unsigned int at = 0; at < size; at += 4) {
		struct bpf_insn insns[] = {
			{ .code = BPF_LDX | BPF_MEM | BPF_W,
			  .dst_reg = 0,
			  .src_reg = 1,
			  .off = (short)at },
			{ .code = BPF_JMP | BPF_EXIT },
		};
		int fd = BPF(ask, BPF_PROG_LOAD, .prog_type = (__u32)type, .insn_cnt = 2,
			     .insns = PTR(insns), .license = PTR("GPL"));

		ask->key = at;
		note_fd(ask, "load of a field", fd);
		if (fd < 0)
			continue;
		if (!is_address(type, at))
			RUN("field", PACKET);
		close(fd);
	}
}

static void tc_fields(struct ask *ask)
{
	fields(ask, BPF_PROG_TYPE_SCHED_CLS, sizeof(struct __sk_buff));
}
static void filter_fields(struct ask *ask)
{
	fields(ask, BPF_PROG_TYPE_SOCKET_FILTER, sizeof(struct __sk_buff));
}
static void xdp_fields(struct ask *ask)
{
	fields(ask, BPF_PROG_TYPE_XDP, sizeof(struct xdp_md));
}

static void raw(struct ask *ask)
{
	int fd = make_prog(ask, BPF_PROG_TYPE_RAW_TRACEPOINT, 5);
	__u64 args[64] = { 0 };

	for (__u32 size = 0; size < 128; size += 8) {
		ask->key = size;
		RUN("arguments", .ctx_in = size ? PTR(args) : 0, .ctx_size_in = size);
	}
	RUN("data", PACKET);
	RUN("repeat", .repeat = 2);
	RUN("cpu without flag", .cpu = 1);
	RUN("cpu 0", .flags = BPF_F_TEST_RUN_ON_CPU);
	RUN("cpu 100000", .flags = BPF_F_TEST_RUN_ON_CPU, .cpu = 100000);
	RUN("bad address", .ctx_in = 64, .ctx_size_in = 8);
	RUN("other flags", .flags = 2);
	close(fd);
}

/* A context shorter than what the program looks at, and longer. */
static void ctx_sizes(struct ask *ask)
{
	static const int types[] = { BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_PROG_TYPE_SYSCALL };
	static unsigned char ctx[70000];

	for (int t = 0; t < 2; t++)
		for (short off = 0; off < 64; off += 16)
			for (int store = 0; store < 2; store++) {
				struct bpf_insn insns[] = {
					{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0 },
					{ .code = (store ? BPF_STX : BPF_LDX) | BPF_MEM | BPF_W,
					  .dst_reg = 1 - !store,
					  .src_reg = !store,
					  .off = off },
					{ .code = BPF_JMP | BPF_EXIT },
				};
				int fd = BPF(ask, BPF_PROG_LOAD, .prog_type = (__u32)types[t],
					     .insn_cnt = 3, .insns = PTR(insns),
					     .license = PTR("GPL"),
					     .prog_flags = types[t] == BPF_PROG_TYPE_SYSCALL
								   ? BPF_F_SLEEPABLE
								   : 0);

				ask->key = t * 1000 + off * 10 + store;
				note_fd(ask, "load of a program that looks there", fd);
				for (__u32 size = 0; fd >= 0 && size < 100; size += 4) {
					memset(ctx, 0, 100);
					ask->key = (t * 1000 + off * 10 + store) * 1000L + size;
					RUN("a context of this size", .ctx_in = size ? PTR(ctx) : 0,
					    .ctx_size_in = size);
				}
				if (fd >= 0)
					close(fd);
			}
	for (__u32 size = 65528; size < 65544; size++) {
		int fd = BPF(
			ask, BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_SYSCALL, .insn_cnt = 2,
			.insns = PTR(((struct bpf_insn[]){ { .code = BPF_ALU64 | BPF_MOV | BPF_K },
							   { .code = BPF_JMP | BPF_EXIT } })),
			.license = PTR("GPL"), .prog_flags = BPF_F_SLEEPABLE);

		ask->key = size;
		RUN("a large context", .ctx_in = PTR(ctx), .ctx_size_in = size);
		close(fd);
	}
}

/* Each field of the command alone at its limits. */
static void limits(struct ask *ask)
{
	static const int types[] = { BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_PROG_TYPE_XDP,
				     BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_SOCKET_FILTER };
	static const __u32 values[] = { 1,    2,       4,	   8,	       13,	  14,
					3000, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff };
	static unsigned char in[1 << 17]; /* as long as any size that is read */

	for (int t = 0; t < 4; t++) {
		int fd = make_prog(ask, (__u32)types[t], 0);

		for (unsigned int at = 4; at < 80; at += 4)
			for (unsigned int v = 0; v < sizeof(values) / sizeof(*values); v++) {
				union bpf_attr attr = { .test = { .prog_fd = (__u32)fd } };

				if (at == offsetof(union bpf_attr, test.repeat) && values[v] > 4)
					continue; /* would take its time */
				if (at == offsetof(union bpf_attr, test.flags) &&
				    values[v] == BPF_F_TEST_XDP_LIVE_FRAMES)
					continue; /* refused here */
				if (types[t] != BPF_PROG_TYPE_RAW_TRACEPOINT) {
					attr.test.data_in = PTR(in);
					attr.test.data_size_in = 64;
				}
				*(__u32 *)((char *)&attr + at) = values[v];
				ask->key = (long)(t * 100000 + at * 100 + v);
				note(ask, "a field set",
				     ask_bpf(ask, BPF_PROG_TEST_RUN, &attr, sizeof(attr)));
			}
		close(fd);
	}
}

static void none(struct ask *ask)
{
	static const int types[] = { BPF_PROG_TYPE_KPROBE,     BPF_PROG_TYPE_TRACEPOINT,
				     BPF_PROG_TYPE_PERF_EVENT, BPF_PROG_TYPE_CGROUP_DEVICE,
				     BPF_PROG_TYPE_SOCK_OPS,   BPF_PROG_TYPE_SK_MSG };

	for (int i = 0; i < 6; i++) {
		int fd = make_prog(ask, (__u32)types[i], 0);

		ask->key = types[i];
		note_fd(ask, "load", fd);
		RUN("run", PACKET);
		close(fd);
	}
}

int main(void)
{
	both("xdp", xdp);
	both("xdp context", xdp_ctx);
	both("socket filter", filter);
	both("sched_cls", tc);
	both("sched_act", act);
	both("cgroup_skb", cgroup);
	both("lwt_in", lwt_in);
	both("lwt_xmit", lwt_xmit);
	both("sched_cls context", skb_ctx);
	both("fields of xdp_md", xdp_fields);
	both("fields of __sk_buff", tc_fields);
	both("fields of __sk_buff in a filter", filter_fields);
	both("raw tracepoint", raw);
	both("sizes of contexts", ctx_sizes);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	(void)limits; /* numbers that are tried as addresses are a sanitizer's own memory */
#else
	both("fields of the command", limits);
#endif
	both("types without test run", none);
	return done();
}
