// SPDX-License-Identifier: BSD-2-Clause
/*
 * Which bytes of memory a value is made of: programs that read packets byte by byte and put words
 * together with shifts and ors get one load, swapped where the bytes are in network order. A load
 * may stand in for earlier ones as long as nothing was stored in between; a private stack (nobody
 * else can have an address in it) is told apart from other memory.
 */
#include <string.h>

#include "jit/fold.h"

static u32 epoch_of(const struct fold *f, u32 base)
{
	return f->private_stack && base == f->reg[BPF_REG_10] ? f->stack_epoch | 1u << 31
							      : f->epoch;
}

void fold_forget_memory(struct fold *f, bool stack_too)
{
	f->epoch++;
	if (f->private_stack && !stack_too)
		return;
	f->stack_epoch++;
	memset(f->slots, 0, sizeof(f->slots));
}

static struct slot *find_slot(struct fold *f, s16 off, u32 size)
{
	for (u32 i = 0; i < SLOTS; i++)
		if (f->slots[i].size == size && f->slots[i].off == off)
			return &f->slots[i];
	return NULL;
}

static void keep_slot(struct fold *f, s16 off, u32 size, u32 value)
{
	if (size >= 4)
		f->slots[f->next_slot++ % SLOTS] = (struct slot){ off, (u8)size, value };
}

static u32 load_size(const struct jinsn *i)
{
	return i->op == OP_LDX8 ? 1 : i->op == OP_LDX16 ? 2 : i->op == OP_LDX32 ? 4 : 8;
}

static void set_reg(struct fold *f, u8 reg, u32 value)
{
	if (fold_held(f, value) == 0xff)
		f->values[value].holder = reg;
	f->reg[reg] = value;
}

/* The load's value is in a register: a copy, or nothing. */
static void reuse(struct fold *f, struct jinsn *i, u32 value)
{
	u8 from = fold_held(f, value);

	if (from == i->dst) {
		i->op = JIT_NOP;
	} else if (from != 0xff) {
		i->op = OP_MOV64_REG;
		i->src = from;
		i->off = 0;
	}
	set_reg(f, i->dst, value);
}

void fold_load(struct fold *f, struct jinsn *i, u32 at)
{
	u32 value = fold_value(f, at), size = load_size(i);
	bool stack = i->src == BPF_REG_10 && f->private_stack;
	struct slot *slot = stack ? find_slot(f, i->off, size) : NULL;
	struct value *v = &f->values[value];

	if (i->op != OP_LDX8 && i->op != OP_LDX16 && i->op != OP_LDX32 &&
	    i->op != OP_LDX64) { /* signed */
		set_reg(f, i->dst, value);
		return;
	}
	if (slot) {
		reuse(f, i, slot->value);
		return;
	}
	v->zero_high = size < 8;
	v->bytes = (u8)((1u << size) - 1);
	v->base = f->reg[i->src];
	v->epoch = epoch_of(f, v->base);
	for (u32 b = 0; b < size; b++)
		v->off[b] = (s16)(i->off + (s32)b);
	if (i->off > INT16_MAX - 8)
		v->bytes = 0; /* the last bytes' offsets have no number */
	if (stack)
		keep_slot(f, i->off, size, value);
	set_reg(f, i->dst, value);
}

void fold_store(struct fold *f, struct jinsn *i, u32 at)
{
	u32 size = BPF_SIZE(op_info[i->op].code) == BPF_B   ? 1
		   : BPF_SIZE(op_info[i->op].code) == BPF_H ? 2
		   : BPF_SIZE(op_info[i->op].code) == BPF_W ? 4
							    : 8;
	bool from_reg = jinsn_format(i) == FORMAT_STX;
	struct slot *slot;
	u32 value;

	if (i->dst != BPF_REG_10 || !f->private_stack) {
		fold_forget_memory(f, false);
		return;
	}
	value = from_reg ? size == 4 ? fold_zext(f, f->reg[i->src], at) : f->reg[i->src] : JIT_NONE;
	slot = find_slot(f, i->off, size);
	if (slot && from_reg && slot->value == value) {
		i->op = JIT_NOP;
		return;
	}
	f->stack_epoch++;
	for (u32 s = 0; s < SLOTS; s++)
		if (f->slots[s].off < i->off + (s32)size &&
		    i->off < f->slots[s].off + f->slots[s].size)
			f->slots[s].size = 0;
	if (from_reg)
		keep_slot(f, i->off, size, value);
}

