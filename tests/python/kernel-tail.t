#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# hello-tail.py on Linux, unmodified: every system call of the machine goes to its slot's program. The kernel's trace may lose
# lines among so many, so the command goes on until it has been seen.
. "$(dirname "$0")/lib.sh"
[ "$(uname -m)" = x86_64 ] || skip_all "the program's system call numbers are x86-64's"
on_linux "$1"

cat >"$T/timer.py" <<'END'
import ctypes
libc = ctypes.CDLL(None)
timer = ctypes.c_void_p()
libc.syscall(222, 1, None, ctypes.byref(timer))
libc.syscall(224, 0, None)
libc.syscall(226, 0)
END
# Each round is a process whose number is known, which executes something, makes timers and ends
cat >"$T/rounds.sh" <<END
#!/bin/bash
for i in {1..300}; do
	sh -c 'echo \$\$ >>$T/pids; exec /usr/bin/python3 $T/timer.py'
	for pid in \$(cat $T/pids); do
		grep -E -- "-\$pid +\\[" $T/out >$T/lines
		grep -q 'Executing a program' $T/lines && grep -q 'Creating a timer' $T/lines &&
			grep -q 'Some other timer' $T/lines && grep -q 'Deleting a timer' $T/lines &&
			grep -q 'Another syscall: 231' $T/lines && cp $T/lines $T/seen && exit 3
	done
	sleep 0.1
done
END
chmod +x "$T/rounds.sh"
observe --kernel "$root/examples/python/hello-tail.py" -- "$T/rounds.sh"
is "$status" 3 "a process was seen: executing (slot 59), with its timers (222 to 226), its exit (no program: the caller's line)"
is "$(grep -cE 'Another syscall: (0|1|3|9|21|59|222|224|226|257)'"'" "$T/seen")" 0 "no line for slots that have a program"
is "$(grep -vcE "^b' +.+-[0-9]+ +\[[0-9]{3}\] [^ ]{5} +[0-9]+\.[0-9]{6}: bpf_trace_printk: " "$T/seen")" 0 "lines are the kernel's"
is "$err" "" "nothing on standard error"
done_testing
