/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads from and stores to the stack of a frame, byte by byte: a slot is a spilled register (whole or
 * its low bytes), or bytes that are zero, anything, or never written. Invariant: a slot marked
 * STACK_SPILL at byte n-1..0 of its low bytes holds exactly those bytes of slot.reg.
 */
#include <errno.h>
#include <string.h>

#include "verify/env.h"

/* Byte b (0: lowest address) of the slot counts down in type[], as offsets from fp do. */
static u8 *byte_at(struct func_state *f, s32 off)
{
	u32 n = (u32)(-off - 1);

	return &f->stack[n / SLOT].type[n % SLOT];
}

static struct stack_slot *slot_at(struct func_state *f, s32 off)
{
	return &f->stack[(u32)(-off - 1) / SLOT];
}

static void touch(struct env *env, s32 off)
{
	env->scratched_slots |= 1ull << ((u32)(-off - 1) / SLOT);
}

static u64 slots_mask(s32 off, u32 size)
{
	u64 mask = 0;

	for (s32 at = off; at < off + (s32)size; at++)
		mask |= 1ull << ((u32)(-at - 1) / SLOT);
	return mask;
}

/* Not the spilled register any more, but bytes of any value. */
void slot_scrub(struct stack_slot *slot)
{
	if (!slot_is_spill(slot))
		return;
	for (u32 i = 0; i < SLOT; i++)
		if (slot->type[i] == STACK_SPILL)
			slot->type[i] = STACK_MISC;
}

bool reg_spills(u32 type)
{
	u32 base = type_base(type);

	return base >= PTR_TO_CTX && base != CONST_PTR_TO_DYNPTR;
}

static u32 value_bits(const struct reg_state *reg)
{
	return reg->umax ? 64 - (u32)__builtin_clzll(reg->umax) : 0;
}

static void spill(struct stack_slot *slot, const struct reg_state *reg, u32 size)
{
	slot->reg = *reg;
	for (u32 i = SLOT; i > SLOT - size; i--)
		slot->type[i - 1] = STACK_SPILL;
	for (u32 i = SLOT - size; i > 0; i--)
		if (slot->type[i - 1] == STACK_SPILL)
			slot->type[i - 1] = STACK_MISC;
	slot->reg.precise = false;
}

/* A scalar that is copied gets an id, so that what is learnt of one copy is learnt of the other. */
void scalar_give_id(struct env *env, struct reg_state *reg)
{
	if (reg->type != SCALAR_VALUE || reg_is_const(reg))
		return;
	if (reg->id & ID_ADD_CONST) {
		reg->id = 0;
		reg->off = 0;
	}
	if (!reg->id)
		reg->id = ++env->id_gen;
}

static int store_fixed(struct env *env, struct func_state *f, s32 off, u32 size, s32 value,
		       u32 insn)
{
	struct reg_state *reg = value >= 0 ? &regs_of(env)[value] : NULL, imm;
	const struct insn *in = &env->insns[insn];
	struct stack_slot *slot = slot_at(f, off);
	bool is_st = BPF_CLASS(in->code) == BPF_ST;

	touch(env, off);
	fastcall_touch(env, f, off);
	if (size == SLOT)
		live_write(env, f, slots_mask(off, size));
	if (reg && off % SLOT == 0 && reg->type == SCALAR_VALUE) {
		bool fits = value_bits(reg) <= size * 8;

		if (fits)
			scalar_give_id(env, reg);
		spill(slot, reg, size);
		if (!fits) {
			slot->reg.id = 0;
			slot->reg.off = 0;
		}
	} else if (!reg && off % SLOT == 0 && is_st) {
		reg_known(&imm, (u64)(s64)in->imm);
		reg_origin(env, &imm, ORIGIN_CONST);
		spill(slot, &imm, size);
	} else if (reg && reg->type != SCALAR_VALUE && reg_spills(reg->type)) {
		if (size != SLOT)
			return refuse(env, -EACCES, "invalid size of register spill\n");
		if (f != frame_of(env) && reg->type == PTR_TO_STACK)
			return refuse(
				env, -EINVAL,
				"cannot spill pointers to stack into stack frame of the caller\n");
		spill(slot, reg, size);
	} else {
		u8 type = STACK_MISC;

		slot_scrub(slot);
		if ((reg && reg_is_zero(reg)) || (!reg && is_st && !in->imm)) {
			if (reg)
				precise_mark(env, reg);
			type = STACK_ZERO;
		}
		for (s32 at = off; at < off + (s32)size; at++)
			*byte_at(f, at) = type;
	}
	return 0;
}

