// SPDX-License-Identifier: BSD-2-Clause
/*
 * Value numbering between jump targets, forward, and rewriting of an instruction where its result is
 * known to be had more cheaply: rotates from shifts, wide and big-endian loads from byte loads
 * (fold_bytes.c), constants as immediates, originals instead of copies, stored values instead of
 * reloads. An instruction is replaced by another that leaves the same in dst; what it was computed
 * from is left to jit_live() to remove if nothing else needs it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "jit/fold.h"

u32 fold_value(struct fold *f, u32 def)
{
	f->values[f->count] = (struct value){ .zext = JIT_NONE, .def = def };
	return f->count++;
}

u32 fold_zext(struct fold *f, u32 value, u32 def)
{
	struct value *from = &f->values[value], *to;

	if (from->zero_high)
		return value;
	if (from->zext != JIT_NONE)
		return from->zext;
	from->zext = fold_value(f, def);
	from = &f->values[value];
	to = &f->values[from->zext];
	to->kind = from->kind == VALUE_CONST ? VALUE_CONST : VALUE_ZEXT;
	to->imm = (u32)from->imm;
	to->of = value;
	to->zero_high = true;
	fold_mask_bytes(to, from, UINT32_MAX);
	return from->zext;
}

/* What a 32-bit operation sees of a value. */
static u32 low(const struct fold *f, u32 value)
{
	return f->values[value].kind == VALUE_ZEXT ? f->values[value].of : value;
}

u8 fold_held(const struct fold *f, u32 value)
{
	if (f->reg[f->values[value].holder] == value)
		return f->values[value].holder;
	for (u8 r = 0; r < MAX_BPF_REG; r++)
		if (f->reg[r] == value)
			return r;
	return 0xff;
}

u8 fold_held_low(const struct fold *f, u32 value)
{
	for (u8 r = 0; r < MAX_BPF_REG; r++)
		if (low(f, f->reg[r]) == low(f, value))
			return r;
	return 0xff;
}

static void set(struct fold *f, u8 reg, u32 value)
{
	if (fold_held(f, value) == 0xff)
		f->values[value].holder = reg;
	f->reg[reg] = value;
}

static u32 constant(struct fold *f, u64 imm, u32 at)
{
	u32 value;

	for (u8 r = 0; r < MAX_BPF_REG; r++)
		if (f->values[f->reg[r]].kind == VALUE_CONST && f->values[f->reg[r]].imm == imm)
			return f->reg[r];
	value = fold_value(f, at);
	f->values[value].kind = VALUE_CONST;
	f->values[value].imm = imm;
	f->values[value].zero_high = imm <= UINT32_MAX;
	return value;
}

/* Makes i a copy of a register, or nothing if dst has the value already. */
static void make_copy(struct fold *f, struct jinsn *i, u8 from)
{
	if (f->reg[i->dst] == f->reg[from]) {
		i->op = JIT_NOP;
		return;
	}
	i->op = OP_MOV64_REG;
	i->src = from;
	i->off = 0;
	i->imm = 0;
}

static void fold_constant(struct fold *f, struct jinsn *i, u64 imm, u32 at)
{
	u32 value = constant(f, imm, at);
	u8 from = fold_held(f, value);

	if (from != 0xff && (from == i->dst || imm > UINT32_MAX)) {
		make_copy(f, i, from);
	} else {
		i->op = imm == (u64)(s64)(s32)imm ? OP_MOV64_IMM : OP_LD_IMM64;
		i->imm = (s32)imm;
		i->aux = (u32)(imm >> 32);
	}
	set(f, i->dst, value);
}

static void fold_mov(struct fold *f, struct jinsn *i, u32 at)
{
	u32 value = f->reg[i->src];

	if (i->op == OP_MOV32_REG)
		value = fold_zext(f, value, at);
	if (f->reg[i->dst] == value)
		i->op = JIT_NOP;
	set(f, i->dst, value);
}

/* The original of a register that was copied; narrow: only the low half matters. */
static u8 original(struct fold *f, u8 reg, bool narrow)
{
	u32 value = f->reg[reg];
	u8 holder = 0xff;

	if (narrow) {
		holder = f->values[low(f, value)].holder;
		if (f->reg[holder] == low(f, value))
			return holder;
	}
	holder = f->values[value].holder;
	return f->reg[holder] == value ? holder : reg;
}

