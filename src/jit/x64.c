// SPDX-License-Identifier: BSD-2-Clause
/*
 * The x86-64 back end: one machine sequence for each instruction, chosen with a look at the next one
 * and at what lives on. Register map in x64.h; System V ABI on both borders.
 *
 * Frames: r10 (rbp) and the run pointer (r12) are set up once at a C entry and then simply stay;
 * a local call moves rbp down by the caller's stack depth. Functions save the callee-saved registers
 * that they write, no others. Function 0 is its own C entry unless somebody calls it.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "jit/x64.h"
#ifdef __x86_64__
#include <cpuid.h>
#endif

const u8 x64_reg[MAX_BPF_REG] = { RAX, RDI, RSI, R9, R10, R8, RBX, R13, R14, R15, RBP };

enum { ROUTINE_UNWIND = 4, ROOM = 1024 };
#define RUN_OFF(member) ((s32)offsetof(struct run, member))

/* A jump whose target was not emitted yet. */
struct fixup {
	u32 at;		/* offset after the jump */
	u32 target;	/* instruction, or function if it is a call */
	bool byte, call;
};

struct x64 {
	struct jit *jit;
	struct jbuf *buf;
	const struct jframe *frame;
	u32 func;		/* the one being emitted */
	u64 features;
	struct fixup *fixups;
	u32 fixup_count;
	struct log *why;
};

u64 x64_features(void)
{
#ifdef __x86_64__
	static u64 known;	/* asked once: cpuid is slow where it leaves a virtual machine */
	u64 features = __atomic_load_n(&known, __ATOMIC_RELAXED);
	u32 a, b, c, d;

	if (features)
		return features;
	features = FEATURE_KNOWN;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && b & 1u << 8)
		features |= FEATURE_BMI2;
	if (__get_cpuid(1, &a, &b, &c, &d) && c & 1u << 22)
		features |= FEATURE_MOVBE;
	__atomic_store_n(&known, features, __ATOMIC_RELAXED);
	return features;
#else
	return 0;
#endif
}

/* jmp (cc < 0) or jcc to an instruction. */
static void jump_to(struct x64 *x, s32 cc, u32 target, u32 at)
{
	struct jbuf *buf = x->buf;
	struct jit *jit = x->jit;
	bool back = target <= at;
	s64 distance = back ? (s64)jit->offsets[target] - buf->len - 2
		     : jit->sized ? (s64)jit->offsets[target] - jit->offsets[at + 1] : INT32_MAX;

	if (!back && jit->insns[at].op == OP_MAY_GOTO)
		distance = INT32_MAX;	/* more code follows the jump */

	if (fits8(distance)) {
		put(buf, (u32)(cc < 0 ? 0xeb : 0x70 | cc) | (u32)(u8)distance << 8, 2);
	} else {
		if (cc >= 0)
			put8(buf, 0x0f);
		put8(buf, cc < 0 ? 0xe9 : 0x80u | (u32)cc);
		put32(buf, jit->offsets[target] - (buf->len + 4));
	}
	if (!back)
		x->fixups[x->fixup_count++] = (struct fixup){ buf->len, target, fits8(distance), false };
}

static void apply_fixups(struct x64 *x)
{
	for (u32 i = 0; i < x->fixup_count; i++) {
		const struct fixup *fix = &x->fixups[i];
		u32 target = fix->call ? x->jit->spec->funcs[fix->target].offset : x->jit->offsets[fix->target];
		u32 distance = target - fix->at;

		memcpy(x->buf->at + fix->at - (fix->byte ? 1 : 4), &distance, fix->byte ? 1 : 4);
	}
}

