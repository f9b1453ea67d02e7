#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every map macro and table kind of BCC's compiles with its methods, and Linux and skep make the maps.
. "$(dirname "$0")/../cli/lib.sh"
cd "$T"
common='struct pair { u32 a, b; };'
cat >plain.c <<END
$common
BPF_TABLE("lru_hash", u32, u64, lru, 10);
BPF_TABLE("lru_percpu_hash", u32, u64, lrus, 10);
BPF_TABLE("percpu_hash", u32, u64, hashes, 10);
BPF_TABLE("percpu_array", int, u64, arrays, 10);
BPF_F_TABLE("lpm_trie", u64, u64, trie, 10, BPF_F_NO_PREALLOC);
BPF_TABLE("histogram", int, u64, line, 20);
BPF_TABLE("histogram", struct pair, u64, grid, 20);
BPF_TABLE("prog", u32, u32, programs, 10);
BPF_TABLE("perf_output", int, u32, output, 0);
BPF_TABLE("ringbuf", int, u32, ring, 4096);
BPF_TABLE("queue", int, u32, first, 4);
BPF_TABLE("stack", int, u32, last, 4);
BPF_TABLE("stacktrace", int, struct bpf_stacktrace, traces, 64);
BPF_STACK_TRACE(more_traces, 100);
BPF_STACK_TRACE_BUILDID(ids, 100);
BPF_QUEUE(queue, u32, 3, 0);
BPF_STACK(stack, u32, 3);
BPF_QUEUESTACK("stack", either, u32, 3, 0);
BPF_QUEUESTACK_PUBLIC("queue", public, u32, 3, 0);
BPF_QUEUESTACK_SHARED("queue", shared, u32, 3, 0);
BPF_TABLE_PUBLIC("hash", u32, u64, open, 10);
BPF_TABLE_SHARED("array", int, u64, wide, 10, BPF_F_MMAPABLE);
BPF_HASH(inner, u32, u64, 10);
BPF_ARRAY_OF_MAPS(by_number, "inner", 10);
BPF_HASH_OF_MAPS(by_int, "inner");
BPF_HASH_OF_MAPS(by_pair, struct pair, "inner");
BPF_HASH_OF_MAPS(by_key, u64, "inner", 5);
int hello(struct pt_regs *ctx)
{
	struct pair pair = { 1, 2 };
	void *map = by_pair.lookup(&pair);
	u32 key = 1, value = 9;
	u64 *n = map ? bpf_map_lookup_elem(map, &key) : 0;

	queue.push(&value, 0);
	stack.push(&value, 0), value++;
	stack.push(&value, 0);
	stack.peek(&value);
	either.push(&value, 0);
	stack.pop(&value);
	stack.pop(&value);
	lru.atomic_increment(key, value);
	open.increment(key, queue.pop(&value) == 0 && queue.pop(&value) != 0);
	grid.increment(pair);
	line.increment(bpf_log2l(1 << 10));
	wide.increment(4);
	traces.get_stackid(ctx, 0);
	programs.call(ctx, 3);
	if (n)
		(*n)++;
	return 0;
}
END
want='lru[1]: 9
line[11]: 1
grid[{ .a = 1, .b = 2 }]: 1
open[1]: 1
wide[4]: 1'
run "$SKEP" run plain.c -a kprobe:execve -- /bin/true
is "$out" "$want" "on skep: what the methods left" || sed 's/^/# /' <<<"$err"
run bash -c 'ulimit -Sn 40; "$0" run plain.c -a kprobe:execve -- /bin/true' "$SKEP"
is "$out" "$want" "also where a process may have fewer files than these maps" || sed 's/^/# /' <<<"$err"
run "$SKEP" run --kernel plain.c -a kprobe:execve -- /bin/true
if [ "$status" = 125 ]; then skip "on Linux" "$(head -1 <<<"$err")"; else
	is "$(grep -o '^[a-z]*\[[^]]*\]' <<<"$out")" "$(grep -o '^[a-z]*\[[^]]*\]' <<<"$want")" "on Linux"
fi

