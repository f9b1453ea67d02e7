// SPDX-License-Identifier: BSD-2-Clause
/*
 * The arm64 back end. BPF registers live in machine registers for good:
 *
 *   r0 x7   r1..r5 x0..x4   r6..r9 x19..x22   run x23   r10 x24   scratch x9..x12, x16
 *
 * as in the x86-64 back end, a C entry sets up run and r10, local calls move r10 by the caller's
 * stack depth, functions save the callee-saved registers that they write. Functions return r0 in x7;
 * only C entries move it to x0. The machine's division has BPF's results for 0 and for MIN / -1.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "jit/a64_enc.h"
#include "jit/divide.h"

enum {
	R0 = 7,
	RUN = 23,
	FP = 24,
	T0 = 9,
	T1 = 10,
	T2 = 11,
	T3 = 12,
	FAR = 16,
	ROOM = 1024,
	ROUTINE_UNWIND = 4,
	FRAME_REGS = 7
};
#define RUN_OFF(member) ((u32)offsetof(struct run, member))

static const u8 a64_reg[MAX_BPF_REG] = { R0, 0, 1, 2, 3, 4, 19, 20, 21, 22, FP };

struct fixup {
	u32 at;		 /* offset of the word to fill in */
	u32 target;	 /* instruction, or function if it is a call */
	bool near, call; /* 19-bit distance; bl */
};

struct a64 {
	struct jit *jit;
	struct jbuf *buf;
	const struct jframe *frame;
	u32 func;
	struct fixup *fixups;
	u32 fixup_count;
	struct log *why;
};

static void put(struct a64 *a, u32 word)
{
	memcpy(a->buf->at + a->buf->len, &word, 4);
	a->buf->len += 4;
}

u32 a64_logical_imm(bool wide, u64 imm)
{
	u32 size = 64, ones, rotation;
	u64 mask, element;

	if (!wide)
		imm = (u32)imm | imm << 32;
	if (!imm || !~imm)
		return 0;
	while (size > 2 &&
	       (imm >> size / 2 & (((u64)1 << size / 2) - 1)) == (imm & (((u64)1 << size / 2) - 1)))
		size /= 2;
	mask = size == 64 ? ~(u64)0 : ((u64)1 << size) - 1;
	element = imm & mask;
	ones = (u32)__builtin_popcountll(element);
	for (rotation = 0; rotation < size; rotation++) {
		u64 turned =
			rotation ? ((element >> rotation) | (element << (size - rotation))) & mask
				 : element;

		if (turned == ((u64)1 << ones) - 1)
			break;
	}
	if (rotation == size)
		return 0;
	return (u32)(size == 64) << 22 | ((size - rotation) % size) << 16 |
	       (((~(size * 2 - 1) & 0x3f) | (ones - 1)) & 0x3f) << 10;
}

static void mov_imm(struct a64 *a, u32 d, u64 imm)
{
	u32 zeros = 0, ones = 0;
	bool first = true;

	for (u32 half = 0; half < 4; half++) {
		zeros += (u16)(imm >> 16 * half) == 0;
		ones += (u16)(imm >> 16 * half) == 0xffff;
	}
	for (u32 half = 0; half < 4; half++) {
		u16 part = (u16)(imm >> 16 * half);

		if (part == (ones > zeros ? 0xffff : 0))
			continue;
		if (!first)
			put(a, a64_movk(d, part, half));
		else
			put(a,
			    ones > zeros ? a64_movn(d, (u16)~part, half) : a64_movz(d, part, half));
		first = false;
	}
	if (first)
		put(a, ones > zeros ? a64_movn(d, 0, 0) : a64_movz(d, 0, 0));
}

/* d = n + imm */
static void add_imm(struct a64 *a, bool wide, u32 d, u32 n, s64 imm)
{
	if (imm >= 0 && imm < 4096) {
		put(a, a64_add_imm(wide, d, n, (u32)imm));
	} else if (imm < 0 && imm > -4096) {
		put(a, a64_sub_imm(wide, d, n, (u32)-imm));
	} else {
		mov_imm(a, T0, (u64)imm);
		put(a, a64_rrr(wide, A64_ADD, d, n, T0));
	}
}

