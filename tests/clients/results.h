/* SPDX-License-Identifier: BSD-2-Clause */
/* For programs whose doings are compared: put(n, value) is what the client prints. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} results SEC(".maps");

static __always_inline void put(__u32 index, __u64 value)
{
	__u64 *at = bpf_map_lookup_elem(&results, &index);

	if (at)
		*at = value;
}

char LICENSE[] SEC("license") = "GPL";
