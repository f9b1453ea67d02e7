/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the benchmark programs share. A program is one C file that is compiled for BPF and natively
 * from the same text: u64 program(void) works on the global `data`, which the harness fills, and
 * returns a value that every engine must agree on. All code of a file is in section "prog", the
 * program itself first, so that the harness needs no linker. Loops have constant bounds and indexes
 * are masked where the Linux verifier wants it, since the kernel's JIT is one of those compared.
 */
#ifndef BENCH_H
#define BENCH_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;

#define PROG __attribute__((section("prog")))
#define NOINLINE __attribute__((noinline, section("prog")))

PROG u64 program(void *ctx);

#endif
