#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# skep run --bridge A,B: real traffic between two hosts that only the program connects, what is told of it, and bad
# interfaces. In network namespaces of the test's own, as a user without privilege.
. "$(dirname "$0")/../cli/lib.sh"
command -v clang >/dev/null || skip_all "no clang"
PATH=$PATH:/usr/sbin:/sbin
command -v ip >/dev/null || skip_all "no ip (iproute2)"
for tool in nsenter setpriv; do command -v $tool >/dev/null || skip_all "no $tool"; done
SKEP=$(realpath "$SKEP")

if [ "$1" != inside ]; then
	unshare -Urn true 2>/dev/null || skip_all "no user namespaces: unshare -Urn is forbidden here"
	unshare -Urn ip link add skept0 type veth peer name skept1 2>/dev/null || skip_all "no veth pairs in this kernel"
	# before any namespace: no privilege, unless it is root's test
	if [ "$(id -u)" != 0 ]; then
		run "$SKEP" run "$root/examples/hello.bpf.c" --bridge lo,lo0 -- /bin/true
		echo "$status $err" >"$T/unprivileged"
	fi
	SKEP=$SKEP UNPRIVILEGED=$(cat "$T/unprivileged" 2>/dev/null) unshare -Urn "$BASH" "$0" inside
	exit
fi

# nothing but what the test sends: no word of IPv6
quiet='[ ! -e /proc/sys/net/ipv6 ] || echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'
sh -c "$quiet" 2>/dev/null
elsewhere() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
# host a (192.0.2.1) -- left   right -- host b (192.0.2.2); each host a namespace that a sleep keeps
host() { # NAME ADDRESS PEER: in $NAME the process that keeps it, as long as this script lives
	unshare -n setpriv --pdeathsig KILL sleep infinity &
	eval "$1=$!"
	await elsewhere "$!"
	ip link add "$3" type veth peer name "$1"0
	ip link set "$3" addrgenmode none
	ip link set "$3" up
	ip link set "$1"0 netns "$!"
	nsenter -t "$!" -n sh -c "$quiet" 2>/dev/null
	nsenter -t "$!" -n sh -c "ip link set lo up; ip link set ${1}0 addrgenmode none; ip link set ${1}0 up
		ip addr add $2/24 dev ${1}0"
}
host a 192.0.2.1 left
host b 192.0.2.2 right
trap 'kill $a $b; rm -rf "$T"' EXIT
on() { nsenter -t "${!1}" -n "${@:2}"; }

cc=${CC:-cc}
$cc -O1 -o "$T/talk" "$root/examples/xdp/talk.c" || skip_all "no C compiler"
"$SKEP" build "$root/examples/hello.bpf.c" -o "$T/hello.bpf.o" 2>/dev/null
hello=$T/hello.bpf.o

# UDP: ten questions, ten answers; ARP needs the bridge, too
on b "$T/talk" answer 192.0.2.2 10 &
run "$SKEP" run "$hello" --bridge left,right -- nsenter -t "$a" -n "$T/talk" ask 192.0.2.2 10
is "$status" 0 "ten questions through the bridge are answered"
wait $!
like "$err" "left to right: ([0-9]+) packets: ([0-9]+) passed, 0 dropped, 0 sent back, 0 redirected, 0 aborted" "one way told"
read -r n p <<<"${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
is "$n" "$p" "all that came passed"
[ "$n" -ge 11 ]
ok $? "the questions and an ARP were among them"
like "$err" "right to left: [0-9]+ packets: [0-9]+ passed" "and the other way"
is "$(grep -o 'Hello World [0-9]*$' <<<"$out" | head -11)" "$(seq -f 'Hello World %.0f' 0 10)" "the program saw them one by one"

