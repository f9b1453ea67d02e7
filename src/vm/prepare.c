// SPDX-License-Identifier: BSD-2-Clause
/*
 * Pre-decoding for the interpreter: instruction i becomes iop i with its handler's address, helper
 * numbers become indexes into the program's own table of bodies, function loads the address of a
 * struct code_func, and calls get their caller's stack depth.
 */
#include <errno.h>
#include <stdlib.h>

#include "vm/vm.h"

/* The index of a helper's body in code->helpers, which is filled in order of first use. */
static int helper_index(struct code *code, const struct code_spec *spec, u32 number, u32 at,
			struct log *why)
{
	helper_fn body = spec->helper ? spec->helper(number) : NULL;

	if (!body)
		return fail(why, -EINVAL, "insn %u: helper %u is not known", at, number);
	for (u32 i = 0; i < code->helper_count; i++)
		if (code->helpers[i] == body)
			return (int)i;
	code->helpers[code->helper_count] = body;
	return (int)code->helper_count++;
}

static u32 subprog_end(const struct code *code, u32 n)
{
	return n + 1 < code->subprog_count ? code->subprogs[n + 1].start : code->count;
}

static void prepare_local(const struct code *code, u32 at, const struct insn *insn, struct iop *iop)
{
	u32 callee = subprog_of(code, (u32)((s64)at + 1 + insn->imm));
	u32 length = subprog_end(code, callee) - code->subprogs[callee].start;

	if (code->checked) {
		iop->off = (s16)(length & 0xffff);
		iop->dst = (u8)(length >> 16);
	}
}

static void prepare_func(const struct code *code, u32 at, const struct insn *insn, struct iop *iop)
{
	u64 value = (u64)&code->funcs[subprog_of(code, (u32)((s64)at + 1 + insn->imm))];

	iop[0].imm = (s32)value;
	iop[1].imm = (s32)(value >> 32);
}

static int prepare_insn(struct code *code, const struct code_spec *spec, u32 sub, u32 at,
			const struct insn *insn, const void *const *labels, struct log *why)
{
	struct iop *iop = &code->iops[at];
	int index;

	if (insn->op == OP_WIDE_HIGH)
		return 0;
	*iop = (struct iop){ labels[insn->op], insn->dst, insn->src, insn->off, insn->imm };
	if (insn_is_wide(insn))
		iop[1].imm = insn->imm_high;
	if (insn->op == OP_LD_FUNC)
		prepare_func(code, at, insn, iop);
	if (insn->op == OP_CALL_LOCAL || insn->op == OP_CALL_HELPER)
		iop->off = (s16)code->subprogs[sub].stack_depth;
	if (insn->op == OP_CALL_LOCAL)
		prepare_local(code, at, insn, iop);
	if (insn->op != OP_CALL_HELPER)
		return 0;
	if (insn->imm == BPF_FUNC_tail_call && !code->checked) {
		iop->handler = labels[OP_INVALID];
		return 0;
	}
	index = helper_index(code, spec, (u32)insn->imm, at, why);
	iop->imm = index;
	return index < 0 ? index : 0;
}

int interp_prepare(struct code *code, const struct code_spec *spec, const struct insn *insns,
		   struct log *why)
{
	const void *labels[OP_COUNT];
	u32 calls = 0;
	int err = 0;

	for (u32 at = 0; at < code->count; at++)
		calls += insns[at].op == OP_CALL_HELPER;
	code->iops = calloc(code->count, sizeof(*code->iops));
	code->helpers = calloc(calls + 1, sizeof(*code->helpers));
	if (!code->iops || !code->helpers)
		return -ENOMEM;
	(code->checked ? interp_checked : interp_plain)(NULL, 0, NULL, NULL, labels);
	for (u32 n = 0; !err && n < code->subprog_count; n++)
		for (u32 at = code->subprogs[n].start; !err && at < subprog_end(code, n); at++)
			err = prepare_insn(code, spec, n, at, &insns[at], labels, why);
	return err;
}
