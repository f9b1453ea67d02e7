// SPDX-License-Identifier: BSD-2-Clause
/*
 * arm64: frames, the entries from C, calls of every kind, and what checked programs test.
 *
 * As in the x86-64 back end, a C entry sets up run and r10, local calls move r10 by the caller's stack
 * depth, functions save the callee-saved registers that they write. Functions return r0 in x7; only C
 * entries move it to x0.
 */
#include <errno.h>

#include "jit/a64.h"

enum { FRAME_REGS = 7 };

static void call_address(struct emitter *a, u64 address)
{
	s64 distance = (s64)(address - (a->jit->address + a->buf->len)) / 4;

	if (a->jit->address && distance >= -(1 << 25) && distance < 1 << 25) {
		put(a, a64_bl((s32)distance));
		return;
	}
	a64_put_imm(a, FAR, address);
	put(a, a64_blr(FAR));
}

/* ---- frames ---- */

/* Which registers a function saves, in order; returns how many. */
static u32 saved(const struct emitter *a, u8 regs[FRAME_REGS])
{
	const struct jframe *frame = a->frame;
	u32 n = 0;

	if (frame->calls)
		regs[n++] = LR;
	if (emit_own_entry(a) && (frame->needs_run || frame->local_calls))
		regs[n++] = RUN;
	if (emit_own_entry(a) && (frame->needs_fp || frame->local_calls))
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

void a64_prologue(struct emitter *a)
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
		a64_put_mem(a, A64_LOAD, 3, FP, 5, (s32)RUN_OFF(stack_cur));
}

static void epilogue(struct emitter *a)
{
	u8 regs[FRAME_REGS];
	u32 n = saved(a, regs);

	for (u32 i = 0; i < n; i++)
		put(a, a64_ldr(regs[i], SP, i * 8));
	if (n)
		put(a, a64_add_imm(true, SP, SP, round_up(n * 8, 16u)));
}

void a64_leave(struct emitter *a)
{
	epilogue(a);
	if (emit_own_entry(a))
		put(a, a64_mov(true, 0, R0));
	put(a, a64_ret());
}

void a64_entries(struct emitter *a)
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
	a->leave = a->buf->len;
	put(a, a64_mov(true, 0, R0));
	put(a, a64_ldr(LR, SP, 0));
	for (u32 r = 19; r <= 24; r++)
		put(a, a64_ldr(r, SP, (r - 18) * 8));
	put(a, a64_add_imm(true, SP, SP, 64));
	put(a, a64_ret());
}

/* ---- checked programs ---- */

static void raise_error(struct emitter *a, s32 error)
{
	a64_put_imm(a, T1, (u64) - (s64)error);
	put(a, a64_b((s32)distance_to(a, a->routines[ROUTINE_UNWIND])));
}

/* Tests [T1, T1 + size) against the region at low, T2 bytes long; returns a jump taken if it is inside. */
static u32 test_region(struct emitter *a, u32 low, u32 size)
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

