/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets: the XDP programs of a hive. They are attached to interfaces by number, as bpf(2) does
 * it; whoever has packets (a capture file, a bridge) runs them through packet_fire().
 *
 * A packet belongs to no process: like most of the kernel's it is met in the idle task.
 */
#include "event/event.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "def/ctx_layout.h"

struct packet_source {
	struct event_source source;
	struct hive *hive;
	struct on_interface {
		struct attachment *attachment;
		u32 ifindex;
	} * programs; /* in the order of attachment */
	size_t count;
	/* of programs; held for reading while they run, so detach() waits for them */
	pthread_rwlock_t lock;
};

static void idle_comm(struct task *task, char comm[16])
{
	(void)task;
	strncpy(comm, "<idle>", 16);
}

static void idle_creds(struct task *task, u32 *uid, u32 *gid)
{
	(void)task;
	*uid = *gid = 0;
}

static int idle_read(struct task *task, void *dst, u64 addr, size_t len)
{
	(void)task, (void)dst, (void)addr, (void)len;
	return -EFAULT;
}

static const struct task_ops idle_ops = { .comm = idle_comm,
					  .creds = idle_creds,
					  .read = idle_read };

u32 packet_fire(struct packet_source *source, u32 cpu, u32 ifindex, struct packet_frame *frame)
{
	u8 *data = frame->mem + PACKET_HEADROOM;
	struct task idle = { .ops = &idle_ops };
	struct xdp_ctx ctx = {
		.packet = { .data = data,
			    .data_end = data + frame->len,
			    .data_meta = data,
			    .head = frame->mem,
			    .room = frame->room },
	};
	u32 verdict = XDP_PASS;

	pthread_rwlock_rdlock(&source->lock);
	for (size_t i = 0; i < source->count && verdict == XDP_PASS; i++) {
		const struct on_interface *on = &source->programs[i];

		if (ifindex && on->ifindex != ifindex)
			continue;
		ctx.md.ingress_ifindex = on->ifindex;
		ctx.packet.data_meta = ctx.packet.data;
		verdict = (u32)core_fire(source->hive, on->attachment, cpu, &ctx, &idle, NULL, 0);
	}
	pthread_rwlock_unlock(&source->lock);
	frame->start = (u32)(ctx.packet.data - frame->mem);
	frame->len = (u32)(ctx.packet.data_end - ctx.packet.data);
	return verdict;
}

static bool claims(void *arg, const struct attach_target *target)
{
	(void)arg;
	return target->kind == ATTACH_XDP;
}

static int attach(void *arg, struct attachment *attachment, const struct attach_target *target,
		  struct log *why)
{
	struct packet_source *source = arg;
	struct on_interface *grown;

	(void)why;
	pthread_rwlock_wrlock(&source->lock);
	grown = realloc(source->programs, (source->count + 1) * sizeof(*grown));
	if (grown) {
		source->programs = grown;
		grown[source->count++] = (struct on_interface){ attachment, (u32)target->ifindex };
	}
	pthread_rwlock_unlock(&source->lock);
	return grown ? 0 : -ENOMEM;
}

static void detach(void *arg, struct attachment *attachment)
{
	struct packet_source *source = arg;
	size_t kept = 0;

	pthread_rwlock_wrlock(&source->lock);
	for (size_t i = 0; i < source->count; i++)
		if (source->programs[i].attachment != attachment)
			source->programs[kept++] = source->programs[i];
	source->count = kept;
	pthread_rwlock_unlock(&source->lock);
}

static void free_source(void *arg)
{
	struct packet_source *source = arg;

	pthread_rwlock_destroy(&source->lock);
	free(source->programs);
	free(source);
}

struct packet_source *packet_source(struct hive *hive)
{
	const struct event_source *source = core_event_source(hive, "packet");

	return source ? source->arg : NULL;
}

int event_add_packet(struct hive *hive)
{
	struct packet_source *source = calloc(1, sizeof(*source));
	int err;

	if (!source)
		return -ENOMEM;
	source->hive = hive;
	pthread_rwlock_init(&source->lock, NULL);
	source->source = (struct event_source){
		.name = "packet",
		.claims = claims,
		.attach = attach,
		.detach = detach,
		.free = free_source,
		.arg = source,
	};
	err = core_add_event_source(hive, &source->source);
	if (err)
		free_source(source);
	return err;
}
