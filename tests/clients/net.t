#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# bpftool net attach, list, detach under skep exec, on an interface that the tree owns; the program sees its packets.
. "$(dirname "$0")/../cli/lib.sh"
PATH=$PATH:/usr/sbin:/sbin
for tool in bpftool ip unshare; do
	command -v $tool >/dev/null || skip_all "no $tool"
done
unshare -Urn true 2>/dev/null || skip_all "no user namespaces"
unshare -Urn ip link add name v0 type veth peer name v1 2>/dev/null || skip_all "no veth"
clang=$(command -v clang || command -v clang-14 || command -v clang-19) || skip_all "no clang"
cat >"$T/count.bpf.c" <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

int counter = 0;

SEC("xdp")
int count(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;

	if (data + 64 > (unsigned char *)(long)ctx->data_end || data[12] != 0x88 || data[13] != 0xb5)
		return XDP_PASS;
	counter++;
	bpf_printk("frame %d on %d", data[14], ctx->ingress_ifindex);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
END
"$clang" -target bpf -I"/usr/include/$(uname -m)-linux-gnu" -g -O2 -c "$T/count.bpf.c" -o "$T/count.bpf.o" 2>/dev/null ||
	skip_all "no headers to build a program with"
cat >"$T/send.c" <<'END'
/* send INTERFACE N: N frames of 64 bytes of an experimental Ethernet type, numbered. */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>
int main(int argc, char **argv)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(argv[1]) };
	unsigned char frame[64] = { 255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 0x88, 0xb5 };
	int fd = socket(AF_PACKET, SOCK_RAW, htons(0x88b5));

	(void)argc;
	for (int i = 0; i < atoi(argv[2]); i++) {
		frame[14] = (unsigned char)i;
		if (sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			return 1;
	}
	return 0;
}
END
${CC:-cc} -o "$T/send" "$T/send.c" || exit 1
cat >"$T/work.sh" <<'END'
cd "$(dirname "$0")" || exit 1
ip link add name v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up
bpftool prog load count.bpf.o /sys/fs/bpf/count
id=$(bpftool prog list | sed -n 's/: xdp.*//p')
echo "before: $(bpftool net list | grep v0)"
bpftool net attach xdp id "$id" dev v0; echo "attach: $?"
bpftool net list | grep '^v0' | sed "s/id $id\$/id ID/"
bpftool -p net list | grep -c "\"id\": $id"
bpftool net attach xdp id "$id" dev v0 2>&1; echo "again: $?"
bpftool net attach xdp id "$id" dev v0 overwrite; echo "overwrite: $?"
ip -o link | grep -c 'v[01]'
cat /sys/kernel/tracing/trace_pipe >lines & reader=$!
./send v1 20
for i in $(seq 12000); do [ "$(wc -l <lines)" -lt 20 ] || break; sleep 0.01; done
kill $reader
bpftool map dump name count.bss | grep -o '"counter.*'
sed 's/.*bpf_trace_printk: //' lines | sort -t' ' -nk2 | head -2
rm /sys/fs/bpf/count; echo "kept: $(bpftool prog list | grep -c count)"
bpftool net detach xdp dev v0; echo "detach: $?"
echo "after: $(bpftool net list | grep v0)"
bpftool net detach xdp dev v0; echo "nothing to detach: $?"
echo "left: $(bpftool prog list | grep -c count)"
END
ifindex=$(unshare -Urn sh -c 'ip link add name v0 type veth peer name v1; ip -o link show v0' | cut -d: -f1)
want="before: 
attach: 0
v0($ifindex) driver id ID
1
Error: interface xdp attach failed: Device or resource busy
again: 240
overwrite: 0
2
\"counter\": 20
frame 0 on $ifindex
frame 1 on $ifindex
kept: 1
detach: 0
after: 
nothing to detach: 0
left: 0"
run unshare -Urn "$SKEP" exec -- bash "$T/work.sh"
is "$out" "$want" "skep exec in the tree's network namespace" || sed 's/^/# /' <<<"$err"
run "$SKEP" exec -- unshare -Urn bash "$T/work.sh"
is "$out" "$want" "a network namespace that the tree makes" || sed 's/^/# /' <<<"$err"
# a link, as libbpf's skeletons make it
cat >"$T/link.c" <<'END'
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct bpf_object *object = bpf_object__open_file(argv[1], NULL);
	int key = 0, counter = 0;
	struct bpf_link *link;

	(void)argc;
	if (bpf_object__load(object))
		return 1;
	link = bpf_program__attach_xdp(bpf_object__next_program(object, NULL), (int)if_nametoindex("v0"));
	if (!link)
		return 2;
	if (system(argv[2]) || system("bpftool net list | sed -n 's/^\\(v0([0-9]*) [a-z]* id\\) .*/\\1/p'") ||
	    system("bpftool link list | sed -n 's/^[0-9]*: \\(xdp\\)  prog [0-9]*  *$/\\1/p'") ||
	    !system("bpftool net detach xdp dev v0 2>/dev/null") ||
	    !system("bpftool net attach xdp name count dev v0 overwrite 2>/dev/null"))
		return 3;
	while (counter < 20) {
		if (bpf_map_lookup_elem(bpf_object__find_map_fd_by_name(object, "count.bss"), &key, &counter))
			return 4;
		usleep(1000);
	}
	bpf_link__destroy(link);
	printf("counted %d\n", counter);
	return 0;
}
END
if ${CC:-cc} -o "$T/link" "$T/link.c" -lbpf 2>/dev/null; then
	run "$SKEP" exec -- unshare -Urn sh -c "ip link add name v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up && '$T/link' '$T/count.bpf.o' '$T/send v1 20' && bpftool net list | grep -c '^v0'"
	is "$status $out" "1 v0($ifindex) driver id
xdp
counted 20
0" "bpf_program__attach_xdp; bpftool lists it and cannot take it away" || sed 's/^/# /' <<<"$err"
else
	skip "bpf_program__attach_xdp" "no libbpf to build a client with"
fi
if [ "$(id -u)" != 0 ]; then
	run "$SKEP" exec -- bash -c "cd '$T'; bpftool prog load count.bpf.o /sys/fs/bpf/count; bpftool net attach xdp pinned /sys/fs/bpf/count dev lo"
	like "$err" "Operation not permitted" "no privilege over others' interfaces"
fi
done_testing
