// SPDX-License-Identifier: BSD-2-Clause
/*
 * The arm64 back end: one machine sequence for each instruction. Register map in a64.h; arithmetic in
 * a64_alu.c; frames, entries and calls in a64_call.c.
 */
#include <errno.h>

#include "jit/a64.h"

const u8 a64_reg[MAX_BPF_REG] = { R0, 0, 1, 2, 3, 4, 19, 20, 21, 22, FP };

/* ---- jumps ---- */

static void jump_to(struct emitter *a, u32 target, u32 at)
{
	if (target > at)
		emit_later(a, (struct fixup){ a->buf->len, target, false, false });
	put(a, a64_b((s32)distance_to(a, a->jit->offsets[target])));
}

/* A jump with a 19-bit distance (its word given without) to an instruction, or over a long one. Bit 0 of a
 * condition and bit 24 of cbz invert them. */
static void jump_if(struct emitter *a, u32 word, u32 target, u32 at)
{
	const u32 *offsets = a->jit->offsets;
	s64 distance = target <= at    ? distance_to(a, offsets[target])
		       : a->jit->sized ? ((s64)offsets[target] - offsets[at]) / 4 + 8
				       : INT32_MAX;

	if (distance < -(1 << 18) || distance >= 1 << 18) {
		put(a, (word ^ ((word & 0xff000000) == 0x54000000 ? 1u : 1u << 24)) | 2 << 5);
		jump_to(a, target, at);
		return;
	}
	if (target > at)
		emit_later(a, (struct fixup){ a->buf->len, target, true, false });
	put(a, word | ((u32)distance & 0x7ffff) << 5);
}

static void patch(struct jbuf *buf, const struct fixup *fix, u32 target)
{
	s32 distance = ((s32)target - (s32)fix->at) / 4;
	u32 word;

	memcpy(&word, buf->at + fix->at, 4);
	if (fix->near)
		word = (word & ~(0x7ffffu << 5)) | ((u32)distance & 0x7ffff) << 5;
	else
		word = (word & ~0x3ffffffu) | ((u32)distance & 0x3ffffff);
	memcpy(buf->at + fix->at, &word, 4);
}

/* ---- conditional jumps ---- */

static u32 condition(u16 op)
{
	static const u8 cc[] = { A64_EQ, A64_NE, A64_HI, A64_HS, A64_LO, A64_LS,
				 A64_NE, A64_GT, A64_GE, A64_LT, A64_LE };

	return cc[(op - OP_JEQ64_IMM) / 4]; /* in the order of insn.def, four rows each */
}

/* Compares, and gives the jump's word without distance. */
static u32 compare(struct emitter *a, const struct jinsn *i)
{
	u32 row = (u32)(i->op - OP_JEQ64_IMM) % 4, dst = a64_reg[i->dst], src = a64_reg[i->src];
	bool wide = row < 2, test = i->op >= OP_JSET64_IMM && i->op < OP_JSGT64_IMM;
	u32 field;

	if (row % 2 == 0) {
		field = a64_logical_imm(wide, (u64)(s64)i->imm);
		if (test && field) {
			put(a, 0x72000000 | a64_wide(wide) | field | dst << 5 | XZR);
			return a64_bcc((enum a64_cc)condition(i->op), 0);
		}
		if (!test && !i->imm && (i->op < OP_JGT64_IMM))
			return a64_cbz(wide, i->op >= OP_JNE64_IMM, dst, 0);
		if (!test && i->imm > -4096 && i->imm < 4096) {
			put(a, i->imm >= 0 ? a64_cmp_imm(wide, dst, (u32)i->imm)
					   : a64_cmn_imm(wide, dst, (u32)-i->imm));
			return a64_bcc((enum a64_cc)condition(i->op), 0);
		}
		a64_put_imm(a, T1, (u64)(s64)i->imm);
		src = T1;
	}
	put(a, a64_rrr(wide, test ? A64_ANDS : A64_SUBS, XZR, dst, src));
	return a64_bcc((enum a64_cc)condition(i->op), 0);
}

static void taken(struct emitter *a, u32 word, const struct jinsn *i, u32 at)
{
	u32 skip;

	if (!a->jit->spec->checked || i->aux > at) {
		jump_if(a, word, i->aux, at);
		return;
	}
	skip = skip_if(a, word ^ ((word & 0xff000000) == 0x54000000 ? 1u : 1u << 24));
	a64_charge(a, at + 1 - i->aux);
	jump_to(a, i->aux, at);
	land(a, skip);
}

