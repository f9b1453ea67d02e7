/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The assembler's reader: takes tokens off the text and keeps what asm.c has gathered.
 *
 * take_…() takes its token if it is next and says whether it did; want_…() also makes it an error if
 * not. After an error `failed` is set and nothing is taken any more, so the first message, with its
 * line, is the only one and callers chain with && without further tests.
 */
#ifndef ISA_READ_H
#define ISA_READ_H

#include "isa/insn.h"

enum { READ_NAME = 64 };

struct read_label {
	char name[READ_NAME];
	u32 index, line;
};

/* A jump to a label: which field of which slot, from where. */
struct read_jump {
	char name[READ_NAME];
	u32 index, line;
	bool wide; /* imm rather than off */
};

struct reader {
	const char *at;
	u32 line;
	bool failed;
	int err;    /* once failed: a negative errno */
	int opcode; /* of "(b7)" in front of the kernel's text, else -1 */
	struct log *why;
	struct bpf_insn *insns;
	struct read_label *labels;
	struct read_jump *jumps;
	u32 count, room, nr_labels, room_labels, nr_jumps, room_jumps;
};

/* Reports the first error of all; returns false. */
bool read_bad(struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Makes room for one more element of *array; false (and failed, -ENOMEM) if there is none. */
bool read_grow(struct reader *r, void *array, u32 count, u32 *room, size_t size);

/* Skips blanks and comments; the end of a line is not blank. */
void skip_blanks(struct reader *r);

/* A token; a word only if it ends there. */
bool take(struct reader *r, const char *token);
bool want(struct reader *r, const char *token);

/* A word (identifier, width, mnemonic), shorter than READ_NAME. */
bool take_word(struct reader *r, char name[READ_NAME]);

/* r0..r10 or w0..w10; *narrow tells a w. */
bool take_reg(struct reader *r, u8 *reg, bool *narrow);
bool want_reg(struct reader *r, u8 *reg);

/* [+-] number, decimal or hexadecimal, modulo 2^64; *negative tells the sign. */
bool take_number(struct reader *r, u64 *value, bool *negative);
/* A number in [low, high]. */
bool want_number(struct reader *r, s64 low, s64 high, s64 *value);
/* An immediate; where the instruction sees 32 bits only (narrow), also as an unsigned number. */
bool want_imm(struct reader *r, bool narrow, s32 *imm);

/* The rest of the line, for messages: printf("%.*s", read_rest(r)) */
#define read_rest(r) (int)__builtin_strcspn((r)->at, "\n"), (r)->at

#endif
