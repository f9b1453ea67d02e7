/* SPDX-License-Identifier: BSD-2-Clause */
/* bpf_timer in hash and array values: errors, arming again from the callback, cancelling, deleting the value. */
#include "results.h"

#define CLOCK_MONOTONIC 1
#define CLOCK_BOOTTIME	7
#define MS		1000000ull

/* the callbacks' own results */
const volatile unsigned int awaits[] SEC(".rodata.awaits") = { 1, 3 };

struct elem {
	__u64 fired;
	struct bpf_timer timer;
	__u64 last;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct elem);
} hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct elem);
} array SEC(".maps");

static int again(void *map, __u32 *key, struct elem *elem)
{
	elem->last = *key + 100;
	if (++elem->fired < 3)
		bpf_timer_start(&elem->timer, MS, 0);
	else
		put(*key, 1000 + elem->fired);
	return 0;
}

static int never(void *map, __u32 *key, struct elem *elem)
{
	put(50, 1);
	return 0;
}

SEC("tc") int program(struct __sk_buff *ctx)
{
	__u32 three = 3, four = 4, zero = 0, one = 1;
	struct elem fresh = {}, *elem;

	bpf_map_update_elem(&hash, &three, &fresh, 0);
	elem = bpf_map_lookup_elem(&hash, &three);
	if (!elem)
		return 0;
	put(20, bpf_timer_start(&elem->timer, 1, 0));
	put(21, bpf_timer_cancel(&elem->timer));
	put(22, bpf_timer_set_callback(&elem->timer, again));
	put(23, bpf_timer_init(&elem->timer, &hash, 9));
	put(24, bpf_timer_init(&elem->timer, &hash, CLOCK_MONOTONIC));
	put(25, bpf_timer_init(&elem->timer, &hash, CLOCK_MONOTONIC));
	put(26, bpf_timer_start(&elem->timer, 1, 0));
	put(27, bpf_timer_set_callback(&elem->timer, again));
	put(28, bpf_timer_start(&elem->timer, MS, 0));

	elem = bpf_map_lookup_elem(&array, &one);
	if (!elem)
		return 0;
	put(29, bpf_timer_init(&elem->timer, &array, 0));
	put(30, bpf_timer_set_callback(&elem->timer, again));
	put(31, bpf_timer_start(&elem->timer, MS, 8));
	put(32, bpf_timer_start(&elem->timer, 5 * MS, 0));

	elem = bpf_map_lookup_elem(&array, &zero);
	if (!elem)
		return 0;
	put(33, bpf_timer_init(&elem->timer, &array, CLOCK_BOOTTIME));
	put(34, bpf_timer_set_callback(&elem->timer, never));
	put(35, bpf_timer_start(&elem->timer, 5 * MS, 0));
	put(36, bpf_timer_cancel(&elem->timer));
	put(37, bpf_timer_cancel(&elem->timer));
	put(38, bpf_timer_start(&elem->timer, 5 * MS, 0));

	bpf_map_update_elem(&hash, &four, &fresh, 0);
	elem = bpf_map_lookup_elem(&hash, &four);
	if (!elem)
		return 0;
	put(39, bpf_timer_init(&elem->timer, &hash, CLOCK_MONOTONIC));
	put(40, bpf_timer_set_callback(&elem->timer, never));
	put(41, bpf_timer_start(&elem->timer, 5 * MS, 0));
	put(42, bpf_map_delete_elem(&hash, &four));
	return 0;
}
