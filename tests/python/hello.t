#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The book's first program, unmodified: a line of the trace pipe for every execve of the command.
. "$(dirname "$0")/lib.sh"
observe "$root/examples/python/hello.py" -- "$T/work.sh"
is "$status" 3 "the command's status"
is "$(wc -l <<<"$out")" 3 "a line an execve"
is "$(grep -cE "^b' +[^ ]+-[0-9]+ +\[[0-9]{3}\] [.0-9a-zA-Z]{5} +[0-9]+\.[0-9]{6}: bpf_trace_printk: Hello World!'\$" <<<"$out")" 3 \
	"the line is the kernel's, as Python prints bytes"
is "$err" "" "nothing on standard error, no traceback of the end"

# Events are the command's only: Python's own and the compiler's executions are none.
rm -rf "$T/cache"
observe "$root/examples/python/hello.py" -- /bin/true
is "$(wc -l <<<"$out")" 1 "compiled anew: the compiler's executions are not seen"
done_testing
