// SPDX-License-Identifier: BSD-2-Clause
/*
 * x86-64: frames, the entries from C, calls of every kind, and what checked programs test.
 *
 * Frames: r10 (rbp) and the run pointer (r12) are set up once at a C entry and then simply stay;
 * a local call moves rbp down by the caller's stack depth. Functions save the callee-saved registers
 * that they write, no others. Function 0 is its own C entry unless somebody calls it. Both borders
 * follow the System V ABI.
 */
#include <errno.h>

#include "jit/x64.h"

/* call or jmp to an address anywhere; clobbers r11 if it is far. */
static void call_address(struct emitter *x, u64 address)
{
	struct jbuf *buf = x->buf;
	s64 distance = (s64)(address - (x->jit->address + buf->len + 5));

	if (x->jit->address && fits32(distance)) {
		put8(buf, 0xe8);
		put32(buf, (u32)distance);
		return;
	}
	enc_mov_imm(buf, R11, address);
	put(buf, 0xd3ff41, 3); /* call r11 */
}

static void call_offset(struct jbuf *buf, u32 offset)
{
	put8(buf, 0xe8);
	put32(buf, offset - (buf->len + 4));
}
static void jump_offset(struct jbuf *buf, s32 cc, u32 offset)
{
	if (cc >= 0)
		put8(buf, 0x0f);
	put8(buf, cc < 0 ? 0xe9 : 0x80u | (u32)cc);
	put32(buf, offset - (buf->len + 4));
}

/* ---- frames ---- */

static bool saves(const struct emitter *x, u32 reg)
{
	static const u8 callee_saved[] = { [RBX] = 6, [R13] = 7, [R14] = 8, [R15] = 9 };
	const struct jframe *frame = x->frame;

	if (reg == RBP)
		return emit_own_entry(x) && (frame->needs_fp || frame->local_calls);
	if (reg == RUN)
		return emit_own_entry(x) && (frame->needs_run || frame->local_calls);
	return frame->written & 1 << callee_saved[reg];
}

static const u8 saved_order[] = { RBP, RUN, RBX, R13, R14, R15 };

/* The stack is 8 off a multiple of 16 at a function's start, and must be a multiple where it calls. */
static bool needs_pad(const struct emitter *x)
{
	u32 pushes = 0;

	for (u32 i = 0; i < ARRAY_SIZE(saved_order); i++)
		pushes += saves(x, saved_order[i]);
	return x->frame->calls && pushes % 2 == 0;
}

void x64_prologue(struct emitter *x)
{
	for (u32 i = 0; i < ARRAY_SIZE(saved_order); i++)
		if (saves(x, saved_order[i]))
			enc_push(x->buf, saved_order[i]);
	if (needs_pad(x))
		enc_push(x->buf, RAX);
	if (saves(x, RBP))
		enc_rm(x->buf, true, 0x8b, RBP, R9, RUN_OFF(stack_cur), false);
	if (saves(x, RUN))
		enc_mov(x->buf, true, RUN, R9);
}

void x64_epilogue(struct emitter *x)
{
	if (needs_pad(x))
		enc_pop(x->buf, RCX);
	for (u32 i = ARRAY_SIZE(saved_order); i-- > 0;)
		if (saves(x, saved_order[i]))
			enc_pop(x->buf, saved_order[i]);
}

/* The C entries of an image whose functions are all called internally: entry runs function 0, enter any. */
void x64_entries(struct emitter *x)
{
	static const u8 all[] = { RBX, RBP, R12, R13, R14, R15 };
	struct jbuf *buf = x->buf;
	struct jit *jit = x->jit;
	u32 common;

	jit->enter = buf->len;
	enc_rm(buf, true, 0x8b, R11, RSP, 8, false);
	common = jmp8(buf);
	jit->entry = buf->len;
	put(buf, 0x1d8d4c, 3); /* lea r11, [rip + function 0] */
	put32(buf, jit->spec->funcs[0].offset - (buf->len + 4));
	land(buf, common);
	for (u32 i = 0; i < ARRAY_SIZE(all); i++)
		enc_push(buf, all[i]);
	enc_alu_imm(buf, true, ALU_SUB, RSP, 8);
	enc_mov(buf, true, RUN, R9);
	enc_rm(buf, true, 0x8b, RBP, RUN, RUN_OFF(stack_cur), false);
	enc_mov(buf, true, R9, RDX);
	enc_mov(buf, true, R10, RCX);
	if (jit->spec->checked) {
		enc_rm(buf, true, 0x89, RSP, RUN, RUN_OFF(guard.exit_sp), false);
		for (u32 r = 6; r <= 9; r++)
			enc_alu(buf, false, ALU_XOR, x64_reg[r], x64_reg[r]);
		enc_alu(buf, false, ALU_XOR, RAX, RAX);
	}
	put(buf, 0xd3ff41, 3); /* call r11 */
	x->leave = buf->len;
	enc_alu_imm(buf, true, ALU_ADD, RSP, 8);
	for (u32 i = ARRAY_SIZE(all); i-- > 0;)
		enc_pop(buf, all[i]);
	enc_ret(buf);
}

