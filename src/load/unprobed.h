/* SPDX-License-Identifier: BSD-2-Clause */
/* Kprobes on the functions of system calls where the kernel has none: from raw tracepoints. For clients of Linux. */
#ifndef LOAD_UNPROBED_H
#define LOAD_UNPROBED_H

#include "util/types.h"

struct bpf_insn;

/* Whether the kernel has no kprobes, as far as sysfs and tracefs tell. */
bool unprobed_kernel(void);
/* The number of the system call a function serves, by any of its names; -1: it serves none. */
int unprobed_syscall(const char *function);
/* Rewrites a kprobe's (kretprobe's) program to one of raw tracepoint sys_enter (sys_exit). */
void unprobed_rewrite(struct bpf_insn *insns, size_t count, bool at_return);
/* Attaches it to one system call: the link or -errno. *array has to stay open as long as the link. */
int unprobed_attach(int prog_fd, int nr, bool at_return, int *array);

#endif
