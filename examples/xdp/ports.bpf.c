// SPDX-License-Identifier: BSD-2-Clause
/* A port filter: connections (TCP) may be opened to ports of the list only; the others are told and dropped. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

const volatile __u16 open_ports[4] = { 80, 443, 8080 };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u16);
	__type(value, __u64);
} refused SEC(".maps");

static int is_open(__u16 port)
{
	for (int i = 0; i < 4; i++)
		if (open_ports[i] == port)
			return 1;
	return 0;
}

SEC("xdp")
int ports(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);
	__u64 one = 1, *count;
	__u16 port;

	if ((void *)(tcp + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->protocol != IPPROTO_TCP ||
	    ip->ihl != 5 || !tcp->syn || tcp->ack)
		return XDP_PASS;
	port = bpf_ntohs(tcp->dest);
	if (is_open(port))
		return XDP_PASS;
	count = bpf_map_lookup_elem(&refused, &port);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&refused, &port, &one, BPF_NOEXIST);
	bpf_printk("no connection to port %d", port);
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
