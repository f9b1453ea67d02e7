/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the arm64 back end share. BPF registers live in machine registers for good:
 *
 *   r0 x7   r1..r5 x0..x4   r6..r9 x19..x22   run x23   r10 x24   scratch x9..x12, x16
 */
#ifndef JIT_A64_H
#define JIT_A64_H

#include <stddef.h>
#include <string.h>

#include "jit/a64_enc.h"
#include "jit/emit.h"

enum { R0 = 7, RUN = 23, FP = 24, T0 = 9, T1 = 10, T2 = 11, T3 = 12, FAR = 16 };
#define RUN_OFF(member) ((u32)offsetof(struct run, member))

extern const u8 a64_reg[MAX_BPF_REG];

/* a64_alu.c: d = imm; d = n + imm; a load or store (its op of enum a64_mem) of 2^size bytes at base + off. */
void a64_put_imm(struct emitter *a, u32 d, u64 imm);
void a64_put_add(struct emitter *a, bool wide, u32 d, u32 n, s64 imm);
void a64_put_mem(struct emitter *a, u32 op, u32 size, u32 t, u32 base, s32 off);
/* Instructions of the formats that their names say. */
void a64_alu_imm(struct emitter *a, const struct jinsn *i);
void a64_alu_reg(struct emitter *a, const struct jinsn *i);
void a64_unary(struct emitter *a, const struct jinsn *i);
void a64_atomic(struct emitter *a, const struct jinsn *i);
void a64_ordered(struct emitter *a, const struct jinsn *i, bool load);

/* a64_call.c: what surrounds a function's body, once an image (entries, routines of checked programs), and calls. */
void a64_prologue(struct emitter *a);
void a64_leave(struct emitter *a);
void a64_entries(struct emitter *a);
void a64_routines(struct emitter *a);
int a64_call(struct emitter *a, const struct jinsn *i, u32 at); /* -EINVAL: unknown helper */
void a64_packet(struct emitter *a, const struct jinsn *i, bool indirect);
/* In checked programs only: tests 2^log bytes at base + off, takes insns from the budget. */
void a64_check_access(struct emitter *a, u32 base, s32 off, u32 log, bool aligned);
void a64_charge(struct emitter *a, u32 insns);

static inline void put(struct emitter *a, u32 word)
{
	memcpy(a->buf->at + a->buf->len, &word, 4);
	a->buf->len += 4;
}

static inline void load_run(struct emitter *a, bool wide, u32 t, u32 off)
{
	a64_put_mem(a, A64_LOAD, wide ? 3 : 2, t, RUN, (s32)off);
}
static inline void store_run(struct emitter *a, bool wide, u32 t, u32 off)
{
	a64_put_mem(a, A64_STORE, wide ? 3 : 2, t, RUN, (s32)off);
}

/* How many bytes an instruction reads or writes, as a logarithm. */
static inline u32 access_log(const struct jinsn *i)
{
	switch (BPF_SIZE(op_info[i->op].code)) {
	case BPF_B: return 0;
	case BPF_H: return 1;
	case BPF_W: return 2;
	}
	return 3;
}

/* In words, to an offset of the code. */
static inline s64 distance_to(const struct emitter *a, u32 offset)
{
	return ((s64)offset - a->buf->len) / 4;
}

/* A short jump inside one instruction's code, its word given without distance; land() fills that in. */
static inline u32 skip_if(struct emitter *a, u32 word)
{
	put(a, word);
	return a->buf->len - 4;
}
static inline void land(struct emitter *a, u32 from)
{
	u32 word;

	memcpy(&word, a->buf->at + from, 4);
	word |= (a->buf->len - from) / 4 << 5;
	memcpy(a->buf->at + from, &word, 4);
}

#endif
