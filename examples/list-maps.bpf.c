// SPDX-License-Identifier: BSD-2-Clause
/* An iterator: called for every map that there is, and what it writes is a text, as of a file in /proc. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u64);
} counts SEC(".maps");

SEC("iter/bpf_map")
int list_maps(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;

	if (!map) /* the end */
		return 0;
	if (ctx->meta->seq_num == 0)
		BPF_SEQ_PRINTF(ctx->meta->seq, "entries name\n");
	BPF_SEQ_PRINTF(ctx->meta->seq, "%7u %s\n", map->max_entries, map->name);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
