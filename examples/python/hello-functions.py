#!/usr/bin/python3
# Functions in BPF programs: one that is inlined wherever it is called, and one that is called.
from bcc import BPF

program = r"""
static __always_inline int user(void) {
    return bpf_get_current_uid_gid() & 0xFFFFFFFF;
}

static __attribute__((noinline)) int process(int *uid) {
    if (!uid)
        return 0;
    *uid = user();
    return bpf_get_current_pid_tgid() >> 32;
}

int hello(void *ctx) {
    int uid, pid = process(&uid);

    bpf_trace_printk("process %d of user %d", pid, uid);
    return 0;
}
"""

b = BPF(text=program)
b.attach_kprobe(event=b.get_syscall_fnname("execve"), fn_name="hello")
b.trace_print(fmt="{1} says: {5}")