/* call or jmp to an address anywhere; clobbers r11 if it is far. */
static void call_address(struct x64 *x, u64 address)
{
	struct jbuf *buf = x->buf;
	s64 distance = (s64)(address - (x->jit->address + buf->len + 5));

	if (x->jit->address && fits32(distance)) {
		put8(buf, 0xe8);
		put32(buf, (u32)distance);
		return;
	}
	enc_mov_imm(buf, R11, address);
	put(buf, 0xd3ff41, 3);	/* call r11 */
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

static bool own_entry(const struct x64 *x)
{
	return !x->func && !x->jit->calls_first && !x->jit->spec->checked;
}

static bool saves(const struct x64 *x, u32 reg)
{
	static const u8 callee_saved[] = { [RBX] = 6, [R13] = 7, [R14] = 8, [R15] = 9 };
	const struct jframe *frame = x->frame;

	if (reg == RBP)
		return own_entry(x) && (frame->needs_fp || frame->local_calls);
	if (reg == RUN)
		return own_entry(x) && (frame->needs_run || frame->local_calls);
	return frame->written & 1 << callee_saved[reg];
}

static const u8 saved_order[] = { RBP, RUN, RBX, R13, R14, R15 };

/* The stack is 8 off a multiple of 16 at a function's start, and must be a multiple where it calls. */
static bool needs_pad(const struct x64 *x)
{
	u32 pushes = 0;

	for (u32 i = 0; i < ARRAY_SIZE(saved_order); i++)
		pushes += saves(x, saved_order[i]);
	return x->frame->calls && pushes % 2 == 0;
}

static void prologue(struct x64 *x)
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

static void epilogue(struct x64 *x)
{
	if (needs_pad(x))
		enc_pop(x->buf, RCX);
	for (u32 i = ARRAY_SIZE(saved_order); i-- > 0;)
		if (saves(x, saved_order[i]))
			enc_pop(x->buf, saved_order[i]);
}

/* The C entries of an image whose functions are all called internally: entry runs function 0, enter any. */
static void emit_entries(struct x64 *x)
{
	static const u8 all[] = { RBX, RBP, R12, R13, R14, R15 };
	struct jbuf *buf = x->buf;
	struct jit *jit = x->jit;
	u32 common;

	jit->enter = buf->len;
	enc_rm(buf, true, 0x8b, R11, RSP, 8, false);
	common = jmp8(buf);
	jit->entry = buf->len;
	put(buf, 0x1d8d4c, 3);	/* lea r11, [rip + function 0] */
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
	put(buf, 0xd3ff41, 3);	/* call r11 */
	jit->work = buf->len;
	enc_alu_imm(buf, true, ALU_ADD, RSP, 8);
	for (u32 i = ARRAY_SIZE(all); i-- > 0;)
		enc_pop(buf, all[i]);
	enc_ret(buf);
}

/* ---- checked programs ---- */

/* Falls through to code that ends the run with error (positive errno). */
static void raise_error(struct x64 *x, s32 error)
{
	enc_mov_imm(x->buf, RDX, (u32)-error);
	jump_offset(x->buf, -1, x->jit->routines[ROUTINE_UNWIND]);
}

/* Tests [rcx, rcx + size) against a region of run: start at low, len bytes to rdx; jumps to *inside if it is in. */
static u32 test_region(struct x64 *x, s32 low, u32 size)
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

static void emit_routines(struct x64 *x)
{
	struct jbuf *buf = x->buf;

	x->jit->routines[ROUTINE_UNWIND] = buf->len;
	enc_rm(buf, false, 0x89, RDX, RUN, RUN_OFF(guard.error), false);
	enc_rm(buf, true, 0x8b, RSP, RUN, RUN_OFF(guard.exit_sp), false);
	enc_mov_imm(buf, RAX, 0);
	jump_offset(buf, -1, x->jit->work);
	for (u32 i = 0; i < 4; i++) {
		u32 stack, mem;

		x->jit->routines[i] = buf->len;
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

static void check_access(struct x64 *x, u32 base, s32 off, u32 bytes, bool aligned)
{
	struct jbuf *buf = x->buf;
	u32 good;

	if (!x->jit->spec->checked)
		return;
	enc_lea(buf, true, RCX, base, off);
	call_offset(buf, x->jit->routines[__builtin_ctz(bytes)]);
	if (!aligned || bytes == 1)
		return;
	enc_test_imm(buf, false, RCX, (s32)bytes - 1);
	good = jcc8(buf, CC_E);
	raise_error(x, EFAULT);
	land(buf, good);
}

static void charge(struct x64 *x, u32 insns)
{
	u32 good;

	if (!x->jit->spec->checked)
		return;
	enc_alu_mem_imm(x->buf, true, ALU_SUB, RUN, RUN_OFF(guard.budget), (s32)insns);
	good = jcc8(x->buf, CC_NS);
	raise_error(x, ETIME);
	land(x->buf, good);
}

static void clear_args(struct x64 *x)
{
	for (u32 r = 1; x->jit->spec->checked && r <= 5; r++)
		enc_alu(x->buf, false, ALU_XOR, x64_reg[r], x64_reg[r]);
}

/* ---- calls ---- */

static u32 depth_of(const struct x64 *x)
{
	return x->jit->spec->funcs[x->func].stack_depth;
}

static void keep_stack_cur(struct x64 *x)
{
	u32 depth = depth_of(x);

	if (!x->jit->has_func && !x->jit->spec->checked)
		return;
	if (depth)
		enc_lea(x->buf, true, RAX, RBP, -(s32)depth);
	enc_rm(x->buf, true, 0x89, depth ? RAX : RBP, RUN, RUN_OFF(stack_cur), false);
}

static void args_to_c(struct x64 *x)
{
	enc_mov(x->buf, true, RDX, R9);
	enc_mov(x->buf, true, RCX, R10);
	enc_mov(x->buf, true, R9, RUN);
}

static int helper_call(struct x64 *x, u32 number, u32 at)
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

static void tail_call(struct x64 *x)
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
	enc_rm(buf, true, 0x8b, RDI, RUN, RUN_OFF(ctx), false);	/* what r1 must be at a tail call */
	epilogue(x);
	put(buf, 0x20ff, 2);	/* jmp [rax]: struct code begins with its entry */
	land(buf, full);
	land(buf, none);
	enc_mov_imm(buf, RAX, 0);
}

/* The helper whose number is in reg: a seventh argument, on the stack. */
static void call_register(struct x64 *x, u32 reg)
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
	jump_offset(buf, -1, x->jit->routines[ROUTINE_UNWIND]);
	land(buf, good);
	clear_args(x);
}

static void local_call(struct x64 *x, u32 func)
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
		charge(x, callee->end - callee->start);
		enc_alu_mem_imm(buf, false, ALU_ADD, RUN, RUN_OFF(guard.frames), 1);
	}
	if (depth)
		enc_alu_imm(buf, true, ALU_SUB, RBP, (s32)depth);
	call_offset(buf, x->jit->spec->funcs[func].offset);
	if (func > x->func)	/* not emitted yet */
		x->fixups[x->fixup_count++] = (struct fixup){ buf->len, func, false, true };
	if (depth)
		enc_alu_imm(buf, true, ALU_ADD, RBP, (s32)depth);
	if (checked)
		enc_alu_mem_imm(buf, false, ALU_SUB, RUN, RUN_OFF(guard.frames), 1);
}

