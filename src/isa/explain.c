/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An instruction in words, byte by byte (RFC 9669 section 3): opcode and its parts, registers,
 * offset, immediate, and one sentence of what it does.
 *
 * The sentences are tables keyed by the texts of insn.def; a new instruction that reuses an
 * operator needs nothing here.
 */
#include "def/helper.h"
#include "isa/insn.h"
#include "skep.h"
#include "util/text.h"

#include <inttypes.h>
#include <string.h>

static const char *const classes[] = { "LD", "LDX", "ST", "STX", "ALU", "JMP", "JMP32", "ALU64" };
static const char *const class_words[] = {
	"special load",
	"load from memory into a register",
	"store an immediate to memory",
	"store a register to memory",
	"32-bit arithmetic",
	"jump, 64-bit comparison",
	"jump, 32-bit comparison",
	"64-bit arithmetic",
};
static const char *const alu_names[] = { "ADD", "SUB", "MUL", "DIV", "OR",   "AND", "LSH", "RSH",
					 "NEG", "MOD", "XOR", "MOV", "ARSH", "END", "?",   "?" };
static const char *const jump_names[] = { "JA",	  "JEQ",  "JGT",   "JGE",  "JSET", "JNE",
					  "JSGT", "JSGE", "CALL",  "EXIT", "JLT",  "JLE",
					  "JSLT", "JSLE", "JCOND", "?" };
static const char *const mode_names[] = { "IMM", "ABS", "IND", "MEM", "MEMSX", "?", "ATOMIC", "?" };
static const char *const size_names[] = { "W, 4 bytes", "H, 2 bytes", "B, 1 byte", "DW, 8 bytes" };

static void opcode(struct text *w, u8 code)
{
	u8 class = BPF_CLASS(code);

	text_put(w, "  %02x           opcode: class %s (%s)", code, classes[class],
		 class_words[class]);
	if (class == BPF_ALU || class == BPF_ALU64 || class == BPF_JMP || class == BPF_JMP32) {
		bool alu = class == BPF_ALU || class == BPF_ALU64;

		text_put(w, ", operation %s", (alu ? alu_names : jump_names)[code >> 4]);
		if (alu && BPF_OP(code) == BPF_END)
			text_put(w, class == BPF_ALU64 ? ", swaps always"
				    : code & BPF_X     ? ", to big endian"
						       : ", to little endian");
		else
			text_put(w, ", source %s",
				 code & BPF_X ? "X: a register" : "K: the immediate");
	} else {
		text_put(w, ", mode %s, size %s", mode_names[code >> 5],
			 size_names[BPF_SIZE(code) >> 3]);
	}
	text_put(w, "\n");
}

/* "(selects the instruction)" or "(unused)" beside a field that is no operand. */
static const char *role(const struct insn *insn, u8 field, bool selects)
{
	return selects ? " (tells apart instructions of this opcode)"
	       : insn->op != OP_INVALID && !(insn_operands[op_info[insn->op].format] & field)
		       ? " (unused)"
		       : "";
}

static void fields(struct text *w, const struct insn *insn, const struct bpf_insn *raw)
{
	const u8 *bytes = (const u8 *)raw;
	struct insn other = *insn;
	bool src, off, imm;

	other.src = other.src ? 0 : 1;
	src = insn->op != OP_INVALID && insn_make(insn->op, 0, other.src, 0, 0).src != other.src;
	off = insn->op != OP_INVALID && insn_make(insn->op, 0, 0, 0x55, 0).off != 0x55;
	imm = insn->op != OP_INVALID && insn_make(insn->op, 0, 0, 0, 0x55).imm != 0x55;
	opcode(w, raw->code);
	text_put(w, "  %02x           destination r%u%s, source %s%u%s\n", bytes[1], raw->dst_reg,
		 role(insn, INSN_DST, false), src ? "" : "r", raw->src_reg,
		 role(insn, INSN_SRC, src));
	text_put(w, "  %02x %02x        offset %d%s\n", bytes[2], bytes[3], raw->off,
		 role(insn, INSN_OFF, off));
	text_put(w, "  %02x %02x %02x %02x  immediate %d", bytes[4], bytes[5], bytes[6], bytes[7],
		 raw->imm);
	if (raw->imm < 0 || raw->imm > 9)
		text_put(w, " (0x%x)", (u32)raw->imm);
	text_put(w, "%s\n", role(insn, INSN_IMM, imm));
	if (insn_is_wide(insn))
		text_put(
			w,
			"  %02x %02x %02x %02x  second slot: its last four bytes are the upper half, 0x%x\n",
			bytes[12], bytes[13], bytes[14], bytes[15], (u32)raw[1].imm);
}

