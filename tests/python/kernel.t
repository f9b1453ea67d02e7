#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# skep run --kernel X.py: the same programs and library, Linux answers. Where it has no kprobes, one on a system call runs
# from raw tracepoint sys_enter, with a note.
. "$(dirname "$0")/lib.sh"
on_linux "$1"
note='^bpf: note: this kernel has no kprobes; hello runs from raw tracepoint sys_enter, for __x64_sys_execve$'
[ ! -e /sys/bus/event_source/devices/kprobe/type ] || note='^$'
# Other processes of the machine execute things, too: the command's own carry its name, which nobody else has.
mine=skpy$$
printf '#!/bin/sh\n/bin/true\n/bin/true\nexit 3\n' >"$T/$mine"
chmod +x "$T/$mine"

# Others' programs may print the book's words at the same time.
sed "s/Hello World!/Hello $mine!/" "$root/examples/python/hello.py" >"$T/hello.py"
observe --kernel "$T/hello.py" -- "$T/$mine"
is "$status" 3 "hello.py: the command's status"
# the name in a line of the kernel's trace is looked up when the line is read, and may be another's by then
[ "$(grep -cE "^b' +[^ ]+-[0-9]+ .* bpf_trace_printk: Hello $mine!'\$" <<<"$out")" -ge 3 ]
ok $? "hello.py: lines of the trace pipe"
like "$err" "$note" "hello.py: no kprobes: said"

for kind in buffer ring; do
	observe --kernel "$root/examples/python/hello-$kind.py" -- "$T/$mine"
	is "$(grep -cE "^[0-9]+ 0 $mine Hello world\$" <<<"$out")" 2 "hello-$kind.py: records"
done

observe --kernel "$root/examples/python/hello-functions.py" -- "$T/$mine"
like "$out" "([0-9]+) says: b'process [0-9]+ of user 0'" "hello-functions.py"

# Over the same workload both answers count the same.
cat >"$T/count.py" <<'END'
from bcc import BPF
import sys
import time
b = BPF(text=r"""
struct key { u32 nr; char comm[16]; };
BPF_HASH(calls, struct key);
TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
    struct key key = { .nr = args->id };
    bpf_get_current_comm(&key.comm, sizeof(key.comm));
    if (key.comm[0] == 's' && key.comm[1] == 'k' && key.comm[2] == 'p' && key.comm[3] == 'y')
        calls.increment(key);
    return 0;
}
""")
try:
    time.sleep(99)
except KeyboardInterrupt:
    for k, v in sorted(b["calls"].items(), key=lambda kv: kv[0].nr):
        if k.comm.decode() == sys.argv[1]:
            print(k.nr, k.comm.decode(), v.value)
END
observe --kernel "$T/count.py" "$mine" -- "$T/$mine"
linux=$out
observe "$T/count.py" "$mine" -- "$T/$mine"
like "$linux" "$mine" "system calls were counted"
is "$out" "$linux" "the same system calls, by number and name, on skep and on Linux"
done_testing
