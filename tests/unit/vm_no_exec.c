// SPDX-License-Identifier: BSD-2-Clause
/* Where a process may not have executable memory, programs are interpreted; asking for the JIT fails. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "no_exec.h"
/* uapi.h takes the place of <linux/bpf.h>; the classic macros above are the same numbers. */
#include "tap.h"
#include "vm/code.h"

int main(void)
{
	static u8 stack[RUN_STACK_SIZE] __attribute__((aligned(16)));
	static const struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV, .imm = 42 },
						 { .code = BPF_JMP | BPF_EXIT } };
	static const struct code_subprog subs[] = { { 0, 0 } };
	struct code_spec spec = {
		.insns = insns, .count = 2, .subprogs = subs, .subprog_count = 1
	};
	struct run run = { .stack_low = stack, .stack_top = stack + sizeof(stack) };
	struct code *code;
	u32 len;

	if (forbid_exec()) {
		skip("no seccomp filters here");
		return done();
	}
	is(code_new(&code, &spec, NULL), 0, "a program is made without executable memory");
	if (code) {
		is(code_run(code, NULL, &run), 42, "and runs");
		ok(!code_image(code, &len) && !len, "without machine code");
	}
	code_free(code);
	spec.engine = ENGINE_JIT;
	is(code_new(&code, &spec, NULL), -ENOMEM,
	   "asked for, the JIT says that there is no memory");
	return done();
}