/* ---- checked programs ---- */

/* Falls through to code that ends the run with error (positive errno). */
static void raise_error(struct emitter *x, s32 error)
{
	enc_mov_imm(x->buf, RDX, (u32)-error);
	jump_offset(x->buf, -1, x->routines[ROUTINE_UNWIND]);
}

/* Tests [rcx, rcx + size) against a region of run: start at low, len bytes to rdx; jumps to *inside if it is in. */
static u32 test_region(struct emitter *x, s32 low, u32 size)
{
	struct jbuf *buf = x->buf;
	u32 outside, inside;

	enc_mov(buf, true, R11, RCX);
	enc_rm(buf, true, 0x2b, R11, RUN, low, false);
	enc_alu(buf, true, ALU_SUB, RDX, R11);
	outside = jcc8(buf, CC_B);
	enc_alu_imm(buf, true, ALU_CMP, RDX, (s32)size);
	inside = jcc8(buf, CC_AE);
	land(buf, outside);
	return inside;
}

void x64_routines(struct emitter *x)
{
	struct jbuf *buf = x->buf;

	x->routines[ROUTINE_UNWIND] = buf->len;
	enc_rm(buf, false, 0x89, RDX, RUN, RUN_OFF(guard.error), false);
	enc_rm(buf, true, 0x8b, RSP, RUN, RUN_OFF(guard.exit_sp), false);
	enc_mov_imm(buf, RAX, 0);
	jump_offset(buf, -1, x->leave);
	for (u32 i = 0; i < 4; i++) {
		u32 stack, mem;

		x->routines[i] = buf->len;
		enc_rm(buf, true, 0x8b, RDX, RUN, RUN_OFF(stack_top), false);
		enc_rm(buf, true, 0x2b, RDX, RUN, RUN_OFF(stack_low), false);
		stack = test_region(x, RUN_OFF(stack_low), 1u << i);
		enc_rm(buf, true, 0x8b, RDX, RUN, RUN_OFF(guard.mem_len), false);
		mem = test_region(x, RUN_OFF(guard.mem), 1u << i);
		raise_error(x, EFAULT);
		land(buf, stack);
		land(buf, mem);
		enc_ret(buf);
	}
}

void x64_check_access(struct emitter *x, u32 base, s32 off, u32 bytes, bool aligned)
{
	struct jbuf *buf = x->buf;
	u32 good;

	if (!x->jit->spec->checked)
		return;
	enc_lea(buf, true, RCX, base, off);
	call_offset(buf, x->routines[__builtin_ctz(bytes)]);
	if (!aligned || bytes == 1)
		return;
	enc_test_imm(buf, false, RCX, (s32)bytes - 1);
	good = jcc8(buf, CC_E);
	raise_error(x, EFAULT);
	land(buf, good);
}

void x64_charge(struct emitter *x, u32 insns)
{
	u32 good;

	if (!x->jit->spec->checked)
		return;
	enc_alu_mem_imm(x->buf, true, ALU_SUB, RUN, RUN_OFF(guard.budget), (s32)insns);
	good = jcc8(x->buf, CC_NS);
	raise_error(x, ETIME);
	land(x->buf, good);
}

static void clear_args(struct emitter *x)
{
	for (u32 r = 1; x->jit->spec->checked && r <= 5; r++)
		enc_alu(x->buf, false, ALU_XOR, x64_reg[r], x64_reg[r]);
}

/* ---- calls ---- */

static u32 depth_of(const struct emitter *x)
{
	return x->jit->spec->funcs[x->func].stack_depth;
}

static void keep_stack_cur(struct emitter *x)
{
	u32 depth = depth_of(x);

	if (!x->jit->has_func && !x->jit->spec->checked)
		return;
	if (depth)
		enc_lea(x->buf, true, RAX, RBP, -(s32)depth);
	enc_rm(x->buf, true, 0x89, depth ? RAX : RBP, RUN, RUN_OFF(stack_cur), false);
}

static void args_to_c(struct emitter *x)
{
	enc_mov(x->buf, true, RDX, R9);
	enc_mov(x->buf, true, RCX, R10);
	enc_mov(x->buf, true, R9, RUN);
}

static int helper_call(struct emitter *x, u32 number, u32 at)
{
	helper_fn body = x->jit->spec->helper ? x->jit->spec->helper(number) : NULL;

	if (!body)
		return fail(x->why, -EINVAL, "insn %u: helper %u is not known", at, number);
	keep_stack_cur(x);
	args_to_c(x);
	call_address(x, (u64)body);
	clear_args(x);
	return 0;
}

