/* SPDX-License-Identifier: BSD-2-Clause */
/* Program types and attach types, from prog.def; tests/unit/prog_def.c asks the running kernel. */
#ifndef DEF_PROG_H
#define DEF_PROG_H

#include "def/uapi.h"
#include "util/types.h"

struct prog_info {
	u32 type;
	const char *name; /* "sched_cls", bpftool's and libbpf's */
	const char *ctx;  /* struct behind r1, "__sk_buff"; NULL: none of its own */
	u64 attach;	  /* expected attach types, bit set; 0: not looked at */
	bool test_run;	  /* BPF_PROG_TEST_RUN; else -ENOTSUPP (524) */
	bool kernel_test; /* in Linux alone: the run needs kernel objects */
	bool pkt_read;	  /* helpers take its packet pointers for reading */
	bool pkt_write;	  /* and writing; the program may write through them */
	bool ld_abs;	  /* legacy packet loads */
	bool btf_args;	  /* context is an array of arguments typed by BTF */
	bool sleeps;	  /* BPF_F_SLEEPABLE may be asked for */
};

/* NULL for numbers that are no program type. */
const struct prog_info *prog_info(u32 type);

/* The type bpftool calls name, or -ENOENT. */
int prog_type_by_name(const char *name);

/*
 * BPF_PROG_LOAD's view of the pair: 0 and *attach possibly replaced by the default the kernel fills in
 * (cgroup_sock, sk_reuseport), or -EINVAL. Tracing and LSM are checked by their BTF id elsewhere.
 */
int prog_check_attach(u32 type, u32 *attach);

/* true: r0 must be in [*low, *high] at exit. */
bool prog_return_range(u32 type, u32 attach, s32 *low, s32 *high);

#endif
