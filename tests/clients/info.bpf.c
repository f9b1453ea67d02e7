/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs with functions, callbacks, maps and constants: what is told of them is compared with Linux (info.c). */
#include "results.h"

struct prefix {
	__u32 len, address;
};
struct value {
	struct bpf_spin_lock lock;
	int a;
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10);
	__type(key, int);
	__type(value, struct value);
} locked SEC(".maps");
struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, int);
	__type(value, int);
} inner SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, int);
	__array(values, struct inner);
} outer SEC(".maps") = { .values = { &inner } };
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8192);
} ring SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} perf SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 5);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, int);
} trie SEC(".maps");

int counter, limit = 5;
const volatile int constant = 7;

static __noinline int twice(int x)
{
	put(1, x);
	return x * 2;
}

__noinline int global_function(int x)
{
	return twice(x) + constant;
}

static long step(__u32 index, void *ctx)
{
	counter += index;
	return 0;
}

SEC("tc") int with_functions(struct __sk_buff *skb)
{
	int key = 3;
	struct value *value = bpf_map_lookup_elem(&locked, &key);

	bpf_loop(4, step, 0, 0);
	if (value)
		put(2, value->a);
	return global_function(skb->len) + limit;
}

SEC("xdp") int plain(struct xdp_md *ctx)
{
	return 2;
}

SEC("raw_tp/sys_enter") int with_a_long_name_indeed(void *ctx)
{
	return 0;
}

SEC("tp/syscalls/sys_enter_getpgid") int on_tracepoint(void *ctx)
{
	return 0;
}