# from here on they know each other: no question about addresses comes in between
address() { on "$1" ip -o link show "${1}0" | sed 's,.*link/ether \([0-9a-f:]*\).*,\1,'; }
on a ip neigh replace 192.0.2.2 lladdr "$(address b)" dev a0 nud permanent
on b ip neigh replace 192.0.2.1 lladdr "$(address a)" dev b0 nud permanent

# the program is the only path: one that drops UDP leaves no answer, and ARP passes
cat >"$T/drop.bpf.c" <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
const volatile int verdict = 0;
SEC("xdp") int udp(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;
	if (data + 24 > (unsigned char *)(long)ctx->data_end || data[12] != 8 || data[13] != 0 || data[23] != 17)
		return XDP_PASS;
	return verdict ? verdict : XDP_ABORTED;
}
char LICENSE[] SEC("license") = "GPL";
END
run "$SKEP" run "$T/drop.bpf.c" --bridge left,right -- nsenter -t "$a" -n "$T/talk" send 192.0.2.2 7
like "$status $err" "^0 .*left to right: [0-9]+ packets: [0-9]+ passed, 0 dropped, 0 sent back, 0 redirected, 7 aborted" \
	"what a program aborts is counted and goes nowhere"
# one that is only on the other side lets them out
run "$SKEP" run "$T/drop.bpf.c" -a xdp:right --bridge left,right -- nsenter -t "$a" -n "$T/talk" send 192.0.2.2 7
like "$status $err" "^0 .*left to right: [0-9]+ packets: [0-9]+ passed, 0 dropped, 0 sent back, 0 redirected, 0 aborted" \
	"a program on one side judges that side only"

# TCP: 20 MB in frames that are still to be cut, sums still to be made
on b "$T/talk" sink 192.0.2.2 >"$T/sum" &
run "$SKEP" run "$hello" --maps none --bridge left,right -- nsenter -t "$a" -n "$T/talk" pour 192.0.2.2 20000000
wait $!
is "$status $(grep -v Hello "$T/out")" "0 $(cat "$T/sum")" "20 MB of TCP arrive as they were sent"
like "$(cat "$T/sum")" "^20000000 " "all of them"
is "$(grep -c 'lost: they came\|could not leave' <<<"$err")" 0 "no packet was lost"

# two bridges in a row: the first puts a VLAN tag in, the kernel between them takes it out of the data, the second finds
# it there again and takes it off; of frames that are still to be cut, too
cat >"$T/tag.bpf.c" <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
static __attribute__((always_inline)) int move(struct xdp_md *ctx, int by)
{
	unsigned char *data = (void *)(long)ctx->data, addresses[12];

	if (data + 18 > (unsigned char *)(long)ctx->data_end)
		return XDP_DROP;
	if (by > 0 && (data[12] != 0x81 || data[13] != 0 || data[15] != 5))
		return XDP_ABORTED;
	__builtin_memcpy(addresses, data, 12);
	if (bpf_xdp_adjust_head(ctx, by))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	if (data + 18 > (unsigned char *)(long)ctx->data_end)
		return XDP_DROP;
	__builtin_memcpy(data, addresses, 12);
	if (by < 0)
		__builtin_memcpy(data + 12, "\x81\0\0\x05", 4);
	return XDP_PASS;
}
SEC("xdp") int push(struct xdp_md *ctx) { return move(ctx, -4); }
SEC("xdp") int pop(struct xdp_md *ctx) { return move(ctx, 4); }
char LICENSE[] SEC("license") = "GPL";
END
"$SKEP" build "$T/tag.bpf.c" -o "$T/tag.bpf.o" 2>/dev/null
ip link add m0 type veth peer name m1
for i in m0 m1; do ip link set $i addrgenmode none; ip link set $i mtu 1504; ip link set $i up; done
on b "$T/talk" sink 192.0.2.2 >"$T/sum" &
sink=$!
"$SKEP" run "$T/tag.bpf.o" -a push=xdp:left -a pop=none --bridge left,m0 >/dev/null 2>"$T/first" &
skep=$!
await grep -qs "running until" "$T/first"
run "$SKEP" run "$T/tag.bpf.o" -a pop=xdp:m1 -a push=none --bridge m1,right -- nsenter -t "$a" -n "$T/talk" pour 192.0.2.2 5000000
wait $sink
kill -INT $skep
wait $skep
is "$status $(tail -1 "$T/out")" "0 $(cat "$T/sum")" "5 MB of TCP through a VLAN between two bridges"
like "$err" "m1 to right: [0-9]+ packets: [0-9]+ passed, 0 dropped, 0 sent back, 0 redirected, 0 aborted" "all of them with their tags"