static bool is_narrow(const struct jinsn *i)
{
	u8 class = BPF_CLASS(op_info[i->op].code);

	return class == BPF_ALU || class == BPF_JMP32 ||
	       (class == BPF_STX && BPF_SIZE(op_info[i->op].code) != BPF_DW);
}

/* Sources become the registers they were copied from, or immediates. */
static void improve_sources(struct fold *f, struct jinsn *i)
{
	u8 format = jinsn_format(i);
	const struct value *src;
	s64 imm;

	if (format == FORMAT_LDX || format == FORMAT_LOAD_ACQ) {
		i->src = original(f, i->src, false);
		return;
	}
	if (format == FORMAT_JCC_IMM || format == FORMAT_JCC_REG)
		i->dst = original(f, i->dst, is_narrow(i));
	if (format == FORMAT_STX || format == FORMAT_ST)
		i->dst = original(f, i->dst, false);
	if (format != FORMAT_ALU_REG && format != FORMAT_JCC_REG && format != FORMAT_STX)
		return;
	if (format == FORMAT_ALU_REG &&
	    i->op >= OP_MOV64_IMM) /* copies and extensions: fold_mov() */
		return;
	src = &f->values[f->reg[i->src]];
	imm = is_narrow(i) ? (s32)src->imm : (s64)src->imm;
	if (src->kind == VALUE_CONST && imm == (s32)imm) {
		i->imm = (s32)imm;
		i->op = format != FORMAT_STX
				? i->op - 1
				: i->op + 1; /* insn.def: IMM before REG, STX before ST */
		i->src = 0;
	} else {
		i->src = original(f, i->src, is_narrow(i));
	}
}

static bool shift_pair(const struct value *a, const struct value *b, bool wide)
{
	if (wide && a->kind == VALUE_SHL64 && b->kind == VALUE_SHR64)
		return a->of == b->of && a->imm + b->imm == 64;
	return a->kind == VALUE_SHL32 && b->kind == VALUE_SHR32 && a->of == b->of &&
	       a->imm + b->imm == 32;
}

/* dst |= src where one is x << n and the other x >> (size - n). */
static bool fold_rotate(struct fold *f, struct jinsn *i, bool wide, u32 at)
{
	const struct value *dst = &f->values[f->reg[i->dst]], *src = &f->values[f->reg[i->src]];
	const struct value *left = dst, *right = src;
	u16 op;
	u8 from;

	if (!shift_pair(left, right, wide)) {
		left = src;
		right = dst;
		if (!shift_pair(left, right, wide))
			return false;
	}
	op = left->kind == VALUE_SHL64 ? JIT_ROTR64 : JIT_ROTR32;
	from = op == JIT_ROTR64 ? fold_held(f, left->of) : fold_held_low(f, left->of);
	if (from != 0xff) {
		*i = (struct jinsn){ .op = op,
				     .dst = i->dst,
				     .src = from,
				     .imm = (s32)right->imm,
				     .flags = i->flags };
	} else if (dst->uses == 0 && dst->def >= f->block &&
		   f->jit->insns[dst->def].dst == i->dst) {
		struct jinsn *shift = &f->jit->insns[dst->def];

		*shift = (struct jinsn){ .op = op,
					 .dst = i->dst,
					 .src = i->dst,
					 .imm = (s32)right->imm,
					 .flags = shift->flags };
		i->op = JIT_NOP;
	} else {
		return false;
	}
	set(f, i->dst, fold_value(f, at));
	f->values[f->reg[i->dst]].zero_high = op == JIT_ROTR32;
	return true;
}

static void fold_or(struct fold *f, struct jinsn *i, bool wide, u32 at)
{
	u32 a = f->reg[i->dst], b = f->reg[i->src], value;

	if (fold_rotate(f, i, wide, at))
		return;
	value = fold_value(f, at);
	f->values[value].zero_high = !wide || (i->op != OP_ADD64_REG && f->values[a].zero_high &&
					       f->values[b].zero_high);
	fold_join_bytes(&f->values[value], &f->values[a], &f->values[b], wide);
	fold_as_load(f, i, value);
	set(f, i->dst, value);
}

