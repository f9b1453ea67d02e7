/* SPDX-License-Identifier: BSD-2-Clause */
/* The user stack of a traced thread: what /proc says about it, and the walk over that (unwind.h). */
#ifndef EVENT_STACK_H
#define EVENT_STACK_H

#include "def/run.h"
#include "def/uapi.h"

struct stack_reader; /* what is known of one thread's mappings */

/* What struct task_ops says of stack() and build_id(); *reader is made when NULL. */
int stack_walk(struct stack_reader **reader, struct task *task, u64 *ips, u32 max);
void stack_build_id(struct stack_reader **reader, struct task *task, struct bpf_stack_build_id *id);
void stack_reader_free(struct stack_reader *reader);

#endif
