/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arithmetic instructions: scalars through scalar.c, pointers by their own rules. Invariant: the
 * result is a pointer only where base and offset are still known to be bounded; everything else that
 * a privileged program may do to a pointer makes a number of which nothing is believed.
 */
#include <errno.h>

#include "verify/env.h"

static const char *alu_text(u8 op)
{
	static const char *const text[] = {
		[BPF_ADD >> 4] = "+=",
		[BPF_SUB >> 4] = "-=",
		[BPF_MUL >> 4] = "*=",
		[BPF_DIV >> 4] = "/=",
		[BPF_OR >> 4] = "|=",
		[BPF_AND >> 4] = "&=",
		[BPF_LSH >> 4] = "<<=",
		[BPF_RSH >> 4] = ">>=",
		[BPF_NEG >> 4] = "neg",
		[BPF_MOD >> 4] = "%=",
		[BPF_XOR >> 4] = "^=",
		[BPF_MOV >> 4] = "=",
		[BPF_ARSH >> 4] = "s>>=",
		[BPF_END >> 4] = "endian",
		[14] = "?",
		[15] = "?",
	};

	return text[op >> 4];
}

static bool sane_offset(struct env *env, const struct reg_state *reg, u32 type)
{
	s64 value = (s64)reg->var_off.value;
	char name[64];

	if (reg_is_const(reg) && (value >= MAX_VAR_OFF || value <= -(s64)MAX_VAR_OFF))
		say_error(env, "math between %s pointer and %lld is not allowed\n",
			  log_type(type, name), (long long)value);
	else if (reg->off >= MAX_VAR_OFF || reg->off <= -(s32)MAX_VAR_OFF)
		say_error(env, "%s pointer offset %d is not allowed\n", log_type(type, name),
			  reg->off);
	else if (reg->smin == INT64_MIN)
		say_error(
			env,
			"math between %s pointer and register with unbounded min value is not allowed\n",
			log_type(type, name));
	else if (reg->smin >= MAX_VAR_OFF || reg->smin <= -(s64)MAX_VAR_OFF)
		say_error(env, "value %lld makes %s pointer be out of bounds\n",
			  (long long)reg->smin, log_type(type, name));
	else
		return true;
	because(env, REASON_OFFSET, -EINVAL);
	return false;
}

static bool is_packet(u32 type)
{
	return type == PTR_TO_PACKET || type == PTR_TO_PACKET_META;
}

/* Kinds that arithmetic is allowed on; n is the known amount, or no constant. */
static bool allows_arithmetic(const struct reg_state *ptr, const struct reg_state *by, u8 op)
{
	switch (type_base(ptr->type)) {
	case PTR_TO_CTX:
	case PTR_TO_MAP_VALUE:
	case PTR_TO_MAP_KEY:
	case PTR_TO_STACK:
	case PTR_TO_PACKET_META:
	case PTR_TO_PACKET:
	case PTR_TO_TP_BUFFER:
	case PTR_TO_BTF_ID:
	case PTR_TO_MEM:
	case PTR_TO_BUF:
	case PTR_TO_FUNC:
	case CONST_PTR_TO_DYNPTR: return true;
	case PTR_TO_FLOW_KEYS:
		if (reg_is_const(by))
			return true;
		return false;
	case CONST_PTR_TO_MAP: return reg_is_const(by) && by->smin == 0 && op == BPF_ADD;
	default: return false;
	}
}

/* The constant part takes a known amount while it fits 32 bits. */
static bool moves_offset(struct reg_state *dst, s64 amount)
{
	s64 off = (s64)dst->off + amount;

	if (amount > INT32_MAX || amount < INT32_MIN || off != (s32)off)
		return false;
	dst->off = (s32)off;
	return true;
}

