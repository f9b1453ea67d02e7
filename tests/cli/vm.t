#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# skep vm: the plug-in protocol of the public conformance suite, and what it says of bad programs.
. "$(dirname "$0")/lib.sh"

exit0='95 00 00 00 00 00 00 00'
len="bf 20 00 00 00 00 00 00 $exit0"			# r0 = r2
third="71 10 02 00 00 00 00 00 $exit0"			# r0 = *(u8 *)(r1 + 2)
endless="05 00 ff ff 00 00 00 00 $exit0"		# goto -1
big="18 00 00 00 ef be ad de 00 00 00 00 78 56 34 12 $exit0"

vm() { printf '%s\n' "$1" >"$T/prog"; shift; run "$SKEP" vm "$@" <"$T/prog"; }

for engine in --interp --jit; do
	if [ $engine = --jit ]; then
		vm "$len" --jit
		[ "$status" = 0 ] || { skip "the JIT" "no back end for this machine"; continue; }
	fi
	vm "$len" $engine '00 01 02 0a'
	is "$status $out" "0 4" "$engine: r2 is the length of the memory"
	vm "$third" $engine '00 01 fe 0a'
	is "$status $out" "0 fe" "$engine: r1 points to the memory"
	vm "$big" $engine
	is "$out" "12345678deadbeef" "$engine: r0 is printed in hex, all of it"
	vm "$third" $engine '00 01'
	is "$status $out" "1 " "$engine: an access behind the memory: status 1, nothing on stdout"
	like "$err" "access outside" "$engine: and a word about it on stderr"
	vm "$endless" $engine --budget 1000
	is "$status" 1 "$engine: an endless loop ends"
	like "$err" "budget" "$engine: because its budget is spent"
	vm "85 00 00 00 05 00 00 00 b7 00 00 00 02 00 00 00 $exit0" $engine
	is "$status $out" "0 2" "$engine: helper 5 can be called"
	vm "ff 00 00 00 00 00 00 00 $exit0" $engine
	is "$status $out" "1 " "$engine: an unknown instruction is refused"
	vm "b7 00 00" $engine
	is "$status" 1 "$engine: half an instruction is refused"
done
vm "b7 0x"
is "$status" 2 "what is no hex is wrong usage"
run "$SKEP" vm --program "$(tr -d ' ' <<<"$big")"
is "$out" "12345678deadbeef" "--program, without blanks"
vm "$len" --frobnicate
is "$status" 2 "an unknown option"
done_testing
