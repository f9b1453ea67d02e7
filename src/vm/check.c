/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What engines take for granted of a program's shape. The verifier guarantees it for verified
 * programs; it is tested all the same, since a jump out of a subprogram would be one out of a native
 * frame. Checked programs, which nobody verified, get the field check and their subprograms here.
 */
#include <errno.h>
#include <stdlib.h>

#include "vm/vm.h"

static bool writes_dst(const struct insn *i)
{
	switch ((enum insn_format)op_info[i->op].format) {
	case FORMAT_ALU_IMM:
	case FORMAT_ALU_REG:
	case FORMAT_UNARY:
	case FORMAT_CAST:
	case FORMAT_LDX:
	case FORMAT_LOAD_ACQ:
	case FORMAT_WIDE: return true;
	case FORMAT_NONE:
	case FORMAT_JA:
	case FORMAT_JA32:
	case FORMAT_JCC_IMM:
	case FORMAT_JCC_REG:
	case FORMAT_CALL:
	case FORMAT_CALL_KFUNC:
	case FORMAT_CALLX:
	case FORMAT_STX:
	case FORMAT_ST:
	case FORMAT_ATOMIC:
	case FORMAT_STORE_REL:
	case FORMAT_LD_ABS:
	case FORMAT_LD_IND: return false;
	}
	return false;
}

static bool writes_r10(const struct insn *i)
{
	bool fetches = op_info[i->op].format == FORMAT_ATOMIC && (i->imm & BPF_FETCH);

	return (i->dst == BPF_REG_10 && writes_dst(i)) ||
	       (i->src == BPF_REG_10 && fetches && i->imm != BPF_CMPXCHG);
}

static bool is_jump(const struct insn *i)
{
	u8 format = op_info[i->op].format;

	return format == FORMAT_JA || format == FORMAT_JA32 || format == FORMAT_JCC_IMM ||
	       format == FORMAT_JCC_REG;
}

/* Whether control never goes on to the next instruction. */
static bool ends_block(const struct insn *i)
{
	return i->op == OP_EXIT || i->op == OP_JA || i->op == OP_JA32;
}

static int check_insn(const struct code_subprog *sub, u32 end, const struct insn *insns, u32 at,
		      struct log *why)
{
	const struct insn *i = &insns[at];
	s64 target;

	if (i->op == OP_INVALID || i->dst > BPF_REG_10 || i->src > BPF_REG_10)
		return fail(why, -EINVAL, "insn %u: unknown instruction %02x", at, i->code);
	if (i->op == OP_CALL_KFUNC || i->op == OP_ADDR_SPACE_CAST)
		return fail(why, -EOPNOTSUPP, "insn %u: %s is not supported", at,
			    op_info[i->op].name);
	if (writes_r10(i))
		return fail(why, -EINVAL, "insn %u: frame pointer is read only", at);
	if (!is_jump(i))
		return 0;
	target = (s64)at + 1 + (i->op == OP_JA32 ? i->imm : i->off);
	if (target < sub->start || target >= end || insns[target].op == OP_WIDE_HIGH)
		return fail(why, -EINVAL, "insn %u: jump out of range", at);
	return 0;
}

static int check_fields(const struct code_spec *spec, const struct insn *insns, struct log *why)
{
	const char *what = "bad field";

	for (u32 at = 0; at < spec->count; at++) {
		if (insn_is_wide(&insns[at]) && insns[at].op != OP_LD_IMM64)
			return fail(why, -EOPNOTSUPP,
				    "insn %u: a checked program has no maps, functions or BTF", at);
		if (insns[at].op != OP_WIDE_HIGH && insn_check(&insns[at], &spec->insns[at], &what))
			return fail(why, -EINVAL, "insn %u: %s", at, what);
	}
	return 0;
}

static int compare_start(const void *a, const void *b)
{
	u32 left = ((const struct code_subprog *)a)->start,
	    right = ((const struct code_subprog *)b)->start;

	return left < right ? -1 : left > right;
}

