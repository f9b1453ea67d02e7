/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction set: one dense enum from insn.def, decoding, encoding, the field check, text.
 *
 * Raw instructions are struct bpf_insn (uapi.h), 8 bytes, little endian. Decoded ones keep the raw
 * index: insns[i] decodes raw[i] (the second slot of a 16-byte load is OP_WIDE_HIGH).
 */
#ifndef ISA_INSN_H
#define ISA_INSN_H

#include "def/uapi.h"
#include "util/log.h"
#include "util/types.h"

enum op {
	OP_INVALID,   /* no instruction has this encoding */
	OP_WIDE_HIGH, /* second half of a 16-byte load */
#define INSN(name, code, field, value, format, text) OP_##name,
#include "isa/insn.def"
	OP_COUNT
};

/* Which fields are operands; FORMAT_ names are insn.def's last but one column. */
enum insn_format {
	FORMAT_NONE,
	FORMAT_ALU_IMM,
	FORMAT_ALU_REG,
	FORMAT_UNARY,
	FORMAT_CAST,
	FORMAT_JA,
	FORMAT_JA32,
	FORMAT_JCC_IMM,
	FORMAT_JCC_REG,
	FORMAT_CALL,
	FORMAT_CALL_KFUNC,
	FORMAT_CALLX,
	FORMAT_LDX,
	FORMAT_STX,
	FORMAT_ST,
	FORMAT_ATOMIC,
	FORMAT_LOAD_ACQ,
	FORMAT_STORE_REL,
	FORMAT_WIDE,
	FORMAT_LD_ABS,
	FORMAT_LD_IND,
};

/* A decoded instruction, 16 bytes. imm_high is the second slot's imm of a 16-byte load, else 0. */
struct insn {
	u16 op; /* enum op */
	u8 dst, src;
	s16 off;
	u16 code; /* the opcode byte, for logs and class tests */
	s32 imm;
	s32 imm_high;
};

static inline u64 insn_imm64(const struct insn *i)
{
	return (u32)i->imm | (u64)(u32)i->imm_high << 32;
}

/* What insn.def says of an op. */
struct op_info {
	const char *name;	/* "ADD64_IMM" */
	const char *text;	/* "+=" */
	u8 code, field, format; /* enum insn_field, enum insn_format */
	s32 value;
};
extern const struct op_info op_info[OP_COUNT];

/* The fields that a format uses as operands (wide ones use the second slot's imm too). */
enum { INSN_DST = 1, INSN_SRC = 2, INSN_OFF = 4, INSN_IMM = 8 };
extern const u8 insn_operands[];

/*
 * insn_decode() decodes raw[0..count) into out[0..count): every slot gets an op; encodings that no
 * row has become OP_INVALID. It never fails and never reads past count: a 16-byte load cut short is
 * OP_INVALID. The *check* is separate, because the kernel's order of messages is the verifier's.
 */
void insn_decode(const struct bpf_insn *raw, u32 count, struct insn *out);

/* Encodes insn into raw[0] (and raw[1] for a 16-byte load); returns the slots written, 1 or 2. */
u32 insn_encode(const struct insn *insn, struct bpf_insn *raw);

/* An instruction from its operands; the selecting field gets the op's value, whatever is passed for it. */
struct insn insn_make(enum op op, u8 dst, u8 src, s16 off, s32 imm);

/* The op itself, or for OP_INVALID one of the same opcode byte (OP_INVALID if none): how a log shows it. */
enum op insn_nearest(const struct insn *insn);

/* Whether Linux knows this opcode byte (of insn.def's, all but callx's); else it says "unknown opcode %02x". */
bool insn_known(u8 code);

/*
 * The generic field check: 0, or -EINVAL when op is OP_INVALID, a field that is neither operand nor
 * selector is not zero, or a register is above r10 (in this order). raw is the instruction's first
 * slot, followed by its second one if it is wide. *why (NULL allowed) gets Linux's text, static and
 * without the number that ends it; insn_complain() writes the whole line. Callx, which Linux
 * does not know, passes: it is for the caller to refuse (insn_known()).
 */
int insn_check(const struct insn *insn, const struct bpf_insn *raw, const char **why);
void insn_complain(const struct insn *insn, const struct bpf_insn *raw, struct log *log);

/* Names that an instruction alone does not tell; each function may be NULL or return NULL (no name known). */
struct disasm_names {
	/* What a call names: "bpf_get_prandom_u32" (helper, kfunc) or a function; scratch may hold the text. */
	const char *(*call)(void *arg, const struct insn *insn, char *scratch, size_t size);
	/* LLVM style: the "main+0x18" of a jump target, given as an instruction index. */
	const char *(*target)(void *arg, s64 index, char *scratch, size_t size);
	/* Kernel style: what a 16-byte load shows ("map[id:5]" in bpftool's dump). */
	const char *(*imm)(void *arg, const struct insn *insn, char *scratch, size_t size);
	void *arg;
};

/*
 * Text as clang-19's llvm-objdump -d prints it, without address and bytes: "r1 = 0x0",
 * "if r1 s> 0x5 goto +0x2 <main+0x18>"; or as the kernel's: "(b7) r1 = 0". index is insn's own.
 * names may be NULL. Returns the length that a large enough buf had needed, as snprintf.
 */
enum disasm_style {
	DISASM_LLVM,
	DISASM_KERNEL, /* as the verifier's log and bpftool's xlated dump */
	DISASM_ASM, /* LLVM's and nothing lost: what asm_program() reads back to the same bytes */
};
size_t insn_text_named(const struct insn *insn, u32 index, enum disasm_style style,
		       const struct disasm_names *names, char *buf, size_t size);
static inline size_t insn_text(const struct insn *insn, u32 index, enum disasm_style style,
			       char *buf, size_t size)
{
	return insn_text_named(insn, index, style, NULL, buf, size);
}

/* llvm-objdump's whole line without the newline: "       0:\tb7 01 … 00\tr1 = 0x0"; raw as insn_check()'s. */
size_t insn_line(const struct insn *insn, const struct bpf_insn *raw, u32 index,
		 const struct disasm_names *names, char *buf, size_t size);

/*
 * Several lines that tell raw[0] (raw[1] too if it is a 16-byte load; count slots are there) byte by
 * byte and what it does, for "skep dump --explain". Returns as snprintf; 0 if count is 0.
 */
size_t insn_explain(const struct bpf_insn *raw, u32 count, char *buf, size_t size);

static inline bool insn_is_wide(const struct insn *i)
{
	return op_info[i->op].format == FORMAT_WIDE;
}

#endif