/* r <<= 32; r >>= 32 in v2 code is a zero-extension, with s>>= a sign-extension. */
static bool fold_extension(struct fold *f, struct jinsn *i, u32 at)
{
	struct jinsn *before = i - 1;
	u32 of = f->values[f->reg[i->dst]].of;

	if (i->flags & JIT_LEADER || before->op != OP_LSH64_IMM || before->dst != i->dst ||
	    before->imm != 32 || i->imm != 32 ||
	    (i->op != OP_RSH64_IMM && i->op != OP_ARSH64_IMM) ||
	    f->values[f->reg[i->dst]].kind != VALUE_SHL64)
		return false;
	before->op = JIT_NOP;
	i->src = i->dst;
	i->imm = 0;
	f->reg[i->dst] = of;
	if (i->op == OP_ARSH64_IMM) {
		i->op = OP_MOVSX32_64;
		set(f, i->dst, fold_value(f, at));
		return true;
	}
	i->op = OP_MOV32_REG;
	fold_mov(f, i, at);
	return true;
}

static void fold_shift(struct fold *f, struct jinsn *i, u32 at)
{
	bool wide = i->op == OP_LSH64_IMM || i->op == OP_RSH64_IMM,
	     left = i->op == OP_LSH64_IMM || i->op == OP_LSH32_IMM;
	u32 from = f->reg[i->dst], count = (u32)i->imm & (wide ? 63 : 31), value;
	struct value *to;

	if (fold_extension(f, i, at))
		return;
	value = fold_value(f, at);
	to = &f->values[value];
	to->kind = wide ? left ? VALUE_SHL64 : VALUE_SHR64 : left ? VALUE_SHL32 : VALUE_SHR32;
	to->of = wide ? from : low(f, from);
	to->imm = count;
	to->zero_high = !wide || (!left && (count >= 32 || f->values[from].zero_high));
	fold_shift_bytes(f, to, &f->values[from], left ? (s32)count : -(s32)count, wide);
	set(f, i->dst, value);
}

static void fold_alu_imm(struct fold *f, struct jinsn *i, u32 at)
{
	u32 from = f->reg[i->dst], value;

	switch (i->op) {
	case OP_MOV64_IMM: fold_constant(f, i, (u64)(s64)i->imm, at); return;
	case OP_MOV32_IMM: fold_constant(f, i, (u32)i->imm, at); return;
	case OP_LSH64_IMM:
	case OP_LSH32_IMM:
	case OP_RSH64_IMM:
	case OP_RSH32_IMM: fold_shift(f, i, at); return;
	case OP_ARSH64_IMM:
		if (fold_extension(f, i, at))
			return;
		break;
	case OP_ADD64_IMM:
		if (f->values[from].kind == VALUE_CONST) {
			fold_constant(f, i, f->values[from].imm + (u64)(s64)i->imm, at);
			return;
		}
		break;
	}
	value = fold_value(f, at);
	f->values[value].zero_high = BPF_CLASS(op_info[i->op].code) == BPF_ALU;
	if (i->op == OP_AND64_IMM || i->op == OP_AND32_IMM) {
		u64 mask = i->op == OP_AND32_IMM ? (u32)i->imm : (u64)(s64)i->imm;

		fold_mask_bytes(&f->values[value], &f->values[from], mask);
		f->values[value].zero_high |= mask <= UINT32_MAX || f->values[from].zero_high;
	}
	set(f, i->dst, value);
}

static void fold_alu_reg(struct fold *f, struct jinsn *i, u32 at)
{
	switch (i->op) {
	case OP_MOV64_REG:
	case OP_MOV32_REG: fold_mov(f, i, at); return;
	case OP_OR64_REG:
	case OP_ADD64_REG:
	case OP_XOR64_REG: fold_or(f, i, true, at); return;
	case OP_OR32_REG:
	case OP_ADD32_REG:
	case OP_XOR32_REG: fold_or(f, i, false, at); return;
	}
	set(f, i->dst, fold_value(f, at));
	f->values[f->reg[i->dst]].zero_high = BPF_CLASS(op_info[i->op].code) == BPF_ALU;
}

static void fold_unary(struct fold *f, struct jinsn *i, u32 at)
{
	u32 from = f->reg[i->dst], value = fold_value(f, at);
	struct value *to = &f->values[value];

	to->zero_high =
		i->op != OP_NEG64 && i->op != OP_LE64 && i->op != OP_BE64 && i->op != OP_BSWAP64;
	switch (i->op) {
	case OP_LE16:
	case OP_LE32:
		fold_mask_bytes(to, &f->values[from], i->op == OP_LE16 ? 0xffff : UINT32_MAX);
		break;
	case OP_BE16:
	case OP_BSWAP16: fold_swap_bytes(to, &f->values[from], 2); break;
	case OP_BE32:
	case OP_BSWAP32: fold_swap_bytes(to, &f->values[from], 4); break;
	case OP_BE64:
	case OP_BSWAP64: fold_swap_bytes(to, &f->values[from], 8); break;
	}
	fold_as_load(f, i, value);
	set(f, i->dst, value);
}

