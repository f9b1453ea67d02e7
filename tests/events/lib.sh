# SPDX-License-Identifier: BSD-2-Clause
# For the tests of events: what tests/cli/lib.sh has, and traced workloads.
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"

CC=${CC:-cc}
hello=$root/examples/hello.c
command -v clang >/dev/null || skip_all "no clang"
[ -n "$("$SKEP" --help | grep '^  run ')" ] || skip_all "no skep run"

# build NAME [FLAG...]: the workload program at $T/NAME
build() { $CC -O1 -pthread "${@:2}" -o "$T/$1" "$root/tests/events/workload.c"; }
# trace CMD…: the program hello on every execve of CMD; lines in $T/lines, CMD's own output in $out, $err, $status.
# The trace goes to stdout as CMD's output does, so CMD gets a stdout of its own.
trace() {
	"$SKEP" run --attach kprobe:execve "$hello" -- "$root/tests/events/with-output" "$T/out" "$(command -v "$1")" "${@:2}" >"$T/all" 2>"$T/err"
	status=$?
	out=$(<"$T/out") err=$(<"$T/err")
	sed 1,2d "$T/all" >"$T/lines" # the first two are the execves of with-output and of CMD
}
# comms: the command names of the traced lines, in order
comms() { sed -E 's/^ *(.*)-[0-9]+ +\[[0-9]+\].*/\1/' "$T/lines"; }
# children PID: the processes whose parent it is (pgrep is not everywhere)
children() { grep -lE "^PPid:[[:space:]]+$1\$" /proc/[0-9]*/status 2>/dev/null | cut -d/ -f3; }