static s64 load_packet(struct run *run, s32 off, u32 size)
{
	return run->ops && run->ops->load_packet ? run->ops->load_packet(run, off, size) : -1;
}

static void packet_access(struct x64 *x, const struct jinsn *i, u32 size, bool indirect)
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
	epilogue(x);
	enc_ret(buf);
	land(buf, good);
	clear_args(x);
}

/* ---- jumps ---- */

static s32 condition(u16 op)
{
	static const u8 cc[] = { CC_E, CC_NE, CC_A, CC_AE, CC_B, CC_BE, CC_NE, CC_G, CC_GE, CC_L, CC_LE };

	return cc[(op - OP_JEQ64_IMM) / 4];	/* in the order of insn.def, four rows each */
}

static void compare(struct x64 *x, const struct jinsn *i)
{
	u32 row = (u32)(i->op - OP_JEQ64_IMM) % 4, dst = x64_reg[i->dst];
	bool wide = row < 2, test = i->op >= OP_JSET64_IMM && i->op < OP_JSGT64_IMM;

	if (row % 2 && test)
		enc_test(x->buf, wide, dst, x64_reg[i->src]);
	else if (row % 2)
		enc_alu(x->buf, wide, ALU_CMP, dst, x64_reg[i->src]);
	else if (test)
		enc_test_imm(x->buf, wide, dst, i->imm);
	else if (!i->imm)
		enc_test(x->buf, wide, dst, dst);
	else
		enc_alu_imm(x->buf, wide, ALU_CMP, dst, i->imm);
}

static void taken(struct x64 *x, s32 cc, const struct jinsn *i, u32 at)
{
	u32 skip = 0;

	if (!x->jit->spec->checked || i->aux > at) {
		jump_to(x, cc, i->aux, at);
		return;
	}
	if (cc >= 0)
		skip = jcc8(x->buf, (enum x64_cc)(cc ^ 1));
	charge(x, at + 1 - i->aux);
	jump_to(x, -1, i->aux, at);
	if (cc >= 0)
		land(x->buf, skip);
}