/* A load or store at base + off. */
static void mem(struct a64 *a, u32 op, u32 size, u32 t, u32 base, s32 off)
{
	if (off >= 0 && !(off & ((1 << size) - 1)) && off >> size < 4096) {
		put(a, a64_mem_scaled(op, size, t, base, (u32)off >> size));
	} else if (off >= -256 && off < 256) {
		put(a, a64_mem_near(op, size, t, base, off));
	} else {
		mov_imm(a, T0, (u64)(s64)off);
		put(a, a64_mem_reg(op, size, t, base, T0));
	}
}
static void load_run(struct a64 *a, bool wide, u32 t, u32 off)
{
	mem(a, A64_LOAD, wide ? 3 : 2, t, RUN, (s32)off);
}
static void store_run(struct a64 *a, bool wide, u32 t, u32 off)
{
	mem(a, A64_STORE, wide ? 3 : 2, t, RUN, (s32)off);
}

/* ---- jumps ---- */

static s64 distance_to(const struct a64 *a, u32 offset)
{
	return ((s64)offset - a->buf->len) / 4;
}

static void jump_to(struct a64 *a, u32 target, u32 at)
{
	if (target > at)
		a->fixups[a->fixup_count++] = (struct fixup){ a->buf->len, target, false, false };
	put(a, a64_b((s32)distance_to(a, a->jit->offsets[target])));
}

/* A jump with a 19-bit distance (its word given without) to an instruction, or over a long one. Bit 0 of a
 * condition and bit 24 of cbz invert them. */
static void jump_if(struct a64 *a, u32 word, u32 target, u32 at)
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
		a->fixups[a->fixup_count++] = (struct fixup){ a->buf->len, target, true, false };
	put(a, word | ((u32)distance & 0x7ffff) << 5);
}

static void apply_fixups(struct a64 *a)
{
	for (u32 i = 0; i < a->fixup_count; i++) {
		const struct fixup *fix = &a->fixups[i];
		u32 target = fix->call ? a->jit->spec->funcs[fix->target].offset
				       : a->jit->offsets[fix->target];
		s32 distance = ((s32)target - (s32)fix->at) / 4;
		u32 word;

		memcpy(&word, a->buf->at + fix->at, 4);
		if (fix->near)
			word = (word & ~(0x7ffffu << 5)) | ((u32)distance & 0x7ffff) << 5;
		else
			word = (word & ~0x3ffffffu) | ((u32)distance & 0x3ffffff);
		memcpy(a->buf->at + fix->at, &word, 4);
	}
}

/* A short jump inside one instruction's code, its word given without distance; land() fills that in. */
static u32 skip_if(struct a64 *a, u32 word)
{
	put(a, word);
	return a->buf->len - 4;
}
static void land(struct a64 *a, u32 from)
{
	u32 word;

	memcpy(&word, a->buf->at + from, 4);
	word |= (a->buf->len - from) / 4 << 5;
	memcpy(a->buf->at + from, &word, 4);
}

static void call_address(struct a64 *a, u64 address)
{
	s64 distance = (s64)(address - (a->jit->address + a->buf->len)) / 4;

	if (a->jit->address && distance >= -(1 << 25) && distance < 1 << 25) {
		put(a, a64_bl((s32)distance));
		return;
	}
	mov_imm(a, FAR, address);
	put(a, a64_blr(FAR));
}

/* ---- frames ---- */

static bool own_entry(const struct a64 *a)
{
	return !a->func && !a->jit->calls_first && !a->jit->spec->checked;
}

/* Which registers a function saves, in order; returns how many. */
static u32 saved(const struct a64 *a, u8 regs[FRAME_REGS])
{
	const struct jframe *frame = a->frame;
	u32 n = 0;

	if (frame->calls)
		regs[n++] = LR;
	if (own_entry(a) && (frame->needs_run || frame->local_calls))
		regs[n++] = RUN;
	if (own_entry(a) && (frame->needs_fp || frame->local_calls))
		regs[n++] = FP;
	for (u8 r = 6; r <= 9; r++)
		if (frame->written & 1 << r)
			regs[n++] = a64_reg[r];
	return n;
}

static bool has(const u8 *regs, u32 n, u8 reg)
{
	return n && memchr(regs, reg, n);
}

static void prologue(struct a64 *a)
{
	u8 regs[FRAME_REGS];
	u32 n = saved(a, regs);

	if (n)
		put(a, a64_sub_imm(true, SP, SP, round_up(n * 8, 16u)));
	for (u32 i = 0; i < n; i++)
		put(a, a64_str(regs[i], SP, i * 8));
	if (has(regs, n, RUN))
		put(a, a64_mov(true, RUN, 5));
	if (has(regs, n, FP))
		mem(a, A64_LOAD, 3, FP, 5, (s32)RUN_OFF(stack_cur));
}

