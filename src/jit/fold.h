/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the folding pass share: values between jump targets. */
#ifndef JIT_FOLD_H
#define JIT_FOLD_H

#include "jit/ir.h"

enum value_kind {
	VALUE_OPAQUE,
	VALUE_CONST,
	VALUE_ZEXT,
	VALUE_SHL32,
	VALUE_SHR32,
	VALUE_SHL64,
	VALUE_SHR64
};

/* A value some register had since the last jump target. Equal indexes are equal values. */
struct value {
	u8 kind;	/* enum value_kind */
	bool zero_high; /* the upper 32 bits are known to be zero */
	u8 bytes; /* mask: which of its bytes come from memory, the others being zero; 0: not known */
	u8 holder;	 /* the register that had it first */
	u32 of;		 /* ZEXT, shifts: of which value */
	u32 zext;	 /* the ZEXT of this one, or NONE */
	u32 def;	 /* instruction */
	u32 uses;	 /* reads seen since */
	u64 imm;	 /* CONST; shifts: count */
	u32 base, epoch; /* of bytes: address, and how many stores came before the loads */
	s16 off[8];	 /* each byte's offset from base */
};

struct slot {
	s16 off;
	u8 size; /* 4, 8; 0: free */
	u32 value;
};

enum { SLOTS = 8 };

struct fold {
	struct jit *jit;
	struct value *values;
	u32 count, room;
	u32 reg[MAX_BPF_REG];	/* value of each register */
	u32 block;		/* first instruction of the present block */
	u32 epoch, stack_epoch; /* stores so far to memory, to a private stack */
	bool private_stack;
	struct slot slots[SLOTS];
	u32 next_slot;
};

u32 fold_value(struct fold *f, u32 def); /* a new opaque value */
u32 fold_zext(struct fold *f, u32 value, u32 def);
/* A register that has this value now, or 0xff. */
u8 fold_held(const struct fold *f, u32 value);
u8 fold_held_low(const struct fold *f, u32 value); /* or one equal in its low half */

/* fold_bytes.c: bytes of memory through shifts, masks, swaps and ors */
void fold_load(struct fold *f, struct jinsn *i, u32 at);
void fold_shift_bytes(struct fold *f, struct value *to, const struct value *from, s32 by,
		      bool wide);
void fold_mask_bytes(struct value *to, const struct value *from, u64 mask);
void fold_swap_bytes(struct value *to, const struct value *from, u32 width);
/* Where to is the or of both and all its bytes are one load, makes i that load. */
void fold_join_bytes(struct value *to, const struct value *a, const struct value *b, bool wide);
bool fold_as_load(struct fold *f, struct jinsn *i, u32 value);
void fold_store(struct fold *f, struct jinsn *i, u32 at);
/* Memory may have changed; stack_too: a private stack as well, by an instruction that addresses it. */
void fold_forget_memory(struct fold *f, bool stack_too);

#endif
