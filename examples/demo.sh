#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What `make demo` shows: three eBPF programs on live events, without root and without the kernel's eBPF.
set -eu
cd "$(dirname "$0")"
SKEP=${SKEP:-../build/skep}
t=$(mktemp -d "${TMPDIR:-/tmp}/skep-demo.XXXXXX")
trap 'rm -rf "$t"' EXIT

bold= plain=
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] && bold=$'\e[1m' plain=$'\e[0m'
title() { printf '\n%s%s%s\n\n' "$bold" "$1" "$plain"; }
show() {
	echo "--- $1"
	sed 's/^/    /' "$1"
	echo "---"
}
# The command as the reader may type it, then what it does.
run() {
	local arg words=
	for arg; do
		case $arg in *[\ \;]*) words="$words '$arg'" ;; *) words="$words $arg" ;; esac
	done
	printf '%s$ skep%s%s\n' "$bold" "$words" "$plain"
	"$SKEP" "$@"
}

title "1 of 3: hello, a kprobe on execve (BCC's dialect), over the commands of a shell script"
${CC:-cc} -static -O1 -o "$t/static" static.c
show hello.c
show tree.sh
run run hello.c -- ./tree.sh "$t/static"

title "2 of 3: hello-map, a hash map that counts the execve calls of each user"
show hello-map.c
run run --every 2 hello-map.c -- sh -c 'for i in 1 2 3 4 5; do /bin/true; sleep 1; done'

title "3 of 3: hello XDP, a program that sees every packet of a capture file"
${CC:-cc} -o "$t/packets" xdp/packets.c
"$t/packets" >"$t/in.pcap"
show hello.bpf.c
run run hello.bpf.c --pcap "$t/in.pcap" --out "$t/out.pcap"
cmp "$t/in.pcap" "$t/out.pcap" && echo "what went in came out: in.pcap and out.pcap are the same"

title "… and a variant that drops a protocol"
show xdp-drop.bpf.c
run run xdp-drop.bpf.c --pcap "$t/in.pcap" --out "$t/kept.pcap"
echo "in.pcap has $(stat -c %s "$t/in.pcap") bytes, kept.pcap $(stat -c %s "$t/kept.pcap")"
