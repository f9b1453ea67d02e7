/* SPDX-License-Identifier: BSD-2-Clause */
/* insn.def as a table: rows are distinct, decode and encode are each other's inverse, nothing is read past the end. */
#include "isa.h"
#include "tap.h"

#include <string.h>

static void roundtrip(void)
{
	u32 cases = 0, bad = 0;

	for (enum op op = OP_WIDE_HIGH + 1; op < OP_COUNT; op++) {
		struct bpf_insn raw[2], again[2];
		struct insn insn, decoded[2];

		for (u32 n = 0; isa_case(op, n, &insn); n++, cases++) {
			u32 slots = insn_encode(&insn, raw);

			insn_decode(raw, slots, decoded);
			if (memcmp(&decoded[0], &insn, sizeof(insn)) ||
			    insn_encode(&decoded[0], again) != slots ||
			    memcmp(raw, again, slots * sizeof(*raw)) ||
			    (slots == 2 && decoded[1].op != OP_WIDE_HIGH))
				bad++;
			if (insn_check(&insn, raw, NULL))
				bad++, printf("# %s refused\n", op_info[op].name);
		}
	}
	ok(cases > 2000 && !bad, "%u instructions encode, decode and pass the check", cases);
}

static void rows(void)
{
	u32 same = 0, fields = 0, texts = 0;

	for (enum op a = OP_WIDE_HIGH + 1; a < OP_COUNT; a++) {
		for (enum op b = a + 1; b < OP_COUNT; b++) {
			if (op_info[a].code != op_info[b].code)
				continue;
			same += op_info[a].value == op_info[b].value;
			fields += op_info[a].field != op_info[b].field;
		}
		texts += !op_info[a].name || !op_info[a].text;
	}
	is(same, 0, "no two rows have one encoding");
	is(fields, 0, "rows of one opcode byte name the same field");
	is(texts, 0, "every row has its texts");
}

/* Every byte and every selector value: the op found has exactly this encoding. */
static void selectors(void)
{
	u32 bad = 0;

	for (u32 code = 0; code < 256; code++)
		for (s32 value = -3; value < 0x200; value++)
			for (u32 field = 0; field < 4; field++) {
				struct bpf_insn raw[2] = { { .code = (u8)code } };
				struct insn insn[2];

				if (field == 1)
					raw[0].src_reg = value & 15;
				if (field == 2)
					raw[0].off = (s16)value;
				if (field == 3)
					raw[0].imm = value;
				insn_decode(raw, 2, insn);
				if (insn[0].op != OP_INVALID && op_info[insn[0].op].code != code)
					bad++;
				if (insn[0].op == OP_INVALID && !insn_check(insn, raw, NULL))
					bad++;
			}
	is(bad, 0, "what is found has the byte, what is not found is refused");
}

static void cut_short(void)
{
	struct bpf_insn raw[1] = { { .code = BPF_LD | BPF_IMM | BPF_DW } };
	struct insn insn;
	const char *why;

	insn_decode(raw, 1, &insn);
	is(insn.op, OP_INVALID, "a 16-byte load cut short is invalid");
	is(insn_check(&insn, raw, &why), -22, "… and refused");
	ok(why && !strcmp(why, "invalid bpf_ld_imm64 insn"), "… in Linux's words");
}

int main(void)
{
	roundtrip();
	rows();
	selectors();
	cut_short();
	return done();
}
