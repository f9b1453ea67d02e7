#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# BCC's ways to say what a function is for: names, macros, bound arguments; printing; registers; the licence.
. "$(dirname "$0")/../cli/lib.sh"
cd "$T"
[ "$(uname -m)" = x86_64 ] || skip_all "names of syscall functions are this machine's"

cat >names.c <<'END'
#include <uapi/linux/ptrace.h>
BPF_HASH(ran, u32);
int kprobe____x64_sys_execve(struct pt_regs *ctx)
{
	ran.increment(1);
	return 0;
}
RAW_TRACEPOINT_PROBE(sys_enter)
{
	if (ctx->args[1] == 59)
		ran.increment(2);
	return 0;
}
static inline int helper(int x) { return x + 1; }
static int other(int x)
{
	return helper(x) * 2;
}
int syscall__execve(struct pt_regs *ctx, const char *filename, const char *const *argv)
{
	char name[32] = {};

	ran.increment(3);
	bpf_probe_read_user_str(name, sizeof(name), filename);
	bpf_trace_printk("%s %d %lx\n", name, other(2), 0xabcdef0123ull);
	return 0;
}
END
run "$SKEP" run -a syscall__execve=kprobe:execve names.c -- /bin/true
is "$(grep '^ran' <<<"$out")" 'ran[1]: 1
ran[2]: 1
ran[3]: 1' "kprobe__X, RAW_TRACEPOINT_PROBE, syscall__X each ran once"
like "$out" 'bpf_trace_printk: /bin/true 6 abcdef0123' "arguments bound from the registers of the system call; printk's arguments"

cat >licence.c <<'END'
#define BPF_LICENSE Dual MIT/GPL
int hello(void *ctx) { bpf_trace_printk("x"); return 0; }
END
"$SKEP" build licence.c -o licence.o
is "$(strings -a licence.o | grep -c '^Dual MIT/GPL$')" 1 "BPF_LICENSE"
run "$SKEP" run -a kprobe:execve licence.o -- /bin/true
is "$status" 0 "and it counts as GPL-compatible"

cat >types.c <<'END'
#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/ptrace.h>
u8 a; u16 b; u32 c; u64 d; s8 e; s16 f; s32 g; s64 h; __u8 i; __be16 j; size_t k; bool l = true;
BPF_PERF_OUTPUT(events);
BPF_RINGBUF_OUTPUT(ring, 8);
BPF_PROG_ARRAY(programs, 10);
BPF_STACK_TRACE(stacks, 1024);
BPF_QUEUE(queue, u64, 10);
BPF_STACK(stack, u64, 10);
BPF_LPM_TRIE(trie, u64);
BPF_DEVMAP(devices, 4);
BPF_CPUMAP(cpus, 4);
BPF_XSKMAP(sockets, 4);
int hello(struct pt_regs *ctx)
{
	struct { u32 pid; char comm[TASK_COMM_LEN]; } data = {};
	u64 *r, v = 1;

	data.pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(&data.comm, sizeof(data.comm));
	events.perf_submit(ctx, &data, sizeof(data));
	ring.ringbuf_output(&data, sizeof(data), 0);
	r = ring.ringbuf_reserve(8);
	if (r) {
		*r = PT_REGS_PARM1(ctx) + PT_REGS_RC(ctx) + PT_REGS_IP(ctx) + PT_REGS_SP(ctx);
		ring.ringbuf_submit(r, 0);
	}
	queue.push(&v, 0);
	stack.push(&v, 0);
	stacks.get_stackid(ctx, BPF_F_REUSE_STACKID);
	programs.call(ctx, 3);
	return 0;
}
END
for clang in clang-14 clang-19; do
	command -v $clang >/dev/null || { skip "$clang" "not there"; continue; }
	CLANG=$clang run "$SKEP" build types.c -o types.o
	is "$status$err" 0 "$clang: types, every map macro, headers that come later; no warning"
done
done_testing
