/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Encodings that no assembler makes: each refused with the running kernel's errno and words, where it may
 * be asked.
 */
#include "verify/oracle.h"
#include "tap.h"

static const struct {
	const char *name;
	struct bpf_insn insns[3];
	const char *last;
} cases[] = {
	{ "a jump in the second half of a wide load",
	  { { BPF_LD | BPF_IMM | BPF_DW, 1, 0, 0, 5 },
	    { BPF_JMP | BPF_JA, 0, 0, 100, 0 },
	    { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 } },
	  "jump out of range from insn 1 to 102" },
	{ "a jump that stays inside, there",
	  { { BPF_LD | BPF_IMM | BPF_DW, 1, 0, 0, 5 },
	    { BPF_JMP | BPF_JA, 0, 0, 0, 0 },
	    { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 } },
	  "invalid bpf_ld_imm64 insn" },
	{ "arithmetic there",
	  { { BPF_LD | BPF_IMM | BPF_DW, 1, 0, 0, 5 },
	    { BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 },
	    { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 } },
	  "invalid bpf_ld_imm64 insn" },
	{ "a cast to an address space that is none",
	  { { BPF_ALU64 | BPF_MOV | BPF_X, 0, 1, 1, 3 },
	    { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	    { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 } },
	  "unreachable insn 2" },
	{ "the same, reached",
	  { { BPF_ALU64 | BPF_MOV | BPF_X, 0, 1, 1, 3 },
	    { BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 },
	    { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 } },
	  "addr_space_cast insn can only convert between address space 1 and 0" },
	{ "a move of 24 bits",
	  { { BPF_ALU64 | BPF_MOV | BPF_X, 0, 1, 24, 0 },
	    { BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 },
	    { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 } },
	  "BPF_MOV uses reserved fields" },
	{ "a wide load at the end",
	  { { BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 },
	    { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	    { BPF_LD | BPF_IMM | BPF_DW, 1, 0, 0, 5 } },
	  "last insn is not an exit or jmp" },
	{ "register 11",
	  { { BPF_ALU64 | BPF_MOV | BPF_K, 11, 0, 0, 0 },
	    { BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 },
	    { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 } },
	  "R11 is invalid" },
	{ "an opcode that is none",
	  { { 0xff, 0, 0, 0, 0 },
	    { BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 },
	    { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 } },
	  "unknown opcode ff" },
};

int main(void)
{
	struct oracle oracle;

	oracle_open(&oracle);
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct question q = { .insns = cases[i].insns,
				      .count = 3,
				      .type = BPF_PROG_TYPE_SOCKET_FILTER,
				      .level = 1 };
		int here = oracle_ours(&oracle, &q, NULL);

		if (!ok(here < 0 && !strcmp(oracle_last_line(oracle.ours_log), cases[i].last),
			"%s: %s", cases[i].name, cases[i].last))
			printf("# got %d %s\n", here, oracle_last_line(oracle.ours_log));
		if (!oracle.kernel) {
			skip("bpf(2) is not permitted here");
			continue;
		}
		is(oracle_kernel(&oracle, &q), here, "the kernel's errno");
		if (!ok(!strcmp(oracle_last_line(oracle.kernel_log), cases[i].last),
			"the kernel's words"))
			printf("# kernel %s\n", oracle_last_line(oracle.kernel_log));
	}
	oracle_close(&oracle);
	return done();
}
