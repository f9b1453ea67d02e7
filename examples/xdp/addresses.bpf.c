// SPDX-License-Identifier: BSD-2-Clause
/*
 * Counts IPv4 packets by where they come from, with a trie of prefixes (LPM): the longest one that fits
 * counts. An address that no prefix covers brings its network of 256 addresses in.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct prefix {
	__u32 prefixlen;
	__u8 address[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct prefix);
	__type(value, __u64);
} networks SEC(".maps");

SEC("xdp")
int addresses(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct prefix from = { .prefixlen = 32 };
	__u64 one = 1, *count;

	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	__builtin_memcpy(from.address, &ip->saddr, 4);
	count = bpf_map_lookup_elem(&networks, &from);
	if (count) {
		__sync_fetch_and_add(count, 1);
		return XDP_PASS;
	}
	from.prefixlen = 24;
	from.address[3] = 0;
	bpf_map_update_elem(&networks, &from, &one, BPF_NOEXIST);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
