/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF_PROG_TEST_RUN. What a test run builds around the program (room in front of the packet and
 * behind it, which context fields a caller may set, what comes back) is Linux's; types whose runs
 * need kernel objects are refused, with the kernel's errno where it refuses them too.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/command.h"
#include "core/prog.h"
#include "core/test_run.h"
#include "def/ctx_layout.h"

enum {
	PAGE = 4096,
	HEADROOM = XDP_PACKET_HEADROOM,
	TAILROOM = 320,	   /* struct skb_shared_info, aligned */
	SKB_HEADROOM = 64, /* NET_SKB_PAD + NET_IP_ALIGN */
	ETH_HLEN = 14,
	MAX_FRAGS = 17,	   /* MAX_SKB_FRAGS */
	MAX_RAW_ARGS = 12, /* MAX_BPF_FUNC_ARGS */
};

/* Whoever calls is "current". */
static struct task *current_task(struct call *call, struct task *self)
{
	task_self(self);
	return call->caller->task ? call->caller->task : self;
}

/* Whether to stop, asked now and then: nobody waits for the result any more. */
static bool is_over(struct call *call, u32 runs)
{
	return runs % 256 == 255 && call->caller->ops->gone &&
	       call->caller->ops->gone(call->caller);
}

/* Runs repeat times in one slot; the average in ns. -EBUSY, -EINTR: the caller is gone. */
static int run_repeated(struct call *call, struct prog *prog, struct run_input *input, u32 repeat,
			u32 *retval, u32 *duration)
{
	struct hive *hive = call->hive;
	struct timespec start, end;
	struct task self;
	int err = 0;
	u32 cpu = slot_here(hive);
	u64 ns;

	input->task = current_task(call, &self);
	repeat = repeat ? repeat : 1;
	if (!slot_enter(hive, cpu, prog))
		return -EBUSY;
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (u32 i = 0; i < repeat && !err; i++) {
		*retval = (u32)slot_run(hive, cpu, prog, input);
		err = is_over(call, i) ? -EINTR : 0;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	slot_leave(hive, cpu);
	ns = (u64)(end.tv_sec - start.tv_sec) * 1000000000 + (u64)end.tv_nsec - (u64)start.tv_nsec;
	*duration = (u32)min(ns / repeat, (u64)UINT32_MAX);
	return err;
}

/* The caller's context, cut or zero-filled to size: 0 and *given (whether there is one), -E2BIG, -EFAULT. */
static int read_ctx(struct call *call, void *ctx, u32 size, bool *given)
{
	u64 from = call->attr.test.ctx_in;
	u32 len = call->attr.test.ctx_size_in;
	u8 tail[PAGE];

	memset(ctx, 0, size);
	*given = from || call->attr.test.ctx_out;
	if (!from)
		return 0;
	if (len > PAGE)
		return -E2BIG;
	if (len > size) {
		if (call_read(call, tail, from + size, len - size))
			return -EFAULT;
		for (u32 i = 0; i < len - size; i++)
			if (tail[i])
				return -E2BIG;
	}
	return call_read(call, ctx, from, min(len, size));
}

static int write_ctx(struct call *call, const void *ctx, u32 size)
{
	u32 room = call->attr.test.ctx_size_out;
	int err = room < size ? -ENOSPC : 0;

	if (!call->attr.test.ctx_out)
		return 0;
	if (call_write(call, call->attr.test.ctx_out, ctx, min(room, size)) ||
	    call_put(call, test.ctx_size_out, size))
		return err ? err : -EFAULT;
	return err;
}

/* data_out, its size, return value, duration. */
static int finish(struct call *call, const void *data, u32 size, u32 retval, u32 duration)
{
	u32 room = call->attr.test.data_size_out;
	bool cut = room && size > room;

	if (call->attr.test.data_out &&
	    call_write(call, call->attr.test.data_out, data, cut ? room : size))
		return cut ? -ENOSPC : -EFAULT;
	if (call_put(call, test.data_size_out, size) || call_put(call, test.retval, retval) ||
	    call_put(call, test.duration, duration))
		return -EFAULT;
	return cut ? -ENOSPC : 0;
}

/* XDP. */

static int xdp_check_md(struct hive *hive, const struct xdp_md *md)
{
	if (md->egress_ifindex)
		return -EINVAL;
	if (!md->ingress_ifindex)
		return md->rx_queue_index ? -EINVAL : 0;
	return fail(hive->log, -ENODEV, "test_run: a packet cannot come from interface %u here",
		    md->ingress_ifindex);
}

/* A packet under test: linear bytes in a page a program sees, what is longer (fragments) behind it, unseen. */
struct xdp_packet {
	u8 *page;
	u32 headroom, linear;
	u8 *rest;
	u32 rest_size;
};

static int xdp_finish(struct call *call, const struct xdp_ctx *ctx, const struct xdp_packet *p,
		      u32 retval, u32 duration)
{
	u32 linear = (u32)(ctx->packet.data_end - ctx->packet.data_meta),
	    size = linear + p->rest_size;
	u8 *all;
	int err;

	if (!p->rest_size)
		return finish(call, ctx->packet.data_meta, linear, retval, duration);
	all = malloc(size);
	if (!all)
		return -ENOMEM;
	memcpy(all, ctx->packet.data_meta, linear);
	memcpy(all + linear, p->rest, p->rest_size);
	err = finish(call, all, size, retval, duration);
	free(all);
	return err;
}

static int xdp_run(struct call *call, struct prog *prog, struct xdp_md *md, bool given,
		   const struct xdp_packet *p)
{
	u8 *start = p->page + p->headroom;
	struct xdp_ctx ctx = {
		.md = *md,
		.packet = { .data_meta = start,
			    .data = start + md->data,
			    .data_end = start + p->linear,
			    .head = p->page,
			    .room = PAGE - TAILROOM },
	};
	struct run_region region = { (u64)(uintptr_t)p->page, p->page, PAGE };
	struct run_input input = { .ctx = &ctx, .regions = &region, .nr_regions = 1 };
	u32 retval = 0, duration = 0;
	int err;

	if (!ctx.md.ingress_ifindex)
		ctx.md.ingress_ifindex = 1; /* the loopback interface */
	err = run_repeated(call, prog, &input, call->attr.test.repeat, &retval, &duration);
	if (!err)
		err = xdp_finish(call, &ctx, p, retval, duration);
	if (err || !given)
		return err;
	md->data = (u32)(ctx.packet.data - ctx.packet.data_meta);
	md->data_end = (u32)(ctx.packet.data_end - ctx.packet.data_meta);
	return write_ctx(call, md, sizeof(*md));
}

static int xdp_read(struct call *call, struct xdp_packet *p)
{
	u64 from = call->attr.test.data_in;

	p->page = calloc(1, PAGE);
	p->rest = malloc(p->rest_size + 1);
	if (!p->page || !p->rest)
		return -ENOMEM;
	if (call_read(call, p->page + p->headroom, from, p->linear))
		return -EFAULT;
	return call_read(call, p->rest, from + p->linear, p->rest_size);
}

static int xdp_check_attr(struct call *call, const struct prog *prog)
{
	if (prog->attach_type == BPF_XDP_DEVMAP || prog->attach_type == BPF_XDP_CPUMAP)
		return -EINVAL;
	if (call->attr.test.flags & ~(u32)BPF_F_TEST_XDP_LIVE_FRAMES)
		return -EINVAL;
	if (call->attr.test.flags)
		return fail(call->hive->log, -EOPNOTSUPP,
			    "test_run: live frames need a network device");
	return call->attr.test.batch_size || call->attr.test.data_size_in < ETH_HLEN ? -EINVAL : 0;
}

static int test_xdp(struct call *call, struct prog *prog)
{
	u32 size = call->attr.test.data_size_in;
	struct xdp_packet p = { .headroom = HEADROOM, .linear = size };
	struct xdp_md md;
	bool given, too_long;
	int err = xdp_check_attr(call, prog);

	if (!err)
		err = read_ctx(call, &md, sizeof(md), &given);
	if (err)
		return err;
	if (given) {
		/* metadata lies in the headroom; data_end says how much of the packet is linear */
		if (md.data_meta || md.data_end > size || md.data > md.data_end || md.data % 4 ||
		    md.data > 252)
			return -EINVAL;
		p.headroom -= md.data;
		p.linear = md.data_end;
	}
	p.linear = min(p.linear, PAGE - p.headroom - TAILROOM);
	p.rest_size = size - p.linear;
	too_long = p.rest_size > MAX_FRAGS * PAGE;
	p.rest_size =
		min(p.rest_size,
		    (u32)(MAX_FRAGS * PAGE)); /* what there is room for is read all the same */
	err = xdp_read(call, &p);
	if (!err && too_long)
		err = -ENOMEM;
	if (!err && given)
		err = xdp_check_md(call->hive, &md);
	if (!err)
		err = xdp_run(call, prog, &md, given, &p);
	free(p.page);
	free(p.rest);
	return err;
}

/* Programs on struct __sk_buff. */

/* Which bytes of a __sk_buff a caller may set; whatever else is set is an error. */
static bool skb_md_allowed(const struct __sk_buff *md)
{
	static const struct {
		u32 from, to;
	} free_to_set[] = {
		{ offsetof(struct __sk_buff, mark), offsetof(struct __sk_buff, queue_mapping) },
		{ offsetof(struct __sk_buff, priority), offsetof(struct __sk_buff, tc_index) },
		{ offsetof(struct __sk_buff, cb), offsetof(struct __sk_buff, hash) },
		{ offsetof(struct __sk_buff, data_end), offsetof(struct __sk_buff, napi_id) },
		{ offsetof(struct __sk_buff, tstamp), offsetof(struct __sk_buff, sk) },
		{ offsetof(struct __sk_buff, gso_size), offsetof(struct __sk_buff, tstamp_type) },
		{ offsetof(struct __sk_buff, hwtstamp), sizeof(struct __sk_buff) },
	};
	const u8 *bytes = (const u8 *)md;
	u32 next = 0;

	for (u32 at = 0; at < sizeof(*md); at++) {
		if (next < ARRAY_SIZE(free_to_set) && at == free_to_set[next].from)
			at = free_to_set[next++].to;
		if (at < sizeof(*md) && bytes[at])
			return false;
	}
	return true;
}

static int skb_check_md(struct hive *hive, const struct __sk_buff *md, u32 len)
{
	if (!skb_md_allowed(md))
		return -EINVAL;
	if (md->data_end && md->data_end != len)
		return -EINVAL;
	if (md->wire_len && (md->wire_len < len || md->wire_len > 65536))
		return -EINVAL;
	if (md->gso_segs > 65535)
		return -EINVAL;
	if (md->ifindex > 1 || md->ingress_ifindex > 1)
		return fail(hive->log, -ENODEV,
			    "test_run: a packet cannot come from interface %u here",
			    max(md->ifindex, md->ingress_ifindex));
	return 0;
}

static u32 skb_family(u16 protocol)
{
	return protocol == 0x0800 ? 2 /* AF_INET */ : protocol == 0x86dd ? 10 /* AF_INET6 */ : 0;
}

static bool on_l2(u32 type)
{
	return type == BPF_PROG_TYPE_SCHED_CLS || type == BPF_PROG_TYPE_SCHED_ACT;
}

/* What programs read of a packet that came in on the loopback interface. */
static void skb_fill(struct skb_ctx *ctx, const struct __sk_buff *md, u8 *eth, u32 size, bool l2,
		     bool given)
{
	u16 protocol = (u16)(eth[12] << 8 | eth[13]);

	ctx->md = *md;
	ctx->md.len = size - (l2 ? 0 : ETH_HLEN);
	ctx->md.protocol = protocol < 1536 ? htons(0x0004) : htons(protocol);
	ctx->md.pkt_type = eth[0] & 1 ? (memcmp(eth, "\xff\xff\xff\xff\xff\xff", 6) ? 2 : 1)
			   : memcmp(eth, "\0\0\0\0\0\0", 6) ? 3
							    : 0;
	ctx->md.ifindex = 1;
	ctx->md.ingress_ifindex = md->ingress_ifindex;
	ctx->md.family = skb_family(protocol);
	ctx->md.wire_len = given && !md->wire_len ? ctx->md.len : md->wire_len;
	ctx->packet.data = ctx->packet.data_meta = eth + (l2 ? 0 : ETH_HLEN);
	ctx->packet.data_end = eth + size;
}

/* Back to the caller: what he may set, as the program left it. */
static void skb_give_back(struct __sk_buff *md, const struct skb_ctx *ctx)
{
	md->mark = ctx->md.mark;
	md->priority = ctx->md.priority;
	md->ingress_ifindex = ctx->md.ingress_ifindex;
	md->ifindex = ctx->md.ifindex;
	md->tstamp = ctx->md.tstamp;
	memcpy(md->cb, ctx->md.cb, sizeof(md->cb));
	md->wire_len = ctx->md.wire_len;
	md->gso_segs = ctx->md.gso_segs;
	md->gso_size = ctx->md.gso_size;
	md->hwtstamp = ctx->md.hwtstamp;
}

static int skb_run(struct call *call, struct prog *prog, struct __sk_buff *md, bool given, u8 *buf,
		   u32 room, u32 size)
{
	struct run_region region = { (u64)(uintptr_t)buf, buf, room };
	struct skb_ctx ctx = { .packet = { .head = buf, .room = room - TAILROOM } };
	struct run_input input = { .ctx = &ctx, .regions = &region, .nr_regions = 1 };
	u32 retval = 0, duration = 0;
	int err;

	skb_fill(&ctx, md, buf + SKB_HEADROOM, size, on_l2(prog->type), given);
	err = run_repeated(call, prog, &input, call->attr.test.repeat, &retval, &duration);
	if (err)
		return err;
	if (!on_l2(prog->type)) {
		/* the link's header is given back as zeroes */
		ctx.packet.data -= ETH_HLEN;
		memset(ctx.packet.data, 0, ETH_HLEN);
	}
	err = finish(call, ctx.packet.data, (u32)(ctx.packet.data_end - ctx.packet.data), retval,
		     duration);
	if (err || !given)
		return err;
	skb_give_back(md, &ctx);
	return write_ctx(call, md, sizeof(*md));
}

static int test_skb(struct call *call, struct prog *prog)
{
	u32 size = call->attr.test.data_size_in, room = PAGE;
	struct __sk_buff md;
	bool given;
	u8 *buf;
	int err;

	if ((call->attr.test.flags & ~(u32)BPF_F_TEST_SKB_CHECKSUM_COMPLETE) ||
	    call->attr.test.cpu || call->attr.test.batch_size)
		return -EINVAL;
	if (size < ETH_HLEN || size > PAGE - SKB_HEADROOM - TAILROOM)
		return -EINVAL;
	buf = calloc(1, room);
	if (!buf)
		return -ENOMEM;
	err = call_read(call, buf + SKB_HEADROOM, call->attr.test.data_in, size);
	if (!err)
		err = read_ctx(call, &md, sizeof(md), &given);
	if (!err && given)
		err = skb_check_md(call->hive, &md, size);
	if (!err)
		err = skb_run(call, prog, &md, given, buf, room, size);
	free(buf);
	return err;
}

s64 packet_load(struct run *run, s32 off, u32 size)
{
	const struct skb_ctx *ctx = run->ctx;
	const u8 *at = ctx->packet.data, *start = ctx->packet.data;
	s64 from = off;

	if (off < 0) {
		/* SKF_NET_OFF -0x100000, SKF_LL_OFF -0x200000: from the network header, from the link's */
		start = ctx->packet.head + SKB_HEADROOM;
		if (off >= -0x100000) {
			at = start + ETH_HLEN;
			from = (s64)off + 0x100000;
		} else if (off >= -0x200000) {
			at = start;
			from = (s64)off + 0x200000;
		} else {
			return -1;
		}
	}
	if (from < 0 || at + from + size > ctx->packet.data_end)
		return -1;
	at += from;
	if (size == 1)
		return at[0];
	if (size == 2)
		return at[0] << 8 | at[1];
	return (s64)((u32)at[0] << 24 | (u32)at[1] << 16 | (u32)at[2] << 8 | at[3]);
}

/* Raw tracepoints: the arguments as u64s. */
static int test_raw_tp(struct call *call, struct prog *prog)
{
	const union bpf_attr *attr = &call->attr;
	u64 args[MAX_RAW_ARGS] = { 0 };
	struct task self;
	struct run_input input = { .ctx = args, .task = current_task(call, &self) };
	u32 cpu = slot_here(call->hive), retval;

	if (attr->test.data_in || attr->test.data_out || attr->test.ctx_out ||
	    attr->test.duration || attr->test.repeat || attr->test.batch_size)
		return -EINVAL;
	if (attr->test.ctx_size_in < prog->max_ctx_offset || attr->test.ctx_size_in > sizeof(args))
		return -EINVAL;
	if (!(attr->test.flags & BPF_F_TEST_RUN_ON_CPU) && attr->test.cpu)
		return -EINVAL;
	if (call_read(call, args, attr->test.ctx_in, attr->test.ctx_size_in))
		return -EFAULT;
	if (attr->test.flags & BPF_F_TEST_RUN_ON_CPU) {
		cpu = attr->test.cpu;
		if (cpu >= call->hive->nr_cpus)
			return -ENXIO;
	}
	if (!slot_enter(call->hive, cpu, prog))
		return -EBUSY;
	retval = (u32)slot_run(call->hive, cpu, prog, &input);
	slot_leave(call->hive, cpu);
	return call_put(call, test.retval, retval) ? -EFAULT : 0;
}

/* Syscall programs: the context is the caller's own struct, given back as the program left it. */
static int test_syscall(struct call *call, struct prog *prog)
{
	const union bpf_attr *attr = &call->attr;
	u32 size = attr->test.ctx_size_in, retval = 0, duration;
	struct run_input input = { 0 };
	u8 *ctx;
	int err;

	if (attr->test.data_in || attr->test.data_out || attr->test.ctx_out ||
	    attr->test.duration || attr->test.repeat || attr->test.flags || attr->test.batch_size)
		return -EINVAL;
	if (size < prog->max_ctx_offset || size > UINT16_MAX)
		return -EINVAL;
	ctx = calloc(1, UINT16_MAX + 8); /* a program may look at more than it was given: zeroes */
	if (!ctx)
		return -ENOMEM;
	err = call_read(call, ctx, attr->test.ctx_in, size);
	if (!err) {
		input.ctx = ctx;
		err = run_repeated(call, prog, &input, 1, &retval, &duration);
	}
	if (!err &&
	    (call_put(call, test.retval, retval) || call_write(call, attr->test.ctx_in, ctx, size)))
		err = -EFAULT;
	free(ctx);
	return err;
}

/* What the kernel runs are functions of its own, with programs attached around them. */
static int test_tracing(struct call *call, struct prog *prog)
{
	if (call->attr.test.flags || call->attr.test.cpu || call->attr.test.batch_size)
		return -EINVAL;
	if (prog->attach_type == BPF_TRACE_ITER || prog->attach_type == BPF_TRACE_RAW_TP)
		return -EFAULT; /* as Linux says of programs that have no such function */
	return fail(call->hive->log, -EOPNOTSUPP,
		    "test_run: there is no kernel function here to run");
}

static int test_prog(struct call *call, struct prog *prog)
{
	switch (prog->type) {
	case BPF_PROG_TYPE_XDP: return test_xdp(call, prog);
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_LWT_IN:
	case BPF_PROG_TYPE_LWT_OUT:
	case BPF_PROG_TYPE_LWT_XMIT:
	case BPF_PROG_TYPE_LWT_SEG6LOCAL: return test_skb(call, prog);
	case BPF_PROG_TYPE_RAW_TRACEPOINT: return test_raw_tp(call, prog);
	case BPF_PROG_TYPE_SYSCALL: return test_syscall(call, prog);
	case BPF_PROG_TYPE_FLOW_DISSECTOR:
	case BPF_PROG_TYPE_SK_LOOKUP:
	case BPF_PROG_TYPE_NETFILTER:
	case BPF_PROG_TYPE_TRACING: return test_tracing(call, prog);
	case BPF_PROG_TYPE_STRUCT_OPS:
		return fail(call->hive->log, -EOPNOTSUPP,
			    "test_run: programs of type %u need kernel objects", prog->type);
	default: return -ENOTSUPP;
	}
}

int cmd_prog_test_run(struct call *call)
{
	const union bpf_attr *attr = &call->attr;
	struct prog *prog;
	int err;

	if (!attr->test.ctx_size_in != !attr->test.ctx_in ||
	    !attr->test.ctx_size_out != !attr->test.ctx_out)
		return -EINVAL;
	err = prog_from_fd(call->hive, call->caller, (int)attr->test.prog_fd, &prog);
	if (err)
		return err;
	err = test_prog(call, prog);
	object_put(&prog->object);
	return err;
}