static void count_uses(struct fold *f, const struct jinsn *i)
{
	u16 reads = jinsn_reads(i);

	for (; reads; reads &= reads - 1)
		f->values[f->reg[__builtin_ctz(reads)]].uses++;
}

/* Whatever else an instruction writes is a new value, and its memory is not ours any more. */
static void fold_other(struct fold *f, struct jinsn *i, u32 at)
{
	u16 writes = jinsn_writes(i);
	u8 format = jinsn_format(i);

	if (format != FORMAT_NONE && format != FORMAT_JA && format != FORMAT_JCC_IMM &&
	    format != FORMAT_JCC_REG)
		fold_forget_memory(f, format == FORMAT_ATOMIC || format == FORMAT_STORE_REL);
	for (; writes; writes &= writes - 1)
		set(f, (u8)__builtin_ctz(writes), fold_value(f, at));
}

static void fold_insn(struct fold *f, struct jinsn *i, u32 at)
{
	if (i->op == JIT_NOP)
		return;
	improve_sources(f, i);
	switch ((enum insn_format)jinsn_format(i)) {
	case FORMAT_ALU_IMM: fold_alu_imm(f, i, at); break;
	case FORMAT_ALU_REG: fold_alu_reg(f, i, at); break;
	case FORMAT_UNARY: fold_unary(f, i, at); break;
	case FORMAT_LDX: fold_load(f, i, at); break;
	case FORMAT_STX:
	case FORMAT_ST: fold_store(f, i, at); break;
	case FORMAT_WIDE:
		if (i->op == OP_LD_FUNC)
			fold_other(f, i, at);
		else
			fold_constant(f, i, jinsn_imm64(i), at);
		break;
	case FORMAT_NONE:
	case FORMAT_CAST:
	case FORMAT_JA:
	case FORMAT_JA32:
	case FORMAT_JCC_IMM:
	case FORMAT_JCC_REG:
	case FORMAT_CALL:
	case FORMAT_CALL_KFUNC:
	case FORMAT_CALLX:
	case FORMAT_ATOMIC:
	case FORMAT_LOAD_ACQ:
	case FORMAT_STORE_REL:
	case FORMAT_LD_ABS:
	case FORMAT_LD_IND: fold_other(f, i, at); break;
	}
}

/*
 * A block that only the one before leads to goes on with its values. Loads before and after the jump
 * between them are not joined: what was tested there must not be read from memory again.
 */
static void begin_block(struct fold *f, u32 start)
{
	f->block = start;
	f->epoch++;
	f->stack_epoch++;
	if (!(f->jit->insns[start].flags & JIT_TARGET))
		return;
	f->count = 0;
	memset(f->slots, 0, sizeof(f->slots));
	for (u8 r = 0; r < MAX_BPF_REG; r++) {
		f->reg[r] = fold_value(f, start);
		f->values[f->reg[r]].holder = r;
	}
}

int jit_fold(struct jit *jit)
{
	struct fold f = { .jit = jit };
	const struct jframe *frame = jit->frames;
	u32 largest = 0, length = 0;

	for (u32 at = 0; at < jit->count; at++) {
		length = jit->insns[at].flags & JIT_TARGET ? 1 : length + 1;
		largest = max(largest, length);
	}
	f.values = malloc((MAX_BPF_REG + 7 * (size_t)largest) * sizeof(*f.values));
	if (!f.values)
		return -ENOMEM;
	for (u32 b = 0; b < jit->block_count; b++) {
		while (jit->blocks[b].start >= frame->end)
			frame++;
		f.private_stack = frame->private_stack;
		begin_block(&f, jit->blocks[b].start);
		for (u32 at = jit->blocks[b].start; at < jit->blocks[b].end; at++) {
			struct jinsn before = jit->insns[at];

			count_uses(&f, &before);
			fold_insn(&f, &jit->insns[at], at);
		}
	}
	free(f.values);
	return 0;
}
