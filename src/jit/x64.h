/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the x86-64 back end share. BPF registers live in machine registers for good:
 *
 *   r0 rax   r1 rdi   r2 rsi   r3 r9   r4 r10   r5 r8   r6 rbx   r7 r13   r8 r14   r9 r15   r10 rbp
 *   run r12   scratch rcx rdx r11
 *
 * r3 and r4 are not where the C ABI wants them (two moves a helper call), so that multiplication,
 * division and shifts find rcx and rdx free.
 */
#ifndef JIT_X64_H
#define JIT_X64_H

#include <stddef.h>

#include "jit/emit.h"
#include "jit/x64_enc.h"

enum { RUN = R12, FEATURE_BMI2 = 1, FEATURE_MOVBE = 2, FEATURE_KNOWN = 4 };
#define RUN_OFF(member) ((s32)offsetof(struct run, member))

extern const u8 x64_reg[MAX_BPF_REG];

/* x64_call.c: what surrounds a function's body, once an image (entries, routines of checked programs), and calls. */
void x64_prologue(struct emitter *x);
void x64_epilogue(struct emitter *x);
void x64_entries(struct emitter *x);
void x64_routines(struct emitter *x);
int x64_call(struct emitter *x, const struct jinsn *i, u32 at); /* -EINVAL: unknown helper */
void x64_packet(struct emitter *x, const struct jinsn *i, u32 size, bool indirect);
/* In checked programs only: tests [base + off, + bytes), takes insns from the budget. */
void x64_check_access(struct emitter *x, u32 base, s32 off, u32 bytes, bool aligned);
void x64_charge(struct emitter *x, u32 insns);

/* x64_alu.c: dst = dst / src and its kin for the sixteen DIV, SDIV, MOD, SMOD ops; live: BPF registers needed after. */
void x64_divide(struct jbuf *buf, const struct jinsn *i, u16 live, u64 features);
/* Shifts by a register. */
void x64_shift(struct jbuf *buf, const struct jinsn *i, u64 features);
/* Atomic read-modify-write. */
void x64_atomic(struct jbuf *buf, const struct jinsn *i);

/* A forward jump inside one instruction's code: jcc8() leaves room, land() fills it in. */
static inline u32 jcc8(struct jbuf *buf, enum x64_cc cc)
{
	put(buf, 0x70 | (u32)cc, 2);
	return buf->len;
}
static inline u32 jmp8(struct jbuf *buf)
{
	put(buf, 0xeb, 2);
	return buf->len;
}
static inline void land(struct jbuf *buf, u32 from)
{
	buf->at[from - 1] = (u8)(buf->len - from);
}

#endif
