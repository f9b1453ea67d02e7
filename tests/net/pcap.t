#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# XDP programs over capture files: what passes comes out as it was, what is dropped does not, what is damaged is told.
. "$(dirname "$0")/../cli/lib.sh"
command -v clang >/dev/null || skip_all "no clang"
[ -n "$("$SKEP" --help | grep '^  run ')" ] || skip_all "no skep run"
${CC:-cc} -o "$T/packets" "$root/examples/xdp/packets.c" || skip_all "no C compiler"
"$T/packets" >"$T/in.pcap"
hello=$root/examples/hello.bpf.c drop=$root/examples/xdp-drop.bpf.c
n=$(perl -e 'local $/; $_ = <>; $n = 0; for ($at = 24; $at < length; $n++) { $at += 16 + unpack "x[$at]x8L" } print $n' "$T/in.pcap")

run "$SKEP" run "$hello" --pcap "$T/in.pcap" --out "$T/out.pcap"
is "$status" 0 "hello XDP runs over $n packets"
is "$(sed -E 's/^.*bpf_trace_printk: //' "$T/out")" "$(seq -f 'Hello World %.0f' 0 $((n - 1)))" "a line a packet, counting"
like "$out" '^ +<idle>-0 +\[000\]' "as the idle task's"
like "$err" "$n packets: $n passed, 0 dropped" "all pass"
cmp -s "$T/in.pcap" "$T/out.pcap"
ok $? "the output equals the input"

# the same file in the other byte order, with nanoseconds and an odd link type
perl -e 'local $/; $_ = <STDIN>; @h = unpack "Lx4L4", $_; print pack "NnnN4", 0xa1b23c4d, 2, 4, 3600, 7, 65535, 1;
	for ($at = 24; $at < length; ) { @r = unpack "x[$at]L4", $_; print pack("N4", @r), substr $_, $at + 16, $r[2]; $at += 16 + $r[2] }' \
	<"$T/in.pcap" >"$T/big.pcap"
run "$SKEP" run "$hello" --pcap "$T/big.pcap" --out "$T/out.pcap"
cmp -s "$T/big.pcap" "$T/out.pcap"
ok $? "also in the other byte order, with nanoseconds"
"$SKEP" run "$hello" --pcap - --out "$T/out.pcap" <"$T/in.pcap" >/dev/null 2>&1
cmp -s "$T/in.pcap" "$T/out.pcap"
ok $? "from standard input"

run "$SKEP" run "$drop" --pcap "$T/in.pcap" --out "$T/kept.pcap"
is "$status" 0 "the dropping program runs"
dropped=$(grep -c 'dropped a packet of protocol 1$' "$T/out")
[ "$dropped" -gt 0 ]
ok $? "and drops ICMP: $dropped packets"
like "$err" "$n packets: $((n - dropped)) passed, $dropped dropped" "the counts say so"
run "$SKEP" run "$drop" --pcap "$T/kept.pcap" --out "$T/again.pcap"
like "$err" "$((n - dropped)) packets: $((n - dropped)) passed, 0 dropped" "what was kept has none of it"
cmp -s "$T/kept.pcap" "$T/again.pcap"
ok $? "and passes as it is"

size=$(stat -c %s "$T/in.pcap")
bad() { # NAME TEXT: the file $T/bad.pcap is refused with that text
	run "$SKEP" run "$hello" --pcap "$T/bad.pcap" --out "$T/out.pcap"
	is "$status" 125 "$1: 125"
	like "$err" "$2" "$1: told"
}
head -c $((size - 3)) "$T/in.pcap" >"$T/bad.pcap"
bad "cut in the last packet" "bad.pcap: cut short within packet $n, at byte"
head -c 31 "$T/in.pcap" >"$T/bad.pcap"
bad "cut in a record's header" "bad.pcap: cut short within packet 1, at byte 24"
head -c 11 "$T/in.pcap" >"$T/bad.pcap"
bad "cut in the file's header" "cut short within the file header"
: >"$T/bad.pcap"
bad "empty" "empty, no pcap file"
head -c 4096 /dev/zero >"$T/bad.pcap"
bad "zeros" "no pcap file"
printf '\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0' >"$T/bad.pcap"
bad "pcapng" "a pcapng file; make it pcap first"
{ head -c 24 "$T/in.pcap"; printf '\0\0\0\0\0\0\0\0\xff\xff\xff\x7f\0\0\0\0'; } >"$T/bad.pcap"
bad "an absurd length" "packet 1, at byte 24, claims 2147483647 bytes: the file is damaged"
rm "$T/bad.pcap"
bad "missing" "bad.pcap: No such file or directory"
mkdir "$T/bad.pcap"
bad "a folder" "bad.pcap: Is a directory"
run "$SKEP" run "$hello" --pcap "$T/in.pcap" --out "$T/in.pcap"
is "$status" 125 "output over the input: 125"
cmp -s "$T/in.pcap" <("$T/packets")
ok $? "and the input is as it was"
run "$SKEP" run "$hello" --pcap "$T/in.pcap" --out "$T/no/such/out.pcap"
is "$status" 125 "no such folder for the output: 125"
run "$SKEP" run "$hello" --pcap "$T/in.pcap" --out /dev/full
is "$status" 125 "a full disk: 125"
like "$err" "/dev/full: No space left on device" "and told"

# a frame of 64 KiB, and one of no bytes
perl -e 'print pack("LSSLLLL", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1), pack("L4", 1, 2, 65550, 65550), "\x02" x 65550, pack("L4", 3, 4, 0, 0)' >"$T/large.pcap"
run "$SKEP" run "$hello" --pcap "$T/large.pcap" --out "$T/out.pcap"
cmp -s "$T/large.pcap" "$T/out.pcap"
ok $? "frames of 65,550 and of 0 bytes pass"

# programs that change packets
cat >"$T/change.bpf.c" <<'EOF'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int change(struct xdp_md *ctx)
{
	unsigned char *data;
	if (bpf_xdp_adjust_head(ctx, -4) || bpf_xdp_adjust_tail(ctx, -2))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	if (data + 4 > (unsigned char *)(long)ctx->data_end)
		return XDP_DROP;
	data[0] = 0xde; data[1] = 0xad; data[2] = 0xbe; data[3] = 0xef;
	return XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
EOF
run "$SKEP" run "$T/change.bpf.c" --pcap "$T/in.pcap" --out "$T/out.pcap"
perl -e 'local $/; $_ = <STDIN>; print substr $_, 0, 24; for ($at = 24; $at < length; ) { @r = unpack "x[$at]L4", $_;
	print pack("L4", @r[0, 1], $r[2] + 2, $r[3] + 2), "\xde\xad\xbe\xef", substr $_, $at + 16, $r[2] - 2; $at += 16 + $r[2] }' \
	<"$T/in.pcap" >"$T/want.pcap"
cmp "$T/want.pcap" "$T/out.pcap" >&2
ok $? "a head moved out, a tail cut and new bytes come out so"
done_testing