static void may_goto(struct x64 *x, const struct jinsn *i, u32 at)
{
	enc_alu_mem_imm(x->buf, false, ALU_CMP, RUN, RUN_OFF(may_goto), 0);
	taken(x, CC_E, i, at);
	enc_alu_mem_imm(x->buf, false, ALU_SUB, RUN, RUN_OFF(may_goto), 1);
}

/* ---- memory ---- */

static void load(struct x64 *x, const struct jinsn *i)
{
	struct jbuf *buf = x->buf;
	u32 dst = x64_reg[i->dst], base = x64_reg[i->src];

	switch (i->op) {
	case OP_LDX8: case OP_LOAD_ACQ8:
		enc_rm(buf, false, 0x0fb6, dst, base, i->off, false);
		break;
	case OP_LDX16: case OP_LOAD_ACQ16:
		enc_rm(buf, false, 0x0fb7, dst, base, i->off, false);
		break;
	case OP_LDX32: case OP_LOAD_ACQ32:
		enc_rm(buf, false, 0x8b, dst, base, i->off, false);
		break;
	case OP_LDX64: case OP_LOAD_ACQ64:
		enc_rm(buf, true, 0x8b, dst, base, i->off, false);
		break;
	case OP_LDSX8:
		enc_rm(buf, true, 0x0fbe, dst, base, i->off, false);
		break;
	case OP_LDSX16:
		enc_rm(buf, true, 0x0fbf, dst, base, i->off, false);
		break;
	case OP_LDSX32:
		enc_rm(buf, true, 0x63, dst, base, i->off, false);
		break;
	}
}

static void swap16(struct jbuf *buf, u32 dst)
{
	put8(buf, 0x66);
	enc_shift_imm(buf, false, SHIFT_ROL, dst, 8);
	enc_rr(buf, false, 0x0fb7, dst, dst);
}

static void load_swapped(struct x64 *x, const struct jinsn *i)
{
	struct jbuf *buf = x->buf;
	u32 dst = x64_reg[i->dst], base = x64_reg[i->src];

	if (i->op == JIT_LDBE16) {
		enc_rm(buf, false, 0x0fb7, dst, base, i->off, false);
		swap16(buf, dst);
	} else if (x->features & FEATURE_MOVBE) {
		enc_movbe(buf, i->op == JIT_LDBE64 ? 64 : 32, dst, base, i->off);
	} else {
		enc_rm(buf, i->op == JIT_LDBE64, 0x8b, dst, base, i->off, false);
		enc_bswap(buf, i->op == JIT_LDBE64, dst);
	}
}

static void store(struct x64 *x, const struct jinsn *i, u32 bytes)
{
	if (bytes == 2)
		put8(x->buf, 0x66);
	enc_rm(x->buf, bytes == 8, bytes == 1 ? 0x88 : 0x89, x64_reg[i->src], x64_reg[i->dst], i->off, bytes == 1);
}

static void store_imm(struct x64 *x, const struct jinsn *i, u32 bytes)
{
	if (bytes == 2)
		put8(x->buf, 0x66);
	enc_rm(x->buf, bytes == 8, bytes == 1 ? 0xc6 : 0xc7, 0, x64_reg[i->dst], i->off, false);
	put(x->buf, (u32)i->imm, min(bytes, 4u));
}

static u32 access_bytes(const struct jinsn *i)
{
	switch (BPF_SIZE(op_info[i->op].code)) {
	case BPF_B: return 1;
	case BPF_H: return 2;
	case BPF_W: return 4;
	}
	return 8;
}

/* ---- arithmetic ---- */

static void and_imm(struct jbuf *buf, bool wide, u32 dst, s32 imm)
{
	if (imm == 0xff) {
		enc_rex(buf, false, dst, 0, dst, dst >= 4);
		put(buf, 0xb60f, 2);
		enc_modrm(buf, dst, dst);
	} else if (imm == 0xffff) {
		enc_rr(buf, false, 0x0fb7, dst, dst);
	} else {
		enc_alu_imm(buf, wide && imm < 0, ALU_AND, dst, imm);
	}
}

static void shift_imm(struct jbuf *buf, bool wide, enum x64_shift op, u32 dst, u32 count)
{
	if (count)
		enc_shift_imm(buf, wide, op, dst, count);
	else if (!wide)
		enc_mov(buf, false, dst, dst);
}

