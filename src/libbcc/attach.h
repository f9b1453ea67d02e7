/* SPDX-License-Identifier: BSD-2-Clause */
/* What attaching asks of other files here. */
#ifndef LIBBCC_ATTACH_H
#define LIBBCC_ATTACH_H

#include "util/types.h"

/*
 * Where the kernel has no kprobes: the program once more, made to run from raw tracepoint sys_enter and there for one
 * system call only, and attached; with a note to standard error. An fd, or -1 where name is no system call's function.
 */
int attach_without_kprobes(int prog_fd, bool at_return, const char *name, u64 offset);

/* Whether it is what a system call's function is called after its prefix. */
bool is_syscall(const char *function);

/* Prints "; nearest: …" of the functions of system calls. */
void syscalls_suggest(const char *name);

/* The link of that is about to be closed. Any other fd is fine. */
void fallback_closed(int link);

/* Whether skep run said that skep answers; else it is Linux, or nobody knows. */
bool answer_is_skep(void);

/* Prints "; nearest: …" of the kernel's functions. */
void symbols_suggest(const char *name);

/* Names to suggest from; the kernel lists its raw tracepoints nowhere. */
extern const char *const raw_tracepoints[];
extern const size_t nr_raw_tracepoints;

#endif
