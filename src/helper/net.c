/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets: moving their ends, reading and writing their bytes, where they go. A helper that moves an
 * end keeps ctx_layout.h's invariant; programs lose their packet pointers then, the verifier sees to it.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "def/ctx_layout.h"
#include "helper/body.h"
#include "map/map.h"

enum {
	ETHER_HEADER = 14,
	FRAME = 40, /* Linux keeps its struct xdp_frame at the start of the headroom */
	MAX_META = 252,
	TC_REDIRECT = 7, /* TC_ACT_REDIRECT */
	TC_SHOT = 2,	 /* TC_ACT_SHOT */
};

static struct packet *xdp(u64 ctx)
{
	return &((struct xdp_ctx *)ptr(ctx))->packet;
}

static struct packet *skb(u64 ctx)
{
	return &((struct skb_ctx *)ptr(ctx))->packet;
}

/* (ctx, delta): metadata stays in front of the data. */
HELPER(xdp_adjust_head)
{
	struct packet *packet = xdp(r1);
	s64 delta = (s32)r2, meta = packet->data - packet->data_meta,
	    at = packet->data - packet->head + delta;

	if (at < FRAME + meta || at > packet->data_end - packet->head - ETHER_HEADER)
		return result(-EINVAL);
	memmove(packet->data_meta + delta, packet->data_meta, (size_t)meta);
	packet->data_meta += delta;
	packet->data += delta;
	return 0;
}

/* (ctx, delta): bytes that are won are zero. */
HELPER(xdp_adjust_tail)
{
	struct packet *packet = xdp(r1);
	s64 delta = (s32)r2, end = packet->data_end - packet->head + delta;

	if (end > (s64)packet->room || end < packet->data - packet->head + ETHER_HEADER)
		return result(-EINVAL);
	if (delta > 0)
		memset(packet->data_end, 0, (size_t)delta);
	packet->data_end += delta;
	return 0;
}

HELPER(xdp_adjust_meta)
{
	struct packet *packet = xdp(r1);
	s64 at = packet->data_meta - packet->head + (s32)r2, len = packet->data - packet->head - at;

	if (at < FRAME || len < 0)
		return result(-EINVAL);
	if (len % 4 || len > MAX_META)
		return result(-EACCES);
	packet->data_meta = packet->head + at;
	return 0;
}

HELPER(xdp_get_buff_len)
{
	return (u64)(xdp(r1)->data_end - xdp(r1)->data);
}

/* len bytes at off of the packet, or NULL. */
static u8 *bytes_at(const struct packet *packet, u32 off, u32 len)
{
	u64 size = (u64)(packet->data_end - packet->data);

	return (u64)off + len <= size ? packet->data + off : NULL;
}

/* (ctx, off, buf, len) */
HELPER(xdp_load_bytes)
{
	const u8 *from = bytes_at(xdp(r1), (u32)r2, (u32)r4);

	if ((u32)r2 > 0xffff || (u32)r4 > 0xffff)
		return result(-EFAULT);
	if (!from)
		return result(-EINVAL);
	memcpy(ptr(r3), from, (u32)r4);
	return 0;
}

HELPER(xdp_store_bytes)
{
	u8 *to = bytes_at(xdp(r1), (u32)r2, (u32)r4);

	if ((u32)r2 > 0xffff || (u32)r4 > 0xffff)
		return result(-EFAULT);
	if (!to)
		return result(-EINVAL);
	memcpy(to, ptr(r3), (u32)r4);
	return 0;
}

HELPER(skb_load_bytes)
{
	const u8 *from = bytes_at(skb(r1), (u32)r2, (u32)r4);

	if ((u32)r2 > INT_MAX || !from) {
		memset(ptr(r3), 0, (u32)r4);
		return result(-EFAULT);
	}
	memcpy(ptr(r3), from, (u32)r4);
	return 0;
}

/* (ctx, off, from, len, flags) */
HELPER(skb_store_bytes)
{
	u8 *to = bytes_at(skb(r1), (u32)r2, (u32)r4);

	if (r5 & ~(u64)(BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH))
		return result(-EINVAL);
	if ((u32)r2 > INT_MAX || !to)
		return result(-EFAULT);
	memcpy(to, ptr(r3), (u32)r4);
	return 0;
}

/* All of a packet is at hand here; only asking for more than there is fails. */
HELPER(skb_pull_data)
{
	u64 size = (u64)(skb(r1)->data_end - skb(r1)->data);

	return result((u32)r2 > size ? -ENOMEM : 0);
}

HELPER(get_hash_recalc)
{
	return ((struct skb_ctx *)ptr(r1))->md.hash;
}

/* The XDP packet goes to this one interface. */
static u64 redirect_to(struct run *run, u32 ifindex)
{
	struct xdp_ctx *ctx = container_of(run->packet, struct xdp_ctx, packet);

	ctx->nr_targets = 1;
	ctx->targets[0] = ifindex;
	return XDP_REDIRECT;
}

/* XDP programs and those on struct __sk_buff see different helpers under one number. */
HELPER(redirect)
{
	if (run->prog_type == BPF_PROG_TYPE_XDP)
		return r2 ? XDP_ABORTED : redirect_to(run, (u32)r1);
	if (r2 & ~(u64)BPF_F_INGRESS)
		return TC_SHOT;
	run->redirect_ifindex = (u32)r1;
	return TC_REDIRECT;
}

/* To every interface of the map, perhaps but the one it came from. */
static u64 broadcast(struct run *run, struct map *map, bool but_ingress)
{
	struct xdp_ctx *ctx = container_of(run->packet, struct xdp_ctx, packet);
	u32 all = map_devices(map, ctx->targets, XDP_TARGETS), kept = 0;

	for (u32 i = 0; i < all; i++)
		if (!but_ingress || ctx->targets[i] != ctx->md.ingress_ifindex)
			ctx->targets[kept++] = ctx->targets[i];
	ctx->nr_targets = kept;
	return XDP_REDIRECT;
}

/* (map, key, flags): the low bits of flags are what to answer where the key is not in the map. */
HELPER(redirect_map)
{
	struct map *map = ptr(r1);
	const u32 actions = XDP_ABORTED | XDP_DROP | XDP_PASS | XDP_TX,
		  spread = BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS;
	u32 key = (u32)r2, *ifindex;
	bool devices =
		map->spec.type == BPF_MAP_TYPE_DEVMAP || map->spec.type == BPF_MAP_TYPE_DEVMAP_HASH;

	if (r3 & ~(u64)(actions | (devices ? spread : 0)))
		return XDP_ABORTED;
	if (r3 & BPF_F_BROADCAST)
		return broadcast(run, map, r3 & BPF_F_EXCLUDE_INGRESS);
	ifindex = devices ? map->ops->lookup(map, &key, run->cpu) : NULL;
	return ifindex ? redirect_to(run, *ifindex) : r3 & actions;
}
