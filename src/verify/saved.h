/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * States that are kept: remembered ones (checkpoints), and paths that wait for long. There may be a
 * hundred thousand of them, so they are written in few bytes: what a register's kind implies is left
 * out, and pieces of the stack that are as they were one checkpoint earlier are shared with it.
 *
 * Remembered states form a tree by `parent`; `branches` counts the paths below one that are not
 * finished yet. A state with branches == 0 is known safe as far as the instructions behind it go.
 */
#ifndef VERIFY_SAVED_H
#define VERIFY_SAVED_H

#include <string.h>

#include "verify/state.h"

enum { PIECE_SLOTS = 8, SAVED_REGS = REG_FP }; /* r10 is always the same */

/* Registers r0 to r9, or eight slots of a stack; never changed once written. */
struct piece {
	u32 users;
	u32 size;
	u8 bytes[];
};

/* A bit each: registers, stack slots. */
struct marks {
	u64 slots;
	u32 regs;
};

struct saved_frame {
	struct frame_facts facts;
	struct piece **piece; /* registers, then slots 0 to 7, … */
	u64 dead_slots;	      /* nobody reads them any more: they count as never written */
	u16 dead_regs;
	u16 nr_slots;
};

struct saved {
	struct saved *parent, *loop_entry;
	struct saved *next; /* at the same instruction */
	struct saved *all_next,
		*all_prev;     /* every remembered state, at an instruction or evicted */
	struct marks *precise; /* per frame: values that mattered further on; precision.c's */
	struct ref_state *refs;
	u32 insn_idx, branches;
	u32 depth, may_goto_depth, unroll_depth;
	u32 serial; /* precision.c: its number, 0 if not remembered */
	u32 miss, hit;
	u32 curframe, nr_refs, locks, size;
	bool cleaned, loop_target, sleepable, evicted;
	bool whole; /* a waiting path: with what is only told to the developer */
	struct saved_frame frame[];
};

/*
 * Saves state; pieces that are alike are shared with `like` (NULL, or of the same kind). whole: everything, so that
 * saved_restore() gives it back; else only what states are compared by. NULL: no memory.
 */
struct saved *saved_new(struct env *env, const struct state *state, const struct saved *like,
			bool whole);
void saved_free(struct env *env, struct saved *saved);
/* A state like the one saved (as far as it was); NULL: no memory. */
struct state *saved_restore(struct env *env, const struct saved *saved);

/* How a register is written: which fields differ from what is usual, then those fields. */
enum {
	PACK_RAW0 = 1 << 0,
	PACK_RAW1 = 1 << 1,
	PACK_VALUE = 1 << 2,
	PACK_MASK = 1 << 3,
	PACK_SMIN = 1 << 4,
	PACK_SMAX = 1 << 5,
	PACK_UMIN = 1 << 6,
	PACK_UMAX = 1 << 7, /* 8 bytes each */
	PACK_TYPE = 1 << 8,
	PACK_OFF = 1 << 9,
	PACK_S32_MIN = 1 << 10,
	PACK_S32_MAX = 1 << 11,
	PACK_U32_MIN = 1 << 12,
	PACK_U32_MAX = 1 << 13,		    /* 4 each */
	PACK_IDS = 1 << 14,		    /* 12 */
	PACK_CONST = 1 << 15,		    /* ranges are the value's */
	PACK_NONE = PACK_CONST | PACK_MASK, /* NOT_INIT; nothing follows */
};

static inline u32 packed_kind(const u8 *at)
{
	return at[0] | (u32)at[1] << 8;
}

static inline bool packed_is_scalar(const u8 *at)
{
	u32 kind = packed_kind(at);

	return kind != PACK_NONE && !(kind & PACK_TYPE);
}

static inline bool packed_is_none(const u8 *at)
{
	return packed_kind(at) == PACK_NONE;
}

/* Behind the register at `at`. */
static inline const u8 *packed_skip(const u8 *at)
{
	u32 kind = packed_kind(at);

	if (kind == PACK_NONE)
		return at + 2;
	return at + 2 + 8 * (u32)__builtin_popcount(kind & 0xff) +
	       4 * (u32)__builtin_popcount(kind & 0x3f00) + (kind & PACK_IDS ? 12 : 0);
}

/* A cheap look: false where the register at `at` is surely no equal of reg. */
static inline bool packed_may_equal(const u8 *at, const struct reg_state *reg)
{
	u32 kind = packed_kind(at);
	u64 value = 0;

	if (kind == PACK_NONE)
		return reg->type == NOT_INIT;
	if (!(kind & PACK_TYPE) != (reg->type == SCALAR_VALUE))
		return false;
	if (!(kind & PACK_CONST))
		return true;
	if (kind & PACK_VALUE)
		memcpy(&value, at + 2 + 8 * (u32)__builtin_popcount(kind & (PACK_RAW0 | PACK_RAW1)),
		       sizeof(value));
	return !reg->var_off.mask && reg->var_off.value == value;
}

/* Reads a register; its dep, origin and precise are 0. Returns what is behind it. */
const u8 *packed_reg(const u8 *at, struct reg_state *reg);

/* Slots one after the other, from slot 0. */
struct slot_reader {
	const struct saved_frame *frame;
	const u8 *at;
	u32 next;
};
/* The next slot's bytes, and where its register is (NULL: none is spilled there). false: no more slots. */
bool slot_read(struct slot_reader *r, u8 types[SLOT], const u8 **reg);

#endif
