// SPDX-License-Identifier: BSD-2-Clause
/* Threads compile, run and free programs at once: executable memory is shared among them. */
#include <pthread.h>

#include "tap.h"
#include "vm/code.h"

enum { THREADS = 4, PROGRAMS = 400, KEPT = 16 };

static struct code *make(s32 value, u32 length)
{
	static const struct code_subprog subs[] = { { 0, 0 } };
	struct bpf_insn *insns = calloc(length, sizeof(*insns));
	struct code *code = NULL;

	for (u32 i = 0; i + 1 < length; i++)
		insns[i] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_XOR, .imm = (s32)i };
	insns[0] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV, .imm = 0 };
	insns[length - 2] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV, .imm = value };
	insns[length - 1] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
	if (code_new(
		    &code,
		    &(struct code_spec){
			    .insns = insns, .count = length, .subprogs = subs, .subprog_count = 1 },
		    NULL))
		code = NULL;
	free(insns);
	return code;
}

/* Keeps some programs while others come and go; each must go on returning its own value. */
static void *work(void *arg)
{
	u8 *stack = aligned_alloc(16, RUN_STACK_SIZE);
	struct run run = { .stack_low = stack, .stack_top = stack + RUN_STACK_SIZE };
	struct code *kept[KEPT] = { NULL };
	s32 values[KEPT] = { 0 };
	long bad = 0;

	for (u32 i = 0; i < PROGRAMS; i++) {
		u32 slot = i * 7 % KEPT;

		code_free(kept[slot]);
		values[slot] = (s32)(i * 1000 + (u32)(size_t)arg);
		kept[slot] = make(values[slot], 2 + i * 13 % 500);
		for (u32 k = 0; k < KEPT; k++)
			bad += kept[k] && code_run(kept[k], NULL, &run) != (u64)values[k];
		bad += !kept[slot];
	}
	for (u32 k = 0; k < KEPT; k++)
		code_free(kept[k]);
	free(stack);
	return (void *)bad;
}

int main(void)
{
	pthread_t threads[THREADS];
	long bad = 0;

	for (size_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)i);
	for (u32 i = 0; i < THREADS; i++) {
		void *result;

		pthread_join(threads[i], &result);
		bad += (long)result;
	}
	is(bad, 0, "%d threads with %d programs each: every run its own program's value", THREADS,
	   PROGRAMS);
	return done();
}