/* Which byte is written is not known: every byte of the range may be. */
static int store_variable(struct env *env, struct func_state *f, const struct reg_state *ptr,
			  s32 off, u32 size, s32 value, u32 insn)
{
	const struct insn *in = &env->insns[insn];
	struct reg_state *reg = value >= 0 ? &regs_of(env)[value] : NULL;
	bool zero = reg ? reg_is_zero(reg) : BPF_CLASS(in->code) == BPF_ST && !in->imm,
	     zero_used = false;
	s32 from = (s32)ptr->smin + off, to = (s32)ptr->smax + off + (s32)size;

	fastcall_touch(env, f, from);
	for (s32 at = from; at < to; at++) {
		struct stack_slot *slot = slot_at(f, at);
		u8 *type = byte_at(f, at);

		touch(env, at);
		if (zero && *type == STACK_SPILL && slot->reg.type == SCALAR_VALUE &&
		    reg_is_zero(&slot->reg)) {
			precise_mark(env, &slot->reg);
			zero_used = true;
			continue;
		}
		if (zero && *type == STACK_ZERO) {
			zero_used = true;
			continue;
		}
		slot_scrub(slot);
		*type = STACK_MISC;
	}
	if (zero_used && reg)
		precise_mark(env, reg);
	return 0;
}

/* The bytes are not a spilled register's: all known zero, or nothing is known. */
static void load_bytes(struct env *env, struct func_state *f, s32 from, s32 to, u32 dst)
{
	struct reg_state *reg = &regs_of(env)[dst];

	for (s32 at = from; at < to; at++) {
		touch(env, at);
		if (*byte_at(f, at) != STACK_ZERO) {
			reg_unknown(env, reg);
			reg_origin(env, reg, ORIGIN_LOAD);
			return;
		}
	}
	reg_known(reg, 0);
	reg_origin(env, reg, ORIGIN_LOAD);
}

/* A part of a spilled scalar, or a range that mixes it with other bytes. */
static int load_partial(struct env *env, struct func_state *f, s32 off, u32 size, s32 dst,
			u32 spilled)
{
	struct stack_slot *slot = slot_at(f, off);
	struct reg_state *reg;
	u32 nr_spill = 0, nr_zero = 0;

	if (slot->reg.type != SCALAR_VALUE)
		return refuse(env, -EACCES, "invalid size of register fill\n");
	if (dst < 0)
		return 0;
	reg = &regs_of(env)[dst];
	if (size <= spilled && off % SLOT == 0) {
		*reg = slot->reg;
		reg->precise = false;
		reg_origin(env, reg, ORIGIN_PARTIAL);
		if (value_bits(&slot->reg) > size * 8) {
			reg->id = 0;
			reg->off = 0;
		}
		return 0;
	}
	for (s32 at = off; at < off + (s32)size; at++) {
		nr_spill += *byte_at(f, at) == STACK_SPILL;
		nr_zero += *byte_at(f, at) == STACK_ZERO;
	}
	if (nr_spill == size && reg_is_zero(&slot->reg)) {
		u32 dep = slot->reg.dep;

		reg_known(reg, 0);
		reg->dep = dep;
	} else if (nr_zero == size) {
		reg_known(reg, 0);
	} else {
		reg_unknown(env, reg);
	}
	reg_origin(env, reg, ORIGIN_PARTIAL);
	return 0;
}

