#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# XDP programs over a capture file: a line a packet with the counter going up, passed packets written, dropped ones not.
. "$(dirname "$0")/lib.sh"

# Six IPv4 packets, alternately UDP (17) and ICMP (1); $1: write only those of one protocol
packets() {
	perl -e 'binmode STDOUT; my $only = shift; print pack("LSSlLLL", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1);
		for my $i (0..5) {
			my $protocol = $i % 2 ? 1 : 17;
			next if $only && $only != $protocol;
			my $p = ("\xff" x 12) . pack("n", 0x800) . pack("CCnnnCCnNN", 0x45, 0, 46, $i, 0, 64, $protocol, 0,
				0x7f000001, 0x7f000002) . ("\0" x 26);
			print pack("LLLL", 1, $i, length $p, length $p) . $p;
		}' -- "$@"
}
packets 0 >"$T/in.pcap"
packets 17 >"$T/udp.pcap"
run "$SKEP" run --pcap "$T/in.pcap" --out "$T/out.pcap" "$root/examples/hello.bpf.c"
is "$status" 0 "hello over packets: exit 0"
is "$(grep -o 'Hello World [0-9]*$' <<<"$out" | tr '\n' ' ')" \
	"Hello World 0 Hello World 1 Hello World 2 Hello World 3 Hello World 4 Hello World 5 " "a line a packet, counting"
cmp -s "$T/in.pcap" "$T/out.pcap"
ok $? "what passed equals the input"
like "$err" "6 packets: 6 passed, 0 dropped" "told at the end"
run "$SKEP" run --pcap "$T/in.pcap" --out "$T/out.pcap" "$root/examples/xdp-drop.bpf.c"
cmp -s "$T/udp.pcap" "$T/out.pcap"
ok $? "the dropping program leaves the other protocol"
is "$(grep '^packets' <<<"$out")" 'packets[1]: 3
packets[17]: 3' "and counts both"
"$SKEP" run --pcap - --out "$T/piped.pcap" "$root/examples/hello.bpf.c" <"$T/in.pcap" >/dev/null 2>&1
cmp -s "$T/in.pcap" "$T/piped.pcap"
ok $? "packets from standard input"
run "$SKEP" run --interp --pcap "$T/in.pcap" --out "$T/out.pcap" "$root/examples/xdp-drop.bpf.c"
cmp -s "$T/udp.pcap" "$T/out.pcap"
ok $? "the interpreter does the same"

head -c 130 "$T/in.pcap" >"$T/cut.pcap"
run "$SKEP" run --pcap "$T/cut.pcap" "$root/examples/hello.bpf.c"
is "$status" 125 "a cut capture: exit 125"
like "$err" "cut.pcap: cut short" "told"
is "$(grep -c 'Hello World' <<<"$out")" 1 "what came before was run"
run "$SKEP" run --pcap "$root/examples/hello.c" "$root/examples/hello.bpf.c"
is "$status" 125 "no capture at all: exit 125"
like "$err" "hello.c: no pcap file" "told"
run "$SKEP" run --pcap "$T/in.pcap" --out "$T/no.pcap" "$root/examples/hello.c"
like "$status $err" "^125 .*hello.c: has no program for packets" "packets, and no program for them"
[ ! -e "$T/no.pcap" ]
ok $? "which leaves no file behind"
run "$SKEP" run --pcap "$T/none.pcap" "$root/examples/hello.bpf.c"
like "$status $err" "^125 .*none.pcap: No such file" "a capture that is not there"
run "$SKEP" run "$root/examples/hello.bpf.c" -- /bin/true
like "$status $err" "^125 .*say where they are, --pcap FILE" "XDP without packets: what to say"
run "$SKEP" run -a xdp:lo "$root/examples/hello.bpf.c" -- /bin/true
like "$status $err" "^125 .*say where packets come from: --bridge A,B" "an interface alone: what to say"
done_testing