# frames that no slot holds: 8,000 bytes with room for them everywhere, then with none on one side
for x in "ip link set left" "ip link set right" "on a ip link set a0" "on b ip link set b0"; do $x mtu 9000; done
on b "$T/talk" answer 192.0.2.2 3 &
run "$SKEP" run "$hello" --maps none --bridge left,right -- nsenter -t "$a" -n "$T/talk" ask 192.0.2.2 3 8000
is "$status $(grep -c 'could not leave' <<<"$err")" "0 0" "frames of 8,000 bytes pass"
wait $!
ip link set right mtu 1500
run "$SKEP" run "$hello" --maps none --bridge left,right -- nsenter -t "$a" -n "$T/talk" send 192.0.2.2 4 8000
like "$status $err" "^0 .*4 packets could not leave on right: too long for it" "those that the other side cannot send are told"

# without a command, until a signal
start() { # NAME: in the background, its words in $T/NAME
	"$SKEP" run "$hello" --bridge left,right >/dev/null 2>"$T/$1" &
	skep=$!
	await grep -qs "running until" "$T/$1"
}
start signalled
kill -INT $skep
wait $skep
is $? 0 "without a command it runs until Ctrl-C"
like "$(cat "$T/signalled")" "right to left: 0 packets" "and tells what there was"
# ... or until an interface is taken away
start bereft
ip link del right
wait $skep
is $? 125 "an interface that goes away ends it"
like "$(cat "$T/bereft")" "right: the interface is gone" "and is named"

bad() { # NAME REGEX ARGS…
	run "$SKEP" run "$hello" "${@:3}" -- /bin/echo ran
	like "$status$out $err" "^$2" "$1"
}
ip link add right type veth peer name other
bad "a missing interface: the near ones are named" "125 .*lefd: no such interface here; nearest: .*left" --bridge left,lefd
bad "an interface that is down" "125 .*right: is down: ip link set right up" --bridge left,right
bad "one interface twice" "125 .*left: a bridge is between two interfaces, not one" --bridge left,left
ip link set lo up
bad "no Ethernet" "125 .*lo: no Ethernet interface" --bridge lo,left
bad "one name only" "2 .*--bridge wants two interfaces, A,B, not 'left'" --bridge left
bad "three names" "2 .*--bridge wants two interfaces" --bridge left,right,lo
bad "a long name" "2 .*15 letters" --bridge left,right5678901234567890
bad "--pcap, too" "2 .*not from both" --bridge left,right --pcap x
bad "--kernel, too" "2 .*--bridge is skep's own; with --kernel: --attach xdp:left,right" --bridge left,right --kernel
bad "attached elsewhere" "125 .*lo is not of the bridge left,right" --bridge left,right -a xdp:lo
# in a namespace whose owner took the capability away
ip link set right up
if [ -n "$UNPRIVILEGED" ]; then
	like "$UNPRIVILEGED" "^125 .*CAP_NET_RAW.*unshare -Urn" "outside of a namespace: the capability is named"
else
	skip "outside of a namespace" "root has the capability"
fi
run setpriv --bounding-set=-net_raw --inh-caps=-all "$SKEP" run "$hello" --bridge left,right -- /bin/echo ran
like "$status$out $err" "^125 .*CAP_NET_RAW.*unshare -Urn" "without privilege: the capability is named"
done_testing