/* Every target of a local call or function load begins a subprogram. */
static int find_subprogs(struct code *code, const struct insn *insns, struct log *why)
{
	u32 n = 1, kept = 1;

	code->subprogs[0] = (struct code_subprog){ 0, CHECKED_FRAME };
	for (u32 at = 0; at < code->count; at++) {
		s64 target = (s64)at + 1 + insns[at].imm;

		if (insns[at].op != OP_CALL_LOCAL && insns[at].op != OP_LD_FUNC)
			continue;
		if (target < 0 || target >= code->count)
			return fail(why, -EINVAL, "insn %u: call out of range", at);
		code->subprogs[n++] = (struct code_subprog){ (u32)target, CHECKED_FRAME };
	}
	qsort(code->subprogs, n, sizeof(*code->subprogs), compare_start);
	for (u32 i = 1; i < n; i++)
		if (code->subprogs[i].start != code->subprogs[kept - 1].start)
			code->subprogs[kept++] = code->subprogs[i];
	code->subprog_count = kept;
	return 0;
}

u32 subprog_of(const struct code *code, u32 index)
{
	u32 low = 0, high = code->subprog_count;

	while (high - low > 1) {
		u32 middle = low + (high - low) / 2;

		if (code->subprogs[middle].start <= index)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static int check_calls(const struct code *code, const struct insn *insns, struct log *why)
{
	for (u32 at = 0; at < code->count; at++) {
		s64 target = (s64)at + 1 + insns[at].imm;

		if (insns[at].op != OP_CALL_LOCAL && insns[at].op != OP_LD_FUNC)
			continue;
		if (target < 0 || target >= code->count ||
		    code->subprogs[subprog_of(code, (u32)target)].start != target)
			return fail(why, -EINVAL, "insn %u: call to the middle of a function", at);
	}
	return 0;
}

static int check_subprog(const struct code *code, u32 n, const struct insn *insns, struct log *why)
{
	const struct code_subprog *sub = &code->subprogs[n];
	u32 end = n + 1 < code->subprog_count ? sub[1].start : code->count;

	if (sub->start >= end || end > code->count || insns[sub->start].op == OP_WIDE_HIGH ||
	    sub->stack_depth > CHECKED_FRAME || sub->stack_depth % 8)
		return fail(why, -EINVAL, "bad subprogram %u", n);
	for (u32 at = sub->start; at < end; at++) {
		int err = check_insn(sub, end, insns, at, why);

		if (err)
			return err;
	}
	if (!ends_block(&insns[end - 1]))
		return fail(why, -EINVAL, "insn %u: last insn is not an exit or jmp", end - 1);
	return 0;
}

int check_structure(struct code *code, const struct code_spec *spec, const struct insn *insns,
		    struct log *why)
{
	bool given = spec->subprogs != NULL;
	u32 calls = 1;
	int err;

	for (u32 at = 0; !given && at < spec->count; at++)
		calls += insns[at].op == OP_CALL_LOCAL || insns[at].op == OP_LD_FUNC;
	code->count = spec->count;
	code->subprogs = calloc(given ? spec->subprog_count : calls, sizeof(*code->subprogs));
	if (!code->subprogs)
		return -ENOMEM;
	if (given) {
		code->subprog_count = spec->subprog_count;
		for (u32 i = 0; i < spec->subprog_count; i++)
			code->subprogs[i] = spec->subprogs[i];
		if (!code->subprog_count || code->subprogs[0].start)
			return fail(why, -EINVAL, "no first subprogram");
	} else {
		err = find_subprogs(code, insns, why);
		if (err)
			return err;
	}
	err = spec->checked ? check_fields(spec, insns, why) : 0;
	if (!err)
		err = check_calls(code, insns, why);
	for (u32 i = 0; !err && i < code->subprog_count; i++)
		err = check_subprog(code, i, insns, why);
	return err;
}
