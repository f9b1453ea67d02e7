/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What bpf_get_current_task() points to: objects laid out as the kernel's BTF says (task_struct of the
 * thread, its group's leader and its parent, and cred), with the fields that are known filled in and
 * zeroes elsewhere. They have addresses of their own, which only blind reads understand.
 */
#ifndef HELPER_CURRENT_H
#define HELPER_CURRENT_H

#include "btf/btf.h"
#include "def/run.h"

struct current;

/* The objects of one slot. -ENOENT where the BTF has no task_struct, -ENOMEM. */
int current_new(struct current **out, const struct btf *vmlinux);
void current_free(struct current *current);

/* Where a task's task_struct is, and that of task->child. */
u64 current_address(const struct task *task);
u64 current_child_address(void);
/* As mem_reach(): the bytes behind an address of one of the objects, made and filled in for the run's task when they
 * are first looked at; NULL if it is none. */
const void *current_reach(struct run *run, u64 addr, u64 len, u64 *avail);
/* Makes sure that they are there: false where no BTF says their layout. */
bool current_ready(struct run *run);

#endif
