#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What programs are given: registers, tracepoint records and raw arguments as the kernel lays them out, and the caller's memory.
. "$(dirname "$0")/lib.sh"

cat >"$T/all.bpf.c" <<'EOF'
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
struct enter { unsigned short type; unsigned char flags, preempt; int pid; int nr; int pad; unsigned long args[6]; };
#define SAY(what, from) ({ char name[64] = ""; long n = bpf_probe_read_user_str(name, sizeof(name), (void *)(from)); \
	bpf_printk(what " %s %d", name, n); })
SEC("kprobe/__x64_sys_execve") int by_regs(struct pt_regs *ctx)
{
	struct pt_regs *inner = (void *)ctx->rdi, regs = {};
	bpf_probe_read_kernel(&regs, sizeof(regs), inner);
	SAY("regs", regs.rdi);
	bpf_printk("nr %d %d", regs.orig_rax, ctx->rsi);
	return 0;
}
SEC("kprobe/__se_sys_execve") int by_args(struct pt_regs *ctx) { SAY("args", ctx->rdi); return 0; }
SEC("tracepoint/syscalls/sys_enter_execve") int by_record(struct enter *e)
{
	SAY("record", e->args[0]);
	bpf_printk("record nr %d", e->nr);
	return 0;
}
SEC("raw_tracepoint/sys_enter") int by_raw(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs regs = {};
	if (ctx->args[1] != 59)
		return 0;
	bpf_probe_read_kernel(&regs, sizeof(regs), (void *)ctx->args[0]);
	SAY("raw", regs.rdi);
	return 0;
}
SEC("tracepoint/raw_syscalls/sys_enter") int by_raw_record(void *ctx)
{
	struct { long common, id; unsigned long args[6]; } *e = ctx;
	if (e->id == 59)
		SAY("every", e->args[0]);
	return 0;
}
SEC("tracepoint/syscalls/sys_enter_mmap") int six(struct enter *e)
{
	if (e->args[1] == 0x1234)
		bpf_printk("mmap %lx %lx %lx", e->args[0], e->args[1], e->args[2]), bpf_printk("mmap %lx %lx %lx", e->args[3], e->args[4], e->args[5]);
	return 0;
}
SEC("kprobe/__se_sys_mmap") int six_args(struct pt_regs *ctx)
{
	if (ctx->rsi == 0x1234)
		bpf_printk("se %lx %lx %lx", ctx->rcx, ctx->r8, ctx->r9);
	return 0;
}
SEC("kprobe/__x64_sys_getppid") int who(void *ctx)
{
	char comm[16];
	bpf_get_current_comm(comm, sizeof(comm));
	bpf_printk("who %s %d %d", comm, bpf_get_current_pid_tgid() >> 32, (int)bpf_get_current_pid_tgid());
	bpf_printk("ids %d %d", (int)bpf_get_current_uid_gid(), bpf_get_current_uid_gid() >> 32);
	return 0;
}
SEC("kprobe/__x64_sys_chdir") int bad(struct pt_regs *ctx)
{
	char buf[8] = "unread";
	struct pt_regs regs = {};
	long kernel = bpf_probe_read_kernel(buf, 8, (void *)0xffffffff81000000);
	bpf_probe_read_kernel(&regs, sizeof(regs), (void *)ctx->rdi);
	bpf_printk("bad %d %d %d", kernel, bpf_probe_read_user(buf, 8, (void *)regs.rdi), buf[0]);
	return 0;
}
char LICENSE[] SEC("license") = "GPL";
EOF
cat >"$T/calls.c" <<'EOF'
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void)
{
	char *argv[] = { "true", 0 };
	syscall(SYS_mmap, 0x1000ul, 0x1234ul, 0x7ul, 0x22ul, -1l, 0x55000ul);
	syscall(SYS_getppid);
	syscall(SYS_chdir, 8ul);
	fprintf(stderr, "%d %d %d\n", getpid(), getuid(), getgid());
	execv("/bin/true", argv);
	return 1;
}
EOF
${CC:-cc} -o "$T/calls" "$T/calls.c" || skip_all "no C compiler"
run "$SKEP" run "$T/all.bpf.c" -- "$T/calls"
is "$status" 0 "it runs"
read -r pid uid gid <<<"$(tail -n 1 "$T/err")"
got=$(sed -E 's/^.*bpf_trace_printk: //' "$T/out")
has() { grep -qxF -- "$1" <<<"$got"; ok $? "$1" || sed 's/^/# /' <<<"$got"; }
has "regs /bin/true 10"
has "nr 59 59"
has "args /bin/true 10"
has "record /bin/true 10"
has "record nr 59"
has "raw /bin/true 10"
has "every /bin/true 10"
has "mmap 1000 1234 7"
has "mmap 22 ffffffffffffffff 55000"
has "se 22 ffffffffffffffff 55000"
has "who calls $pid $pid"
has "ids $uid $gid"
has "bad -14 -14 0"
is "$(grep -E '^(raw|record|regs|args) /bin/true' <<<"$got" | cut -d' ' -f1 | paste -sd' ')" "raw record regs args" \
	"one after the other as the kernel meets them: sys_enter, tracepoint, function"
done_testing
