#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The book's programs over the same workload on skep and on Linux: the same executions, users, records, system calls.
. "$(dirname "$0")/lib.sh"
on_linux "$1"

# Linux shows the whole machine: what is the command's own carries a name that nobody else has.
mine=sksm$$
printf '#!/bin/sh\n/bin/true\n/bin/ls / >/dev/null\n/bin/true\nexit 3\n' >"$T/$mine"
chmod +x "$T/$mine"

# both FILTER WHAT PROGRAM CMD…: the filter's part of the output is the same, and not empty
both() {
	local filter=$1 what=$2 linux
	shift 2
	observe --kernel "$1" -- "${@:2}"
	linux=$($filter <<<"$out")
	observe "$1" -- "${@:2}"
	like "$linux" . "$what: there is something to compare"
	is "$($filter <<<"$out")" "$linux" "$what"
}

records() { sed -nE "s/^[0-9]+ ([0-9]+ $mine .*)/\1/p"; }
for kind in buffer ring; do
	both records "hello-$kind.py: user, command, message of each execution" "$root/examples/python/hello-$kind.py" "$T/$mine"
done

# processes are told apart by their numbers, which are others on each run
sed "s/Hello World!/Hello $mine!/" "$root/examples/python/hello.py" >"$T/hello.py"
printf '#!/bin/sh\n/bin/true\necho $$ >%s/pid\nexec /bin/true\n' "$T" >"$T/pid.sh"
chmod +x "$T/pid.sh"
lines() { sed -nE "s/^b' +.+-$(<"$T/pid") .*: (bpf_trace_printk: .*)'/\1/p"; }
both lines "hello.py: lines of one process" "$T/hello.py" "$T/pid.sh"

# two users whom nobody else is; the first executes as the second
if command -v setpriv >/dev/null; then
	one=$((200000000 + $$)) two=$((300000000 + $$))
	as="$(command -v setpriv) --clear-groups --reuid"
	printf '#!/bin/sh\n%s %s /bin/true\nexec %s %s /bin/sh -c "/bin/true; exec /bin/true"\n' "$as" $one "$as" $two >"$T/two.sh"
	chmod +x "$T/two.sh"
	users() { tail -1 | tr '\t' '\n' | grep -E "^ID ($one|$two):" | sort; }
	both users "hello-map.py: executions of two users" "$root/examples/python/hello-map.py" "$T/two.sh"
	is "$(users <<<"$out" | tr '\n' ' ')" "ID $one: 1 ID $two: 3 " "as many as there were"
fi

# hello-tail.py with counts in the place of lines, which a kernel's trace loses when there are many
cat >"$T/tail.py" <<'END'
import ctypes as ct
import time
from bcc import BPF
b = BPF(text=r"""
BPF_PROG_ARRAY(syscall, 500);
struct seen { u32 nr, by; char comm[16]; };
BPF_HASH(calls, struct seen);
static inline void count(u32 nr, u32 by) {
    struct seen seen = { .nr = nr, .by = by };
    bpf_get_current_comm(&seen.comm, sizeof(seen.comm));
    if (seen.comm[0] == 's' && seen.comm[1] == 'k' && seen.comm[2] == 's' && seen.comm[3] == 'm')
        calls.atomic_increment(seen);
}
int hello(struct bpf_raw_tracepoint_args *ctx) {
    int opcode = ctx->args[1];
    syscall.call(ctx, opcode);
    count(opcode, 0);
    return 0;
}
int hello_exec(struct bpf_raw_tracepoint_args *ctx) { count(ctx->args[1], 1); return 0; }
int ignore_opcode(void *ctx) { return 0; }
""")
ignore, run = (b.load_func(f, BPF.RAW_TRACEPOINT) for f in ("ignore_opcode", "hello_exec"))
for i in (0, 1, 3, 5, 8):
    b["syscall"][ct.c_int(i)] = ct.c_int(ignore.fd)
b["syscall"][ct.c_int(59)] = ct.c_int(run.fd)
b.attach_raw_tracepoint(tp="sys_enter", fn_name="hello")
try:
    time.sleep(99)
except KeyboardInterrupt:
    for k, v in sorted(b["calls"].items(), key=lambda kv: kv[0].nr):
        print(k.comm.decode(), k.nr, k.by, v.value)
END
if [ "$(uname -m)" = x86_64 ]; then
	own() { grep "^$mine "; }
	both own "hello-tail.py's tables: each system call, by whom it was served, how often" "$T/tail.py" "$T/$mine"
	like "$out" "$mine 59 1 3" "among them three executions, by the program of slot 59"
fi
done_testing
