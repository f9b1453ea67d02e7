/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Assembler and disassembler against each other: fuzz/asm [SECONDS] [SEED].
 *
 * Random programs: bytes that pass the field check come back from their text; bytes that do not are
 * printed in every style without harm. Random text, mutated from real text: read or refused, and what
 * is read comes back from its own text. Prints the seed and the offender, exit 1, at the first failure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "isa/asm.h"
#include "isa/insn.h"

enum { SLOTS = 24, TEXT = 8192 };
static u64 state;

static u64 rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Slots whose opcode bytes and selectors are likely ones. */
static u32 random_program(struct bpf_insn *raw)
{
	u32 count = 1 + rnd() % SLOTS;

	for (u32 i = 0; i < count; i++) {
		const struct op_info *info =
			&op_info[OP_WIDE_HIGH + 1 + rnd() % (OP_COUNT - OP_WIDE_HIGH - 1)];
		u8 has = insn_operands[info->format];
		struct insn insn =
			insn_make((enum op)(info - op_info), has & INSN_DST ? rnd() % 11 : 0,
				  has & INSN_SRC ? rnd() % 11 : 0, has & INSN_OFF ? (s16)rnd() : 0,
				  has & INSN_IMM ? (s32)(rnd() >> rnd() % 33) : 0);
		struct bpf_insn two[2];

		insn_encode(&insn, two);
		raw[i] = two[0];
		if (rnd() % 16 == 0)
			((u8 *)&raw[i])[rnd() % 8] ^= (u8)(1 << rnd() % 8);
	}
	return count;
}

/* The program's text in a style; whether every instruction passed the check. */
static bool print_program(const struct bpf_insn *raw, u32 count, enum disasm_style style,
			  char *text)
{
	struct insn insns[SLOTS];
	size_t at = 0;
	bool valid = true;

	text[0] = 0;
	insn_decode(raw, count, insns);
	for (u32 i = 0; i < count; i++) {
		valid = valid && !insn_check(&insns[i], &raw[i], NULL);
		at += insn_text(&insns[i], i, style, text + at, TEXT - at);
		at += (size_t)snprintf(text + at, TEXT - at, "\n");
		i += insn_is_wide(&insns[i]);
	}
	return valid;
}

static bool comes_back(const struct bpf_insn *raw, u32 count, const char *text)
{
	struct bpf_insn *back;
	u32 n;
	bool same = !asm_program(text, &back, &n, NULL) && n == count &&
		    (!n || !memcmp(back, raw, count * sizeof(*raw)));

	free(back);
	return same;
}

static bool one_program(char *text)
{
	struct bpf_insn raw[SLOTS];
	u32 count = random_program(raw);

	print_program(raw, count, DISASM_LLVM, text);
	print_program(raw, count, DISASM_KERNEL, text);
	return !print_program(raw, count, DISASM_ASM, text) || comes_back(raw, count, text);
}

static bool one_text(char *text)
{
	static char again[TEXT * 2];
	struct bpf_insn raw[SLOTS], *out;
	struct insn insns[SLOTS];
	u32 count = random_program(raw), n;
	bool good = true;
	size_t len;

	print_program(raw, count, rnd() % 2 ? DISASM_ASM : DISASM_KERNEL, text);
	len = strlen(text);
	for (u32 i = 0; len && i < 1 + rnd() % 3; i++)
		text[rnd() % len] =
			(char)(rnd() % 3 ? " \n0x-+*()=;:#/r"[rnd() % 15] : (int)(1 + rnd() % 255));
	if (!asm_program(text, &out, &n, NULL) && n <= SLOTS) {
		insn_decode(out, n, insns);
		for (u32 i = 0; i < n; i++)
			good = good && insns[i].op != OP_INVALID;
		good = good &&
		       (!print_program(out, n, DISASM_ASM, again) || comes_back(out, n, again));
	}
	free(out);
	if (!good)
		printf("read as:\n%sfrom:\n", again);
	return good;
}

int main(int argc, char **argv)
{
	static char text[TEXT];
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 10);
	u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (u64)time(NULL), rounds = 0;

	for (state = seed * 0x9e3779b97f4a7c15ULL | 1; time(NULL) < end; rounds++) {
		for (u32 i = 0; i < 1000; i++) {
			if (rnd() % 2 ? one_program(text) : one_text(text))
				continue;
			printf("seed %llu round %llu:\n%s", (unsigned long long)seed,
			       (unsigned long long)rounds, text);
			return 1;
		}
	}
	printf("asm: %llu programs and texts, seed %llu\n", (unsigned long long)rounds * 1000,
	       (unsigned long long)seed);
	return 0;
}