/* The variable part takes the rest; a packet pointer becomes another base of which no range is known. */
static void moves_variable(struct env *env, struct reg_state *dst, const struct reg_state *by,
			   u8 op)
{
	struct reg_state value = *dst;
	bool keeps_range = op == BPF_SUB && by->smin >= 0;

	if (op == BPF_ADD) {
		if (__builtin_add_overflow(value.smin, by->smin, &dst->smin) ||
		    __builtin_add_overflow(value.smax, by->smax, &dst->smax))
			dst->smin = INT64_MIN, dst->smax = INT64_MAX;
		if (__builtin_add_overflow(value.umin, by->umin, &dst->umin) ||
		    __builtin_add_overflow(value.umax, by->umax, &dst->umax))
			dst->umin = 0, dst->umax = UINT64_MAX;
		dst->var_off = tnum_add(value.var_off, by->var_off);
	} else {
		if (__builtin_sub_overflow(value.smin, by->smax, &dst->smin) ||
		    __builtin_sub_overflow(value.smax, by->smin, &dst->smax))
			dst->smin = INT64_MIN, dst->smax = INT64_MAX;
		if (value.umin < by->umax)
			dst->umin = 0, dst->umax = UINT64_MAX;
		else
			dst->umin = value.umin - by->umax, dst->umax = value.umax - by->umin;
		dst->var_off = tnum_sub(value.var_off, by->var_off);
	}
	if (is_packet(dst->type)) {
		dst->id = ++env->id_gen;
		if (!keeps_range)
			dst->raw[0] = dst->raw[1] = 0;
	}
}

static int pointer_op_refused(struct env *env, u32 regno, const struct reg_state *ptr, u8 op,
			      bool is32)
{
	char name[64];

	if (is32)
		say_error(env, "R%u 32-bit pointer arithmetic prohibited\n", regno);
	else if (ptr->type & PTR_MAYBE_NULL)
		say_error(env, "R%u pointer arithmetic on %s prohibited, null-check it first\n",
			  regno, log_type(ptr->type, name));
	else if (op == BPF_AND || op == BPF_OR || op == BPF_XOR)
		say_error(env, "R%u bitwise operator %s on pointer prohibited\n", regno,
			  alu_text(op));
	else
		say_error(env, "R%u pointer arithmetic with %s operator prohibited\n", regno,
			  alu_text(op));
	return because_reg(env, ptr->type & PTR_MAYBE_NULL ? REASON_NULL_DEREF : REASON_POINTER_ALU,
			   regno, -EACCES);
}

/* ptr and by are copies; the result goes to regno. reversed: the instruction is scalar OP pointer. */
static int pointer_alu(struct env *env, const struct insn *i, struct reg_state ptr,
		       struct reg_state by, bool reversed)
{
	u8 op = BPF_OP(i->code);
	bool is32 = BPF_CLASS(i->code) != BPF_ALU64;
	struct reg_state *dst = &regs_of(env)[i->dst];
	char name[64];

	if (is32 && op == BPF_SUB) {
		reg_unknown(env, dst);
		return 0;
	}
	if (is32 || ptr.type & PTR_MAYBE_NULL)
		return pointer_op_refused(env, i->dst, &ptr, op, is32);
	if (!allows_arithmetic(&ptr, &by, op)) {
		say_error(env, "R%u pointer arithmetic on %s prohibited\n", i->dst,
			  log_type(ptr.type, name));
		return because_reg(env, REASON_POINTER_ALU, i->dst, -EACCES);
	}
	if (!sane_offset(env, &by, ptr.type) || !sane_offset(env, &ptr, ptr.type))
		return -EINVAL;
	if (op != BPF_ADD && op != BPF_SUB)
		return pointer_op_refused(env, i->dst, &ptr, op, false);
	if (op == BPF_SUB && reversed) {
		say_error(env, "R%u tried to subtract pointer from scalar\n", i->dst);
		return because_reg(env, REASON_POINTER_ALU, i->dst, -EACCES);
	}
	if (op == BPF_SUB && ptr.type == PTR_TO_STACK) {
		say_error(env, "R%u subtraction from stack pointer prohibited\n", i->dst);
		return because_reg(env, REASON_POINTER_ALU, i->dst, -EACCES);
	}
	*dst = ptr;
	dst->dep = 0;
	if (!reg_is_const(&by) || !moves_offset(dst, op == BPF_ADD	    ? by.smin
						     : by.smin == INT64_MIN ? INT64_MAX
									    : -by.smin))
		moves_variable(env, dst, &by, op);
	if (!sane_offset(env, dst, ptr.type))
		return -EINVAL;
	/* Nothing is said of a pointer's lower half. */
	dst->s32_min = INT32_MIN, dst->s32_max = INT32_MAX;
	dst->u32_min = 0, dst->u32_max = UINT32_MAX;
	reg_sync(dst);
	reg_origin(env, dst, ORIGIN_ALU);
	return 0;
}

