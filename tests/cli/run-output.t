#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What is asked for and is not there, and what could not be written, is said; nothing is lost in silence.
. "$(dirname "$0")/lib.sh"
command -v clang >/dev/null || skip_all "no clang"
[ -c /dev/full ] || skip_all "no /dev/full"

cat >"$T/map.c" <<'END'
BPF_HASH(counter_table);
BPF_ARRAY(others, u64, 4);
BPF_PERF_OUTPUT(events);
int hello(void *ctx)
{
	u64 zero = 0, *n = counter_table.lookup_or_try_init(&zero, &zero);

	if (n)
		++*n;
	return 0;
}
END
printf 'int hello(void *ctx) { bpf_trace_printk("hi\\n"); return 0; }\n' >"$T/hello.c"
cat >"$T/two.bpf.c" <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int first(struct xdp_md *ctx) { return XDP_PASS; }
SEC("xdp") int second(struct xdp_md *ctx) { return XDP_DROP; }
char LICENSE[] SEC("license") = "GPL";
END
printf '\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x01\x00\x00\x00' >"$T/empty.pcap"

run "$SKEP" run --maps nosuch "$T/map.c" -- true
is "$status" 2 "a map that is not there: exit 2"
like "$err" "no map 'nosuch'.*counter_table, others" "and the ones that are are named"
run "$SKEP" run --maps counter_table,nosuch "$T/map.c" -- true
is "$status" 2 "among others too"
run "$SKEP" run --maps events "$T/map.c" -- true
is "$status" 2 "a map without entries to print: exit 2"
like "$err" "no entries can be printed of map 'events'" "and why"
run "$SKEP" run --maps counter_table "$T/map.c" -- true
is "$status" 0 "a map that is there"
run "$SKEP" run --maps none "$T/map.c" -- true
is "$status" 0 "none"

run bash -c '"$0" run "$1" -- true >/dev/full' "$SKEP" "$T/hello.c"
is "$status" 125 "trace lines that cannot be written: exit 125"
like "$err" "standard output could not be written wholly: No space left" "and a word"
run bash -c '"$0" run "$1" -- true >/dev/full' "$SKEP" "$T/map.c"
is "$status" 125 "maps that cannot be written: exit 125"
like "$err" "standard output could not be written wholly: No space left" "and a word"
run bash -c '"$0" run "$1" -- sh -c "exit 3" >/dev/full' "$SKEP" "$T/map.c"
is "$status" 3 "the command's own failure stays the status"

run "$SKEP" run --pcap "$T/empty.pcap" "$T/two.bpf.c"
is "$status" 125 "two programs for one packet: refused"
like "$err" "'second' would be the second to get the packets; --attach second=none" "and what to do"
run "$SKEP" run --pcap "$T/empty.pcap" --attach second=none "$T/two.bpf.c"
is "$status" 0 "as said"
done_testing
