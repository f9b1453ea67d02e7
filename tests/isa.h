/* SPDX-License-Identifier: BSD-2-Clause */
/* Every instruction of insn.def with every operand at its limits, for tests that enumerate them. */
#ifndef TESTS_ISA_H
#define TESTS_ISA_H

#include "isa/insn.h"

static const s32 isa_imms[] = { 0, 1, 5, -1, -5, INT32_MAX, INT32_MIN };
static const s16 isa_offs[] = { 0, 1, 8, -1, -8, INT16_MAX, INT16_MIN };

/* Case n of an op into *insn; false when there is none. Registers, offset and immediate vary apart. */
__attribute__((unused)) static bool isa_case(enum op op, u32 n, struct insn *insn)
{
	u8 has = insn_operands[op_info[op].format];
	u32 pick = n % ARRAY_SIZE(isa_imms), turn = n / ARRAY_SIZE(isa_imms);
	s16 off = has & INSN_OFF ? isa_offs[(pick + turn) % ARRAY_SIZE(isa_offs)] : 0;
	s32 imm = has & INSN_IMM ? isa_imms[pick] : 0;

	if (turn >= 4 || (!(has & (INSN_OFF | INSN_IMM)) && n >= 11))
		return false;
	*insn = insn_make(op, has & INSN_DST ? n % 11 : 0, has & INSN_SRC ? (n * 7 + 3) % 11 : 0,
			  off, imm);
	if (op == OP_ADDR_SPACE_CAST)
		insn->imm = n & 1 ? 1 : 1 << 16;
	if (op == OP_LD_IMM64 || op == OP_LD_MAP_VALUE || op == OP_LD_MAP_IDX_VALUE ||
	    op == OP_LD_BTF_ID)
		insn->imm_high = isa_imms[(pick + turn) % ARRAY_SIZE(isa_imms)];
	return true;
}

#endif