static void epilogue(struct a64 *a)
{
	u8 regs[FRAME_REGS];
	u32 n = saved(a, regs);

	for (u32 i = 0; i < n; i++)
		put(a, a64_ldr(regs[i], SP, i * 8));
	if (n)
		put(a, a64_add_imm(true, SP, SP, round_up(n * 8, 16u)));
}

static void leave(struct a64 *a)
{
	epilogue(a);
	if (own_entry(a))
		put(a, a64_mov(true, 0, R0));
	put(a, a64_ret());
}

static void emit_entries(struct a64 *a)
{
	struct jit *jit = a->jit;

	jit->enter = a->buf->len;
	put(a, a64_mov(true, FAR, 6));
	put(a, a64_b(2));
	jit->entry = a->buf->len;
	put(a, a64_adr(FAR, (s32)(jit->spec->funcs[0].offset - a->buf->len)));
	put(a, a64_sub_imm(true, SP, SP, 64));
	put(a, a64_str(LR, SP, 0));
	for (u32 r = 19; r <= 24; r++)
		put(a, a64_str(r, SP, (r - 18) * 8));
	put(a, a64_mov(true, RUN, 5));
	load_run(a, true, FP, RUN_OFF(stack_cur));
	if (jit->spec->checked) {
		put(a, a64_add_imm(true, T0, SP, 0));
		store_run(a, true, T0, RUN_OFF(guard.exit_sp));
		put(a, a64_mov(true, R0, XZR));
		for (u32 r = 6; r <= 9; r++)
			put(a, a64_mov(true, a64_reg[r], XZR));
	}
	put(a, a64_blr(FAR));
	jit->work = a->buf->len;
	put(a, a64_mov(true, 0, R0));
	put(a, a64_ldr(LR, SP, 0));
	for (u32 r = 19; r <= 24; r++)
		put(a, a64_ldr(r, SP, (r - 18) * 8));
	put(a, a64_add_imm(true, SP, SP, 64));
	put(a, a64_ret());
}

/* ---- checked programs ---- */

static void raise_error(struct a64 *a, s32 error)
{
	mov_imm(a, T1, (u64) - (s64)error);
	put(a, a64_b((s32)distance_to(a, a->jit->routines[ROUTINE_UNWIND])));
}

/* Tests [T1, T1 + size) against the region at low, T2 bytes long; returns a jump taken if it is inside. */
static u32 test_region(struct a64 *a, u32 low, u32 size)
{
	u32 outside, inside;

	load_run(a, true, T0, low);
	put(a, a64_rrr(true, A64_SUB, T0, T1, T0));
	put(a, a64_rrr(true, A64_SUBS, T2, T2, T0));
	outside = skip_if(a, a64_bcc(A64_LO, 0));
	put(a, a64_cmp_imm(true, T2, size));
	inside = skip_if(a, a64_bcc(A64_HS, 0));
	land(a, outside);
	return inside;
}

static void emit_routines(struct a64 *a)
{
	a->jit->routines[ROUTINE_UNWIND] = a->buf->len;
	store_run(a, false, T1, RUN_OFF(guard.error));
	load_run(a, true, T0, RUN_OFF(guard.exit_sp));
	put(a, a64_add_imm(true, SP, T0, 0));
	put(a, a64_mov(true, R0, XZR));
	put(a, a64_b((s32)distance_to(a, a->jit->work)));
	for (u32 i = 0; i < 4; i++) {
		u32 stack, memory;

		a->jit->routines[i] = a->buf->len;
		load_run(a, true, T2, RUN_OFF(stack_top));
		load_run(a, true, T0, RUN_OFF(stack_low));
		put(a, a64_rrr(true, A64_SUB, T2, T2, T0));
		stack = test_region(a, RUN_OFF(stack_low), 1u << i);
		load_run(a, true, T2, RUN_OFF(guard.mem_len));
		memory = test_region(a, RUN_OFF(guard.mem), 1u << i);
		raise_error(a, EFAULT);
		land(a, stack);
		land(a, memory);
		put(a, a64_br(FAR));
	}
}

/* The routine returns to x16, since a leaf function has not saved its link register. */
static void check_access(struct a64 *a, u32 base, s32 off, u32 log, bool aligned)
{
	u32 good;

	if (!a->jit->spec->checked)
		return;
	add_imm(a, true, T1, base, off);
	put(a, a64_adr(FAR, 8));
	put(a, a64_b((s32)distance_to(a, a->jit->routines[log])));
	if (!aligned || !log)
		return;
	put(a,
	    0x72000000 | a64_wide(true) | a64_logical_imm(true, (1u << log) - 1) | T1 << 5 | XZR);
	good = skip_if(a, a64_bcc(A64_EQ, 0));
	raise_error(a, EFAULT);
	land(a, good);
}

