// SPDX-License-Identifier: BSD-2-Clause
/*
 * skep_vm_*: checked programs for embedders. A vm is one program, its stack and one run's state;
 * what keeps an unverified program in bounds is the engines' (code_spec.checked).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "skep.h"
#include "vm/code.h"

enum { VM_BUDGET = 1000000000 };

struct skep_vm {
	struct code *code;
	u64 budget;
	struct run run;
	u8 stack[RUN_FRAMES * 512] __attribute__((aligned(16)));
};

/* opts as far as the caller's version of the structure goes, zero beyond. */
static struct skep_vm_opts read_opts(const struct skep_vm_opts *opts)
{
	struct skep_vm_opts known = { 0 };

	if (opts)
		memcpy(&known, opts, min(opts->sz, sizeof(known)));
	return known;
}

int skep_vm_new(struct skep_vm **out, const void *insns, size_t size,
		const struct skep_vm_opts *opts)
{
	static const enum engine engines[] = {
		[SKEP_VM_AUTO] = ENGINE_AUTO,
		[SKEP_VM_INTERP] = ENGINE_INTERP,
		[SKEP_VM_JIT] = ENGINE_JIT,
	};
	struct skep_vm_opts known = read_opts(opts);
	struct log log = { known.log, known.log_arg };
	struct code_spec spec = { .checked = true,
				  .helper = (helper_fn(*)(u32))(void *)known.helper };
	struct skep_vm *vm;
	int err;

	*out = NULL;
	if (size % sizeof(struct bpf_insn) || known.engine >= ARRAY_SIZE(engines))
		return fail(&log, -EINVAL, "%zu bytes are no program", size);
	if (size / sizeof(struct bpf_insn) > 1000000)
		return fail(&log, -E2BIG, "more than 1000000 instructions");
	vm = aligned_alloc(16, round_up(sizeof(*vm), 16));
	if (!vm)
		return -ENOMEM;
	memset(vm, 0, sizeof(*vm));
	spec.insns = insns;
	spec.count = (u32)(size / sizeof(struct bpf_insn));
	spec.engine = engines[known.engine];
	vm->budget = known.budget ? min(known.budget, (u64)INT64_MAX) : VM_BUDGET;
	vm->run.stack_low = vm->stack;
	vm->run.stack_top = vm->stack + sizeof(vm->stack);
	err = code_new(&vm->code, &spec, &log);
	if (err)
		free(vm);
	else
		*out = vm;
	return err;
}

void skep_vm_free(struct skep_vm *vm)
{
	if (!vm)
		return;
	code_free(vm->code);
	free(vm);
}

int skep_vm_run(struct skep_vm *vm, void *mem, size_t len, uint64_t *r0)
{
	vm->run.guard.mem = (u64)mem;
	vm->run.guard.mem_len = len;
	vm->run.guard.budget = (s64)vm->budget;
	*r0 = code_run_checked(vm->code, (u64)mem, len, &vm->run);
	if (vm->run.guard.error)
		*r0 = 0;
	return vm->run.guard.error;
}
