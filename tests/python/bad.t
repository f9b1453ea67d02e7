#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What goes wrong in a Python program: exceptions of BCC's kinds and texts, and on standard error what it was and what to do.
. "$(dirname "$0")/lib.sh"

# bad NAME EXCEPTION ERROR: the program on standard input ends with this last line of its traceback, and says that
bad() {
	cat >"$T/bad.py"
	observe "$T/bad.py" -- /bin/true
	is "$status $(grep -E '^[A-Za-z.]*(Exception|Error|StopIteration)' <<<"$err")" "1 $2" "$1: the exception"
	[ -z "$3" ] || like "$err" "$3" "$1: the reason"
}

bad "C that does not compile" "Exception: Failed to compile BPF module <text>" \
	"/virtual/main.c:2:10: error: use of undeclared identifier 'undefined_thing'.*return undefined_thing;" <<'END'
from bcc import BPF
BPF(text="int hello(void *ctx) {\n  return undefined_thing;\n}\n")
END
bad "a source file that does not compile" "Exception: Failed to compile BPF module b'$T/bad.c'" "expected" <<END
from bcc import BPF
open("$T/bad.c", "w").write("int hello(void *ctx) {")
BPF(src_file="$T/bad.c")
END
bad "a header that is not there" "Exception: Failed to compile BPF module <text>" "'nosuch.h' file not found" <<'END'
from bcc import BPF
BPF(text="#include <nosuch.h>\n")
END
bad "a function that is not there" "Exception: Unknown program b'helo'" "no function 'helo' in this module; nearest: hello" <<'END'
from bcc import BPF
b = BPF(text="int hello(void *ctx) { return 0; }")
b.attach_kprobe(event=b.get_syscall_fnname("execve"), fn_name="helo")
END
bad "a kernel function that is not there" \
	"Exception: Failed to attach BPF program b'hello' to kprobe b'__x64_sys_execvee', it's not traceable (either non-existing, inlined, or marked as \"notrace\")" \
	"kprobe __x64_sys_execvee: .*nearest: __x64_sys_execve" <<'END'
from bcc import BPF
b = BPF(text="int hello(void *ctx) { return 0; }")
b.attach_kprobe(event="__x64_sys_execvee", fn_name="hello")
END
bad "a tracepoint that is not there" \
	"Exception: Failed to attach BPF program b'hello' to tracepoint b'syscalls:sys_enter_execvee'" \
	"tracepoint syscalls:sys_enter_execvee: No such file or directory; nearest: syscalls:sys_enter_execve" <<'END'
from bcc import BPF
b = BPF(text="int hello(void *ctx) { return 0; }")
b.attach_tracepoint(tp="syscalls:sys_enter_execvee", fn_name="hello")
END
bad "a raw tracepoint that is not there" "Exception: Failed to attach BPF to raw tracepoint" "nearest: sys_enter" <<'END'
from bcc import BPF
b = BPF(text="int hello(void *ctx) { return 0; }")
b.attach_raw_tracepoint(tp="sys_entr", fn_name="hello")
END
bad "a raw tracepoint twice" "Exception: Raw tracepoint b'sys_enter' has been attached" "" <<'END'
from bcc import BPF
b = BPF(text="int hello(void *ctx) { return 0; }")
b.attach_raw_tracepoint(tp="sys_enter", fn_name="hello")
b.attach_raw_tracepoint(tp="sys_enter", fn_name="hello")
END
bad "a program that the verifier refuses" "Exception: Failed to load BPF program b'hello': Permission denied" \
	"bpf: Failed to load program hello: Permission denied.*; u64 \*v = h.lookup\(&k\); @ main.c:4.*R0 invalid mem access 'map_value_or_null'" <<'END'
from bcc import BPF
b = BPF(text="BPF_HASH(h);\nint hello(void *ctx) {\n\tu64 k = 0;\n\tu64 *v = h.lookup(&k);\n\treturn *v;\n}\n")
b.load_func("hello", BPF.KPROBE)
END
bad "a table that is not there" "KeyError" "no table 'countr' in this module; nearest: counter" <<'END'
from bcc import BPF
b = BPF(text="BPF_HASH(counter); int hello(void *ctx) { return 0; }")
b["countr"]
END
bad "a key that is not there" "KeyError" "" <<'END'
from bcc import BPF
b = BPF(text="BPF_HASH(h); int hello(void *ctx) { return 0; }")
b["h"][b["h"].Key(7)]
END
bad "a hash that is full" "Exception: Could not update table: Argument list too long" "" <<'END'
from bcc import BPF
b = BPF(text="BPF_HASH(h, u32, u32, 2); int hello(void *ctx) { return 0; }")
for i in range(3):
    b["h"][b["h"].Key(i)] = b["h"].Leaf(i)
