// SPDX-License-Identifier: BSD-2-Clause
/*
 * The x86-64 back end: one machine sequence for each instruction, chosen with a look at the next one
 * and at what lives on. Register map in x64.h; frames, entries and calls in x64_call.c.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "jit/x64.h"
#ifdef __x86_64__
#include <cpuid.h>
#endif

const u8 x64_reg[MAX_BPF_REG] = { RAX, RDI, RSI, R9, R10, R8, RBX, R13, R14, R15, RBP };

static u64 features(void)
{
#ifdef __x86_64__
	static u64 known; /* asked once: cpuid is slow where it leaves a virtual machine */
	u64 found = __atomic_load_n(&known, __ATOMIC_RELAXED);
	u32 a, b, c, d;

	if (found)
		return found;
	found = FEATURE_KNOWN;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && b & 1u << 8)
		found |= FEATURE_BMI2;
	if (__get_cpuid(1, &a, &b, &c, &d) && c & 1u << 22)
		found |= FEATURE_MOVBE;
	__atomic_store_n(&known, found, __ATOMIC_RELAXED);
	return found;
#else
	return 0;
#endif
}

/* jmp (cc < 0) or jcc to an instruction. */
static void jump_to(struct emitter *x, s32 cc, u32 target, u32 at)
{
	struct jbuf *buf = x->buf;
	struct jit *jit = x->jit;
	bool back = target <= at;
	s64 distance = back	    ? (s64)jit->offsets[target] - buf->len - 2
		       : jit->sized ? (s64)jit->offsets[target] - jit->offsets[at + 1]
				    : INT32_MAX;

	if (!back && jit->insns[at].op == OP_MAY_GOTO)
		distance = INT32_MAX; /* more code follows the jump */

	if (fits8(distance)) {
		put(buf, (u32)(cc < 0 ? 0xeb : 0x70 | cc) | (u32)(u8)distance << 8, 2);
	} else {
		if (cc >= 0)
			put8(buf, 0x0f);
		put8(buf, cc < 0 ? 0xe9 : 0x80u | (u32)cc);
		put32(buf, jit->offsets[target] - (buf->len + 4));
	}
	if (!back)
		emit_later(x, (struct fixup){ buf->len, target, fits8(distance), false });
}

static void patch(struct jbuf *buf, const struct fixup *fix, u32 target)
{
	u32 distance = target - fix->at;

	memcpy(buf->at + fix->at - (fix->near ? 1 : 4), &distance, fix->near ? 1 : 4);
}

/* ---- jumps ---- */

static s32 condition(u16 op)
{
	static const u8 cc[] = { CC_E,	CC_NE, CC_A,  CC_AE, CC_B, CC_BE,
				 CC_NE, CC_G,  CC_GE, CC_L,  CC_LE };

	return cc[(op - OP_JEQ64_IMM) / 4]; /* in the order of insn.def, four rows each */
}

static void compare(struct emitter *x, const struct jinsn *i)
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

static void taken(struct emitter *x, s32 cc, const struct jinsn *i, u32 at)
{
	u32 skip = 0;

	if (!x->jit->spec->checked || i->aux > at) {
		jump_to(x, cc, i->aux, at);
		return;
	}
	if (cc >= 0)
		skip = jcc8(x->buf, (enum x64_cc)(cc ^ 1));
	x64_charge(x, at + 1 - i->aux);
	jump_to(x, -1, i->aux, at);
	if (cc >= 0)
		land(x->buf, skip);
}

static void may_goto(struct emitter *x, const struct jinsn *i, u32 at)
{
	enc_alu_mem_imm(x->buf, false, ALU_CMP, RUN, RUN_OFF(may_goto), 0);
	taken(x, CC_E, i, at);
	enc_alu_mem_imm(x->buf, false, ALU_SUB, RUN, RUN_OFF(may_goto), 1);
}

/* ---- memory ---- */

static void load(struct emitter *x, const struct jinsn *i)
{
	struct jbuf *buf = x->buf;
	u32 dst = x64_reg[i->dst], base = x64_reg[i->src];

	switch (i->op) {
	case OP_LDX8:
	case OP_LOAD_ACQ8: enc_rm(buf, false, 0x0fb6, dst, base, i->off, false); break;
	case OP_LDX16:
	case OP_LOAD_ACQ16: enc_rm(buf, false, 0x0fb7, dst, base, i->off, false); break;
	case OP_LDX32:
	case OP_LOAD_ACQ32: enc_rm(buf, false, 0x8b, dst, base, i->off, false); break;
	case OP_LDX64:
	case OP_LOAD_ACQ64: enc_rm(buf, true, 0x8b, dst, base, i->off, false); break;
	case OP_LDSX8: enc_rm(buf, true, 0x0fbe, dst, base, i->off, false); break;
	case OP_LDSX16: enc_rm(buf, true, 0x0fbf, dst, base, i->off, false); break;
	case OP_LDSX32: enc_rm(buf, true, 0x63, dst, base, i->off, false); break;
	}
}