static void charge(struct a64 *a, u32 insns)
{
	u32 good;

	if (!a->jit->spec->checked)
		return;
	load_run(a, true, T1, RUN_OFF(guard.budget));
	mov_imm(a, T0, insns);
	put(a, a64_rrr(true, A64_SUBS, T1, T1, T0));
	store_run(a, true, T1, RUN_OFF(guard.budget));
	good = skip_if(a, a64_bcc(A64_PL, 0));
	raise_error(a, ETIME);
	land(a, good);
}

static void clear_args(struct a64 *a)
{
	for (u32 r = 1; a->jit->spec->checked && r <= 5; r++)
		put(a, a64_mov(true, a64_reg[r], XZR));
}

/* ---- calls ---- */

static void keep_stack_cur(struct a64 *a)
{
	u32 depth = a->jit->spec->funcs[a->func].stack_depth;

	if (!a->jit->has_func && !a->jit->spec->checked)
		return;
	add_imm(a, true, T1, FP, -(s64)depth);
	store_run(a, true, T1, RUN_OFF(stack_cur));
}

static int helper_call(struct a64 *a, u32 number, u32 at)
{
	helper_fn body = a->jit->spec->helper ? a->jit->spec->helper(number) : NULL;

	if (!body)
		return fail(a->why, -EINVAL, "insn %u: helper %u is not known", at, number);
	keep_stack_cur(a);
	put(a, a64_mov(true, 5, RUN));
	call_address(a, (u64)body);
	put(a, a64_mov(true, R0, 0));
	clear_args(a);
	return 0;
}

static void tail_call(struct a64 *a)
{
	u32 full, none;

	load_run(a, false, T1, RUN_OFF(tail_calls));
	put(a, a64_cmp_imm(false, T1, RUN_TAIL_CALLS));
	full = skip_if(a, a64_bcc(A64_HS, 0));
	put(a, a64_mov(true, 0, RUN));
	put(a, a64_mov(false, 2, 2));
	load_run(a, true, T1, RUN_OFF(ops));
	mem(a, A64_LOAD, 3, FAR, T1, (s32)offsetof(struct run_ops, tail_target));
	put(a, a64_blr(FAR));
	none = skip_if(a, a64_cbz(true, false, 0, 0));
	load_run(a, false, T1, RUN_OFF(tail_calls));
	put(a, a64_add_imm(false, T1, T1, 1));
	store_run(a, false, T1, RUN_OFF(tail_calls));
	store_run(a, true, 0, RUN_OFF(code));
	store_run(a, true, FP, RUN_OFF(stack_cur));
	put(a, a64_ldr(FAR, 0, 0)); /* struct code begins with its entry */
	put(a, a64_mov(true, 5, RUN));
	load_run(a, true, 0, RUN_OFF(ctx));
	if (own_entry(a)) {
		epilogue(a);
		put(a, a64_br(FAR));
	} else { /* the target returns in x0, our caller expects x7 */
		put(a, a64_blr(FAR));
		put(a, a64_mov(true, R0, 0));
		leave(a);
	}
	land(a, full);
	land(a, none);
	put(a, a64_mov(true, R0, XZR));
}

static void call_register(struct a64 *a, u32 reg)
{
	u32 good;

	put(a, a64_mov(true, 6, reg));
	keep_stack_cur(a);
	mov_imm(a, T1, (u64)a->jit->spec->code);
	store_run(a, true, T1, RUN_OFF(code));
	put(a, a64_mov(true, 5, RUN));
	call_address(a, (u64)a->jit->spec->callx);
	put(a, a64_mov(true, R0, 0));
	if (!a->jit->spec->checked)
		return;
	load_run(a, false, T1, RUN_OFF(guard.error));
	good = skip_if(a, a64_cbz(false, false, T1, 0));
	put(a, a64_b((s32)distance_to(a, a->jit->routines[ROUTINE_UNWIND])));
	land(a, good);
	clear_args(a);
}

static void count_frames(struct a64 *a, bool deeper)
{
	load_run(a, false, T1, RUN_OFF(guard.frames));
	put(a, deeper ? a64_add_imm(false, T1, T1, 1) : a64_sub_imm(false, T1, T1, 1));
	store_run(a, false, T1, RUN_OFF(guard.frames));
}