/* The value that an operation takes: "r2", "the lower half of r2", "15", "-1 (0xffffffff)". */
static void operand(struct text *w, const struct insn *insn, bool reg, bool narrow)
{
	if (reg)
		text_put(w, "%sr%u", narrow ? "the lower half of " : "", insn->src);
	else
		text_put(w, "%d", insn->imm);
	if (!reg && insn->imm < 0)
		text_put(w, " (0x%" PRIx64 ")", narrow ? (u32)insn->imm : (u64)insn->imm);
}

static const struct {
	const char *text, *before, *between;
} alu_words[] = {
	{ "+=", "adds ", " to r%u" },
	{ "-=", "subtracts ", " from r%u" },
	{ "*=", "multiplies r%u by ", NULL },
	{ "/=", "divides r%u, unsigned, by ", NULL },
	{ "s/=", "divides r%u, signed, by ", NULL },
	{ "%=", "sets r%u to the remainder of its unsigned division by ", NULL },
	{ "s%=", "sets r%u to the remainder of its signed division by ", NULL },
	{ "|=", "sets in r%u the bits of ", NULL },
	{ "&=", "keeps in r%u only the bits of ", NULL },
	{ "^=", "inverts in r%u the bits of ", NULL },
	{ "<<=", "shifts r%u to the left by ", NULL },
	{ ">>=", "shifts r%u to the right, zeroes coming in, by ", NULL },
	{ "s>>=", "shifts r%u to the right, copies of the sign coming in, by ", NULL },
	{ "=", "sets r%u to ", NULL },
	{ "s8", "sets r%u to the lowest 8 bits, with their sign, of ", NULL },
	{ "s16", "sets r%u to the lowest 16 bits, with their sign, of ", NULL },
	{ "s32", "sets r%u to the lowest 32 bits, with their sign, of ", NULL },
};

/* A phrase with one %u for the destination register, or none. */
static void put_dst(struct text *w, const char *phrase, u8 dst)
{
	const char *mark = strstr(phrase, "%u");

	if (mark)
		text_put(w, "%.*s%u%s", (int)(mark - phrase), phrase, dst, mark + 2);
	else
		text_put(w, "%s", phrase);
}

/* What the standard says of a divisor that is zero, and of counts that are too large. */
static void special_operands(struct text *w, const struct insn *insn)
{
	bool narrow = BPF_CLASS(insn->code) == BPF_ALU;
	const char *whole = narrow ? "the lower half of " : "";
	u8 op = BPF_OP(insn->code);

	if (op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH)
		text_put(w, "; of r%u the lowest %d bits count", insn->src, narrow ? 5 : 6);
	if (op == BPF_DIV)
		text_put(w, "; by 0 it gives 0");
	else if (op == BPF_MOD)
		text_put(w, "; by 0 it gives %sr%u", whole, insn->dst);
	if ((op == BPF_DIV || op == BPF_MOD) && op_info[insn->op].text[0] == 's')
		text_put(w, ", the least number by -1 %s", op == BPF_DIV ? "itself" : "0");
}

static void arithmetic(struct text *w, const struct insn *insn, bool reg)
{
	const char *text = op_info[insn->op].text;
	bool narrow = BPF_CLASS(insn->code) == BPF_ALU;

	for (u32 i = 0; i < ARRAY_SIZE(alu_words); i++) {
		if (strcmp(text, alu_words[i].text))
			continue;
		put_dst(w, alu_words[i].before, insn->dst);
		operand(w, insn, reg, narrow && alu_words[i].text[1] != '8' && text[1] != '1');
		if (alu_words[i].between)
			put_dst(w, alu_words[i].between, insn->dst);
	}
	if (narrow)
		text_put(w, ", as 32 bits; the upper half of r%u becomes 0", insn->dst);
	if (reg)
		special_operands(w, insn);
}

static void unary(struct text *w, const struct insn *insn)
{
	if (BPF_OP(insn->code) == BPF_NEG && BPF_CLASS(insn->code) == BPF_ALU)
		text_put(w, "negates r%u, as 32 bits; the upper half of r%u becomes 0", insn->dst,
			 insn->dst);
	else if (BPF_OP(insn->code) == BPF_NEG)
		text_put(w, "negates r%u", insn->dst);
	else if (BPF_CLASS(insn->code) == BPF_ALU64)
		text_put(w, "reverses the order of the lowest %d bytes of r%u", insn->imm / 8,
			 insn->dst);
	else
		text_put(w, "puts the lowest %d bytes of r%u into %s-endian order", insn->imm / 8,
			 insn->dst, insn->code & BPF_X ? "big" : "little");
	if (BPF_OP(insn->code) == BPF_END && insn->imm < 64)
		text_put(w, "; the rest of r%u becomes 0", insn->dst);
}

