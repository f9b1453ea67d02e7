#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# TRACEPOINT_PROBE and the structs of tracepoints: run on skep; layouts as the running kernel's tracefs has them.
. "$(dirname "$0")/../cli/lib.sh"
cd "$T"
[ "$(uname -m)" = x86_64 ] || skip_all "numbers of system calls are this machine's"
cat >probe.c <<'END'
BPF_HASH(calls, u32);
TRACEPOINT_PROBE(syscalls, sys_enter_execve)
{
	char name[32] = {};

	bpf_probe_read_user_str(name, sizeof(name), args->filename);
	bpf_trace_printk("%d %s", args->__syscall_nr, name);
	return 0;
}
TRACEPOINT_PROBE(raw_syscalls, sys_enter)
{
	if (args->id == 59)
		calls.increment(args->id);
	return 0;
}
int tracepoint__syscalls__sys_enter_chdir(struct tracepoint__syscalls__sys_enter_chdir *args)
{
	char name[32] = {};

	bpf_probe_read_user_str(name, sizeof(name), args->filename);
	bpf_trace_printk("chdir %s", name);
	return 0;
}
END
run "$SKEP" run probe.c -- /bin/sh -c 'cd /usr; exec /bin/true'
is "$(grep -o 'bpf_trace_printk: .*' <<<"$out")" 'bpf_trace_printk: 59 /bin/sh
bpf_trace_printk: chdir /usr
bpf_trace_printk: 59 /bin/true' "fields of records, by macro and by name"
is "$(grep '^calls' <<<"$out")" 'calls[59]: 2' "raw_syscalls:sys_enter"
cat >loc.c <<'END'
TRACEPOINT_PROBE(sched, sched_process_exec)
{
	char part[5] = {}, text[32] = {};

	TP_DATA_LOC_READ_CONST(part, filename, 4);
	TP_DATA_LOC_READ_STR(text, filename, sizeof(text));
	bpf_trace_printk("%s %s", part, text);
	return 0;
}
END
run "$SKEP" run loc.c -- /bin/sh -c 'exec /bin/true'
is "$(grep -o 'bpf_trace_printk: .*' <<<"$out")" 'bpf_trace_printk: /bin /bin/sh
bpf_trace_printk: /bin /bin/true' "strings in records: TP_DATA_LOC_READ_CONST, TP_DATA_LOC_READ_STR" || sed 's/^/# /' <<<"$err"
printf 'TRACEPOINT_PROBE(no, such) { return args->x; }\n' >none.c
run "$SKEP" build none.c
like "$status $err" "^1 none.c:1:.*tracepoint__no__such" "an unknown tracepoint does not compile, and is named"

# What tracepoint.def says against tracefs, where that can be mounted. (Where it is mounted already, the structs come from it.)
if [ "$(id -u)" = 0 ] && unshare -m sh -c 'mount -t tracefs tracefs /sys/kernel/tracing && cat /sys/kernel/tracing/events/raw_syscalls/sys_enter/format' >/dev/null 2>&1; then
	sed -n 's/^ENTER(\([a-z0-9_]*\),.*/syscalls sys_enter_\1/p; s/^TRACEPOINT(\([a-z_]*\), \([a-z_]*\),.*/\1 \2/p' \
		"$root/src/bcc/tracepoint.def" >rows
	unshare -m sh -c 'mount -t tracefs tracefs /sys/kernel/tracing; cd /sys/kernel/tracing/events; while read -r c e; do
		[ -e $c/$e/format ] || continue
		sed -n "s/.*field:[^;]*[ *]\([a-z_0-9]*\)\(\[[^;]*\)\?;.*offset:\([0-9]*\);.*/$c $e \1 \3/p" $c/$e/format; done' <rows |
		grep -v ' common_' >fields
	{
		while read -r c e; do echo "int tracepoint__${c}__$e(struct tracepoint__${c}__$e *args) { return 0; }"; done <rows
		sed 's/ filename \([0-9]*\)$/ filename \1/' fields | while read -r c e field at; do
			[ "$e.$field" = sched_process_exec.filename ] && field=data_loc_filename
			[ "$e.$field" = sched_process_exit.group_dead ] && continue
			echo "_Static_assert(__builtin_offsetof(struct tracepoint__${c}__$e, $field) == $at, \"$e.$field\");"
		done
	} >layout.c
	run "$SKEP" build layout.c
	is "$err" "" "$(wc -l <fields) fields of $(wc -l <rows) tracepoints lie where the kernel's do"
	[ "$(wc -l <fields)" -gt 50 ]
	ok $? "and there were fields to compare"
else
	skip "layouts" "tracefs cannot be mounted here"
fi
done_testing