static void tail_call(struct emitter *x)
{
	struct jbuf *buf = x->buf;
	u32 full, none;

	enc_alu_mem_imm(buf, false, ALU_CMP, RUN, RUN_OFF(tail_calls), RUN_TAIL_CALLS);
	full = jcc8(buf, CC_AE);
	enc_mov(buf, true, RDI, RUN);
	enc_mov(buf, false, RDX, R9);
	enc_rm(buf, true, 0x8b, RAX, RUN, RUN_OFF(ops), false);
	enc_rm(buf, false, 0xff, 2, RAX, offsetof(struct run_ops, tail_target), false);
	enc_test(buf, true, RAX, RAX);
	none = jcc8(buf, CC_E);
	enc_alu_mem_imm(buf, false, ALU_ADD, RUN, RUN_OFF(tail_calls), 1);
	enc_rm(buf, true, 0x89, RAX, RUN, RUN_OFF(code), false);
	enc_rm(buf, true, 0x89, RBP, RUN, RUN_OFF(stack_cur), false);
	enc_mov(buf, true, R9, RUN);
	enc_rm(buf, true, 0x8b, RDI, RUN, RUN_OFF(ctx), false); /* what r1 must be at a tail call */
	x64_epilogue(x);
	put(buf, 0x20ff, 2); /* jmp [rax]: struct code begins with its entry */
	land(buf, full);
	land(buf, none);
	enc_mov_imm(buf, RAX, 0);
}

/* The helper whose number is in reg: a seventh argument, on the stack. */
static void call_register(struct emitter *x, u32 reg)
{
	struct jbuf *buf = x->buf;
	u32 good;

	enc_mov(buf, true, R11, reg);
	keep_stack_cur(x);
	enc_push(buf, R11);
	enc_push(buf, R11);
	enc_mov_imm(buf, RAX, (u64)x->jit->spec->code);
	enc_rm(buf, true, 0x89, RAX, RUN, RUN_OFF(code), false);
	args_to_c(x);
	call_address(x, (u64)x->jit->spec->callx);
	enc_alu_imm(buf, true, ALU_ADD, RSP, 16);
	if (!x->jit->spec->checked)
		return;
	enc_alu_mem_imm(buf, false, ALU_CMP, RUN, RUN_OFF(guard.error), 0);
	good = jcc8(buf, CC_E);
	enc_rm(buf, false, 0x8b, RDX, RUN, RUN_OFF(guard.error), false);
	jump_offset(buf, -1, x->routines[ROUTINE_UNWIND]);
	land(buf, good);
	clear_args(x);
}

static void local_call(struct emitter *x, u32 func)
{
	struct jbuf *buf = x->buf;
	const struct jframe *callee = &x->jit->frames[func];
	u32 depth = depth_of(x), good;
	bool checked = x->jit->spec->checked;

	if (checked) {
		enc_alu_mem_imm(buf, false, ALU_CMP, RUN, RUN_OFF(guard.frames), RUN_FRAMES - 1);
		good = jcc8(buf, CC_B);
		raise_error(x, ELOOP);
		land(buf, good);
		x64_charge(x, callee->end - callee->start);
		enc_alu_mem_imm(buf, false, ALU_ADD, RUN, RUN_OFF(guard.frames), 1);
	}
	if (depth)
		enc_alu_imm(buf, true, ALU_SUB, RBP, (s32)depth);
	call_offset(buf, x->jit->spec->funcs[func].offset);
	if (func > x->func) /* not emitted yet */
		emit_later(x, (struct fixup){ buf->len, func, false, true });
	if (depth)
		enc_alu_imm(buf, true, ALU_ADD, RBP, (s32)depth);
	if (checked)
		enc_alu_mem_imm(buf, false, ALU_SUB, RUN, RUN_OFF(guard.frames), 1);
}

static s64 load_packet(struct run *run, s32 off, u32 size)
{
	return run->ops && run->ops->load_packet ? run->ops->load_packet(run, off, size) : -1;
}

void x64_packet(struct emitter *x, const struct jinsn *i, u32 size, bool indirect)
{
	struct jbuf *buf = x->buf;
	u32 good;

	if (indirect)
		enc_lea(buf, false, RSI, x64_reg[i->src], i->imm);
	else
		enc_mov_imm(buf, RSI, (u32)i->imm);
	enc_mov(buf, true, RDI, RUN);
	enc_mov_imm(buf, RDX, size);
	call_address(x, (u64)load_packet);
	enc_test(buf, true, RAX, RAX);
	good = jcc8(buf, CC_NS);
	enc_mov_imm(buf, RAX, 0);
	x64_epilogue(x);
	enc_ret(buf);
	land(buf, good);
	clear_args(x);
}

int x64_call(struct emitter *x, const struct jinsn *i, u32 at)
{
	if (i->op == OP_CALL_LOCAL)
		local_call(x, i->aux);
	else if (i->op == OP_CALLX)
		call_register(x, x64_reg[i->dst]);
	else if (i->imm == BPF_FUNC_tail_call && !x->jit->spec->checked)
		tail_call(x);
	else
		return helper_call(x, (u32)i->imm, at);
	return 0;
}