/*
 * After r2 = r1; r2 += K, what is learnt of one of them holds for the other at a distance of K. low: dst had no
 * upper half before, without which 32-bit sums tell nothing of the whole register.
 */
static void link_after_add(struct reg_state *dst, const struct insn *i, const struct reg_state *src,
			   bool low)
{
	bool is32 = BPF_CLASS(i->code) == BPF_ALU,
	     self = BPF_SRC(i->code) == BPF_X && i->src == i->dst;
	u32 op = BPF_OP(i->code), id = dst->id;
	s64 by = is32 ? (s32)src->var_off.value : (s64)src->var_off.value;
	bool known = !(is32 ? (u32)src->var_off.mask : src->var_off.mask);

	dst->id = 0;
	dst->off = 0;
	if ((op != BPF_ADD && op != BPF_SUB) || !id || id & ID_ADD_CONST || !known || self ||
	    by != (s32)by || (is32 && !low) || (op == BPF_SUB && by == INT32_MIN))
		return;
	dst->id = id | (is32 ? ID_ADD_CONST32 : ID_ADD_CONST64);
	dst->off = op == BPF_SUB ? (s32)-by : (s32)by;
}

/* All bits of x are equal (0 or -1): and/or with a constant is exact on two paths. */
static int fork_on_mask(struct env *env, const struct insn *i, struct reg_state *dst,
			const struct reg_state *src)
{
	u8 op = BPF_OP(i->code);
	struct state *other;
	bool whole;

	if ((op != BPF_AND && op != BPF_OR) || !reg_is_const(src))
		return 0;
	whole = dst->smin == -1 && dst->smax == 0;
	if (!whole && (dst->s32_min != -1 || dst->s32_max != 0))
		return 0;
	other = path_push(env, env->insn_idx, env->insn_idx);
	if (!other)
		return -ENOMEM;
	if (whole) {
		reg_set_const(&cur_frame(other)->regs[i->dst], 0);
		reg_set_const(dst, ~0ull);
	} else {
		reg_set_const32(&cur_frame(other)->regs[i->dst], 0);
		reg_set_const32(dst, ~0u);
	}
	return 0;
}

static int binary(struct env *env, const struct insn *i)
{
	struct reg_state *regs = regs_of(env), *dst = &regs[i->dst], imm;
	const struct reg_state *src = &imm;
	u8 op = BPF_OP(i->code);
	bool is32 = BPF_CLASS(i->code) != BPF_ALU64;
	u32 dep;
	bool low;

	if (BPF_SRC(i->code) == BPF_X)
		src = &regs[i->src];
	else
		reg_known(&imm, (u64)(s64)i->imm);
	if (src == dst) { /* the operators read src while they write dst */
		imm = *src;
		src = &imm;
	}
	if (src->type != SCALAR_VALUE && dst->type != SCALAR_VALUE) {
		if (op != BPF_SUB) {
			say_error(env, "R%u pointer %s pointer prohibited\n", i->dst, alu_text(op));
			return because_reg(env, REASON_POINTER_ALU, i->dst, -EACCES);
		}
		reg_unknown(env, dst);
		reg_origin(env, dst, ORIGIN_ALU);
		return 0;
	}
	if (src->type != SCALAR_VALUE) {
		precise_mark(env, dst);
		return pointer_alu(env, i, *src, *dst, true);
	}
	if (dst->type != SCALAR_VALUE) {
		precise_mark(env, src);
		return pointer_alu(env, i, *dst, *src, false);
	}
	dep = precise_join(env, dst->dep, src->dep);
	low = dst->umax <= UINT32_MAX;
	if (fork_on_mask(env, i, dst, src))
		return -ENOMEM;
	if (op == BPF_DIV || op == BPF_MOD)
		reg_set_unbounded(dst);
	else
		scalar_alu(op, is32, dst, src);
	dst->dep = dep;
	link_after_add(dst, i, src, low);
	reg_origin(env, dst, ORIGIN_ALU);
	return 0;
}

static u32 width(const struct reg_state *reg)
{
	return reg->umax ? 64 - (u32)__builtin_clzll(reg->umax) : 0;
}