static void alu_imm(struct x64 *x, const struct jinsn *i, u16 live)
{
	struct jbuf *buf = x->buf;
	u32 dst = x64_reg[i->dst];
	bool wide = (i->op - OP_ADD64_IMM) % 4 == 0;

	switch ((i->op - OP_ADD64_IMM) / 4 * 4 + OP_ADD64_IMM) {
	case OP_ADD64_IMM: enc_alu_imm(buf, wide, ALU_ADD, dst, i->imm); break;
	case OP_SUB64_IMM: enc_alu_imm(buf, wide, ALU_SUB, dst, i->imm); break;
	case OP_OR64_IMM: enc_alu_imm(buf, wide, ALU_OR, dst, i->imm); break;
	case OP_XOR64_IMM: enc_alu_imm(buf, wide, ALU_XOR, dst, i->imm); break;
	case OP_AND64_IMM: and_imm(buf, wide, dst, i->imm); break;
	case OP_MUL64_IMM: enc_imul_imm(buf, wide, dst, dst, i->imm); break;
	case OP_MOV64_IMM: enc_mov_imm(buf, dst, wide ? (u64)(s64)i->imm : (u32)i->imm); break;
	case OP_LSH64_IMM: shift_imm(buf, wide, SHIFT_SHL, dst, (u32)i->imm & (wide ? 63 : 31)); break;
	case OP_RSH64_IMM: shift_imm(buf, wide, SHIFT_SHR, dst, (u32)i->imm & (wide ? 63 : 31)); break;
	case OP_ARSH64_IMM: shift_imm(buf, wide, SHIFT_SAR, dst, (u32)i->imm & (wide ? 63 : 31)); break;
	default: x64_divide(buf, i, live, x->features); break;
	}
}

static void alu_reg(struct x64 *x, const struct jinsn *i, u16 live)
{
	struct jbuf *buf = x->buf;
	u32 dst = x64_reg[i->dst], src = x64_reg[i->src];
	bool wide = (i->op - OP_ADD64_IMM) % 4 == 1;

	switch ((i->op - OP_ADD64_IMM) / 4 * 4 + OP_ADD64_IMM) {
	case OP_ADD64_IMM: enc_alu(buf, wide, ALU_ADD, dst, src); break;
	case OP_SUB64_IMM: enc_alu(buf, wide, ALU_SUB, dst, src); break;
	case OP_OR64_IMM: enc_alu(buf, wide, ALU_OR, dst, src); break;
	case OP_AND64_IMM: enc_alu(buf, wide, ALU_AND, dst, src); break;
	case OP_XOR64_IMM: enc_alu(buf, wide, ALU_XOR, dst, src); break;
	case OP_MUL64_IMM: enc_imul(buf, wide, dst, src); break;
	case OP_MOV64_IMM: enc_mov(buf, wide, dst, src); break;
	case OP_LSH64_IMM: case OP_RSH64_IMM: case OP_ARSH64_IMM: x64_shift(buf, i, x->features); break;
	default: x64_divide(buf, i, live, x->features); break;
	}
}

static void unary(struct x64 *x, const struct jinsn *i)
{
	struct jbuf *buf = x->buf;
	u32 dst = x64_reg[i->dst];

	switch (i->op) {
	case OP_NEG64: case OP_NEG32:
		enc_unary(buf, i->op == OP_NEG64, UNARY_NEG, dst);
		break;
	case OP_LE16:
		enc_rr(buf, false, 0x0fb7, dst, dst);
		break;
	case OP_LE32:
		enc_mov(buf, false, dst, dst);
		break;
	case OP_BE16: case OP_BSWAP16:
		swap16(buf, dst);
		break;
	case OP_BE32: case OP_BSWAP32:
		enc_bswap(buf, false, dst);
		break;
	case OP_BE64: case OP_BSWAP64:
		enc_bswap(buf, true, dst);
		break;
	}
}

static void extend(struct x64 *x, const struct jinsn *i)
{
	u32 dst = x64_reg[i->dst], src = x64_reg[i->src];
	bool wide = i->op <= OP_MOVSX32_64;

	if (i->op == OP_MOVSX8_64 || i->op == OP_MOVSX8_32) {
		enc_rex(x->buf, wide, dst, 0, src, src >= 4);
		put(x->buf, 0xbe0f, 2);
		enc_modrm(x->buf, dst, src);
	} else {
		enc_rr(x->buf, wide, i->op == OP_MOVSX32_64 ? 0x63 : 0x0fbf, dst, src);
	}
}

