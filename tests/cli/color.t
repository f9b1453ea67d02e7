#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Colour is for terminals: of what the compiler and the verifier say there, and nowhere else.
. "$(dirname "$0")/lib.sh"
command -v script >/dev/null || skip_all "no script(1), which makes terminals"
script -qec true /dev/null </dev/null >/dev/null 2>&1 || skip_all "no terminals can be made here"
skep=$(realpath "$SKEP")
cp "$root/examples/count-opens.bpf.c" "$T/rejected.bpf.c"
printf 'int hello(void *ctx) {\n\tbpf_trace_printk("x")\n}\n' >"$T/bad.c"
cd "$T" || exit 1
export TERM=xterm
unset NO_COLOR

colour() { # what a terminal gets of a command: the lines with escape sequences
	script -qec "$1" /dev/null </dev/null | grep -c $'\033\['
}
for command in "verify rejected.bpf.c" "run rejected.bpf.c -- true" "run bad.c -- true" "build bad.c"; do
	[ "$(colour "'$skep' $command")" -gt 0 ]
	ok $? "skep $command: on a terminal"
	is "$(NO_COLOR=1 colour "'$skep' $command")" 0 "… not with NO_COLOR"
	is "$(TERM=dumb colour "'$skep' $command")" 0 "… not where TERM is dumb"
	# shellcheck disable=SC2086 # words
	is "$("$skep" $command 2>&1 | grep -c $'\033')" 0 "… not into a pipe"
	is "$(colour "'$skep' $command >out.txt 2>&1")$(grep -c $'\033' out.txt)" 00 "… not into a file"
done
done_testing