void fold_shift_bytes(struct fold *f, struct value *to, const struct value *from, s32 by, bool wide)
{
	u8 bytes = wide ? from->bytes : from->bytes & 0x0f;

	(void)f;
	if (!bytes || by % 8)
		return;
	to->base = from->base;
	to->epoch = from->epoch;
	for (s32 b = 0; b < (wide ? 8 : 4); b++) {
		s32 source = b - by / 8;

		if (source < 0 || source >= 8 || !(bytes & 1 << source))
			continue;
		to->bytes |= (u8)(1 << b);
		to->off[b] = from->off[source];
	}
}

void fold_mask_bytes(struct value *to, const struct value *from, u64 mask)
{
	u8 bytes = 0;

	for (u32 b = 0; b < 8; b++) {
		u8 part = (u8)(mask >> 8 * b);

		if (part == 0xff)
			bytes |= (u8)(1 << b);
		else if (part)
			return;
	}
	to->bytes = from->bytes & bytes;
	to->base = from->base;
	to->epoch = from->epoch;
	memcpy(to->off, from->off, sizeof(to->off));
}

void fold_swap_bytes(struct value *to, const struct value *from, u32 width)
{
	to->base = from->base;
	to->epoch = from->epoch;
	for (u32 b = 0; b < width; b++)
		if (from->bytes & 1 << b) {
			to->bytes |= (u8)(1 << (width - 1 - b));
			to->off[width - 1 - b] = from->off[b];
		}
}

void fold_join_bytes(struct value *to, const struct value *a, const struct value *b, bool wide)
{
	if (!a->bytes || !b->bytes || a->bytes & b->bytes || a->base != b->base ||
	    a->epoch != b->epoch)
		return;
	to->base = a->base;
	to->epoch = a->epoch;
	to->bytes = wide ? a->bytes | b->bytes : (a->bytes | b->bytes) & 0x0f;
	for (u32 i = 0; i < 8; i++)
		to->off[i] = a->bytes & 1 << i ? a->off[i] : b->off[i];
}

/* Width of the load that gives exactly these bytes in this order, 0 if none does. */
static u32 one_load(const struct value *v, bool *swapped)
{
	u32 width = v->bytes == 0x03 ? 2 : v->bytes == 0x0f ? 4 : v->bytes == 0xff ? 8 : 0;

	if (!width)
		return 0;
	*swapped = v->off[1] == v->off[0] - 1;
	for (u32 b = 1; b < width; b++)
		if (v->off[b] != v->off[b - 1] + (*swapped ? -1 : 1))
			return 0;
	return width;
}

bool fold_as_load(struct fold *f, struct jinsn *i, u32 value)
{
	const struct value *v = &f->values[value];
	bool swapped = false;
	u32 width = one_load(v, &swapped);
	u8 base;

	if (!width || v->epoch != epoch_of(f, v->base))
		return false;
	base = fold_held(f, v->base);
	if (base == 0xff)
		return false;
	i->src = base;
	i->off = swapped ? v->off[width - 1] : v->off[0];
	i->imm = 0;
	if (width == 2)
		i->op = swapped ? JIT_LDBE16 : OP_LDX16;
	else if (width == 4)
		i->op = swapped ? JIT_LDBE32 : OP_LDX32;
	else
		i->op = swapped ? JIT_LDBE64 : OP_LDX64;
	return true;
}
