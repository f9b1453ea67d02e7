#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A set-user-ID program in the tree is told of once; as root nothing is taken from it.
. "$(dirname "$0")/lib.sh"

program=$(find /usr/bin /bin -maxdepth 1 -perm -4111 -user root -type f 2>/dev/null | head -n 1)
[ -n "$program" ] || skip_all "no set-user-ID program here"
run "$SKEP" run --attach kprobe:execve "$hello" -- sh -c "$program --version; $program --version; cd /; .$program --version; exit 0" </dev/null
n=$(grep -c "is a set-user-ID program; under skep it runs without its owner's rights" "$T/err")
if [ "$(id -u)" = 0 ]; then
	is "$n" 0 "as root there is nothing to tell"
else
	is "$n" 1 "$program is told of, once"
	run "$SKEP" run --attach kprobe:execve "$hello" -- sh -c "cd /; .$program --version; exit 0" </dev/null
	like "$err" "note: .$program is a set-user-ID" "also by a relative name"
fi
run "$SKEP" run --attach kprobe:execve "$hello" -- sh -c 'grep NoNewPrivs /proc/self/status >&2'
like "$err" "NoNewPrivs:.*$([ "$(id -u)" = 0 ] && echo 0 || echo 1)" "no_new_privs is set only where it must be"
done_testing
