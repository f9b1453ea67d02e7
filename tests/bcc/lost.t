#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A burst that no reader can keep up with: every record is either shown or counted as lost.
. "$(dirname "$0")/../cli/lib.sh"
cd "$T"

burst() { # burst DECLARATION SEND: a program that sends 500 records of 64 bytes an execve
	cat >burst.c <<END
struct event { u64 number[8]; };
$1
int hello(void *ctx)
{
	struct event event = {};

	for (int i = 0; i < 500; i++)
		$2;
	return 0;
}
END
}
# accounted NAME: the records shown and those said to be lost are 500 for each of the two execves
accounted() {
	run "$SKEP" run -a kprobe:execve burst.c -- /bin/sh -c 'exec /bin/true'
	shown=$(grep -c "^$1: { .number" <<<"$out")
	lost=$(sed -n "s/^\(skep: \|\)\(.*: \|\)$1: \([0-9]*\) records were lost: they found no room in the buffer$/\3/p" <<<"$err")
	is "$status" 0 "$1: runs"
	ok $((!(shown > 0))) "$1: some are shown"
	is $((shown + ${lost:-0})) 1000 "$1: the rest is counted" || sed 's/^/# /' <<<"$err"
	ok $(($(grep -c "records were lost" <<<"$err") > 1)) "$1: said once"
}

burst 'BPF_RINGBUF_OUTPUT(small, 1);' 'small.ringbuf_output(&event, sizeof(event), 0)'
accounted small
burst 'BPF_PERF_OUTPUT(slots);' 'slots.perf_submit(ctx, &event, sizeof(event))'
accounted slots

burst 'BPF_RINGBUF_OUTPUT(large, 32);' 'large.ringbuf_output(&event, sizeof(event), 0)'
run "$SKEP" run -a kprobe:execve burst.c -- /bin/sh -c 'exec /bin/true'
is "$(grep -c '^large: ' <<<"$out")$err" 1000 "a buffer with room for all: nothing is lost, nothing is said"

# Packets of a file wait for the reader.
cat >size.bpf.c <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } sizes SEC(".maps");
SEC("xdp") int size(struct xdp_md *ctx)
{
	__u64 words[32] = { ctx->data_end - ctx->data };

	bpf_ringbuf_output(&sizes, words, sizeof(words), 0);
	return XDP_PASS;
}
END
if ${CC:-cc} -o packets "$root/examples/xdp/packets.c" && ./packets >some.pcap; then
	{ cat some.pcap; for _ in 1 2 3 4 5; do tail -c +25 some.pcap; done; } >in.pcap
	run "$SKEP" run size.bpf.c --pcap in.pcap
	n=$(sed -n 's/^skep: \([0-9]*\) packets: .*/\1/p' <<<"$err")
	ok $((!(n * 256 > 4096))) "$n packets, more than the buffer takes"
	is "$(grep -c '^sizes: ' <<<"$out")" "$n" "a record of each is shown"
fi
done_testing
