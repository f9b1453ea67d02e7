#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# hello-tail.py: every system call of the command's tree at raw tracepoint sys_enter, and tail calls through a table.
. "$(dirname "$0")/lib.sh"
[ "$(uname -m)" = x86_64 ] || skip_all "the program's system call numbers are x86-64's"
observe "$root/examples/python/hello-tail.py" -- "$T/work.sh"
is "$status" 3 "the command's status"
is "$(grep -c 'bpf_trace_printk: Executing a program' <<<"$out")" 3 "slot 59: executions"
like "$out" 'bpf_trace_printk: Another syscall: [0-9]+' "empty slots: the caller's own line"
is "$(grep -cE 'Another syscall: (0|1|3|9|21|59|257)'"'" <<<"$out")" 0 "no line for slots that ignore or have a program"
is "$(grep -c 'Another syscall: 231' <<<"$out")" 3 "exit_group of all three: everything the tree did, to its end"
is "$err" "" "nothing on standard error"

cat >"$T/timer.py" <<'END'
import ctypes
libc = ctypes.CDLL(None)
timer = ctypes.c_void_p()
libc.syscall(222, 1, None, ctypes.byref(timer))
libc.syscall(224, 0, None)
libc.syscall(226, 0)
END
observe "$root/examples/python/hello-tail.py" -- /usr/bin/python3 "$T/timer.py"
is "$(grep -oE '(Creating|Deleting) a timer|Some other timer operation' <<<"$out" | tr '\n' ,)" \
	"Creating a timer,Some other timer operation,Deleting a timer," "slots 222 to 226 share one program"
done_testing