/* A copy and the operation on it in one: lea, imul with three operands. True if the next one is done too. */
static bool copy_and(struct x64 *x, const struct jinsn *i, u32 at)
{
	const struct jinsn *next = i + 1;
	u32 dst = x64_reg[i->dst], src = x64_reg[i->src];

	if (at + 1 >= x->frame->end || next->flags & JIT_LEADER || next->dst != i->dst || i->src == i->dst ||
	    x->jit->spec->checked)
		return false;
	switch (next->op) {
	case OP_ADD64_IMM: case OP_ADD32_IMM:
		if (next->op == OP_ADD64_IMM && i->op == OP_MOV32_REG)
			return false;
		enc_lea(x->buf, next->op == OP_ADD64_IMM, dst, src, next->imm);
		return true;
	case OP_ADD64_REG: case OP_ADD32_REG:
		if ((next->op == OP_ADD64_REG && i->op == OP_MOV32_REG) || next->src == i->dst)
			return false;
		enc_lea_index(x->buf, next->op == OP_ADD64_REG, dst, src, x64_reg[next->src]);
		return true;
	case OP_MUL64_IMM: case OP_MUL32_IMM:
		if (next->op == OP_MUL64_IMM && i->op == OP_MOV32_REG)
			return false;
		enc_imul_imm(x->buf, next->op == OP_MUL64_IMM, dst, src, next->imm);
		return true;
	}
	return false;
}

static void rotate(struct x64 *x, const struct jinsn *i)
{
	u32 dst = x64_reg[i->dst], src = x64_reg[i->src];
	bool wide = i->op == JIT_ROTR64;

	if (dst != src && x->features & FEATURE_BMI2) {
		enc_rorx(x->buf, wide, dst, src, (u32)i->imm);
		return;
	}
	if (dst != src)
		enc_mov(x->buf, wide, dst, src);
	enc_shift_imm(x->buf, wide, SHIFT_ROR, dst, (u32)i->imm);
}

/* ---- one instruction ---- */

static int emit_call(struct x64 *x, const struct jinsn *i, u32 at)
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

static void emit_wide(struct x64 *x, const struct jinsn *i)
{
	u64 value = jinsn_imm64(i);

	if (i->op == OP_LD_FUNC)
		value = x->jit->spec->func_values + (u64)i->aux * x->jit->spec->func_size;
	enc_mov_imm(x->buf, x64_reg[i->dst], value);
}

static void emit_mov(struct x64 *x, const struct jinsn *i)
{
	if (i->op == OP_MOV32_REG || i->dst != i->src)
		enc_mov(x->buf, i->op == OP_MOV64_REG, x64_reg[i->dst], x64_reg[i->src]);
}