static void local_call(struct a64 *a, u32 func)
{
	const struct jframe *callee = &a->jit->frames[func];
	u32 depth = a->jit->spec->funcs[a->func].stack_depth, good;
	bool checked = a->jit->spec->checked;

	if (checked) {
		load_run(a, false, T1, RUN_OFF(guard.frames));
		put(a, a64_cmp_imm(false, T1, RUN_FRAMES - 1));
		good = skip_if(a, a64_bcc(A64_LO, 0));
		raise_error(a, ELOOP);
		land(a, good);
		charge(a, callee->end - callee->start);
		count_frames(a, true);
	}
	if (depth)
		put(a, a64_sub_imm(true, FP, FP, depth));
	if (func > a->func)
		a->fixups[a->fixup_count++] = (struct fixup){ a->buf->len, func, false, true };
	put(a, a64_bl((s32)distance_to(a, a->jit->spec->funcs[func].offset)));
	if (depth)
		put(a, a64_add_imm(true, FP, FP, depth));
	if (checked)
		count_frames(a, false);
}

static s64 load_packet(struct run *run, s32 off, u32 size)
{
	return run->ops && run->ops->load_packet ? run->ops->load_packet(run, off, size) : -1;
}

static void packet_access(struct a64 *a, const struct jinsn *i, u32 log, bool indirect)
{
	u32 good;

	mov_imm(a, T0, (u32)i->imm);
	put(a, a64_rrr(false, A64_ADD, 1, indirect ? a64_reg[i->src] : XZR, T0));
	put(a, a64_mov(true, 0, RUN));
	mov_imm(a, 2, 1u << log);
	call_address(a, (u64)load_packet);
	put(a, a64_mov(true, R0, 0));
	put(a, a64_cmp_imm(true, R0, 0));
	good = skip_if(a, a64_bcc(A64_PL, 0));
	put(a, a64_mov(true, R0, XZR));
	leave(a);
	land(a, good);
	clear_args(a);
}

/* ---- conditional jumps ---- */

static u32 condition(u16 op)
{
	static const u8 cc[] = { A64_EQ, A64_NE, A64_HI, A64_HS, A64_LO, A64_LS,
				 A64_NE, A64_GT, A64_GE, A64_LT, A64_LE };

	return cc[(op - OP_JEQ64_IMM) / 4]; /* in the order of insn.def, four rows each */
}

/* Compares, and gives the jump's word without distance. */
static u32 compare(struct a64 *a, const struct jinsn *i)
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
		mov_imm(a, T1, (u64)(s64)i->imm);
		src = T1;
	}
	put(a, a64_rrr(wide, test ? A64_ANDS : A64_SUBS, XZR, dst, src));
	return a64_bcc((enum a64_cc)condition(i->op), 0);
}

static void taken(struct a64 *a, u32 word, const struct jinsn *i, u32 at)
{
	u32 skip;

	if (!a->jit->spec->checked || i->aux > at) {
		jump_if(a, word, i->aux, at);
		return;
	}
	skip = skip_if(a, word ^ ((word & 0xff000000) == 0x54000000 ? 1u : 1u << 24));
	charge(a, at + 1 - i->aux);
	jump_to(a, i->aux, at);
	land(a, skip);
}

static void emit_jump(struct a64 *a, const struct jinsn *i, u32 at)
{
	if (i->op == OP_MAY_GOTO) {
		load_run(a, false, T2, RUN_OFF(may_goto));
		taken(a, a64_cbz(false, false, T2, 0), i, at);
		put(a, a64_sub_imm(false, T2, T2, 1));
		store_run(a, false, T2, RUN_OFF(may_goto));
		return;
	}
	if (a->jit->spec->checked && i->aux <= at)
		charge(a, at + 1 - i->aux);
	jump_to(a, i->aux, at);
}

/* ---- memory ---- */

static u32 access_log(const struct jinsn *i)
{
	switch (BPF_SIZE(op_info[i->op].code)) {
	case BPF_B: return 0;
	case BPF_H: return 1;
	case BPF_W: return 2;
	}
	return 3;
}

static void load_swapped(struct a64 *a, const struct jinsn *i)
{
	u32 dst = a64_reg[i->dst], log = i->op == JIT_LDBE16 ? 1 : i->op == JIT_LDBE32 ? 2 : 3;

	mem(a, A64_LOAD, log, dst, a64_reg[i->src], i->off);
	put(a, log == 1 ? a64_rev16(dst, dst) : a64_rev(log == 3, dst, dst));
}

/* Address of an atomic's word to T3. */
static u32 atomic_address(struct a64 *a, const struct jinsn *i, u32 base)
{
	if (!i->off)
		return base;
	add_imm(a, true, T3, base, i->off);
	return T3;
}

