// SPDX-License-Identifier: BSD-2-Clause
/*
 * First pass: decoded instructions become jinsns with absolute targets; finds basic blocks and what
 * each function needs of its frame. A conditional jump over an unconditional one is inverted here.
 */
#include <errno.h>
#include <stdlib.h>

#include "jit/ir.h"

static u32 func_at(const struct jit_spec *spec, u32 start)
{
	u32 low = 0, high = spec->func_count;

	while (high - low > 1) {
		u32 middle = low + (high - low) / 2;

		if (spec->funcs[middle].start <= start)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static void convert(struct jit *jit, u32 at)
{
	const struct insn *from = &jit->spec->insns[at];
	struct jinsn *to = &jit->insns[at];

	to->op = from->op == OP_WIDE_HIGH ? JIT_NOP : from->op;
	to->dst = from->dst;
	to->src = from->src;
	to->off = from->off;
	to->imm = from->imm;
	to->aux = (u32)from->imm_high;
	switch ((enum insn_format)op_info[from->op].format) {
	case FORMAT_JA:
	case FORMAT_JCC_IMM:
	case FORMAT_JCC_REG: to->aux = at + 1 + (u32)(s32)from->off; break;
	case FORMAT_JA32:
		to->op = OP_JA;
		to->aux = at + 1 + (u32)from->imm;
		break;
	default: break;
	}
	if (from->op == OP_CALL_LOCAL || from->op == OP_LD_FUNC) {
		to->aux = func_at(jit->spec, at + 1 + (u32)from->imm);
		jit->calls_first |= from->op == OP_CALL_LOCAL && !to->aux;
		jit->has_func |= from->op == OP_LD_FUNC;
	}
}

static bool is_jump(const struct jinsn *i)
{
	return i->op == OP_JA || i->op == OP_MAY_GOTO || jinsn_is_jcc(i);
}

static bool ends_block(const struct jinsn *i)
{
	return is_jump(i) || i->op == OP_EXIT;
}

/* The opposite of a comparison, or OP_INVALID (JSET has none). Rows of insn.def come in fours. */
static u16 inverse(u16 op)
{
	static const u16 pairs[][2] = {
		{ OP_JEQ64_IMM, OP_JNE64_IMM },	  { OP_JGT64_IMM, OP_JLE64_IMM },
		{ OP_JGE64_IMM, OP_JLT64_IMM },	  { OP_JSGT64_IMM, OP_JSLE64_IMM },
		{ OP_JSGE64_IMM, OP_JSLT64_IMM },
	};

	for (u32 i = 0; i < ARRAY_SIZE(pairs); i++)
		for (u32 side = 0; side < 2; side++)
			if (op >= pairs[i][side] && op < pairs[i][side] + 4)
				return (u16)(pairs[i][!side] + (op - pairs[i][side]));
	return OP_INVALID;
}

/* A backward jump to code that just ends the program makes no loop. */
static bool just_exits(const struct jit *jit, u32 at)
{
	while (!is_jump(&jit->insns[at]) && jit->insns[at].op != OP_EXIT)
		at++;
	return jit->insns[at].op == OP_EXIT;
}

static void mark_leaders(struct jit *jit)
{
	for (u32 f = 0; f < jit->spec->func_count; f++)
		jit->insns[jit->spec->funcs[f].start].flags |= JIT_LEADER | JIT_TARGET;
	for (u32 at = 0; at < jit->count; at++) {
		if (is_jump(&jit->insns[at])) {
			u32 target = jit->insns[at].aux;

			jit->insns[target].flags |= JIT_LEADER | JIT_TARGET;
			if (target <= at)
				jit->loop_ends[target] = at;
		}
		if (ends_block(&jit->insns[at]) && at + 1 < jit->count)
			jit->insns[at + 1].flags |= JIT_LEADER;
	}
	for (u32 at = 0; at < jit->count; at++)
		if (jit->loop_ends[at] && !just_exits(jit, at))
			jit->insns[at].flags |= JIT_LOOP;
}

/* if A goto +1; goto X  becomes  if !A goto X, where nothing else jumps to the goto. */
static void invert_jumps(struct jit *jit)
{
	u8 *wanted = calloc(jit->count, 1);

	if (!wanted)
		return;
	for (u32 at = 0; at < jit->count; at++)
		if (is_jump(&jit->insns[at]))
			wanted[jit->insns[at].aux] = 1;
	for (u32 at = 0; at + 2 < jit->count; at++) {
		struct jinsn *i = &jit->insns[at];
		u16 op = jinsn_is_jcc(i) && i->aux == at + 2 ? inverse(i->op) : OP_INVALID;

		if (op == OP_INVALID || i[1].op != OP_JA || wanted[at + 1])
			continue;
		i->op = op;
		i->aux = i[1].aux;
		i[1].op = JIT_NOP;
	}
	free(wanted);
}

static int make_blocks(struct jit *jit)
{
	u32 n = 0, *block_of;

	for (u32 at = 0; at < jit->count; at++)
		n += jit->insns[at].flags & JIT_LEADER;
	jit->blocks = calloc(n, sizeof(*jit->blocks));
	block_of = malloc(jit->count * sizeof(*block_of));
	if (!jit->blocks || !block_of) {
		free(block_of);
		return -ENOMEM;
	}
	jit->block_count = n;
	n = 0;
	for (u32 at = 0; at < jit->count; at++) {
		if (jit->insns[at].flags & JIT_LEADER)
			jit->blocks[n++].start = at;
		jit->blocks[n - 1].end = at + 1;
		block_of[at] = n - 1;
	}
	for (u32 b = 0; b < n; b++) {
		struct jblock *block = &jit->blocks[b];
		const struct jinsn *last = &jit->insns[block->end - 1];

		block->next[0] =
			last->op == OP_EXIT || last->op == OP_JA || block->end == jit->count
				? JIT_NONE
				: b + 1;
		block->next[1] = is_jump(last) ? block_of[last->aux] : JIT_NONE;
	}
	free(block_of);
	return 0;
}

/* Whether an instruction that reads r10 does so only to address memory. */
static bool only_base(const struct jinsn *i)
{
	u8 format = jinsn_format(i);

	if (format == FORMAT_LDX || format == FORMAT_LOAD_ACQ)
		return true;
	if (format == FORMAT_STX || format == FORMAT_ATOMIC || format == FORMAT_STORE_REL)
		return i->src != BPF_REG_10;
	return format == FORMAT_ST;
}

static void measure_frame(struct jit *jit, struct jframe *frame)
{
	frame->private_stack = true;
	frame->read = frame->written = 0;
	frame->calls = frame->local_calls = frame->needs_run = frame->needs_fp = false;
	for (u32 at = frame->start; at < frame->end; at++) {
		const struct jinsn *i = &jit->insns[at];
		u8 format = jinsn_format(i);

		frame->written |= jinsn_writes(i);
		frame->read |= jinsn_reads(i);
		if (i->op == OP_CALL_LOCAL)
			frame->local_calls = frame->calls = true;
		if (i->op == OP_CALL_HELPER || i->op == OP_CALLX || format == FORMAT_LD_ABS ||
		    format == FORMAT_LD_IND)
			frame->calls = frame->needs_run = true;
		if (i->op == OP_MAY_GOTO)
			frame->needs_run = true;
		if (jinsn_reads(i) & 1 << BPF_REG_10 && !only_base(i))
			frame->private_stack = false;
	}
	if (jit->spec->checked)
		frame->needs_run = true;
	frame->needs_fp = frame->read & 1 << BPF_REG_10 || frame->calls;
}

void jit_frames(struct jit *jit)
{
	const struct jit_spec *spec = jit->spec;

	for (u32 f = 0; f < spec->func_count; f++) {
		jit->frames[f].start = spec->funcs[f].start;
		jit->frames[f].end =
			f + 1 < spec->func_count ? spec->funcs[f + 1].start : spec->count;
		measure_frame(jit, &jit->frames[f]);
	}
}

int jit_shape(struct jit *jit)
{
	for (u32 at = 0; at < jit->count; at++)
		convert(jit, at);
	if (!jit->spec->checked)
		invert_jumps(jit);
	mark_leaders(jit);
	jit_frames(jit);
	return make_blocks(jit);
}
