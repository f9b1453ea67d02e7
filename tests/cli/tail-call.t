#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# An object whose main program tail-calls another, on both engines: FN=none leaves the callee to tail calls.
. "$(dirname "$0")/lib.sh"

cat >"$T/tail.bpf.c" <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int callee(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, int(void *));
} jumps SEC(".maps") = { .values = { [1] = (void *)&callee } };

SEC("xdp") int callee(struct xdp_md *ctx)
{
	bpf_printk("reached");
	return XDP_DROP;
}

SEC("xdp") int caller(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &jumps, 0);
	bpf_printk("no entry");
	bpf_tail_call(ctx, &jumps, 1);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
END
cc -o "$T/packets" "$root/examples/xdp/packets.c" && "$T/packets" >"$T/in.pcap"
for engine in "" --interp; do
	run "$SKEP" run $engine -a callee=none --pcap "$T/in.pcap" "$T/tail.bpf.c"
	is "$status" 0 "runs ${engine:-compiled}"
	is "$(grep -c 'no entry' <<<"$out")" 12 "an empty entry falls through"
	is "$(grep -c 'reached' <<<"$out")" 12 "the other is reached"
	like "$err$out" "12 dropped" "and its verdict holds"
done
run "$SKEP" run -a none "$T/tail.bpf.c" --pcap "$T/in.pcap"
is "$status" 2 "none wants a program's name"
done_testing
