#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A client that misbehaves gets an errno; another client of the same hive, and skep itself, do not notice.
. "$(dirname "$0")/../cli/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
${CC:-cc} -O1 -pthread -o "$T/hostile" "$here/hostile.c" 2>"$T/err" || { ok 1 "builds"; cat "$T/err"; exit 1; }
for attack in random changing gone exhaustion; do
	rm -f "$T/stop"
	# few fds, so that exhausting them is quick
	run bash -c 'ulimit -n 256; "$0" exec -- bash -c '\''"$0" victim "$1" & "$0" "$2"; echo "attack $?"; touch "$1"; wait $!; echo "victim $?"'\'' "$1" "$2" "$3"' \
		"$SKEP" "$T/hostile" "$T/stop" $attack
	is "$status $out" "0 attack 0
victim 0" "$attack" || sed 's/^/# /' <<<"$err" | sort | uniq -c | sort -n | tail -5
done
done_testing
