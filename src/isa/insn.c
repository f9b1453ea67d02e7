/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoding, encoding and the field check, all from insn.def (RFC 9669 section 3).
 *
 * An opcode byte alone names an instruction, or a group of instructions that one more field tells
 * apart. op_at[code][SLOT(value)] holds the op for that field's value; SLOT() sends the values that
 * one field takes to different slots (0..6 for src, 0 1 8 16 32 for off, widths and atomic
 * operations for imm), so decoding is two loads and one comparison, without a search.
 *
 * Invariant: rows that share a code share their selecting field (tests/unit/insn.c).
 */
#include "isa/insn.h"

#include <errno.h>
#include <string.h>

enum insn_field { FIELD_NONE, FIELD_SRC, FIELD_OFF, FIELD_IMM };

const struct op_info op_info[OP_COUNT] = {
	[OP_INVALID] = { .name = "INVALID", .text = "invalid" },
	[OP_WIDE_HIGH] = { .name = "WIDE_HIGH", .text = "" },
#define INSN(n, c, f, v, form, t)             \
	[OP_##n] = { .name = #n,              \
		     .text = t,               \
		     .code = (c),             \
		     .field = FIELD_##f,      \
		     .format = FORMAT_##form, \
		     .value = (v) },
#include "isa/insn.def"
};

/* Distinct for the values of one field of one code; whatever collides with them fails the comparison. */
#define SLOT(v) (((u32)(v) ^ (u32)(v) >> 1 ^ (u32)(v) >> 4) & 31)

