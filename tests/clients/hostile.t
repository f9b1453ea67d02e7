#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A client that misbehaves gets an errno; another client of the same hive, and skep itself, do not notice.
. "$(dirname "$0")/../cli/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
${CC:-cc} -O1 -pthread -o "$T/hostile" "$here/hostile.c" 2>"$T/err" || { ok 1 "builds"; cat "$T/err"; exit 1; }
for attack in random changing gone exhaustion memory fault wandering; do
	rm -f "$T/stop"
	# few fds, so that exhausting them is quick
	run bash -c 'ulimit -n 256; "$0" exec --max-memory 16M -- bash -c '\''"$0" victim "$1" & "$0" "$2"; echo "attack $?"; touch "$1"; wait $!; echo "victim $?"'\'' "$1" "$2" "$3"' \
		"$SKEP" "$T/hostile" "$T/stop" $attack
	[ $attack = fault ] && [[ $out == "attack 77"* ]] && { skip fault "no userfaultfd(2)"; continue; }
	is "$status $out" "0 attack 0
victim 0" "$attack" || sed 's/^/# /' <<<"$err" | sort | uniq -c | sort -n | tail -5
	[ $attack != memory ] || is "$(grep -c 'may hold 16 MiB.*--max-memory' <<<"$err")" 1 "and is told, once"
done
for size in 0 x -1 5X 1MM 99999999999G; do
	run "$SKEP" exec --max-memory $size -- true
	is "$status" 2 "--max-memory $size is none"
done
run "$SKEP" exec --max-memory 4096K -- true
is "$status" 0 "--max-memory 4096K"
done_testing
