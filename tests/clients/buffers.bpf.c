/* SPDX-License-Identifier: BSD-2-Clause */
/* One record into a ring buffer and one into a perf buffer for each openat() of one process, by kprobe and tracepoint. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile int target = 0;
int seen = 0;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} perf SEC(".maps");

struct record {
	int pid, number;
};

SEC("tracepoint/syscalls/sys_enter_openat")
int on_open(void *ctx)
{
	struct record *to, record = { .pid = bpf_get_current_pid_tgid() >> 32 };

	if (record.pid != target)
		return 0;
	record.number = seen++;
	bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, &record, sizeof(record));
	to = bpf_ringbuf_reserve(&ring, sizeof(*to), 0);
	if (!to)
		return 0;
	*to = record;
	bpf_ringbuf_submit(to, 0);
	return 0;
}

SEC("kprobe/__x64_sys_openat")
int probed(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