/* Rows sharing a code name the same field, so the later initializer changes nothing. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static const u8 field_of[256] = {
#define INSN(n, c, f, v, form, t) [c] = FIELD_##f,
#include "isa/insn.def"
};

static const bool known[256] = {
#define INSN(n, c, f, v, form, t) [c] = true,
#include "isa/insn.def"
};

static const u8 op_at[256][32] = {
#define INSN(n, c, f, v, form, t) [c][SLOT(v)] = OP_##n,
#include "isa/insn.def"
};
#pragma GCC diagnostic pop

_Static_assert(OP_COUNT <= 256, "op_at holds bytes");

const u8 insn_operands[] = {
	[FORMAT_NONE] = 0,
	[FORMAT_ALU_IMM] = INSN_DST | INSN_IMM,
	[FORMAT_ALU_REG] = INSN_DST | INSN_SRC,
	[FORMAT_UNARY] = INSN_DST,
	[FORMAT_CAST] = INSN_DST | INSN_SRC | INSN_IMM,
	[FORMAT_JA] = INSN_OFF,
	[FORMAT_JA32] = INSN_IMM,
	[FORMAT_JCC_IMM] = INSN_DST | INSN_OFF | INSN_IMM,
	[FORMAT_JCC_REG] = INSN_DST | INSN_SRC | INSN_OFF,
	[FORMAT_CALL] = INSN_IMM,
	[FORMAT_CALL_KFUNC] = INSN_OFF | INSN_IMM,
	[FORMAT_CALLX] = INSN_DST,
	[FORMAT_LDX] = INSN_DST | INSN_SRC | INSN_OFF,
	[FORMAT_STX] = INSN_DST | INSN_SRC | INSN_OFF,
	[FORMAT_ST] = INSN_DST | INSN_OFF | INSN_IMM,
	[FORMAT_ATOMIC] = INSN_DST | INSN_SRC | INSN_OFF,
	[FORMAT_LOAD_ACQ] = INSN_DST | INSN_SRC | INSN_OFF,
	[FORMAT_STORE_REL] = INSN_DST | INSN_SRC | INSN_OFF,
	[FORMAT_WIDE] = INSN_DST | INSN_IMM,
	[FORMAT_LD_ABS] = INSN_IMM,
	[FORMAT_LD_IND] = INSN_SRC | INSN_IMM,
};

bool insn_known(u8 code)
{
	return known[code] && code != (BPF_JMP | BPF_CALL | BPF_X);
}

static u8 find(const struct bpf_insn *raw)
{
	s32 value = 0;
	u8 op;

	switch (field_of[raw->code]) {
	case FIELD_SRC: value = raw->src_reg; break;
	case FIELD_OFF: value = raw->off; break;
	case FIELD_IMM: value = raw->imm; break;
	}
	op = op_at[raw->code][SLOT(value)];
	return op_info[op].value == value && known[raw->code] ? op : OP_INVALID;
}

enum op insn_nearest(const struct insn *insn)
{
	u8 op = op_at[insn->code & 0xff][SLOT(0)];

	if (insn->op != OP_INVALID)
		return insn->op;
	for (u32 i = 0; op == OP_INVALID && i < ARRAY_SIZE(op_at[0]); i++)
		op = op_at[insn->code & 0xff][i];
	return op;
}

void insn_decode(const struct bpf_insn *raw, u32 count, struct insn *out)
{
	for (u32 i = 0; i < count; i++) {
		out[i] = (struct insn){
			.op = find(&raw[i]),
			.dst = raw[i].dst_reg,
			.src = raw[i].src_reg,
			.off = raw[i].off,
			.code = raw[i].code,
			.imm = raw[i].imm,
		};
		if (!insn_is_wide(&out[i]))
			continue;
		if (i + 1 == count) {
			out[i].op = OP_INVALID;
			continue;
		}
		out[i].imm_high = raw[i + 1].imm;
		i++;
		out[i] =
			(struct insn){ .op = OP_WIDE_HIGH, .code = raw[i].code, .imm = raw[i].imm };
	}
}

u32 insn_encode(const struct insn *insn, struct bpf_insn *raw)
{
	raw[0] = (struct bpf_insn){
		.code = (u8)insn->code,
		.dst_reg = insn->dst,
		.src_reg = insn->src,
		.off = insn->off,
		.imm = insn->imm,
	};
	if (!insn_is_wide(insn))
		return 1;
	raw[1] = (struct bpf_insn){ .imm = insn->imm_high };
	return 2;
}

struct insn insn_make(enum op op, u8 dst, u8 src, s16 off, s32 imm)
{
	const struct op_info *info = &op_info[op];
	struct insn insn = {
		.op = (u16)op, .code = info->code, .dst = dst, .src = src, .off = off, .imm = imm
	};

	switch (info->field) {
	case FIELD_SRC: insn.src = (u8)info->value; break;
	case FIELD_OFF: insn.off = (s16)info->value; break;
	case FIELD_IMM: insn.imm = info->value; break;
	}
	return insn;
}

/* Linux's words for "a reserved field is not zero", by the kind of instruction. */
static const char *reserved(u8 code)
{
	switch (BPF_CLASS(code)) {
	case BPF_LD:
		return BPF_MODE(code) == BPF_IMM ? "BPF_LD_IMM64 uses reserved fields"
						 : "BPF_LD_[ABS|IND] uses reserved fields";
	case BPF_LDX: return "BPF_LDX uses reserved fields";
	case BPF_ST: return "BPF_ST uses reserved fields";
	case BPF_STX: return "BPF_STX uses reserved fields";
	case BPF_ALU:
	case BPF_ALU64:
		switch (BPF_OP(code)) {
		case BPF_END: return "BPF_END uses reserved fields";
		case BPF_NEG: return "BPF_NEG uses reserved fields";
		case BPF_MOV: return "BPF_MOV uses reserved fields";
		}
		return "BPF_ALU uses reserved fields";
	}
	switch (BPF_OP(code)) {
	case BPF_JA: return "BPF_JA uses reserved fields";
	case BPF_CALL: return "BPF_CALL uses reserved fields";
	case BPF_EXIT: return "BPF_EXIT uses reserved fields";
	case BPF_JCOND: return "invalid may_goto imm";
	}
	return "BPF_JMP/JMP32 uses reserved fields";
}

