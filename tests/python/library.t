#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# libbcc.so.0: the ABI that bcc's libbcc.py declares and nothing else, no compiler in the process, no 40 MB.
. "$(dirname "$0")/lib.sh"
bcc=/usr/lib/python3/dist-packages/bcc
nm -D --defined-only "$libbcc/libbcc.so.0" | awk '$2 == "T" { print $3 }' | sort >"$T/ours"
grep -ohE '\blib\.[a-z_0-9]+' $bcc/*.py | sed 's/.*lib\.//' | sort -u >"$T/theirs"
is "$(comm -13 "$T/ours" "$T/theirs")" "" "every function that the module names is there"
is "$(grep -vE '^(bpf|bcc|perf_reader|kernel)_' "$T/ours")" "" "no other name is visible"
is "$(nm -D "$libbcc/libbcc.so.0" | grep -cE 'LLVM|clang')" 0 "no compiler"

cat >"$T/memory.py" <<'END'
from bcc import BPF
b = BPF(text="BPF_HASH(h); int hello(void *ctx) { return 0; }")
b.attach_kprobe(event=b.get_syscall_fnname("execve"), fn_name="hello")
print([int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmRSS")][0])
END
observe "$T/memory.py" -- /bin/true
[ "$out" -gt 1000 ] && [ "$out" -lt 40960 ]
ok $? "a Python process with a program attached takes $out KiB, less than 40 MB"
done_testing
