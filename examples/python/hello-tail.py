#!/usr/bin/python3
# Every system call of the traced processes reaches hello(), which leaves those it has a program for to
# that program, by a tail call through the table: slot N is for system call number N (x86-64).
import ctypes as ct

from bcc import BPF

program = r"""
BPF_PROG_ARRAY(syscall, 500);

int hello(struct bpf_raw_tracepoint_args *ctx) {
    int opcode = ctx->args[1];

    syscall.call(ctx, opcode);
    bpf_trace_printk("Another syscall: %d", opcode);
    return 0;
}

int hello_exec(void *ctx) {
    bpf_trace_printk("Executing a program");
    return 0;
}

int hello_timer(struct bpf_raw_tracepoint_args *ctx) {
    switch (ctx->args[1]) {
    case 222:
        bpf_trace_printk("Creating a timer");
        break;
    case 226:
        bpf_trace_printk("Deleting a timer");
        break;
    default:
        bpf_trace_printk("Some other timer operation");
    }
    return 0;
}

int ignore_opcode(void *ctx) {
    return 0;
}
"""

b = BPF(text=program)

ignore_fn = b.load_func("ignore_opcode", BPF.RAW_TRACEPOINT)
exec_fn = b.load_func("hello_exec", BPF.RAW_TRACEPOINT)
timer_fn = b.load_func("hello_timer", BPF.RAW_TRACEPOINT)
prog_array = b["syscall"]

# The calls that every program makes by the dozen
for i in (0, 1, 3, 5, 8, 9, 10, 11, 12, 13, 14, 16, 17, 21, 158, 218, 257, 262, 273, 302, 318, 334):
    prog_array[ct.c_int(i)] = ct.c_int(ignore_fn.fd)
prog_array[ct.c_int(59)] = ct.c_int(exec_fn.fd)
for i in range(222, 227):
    prog_array[ct.c_int(i)] = ct.c_int(timer_fn.fd)

b.attach_raw_tracepoint(tp="sys_enter", fn_name="hello")
b.trace_print()
