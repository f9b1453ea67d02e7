#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# User stacks of a program whose calls are known: with and without frame pointers, static and not, out of a
# signal's handler, on a thread, and by build id. A stack is never wrong; where rules are missing it ends.
. "$(dirname "$0")/lib.sh"
[ "$(uname -m)" = x86_64 ] || skip_all "stacks are known on x86-64 only"
command -v nm >/dev/null || skip_all "no nm"
cat >"$T/chain.c" <<'END'
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#define CALL __attribute__((noinline, noclone))
#define HERE asm volatile("" ::: "memory") /* no tail calls */
CALL int three(int x) { char b[100]; memset(b, x, 100); asm volatile("" :: "r"(b) : "memory"); x = getpriority(0, 0); HERE; return x + b[3]; }
CALL int two(int x) { int r = three(x + 1); HERE; return r + x; }
CALL int many(int a, int b, int c, int d, int e, int f, int g, int h) { int r = two(a + b + c + d); HERE; return r + e + f + g + h; }
CALL int one(int x) { int r = many(x, 2, 3, 4, 5, 6, 7, 8); HERE; return r + x; }
CALL int deep(int x) { int r = x ? deep(x - 1) : three(x); HERE; return r + x; }
static void on_signal(int sig) { int r = two(sig); HERE; (void)r; }
static void *on_thread(void *arg) { one(1); HERE; return arg; }
int main(int argc, char **argv)
{
	static char other[65536];
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = argc > 2 ? SA_ONSTACK : 0 };
	stack_t stack = { .ss_sp = other, .ss_size = sizeof(other) };
	pthread_t thread;
	int got = 0;

	if (!strcmp(argv[1], "calls"))
		got = one(1);
	else if (!strcmp(argv[1], "deep"))
		got = deep(200);
	else if (!strcmp(argv[1], "thread"))
		pthread_create(&thread, NULL, on_thread, NULL), pthread_join(thread, NULL);
	else
		sigaltstack(&stack, NULL), sigaction(SIGUSR1, &sa, NULL), raise(SIGUSR1);
	HERE;
	return got == 12345;
}
END
cat >"$T/stack.c" <<'END'
struct event { s64 size; u64 ips[127]; };
BPF_ARRAY(room, struct event, 1);
BPF_RINGBUF_OUTPUT(stacks, 16);
int hello(void *ctx)
{
	u32 zero = 0;
	struct event *event = room.lookup(&zero);

	if (!event)
		return 0;
	event->size = bpf_get_stack(ctx, event->ips, sizeof(event->ips), BPF_F_USER_STACK | SKIP);
	stacks.ringbuf_output(event, sizeof(*event), 0);
	return 0;
}
END
cat >"$T/ids.bpf.c" <<'END'
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
typedef struct bpf_stack_build_id stack_t[127];
struct { __uint(type, BPF_MAP_TYPE_STACK_TRACE); __uint(max_entries, 64); __uint(key_size, 4);
	__uint(value_size, sizeof(stack_t)); __uint(map_flags, BPF_F_STACK_BUILD_ID); } stacks SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, long); } results SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, stack_t); } room SEC(".maps");
SEC("kprobe/__x64_sys_getpriority") int hello(void *ctx)
{
	__u32 zero = 0, one = 1;
	stack_t *to = bpf_map_lookup_elem(&room, &zero);
	long got;

	if (!to)
		return 0;
	got = bpf_get_stack(ctx, to, sizeof(*to), BPF_F_USER_STACK | BPF_F_USER_BUILD_ID);
	bpf_map_update_elem(&results, &zero, &got, 0);
	got = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
	got = got >= 0 ? bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK) == got : got;
	bpf_map_update_elem(&results, &one, &got, 0);
	return 0;
}
char LICENSE[] SEC("license") = "GPL";
END

