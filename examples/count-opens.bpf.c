// SPDX-License-Identifier: BSD-2-Clause
/* Counts openat(2) by process, with a mistake that `skep verify` finds: what if the key is new? */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct event {
	int pid;
	long count;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, int);
	__type(value, struct event);
} events SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_openat")
int count_open(void *ctx)
{
	int pid = bpf_get_current_pid_tgid() >> 32;
	struct event *event = bpf_map_lookup_elem(&events, &pid);

	event->count++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
