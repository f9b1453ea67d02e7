#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Help, version, and one clear line with exit 2 for wrong usage.
. "$(dirname "$0")/lib.sh"

run "$SKEP" --help
is "$status" 0 "--help exits 0"
like "$out" "usage: skep COMMAND" "--help tells the usage"
is "$err" "" "--help says nothing on stderr"
run "$SKEP" --version
like "$out" '^skep [0-9]+\.[0-9]+\.[0-9]+$' "--version"
run "$SKEP"
is "$status" 2 "no command: exit 2"
is "$(wc -l <"$T/err")" 1 "no command: one line"
run "$SKEP" frobnicate
is "$status" 2 "unknown command: exit 2"
like "$err" "no command 'frobnicate'" "unknown command is named"
run "$SKEP" --frobnicate
is "$status" 2 "unknown option: exit 2"
for c in $("$SKEP" --help | sed -n '/^  [a-z]/s/^  \([a-z]*\) .*/\1/p' | grep -v '^skep$'); do
	run "$SKEP" "$c" --help
	is "$status" 0 "$c --help exits 0"
	like "$out" "^usage: skep $c" "$c --help begins with its usage"
done
done_testing
