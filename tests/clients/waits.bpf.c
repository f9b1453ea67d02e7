/* SPDX-License-Identifier: BSD-2-Clause */
/* One record into a ring buffer and one into a perf buffer a run. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} perf SEC(".maps");

SEC("xdp")
int tell(struct xdp_md *ctx)
{
	long record = 42;

	bpf_ringbuf_output(&ring, &record, sizeof(record), 0);
	bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, &record, sizeof(record));
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
