#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Storms of events whose lines nobody reads: the command is not held up, skep's memory and descriptors stay bounded,
# and each line that did not come is counted.
. "$(dirname "$0")/lib.sh"

build workload || skip_all "no C compiler"
cat >"$T/flood.sh" <<'EOF'
flood=$1
shift
: >"$flood/started"
until [ -e "$flood/go" ]; do sleep 0.02; done
"$@"
: >"$flood/finished"
until [ -e "$flood/leave" ]; do sleep 0.02; done
exit 5
EOF
# the trace pipe is 1 MiB; what is printed is some 4; sanitizers have memory of their own
limit=$([ -z "${SAN:-}" ] && echo 2560 || echo 65536)
kb() { sed -n "s/^$1:[^0-9]*\([0-9]*\).*/\1/p" "/proc/$skep/status"; }

numbers() { sed -n 's/.*bpf_trace_printk: line \([0-9]*\) .*/\1/p' "$T/trace"; }
# a line that was printed after some that are lost
has_gap() { [ -e "$T/trace" ] && ! numbers | awk '$1 != NR - 1 { exit 1 }'; }

# flood WHAT PROGRAM CMD…: nobody reads the trace before CMD has ended
flood() {
	local what=$1 program=$2 kb fds
	rm -f "$T"/{started,go,finished,leave,fifo,trace}
	mkfifo "$T/fifo"
	(
		exec 3<"$T/fifo"
		await [ -e "$T/finished" ]
		exec cat <&3 >"$T/trace"
	) &
	"$SKEP" run --maps none "$program" -- bash "$T/flood.sh" "$T" "${@:3}" >"$T/fifo" 2>"$T/err" &
	skep=$!
	await [ -e "$T/started" ]
	kb=$(kb VmRSS)
	: >"$T/go"
	await [ -e "$T/finished" ]
	ok $? "$what: ends, though nobody reads" || sed 's/^/# /' "$T/err"
	fds=$(ls "/proc/$skep/fd" | wc -l)
	[ "$fds" -le 200 ]
	ok $? "$what: no more than 200 descriptors: $fds"
	[ $(($(kb VmHWM) - kb)) -le $limit ]
	ok $? "$what: at most $limit kB more memory: $kb kB at first, $(kb VmHWM) kB at the most"
	await has_gap
	ok $? "$what: lines are lost, and when somebody reads there is room for others"
	: >"$T/leave"
	wait "$skep"
	is "$?" 5 "$what: the command's status is its own"
	wait
	numbers >"$T/numbers"
	lost=$(sed -n 's/^CPU:0 \[LOST \([0-9]*\) EVENTS\]$/\1/p' "$T/trace" | awk '{ n += $1 } END { print n + 0 }')
	is "$(sort -nuc "$T/numbers" 2>&1)" "" "$what: lines come once, in their order"
	is "$(($(wc -l <"$T/numbers") + lost))" "$(($(tail -n 1 "$T/numbers") + 1))" \
		"$what: what came and what was lost ($lost) is all there was"
}

# printer SECTION TIMES: $T/printer.bpf.c prints numbered lines
printer() {
	cat >"$T/printer.bpf.c" <<EOF
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
long printed;
SEC("$1") int print(void *ctx)
{
	for (int i = 0; i < $2; i++)
		bpf_printk("line %ld of a storm, long enough to fill any pipe before it has ended $(printf %060d 0)",
			   __sync_fetch_and_add(&printed, 1));
	return 0;
}
char LICENSE[] SEC("license") = "GPL";
EOF
}

printer kprobe/__x64_sys_execve 8
flood "an exec storm" "$T/printer.bpf.c" bash -c 'for i in 1 2 3; do "$0" storm & done; wait' "$T/workload"
printer raw_tp/sys_enter 1
flood "a line from every system call" "$T/printer.bpf.c" perl -e 'syscall(110) for 1 .. 25000'
done_testing
