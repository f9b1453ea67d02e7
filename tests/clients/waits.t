#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# poll, ppoll, select, pselect and epoll wait for the fds of ring and perf buffers under skep exec as on Linux; also where
# pidfd_getfd(2) is denied.
. "$(dirname "$0")/../cli/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
clang=$(command -v clang || command -v clang-14 || command -v clang-19) || skip_all "no clang"
"$clang" -O2 -g -target bpf -I"/usr/include/$(uname -m)-linux-gnu" -c "$here/waits.bpf.c" -o "$T/waits.bpf.o" 2>"$T/err" ||
	skip_all "no headers to build a program with"
${CC:-cc} -O1 -o "$T/waits" "$here/waits.c" -lbpf -lelf -lz 2>"$T/err" ||
	skip_all "no libbpf to build a client with: $(head -1 "$T/err")"
${CC:-cc} -O1 -o "$T/denied" "$here/denied.c" || exit 1

side() {
	cat <<END
$1
before: nothing
with a time-out: nothing
a record: ready
END
	[ "$1 $2" = "ring level" ] && echo "looked at again: ready"
	cat <<END
taken 1
after: nothing
a record meanwhile: ready
taken 1
after: nothing
a signal meanwhile: Interrupted system call
something else: ready
END
}
for how in poll ppoll select pselect epoll; do
	kind=level
	[ $how = epoll ] && kind=edge
	want=$(side ring $kind; side perf $kind; echo "mapped again: yes, 1; close-on-exec: 1")
	run "$SKEP" exec -- "$T/waits" "$T/waits.bpf.o" $how
	is "$status $out$err" "0 $want" "$how"
	run "$T/denied" "$SKEP" exec -- "$T/waits" "$T/waits.bpf.o" $how
	is "$status $out$err" "0 $want" "$how, where pidfd_getfd(2) is denied"
	run "$T/waits" "$T/waits.bpf.o" $how
	if [ "$status" = 1 ]; then
		skip "$how on Linux" "bpf(2) is not permitted here"
	else
		is "$status $out" "0 $want" "$how on Linux"
	fi
done
done_testing
