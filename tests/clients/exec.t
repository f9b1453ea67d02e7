#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# skep exec: CMD's status is skep's, its words and signals are its own; wrong usage is one line.
. "$(dirname "$0")/../cli/lib.sh"

run "$SKEP" exec -- sh -c 'echo out; echo err >&2; exit 7'
is "$status $out $err" "7 out err" "status and streams are CMD's"
run "$SKEP" exec sh -c 'exit 3'
is "$status" 3 "without --"
run "$SKEP" exec -- sh -c 'kill -TERM $$'
is "$status" 143 "CMD's signal"
run "$SKEP" exec -- "$T/nothing"
is "$status" 127 "no such command"
touch "$T/nothing"
run "$SKEP" exec -- "$T/nothing"
is "$status" 126 "not executable"
run "$SKEP" exec
is "$status $(wc -l <"$T/err")" "2 1" "no command: a line and 2"
run "$SKEP" exec --frob true
is "$status" 2 "unknown option: 2"
like "$err" "'--frob'" "unknown option is named"
run "$SKEP" exec -- "$SKEP" exec true
is "$status" 125 "skep exec within skep exec is refused"
like "$err" "listener is there already" "and says why"
done_testing
