#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# hello-buffer.py and hello-ring.py: records through a perf buffer and a ring buffer, made objects by .event(data).
. "$(dirname "$0")/lib.sh"
for kind in buffer ring; do
	observe "$root/examples/python/hello-$kind.py" -- "$T/work.sh"
	is "$status" 3 "$kind: the command's status"
	is "$(wc -l <<<"$out")" 3 "$kind: a record an execve"
	is "$(grep -cE "^[0-9]+ $(id -u) [^ ]+ Hello world\$" <<<"$out")" 3 "$kind: pid, user, command, message"
	is "$(tail -2 <<<"$out" | cut -d' ' -f3 | tr '\n' ' ')" "work.sh work.sh " "$kind: the comm at the time of the call"
	is "$err" "" "$kind: nothing on standard error"
done

# Many records, from several processes at once: each arrives, in the order of each process.
cat >"$T/many.py" <<'END'
from bcc import BPF
b = BPF(text=r"""
BPF_PERF_OUTPUT(perf);
BPF_RINGBUF_OUTPUT(ring, 64);
struct event { u64 n; u32 pid; };
BPF_ARRAY(count, u64, 1);
int on_call(void *ctx) {
    struct event e = { .pid = bpf_get_current_pid_tgid() >> 32 };
    int zero = 0;
    u64 *n = count.lookup(&zero);
    if (!n)
        return 0;
    e.n = __sync_fetch_and_add(n, 1);
    perf.perf_submit(ctx, &e, sizeof(e));
    ring.ringbuf_output(&e, sizeof(e), 0);
    return 0;
}
""")
got = {"perf": 0, "ring": 0}
def on_perf(cpu, data, size):
    b["perf"].event(data)
    got["perf"] += 1
def on_ring(ctx, data, size):
    b["ring"].event(data)
    got["ring"] += 1
b["perf"].open_perf_buffer(on_perf, page_cnt=64)
b["ring"].open_ring_buffer(on_ring)
b.attach_kprobe(event=b.get_syscall_fnname("getppid"), fn_name="on_call")
try:
    while True:
        b.perf_buffer_poll(50)
        b.ring_buffer_poll(50)
except KeyboardInterrupt:
    b.perf_buffer_consume()
    b.ring_buffer_consume()
    print(got["perf"], got["ring"], b["count"][0].value)
END
cat >"$T/calls.py" <<'END'
import os
for i in range(3):
    if os.fork() == 0:
        for n in range(300):
            os.getppid()
        os._exit(0)
for i in range(3):
    os.wait()
END
observe "$T/many.py" -- /usr/bin/python3 "$T/calls.py"
is "$status $out" "0 900 900 900" "900 records from three processes, through both"
done_testing
