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

/* What a reader could take for something else: signs, halves, what is left of a register, special operands. */
static const struct {
	struct bpf_insn insn;
	const char *words;
} sentences[] = {
	{ { .code = 0x3c, .dst_reg = 2, .src_reg = 3 },
	  "divides r2, unsigned, by the lower half of r3, as 32 bits; the upper half of r2 becomes 0; by 0 it gives 0" },
	{ { .code = 0x9f, .dst_reg = 2, .src_reg = 3, .off = 1 },
	  "sets r2 to the remainder of its signed division by r3; by 0 it gives r2, the least number by -1 0" },
	{ { .code = 0x7f, .dst_reg = 2, .src_reg = 3 },
	  "shifts r2 to the right, zeroes coming in, by r3; of r3 the lowest 6 bits count" },
	{ { .code = 0x54, .dst_reg = 2, .imm = -8 },
	  "keeps in r2 only the bits of -8 (0xfffffff8), as 32 bits; the upper half of r2 becomes 0" },
	{ { .code = 0x84, .dst_reg = 2 },
	  "negates r2, as 32 bits; the upper half of r2 becomes 0" },
	{ { .code = 0xbc, .dst_reg = 2, .src_reg = 3, .off = 8 },
	  "sets r2 to the lowest 8 bits, with their sign, of r3, as 32 bits; the upper half of r2 becomes 0" },
	{ { .code = 0xdc, .dst_reg = 2, .imm = 16 },
	  "puts the lowest 2 bytes of r2 into big-endian order; the rest of r2 becomes 0" },
	{ { .code = 0x25, .dst_reg = 2, .off = -5, .imm = -1 },
	  "goes back to 5 slots before the next instruction if r2 is, unsigned, greater than -1 (0xffffffffffffffff)" },
	{ { .code = 0x85, .src_reg = 1, .imm = -5 },
	  "calls the program's own function that begins 5 slots before the next one" },
	{ { .code = 0x71, .dst_reg = 2, .src_reg = 3, .off = -1 },
	  "loads the 1 byte at r3 - 1 into r2; the rest becomes 0" },
	{ { .code = 0x91, .dst_reg = 2, .src_reg = 3 },
	  "loads the 1 byte at r3 + 0 into r2; copies of the sign fill the rest" },
	{ { .code = 0x6b, .dst_reg = 2, .src_reg = 3, .off = 8 },
	  "stores the lowest 16 bits of r3 into the 2 bytes at r2 + 8" },
	{ { .code = 0xc3, .dst_reg = 2, .src_reg = 3, .imm = 1 },
	  "atomically, on the 4 bytes at r2 + 0: adds the lower half of r3; the register gets the old value, "
	  "its upper half becomes 0" },
	{ { .code = 0xbf, .dst_reg = 2, .src_reg = 3, .off = 1, .imm = 1 },
	  "sets r2 to the pointer in r3, brought from address space 1 to 0" },
	{ { .code = 0x30, .imm = 9 },
	  "loads 1 byte of the packet at 9 into r0, in host order; where the packet ends before, the program ends with 0" },
};

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
	for (u32 i = 0; i < ARRAY_SIZE(sentences); i++) {
		struct bpf_insn one[2] = { sentences[i].insn };
		char *last;

		insn_explain(one, 2, text, sizeof(text));
		last = strstr(text, "\n  = ");
		if (!ok(last && !strncmp(last + 5, sentences[i].words, strlen(last + 5) - 1) &&
				strlen(last + 5) - 1 == strlen(sentences[i].words),
			"%s", sentences[i].words))
			printf("# %s\n", last ? last + 1 : text);
	}
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