static int load_fixed(struct env *env, struct func_state *f, s32 off, u32 size, s32 dst)
{
	struct stack_slot *slot = slot_at(f, off);
	u32 spilled = 0;

	touch(env, off);
	fastcall_touch(env, f, off);
	live_read(env, f, slots_mask(off, size));
	if (!slot_is_spill(slot)) {
		if (dst >= 0)
			load_bytes(env, f, off, off + (s32)size, (u32)dst);
		return 0;
	}
	for (u32 i = SLOT; i > 0 && slot->type[i - 1] == STACK_SPILL; i--)
		spilled++;
	if (size != SLOT || spilled != SLOT)
		return load_partial(env, f, off, size, dst, spilled);
	if (dst >= 0) {
		struct reg_state *reg = &regs_of(env)[dst];

		*reg = slot->reg;
		reg->precise = false;
		if (reg->origin_kind == ORIGIN_NONE)
			reg_origin(env, reg, ORIGIN_FILL);
	}
	return 0;
}

static int load_variable(struct env *env, u32 regno, s32 off, u32 size, s32 dst)
{
	struct reg_state *ptr = &regs_of(env)[regno];
	s32 from = (s32)ptr->smin + off, to = (s32)ptr->smax + off + (s32)size;
	struct func_state *f = frame_at(env, ptr);
	int err = stack_range(env, regno, off, size, false, false);

	if (err)
		return err;
	fastcall_touch(env, f, from);
	/* What the register is read from is only known as a range, so the zeros in it are relied on. */
	load_bytes(env, f, from, to, (u32)dst);
	return 0;
}

/* The access lies in the 512 bytes below fp, at every offset the pointer may have; grows the frame to it. */
int stack_bounds(struct env *env, u32 regno, s32 off, u32 size, bool write)
{
	struct reg_state *ptr = &regs_of(env)[regno];
	const char *how = write ? " write to" : " read from";
	bool fixed = reg_is_const(ptr);
	s64 low = ptr->smin + off, high = ptr->smax + off + (s64)size;
	char var[64];
	int err = 0;

	if (fixed) {
		low = (s64)ptr->var_off.value + off;
		high = low + (s64)size;
	} else if (ptr->smax >= MAX_VAR_OFF || ptr->smin <= -(s64)MAX_VAR_OFF) {
		say_error(env, "invalid unbounded variable-offset%s stack R%u\n", how, regno);
		return because_reg(env, REASON_UNBOUNDED, regno, -EACCES);
	}
	if (low < -STACK_BYTES || low >= 0)
		err = -EACCES;
	else if (high > 0)
		err = -EINVAL;
	else if ((s32)size < 0)
		err = -EFAULT;
	if (!err)
		return frame_grow(env, frame_at(env, ptr), (u32)-low);
	if (fixed)
		say_error(env, "invalid%s stack R%u off=%lld size=%d\n", how, regno, (long long)low,
			  (s32)size);
	else
		say_error(env, "invalid variable-offset%s stack R%u var_off=%s off=%d size=%d\n",
			  how, regno, log_tnum(ptr->var_off, var), off, (s32)size);
	because_access(env, low, size, STACK_BYTES);
	return because_reg(env, REASON_MEM_RANGE, regno, err);
}

int stack_load(struct env *env, u32 regno, s32 off, u32 size, s32 dst)
{
	struct reg_state *ptr = &regs_of(env)[regno];
	char var[64];
	int err = stack_bounds(env, regno, off, size, false);

	if (err)
		return err;
	if (reg_is_const(ptr))
		return load_fixed(env, frame_at(env, ptr), off + (s32)ptr->var_off.value, size,
				  dst);
	if (dst < 0)
		return refuse(
			env, -EACCES,
			"variable offset stack pointer cannot be passed into helper function; var_off=%s off=%d size=%d\n",
			log_tnum(ptr->var_off, var), off, (s32)size);
	return load_variable(env, regno, off, size, dst);
}

