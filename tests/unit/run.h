/* SPDX-License-Identifier: BSD-2-Clause */
/* A slot to call helper bodies in, without a program: a stack, a process that is this one, a trace sink. */
#ifndef TESTS_UNIT_RUN_H
#define TESTS_UNIT_RUN_H

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "def/ctx_layout.h"
#include "def/run.h"
#include "helper/helper.h"

static char run_traced[2048];

static void run_trace(struct run *run, const char *line, size_t len)
{
	(void)run;
	len = min(len, sizeof(run_traced) - 1);
	memcpy(run_traced, line, len);
	run_traced[len] = 0;
}

static void run_comm(struct task *task, char comm[16])
{
	(void)task;
	strcpy(comm, "bees");
}

static void run_creds(struct task *task, u32 *uid, u32 *gid)
{
	(void)task;
	*uid = 1000;
	*gid = 100;
}

static int run_read(struct task *task, void *dst, u64 addr, size_t len)
{
	struct iovec to = { dst, len }, from = { (void *)(uintptr_t)addr, len };

	(void)task;
	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)len ? 0 : -EFAULT;
}

static const struct task_ops run_task_ops = { .comm = run_comm,
					      .creds = run_creds,
					      .read = run_read };
static struct task run_task = { .ops = &run_task_ops, .pid = 43, .tgid = 42 };
static const struct run_ops run_ops_table = { .trace = run_trace };
static u8 run_stack[RUN_STACK_SIZE] __attribute__((aligned(16)));

/* All of a test is on one slot. */
static struct run run_slot = {
	.stack_top = run_stack + sizeof(run_stack),
	.stack_low = run_stack,
	.stack_cur = run_stack + sizeof(run_stack),
	.ops = &run_ops_table,
	.task = &run_task,
};

/* Calls helper number with integers or pointers. */
#define CALL5(number, a, b, c, d, e) \
	((s64)helper_body(number)((u64)(a), (u64)(b), (u64)(c), (u64)(d), (u64)(e), &run_slot))
#define CALL(number, a, b, c) CALL5(number, a, b, c, 0, 0)

#endif
