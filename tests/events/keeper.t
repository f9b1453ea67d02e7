#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The keeper: a session of its own, no file of anyone's, and when skep is gone hardly any memory.
. "$(dirname "$0")/lib.sh"

stopped() { [ -e "$T/$1" ]; }
gone() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }
kb() { sed -n "s/^$1:[^0-9]*\([0-9]*\).*/\1/p" "/proc/$keeper/status"; }

cat >"$T/work.sh" <<'EOF'
: >"$1/started"
while [ ! -e "$1/go" ]; do sleep 0.02; done
/bin/true && /bin/echo after >"$1/part" && mv "$1/part" "$1/after"
while [ ! -e "$1/stop" ]; do sleep 0.02; done
EOF
"$SKEP" run --attach kprobe:execve "$hello" -- sh "$T/work.sh" "$T" >"$T/out" 2>&1 &
skep=$!
await stopped started
ok $? "the command runs"
keeper=
for pid in $(children $skep); do
	[ "$(cat /proc/$pid/comm)" = skep-keeper ] && keeper=$pid
done
[ -n "$keeper" ] || { ok 1 "there is a keeper"; kill -9 $skep; touch "$T/go" "$T/stop"; done_testing; }
is "$(ls /proc/$keeper/fd | wc -l)" 2 "it holds two descriptors"
is "$(readlink /proc/$keeper/fd/* | grep -vE 'seccomp notify|^socket:')" "" "the listener and its channel"
[ "$(cut -d' ' -f6 /proc/$keeper/stat)" = "$keeper" ]
ok $? "it leads a session of its own"
is "$(readlink /proc/$keeper/cwd)" / "and keeps no folder busy"
for sig in INT TERM HUP QUIT TSTP; do kill -$sig $keeper; done
kill -0 $keeper 2>/dev/null && ! gone $keeper
ok $? "signals do not end it"
kill -KILL $skep
wait $skep 2>/dev/null
touch "$T/go"
await stopped after
is "$(cat "$T/after")" after "skep killed: the command's calls continue"
small() { [ "$(kb VmRSS)" -le 200 ] && [ "$(kb VmSize)" -le 1024 ]; }
await small
ok $? "the keeper is small now: $(kb VmRSS) kB of $(kb VmSize) kB"
touch "$T/stop"
await gone $keeper
ok $? "and ends with the tree"
done_testing
