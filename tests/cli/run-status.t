#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Exit statuses of skep run, as env(1) has them, and signals.
. "$(dirname "$0")/lib.sh"
hello="$SKEP run -a kprobe:execve $root/examples/hello.c --"

run $hello /bin/sh -c 'exit 42'
is "$status" 42 "the command's status"
run $hello /bin/sh -c 'kill -TERM $$'
is "$status" 143 "a signal's: 128 + n"
PATH=/usr/bin:/bin run $hello skep-no-such-command
is "$status" 127 "no such command: 127"
like "$err" 'skep-no-such-command' "and it is named"
run $hello "$T"
is "$status" 126 "a command that cannot be executed: 126"
run "$SKEP" run "$T/none.c" -- /bin/true
is "$status" 125 "skep's own failure: 125"
like "$err" "$T/none.c: No such file" "the missing file is named"
is "$(wc -l <"$T/err")" 1 "in one line"
run "$SKEP" run "$root/examples/hello.c" --frob -- /bin/true
is "$status" 2 "wrong option: 2"
for words in "" "a.c b.c" "a.c --" "--pcap x a.c -- true" "--out x a.c" "--every soon a.c" "-a" "--kernel --interp a.c"; do
	run "$SKEP" run $words
	is "$status" 2 "run $words: exit 2"
	is "$(wc -l <"$T/err")" 1 "run $words: one line"
done
done_testing
