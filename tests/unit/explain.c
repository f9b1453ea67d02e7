/* SPDX-License-Identifier: BSD-2-Clause */
/* insn_explain(): the words for a known instruction, and some words for every one. */
#include "isa.h"
#include "skep.h"
#include "tap.h"

#include <string.h>

static const char want[] =
	"b7 02 00 00 0f 00 00 00  r2 = 0xf\n"
	"  b7           opcode: class ALU64 (64-bit arithmetic), operation MOV, source K: the immediate\n"
	"  02           destination r2, source r0 (unused)\n"
	"  00 00        offset 0 (tells apart instructions of this opcode)\n"
	"  0f 00 00 00  immediate 15 (0xf)\n"
	"  = sets r2 to 15\n";

int main(int argc, char **argv)
{
	struct bpf_insn raw[2] = { { .code = 0xb7, .dst_reg = 2, .imm = 15 } };
	char text[2048];
	u32 bad = 0;

	insn_explain(raw, 1, text, sizeof(text));
	if (!ok(!strcmp(text, want), "r2 = 15, byte by byte"))
		printf("%s", text);
	is(insn_explain(raw, 1, NULL, 0), strlen(want), "the length, without a buffer");
	is(insn_explain(raw, 0, text, sizeof(text)), 0, "nothing for nothing");
	for (enum op op = OP_WIDE_HIGH + 1; op < OP_COUNT; op++) {
		struct insn insn;
		char *last;

		isa_case(op, 8, &insn);
		insn_explain(raw, insn_encode(&insn, raw), text, sizeof(text));
		if (argc > 1 && argv[1])
			printf("# %s\n%s\n", op_info[op].name, text);
		last = strstr(text, "\n  = ");
		bad += !last || strlen(last) < 12 || strstr(last, "not valid") ||
		       strstr(last, "%u");
	}
	is(bad, 0, "a sentence for every instruction");
	raw[0] = (struct bpf_insn){ .code = 0xff };
	insn_explain(raw, 1, text, sizeof(text));
	ok(strstr(text, "not valid: unknown opcode"), "an unknown opcode");
	raw[0] = (struct bpf_insn){ .code = 0x18 };
	insn_explain(raw, 1, text, sizeof(text));
	ok(strstr(text, "not valid: invalid bpf_ld_imm64 insn"), "half a 16-byte load");
	raw[0] = (struct bpf_insn){ .code = 0x18, .imm = 1 };
	is(skep_explain(raw, 8, text, sizeof(text)), strlen(text), "the public door");
	ok(strstr(text, "not valid"), "… does not read past size");
	is(skep_explain(raw, 7, text, sizeof(text)), 0, "… and wants 8 bytes");
	return done();
}
