/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BCC's implicit reads: t->mm->owner through a kernel pointer is a call of bpf_probe_read() there. Here the
 * compiler leaves a load through a number, and this pass over the bytecode, after CO-RE, makes it that call.
 */
#ifndef BCC_READS_H
#define BCC_READS_H

#include "def/uapi.h"
#include "util/types.h"

/* A load that goes in place of another: attr and the arrays that it points to. */
struct bcc_reads {
	union bpf_attr attr;
	struct bpf_insn *insns;
	void *func_info, *line_info;
	u32 count;   /* of insns */
	u32 changed; /* reads that became calls; 0: the load is right as it was */
};

/*
 * Rewrites what a BPF_PROG_LOAD with this attr (size bytes, its arrays in this process) would load.
 * 0: with out->changed, out->attr is to be loaded instead, then bcc_reads_free(). -ENOMEM; -E2BIG: too long
 * for its jumps; -ENOSPC: no room left on the stack (512 bytes).
 */
int bcc_reads(const void *attr, u32 size, struct bcc_reads *out);
void bcc_reads_free(struct bcc_reads *reads);

#endif