/* Instructions that format alone sorts. Returns how many were consumed, or -errno. */
static int emit_insn(struct x64 *x, u32 at)
{
	const struct jinsn *i = &x->jit->insns[at];
	u16 live = x->jit->live_out[at];

	if (i->op >= OP_COUNT) {
		if (i->op == JIT_ROTR32 || i->op == JIT_ROTR64)
			rotate(x, i);
		else if (i->op != JIT_NOP)
			load_swapped(x, i);
		return 1;
	}
	switch ((enum insn_format)op_info[i->op].format) {
	case FORMAT_ALU_IMM:
		alu_imm(x, i, live);
		break;
	case FORMAT_ALU_REG:
		if (i->op >= OP_MOVSX8_64 && i->op <= OP_MOVSX16_32) {
			extend(x, i);
		} else if (i->op == OP_MOV64_REG || i->op == OP_MOV32_REG) {
			if (copy_and(x, i, at))
				return 2;
			emit_mov(x, i);
		} else {
			alu_reg(x, i, live);
		}
		break;
	case FORMAT_UNARY:
		unary(x, i);
		break;
	case FORMAT_JA:
		if (i->op == OP_MAY_GOTO)
			may_goto(x, i, at);
		else
			taken(x, -1, i, at);
		break;
	case FORMAT_JCC_IMM: case FORMAT_JCC_REG:
		compare(x, i);
		taken(x, condition(i->op), i, at);
		break;
	case FORMAT_CALL: case FORMAT_CALLX: {
		int err = emit_call(x, i, at);

		if (err)
			return err;
		break;
	}
	case FORMAT_LDX: case FORMAT_LOAD_ACQ:
		check_access(x, x64_reg[i->src], i->off, access_bytes(i), op_info[i->op].format == FORMAT_LOAD_ACQ);
		load(x, i);
		break;
	case FORMAT_STX: case FORMAT_STORE_REL:
		check_access(x, x64_reg[i->dst], i->off, access_bytes(i), op_info[i->op].format == FORMAT_STORE_REL);
		store(x, i, access_bytes(i));
		break;
	case FORMAT_ST:
		check_access(x, x64_reg[i->dst], i->off, access_bytes(i), false);
		store_imm(x, i, access_bytes(i));
		break;
	case FORMAT_ATOMIC:
		check_access(x, x64_reg[i->dst], i->off, access_bytes(i), true);
		x64_atomic(x->buf, i);
		break;
	case FORMAT_WIDE:
		emit_wide(x, i);
		break;
	case FORMAT_LD_ABS:
		packet_access(x, i, access_bytes(i), false);
		break;
	case FORMAT_LD_IND:
		packet_access(x, i, access_bytes(i), true);
		break;
	case FORMAT_NONE:
		epilogue(x);
		enc_ret(x->buf);
		break;
	case FORMAT_CAST: case FORMAT_CALL_KFUNC: case FORMAT_JA32:
		return -EOPNOTSUPP;
	}
	return 1;
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

/*
 * A loop that fits into one line of the instruction cache is moved to the next line if it would cross
 * over. The first emission reserves the most that may take.
 */
static void align_loop(struct x64 *x, u32 at)
{
	const u32 *offsets = x->jit->offsets;
	u32 pad = 63, size;

	if (x->jit->sized) {
		size = offsets[x->jit->loop_ends[at]] + 2 - offsets[at];	/* the jump itself will be short */
		if (size > 64 && size <= 80)
			size = 64;	/* an upper bound: jumps forward will be shorter */
		pad = size <= 64 && x->buf->len % 64 + size > 64 ? -x->buf->len & 63 : 0;
	}
	for (u32 n; pad; pad -= n) {
		n = min(pad, 9u);
		enc_nop(x->buf, n);
	}
}

static int emit_function(struct x64 *x, u32 func)
{
	struct jit *jit = x->jit;

	x->func = func;
	x->frame = &jit->frames[func];
	for (u32 at = x->frame->start; at < x->frame->end;) {
		int done = make_room(x->buf);

		if (done)
			return done;
		if (at == x->frame->start) {
			jit->spec->funcs[func].offset = x->buf->len;
			prologue(x);
		}
		if (jit->insns[at].flags & JIT_LOOP && !jit->spec->checked)
			align_loop(x, at);
		jit->offsets[at] = x->buf->len;
		done = emit_insn(x, at);
		if (done < 0)
			return done;
		if (done == 2)
			jit->offsets[at + 1] = x->buf->len;
		at += (u32)done;
	}
	return 0;
}

static int emit_all(struct x64 *x)
{
	struct jit *jit = x->jit;
	bool entries = jit->calls_first || jit->spec->checked || jit->has_func;
	int err = make_room(x->buf);

	if (!err && entries)
		emit_entries(x);
	if (!err)
		err = make_room(x->buf);
	if (!err && jit->spec->checked)
		emit_routines(x);
	for (u32 f = 0; !err && f < jit->spec->func_count; f++) {
		x->func = f;
		err = emit_function(x, f);
	}
	jit->offsets[jit->count] = x->buf->len;
	if (!jit->calls_first && !jit->spec->checked)
		jit->entry = jit->spec->funcs[0].offset;
	if (!err && jit->sized)
		apply_fixups(x);
	return err;
}

static int emit(struct jit *jit, struct log *why)
{
	struct x64 x = { .jit = jit, .buf = &jit->buf, .features = jit->features, .why = why };
	int err;

	x.fixups = malloc((jit->count + 1) * sizeof(*x.fixups));
	if (!x.fixups)
		return -ENOMEM;
	jit->buf.len = 0;
	err = emit_all(&x);
	free(x.fixups);
	return err;
}

const struct target target_x64 = { "x86-64", emit, x64_features };
