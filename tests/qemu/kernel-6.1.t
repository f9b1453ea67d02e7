#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The book's programs on a distribution's kernel that has kprobes (Debian's 6.1), through Linux itself and through skep:
# true kprobes and kretprobes, XDP on lo and on a veth pair, and skep's own events where a notification cannot wake
# synchronously (that came with 6.6).
. "$(dirname "$0")/../cli/lib.sh"
. "$(dirname "$0")/lib.sh"
command -v clang >/dev/null || skip_all "no clang"
need_machine

build() { # NAME SOURCE: an object, for there is no compiler in the guest
	"$SKEP" build "$2" -o "$T/$1.bpf.o" 2>"$T/err" || { echo "# $2: $(cat "$T/err")"; return 1; }
	guest_file "$T/$1.bpf.o" "/probe/$1.bpf.o"
}
cat >"$T/returns.c" <<'END'
BPF_HASH(returns, u64);

int kretprobe__sys_mkdir(struct pt_regs *ctx)
{
	u64 got = -(s64)(int)PT_REGS_RC(ctx);

	returns.increment(got);
	return 0;
}

int kprobe__sys_mkdir(struct pt_regs *ctx, const char *path, int mode)
{
	char name[16];

	bpf_probe_read_user_str(name, sizeof(name), (void *)path);
	bpf_trace_printk("mkdir %s %x", name, mode);
	return 0;
}
END
cat >"$T/drop.bpf.c" <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} protocols SEC(".maps");
SEC("xdp") int drop(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;
	__u32 protocol;
	__u64 *n;

	if (data + 34 > (unsigned char *)(long)ctx->data_end || data[12] != 8 || data[13] != 0)
		return XDP_PASS;
	protocol = data[23];
	n = bpf_map_lookup_elem(&protocols, &protocol);
	if (n)
		__sync_fetch_and_add(n, 1);
	return protocol == 1 ? XDP_DROP : XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
END
for p in hello hello-map hello-buffer; do build $p "$root/examples/$p.c"; done
build hello-xdp "$root/examples/hello.bpf.c"
build returns "$T/returns.c"
build drop "$T/drop.bpf.c"
guest_file "$SKEP" /bin/skep
PATH=$PATH:/usr/sbin:/sbin
for tool in ip setpriv unshare nsenter; do
	command -v $tool >/dev/null || skip_all "no $tool for the guest"
	rm -f "$guest/bin/$tool"
	guest_file "$(command -v $tool)" /bin/$tool
done
${CC:-cc} -O1 -o "$T/talk" "$root/examples/xdp/talk.c" || skip_all "no C compiler"
guest_file "$T/talk" /bin/talk

cat >"$T/script" <<'END'
chmod 755 /root
# busybox's shell would take its own tools of these names
ip() { /bin/ip "$@"; }
unshare() { /bin/unshare "$@"; }
nsenter() { /bin/nsenter "$@"; }
nobody() { /bin/setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all "$@"; }
until_there() { i=0; until [ -e $1 ] || [ $i = 12000 ]; do usleep 10000; i=$((i + 1)); done; }
two='/bin/busybox true; /bin/busybox true'
calls='mkdir /tmp/skep-a; mkdir /tmp/skep-a; mkdir /no/such; rmdir /tmp/skep-a'
echo "== kernel"; uname -r

echo "== hello on Linux"; skep run --kernel /probe/hello.bpf.o -- sh -c "$two"
echo "status $?"
echo "== map on Linux"; skep run --kernel /probe/hello-map.bpf.o -- sh -c "$two"
echo "== returns on Linux"; skep run --kernel /probe/returns.bpf.o -- sh -c "$calls"
echo "== XDP on Linux"; skep run --kernel -a xdp:lo /probe/hello-xdp.bpf.o -- talk ping 127.0.0.1 2

echo "== hello on skep"; skep run /probe/hello.bpf.o -- sh -c "$two"
echo "status $?"
echo "== hello as nobody"; nobody skep run /probe/hello.bpf.o -- sh -c "$two; echo user \$(id -u)"
echo "== on one CPU"; taskset 1 skep run /probe/hello.bpf.o -- sh -c "$two"
echo "== map on skep"; skep run /probe/hello-map.bpf.o -- sh -c "$two"
echo "== returns on skep"; skep run /probe/returns.bpf.o -- sh -c "$calls"
echo "== storm"; nobody skep run /probe/hello-map.bpf.o -- sh -c \
	'for i in 1 2; do (n=0; while [ $n -lt 50 ]; do /bin/busybox true; n=$((n + 1)); done) & done; wait'
echo "== killed"; (nobody skep run /probe/hello.bpf.o -- sh -c "touch /tmp/on; while [ ! -e /tmp/go ]; do usleep 10000; done
	/bin/busybox true && echo alive >/tmp/alive" >/dev/null 2>&1) & until_there /tmp/on
kill -9 $(pidof skep | tr ' ' '\n' | sort -n | head -1); touch /tmp/go; until_there /tmp/alive; cat /tmp/alive

echo "== lab"
for h in "a left 1" "b right 2"; do
	set -- $h
	/bin/unshare -n sleep 1000 & pid=$!
	until [ "$(readlink /proc/$pid/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do usleep 10000; done
	ip link add $2 type veth peer name ${1}0 && ip link set $2 addrgenmode none && ip link set $2 up && ip link set ${1}0 netns $pid
	nsenter -t $pid -n ip link set ${1}0 addrgenmode none up
	nsenter -t $pid -n ip addr add 192.0.2.$3/24 dev ${1}0
	eval "$1=$pid"
done
echo "== bridge"; skep run /probe/hello-xdp.bpf.o --bridge left,right -- nsenter -t $a -n talk ping 192.0.2.2 3
/bin/nsenter -t $b -n talk sink 192.0.2.2 >/tmp/sum & sink=$!
echo "== pour"; skep run /probe/drop.bpf.o --bridge left,right -- nsenter -t $a -n talk pour 192.0.2.2 5000000
wait $sink; echo "sum $(cat /tmp/sum)"
ip link add br0 type bridge; ip link set left master br0; ip link set right master br0; ip link set br0 addrgenmode none up
# UDP: the same packets each time, whoever answers; no question about addresses comes in between, and the sender stays until
# all have come, for Linux's programs run when its network does
mac() { /bin/nsenter -t $1 -n /bin/ip -o link show $2 | sed 's,.*link/ether \([0-9a-f:]*\).*,\1,'; }
/bin/nsenter -t $a -n /bin/ip neigh replace 192.0.2.2 lladdr $(mac $b b0) dev a0 nud permanent
/bin/nsenter -t $b -n /bin/ip neigh replace 192.0.2.1 lladdr $(mac $a a0) dev b0 nud permanent
cat >/tmp/say <<'SAY'
came() { /bin/nsenter -t $1 -n sed -n 's/^ *b0: *[0-9]* *\([0-9]*\).*/\1/p' /proc/net/dev; }
before=$(came $2) i=0
/bin/nsenter -t $1 -n talk send 192.0.2.2 5
until [ $(came $2) -ge $((before + 5)) ] || [ $i = 6000 ]; do usleep 10000; i=$((i + 1)); done
SAY
echo "== verdicts on Linux"; skep run --kernel -a xdp:left /probe/drop.bpf.o -- sh /tmp/say $a $b
ip link del br0
echo "== verdicts on skep"; skep run -a xdp:left /probe/drop.bpf.o --bridge left,right -- sh /tmp/say $a $b
END
start=$SECONDS
guest_run "$T/script"
ok $? "the guest runs to its end" || tail -n 30 "$T/serial" "$T/qemu.err" | sed 's/^/# /'
echo "# in $((SECONDS - start)) s"
# lines NAME TEXT COUNT WHAT
lines() { is "$(part "$1" | grep -c -- "$2")" "$3" "$4" || part "$1" | sed 's/^/# /'; }
# has NAME REGEX WHAT
has() { like "$(part "$1")" "$2" "$3"; }

has kernel '^6\.1\.' "its kernel is Debian 12's, 6.1"
lines "hello on Linux" 'Hello World!$' 3 "hello on true kprobes: the shell and its two commands"
has "hello on Linux" 'status 0' "and ends well"
is "$(part "hello on Linux" | grep -c 'no kprobes')" 0 "no word of a fallback"
has "map on Linux" 'counter_table\[0\]: 3' "hello-map on true kprobes"
lines "returns on Linux" 'mkdir /tmp/skep-a 1ff$' 2 "a kprobe's arguments, read from the caller's memory"
has "returns on Linux" 'returns\[0\]: 1.*returns\[2\]: 1.*returns\[17\]: 1' "a true kretprobe's values: 0, ENOENT, EEXIST"
lines "XDP on Linux" 'Hello World [0-3]$' 4 "XDP on lo: two pings and their answers"

lines "hello on skep" 'Hello World!$' 3 "hello on skep, without SYNC_WAKE_UP"
has "hello on skep" 'status 0' "and ends well"
lines "hello as nobody" 'Hello World!$' 3 "hello as a user without privilege"
has "hello as nobody" 'user 65534' "which the command still is"
lines "on one CPU" 'Hello World!$' 3 "hello on skep, with the tree on one CPU"
has "map on skep" 'counter_table\[0\]: 3' "hello-map on skep"
is "$(part "returns on skep" | grep -o 'mkdir /.*\|^returns.*')" "$(part "returns on Linux" | grep -o 'mkdir /.*\|^returns.*')" \
	"kprobe and kretprobe on skep as on Linux"
has storm 'counter_table\[65534\]: 101' "a hundred commands of two shells at once, none missed"
has killed 'alive' "killed, skep leaves the tree running"
lines bridge 'answers [123]$' 3 "the bridge: three pings are answered"
lines bridge 'Hello World [0-7]$' 8 "the program saw them"
is "$(part pour | sed -n 's/^sum //p')" "$(part pour | sed -n '/^5000000 /p')" "5 MB of TCP through it"
has pour '5000000 [0-9a-f]{16}' "all of them"
is "$(part "verdicts on skep" | grep '^protocols')" "$(part "verdicts on Linux" | grep '^protocols')" "the program's map as on Linux"
has "verdicts on skep" 'protocols\[17\]: 5' "five datagrams in it"
[ -z "${KEEP:-}" ] || cp "$T/serial" "$T/qemu.err" "$T/initrd" "$KEEP"
done_testing
