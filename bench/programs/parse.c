/* SPDX-License-Identifier: BSD-2-Clause */
/* Ethernet, VLAN, IPv4, TCP from byte-packed structures: addresses, ports, header checksum. */
#include "bench.h"

struct { u8 packet[128]; u32 length; } data;

struct ethernet { u8 to[6], from[6]; u16 type; } __attribute__((packed));
struct vlan { u16 tag, type; } __attribute__((packed));
struct ipv4 { u8 version_length, tos; u16 length, id, fragment; u8 ttl, protocol; u16 checksum; u32 from, to; }
	__attribute__((packed));
struct tcp { u16 from, to; u32 sequence, acknowledge; u16 flags, window, checksum, urgent; } __attribute__((packed));

static inline u16 swap16(u16 v)
{
	return v << 8 | v >> 8;
}

static inline u16 checksum(const struct ipv4 *ip)
{
	const struct { u16 v; } __attribute__((packed)) *half = (const void *)ip;
	u32 sum = 0;

#pragma unroll
	for (u32 i = 0; i < 10; i++)
		sum += half[i].v;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

u64 program(void *ctx)
{
	const struct ethernet *eth = (const void *)data.packet;
	const u8 *at = data.packet + sizeof(*eth);
	const struct ipv4 *ip;
	const struct tcp *tcp;
	u16 type = eth->type;

	if (data.length < 64)
		return 0;
	if (type == swap16(0x8100)) {
		type = ((const struct vlan *)at)->type;
		at += sizeof(struct vlan);
	}
	if (type != swap16(0x0800))
		return 1;
	ip = (const void *)at;
	if (ip->version_length != 0x45 || ip->protocol != 6)
		return 2;
	if (checksum(ip))
		return 3;
	tcp = (const void *)(at + sizeof(*ip));
	return ((u64)(ip->from ^ ip->to) << 32) + ((u32)swap16(tcp->from) << 16 | swap16(tcp->to)) + tcp->sequence;
}
