#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# hello-functions.py: a function that is inlined and one that is called (which BCC itself refuses), and trace_print(fmt=).
. "$(dirname "$0")/lib.sh"
observe "$root/examples/python/hello-functions.py" -- "$T/work.sh"
is "$status" 3 "the command's status"
is "$(grep -cE "^([0-9]+) says: b'process \1 of user $(id -u)'\$" <<<"$out")" 3 "fields of the trace line and what was said agree"
is "$(wc -l <<<"$out")" 3 "a line an execve"
done_testing
