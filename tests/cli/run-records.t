#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Records of programs in libbpf's style: by the structure of their size that a global variable points to, else as bytes.
. "$(dirname "$0")/lib.sh"
[ -e /usr/include/bpf/bpf_helpers.h ] || skip_all "no libbpf headers"
cat >"$T/records.bpf.c" <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct small { int a; char name[4]; };
struct odd { int a; char name[9]; } __attribute__((packed));
struct large { long a[4]; };
struct like_large { long b[4]; };
const struct small *small_unused __attribute__((unused));
const struct small *once_more __attribute__((unused));
struct odd *odd_unused __attribute__((unused));
const struct large *large_unused __attribute__((unused));
const struct like_large *other_unused __attribute__((unused));
int *number __attribute__((unused));
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } ring SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } perf SEC(".maps");
SEC("ksyscall/execve") int hello(void *ctx)
{
	struct small small = { 7, "abc" };
	struct odd odd = { 8, "xyz" };
	struct large large = { { 1 } };

	bpf_ringbuf_output(&ring, &small, sizeof(small), 0);
	bpf_ringbuf_output(&ring, &odd, sizeof(odd), 0);
	bpf_ringbuf_output(&ring, &large, sizeof(large), 0);
	bpf_ringbuf_output(&ring, &small, 4, 0);
	bpf_ringbuf_output(&ring, &small, sizeof(small), 0);
	bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, &odd, sizeof(odd));
	return 0;
}
END
run "$SKEP" run "$T/records.bpf.c" -- /bin/true
is "$status$err" 0 "runs without a word"
is "$(grep '^ring' <<<"$out")" 'ring: { .a = 7, .name = "abc" }
ring: { .a = 8, .name = "xyz" }
ring: 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
ring: 7
ring: { .a = 7, .name = "abc" }' "a ring buffer: two of one size are no answer, nor is a number"
is "$(grep '^perf' <<<"$out")" 'perf: { .a = 8, .name = "xyz" }' "a perf buffer, whose records are padded"

sed 's/^.*_unused __attr.*$//; s/^.*once_more.*$//' "$T/records.bpf.c" >"$T/bytes.bpf.c"
run "$SKEP" run "$T/bytes.bpf.c" -- /bin/true
like "$out" 'ring: 08 00 00 00 78 79 7a' "bytes where nothing says it"
done_testing