# What skep has no objects for compiles for Linux.
cat >sockets.c <<END
$common
struct five { u32 addresses[2]; u16 ports[2]; };
BPF_SOCKMAP(sockets, 8);
BPF_SOCKHASH(hash);
BPF_SOCKHASH(keyed, struct five);
BPF_SOCKHASH(sized, struct five, 9);
BPF_CGROUP_ARRAY(groups, 8);
BPF_PERF_ARRAY(counters, 8);
BPF_SK_STORAGE(of_socket, struct pair);
BPF_INODE_STORAGE(of_inode, struct pair);
BPF_TASK_STORAGE(of_task, struct pair);
BPF_CGROUP_STORAGE(of_group, struct pair);
BPF_PERCPU_CGROUP_STORAGE(of_groups, u64);
BPF_DEVMAP(devices, 4);
BPF_CPUMAP(cpus, 4);
BPF_XSKMAP(xsk, 4);
BPF_XSKMAP(pinned_xsk, 4, "/sys/fs/bpf/xsk");
BPF_TABLE("devmap", int, int, more_devices, 8);
BPF_TABLE_PINNED("hash", u32, u64, pinned, 10, "/sys/fs/bpf/x");
BPF_TABLE_PINNED("hash", u32, u64, flagged, 10, "/sys/fs/bpf/y", BPF_F_NO_PREALLOC);
BPF_QUEUESTACK_PINNED("queue", pinned_queue, u32, 3, 0, "/sys/fs/bpf/q");
BPF_TABLE("extern", u32, u64, theirs, 0);
int skops(struct bpf_sock_ops *ops)
{
	struct five five = {};
	u32 key = 1;

	return sockets.sock_map_update(ops, &key, BPF_ANY) + keyed.sock_hash_update(ops, &five, BPF_NOEXIST);
}
int messages(struct sk_msg_md *msg)
{
	struct five five = {};

	return keyed.msg_redirect_hash(msg, &five, 0);
}
int packets(struct __sk_buff *skb)
{
	struct five five = {};
	struct pair *pair = of_group.get_local_storage(0);

	return keyed.sk_redirect_hash(skb, &five, 0) + (pair ? pair->a : 0);
}
int tasks(void *ctx)
{
	struct pair *pair = of_task.task_storage_get((void *)bpf_get_current_task_btf(), 0, 1);

	of_socket.sk_storage_get(ctx, 0, 0);
	of_socket.sk_storage_delete(ctx);
	of_inode.inode_storage_get(ctx, 0, 0);
	of_inode.inode_storage_delete(ctx);
	of_task.task_storage_delete(ctx);
	theirs.increment(1);
	return groups.check_current_task(0) + (pair ? pair->b : 0);
}
int hardware(void *ctx)
{
	struct bpf_perf_event_value counter = {};

	return counters.perf_counter_value(7, &counter, sizeof(counter)) + counters.perf_read(7);
}
int xdp(struct xdp_md *ctx)
{
	int key = 0;

	if (xsk.lookup(&key))
		return xsk.redirect_map(0, 0);
	return devices.redirect_map(1, 0) + cpus.redirect_map(1, 0) + more_devices.redirect_map(2, 0);
}
END
for clang in clang-14 clang-19; do
	command -v $clang >/dev/null || { skip "$clang" "not there"; continue; }
	CLANG=$clang run "$SKEP" build plain.c -o plain.o
	is "$status$err" 0 "$clang: without a warning"
	CLANG=$clang run "$SKEP" build sockets.c -o sockets.o
	is "$status$err" 0 "$clang: sockets, storage, devices, pins"
done
run "$SKEP" run sockets.o -- /bin/true
like "$status $err" "^125 .*'theirs' is extern: another program's" "a table of another program's, in a program by itself"
printf 'BPF_CGROUP_ARRAY(groups, 8);\nint f(void *ctx) { return groups.check_current_task(0); }\n' >groups.c
run "$SKEP" run groups.c -- /bin/true
like "$status $err" "^125 .*map 'groups': type cgroup_array" "a kind that skep has no objects for is named"
done_testing
