/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * <bcc/proto.h>: headers of packets. A pointer to one of these structs is an offset in a packet, in bytes; its fields are
 * bits in the order of the wire, and reading or writing one through such a pointer (src/bcc/packet.c) is reading or writing
 * the packet, in the host's byte order. So structs are never laid out here: only their sizes count.
 */
#ifndef SKEP_PROTO_H
#define SKEP_PROTO_H

#ifndef SKEP_KERNEL_TYPES
#include <linux/if_ether.h>
#include <linux/in.h>
#else
#define IPPROTO_ICMP 1
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#endif

#define BPF_PACKET_HEADER __attribute__((packed))

struct ethernet_t {
	u64 dst : 48, src : 48;
	u32 type : 16;
} BPF_PACKET_HEADER;

struct dot1q_t {
	u16 pri : 3, cfi : 1, vlanid : 12;
	u16 type;
} BPF_PACKET_HEADER;

struct arp_t {
	u16 htype, ptype;
	u8 hlen, plen;
	u16 oper;
	u64 sha : 48, spa : 32, tha : 48;
	u32 tpa;
} BPF_PACKET_HEADER;

struct ip_t {
	u8 ver : 4, hlen : 4;
	u8 tos;
	u16 tlen, identification;
	u16 ffo_unused : 1, df : 1, mf : 1, foffset : 13;
	u8 ttl, nextp;
	u16 hchecksum;
	u32 src, dst;
} BPF_PACKET_HEADER;

struct icmp_t {
	u8 type, code;
	u16 checksum;
} BPF_PACKET_HEADER;

struct ip6_t {
	u32 ver : 4, priority : 8, flow_label : 20;
	u16 payload_len;
	u8 next_header, hop_limit;
	u64 src_hi, src_lo, dst_hi, dst_lo;
} BPF_PACKET_HEADER;

struct ip6_opt_t {
	u8 next_header, ext_len;
	u8 pad[6];
} BPF_PACKET_HEADER;

struct icmp6_t {
	u8 type, code;
	u16 checksum;
} BPF_PACKET_HEADER;

struct udp_t {
	u16 sport, dport, length, crc;
} BPF_PACKET_HEADER;

struct tcp_t {
	u16 src_port, dst_port;
	u32 seq_num, ack_num;
	u8 offset : 4, reserved : 4;
	u8 flag_cwr : 1, flag_ece : 1, flag_urg : 1, flag_ack : 1, flag_psh : 1, flag_rst : 1, flag_syn : 1, flag_fin : 1;
	u16 rcv_wnd, cksum, urg_ptr;
} BPF_PACKET_HEADER;

struct vxlan_t {
	u32 rsv1 : 4, iflag : 1, rsv2 : 3, rsv3 : 24;
	u32 key : 24, rsv4 : 8;
} BPF_PACKET_HEADER;

struct vxlan_gbp_t {
	u32 gflag : 1, rsv1 : 3, iflag : 1, rsv2 : 3, rsv3 : 1, dflag : 1, rsv4 : 1, aflag : 1, rsv5 : 3, tag : 16;
	u32 key : 24, rsv6 : 8;
} BPF_PACKET_HEADER;

/* bits of a packet, first from the bit that is sent first: at most 64, all in the 8 bytes from offset */
static __always_inline __attribute__((nodebug)) u64 skep_packet_get(void *skb, u64 offset, u32 bit, u32 bits)
{
	u32 end = bit + bits;

	if (end <= 8)
		return load_byte(skb, offset) >> (8 - end) & MASK(bits);
	if (end <= 16)
		return load_half(skb, offset) >> (16 - end) & MASK(bits);
	if (end <= 32)
		return load_word(skb, offset) >> (32 - end) & MASK(bits);
	return load_dword(skb, offset) >> (64 - end) & MASK(bits);
}
static __always_inline __attribute__((nodebug)) void skep_packet_put(void *skb, u64 offset, u32 bit, u32 bits, u64 value)
{
	u32 room = bit + bits <= 8 ? 8 : bit + bits <= 16 ? 16 : bit + bits <= 32 ? 32 : 64, shift = room - bit - bits;
	u64 word = (value & MASK(bits)) << shift;

	if (bits != room)
		word |= skep_packet_get(skb, offset, 0, room) & ~(MASK(bits) << shift);
	word = __builtin_bswap64(word << (64 - room));
	bpf_skb_store_bytes(skb, offset, &word, room / 8, 0);
}
#define SKEP_NET(v, size) ((size) == 2 ? __builtin_bswap16((u16)(v)) : (size) == 4 ? __builtin_bswap32((u32)(v)) : __builtin_bswap64(v))
#define SKEP_CKSUM_L3(skb, at, from, to) \
	bpf_l3_csum_replace(skb, (u64)(at), SKEP_NET(from, sizeof(to)), SKEP_NET(to, sizeof(to)), sizeof(to))
#define SKEP_CKSUM_L4(skb, at, from, to, pseudo) \
	bpf_l4_csum_replace(skb, (u64)(at), SKEP_NET(from, sizeof(to)), SKEP_NET(to, sizeof(to)), ((pseudo) & 1) << 4 | sizeof(to))

#endif
