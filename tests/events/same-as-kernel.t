#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The same workload seen by skep and by the kernel's tracepoint sys_enter_execve: the same lines but for flags, CPU and time.
. "$(dirname "$0")/lib.sh"

[ "$(id -u)" = 0 ] || skip_all "the kernel's tracing wants root"
build workload || skip_all "no C compiler"
if [ -z "${SKEP_PRIVATE_MOUNTS:-}" ]; then
	unshare -m true 2>/dev/null || skip_all "no private mounts"
	rm -rf "$T" # an exec runs no trap
	SKEP_PRIVATE_MOUNTS=1 exec unshare -m "$0"
fi
tracing=$T/tracing
mkdir "$tracing"
mount -t tracefs none "$tracing" 2>/dev/null || skip_all "no tracefs"
trap 'rmdir "$tracing"/instances/skep-test-$$-*; umount "$tracing"; rm -rf "$T"' EXIT
[ -d "$tracing/events/syscalls/sys_enter_execve" ] || skip_all "no tracepoint sys_enter_execve"

cat >"$T/work.sh" <<'EOF'
/bin/true
/bin/echo one | /bin/cat
(exec /no/such/command) 2>/dev/null
"$1" vfork; "$1" spawn; "$1" thread; "$1" name; "$1" threads; "$1" fork; "$1" fail; "$1" execveat
sh -c 'sh -c /bin/true; exit 5'
exit 0
EOF
trace sh "$T/work.sh" "$T/workload"
comms | sort | uniq -c | sed -E 's/^ *([0-9]+) /\1|/' >"$T/skep"

# A trace file shows the names that processes had last, so the kernel counts for each name in an instance of its own,
# by a filter on the name of the moment; one more without a filter counts all.
instance() { echo "$tracing/instances/skep-test-$$-$1"; }
prepare() {
	mkdir "$(instance "$1")" 2>/dev/null || skip_all "no instance of tracefs can be made"
	echo 1 >"$(instance "$1")/options/event-fork"
	echo "${2:-0}" >"$(instance "$1")/events/syscalls/sys_enter_execve/filter"
}
prepare all
n=0
cut -d'|' -f2 "$T/skep" >"$T/names"
while read -r name; do
	prepare $((n++)) "comm == \"$name\""
done <"$T/names"
(
	for i in "$tracing"/instances/skep-test-$$-*; do
		echo "$BASHPID" >"$i/set_event_pid"
		echo 1 >"$i/events/syscalls/sys_enter_execve/enable"
	done
	exec /bin/sh "$T/work.sh" "$T/workload" >/dev/null
)
for i in "$tracing"/instances/skep-test-$$-*; do
	echo 0 >"$i/events/syscalls/sys_enter_execve/enable"
	echo >"$i/set_event_pid"
done
count() { grep -c sys_execve "$(instance "$1")/trace"; }
n=0
while read -r name; do
	echo "$(count $n)|$name"
	n=$((n + 1))
done <"$T/names" >"$T/kernel"
is "$(<"$T/skep")" "$(<"$T/kernel")" "as many execves by each name"
is "$(awk -F'|' '{ n += $1 } END { print n }' "$T/skep")" $(($(count all) - 1)) "and all of them (the kernel saw the shell start, too)"
[ "$(count all)" -gt 30 ]
ok $? "a real workload: $(count all) execves"
done_testing
