/* SPDX-License-Identifier: BSD-2-Clause */
/* Every family of maps from inside a program. */
#include "results.h"

#define MAP(name, map_type, entries, key_type, value_type, flags) \
	struct {                                                  \
		__uint(type, map_type);                           \
		__uint(max_entries, entries);                     \
		__type(key, key_type);                            \
		__type(value, value_type);                        \
		__uint(map_flags, flags);                         \
	} name SEC(".maps")

struct locked {
	struct bpf_spin_lock lock;
	__u32 count;
};

MAP(hash, BPF_MAP_TYPE_HASH, 4, __u32, __u64, 0);
MAP(percpu, BPF_MAP_TYPE_PERCPU_HASH, 4, __u32, __u64, 0);
MAP(lru, BPF_MAP_TYPE_LRU_HASH, 16, __u32, __u64, 0);
MAP(slots, BPF_MAP_TYPE_PERCPU_ARRAY, 4, __u32, __u64, 0);
MAP(routes, BPF_MAP_TYPE_LPM_TRIE, 4, __u64, __u64, BPF_F_NO_PREALLOC);
MAP(guarded, BPF_MAP_TYPE_HASH, 4, __u32, struct locked, 0);

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 2);
	__type(value, __u64);
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 2);
	__type(value, __u64);
} stack SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 1000);
	__type(value, __u64);
} bloom SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} inside SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = { .values = { [1] = &inside } };

static long add_index(__u32 index, __u64 *sum)
{
	*sum += index;
	return index == 7;
}

static long add_value(void *map, __u32 *key, __u64 *value, __u64 *sum)
{
	*sum += *value;
	return 0;
}

static __always_inline void keyed(void)
{
	__u32 key = 3, other = 9;
	__u64 value = 7, route = 8 | 10ull << 32, *at;

	put(0, bpf_map_update_elem(&hash, &key, &value, BPF_NOEXIST));
	put(1, bpf_map_update_elem(&hash, &key, &value, BPF_NOEXIST));
	put(2, bpf_map_update_elem(&hash, &other, &value, BPF_EXIST));
	put(3, bpf_map_delete_elem(&hash, &other));
	bpf_map_update_elem(&percpu, &key, &value, 0);
	at = bpf_map_lookup_elem(&percpu, &key);
	put(4, at ? ++*at : 0);
	bpf_map_update_elem(&lru, &key, &value, 0);
	at = bpf_map_lookup_elem(&lru, &key);
	put(5, at ? *at : 0);
	at = bpf_map_lookup_elem(&slots, &key);
	put(6, at ? ++*at : 0);
	put(7, bpf_map_update_elem(&routes, &route, &value, 0));
	route = 32 | 0x0102030aull << 32;
	at = bpf_map_lookup_elem(&routes, &route);
	put(8, at ? *at : 0);
	route = 33 | 0x0102030aull << 32;
	put(9, bpf_map_update_elem(&routes, &route, &value, 0));
}

static __always_inline void keyless(void)
{
	__u64 value = 5, got = 0;

	for (int i = 0; i < 3; i++, value++) {
		put(10 + i, bpf_map_push_elem(&queue, &value, i == 2 ? BPF_EXIST : 0));
		put(13 + i, bpf_map_push_elem(&stack, &value, 0));
	}
	put(16, bpf_map_pop_elem(&queue, &got) ?: got);
	put(17, bpf_map_peek_elem(&stack, &got) ?: got);
	put(18, bpf_map_pop_elem(&stack, &got) ?: got);
	put(19, bpf_map_push_elem(&bloom, &value, 0));
	put(20, bpf_map_peek_elem(&bloom, &value));
	value++;
	put(21, bpf_map_peek_elem(&bloom, &value));
}

static __always_inline void rings(void)
{
	__u64 *record = bpf_ringbuf_reserve(&ring, 16, 0), text = 77;

	if (record) {
		record[0] = 42;
		bpf_ringbuf_submit(record, 0);
	}
	record = bpf_ringbuf_reserve(&ring, 8, 0);
	if (record)
		bpf_ringbuf_discard(record, 0);
	put(22, bpf_ringbuf_output(&ring, &text, sizeof(text), 0));
	put(23, bpf_ringbuf_output(&ring, &text, sizeof(text), 8));
	put(24, bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA));
	put(25, bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE));
	record = bpf_ringbuf_reserve(&ring, 5000, 0);
	put(26, !record);
	if (record)
		bpf_ringbuf_submit(record, 0);
}

static __always_inline void others(void)
{
	__u32 key = 3, zero = 0, one = 1;
	struct locked fresh = {}, *locked;
	__u64 sum = 0, *at;
	void *map;

	put(27, bpf_loop(10, add_index, &sum, 0));
	put(28, sum);
	put(29, bpf_loop(10, add_index, &sum, 1));
	put(30, bpf_for_each_map_elem(&hash, add_value, &sum, 0));
	put(31, sum);
	bpf_map_update_elem(&guarded, &key, &fresh, 0);
	locked = bpf_map_lookup_elem(&guarded, &key);
	if (locked) {
		bpf_spin_lock(&locked->lock);
		locked->count += 5;
		bpf_spin_unlock(&locked->lock);
		put(32, locked->count);
	}
	map = bpf_map_lookup_elem(&outer, &zero);
	put(33, !map);
	map = bpf_map_lookup_elem(&outer, &one);
	at = map ? bpf_map_lookup_elem(map, &zero) : NULL;
	put(34, at ? *at += 9 : 0);
	at = bpf_map_lookup_percpu_elem(&slots, &key, 0);
	put(35, at != NULL);
	at = bpf_map_lookup_percpu_elem(&slots, &key, 100000);
	put(36, at != NULL);
}

SEC("tc") int program(struct __sk_buff *ctx)
{
	keyed();
	keyless();
	rings();
	others();
	return 0;
}