static const struct {
	const char *text, *words;
} conditions[] = {
	{ "==", "equals" },
	{ "!=", "differs from" },
	{ ">", "is, unsigned, greater than" },
	{ ">=", "is, unsigned, at least" },
	{ "<", "is, unsigned, less than" },
	{ "<=", "is, unsigned, at most" },
	{ "&", "has a bit in common with" },
	{ "s>", "is, signed, greater than" },
	{ "s>=", "is, signed, at least" },
	{ "s<", "is, signed, less than" },
	{ "s<=", "is, signed, at most" },
};

static void distance(struct text *w, s64 slots)
{
	if (slots >= 0)
		text_put(w, "skips the next %" PRId64 " slot%s", slots, slots == 1 ? "" : "s");
	else
		text_put(w, "goes back to %" PRId64 " slots before the next instruction", -slots);
}

static void branch(struct text *w, const struct insn *insn, bool reg)
{
	bool narrow = BPF_CLASS(insn->code) == BPF_JMP32;

	distance(w, insn->off);
	text_put(w, " if %sr%u ", narrow ? "the lower half of " : "", insn->dst);
	for (u32 i = 0; i < ARRAY_SIZE(conditions); i++)
		if (!strcmp(op_info[insn->op].text, conditions[i].text))
			text_put(w, "%s ", conditions[i].words);
	operand(w, insn, reg, narrow);
}

static void call(struct text *w, const struct insn *insn)
{
	const char *name = insn->imm > 0 ? helper_name((u32)insn->imm) : NULL;

	if (insn->op == OP_CALL_LOCAL)
		text_put(w, "calls the program's own function that begins %u slots %s the next one",
			 (u32)(insn->imm < 0 ? -(s64)insn->imm : insn->imm),
			 insn->imm < 0 ? "before" : "after");
	else if (insn->op == OP_CALL_KFUNC)
		text_put(w, "calls the kernel function with BTF id %d", insn->imm);
	else if (insn->op == OP_CALLX)
		text_put(w, "calls the helper whose number is in r%u", insn->dst);
	else
		text_put(w, "calls helper %d%s%s: arguments in r1 to r5, result in r0", insn->imm,
			 name ? ", " : "", name ? name : "");
}

static u32 bytes_of(const struct insn *insn)
{
	static const u8 bytes[] = { 4, 2, 1, 8 };

	return bytes[BPF_SIZE(insn->code) >> 3];
}

static void place(struct text *w, const struct insn *insn, u8 base)
{
	text_put(w, "the %u byte%s at r%u %c %d", bytes_of(insn), bytes_of(insn) > 1 ? "s" : "",
		 base, insn->off < 0 ? '-' : '+', insn->off < 0 ? -insn->off : insn->off);
}

static void atomic(struct text *w, const struct insn *insn)
{
	static const char *const verbs[] = {
		[0] = "adds", [4] = "ors", [5] = "ands", [10] = "xors"
	};

	bool narrow = BPF_SIZE(insn->code) == BPF_W;
	const char *half = narrow ? "the lower half of " : "";

	text_put(w, "atomically, on ");
	place(w, insn, insn->dst);
	if (insn->imm == BPF_XCHG)
		text_put(w, ": exchanges them with %sr%u", half, insn->src);
	else if (insn->imm == BPF_CMPXCHG)
		text_put(w, ": if they equal %sr0, stores %sr%u there; r0 gets the old value", half,
			 half, insn->src);
	else
		text_put(w, ": %s %sr%u%s", verbs[insn->imm >> 4], half, insn->src,
			 insn->imm & BPF_FETCH ? "; the register gets the old value" : "");
	if (narrow && (insn->imm & BPF_FETCH))
		text_put(w, ", its upper half becomes 0");
}

static void wide(struct text *w, const struct insn *insn)
{
	static const char *const what[] = { "the 64-bit number",
					    "the map with fd",
					    "the value of the map with fd",
					    "the kernel variable with BTF id",
					    "", /* the program's own function */
					    "the map with index",
					    "the value of the map with index" };

	if (insn->op == OP_LD_FUNC) {
		text_put(w, "sets r%u to the address of the program's own function that begins ",
			 insn->dst);
		text_put(w, "%d slots after this instruction's first", insn->imm + 1);
		return;
	}
	text_put(w, "sets r%u to %s ", insn->dst, what[insn->src % ARRAY_SIZE(what)]);
	if (insn->op == OP_LD_IMM64)
		text_put(w, "0x%" PRIx64, insn_imm64(insn));
	else
		text_put(w, "%d", insn->imm);
	if (insn->op == OP_LD_MAP_VALUE || insn->op == OP_LD_MAP_IDX_VALUE)
		text_put(w, ", at offset %u", (u32)insn->imm_high);
}