static void move_register(struct env *env, const struct insn *i)
{
	struct reg_state *regs = regs_of(env), *dst = &regs[i->dst], *src = &regs[i->src];
	bool is32 = BPF_CLASS(i->code) != BPF_ALU64, same;

	if (!is32 && !i->off) {
		scalar_give_id(env, src);
		*dst = *src;
		dst->precise = false;
		return;
	}
	if (src->type != SCALAR_VALUE) { /* a part of a pointer is a number */
		reg_unknown(env, dst);
		if (is32)
			reg_truncate(dst, 4);
		reg_origin(env, dst, ORIGIN_MOVE);
		return;
	}
	/* The copy is equal, hence linked, only if nothing is cut off or sign-extended. */
	same = i->off ? src->umax < 1ull << (i->off - 1) : width(src) <= 32;
	if (same)
		scalar_give_id(env, src);
	*dst = *src;
	dst->precise = false;
	if (!same) {
		dst->id = 0;
		dst->off = 0;
	}
	if (i->off)
		reg_sext(dst, (u32)i->off / 8, is32);
	if (is32) {
		reg_zext(dst);
		reg_sync(dst);
	}
	reg_origin(env, dst, ORIGIN_MOVE);
}

static int move(struct env *env, const struct insn *i)
{
	struct reg_state *dst = &regs_of(env)[i->dst];
	int err = 0;

	if (BPF_SRC(i->code) == BPF_X)
		err = reg_read(env, i->src);
	err = err ?: reg_write(env, i->dst);
	if (err)
		return err;
	if (BPF_SRC(i->code) == BPF_X) {
		move_register(env, i);
		return 0;
	}
	reg_known(dst, BPF_CLASS(i->code) == BPF_ALU64 ? (u64)(s64)i->imm : (u32)i->imm);
	reg_origin(env, dst, ORIGIN_CONST);
	return 0;
}

/* Byte order: cutting keeps the range; swapping moves what is known of bits, and ranges follow from that. */
static void swap_bytes(struct reg_state *dst, const struct insn *i)
{
	bool keeps = BPF_CLASS(i->code) == BPF_ALU && BPF_SRC(i->code) == BPF_TO_LE;

	if (keeps && i->imm == 64)
		return;
	dst->id = 0;
	dst->off = 0;
	if (keeps) {
		reg_truncate(dst, (u32)i->imm / 8);
		return;
	}
	dst->var_off = tnum_bswap(dst->var_off, (u32)i->imm);
	reg_set_range_of(dst);
}

static int unary(struct env *env, const struct insn *i)
{
	struct reg_state *dst = &regs_of(env)[i->dst];
	u32 dep = dst->dep;
	int err = reg_read(env, i->dst);

	err = err ?: reg_write(env, i->dst);
	if (err)
		return err;
	if (BPF_OP(i->code) == BPF_NEG && dst->type == SCALAR_VALUE) {
		scalar_neg(dst, BPF_CLASS(i->code) != BPF_ALU64);
		dst->id = 0;
		dst->off = 0;
		dst->dep = dep;
	} else if (dst->type == SCALAR_VALUE) {
		swap_bytes(dst, i);
		dst->dep = dep;
	} else {
		reg_unknown(env, dst);
	}
	reg_origin(env, dst, ORIGIN_ALU);
	return 0;
}

int alu_insn(struct env *env, const struct insn *i)
{
	u8 op = BPF_OP(i->code);
	u32 bits = BPF_CLASS(i->code) == BPF_ALU64 ? 64 : 32;
	int err = 0;

	if (i->op == OP_ADDR_SPACE_CAST)
		return refuse(
			env, -EINVAL,
			"addr_space_cast insn can only be used in a program that has an associated arena\n");
	if (op == BPF_END || op == BPF_NEG)
		return unary(env, i);
	if (op == BPF_MOV)
		return move(env, i);
	if (BPF_SRC(i->code) == BPF_X)
		err = reg_read(env, i->src);
	err = err ?: reg_read(env, i->dst);
	if (err)
		return err;
	if (BPF_SRC(i->code) == BPF_K) {
		if ((op == BPF_MOD || op == BPF_DIV) && !i->imm)
			return refuse(env, -EINVAL, "div by zero\n");
		if ((op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH) &&
		    (i->imm < 0 || (u32)i->imm >= bits))
			return refuse(env, -EINVAL, "invalid shift %d\n", i->imm);
	}
	err = reg_write(env, i->dst);
	return err ?: binary(env, i);
}
