/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running programs inside core. A slot is one CPU's share of a hive: one program runs on it at a
 * time, on its own BPF stack, inside its own epoch slot.
 */
#ifndef CORE_PROG_H
#define CORE_PROG_H

#include <fcntl.h>

#include "core/objects.h"

/* What one run of a program is given. */
struct run_input {
	void *ctx;
	struct task *task;
	const struct run_region *regions;
	u32 nr_regions;
	u64 cookie;
	u64 func_ip;
	struct run_seq *seq;
};

/* Holds slot cpu (taken modulo the number of slots) for several runs; false: this very thread is running a program on
 * it already, which counts as a miss of prog. */
bool slot_enter(struct hive *hive, u32 cpu, struct prog *prog);
void slot_leave(struct hive *hive, u32 cpu);
/* One run, inside slot_enter() and slot_leave(). Returns r0. */
u64 slot_run(struct hive *hive, u32 cpu, struct prog *prog, const struct run_input *input);
/* The thread that calls, as the current task of its own test runs. */
void task_self(struct task *task);
/* The slot the calling thread should use: the CPU it is on. */
u32 slot_here(const struct hive *hive);

#endif
