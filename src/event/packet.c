/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets: the XDP programs of a hive. They are attached to interfaces by number, as bpf(2) does
 * it; whoever has packets (a capture file, a bridge) runs them through packet_fire().
 *
 * A packet belongs to no process: like most of the kernel's it is met in the idle task.
 */
#include "event/event.h"

#include <errno.h>
#include <string.h>

#include "def/ctx_layout.h"

struct on_interface {
	struct event_row row;
	u32 ifindex;
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

u32 packet_fire(struct event_list *list, u32 cpu, u32 ifindex, struct packet_frame *frame)
{
	u8 *data = frame->mem + PACKET_HEADROOM;
	struct task idle = { .ops = &idle_ops };
	u32 verdict = XDP_PASS;
	struct xdp_ctx ctx; /* targets are not cleared for every packet */

	ctx.md = (struct xdp_md){ 0 };
	ctx.packet = (struct packet){
		.data = data, .data_end = data + frame->len, .head = frame->mem, .room = frame->room
	};
	for (size_t i = 0; i < list->count && verdict == XDP_PASS; i++) {
		const struct on_interface *on = (const void *)event_row(list, i);

		if (ifindex && on->ifindex != ifindex)
			continue;
		ctx.md.ingress_ifindex = on->ifindex;
		ctx.packet.data_meta = ctx.packet.data;
		ctx.nr_targets = 0;
		verdict = (u32)core_fire(list->hive, on->row.attachment, cpu, &ctx, &idle, NULL, 0);
	}
	frame->start = (u32)(ctx.packet.data - frame->mem);
	frame->len = (u32)(ctx.packet.data_end - ctx.packet.data);
	frame->nr_targets = verdict == XDP_REDIRECT ? ctx.nr_targets : 0;
	memcpy(frame->targets, ctx.targets, frame->nr_targets * sizeof(u32));
	return verdict;
}

bool packet_attached(struct event_list *list, u32 ifindex)
{
	bool found = false;

	pthread_rwlock_rdlock(&list->lock);
	for (size_t i = 0; i < list->count && !found; i++)
		found = ((const struct on_interface *)event_row(list, i))->ifindex == ifindex;
	pthread_rwlock_unlock(&list->lock);
	return found;
}

static bool claims(const struct attach_target *target)
{
	return target->kind == ATTACH_XDP;
}

static int attach(struct event_row *row, const struct attach_target *target, struct log *why)
{
	(void)why;
	((struct on_interface *)row)->ifindex = (u32)target->ifindex;
	return 0;
}

const struct event_kind packet_kind = {
	.name = "packet",
	.row_size = sizeof(struct on_interface),
	.claims = claims,
	.attach = attach,
};