static void swap16(struct jbuf *buf, u32 dst)
{
	put8(buf, 0x66);
	enc_shift_imm(buf, false, SHIFT_ROL, dst, 8);
	enc_rr(buf, false, 0x0fb7, dst, dst);
}

static void load_swapped(struct emitter *x, const struct jinsn *i)
{
	struct jbuf *buf = x->buf;
	u32 dst = x64_reg[i->dst], base = x64_reg[i->src];

	if (i->op == JIT_LDBE16) {
		enc_rm(buf, false, 0x0fb7, dst, base, i->off, false);
		swap16(buf, dst);
	} else if (x->jit->features & FEATURE_MOVBE) {
		enc_movbe(buf, i->op == JIT_LDBE64 ? 64 : 32, dst, base, i->off);
	} else {
		enc_rm(buf, i->op == JIT_LDBE64, 0x8b, dst, base, i->off, false);
		enc_bswap(buf, i->op == JIT_LDBE64, dst);
	}
}

static void store(struct emitter *x, const struct jinsn *i, u32 bytes)
{
	if (bytes == 2)
		put8(x->buf, 0x66);
	enc_rm(x->buf, bytes == 8, bytes == 1 ? 0x88 : 0x89, x64_reg[i->src], x64_reg[i->dst],
	       i->off, bytes == 1);
}

static void store_imm(struct emitter *x, const struct jinsn *i, u32 bytes)
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

static void alu_imm(struct emitter *x, const struct jinsn *i, u16 live)
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
	case OP_LSH64_IMM:
		shift_imm(buf, wide, SHIFT_SHL, dst, (u32)i->imm & (wide ? 63 : 31));
		break;
	case OP_RSH64_IMM:
		shift_imm(buf, wide, SHIFT_SHR, dst, (u32)i->imm & (wide ? 63 : 31));
		break;
	case OP_ARSH64_IMM:
		shift_imm(buf, wide, SHIFT_SAR, dst, (u32)i->imm & (wide ? 63 : 31));
		break;
	default: x64_divide(buf, i, live, x->jit->features); break;
	}
}

static void alu_reg(struct emitter *x, const struct jinsn *i, u16 live)
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
	case OP_LSH64_IMM:
	case OP_RSH64_IMM:
	case OP_ARSH64_IMM: x64_shift(buf, i, x->jit->features); break;
	default: x64_divide(buf, i, live, x->jit->features); break;
	}
}

static void unary(struct emitter *x, const struct jinsn *i)
{
	struct jbuf *buf = x->buf;
	u32 dst = x64_reg[i->dst];

	switch (i->op) {
	case OP_NEG64:
	case OP_NEG32: enc_unary(buf, i->op == OP_NEG64, UNARY_NEG, dst); break;
	case OP_LE16: enc_rr(buf, false, 0x0fb7, dst, dst); break;
	case OP_LE32: enc_mov(buf, false, dst, dst); break;
	case OP_BE16:
	case OP_BSWAP16: swap16(buf, dst); break;
	case OP_BE32:
	case OP_BSWAP32: enc_bswap(buf, false, dst); break;
	case OP_BE64:
	case OP_BSWAP64: enc_bswap(buf, true, dst); break;
	}
}

static void extend(struct emitter *x, const struct jinsn *i)
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
static bool copy_and(struct emitter *x, const struct jinsn *i, u32 at)
{
	const struct jinsn *next = i + 1;
	u32 dst = x64_reg[i->dst], src = x64_reg[i->src];

	if (at + 1 >= x->frame->end || next->flags & JIT_LEADER || next->dst != i->dst ||
	    i->src == i->dst || x->jit->spec->checked)
		return false;
	switch (next->op) {
	case OP_ADD64_IMM:
	case OP_ADD32_IMM:
		if (next->op == OP_ADD64_IMM && i->op == OP_MOV32_REG)
			return false;
		enc_lea(x->buf, next->op == OP_ADD64_IMM, dst, src, next->imm);
		return true;
	case OP_ADD64_REG:
	case OP_ADD32_REG:
		if ((next->op == OP_ADD64_REG && i->op == OP_MOV32_REG) || next->src == i->dst)
			return false;
		enc_lea_index(x->buf, next->op == OP_ADD64_REG, dst, src, x64_reg[next->src]);
		return true;
	case OP_MUL64_IMM:
	case OP_MUL32_IMM:
		if (next->op == OP_MUL64_IMM && i->op == OP_MOV32_REG)
			return false;
		enc_imul_imm(x->buf, next->op == OP_MUL64_IMM, dst, src, next->imm);
		return true;
	}
	return false;
}

