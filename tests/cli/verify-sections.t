#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# skep verify: sections that the linked libbpf may not know have the kind that today's libbpf gives them;
# maps whose size a loader sets later; legacy map definitions.
. "$(dirname "$0")/lib.sh"
skep=$(realpath "$SKEP")
cd "$T"

cat >new.bpf.c <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct { __uint(type, BPF_MAP_TYPE_RINGBUF); } ring SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __type(key, int); __type(value, long); } counts SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_STACK_TRACE); __type(key, int); } stacks SEC(".maps");

#define PROG(name, section, result)                                                                \
	SEC(section) int name(void *ctx)                                                           \
	{                                                                                          \
		int key = 0;                                                                       \
		long *count = bpf_map_lookup_elem(&counts, &key);                                  \
		void *record = bpf_ringbuf_reserve(&ring, 8, 0);                                   \
                                                                                                   \
		if (count)                                                                         \
			++*count;                                                                  \
		if (record)                                                                        \
			bpf_ringbuf_discard(record, 0);                                            \
		return result;                                                                     \
	}
PROG(tc_in, "tc/ingress", 0)
PROG(tc_out, "tc/egress", 0)
PROG(tcx_in, "tcx/ingress", 0)
PROG(tcx_out, "tcx/egress", 0)
PROG(netkit_a, "netkit/primary", 0)
PROG(netkit_b, "netkit/peer", 0)
PROG(unix_connect, "cgroup/connect_unix", 1)
PROG(unix_sendmsg, "cgroup/sendmsg_unix", 1)
PROG(unix_recvmsg, "cgroup/recvmsg_unix", 1)
PROG(unix_peer, "cgroup/getpeername_unix", 1)
PROG(unix_sock, "cgroup/getsockname_unix", 1)
PROG(skb_verdict, "sk_skb/verdict", 1)
PROG(up_multi, "uprobe.multi//bin/true:main", 0)
PROG(urp_multi, "uretprobe.multi", 0)
PROG(up_session, "uprobe.session", 1)
PROG(kp_session, "kprobe.session/do_exit", 1)
PROG(usdt_s, "usdt.s/libc.so.6:libc:setjmp", 0)
PROG(nf, "netfilter", 1)
char LICENSE[] SEC("license") = "GPL";
END
sed 's/^PROG(unix_recvmsg.*/PROG(unix_recvmsg, "cgroup\/recvmsg_unix", 0)/; s/^PROG(kp_session.*/PROG(kp_session, "kprobe.session\/do_exit", 2)/' \
	new.bpf.c >wrong.bpf.c
sed 's/^PROG(nf,.*/PROG(nf, "netfilterx", 1)/' new.bpf.c >unknown.bpf.c
cat >legacy.bpf.c <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_map_def { unsigned int type, key_size, value_size, max_entries, map_flags; };
struct bpf_map_def SEC("maps") counts = { BPF_MAP_TYPE_HASH, 4, 8, 10, 0 };

SEC("socket") int look(void *ctx)
{
	int key = 0;

	return bpf_map_lookup_elem(&counts, &key) != 0;
}
char LICENSE[] SEC("license") = "GPL";
END

run "$skep" verify new.bpf.c
if [[ $err == *clang* && $status = 2 ]]; then skip_all "no clang"; fi
is "$status" 0 "programs in sections of today's libbpf: accepted"
for want in tc_in:sched_cls tcx_out:sched_cls netkit_a:sched_cls unix_connect:cgroup_sock_addr skb_verdict:sk_skb \
	up_multi:kprobe usdt_s:kprobe nf:netfilter; do
	like "$out" "${want%:*} +${want#*:} +accepted" "${want%:*} is a ${want#*:} program"
done

run "$skep" verify wrong.bpf.c
is "$status" 1 "attach types decide what may be returned"
like "$out" 'unix_recvmsg +cgroup_sock_addr +rejected' "0 from cgroup/recvmsg_unix"
like "$out" 'kp_session +kprobe +rejected' "2 from kprobe.session"

run "$skep" verify unknown.bpf.c
is "$status" 2 "a section that nobody knows"
like "$err" "'netfilterx'" "is named"

run "$skep" verify legacy.bpf.c
is "$status" 2 "legacy map definitions cannot be read"
like "$err" 'legacy map definitions' "which is said"
like "$err" 'SEC\("\.maps"\)' "with what to write instead"
done_testing
