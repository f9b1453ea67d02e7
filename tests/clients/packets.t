#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The same packets through the same XDP program: the same verdicts, bytes and maps on skep and on Linux, and what
# skep run --pcap keeps is what passed there.
. "$(dirname "$0")/lib.sh"
build_client packets
build_object packets || done_testing
export SENT=$T/sent.pcap KEPT=$T/kept.pcap

on_skep packets packets "the client runs"
for verdict in 0 1 2 3 77; do
	like "$ours" "verdict $verdict," "verdict $verdict is met"
done
as_linux packets packets "as with Linux"	# leaves its capture files, where it may
run "$SKEP" run "$T/packets.bpf.o" --pcap "$SENT" --out "$T/out.pcap"
cmp -s "$KEPT" "$T/out.pcap"
ok $? "skep run --pcap keeps the packets that passed, byte by byte"
passed=$(grep -c 'verdict 2,' <<<"$ours") sent_back=$(grep -c 'verdict 3,' <<<"$ours") aborted=$(grep -c 'verdict 0,' <<<"$ours")
like "$err" " 600 packets: $passed passed, [0-9]+ dropped, $sent_back sent back, 0 redirected, $aborted aborted" "and counts them"
done_testing
