/* SPDX-License-Identifier: BSD-2-Clause */
/* What an XDP program can do to a packet, by the packet's first byte; packets.c compares what comes of it. */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct prefix {
	__u32 len;
	__u8 address[4];
};
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 64);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, __u64);
} networks SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} lengths SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __s64);
} results SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__uint(value_size, 4);
} ports SEC(".maps");

static __always_inline void add(__u32 index, __s64 value)
{
	__s64 *at = bpf_map_lookup_elem(&results, &index);

	if (at)
		*at += value;
}

static __always_inline void count(struct xdp_md *ctx)
{
	__u32 len = (__u32)bpf_xdp_get_buff_len(ctx);
	__u64 one = 1, *at = bpf_map_lookup_elem(&lengths, &len);
	struct prefix prefix = { .len = 32 };

	if (at)
		*at += 1;
	else
		bpf_map_update_elem(&lengths, &len, &one, BPF_NOEXIST);
	if (bpf_xdp_load_bytes(ctx, 10, prefix.address, 4))
		return;
	at = bpf_map_lookup_elem(&networks, &prefix);
	if (at) {
		*at += 1;
		return;
	}
	prefix.len = 12;
	bpf_map_update_elem(&networks, &prefix, &one, BPF_ANY);
}

static __always_inline __u8 *first(struct xdp_md *ctx, __u32 size)
{
	__u8 *data = (void *)(long)ctx->data;

	return data + size <= (__u8 *)(long)ctx->data_end ? data : 0;
}

static __always_inline int checksum(struct xdp_md *ctx)
{
	__u8 *data = first(ctx, 32);

	if (!data)
		return XDP_DROP;
	add(20, bpf_csum_diff(0, 0, (__be32 *)data, 32, 7));
	*(__u32 *)(data + 4) =
		bpf_htonl((__u32)bpf_csum_diff((__be32 *)data, 8, (__be32 *)(data + 8), 16, 0));
	return XDP_PASS;
}

static __always_inline int metadata(struct xdp_md *ctx)
{
	__u32 *meta;

	add(21, bpf_xdp_adjust_meta(ctx, -8));
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 2) > (void *)(long)ctx->data)
		return XDP_DROP;
	meta[0] = 0x11223344;
	add(22, bpf_xdp_adjust_head(ctx, 4));
	add(23, (long)ctx->data - (long)ctx->data_meta);
	return XDP_PASS;
}

static __always_inline int bytes(struct xdp_md *ctx)
{
	__u8 some[20] = { 0 };

	add(24, bpf_xdp_load_bytes(ctx, 3, some, sizeof(some)));
	some[0] ^= 0xff;
	add(25, bpf_xdp_store_bytes(ctx, 5, some, sizeof(some)));
	add(26, bpf_xdp_load_bytes(ctx, 5000, some, 1));
	return XDP_PASS;
}

/* At the front, where nobody says what is there. */
static __always_inline long grow(struct xdp_md *ctx, __u32 by)
{
	long err = bpf_xdp_adjust_head(ctx, -(int)by);
	__u8 *data;

	for (__u32 i = 0; i < 64; i++) {
		data = (void *)(long)ctx->data;
		if (i < by && data + i + 1 <= (__u8 *)(long)ctx->data_end)
			data[i] = (__u8)i;
	}
	return err;
}

SEC("xdp") int edit(struct xdp_md *ctx)
{
	__u8 *data = first(ctx, 14);
	__u32 kind, by;
	long err = 0;

	if (!data)
		return XDP_ABORTED;
	kind = data[0] % 16;
	by = data[1] % 64;
	count(ctx);
	switch (kind) {
	case 0: err = bpf_xdp_adjust_head(ctx, by); break;
	case 1: err = grow(ctx, by); break;
	case 2: err = bpf_xdp_adjust_tail(ctx, -(int)by); break;
	case 3: err = bpf_xdp_adjust_tail(ctx, by); break;
	case 4: return metadata(ctx);
	case 5: return XDP_DROP;
	case 6: return XDP_TX;
	case 7: return (int)bpf_redirect_map(&ports, by, XDP_DROP);
	case 8: return (int)bpf_redirect_map(&ports, by, XDP_TX);
	case 9: return XDP_ABORTED;
	case 10: return checksum(ctx);
	case 11: return bytes(ctx);
	case 12: err = bpf_xdp_adjust_head(ctx, 4000); break;
	case 13: err = bpf_xdp_adjust_tail(ctx, -4000); break;
	case 14: return 77;
	}
	add(kind, err);
	data = first(ctx, 4);
	if (!data)
		return XDP_DROP;
	data[2] = kind;
	return XDP_PASS;
}