/* A known byte whose selecting field fits no row. */
static const char *unselected(const struct bpf_insn *raw)
{
	u8 wider = (u8)(BPF_STX | BPF_ATOMIC | BPF_DW);

	if (BPF_CLASS(raw->code) == BPF_LDX && BPF_MODE(raw->code) != BPF_MEM &&
	    BPF_MODE(raw->code) != BPF_MEMSX)
		return reserved(raw->code);
	if (!known[raw->code])
		return "unknown opcode";
	if (raw->code == (BPF_LD | BPF_IMM | BPF_DW))
		return raw->src_reg > BPF_PSEUDO_MAP_IDX_VALUE ? "unrecognized bpf_ld_imm64 insn"
							       : "invalid bpf_ld_imm64 insn";
	if (BPF_CLASS(raw->code) == BPF_STX && BPF_MODE(raw->code) == BPF_ATOMIC) {
		struct bpf_insn wide = { .code = wider, .imm = raw->imm };

		return find(&wide) != OP_INVALID ? "invalid atomic operand size"
						 : "BPF_ATOMIC uses invalid atomic opcode";
	}
	return reserved(raw->code);
}

/* The second slot of a 16-byte load, and what each kind allows there. */
static const char *check_wide(const struct insn *insn, const struct bpf_insn *raw)
{
	if (raw[1].code || raw[1].dst_reg || raw[1].src_reg || raw[1].off)
		return "invalid bpf_ld_imm64 insn";
	if ((insn->op == OP_LD_MAP_FD || insn->op == OP_LD_MAP_IDX) && insn->imm_high)
		return "unrecognized bpf_ld_imm64 insn";
	return NULL;
}

static bool reserved_used(const struct insn *insn)
{
	u8 allowed = insn_operands[op_info[insn->op].format];
	u8 field = op_info[insn->op].field;

	return (insn->dst && !(allowed & INSN_DST)) ||
	       (insn->src && !(allowed & INSN_SRC) && field != FIELD_SRC) ||
	       (insn->off && !(allowed & INSN_OFF) && field != FIELD_OFF) ||
	       (insn->imm && !(allowed & INSN_IMM) && field != FIELD_IMM);
}

static const char *check_registers(const struct insn *insn)
{
	static const char *const invalid[] = { "R11 is invalid", "R12 is invalid", "R13 is invalid",
					       "R14 is invalid", "R15 is invalid" };
	u8 allowed = insn_operands[op_info[insn->op].format];

	if ((allowed & INSN_SRC) && insn->src > BPF_REG_10)
		return invalid[(insn->src - MAX_BPF_REG) % ARRAY_SIZE(invalid)];
	if ((allowed & INSN_DST) && insn->dst > BPF_REG_10)
		return invalid[(insn->dst - MAX_BPF_REG) % ARRAY_SIZE(invalid)];
	return NULL;
}

int insn_check(const struct insn *insn, const struct bpf_insn *raw, const char **why)
{
	const char *text = NULL;

	if (insn->op == OP_INVALID)
		text = unselected(raw);
	else if (insn_is_wide(insn))
		text = check_wide(insn, raw);
	if (!text && reserved_used(insn))
		text = reserved(insn->code);
	if (!text && insn->op == OP_ADDR_SPACE_CAST && insn->imm != 1 && insn->imm != 1 << 16)
		text = "addr_space_cast insn can only convert between address space 1 and 0";
	if (!text)
		text = check_registers(insn);
	if (text && insn->op == OP_CALLX)
		text = "unknown opcode";
	if (why)
		*why = text;
	return text ? -EINVAL : 0;
}

void insn_complain(const struct insn *insn, const struct bpf_insn *raw, struct log *log)
{
	const char *why;

	if (!insn_check(insn, raw, &why))
		return;
	if (!strcmp(why, "unknown opcode"))
		say(log, "%s %02x\n", why, insn->code);
	else if (BPF_OP(insn->code) == BPF_JCOND && BPF_CLASS(insn->code) == BPF_JMP)
		say(log, "invalid may_goto imm %d\n", insn->imm);
	else if (insn->op == OP_INVALID && !strcmp(why, "BPF_ATOMIC uses invalid atomic opcode"))
		say(log, "%s %02x\n", why, (u32)insn->imm);
	else
		say(log, "%s\n", why);
}