void a64_routines(struct emitter *a)
{
	a->routines[ROUTINE_UNWIND] = a->buf->len;
	store_run(a, false, T1, RUN_OFF(guard.error));
	load_run(a, true, T0, RUN_OFF(guard.exit_sp));
	put(a, a64_add_imm(true, SP, T0, 0));
	put(a, a64_mov(true, R0, XZR));
	put(a, a64_b((s32)distance_to(a, a->leave)));
	for (u32 i = 0; i < 4; i++) {
		u32 stack, memory;

		a->routines[i] = a->buf->len;
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
void a64_check_access(struct emitter *a, u32 base, s32 off, u32 log, bool aligned)
{
	u32 good;

	if (!a->jit->spec->checked)
		return;
	a64_put_add(a, true, T1, base, off);
	put(a, a64_adr(FAR, 8));
	put(a, a64_b((s32)distance_to(a, a->routines[log])));
	if (!aligned || !log)
		return;
	put(a,
	    0x72000000 | a64_wide(true) | a64_logical_imm(true, (1u << log) - 1) | T1 << 5 | XZR);
	good = skip_if(a, a64_bcc(A64_EQ, 0));
	raise_error(a, EFAULT);
	land(a, good);
}

void a64_charge(struct emitter *a, u32 insns)
{
	u32 good;

	if (!a->jit->spec->checked)
		return;
	load_run(a, true, T1, RUN_OFF(guard.budget));
	a64_put_imm(a, T0, insns);
	put(a, a64_rrr(true, A64_SUBS, T1, T1, T0));
	store_run(a, true, T1, RUN_OFF(guard.budget));
	good = skip_if(a, a64_bcc(A64_PL, 0));
	raise_error(a, ETIME);
	land(a, good);
}

static void clear_args(struct emitter *a)
{
	for (u32 r = 1; a->jit->spec->checked && r <= 5; r++)
		put(a, a64_mov(true, a64_reg[r], XZR));
}

/* ---- calls ---- */

static void keep_stack_cur(struct emitter *a)
{
	u32 depth = a->jit->spec->funcs[a->func].stack_depth;

	if (!a->jit->has_func && !a->jit->spec->checked)
		return;
	a64_put_add(a, true, T1, FP, -(s64)depth);
	store_run(a, true, T1, RUN_OFF(stack_cur));
}

static int helper_call(struct emitter *a, u32 number, u32 at)
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

static void tail_call(struct emitter *a)
{
	u32 full, none;

	load_run(a, false, T1, RUN_OFF(tail_calls));
	put(a, a64_cmp_imm(false, T1, RUN_TAIL_CALLS));
	full = skip_if(a, a64_bcc(A64_HS, 0));
	put(a, a64_mov(true, 0, RUN));
	put(a, a64_mov(false, 2, 2));
	load_run(a, true, T1, RUN_OFF(ops));
	a64_put_mem(a, A64_LOAD, 3, FAR, T1, (s32)offsetof(struct run_ops, tail_target));
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
	if (emit_own_entry(a)) {
		epilogue(a);
		put(a, a64_br(FAR));
	} else { /* the target returns in x0, our caller expects x7 */
		put(a, a64_blr(FAR));
		put(a, a64_mov(true, R0, 0));
		a64_leave(a);
	}
	land(a, full);
	land(a, none);
	put(a, a64_mov(true, R0, XZR));
}

static void call_register(struct emitter *a, u32 reg)
{
	u32 good;

	put(a, a64_mov(true, 6, reg));
	keep_stack_cur(a);
	a64_put_imm(a, T1, (u64)a->jit->spec->code);
	store_run(a, true, T1, RUN_OFF(code));
	put(a, a64_mov(true, 5, RUN));
	call_address(a, (u64)a->jit->spec->callx);
	put(a, a64_mov(true, R0, 0));
	if (!a->jit->spec->checked)
		return;
	load_run(a, false, T1, RUN_OFF(guard.error));
	good = skip_if(a, a64_cbz(false, false, T1, 0));
	put(a, a64_b((s32)distance_to(a, a->routines[ROUTINE_UNWIND])));
	land(a, good);
	clear_args(a);
}

static void count_frames(struct emitter *a, bool deeper)
{
	load_run(a, false, T1, RUN_OFF(guard.frames));
	put(a, deeper ? a64_add_imm(false, T1, T1, 1) : a64_sub_imm(false, T1, T1, 1));
	store_run(a, false, T1, RUN_OFF(guard.frames));
}

static void local_call(struct emitter *a, u32 func)
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
		a64_charge(a, callee->end - callee->start);
		count_frames(a, true);
	}
	if (depth)
		put(a, a64_sub_imm(true, FP, FP, depth));
	if (func > a->func)
		emit_later(a, (struct fixup){ a->buf->len, func, false, true });
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

void a64_packet(struct emitter *a, const struct jinsn *i, bool indirect)
{
	u32 good;

	a64_put_imm(a, T0, (u32)i->imm);
	put(a, a64_rrr(false, A64_ADD, 1, indirect ? a64_reg[i->src] : XZR, T0));
	put(a, a64_mov(true, 0, RUN));
	a64_put_imm(a, 2, 1u << access_log(i));
	call_address(a, (u64)load_packet);
	put(a, a64_mov(true, R0, 0));
	put(a, a64_cmp_imm(true, R0, 0));
	good = skip_if(a, a64_bcc(A64_PL, 0));
	put(a, a64_mov(true, R0, XZR));
	a64_leave(a);
	land(a, good);
	clear_args(a);
}

int a64_call(struct emitter *a, const struct jinsn *i, u32 at)
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