static void rotate(struct emitter *x, const struct jinsn *i)
{
	u32 dst = x64_reg[i->dst], src = x64_reg[i->src];
	bool wide = i->op == JIT_ROTR64;

	if (dst != src && x->jit->features & FEATURE_BMI2) {
		enc_rorx(x->buf, wide, dst, src, (u32)i->imm);
		return;
	}
	if (dst != src)
		enc_mov(x->buf, wide, dst, src);
	enc_shift_imm(x->buf, wide, SHIFT_ROR, dst, (u32)i->imm);
}

/* ---- one instruction ---- */

static void emit_wide(struct emitter *x, const struct jinsn *i)
{
	u64 value = jinsn_imm64(i);

	if (i->op == OP_LD_FUNC)
		value = x->jit->spec->func_values + (u64)i->aux * x->jit->spec->func_size;
	enc_mov_imm(x->buf, x64_reg[i->dst], value);
}

static void emit_mov(struct emitter *x, const struct jinsn *i)
{
	if (i->op == OP_MOV32_REG || i->dst != i->src)
		enc_mov(x->buf, i->op == OP_MOV64_REG, x64_reg[i->dst], x64_reg[i->src]);
}

/* Instructions that format alone sorts. Returns how many were consumed, or -errno. */
static int emit_insn(struct emitter *x, u32 at)
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
	case FORMAT_ALU_IMM: alu_imm(x, i, live); break;
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
	case FORMAT_UNARY: unary(x, i); break;
	case FORMAT_JA:
		if (i->op == OP_MAY_GOTO)
			may_goto(x, i, at);
		else
			taken(x, -1, i, at);
		break;
	case FORMAT_JCC_IMM:
	case FORMAT_JCC_REG:
		compare(x, i);
		taken(x, condition(i->op), i, at);
		break;
	case FORMAT_CALL:
	case FORMAT_CALLX: {
		int err = x64_call(x, i, at);

		if (err)
			return err;
		break;
	}
	case FORMAT_LDX:
	case FORMAT_LOAD_ACQ:
		x64_check_access(x, x64_reg[i->src], i->off, access_bytes(i),
				 op_info[i->op].format == FORMAT_LOAD_ACQ);
		load(x, i);
		break;
	case FORMAT_STX:
	case FORMAT_STORE_REL:
		x64_check_access(x, x64_reg[i->dst], i->off, access_bytes(i),
				 op_info[i->op].format == FORMAT_STORE_REL);
		store(x, i, access_bytes(i));
		break;
	case FORMAT_ST:
		x64_check_access(x, x64_reg[i->dst], i->off, access_bytes(i), false);
		store_imm(x, i, access_bytes(i));
		break;
	case FORMAT_ATOMIC:
		x64_check_access(x, x64_reg[i->dst], i->off, access_bytes(i), true);
		x64_atomic(x->buf, i);
		break;
	case FORMAT_WIDE: emit_wide(x, i); break;
	case FORMAT_LD_ABS: x64_packet(x, i, access_bytes(i), false); break;
	case FORMAT_LD_IND: x64_packet(x, i, access_bytes(i), true); break;
	case FORMAT_NONE:
		x64_epilogue(x);
		enc_ret(x->buf);
		break;
	case FORMAT_CAST:
	case FORMAT_CALL_KFUNC:
	case FORMAT_JA32: return -EOPNOTSUPP;
	}
	return 1;
}

/*
 * A loop that fits into one line of the instruction cache is moved to the next line if it would cross
 * over. The first emission reserves the most that may take.
 */
static void align_loop(struct emitter *x, u32 at)
{
	const u32 *offsets = x->jit->offsets;
	u32 pad = 63, size;

	if (x->jit->sized) {
		size = offsets[x->jit->loop_ends[at]] + 2 -
		       offsets[at]; /* the jump itself will be short */
		if (size > 64 && size <= 80)
			size = 64; /* an upper bound: jumps forward will be shorter */
		pad = size <= 64 && x->buf->len % 64 + size > 64 ? -x->buf->len & 63 : 0;
	}
	for (u32 n; pad; pad -= n) {
		n = min(pad, 9u);
		enc_nop(x->buf, n);
	}
}

const struct target target_x64 = {
	.name = "x86-64",
	.features = features,
	.entries = x64_entries,
	.routines = x64_routines,
	.prologue = x64_prologue,
	.align_loop = align_loop,
	.insn = emit_insn,
	.patch = patch,
};
