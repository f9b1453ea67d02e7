/* SPDX-License-Identifier: BSD-2-Clause */
/* A program that a test writes instruction by instruction. Include the instructions' own header before. */
#ifndef TESTS_BPF_TEXT_H
#define TESTS_BPF_TEXT_H

enum { TEXT_MAX = 64 };

struct text {
	struct bpf_insn insns[TEXT_MAX];
	unsigned int count;
};

__attribute__((unused)) static void emit(struct text *t, int code, int dst, int src, int off,
					 int imm)
{
	t->insns[t->count++] = (struct bpf_insn){
		.code = (__u8)code,
		.dst_reg = dst & 15,
		.src_reg = src & 15,
		.off = (short)off,
		.imm = imm,
	};
}

/* reg = a number of 64 bits */
__attribute__((unused)) static void number(struct text *t, int reg, __u64 value)
{
	emit(t, BPF_LD | BPF_IMM | BPF_DW, reg, 0, 0, (int)value);
	emit(t, 0, 0, 0, 0, (int)(value >> 32));
}

#endif