/* A load-exclusive, store-exclusive loop; the old value ends in T1. */
static void atomic(struct a64 *a, const struct jinsn *i)
{
	u32 log = access_log(i), src = a64_reg[i->src],
	    base = atomic_address(a, i, a64_reg[i->dst]), again, differ = 0;
	bool wide = log == 3, exchange = i->imm == BPF_CMPXCHG;
	static const u32 ops[] = { [BPF_ADD >> 4] = A64_ADD,
				   [BPF_OR >> 4] = A64_ORR,
				   [BPF_AND >> 4] = A64_AND,
				   [BPF_XOR >> 4] = A64_EOR };

	again = a->buf->len;
	put(a, a64_ldaxr(log, T1, base));
	if (exchange) {
		put(a, a64_rrr(wide, A64_SUBS, XZR, T1, R0));
		differ = skip_if(a, a64_bcc(A64_NE, 0));
	}
	if (exchange || i->imm == BPF_XCHG)
		put(a, a64_mov(wide, T2, src));
	else
		put(a, a64_rrr(wide, ops[(i->imm & 0xf0) >> 4], T2, T1, src));
	put(a, a64_stlxr(log, T0, T2, base));
	put(a, a64_cbz(false, true, T0, -(s32)(a->buf->len - again) / 4));
	if (exchange)
		land(a, differ);
	put(a, a64_dmb());
	if (exchange)
		put(a, a64_mov(wide, R0, T1));
	else if (i->imm & BPF_FETCH)
		put(a, a64_mov(wide, src, T1));
}

static void ordered(struct a64 *a, const struct jinsn *i, bool load)
{
	u32 log = access_log(i), base = atomic_address(a, i, a64_reg[load ? i->src : i->dst]);

	put(a, load ? a64_ldar(log, a64_reg[i->dst], base) : a64_stlr(log, a64_reg[i->src], base));
}

/* ---- arithmetic ---- */

/* T1 = dst / d without dividing; true unless it cannot be done. */
static bool divide_const(struct a64 *a, bool wide, u32 dst, u64 d)
{
	struct divider by;

	if (d < 3 || !(d & (d - 1)))
		return false;
	if (!wide) {
		mov_imm(a, T0, divide_by32((u32)d));
		put(a, a64_mov(false, T1, dst));
		put(a, a64_umulh(T1, T1, T0));
		return true;
	}
	by = divide_by(d);
	mov_imm(a, T0, by.multiplier);
	if (by.pre)
		put(a, a64_lsr(true, T1, dst, by.pre));
	put(a, a64_umulh(T1, by.pre ? T1 : dst, T0));
	if (by.add) {
		put(a, a64_rrr(true, A64_SUB, T0, dst, T1));
		put(a, a64_lsr(true, T0, T0, 1));
		put(a, a64_rrr(true, A64_ADD, T1, T1, T0));
		by.shift--;
	}
	if (by.shift)
		put(a, a64_lsr(true, T1, T1, by.shift));
	return true;
}

static void divide(struct a64 *a, const struct jinsn *i)
{
	u32 row = (u32)(i->op - OP_DIV64_IMM) % 4, kind = (u32)(i->op - OP_DIV64_IMM) / 4,
	    dst = a64_reg[i->dst], src = a64_reg[i->src];
	bool wide = row < 2, is_signed = kind & 1, modulo = kind >= 2, done = false;

	if (row % 2 == 0) {
		u64 d = wide ? (u64)(s64)i->imm : (u32)i->imm;

		done = !is_signed && divide_const(a, wide, dst, d);
		mov_imm(a, T2, d);
		src = T2;
	}
	if (!done)
		put(a, a64_rrr(wide, is_signed ? A64_SDIV : A64_UDIV, modulo ? T1 : dst, dst, src));
	if (modulo)
		put(a, a64_msub(wide, dst, T1, src, dst));
	else if (done)
		put(a, a64_mov(wide, dst, T1));
}

static void logical_imm(struct a64 *a, bool wide, u32 op, u32 dst, s32 imm)
{
	u32 field = a64_logical_imm(wide, (u64)(s64)imm);

	if (field) { /* the immediate form's word differs from the register form's in bit 28 and 27 */
		put(a, ((op & 0x60000000) | 0x12000000) | a64_wide(wide) | field | dst << 5 | dst);
		return;
	}
	mov_imm(a, T0, (u64)(s64)imm);
	put(a, a64_rrr(wide, op, dst, dst, T0));
}