static void memory(struct text *w, const struct insn *insn)
{
	bool load = op_info[insn->op].format == FORMAT_LDX ||
		    op_info[insn->op].format == FORMAT_LOAD_ACQ;

	bool sign = load && op_info[insn->op].text[0] == 's';

	text_put(w, load ? "loads " : "stores ");
	if (!load) {
		if (op_info[insn->op].format != FORMAT_ST && bytes_of(insn) < 8)
			text_put(w, "the lowest %d bits of ", 8 * bytes_of(insn));
		if (op_info[insn->op].format == FORMAT_ST)
			text_put(w, "%d", insn->imm);
		else
			text_put(w, "r%u", insn->src);
		text_put(w, " into ");
	}
	place(w, insn, load ? insn->src : insn->dst);
	if (load)
		text_put(w, " into r%u", insn->dst);
	if (op_info[insn->op].format == FORMAT_LOAD_ACQ)
		text_put(w, ", before all later accesses");
	if (load && bytes_of(insn) < 8)
		text_put(w, sign ? "; copies of the sign fill the rest" : "; the rest becomes 0");
	if (op_info[insn->op].format == FORMAT_STORE_REL)
		text_put(w, ", after all earlier accesses");
}

static void packet(struct text *w, const struct insn *insn, bool indirect)
{
	text_put(w, "loads %u byte%s of the packet at ", bytes_of(insn),
		 bytes_of(insn) == 1 ? "" : "s");
	if (indirect)
		text_put(w, "r%u + ", insn->src);
	text_put(w,
		 "%d into r0, in host order; where the packet ends before, the program ends with 0",
		 insn->imm);
}

static void sentence(struct text *w, const struct insn *insn)
{
	switch ((enum insn_format)op_info[insn->op].format) {
	case FORMAT_NONE: text_put(w, "ends the function; its result is r0"); break;
	case FORMAT_ALU_IMM: arithmetic(w, insn, false); break;
	case FORMAT_ALU_REG: arithmetic(w, insn, true); break;
	case FORMAT_UNARY: unary(w, insn); break;
	case FORMAT_CAST:
		text_put(w, "sets r%u to the pointer in r%u, brought from address space %d to %d",
			 insn->dst, insn->src, insn->imm & 0xffff, (u32)insn->imm >> 16);
		break;
	case FORMAT_JA:
		distance(w, insn->off);
		text_put(w, insn->op == OP_MAY_GOTO ? ", if the loop's budget is used up" : "");
		break;
	case FORMAT_JA32: distance(w, insn->imm); break;
	case FORMAT_JCC_IMM: branch(w, insn, false); break;
	case FORMAT_JCC_REG: branch(w, insn, true); break;
	case FORMAT_CALL:
	case FORMAT_CALL_KFUNC:
	case FORMAT_CALLX: call(w, insn); break;
	case FORMAT_LDX:
	case FORMAT_STX:
	case FORMAT_ST:
	case FORMAT_LOAD_ACQ:
	case FORMAT_STORE_REL: memory(w, insn); break;
	case FORMAT_ATOMIC: atomic(w, insn); break;
	case FORMAT_WIDE: wide(w, insn); break;
	case FORMAT_LD_ABS: packet(w, insn, false); break;
	case FORMAT_LD_IND: packet(w, insn, true); break;
	}
}

size_t insn_explain(const struct bpf_insn *raw, u32 count, char *buf, size_t size)
{
	struct text w = text_in(buf, size);
	struct insn insn[2];
	char text[256];
	const char *why;

	if (!count)
		return 0;
	insn_decode(raw, count < 2 ? count : 2, insn);
	insn_text(insn, 0, DISASM_LLVM, text, sizeof(text));
	for (u32 i = 0; i < (insn_is_wide(insn) ? 16 : 8); i++)
		text_put(&w, i ? " %02x" : "%02x", ((const u8 *)raw)[i]);
	text_put(&w, "  %s\n", text);
	fields(&w, insn, raw);
	text_put(&w, "  = ");
	if (insn_check(insn, raw, &why))
		text_put(&w, "not valid: %s", why);
	else
		sentence(&w, insn);
	text_put(&w, "\n");
	return w.len;
}

size_t skep_explain(const void *insns, size_t size, char *buf, size_t len)
{
	struct bpf_insn raw[2] = { 0 };

	memcpy(raw, insns, size < sizeof(raw) ? size : sizeof(raw));
	return insn_explain(raw, (u32)(size / sizeof(raw[0]) < 2 ? size / sizeof(raw[0]) : 2), buf,
			    len);
}
