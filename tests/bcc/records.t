#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Records that programs send through perf buffers and ring buffers, each written as one line, by its type.
. "$(dirname "$0")/../cli/lib.sh"
cd "$T"
uid=$(id -u)
run "$SKEP" run -a kprobe:execve "$root/examples/hello-buffer.c" -- /bin/sh -c '/bin/true; exec /bin/true'
is "$(sed 's/pid = [0-9]*/pid = N/' <<<"$out")" "output: { .pid = N, .uid = $uid, .command = \"skep\", .message = \"Hello world\" }
output: { .pid = N, .uid = $uid, .command = \"sh\", .message = \"Hello world\" }
output: { .pid = N, .uid = $uid, .command = \"sh\", .message = \"Hello world\" }" "a perf buffer's records, by the struct that was submitted"
is "$status$err" 0 "nothing else is said"

cat >ring.c <<'END'
struct one { u64 a; };
BPF_RINGBUF_OUTPUT(ring, 8);
BPF_RINGBUF_OUTPUT(other, 1);
int hello(void *ctx)
{
	struct one one = { 77 };
	u8 *bytes;

	ring.ringbuf_output(&one, sizeof(one), 0);
	one.a++;
	ring.ringbuf_output(&one, sizeof(one), BPF_RB_FORCE_WAKEUP);
	bytes = other.ringbuf_reserve(3);
	if (!bytes)
		return 0;
	bytes[0] = 1, bytes[1] = 2, bytes[2] = 0xff;
	other.ringbuf_submit(bytes, 0);
	return 0;
}
END
run "$SKEP" run -a kprobe:execve ring.c -- /bin/true
is "$(sort <<<"$out")" 'other: 01 02 ff
ring: { .a = 77 }
ring: { .a = 78 }' "ring buffers: by type, or as bytes"	# sorted: two buffers have no order between them

cat >many.c <<'END'
BPF_RINGBUF_OUTPUT(ring, 16);	/* room for all, however late they are read */
int hello(struct bpf_raw_tracepoint_args *ctx)
{
	u64 nr = ctx->args[1];

	if (nr == 39)	/* getpid */
		ring.ringbuf_output(&nr, sizeof(nr), 0);
	return 0;
}
END
if [ "$(uname -m)" = x86_64 ] && command -v perl >/dev/null; then
	run "$SKEP" run -a raw_tp:sys_enter many.c -- perl -e 'syscall(39) for 1 .. 2000'
	is "$(grep -c '^ring: 39$' <<<"$out")" 2000 "2,000 records: none is lost"
fi

# Each event on another CPU than the one before, so in another CPU's buffer: they are shown in the order they happened.
nr=$((480 + $$ % 32))	# a system call that is none, so nobody makes it: Linux shows all processes
cat >order.c <<END
BPF_PERF_OUTPUT(order);
BPF_ARRAY(turn, u64, 1);
int hello(struct bpf_raw_tracepoint_args *ctx)
{
	int zero = 0;
	u64 *at = turn.lookup(&zero);

	if (!at || ctx->args[1] != $nr)
		return 0;
	(*at)++;
	order.perf_submit((void *)ctx, at, sizeof(*at));
	return 0;
}
END
hop="for (1 .. 300) { my \$cpu = pack('Q', 1 << \$_ % 2); syscall(203, 0, 8, \$cpu); syscall($nr) }"	# sched_setaffinity
if [ "$(uname -m)" != x86_64 ] || ! taskset -c 1 perl -e 1 2>/dev/null; then
	skip "records of two CPUs in order" "no second CPU, or no perl"
else
	run "$SKEP" run -a raw_tp:sys_enter order.c -- perl -e "$hop"
	is "$(grep '^order' <<<"$out")" "$(seq -f 'order: %.0f' 300)" "records of two CPUs in order"
	run "$SKEP" run --kernel -a raw_tp:sys_enter order.c -- perl -e "$hop"
	if [ "$status" = 125 ]; then
		skip "on Linux too" "$(head -1 <<<"$err")"
	else
		is "$(grep '^order' <<<"$out")" "$(seq -f 'order: %.0f' 300)" "on Linux too"
	fi
fi
done_testing