END
bad "a key type that is too small" "StopIteration" "table h has keys of 16 bytes, not 4" <<'END'
from bcc import BPF
import ctypes
b = BPF(text="struct k { u64 a, b; }; BPF_HASH(h, struct k); int hello(void *ctx) { return 0; }")
t = b.get_table("h", keytype=ctypes.c_uint32)
next(t.iter())
END
bad "XDP on an interface that is not there" "Exception: Failed to attach BPF to device b'nosuch0': No such device" \
	"no network interface 'nosuch0'" <<'END'
from bcc import BPF
b = BPF(text="int hello(struct xdp_md *ctx) { return XDP_PASS; }")
b.attach_xdp("nosuch0", b.load_func("hello", BPF.XDP), 0)
END
bad "a perf buffer of a wrong size" "Exception: Perf buffer page_cnt must be a power of two" "" <<'END'
from bcc import BPF
b = BPF(text="BPF_PERF_OUTPUT(out); int hello(void *ctx) { return 0; }")
b["out"].open_perf_buffer(print, page_cnt=3)
END
bad "a process that is not there" "bcc.usdt.USDTException: USDT failed to instrument PID 999999999" \
	"usdt: process 999999999: No such file or directory" <<'END'
from bcc import BPF, USDT
USDT(pid=999999999)
END
bad "a symbol of a library that is not there" "Exception: could not determine address of symbol mallocc in c" "" <<'END'
from bcc import BPF
b = BPF(text="int hello(void *ctx) { return 0; }")
b.attach_uprobe(name="c", sym="mallocc", fn_name="hello")
END

bad "an index that an array does not have" "IndexError: Array index out of range" "" <<'END'
from bcc import BPF
b = BPF(text="BPF_ARRAY(a, u64, 2); int hello(void *ctx) { return 0; }")
b["a"][7] = b["a"].Leaf(1)
END
bad "a leaf that is no C type" "TypeError: byref() argument must be a ctypes instance, not 'int'" "" <<'END'
from bcc import BPF
b = BPF(text="BPF_HASH(h); int hello(void *ctx) { return 0; }")
b["h"][b["h"].Key(1)] = 5
END
bad "a queue that is empty" "KeyError: 'Could not pop from table'" "" <<'END'
from bcc import BPF
b = BPF(text="BPF_QUEUE(q, u64, 2); int hello(void *ctx) { return 0; }")
b["q"].pop()
END
if unshare -Urn true 2>/dev/null; then
	cat >"$T/twice.py" <<'END'
from bcc import BPF
b = BPF(text="int f(struct xdp_md *ctx) { return XDP_PASS; }")
fn = b.load_func("f", BPF.XDP)
b.attach_xdp("lo", fn, BPF.XDP_FLAGS_UPDATE_IF_NOEXIST)
b.attach_xdp("lo", fn, BPF.XDP_FLAGS_UPDATE_IF_NOEXIST)
END
	run unshare -Urn "$SKEP" run "$T/twice.py" -- /bin/true
	like "$err" "xdp: lo: Device or resource busy; another program is attached there.*Exception: Failed to attach BPF to device b'lo': Device or resource busy" \
		"XDP on an interface that has a program"
fi

# Two functions on one kprobe, and one of them twice, as on Linux: each attach counts.
cat >"$T/kprobes.py" <<'END'
from bcc import BPF
import time
b = BPF(text="BPF_HASH(h, u32); int f(void *ctx) { h.increment(1); return 0; } int g(void *ctx) { h.increment(2); return 0; }")
for fn in ("f", "g", "f"):
    b.attach_kprobe(event=b.get_syscall_fnname("execve"), fn_name=fn)
try:
    time.sleep(99)
except KeyboardInterrupt:
    print(sorted((k.value, v.value) for k, v in b["h"].items()))
END
observe "$T/kprobes.py" -- /bin/true
is "$out" "[(1, 2), (2, 1)]" "a kprobe again, with another function and with the same"

# The library without an answer: no privilege, not under skep
cat >"$T/alone.py" <<'END'
from bcc import BPF
BPF(text="BPF_HASH(h); int hello(void *ctx) { return 0; }")
END
if [ "$(id -u)" != 0 ]; then
	run env LD_LIBRARY_PATH="$libbcc" /usr/bin/python3 "$T/alone.py"
	like "$err" "skep run PROGRAM.py" "without privilege and without skep: what to do"
fi
done_testing