int stack_store(struct env *env, u32 regno, s32 off, u32 size, s32 value, u32 insn)
{
	struct reg_state *ptr = &regs_of(env)[regno];
	int err = stack_bounds(env, regno, off, size, true);

	if (err)
		return err;
	if (reg_is_const(ptr))
		return store_fixed(env, frame_at(env, ptr), off + (s32)ptr->var_off.value, size,
				   value, insn);
	return store_variable(env, frame_at(env, ptr), ptr, off, size, value, insn);
}

/*
 * A helper, or a load at a variable offset, reads size bytes at regno + off (ptr->off included), or
 * also writes them. Bytes never written may be read by a privileged program. What may have been
 * written is no spilled register and no known zero any more.
 */
int stack_range(struct env *env, u32 regno, s32 off, u32 size, bool zero_ok, bool write)
{
	struct reg_state *ptr = &regs_of(env)[regno];
	struct func_state *f = frame_at(env, ptr);
	s64 from, to;
	u64 mask = 0;
	int err;

	if (!size && !zero_ok) {
		say_error(env, "invalid zero-sized read\n");
		return because_reg(env, REASON_ZERO_SIZE, regno, -EACCES);
	}
	err = stack_bounds(env, regno, off, size, write);
	if (err)
		return err;
	from = (reg_is_const(ptr) ? (s64)ptr->var_off.value : ptr->smin) + off;
	to = (reg_is_const(ptr) ? (s64)ptr->var_off.value : ptr->smax) + off + (s64)size;
	for (s32 at = (s32)from; at < to; at++) {
		mask |= 1ull << ((u32)(-at - 1) / SLOT);
		if (!write)
			continue;
		slot_scrub(slot_at(f, at));
		*byte_at(f, at) = STACK_MISC;
		touch(env, at);
	}
	live_read(env, f, mask);
	return 0;
}

/* A helper fills all of [off, off + size) at a fixed pointer, whatever was there. */
int stack_fill(struct env *env, u32 regno, s32 off, u32 size)
{
	struct reg_state *ptr = &regs_of(env)[regno];
	struct func_state *f = frame_at(env, ptr);
	s32 from = off + (s32)ptr->var_off.value;
	u64 whole = 0;

	fastcall_touch(env, f, from);
	for (s32 at = from; at < from + (s32)size; at++) {
		slot_scrub(slot_at(f, at));
		*byte_at(f, at) = STACK_MISC;
		touch(env, at);
		if (at % SLOT == 0 && at + SLOT <= from + (s32)size)
			whole |= 1ull << ((u32)(-at - 1) / SLOT);
	}
	live_write(env, f, whole);
	return 0;
}

bool stack_const(struct env *env, u32 regno, u32 size, u64 *value)
{
	const struct reg_state *ptr = &regs_of(env)[regno];
	s32 off = ptr->off + (s32)ptr->var_off.value;
	struct stack_slot *slot = slot_at(frame_at(env, ptr), off);
	s32 top = (-off - 1) % SLOT;
	u32 zeros = 0, spilled = 0;

	for (s32 i = top; i >= 0 && slot->type[i] == STACK_ZERO; i--)
		zeros++;
	*value = 0;
	if (zeros >= size)
		return true;
	if (!slot_is_spill(slot) || slot->reg.type != SCALAR_VALUE || !reg_is_const(&slot->reg))
		return false;
	for (s32 i = top; i >= 0 && slot->type[i] == STACK_SPILL; i--)
		spilled++;
	if (spilled != size)
		return false;
	precise_mark(env, &slot->reg);
	*value = slot->reg.var_off.value;
	return true;
}
