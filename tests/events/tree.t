#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every execve of a tree prints one line in trace_pipe's format, with the name the caller had before it.
. "$(dirname "$0")/lib.sh"

build workload || skip_all "no C compiler"
build static -static 2>/dev/null || cp "$T/workload" "$T/static"

trace sh -c 'exit 3'
is "$status" 3 "the command's status is skep's"
is "$(wc -l <"$T/lines")" 0 "a shell that executes nothing: no line"
is "$(sed -E 's/-[0-9]+ +\[[0-9]{3}\] [^ ]+ +[0-9]+\.[0-9]{6}: bpf_trace_printk: /|/' "$T/all")" \
	"            skep|Hello World!
     with-output|Hello World!" "the lines are trace_pipe's"

trace sh -c '/bin/true; /bin/echo a; (exec /no/such/command) 2>/dev/null; exit 0'
is "$(comms)" $'sh\nsh\nsh' "a script: two commands and a failing execve"
is "$out" a "and its output is its own"
trace sh "$root/examples/tree.sh" "$T/static"
is "$status" 0 "the example tree runs"

for way in vfork spawn execveat:0 fail fork:0 thread name threads:20; do
	want=1 name=${way%:*}
	[ "$way" = "$name" ] || want=${way#*:}
	for program in workload static; do
		trace "$T/$program" "$name"
		is "$status:$(wc -l <"$T/lines")" "0:$want" "$program $name: $want"
	done
done
trace "$T/workload" thread
is "$(comms)" worker "an execve in a thread has the thread's name"
trace "$T/workload" name
is "$(comms)" "a name of 15 ch" "a name set by prctl, spaces included"

trace "$T/workload" storm
is "$status:$(wc -l <"$T/lines")" "0:1000" "1,000 short-lived processes: none is missed"

# Every call of the tree stopped and let go: threads, 32-bit calls, failing calls, all end as they should.
for way in int80 threads vfork thread fail fork; do
	run timeout 600 "$SKEP" run --attach raw_tracepoint:sys_enter "$root/tests/events/silent.c" -- "$T/workload" $way
	is "$status" 0 "with all system calls stopped: $way"
done
done_testing