# names PROGRAM ARG…: its functions on the stack, innermost first, others left out; in $chain. The program's addresses
# may be moved: their last three digits are not, and no two functions here share a page's offset range.
names() {
	run "$SKEP" run -a "${where:-kprobe}:getpriority" "$T/stack.c" -- "$@"
	nm -S "$1" | grep -E ' (three|two|many|one|deep|on_signal|on_thread|main)$' >"$T/symbols"
	chain=$(sed -n 's/.*\.size = \(-*[0-9]*\), \.ips = \[ \(.*\) \] }.*/\1 \2/p' <<<"$out" | perl -e '
		my ($size, @ips) = split /[ ,]+/, <STDIN>;
		open my $file, "<", $ARGV[0];
		my @symbols = map { [ split " " ] } <$file>;
		my ($three) = grep { $_->[3] eq "three" } @symbols;
		# where the program lies: such that the first address in a function by offset is in three
		my ($first) = grep { my $off = $_ - hex($three->[0]); $_ && ($off & 4095) > 0 && ($off & 4095) < hex($three->[1]) + 1 } @ips;
		my $bias = defined $first ? ($first - hex($three->[0])) & ~4095 : 0;
		my @names = map { my $ip = $_ - $bias; map { $_->[3] } grep { $ip > hex($_->[0]) && $ip <= hex($_->[0]) + hex($_->[1]) } @symbols } @ips;
		print join(" ", @names), "\n", $size / 8;' "$T/symbols")
	depth=${chain##*$'\n'} chain=${chain%$'\n'*}
}

sed -i "s/ | SKIP//" "$T/stack.c"
for how in '-O2 -fomit-frame-pointer' '-O2 -fno-omit-frame-pointer' '-O0' '-O2 -fomit-frame-pointer -static' '-O1 -fno-omit-frame-pointer -static' '-O2 -static-pie'; do
	# shellcheck disable=SC2086
	if ! $CC $how -pthread -o "$T/chain" "$T/chain.c" 2>"$T/cc"; then
		skip "$how" "$(head -1 "$T/cc")"
		continue
	fi
	names "$T/chain" calls
	is "$chain" "three two many one main" "$how: every call"
	names "$T/chain" signal
	is "$chain" "three two on_signal main" "$how: out of a signal's handler"
	names "$T/chain" signal other
	is "$chain" "three two on_signal main" "$how: on a stack of its own"
	names "$T/chain" thread
	is "$chain" "three two many one on_thread" "$how: on a thread"
	names "$T/chain" deep
	is "${chain%% deep*} $depth" "three 127" "$how: no more than 127 of a deep one"
done

$CC -O2 -fno-asynchronous-unwind-tables -fno-unwind-tables -fomit-frame-pointer -pthread -o "$T/chain" "$T/chain.c"
names "$T/chain" calls
is "$chain" "three" "without any rules it ends, where the next address cannot be known"
# where a call returns, all registers are known
$CC -O2 -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-omit-frame-pointer -pthread -o "$T/chain" "$T/chain.c"
where=kretprobe names "$T/chain" calls
is "$chain" "three two many one main" "without any rules, by the frame pointer"
$CC -O2 -fomit-frame-pointer -pthread -o "$T/chain" "$T/chain.c"
where=kretprobe names "$T/chain" signal other
is "$chain" "three two on_signal main" "where a call returns"

$CC -O2 -pthread -Wl,--build-id=0x0123456789abcdef -o "$T/chain" "$T/chain.c"
run "$SKEP" run "$T/ids.bpf.c" -- "$T/chain" calls
is "$status" 0 "build ids: runs"
like "$out" 'results\[1\]: 1' "a stack has its id"
# the offset of an address in the file is, in code that the linker laid out by default, the address itself
found=$(grep '^room' <<<"$out" | sed 's/}, {/\n/g' | perl -e '
	open my $file, "-|", "nm", "-S", $ARGV[0];
	my @symbols = map { [ split " " ] } grep { / (three|two|many|one|main)$/ } <$file>;
	while (<STDIN>) {
		next unless /\.status = 1, \.build_id = (\[ 1, 35, 69, 103, 137, 171, 205, 239, 0|"\\x01#Eg\\x89\\xab\\xcd\\xef")/;
		my ($at) = /offset = (\d+)/ or next;
		push @names, map { $_->[3] } grep { $at > hex($_->[0]) && $at <= hex($_->[0]) + hex($_->[1]) } @symbols;
	}
	print "@names";' "$T/chain")
is "$found" "three two many one main" "addresses are build id and offset" || head -c 2000 <<<"$out"
done_testing
