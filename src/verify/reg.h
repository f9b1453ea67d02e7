/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is believed of one register or spilled slot.
 *
 * A scalar's value lies in the tnum and in all four ranges (u64, s64, u32, s32 of the lower half); the
 * operators keep those in agreement. A pointer is base + off + a variable part that var_off and the
 * 64-bit ranges describe. Everything before `dep` is what two states are compared by.
 */
#ifndef VERIFY_REG_H
#define VERIFY_REG_H

#include "def/reg.h"
#include "verify/tnum.h"

struct verify_map;

enum { REG_COUNT = 11, REG_FP = 10 };
/* In id: this register is (the id's value) + off; with 32, both have no upper half, and the sum has none either. */
#define ID_ADD_CONST64 (1u << 31)
#define ID_ADD_CONST32 (1u << 30)
#define ID_ADD_CONST   (ID_ADD_CONST64 | ID_ADD_CONST32)

enum {
	AT_PKT_END = -1,
	BEYOND_PKT_END = -2
}; /* in range: pointer compared with the packet's end */

/* How a register got its present value: told to the developer, never used for the verdict. */
enum origin_kind {
	ORIGIN_NONE,
	ORIGIN_ENTRY,
	ORIGIN_CONST,
	ORIGIN_MOVE,
	ORIGIN_ALU,
	ORIGIN_LOAD,
	ORIGIN_FILL,
	ORIGIN_CALL,
	ORIGIN_CLOBBER,
	ORIGIN_BRANCH,
	ORIGIN_PARTIAL,
	ORIGIN_MERGE,
};

struct reg_state {
	u32 type; /* enum reg_type | enum type_flag */
	s32 off;  /* constant part of a pointer; with ID_ADD_CONST the distance to the id's value */
	union {
		s32 range;    /* packet: bytes known to be there after the pointer's base */
		u32 mem_size; /* PTR_TO_MEM */
		u32 subprog;  /* PTR_TO_FUNC */
		u32 btf_id;   /* PTR_TO_BTF_ID: the struct, in the kernel's BTF */
		struct {
			const struct verify_map *map;
			u32 map_uid;
		};
		u64 raw[2];
	};
	struct tnum var_off;
	s64 smin, smax;
	u64 umin, umax;
	s32 s32_min, s32_max;
	u32 u32_min, u32_max;
	u32 id;		/* same id: same value (scalars), same null-ness, same packet range */
	u32 ref_obj_id; /* the reference this pointer holds */
	u32 frameno;	/* PTR_TO_STACK: whose */

	u32 dep;    /* precision.h: what this scalar was computed from */
	u32 origin; /* instruction */
	u8 origin_kind;
	bool precise; /* in a remembered state: its value was needed further on */
};

/* scalar.c: ranges. "sync" lets each representation learn from the others. */
void reg_set_unbounded(struct reg_state *reg);
void reg_sync(struct reg_state *reg);
void reg_set_range_of(struct reg_state *reg);	      /* ranges from var_off alone */
void reg_set_const(struct reg_state *reg, u64 value); /* ranges only; type, id, off stay */
void reg_set_const32(struct reg_state *reg, u32 value);
void reg_zext(struct reg_state *reg); /* 64-bit ranges from the 32-bit ones, upper half 0 */
void reg_truncate(struct reg_state *reg, u32 size); /* keeps the low size bytes, zero-extends */
void reg_sext(struct reg_state *reg, u32 size, bool is32); /* sign-extends the low size bytes */
/* dst = dst OP src for BPF_ADD … BPF_ARSH, whatever the operands (unknown where nothing can be said). */
void scalar_alu(u8 op, bool is32, struct reg_state *dst, const struct reg_state *src);
void scalar_neg(struct reg_state *dst, bool is32);
/* Whether some u64/s64/u32/s32 range is empty: no value fits. */
bool reg_contradicts(const struct reg_state *reg);
/* 1: "a OP b" always holds, 0: never, -1: unknown. */
int scalar_branch(const struct reg_state *a, const struct reg_state *b, u8 op, bool is32);
/* Both learn that "a OP b" holds. */
void scalar_refine(struct reg_state *a, struct reg_state *b, u8 op, bool is32);
u8 jump_opposite(u8 op);	   /* of BPF_JEQ etc.; BPF_JSET gives JSET_NOT */
u8 jump_flipped(u8 op);		   /* with operands exchanged */
#define JSET_NOT (BPF_JSET | 0x08) /* "& == 0", which no instruction has */

static inline bool reg_is_const(const struct reg_state *reg)
{
	return tnum_is_const(reg->var_off);
}
static inline bool reg_is_zero(const struct reg_state *reg)
{
	return reg->type == SCALAR_VALUE && tnum_is_const(reg->var_off) && !reg->var_off.value;
}

#endif