static void alu_imm(struct a64 *a, const struct jinsn *i)
{
	u32 dst = a64_reg[i->dst];
	bool wide = (i->op - OP_ADD64_IMM) % 4 == 0;
	u32 count = (u32)i->imm & (wide ? 63 : 31);

	switch ((i->op - OP_ADD64_IMM) / 4 * 4 + OP_ADD64_IMM) {
	case OP_ADD64_IMM: add_imm(a, wide, dst, dst, i->imm); break;
	case OP_SUB64_IMM: add_imm(a, wide, dst, dst, -(s64)i->imm); break;
	case OP_OR64_IMM: logical_imm(a, wide, A64_ORR, dst, i->imm); break;
	case OP_AND64_IMM: logical_imm(a, wide, A64_AND, dst, i->imm); break;
	case OP_XOR64_IMM: logical_imm(a, wide, A64_EOR, dst, i->imm); break;
	case OP_MOV64_IMM: mov_imm(a, dst, wide ? (u64)(s64)i->imm : (u32)i->imm); break;
	case OP_LSH64_IMM: put(a, a64_lsl(wide, dst, dst, count)); break;
	case OP_RSH64_IMM: put(a, a64_lsr(wide, dst, dst, count)); break;
	case OP_ARSH64_IMM: put(a, a64_asr(wide, dst, dst, count)); break;
	case OP_MUL64_IMM:
		mov_imm(a, T0, (u64)(s64)i->imm);
		put(a, a64_rrr(wide, A64_MUL, dst, dst, T0));
		break;
	default: divide(a, i); break;
	}
}

static void alu_reg(struct a64 *a, const struct jinsn *i)
{
	static const u32 ops[] = { A64_ADD, A64_SUB, A64_MUL, 0,	0,	  0,	   0,
				   A64_ORR, A64_AND, A64_EOR, A64_LSLV, A64_LSRV, A64_ASRV };
	u32 dst = a64_reg[i->dst], src = a64_reg[i->src], row = (u32)(i->op - OP_ADD64_IMM) / 4;
	bool wide = (i->op - OP_ADD64_IMM) % 4 == 1;

	if (i->op == OP_MOV64_REG || i->op == OP_MOV32_REG) {
		if (dst != src || !wide)
			put(a, a64_mov(wide, dst, src));
	} else if (i->op >= OP_MOVSX8_64 && i->op <= OP_MOVSX16_32) {
		u32 bits = i->op == OP_MOVSX8_64 || i->op == OP_MOVSX8_32 ? 8
			   : i->op == OP_MOVSX32_64			  ? 32
									  : 16;

		put(a, a64_field(i->op <= OP_MOVSX32_64, true, dst, src, 0, bits - 1));
	} else if (ops[row]) {
		put(a, a64_rrr(wide, ops[row], dst, dst, src));
	} else {
		divide(a, i);
	}
}

static void unary(struct a64 *a, const struct jinsn *i)
{
	u32 dst = a64_reg[i->dst];

	switch (i->op) {
	case OP_NEG64:
	case OP_NEG32: put(a, a64_rrr(i->op == OP_NEG64, A64_SUB, dst, XZR, dst)); break;
	case OP_LE16: put(a, a64_field(false, false, dst, dst, 0, 15)); break;
	case OP_LE32: put(a, a64_mov(false, dst, dst)); break;
	case OP_BE16:
	case OP_BSWAP16:
		put(a, a64_rev16(dst, dst));
		put(a, a64_field(false, false, dst, dst, 0, 15));
		break;
	case OP_BE32:
	case OP_BSWAP32: put(a, a64_rev(false, dst, dst)); break;
	case OP_BE64:
	case OP_BSWAP64: put(a, a64_rev(true, dst, dst)); break;
	}
}

/* ---- one instruction ---- */

static int emit_call(struct a64 *a, const struct jinsn *i, u32 at)
{
	if (i->op == OP_CALL_LOCAL)
		local_call(a, i->aux);
	else if (i->op == OP_CALLX)
		call_register(a, a64_reg[i->dst]);
	else if (i->imm == BPF_FUNC_tail_call && !a->jit->spec->checked)
		tail_call(a);
	else
		return helper_call(a, (u32)i->imm, at);
	return 0;
}

static void emit_extra(struct a64 *a, const struct jinsn *i)
{
	if (i->op == JIT_ROTR32 || i->op == JIT_ROTR64)
		put(a, a64_ror(i->op == JIT_ROTR64, a64_reg[i->dst], a64_reg[i->src], (u32)i->imm));
	else if (i->op != JIT_NOP)
		load_swapped(a, i);
}

