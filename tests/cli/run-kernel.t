#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# skep run --kernel: the same client, Linux answers. In mount and network namespaces of its own.
. "$(dirname "$0")/lib.sh"
take_trace_pipe
[ "$(id -u)" = 0 ] || skip_all "loading into the kernel takes root"
skep=$(realpath "$SKEP")
cat >"$T/null.c" <<'END'
int hello(void *ctx) { return 0; }
END
"$skep" run --kernel -a raw_tp:sys_enter "$T/null.c" -- /bin/true 2>/dev/null || skip_all "this kernel does not load BPF here"
if [ "$1" != inside ]; then
	unshare -mn true 2>/dev/null || skip_all "no namespaces of its own"
	unshare -mn "$BASH" -c "mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; exec '$BASH' '$0' inside"
	exit
fi
[ -e /sys/kernel/tracing/events/syscalls/sys_enter_execve ] || skip_all "no syscall tracepoints"

# Only this test's own processes count: the program looks at the comm.
cat >"$T/own.c" <<'END'
BPF_HASH(counts, u32);
int hello(void *ctx)
{
	char comm[16];
	u32 key = 1;

	bpf_get_current_comm(&comm, sizeof(comm));
	if (comm[0] != 'm' || comm[1] != 'i' || comm[2] != 'n' || comm[3] != 'e')
		return 0;
	bpf_trace_printk("Hello World!");
	counts.increment(key);
	return 0;
}
END
printf '#!/bin/sh\n/bin/true\n/bin/true\nexit 3\n' >"$T/mine.sh"
chmod +x "$T/mine.sh"
run "$skep" run --kernel -a tracepoint:syscalls:sys_enter_execve "$T/own.c" -- "$T/mine.sh"
is "$status" 3 "the command's status"
# execve by skep (comm skep) is not counted; the shell's two children are
is "$(grep -c 'bpf_trace_printk: Hello World!' <<<"$out")" 2 "trace lines from the kernel"
like "$out" 'counts\[1\]: 2' "and the map"
run "$skep" run --kernel -a raw_tp:sys_enter --maps none "$T/own.c" -- "$T/mine.sh"
[ "$(grep -c 'Hello World!' <<<"$out")" -gt 10 ]
ok $? "a raw tracepoint"
run "$skep" run --kernel -a tp:skep:nosuch "$T/own.c" -- /bin/echo ran
is "$status$out" 125 "a tracepoint that is not there: 125, nothing ran"
like "$err" "tracepoint:skep:nosuch: No such file" "named"
if [ ! -e /sys/bus/event_source/devices/kprobe/type ]; then
	note="note: this kernel has no kprobes; hello runs from raw tracepoint sys_enter, for execve"
	run "$skep" run --kernel "$T/own.c" -- "$T/mine.sh"
	is "$status $(grep -c 'Hello World!' <<<"$out")" "3 2" "a kprobe on a system call where the kernel has none: from sys_enter"
	like "$err" "$note" "said"
	cat >"$T/arguments.c" <<'END'
BPF_HASH(names, u64);
int kprobe____x64_sys_access(struct pt_regs *ctx, const char *name, int mode)
{
	u64 key = mode;

	if (mode == 0x55)
		names.update(&key, (u64 *)&name);
	return 0;
}
int kretprobe__sys_access(struct pt_regs *ctx)
{
	u64 key = 100, got = -PT_REGS_RC(ctx);
	char comm[16];

	bpf_get_current_comm(&comm, sizeof(comm));
	if (comm[0] == 'm' && comm[1] == 'i' && comm[2] == 'n' && comm[3] == 'e')
		names.update(&key, &got);
	return 0;
}
END
	printf '#include <sys/syscall.h>\n#include <unistd.h>\nint main(void) { syscall(SYS_access, 8ul, 0x55); return 0; }\n' >"$T/mine.c"
	if ${CC:-cc} -o "$T/mine" "$T/mine.c" 2>/dev/null; then
		run "$skep" run --kernel "$T/arguments.c" -- "$T/mine"
		like "$status $out" '^0 .*names\[85\]: 8' "its arguments are the system call's"
		like "$out" 'names\[100\]: 22' "a kretprobe has the return value (EINVAL)"
	else
		skip "arguments" "no C compiler"
	fi
	cat >"$T/section.bpf.c" <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct pt_regs;
SEC("ksyscall/execve") int entry(struct pt_regs *ctx)
{
	char comm[16];

	bpf_get_current_comm(comm, sizeof(comm));
	if (comm[0] == 'm' && comm[1] == 'i' && comm[2] == 'n' && comm[3] == 'e')
		bpf_printk("by section");
	return 0;
}
char LICENSE[] SEC("license") = "GPL";
END
	run "$skep" run --kernel "$T/section.bpf.c" -- "$T/mine.sh"
	is "$status $(grep -c 'by section' <<<"$out")" "3 2" "a section ksyscall/ likewise"
	run "$skep" run --kernel -a kprobe:vfs_read "$T/own.c" -- /bin/true
	like "$status $err" "^125 .*this kernel has no kprobes" "a kprobe elsewhere: said"
fi
run "$skep" run --kernel -a tp:syscalls:sys_enter_execve "$T/own.c" -- skep-no-such-command
is "$status" 127 "no such command: 127"
if ip link add skept0 type veth peer name skept1 2>/dev/null; then
	cat >"$T/pass.bpf.c" <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int pass(struct xdp_md *ctx) { return XDP_PASS; }
char LICENSE[] SEC("license") = "GPL";
END
	run "$skep" run --kernel -a xdp:skept0 "$T/pass.bpf.c" -- ip link show skept0
	like "$out" "xdp" "an XDP program is on its interface while the command runs"
	is "$(ip link show skept0 | grep -c prog/xdp)" 0 "and gone afterwards"
	ip link del skept0
else
	skip "XDP on an interface" "no veth pair to be had"
fi
run "$skep" run --kernel -a xdp:skepnone0 "$root/examples/hello.bpf.c" -- /bin/true
like "$status $err" "^125 .*xdp:skepnone0: No such device" "an interface that is not there"
done_testing