static void emit_jump(struct emitter *a, const struct jinsn *i, u32 at)
{
	if (i->op == OP_MAY_GOTO) {
		load_run(a, false, T2, RUN_OFF(may_goto));
		taken(a, a64_cbz(false, false, T2, 0), i, at);
		put(a, a64_sub_imm(false, T2, T2, 1));
		store_run(a, false, T2, RUN_OFF(may_goto));
		return;
	}
	if (a->jit->spec->checked && i->aux <= at)
		a64_charge(a, at + 1 - i->aux);
	jump_to(a, i->aux, at);
}

/* ---- memory ---- */

static void load_swapped(struct emitter *a, const struct jinsn *i)
{
	u32 dst = a64_reg[i->dst], log = i->op == JIT_LDBE16 ? 1 : i->op == JIT_LDBE32 ? 2 : 3;

	a64_put_mem(a, A64_LOAD, log, dst, a64_reg[i->src], i->off);
	put(a, log == 1 ? a64_rev16(dst, dst) : a64_rev(log == 3, dst, dst));
}

/* ---- one instruction ---- */

static void emit_extra(struct emitter *a, const struct jinsn *i)
{
	if (i->op == JIT_ROTR32 || i->op == JIT_ROTR64)
		put(a, a64_ror(i->op == JIT_ROTR64, a64_reg[i->dst], a64_reg[i->src], (u32)i->imm));
	else if (i->op != JIT_NOP)
		load_swapped(a, i);
}

static void emit_memory(struct emitter *a, const struct jinsn *i)
{
	u8 format = op_info[i->op].format;
	bool load = format == FORMAT_LDX || format == FORMAT_LOAD_ACQ;
	bool aligned =
		format == FORMAT_ATOMIC || format == FORMAT_LOAD_ACQ || format == FORMAT_STORE_REL;
	u32 log = access_log(i), base = a64_reg[load ? i->src : i->dst];
	bool is_signed = i->op == OP_LDSX8 || i->op == OP_LDSX16 || i->op == OP_LDSX32;

	a64_check_access(a, base, i->off, log, aligned);
	switch (format) {
	case FORMAT_LDX:
		a64_put_mem(a, is_signed ? A64_LOAD_SIGNED : A64_LOAD, log, a64_reg[i->dst], base,
			    i->off);
		break;
	case FORMAT_STX: a64_put_mem(a, A64_STORE, log, a64_reg[i->src], base, i->off); break;
	case FORMAT_ST:
		a64_put_imm(a, T1, (u64)(s64)i->imm);
		a64_put_mem(a, A64_STORE, log, i->imm ? T1 : XZR, base, i->off);
		break;
	case FORMAT_ATOMIC: a64_atomic(a, i); break;
	default: a64_ordered(a, i, load); break;
	}
}

static int emit_insn(struct emitter *a, u32 at)
{
	const struct jinsn *i = &a->jit->insns[at];
	int err = 0;
	u64 value;

	if (i->op >= OP_COUNT) {
		emit_extra(a, i);
		return 1;
	}
	switch ((enum insn_format)op_info[i->op].format) {
	case FORMAT_ALU_IMM: a64_alu_imm(a, i); break;
	case FORMAT_ALU_REG: a64_alu_reg(a, i); break;
	case FORMAT_UNARY: a64_unary(a, i); break;
	case FORMAT_JA: emit_jump(a, i, at); break;
	case FORMAT_JCC_IMM:
	case FORMAT_JCC_REG: taken(a, compare(a, i), i, at); break;
	case FORMAT_CALL:
	case FORMAT_CALLX: err = a64_call(a, i, at); break;
	case FORMAT_LDX:
	case FORMAT_STX:
	case FORMAT_ST:
	case FORMAT_ATOMIC:
	case FORMAT_LOAD_ACQ:
	case FORMAT_STORE_REL: emit_memory(a, i); break;
	case FORMAT_WIDE:
		value = jinsn_imm64(i);
		if (i->op == OP_LD_FUNC)
			value = a->jit->spec->func_values + (u64)i->aux * a->jit->spec->func_size;
		a64_put_imm(a, a64_reg[i->dst], value);
		break;
	case FORMAT_LD_ABS:
	case FORMAT_LD_IND: a64_packet(a, i, op_info[i->op].format == FORMAT_LD_IND); break;
	case FORMAT_NONE: a64_leave(a); break;
	case FORMAT_CAST:
	case FORMAT_CALL_KFUNC:
	case FORMAT_JA32: return -EOPNOTSUPP;
	}
	return err ? err : 1;
}

static u64 features(void)
{
	return 0;
}

const struct target target_a64 = {
	.name = "arm64",
	.features = features,
	.entries = a64_entries,
	.routines = a64_routines,
	.prologue = a64_prologue,
	.insn = emit_insn,
	.patch = patch,
};