static void emit_memory(struct a64 *a, const struct jinsn *i)
{
	u8 format = op_info[i->op].format;
	bool load = format == FORMAT_LDX || format == FORMAT_LOAD_ACQ;
	bool aligned =
		format == FORMAT_ATOMIC || format == FORMAT_LOAD_ACQ || format == FORMAT_STORE_REL;
	u32 log = access_log(i), base = a64_reg[load ? i->src : i->dst];
	bool is_signed = i->op == OP_LDSX8 || i->op == OP_LDSX16 || i->op == OP_LDSX32;

	check_access(a, base, i->off, log, aligned);
	switch (format) {
	case FORMAT_LDX:
		mem(a, is_signed ? A64_LOAD_SIGNED : A64_LOAD, log, a64_reg[i->dst], base, i->off);
		break;
	case FORMAT_STX: mem(a, A64_STORE, log, a64_reg[i->src], base, i->off); break;
	case FORMAT_ST:
		mov_imm(a, T1, (u64)(s64)i->imm);
		mem(a, A64_STORE, log, i->imm ? T1 : XZR, base, i->off);
		break;
	case FORMAT_ATOMIC: atomic(a, i); break;
	default: ordered(a, i, load); break;
	}
}

static int emit_insn(struct a64 *a, u32 at)
{
	const struct jinsn *i = &a->jit->insns[at];
	u64 value;

	if (i->op >= OP_COUNT) {
		emit_extra(a, i);
		return 0;
	}
	switch ((enum insn_format)op_info[i->op].format) {
	case FORMAT_ALU_IMM: alu_imm(a, i); break;
	case FORMAT_ALU_REG: alu_reg(a, i); break;
	case FORMAT_UNARY: unary(a, i); break;
	case FORMAT_JA: emit_jump(a, i, at); break;
	case FORMAT_JCC_IMM:
	case FORMAT_JCC_REG: taken(a, compare(a, i), i, at); break;
	case FORMAT_CALL:
	case FORMAT_CALLX: return emit_call(a, i, at);
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
		mov_imm(a, a64_reg[i->dst], value);
		break;
	case FORMAT_LD_ABS:
	case FORMAT_LD_IND:
		packet_access(a, i, access_log(i), op_info[i->op].format == FORMAT_LD_IND);
		break;
	case FORMAT_NONE: leave(a); break;
	case FORMAT_CAST:
	case FORMAT_CALL_KFUNC:
	case FORMAT_JA32: return -EOPNOTSUPP;
	}
	return 0;
}

static int make_room(struct jbuf *buf)
{
	u8 *more;

	if (buf->room - buf->len >= ROOM)
		return 0;
	more = realloc(buf->at, buf->room * 2 + 4096);
	if (!more)
		return -ENOMEM;
	buf->at = more;
	buf->room = buf->room * 2 + 4096;
	return 0;
}

static int emit_function(struct a64 *a, u32 func)
{
	struct jit *jit = a->jit;
	int err = 0;

	a->func = func;
	a->frame = &jit->frames[func];
	for (u32 at = a->frame->start; !err && at < a->frame->end; at++) {
		err = make_room(a->buf);
		if (err)
			break;
		if (at == a->frame->start) {
			jit->spec->funcs[func].offset = a->buf->len;
			prologue(a);
		}
		jit->offsets[at] = a->buf->len;
		err = emit_insn(a, at);
	}
	return err;
}

static int emit_all(struct a64 *a)
{
	struct jit *jit = a->jit;
	int err = make_room(a->buf);

	if (!err && (jit->calls_first || jit->spec->checked || jit->has_func))
		emit_entries(a);
	if (!err && jit->spec->checked)
		emit_routines(a);
	for (u32 f = 0; !err && f < jit->spec->func_count; f++)
		err = emit_function(a, f);
	jit->offsets[jit->count] = a->buf->len;
	if (!jit->calls_first && !jit->spec->checked)
		jit->entry = jit->spec->funcs[0].offset;
	if (!err && jit->sized)
		apply_fixups(a);
	return err;
}

static int emit(struct jit *jit, struct log *why)
{
	struct a64 a = { .jit = jit, .buf = &jit->buf, .why = why };
	int err;

	a.fixups = malloc((jit->count + 1) * sizeof(*a.fixups));
	if (!a.fixups)
		return -ENOMEM;
	jit->buf.len = 0;
	err = emit_all(&a);
	free(a.fixups);
	return err;
}

static u64 features(void)
{
	return 0;
}

const struct target target_a64 = { "arm64", emit, features };
