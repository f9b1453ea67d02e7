#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# sched_process_fork, _exec and _exit: one line each, with the right names and ids.
. "$(dirname "$0")/lib.sh"

build workload || skip_all "no C compiler"
here=$(dirname "$0")
{ echo '#define LIFE'; cat "$here/life.bpf.c"; } >"$T/life.bpf.c"
said() {
	run timeout 600 "$SKEP" run "$T/life.bpf.c" -- "$@"
	sed -E 's/.*bpf_trace_printk: //' <<<"$out"
}

start="exec $T/workload workload 1"
is "$(said "$T/workload" vfork)" "$start
fork workload 1
exec /bin/true true 1
exit true 1
exit workload 1" "a process that is made, executes, ends"
is "$(said "$T/workload" thread)" "$start
fork workload 1
exec /bin/true true 1
exit true 1" "an execve in a thread keeps the process's id"
is "$(said "$T/workload" fail)" "$start
exit workload 1" "a failing execve is none"
said "$T/workload" killed >"$T/lines"
is "$status:$(grep -c '^exit workload 1$' "$T/lines")" 0:4 "processes that are killed end, too"
said "$T/workload" threads >"$T/lines"
is "$status:$(grep -c '^exec /bin/true true 1$' "$T/lines"):$(grep -c '^exit true 1$' "$T/lines")" 0:20:20 "from four threads"
said "$T/workload" storm >"$T/lines"
is "$status:$(cut -d' ' -f1 "$T/lines" | sort | uniq -c | xargs)" "0:1001 exec 1001 exit 1000 fork" \
	"1,000 short-lived processes: none is missed"

cat >"$T/raw.bpf.c" <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("raw_tracepoint/sched_process_exec") int executes(struct bpf_raw_tracepoint_args *a)
{
	bpf_printk("exec %d %d", a->args[0] == bpf_get_current_task(), a->args[1] == (int)bpf_get_current_pid_tgid());
	return 0;
}
SEC("raw_tracepoint/sched_process_fork") int forks(struct bpf_raw_tracepoint_args *a)
{
	bpf_printk("fork %d %d", a->args[0] == bpf_get_current_task(), a->args[1] != a->args[0]);
	return 0;
}
char LICENSE[] SEC("license") = "GPL";
END
if [ -r /sys/kernel/btf/vmlinux ]; then
	run "$SKEP" run "$T/raw.bpf.c" -- "$T/workload" fork
	is "$(sed -E 's/.*bpf_trace_printk: //' <<<"$out")" $'exec 1 1\nfork 1 1' "the raw ones are given tasks"
fi

# A context is no longer than its tracepoint's: what is behind it is not the program's.
cat >"$T/long.bpf.c" <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("tracepoint/sched/sched_process_exit") int long_(long *e) { return e[100]; }
char LICENSE[] SEC("license") = "GPL";
END
run "$SKEP" run "$T/long.bpf.c" -- true
is "$status" 125 "a program that reads behind the record is not attached"
like "$err" "reads 808 bytes of context, there are 33" "and told why"
done_testing
