/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Assembler, the reverse of disasm.c: one pass over the text, one function a form, then the labels.
 *
 * A form yields a format and an operator's text; find() looks up the one row of insn.def that has
 * both (and the class or width that the registers and casts imply), so no opcode is named here.
 * Errors end the pass; the reader (read.h) keeps the first message.
 */
#include "isa/asm.h"
#include "def/helper.h"
#include "isa/read.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SLOTS = 1000000 };

/* The row with this format and text whose code has these bits; OP_INVALID if there is none. */
static enum op find(enum insn_format format, const char *text, u8 mask, u8 bits)
{
	for (enum op op = OP_WIDE_HIGH + 1; op < OP_COUNT; op++)
		if (op_info[op].format == format && (op_info[op].code & mask) == bits &&
		    !strcmp(op_info[op].text, text))
			return op;
	return OP_INVALID;
}

static bool emit(struct reader *r, struct insn insn)
{
	struct bpf_insn raw[2];
	u32 slots = insn_encode(&insn, raw);

	if (r->failed)
		return false;
	if (insn.op == OP_INVALID)
		return read_bad(r, "no such instruction");
	if (r->count + slots > MAX_SLOTS) {
		read_bad(r, "more than %d instructions", MAX_SLOTS);
		r->err = -E2BIG;
		return false;
	}
	for (u32 i = 0; i < slots; i++) {
		if (!read_grow(r, &r->insns, r->count, &r->room, sizeof(*r->insns)))
			return false;
		r->insns[r->count++] = raw[i];
	}
	return true;
}

/* The text inside <…> that a disassembler adds after a target. */
static void skip_symbol(struct reader *r)
{
	if (take(r, "<"))
		r->at += strcspn(r->at, ">\n"), want(r, ">");
}

static bool note_jump(struct reader *r, const char *name, bool wide)
{
	struct read_jump *jump;

	if (!read_grow(r, &r->jumps, r->nr_jumps, &r->room_jumps, sizeof(*r->jumps)))
		return false;
	jump = &r->jumps[r->nr_jumps++];
	*jump = (struct read_jump){ .index = r->count, .line = r->line, .wide = wide };
	memcpy(jump->name, name, strlen(name) + 1);
	return true;
}

/* "+1", "pc+1" or a label; the distance into *off or *imm. */
static bool want_target(struct reader *r, bool wide, s32 *distance)
{
	bool relative = take(r, "pc+") || take(r, "pc-");
	char name[READ_NAME];
	s64 value;

	*distance = 0;
	r->at -= relative;
	skip_blanks(r);
	if (relative || *r->at == '+' || *r->at == '-') {
		if (!want_number(r, wide ? INT32_MIN : INT16_MIN, wide ? INT32_MAX : INT16_MAX,
				 &value))
			return false;
		*distance = (s32)value;
		skip_symbol(r);
		return true;
	}
	if (!take_word(r, name))
		return read_bad(r, "jump target expected at \"%.*s\"", read_rest(r));
	return note_jump(r, name, wide);
}

/* "u32" into its size bits; s8… only where a load allows it. */
static bool want_width(struct reader *r, char name[READ_NAME], u8 *size)
{
	static const char *const names[] = { "u8", "u16", "u32", "u64", "s8", "s16", "s32" };
	static const u8 sizes[] = { BPF_B, BPF_H, BPF_W, BPF_DW, BPF_B, BPF_H, BPF_W };

	if (take_word(r, name))
		for (u32 i = 0; i < ARRAY_SIZE(names); i++)
			if (!strcmp(name, names[i]))
				return *size = sizes[i], true;
	return read_bad(r, "width (u8, u16, u32, u64, s8, s16, s32) expected");
}

static bool want_cast(struct reader *r, char name[READ_NAME], u8 *size)
{
	return want(r, "(") && want_width(r, name, size) && want(r, "*") && want(r, ")");
}

/* "r1", "r1 + 4", "r1 - 4" */
static bool want_base(struct reader *r, u8 *reg, s16 *off)
{
	s64 value = 0;

	if (!want_reg(r, reg))
		return false;
	skip_blanks(r);
	if ((*r->at == '+' || *r->at == '-') && !want_number(r, INT16_MIN, INT16_MAX, &value))
		return false;
	*off = (s16)value;
	return true;
}

static bool want_address(struct reader *r, u8 *reg, s16 *off)
{
	return want(r, "(") && want_base(r, reg, off) && want(r, ")");
}

/* "r0 = *(u16 *)skb[…": dst and the width are read. */
static bool packet_load(struct reader *r, const char *width)
{
	struct insn insn;
	s32 imm = 0;
	bool narrow;
	u8 src;

	if (!take_reg(r, &src, &narrow)) {
		insn = insn_make(find(FORMAT_LD_ABS, width, 0, 0), 0, 0, 0, 0);
		return want_imm(r, true, &insn.imm) && want(r, "]") && emit(r, insn);
	}
	skip_blanks(r);
	if (*r->at != ']' && !want_imm(r, true, &imm))
		return false;
	insn = insn_make(find(FORMAT_LD_IND, width, 0, 0), 0, src, 0, imm);
	return want(r, "]") && emit(r, insn);
}

/* "r1 = *(u32 *)(r2 + 4)" */
static bool load(struct reader *r, u8 dst)
{
	char width[READ_NAME];
	u8 size, src;
	s16 off;

	if (!want_cast(r, width, &size))
		return false;
	if (take(r, "skb"))
		return (dst == 0 || read_bad(r, "a packet load goes to r0")) && want(r, "[") &&
		       packet_load(r, width);
	return want_address(r, &src, &off) &&
	       emit(r, insn_make(find(FORMAT_LDX, width, 0, 0), dst, src, off, 0));
}

/* "*(u32 *)(r1 + 4) = r2 | 7", the star is read */
static bool store(struct reader *r)
{
	char width[READ_NAME];
	struct insn insn;
	bool narrow;
	u8 size, dst, src;
	s16 off;
	s32 imm;

	if (!want_cast(r, width, &size) || !want_address(r, &dst, &off) || !want(r, "="))
		return false;
	if (take_reg(r, &src, &narrow))
		insn = insn_make(find(FORMAT_STX, width, 0, 0), dst, src, off, 0);
	else if (want_imm(r, size != BPF_DW, &imm))
		insn = insn_make(find(FORMAT_ST, width, 0, 0), dst, 0, off, imm);
	else
		return false;
	return emit(r, insn);
}

/* "lock *(u64 *)(r1 + 0) += r2", "lock" is read */
static bool locked(struct reader *r)
{
	static const char *const ops[] = { "+=", "|=", "&=", "^=" };
	char width[READ_NAME];
	u8 size, dst, src;
	s16 off;

	if (!want(r, "*") || !want_cast(r, width, &size) || !want_address(r, &dst, &off))
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(ops); i++)
		if (take(r, ops[i]))
			return want_reg(r, &src) &&
			       emit(r, insn_make(find(FORMAT_ATOMIC, ops[i], BPF_DW, size), dst,
						 src, off, 0));
	return read_bad(r, "+=, |=, &= or ^= expected");
}

/*
 * The atomic functions after their "(": NAME((u64 *)(r1 + 0), r2) and LLVM's NAME_64(r1 + 0, r2).
 * text is insn.def's; what receives the old value must be the last argument (r0 for cmpxchg).
 */
static bool atomic_call(struct reader *r, u8 dst, const char *text, int size)
{
	bool compare = !strcmp(text, "cmpxchg");
	u8 cast, base, src, expected = 0;
	char width[READ_NAME];
	s16 off;

	skip_blanks(r);
	if (*r->at == '(') {
		if (!want_cast(r, width, &cast) || !want_address(r, &base, &off))
			return false;
		size = cast;
	} else if (size < 0 || !want_base(r, &base, &off)) {
		return read_bad(r, "\"(u64 *)\" expected");
	}
	if (compare && (!want(r, ",") || !want_reg(r, &expected)))
		return false;
	if (!want(r, ",") || !want_reg(r, &src) || !want(r, ")"))
		return false;
	if (compare ? dst || expected : dst != src)
		return read_bad(r, compare ? "cmpxchg works on r0"
					   : "the result goes to the operand's register");
	return emit(r, insn_make(find(FORMAT_ATOMIC, text, BPF_DW, (u8)size), base, src, off, 0));
}

/* "r1 = NAME(…", the name is read: atomics, load_acquire, addr_space_cast */
static bool function(struct reader *r, u8 dst, const char *name)
{
	static const struct {
		const char *name, *text;
		s8 size;
	} atomics[] = {
		{ "xchg_64", "xchg", BPF_DW },
		{ "xchg32_32", "xchg", BPF_W },
		{ "cmpxchg_64", "cmpxchg", BPF_DW },
		{ "cmpxchg32_32", "cmpxchg", BPF_W },
		{ "atomic64_xchg", "xchg", -1 },
		{ "atomic_xchg", "xchg", -1 },
		{ "atomic64_cmpxchg", "cmpxchg", -1 },
		{ "atomic_cmpxchg", "cmpxchg", -1 },
		{ "atomic64_fetch_add", "atomic_fetch_add", -1 },
		{ "atomic_fetch_add", "atomic_fetch_add", -1 },
		{ "atomic64_fetch_or", "atomic_fetch_or", -1 },
		{ "atomic_fetch_or", "atomic_fetch_or", -1 },
		{ "atomic64_fetch_and", "atomic_fetch_and", -1 },
		{ "atomic_fetch_and", "atomic_fetch_and", -1 },
		{ "atomic64_fetch_xor", "atomic_fetch_xor", -1 },
		{ "atomic_fetch_xor", "atomic_fetch_xor", -1 },
	};
	char width[READ_NAME];
	u8 size, src;
	s16 off;
	s64 a, b;

	if (!strcmp(name, "load_acquire"))
		return want_cast(r, width, &size) && want_address(r, &src, &off) && want(r, ")") &&
		       emit(r, insn_make(find(FORMAT_LOAD_ACQ, width, 0, 0), dst, src, off, 0));
	if (!strcmp(name, "addr_space_cast"))
		return want_reg(r, &src) && want(r, ",") && want_number(r, 0, 0xffff, &a) &&
		       want(r, ",") && want_number(r, 0, 0xffff, &b) && want(r, ")") &&
		       emit(r, insn_make(OP_ADDR_SPACE_CAST, dst, src, 0,
					 (s32)((u32)a << 16 | (u32)b)));
	for (u32 i = 0; i < ARRAY_SIZE(atomics); i++)
		if (!strcmp(name, atomics[i].name))
			return atomic_call(r, dst, atomics[i].text, atomics[i].size);
	return read_bad(r, "\"%s\" is not known", name);
}

/* "store_release((u64 *)(r1 + 0), r2)", the name is read */
static bool store_release(struct reader *r)
{
	char width[READ_NAME];
	u8 size, dst, src;
	s16 off;

	return want(r, "(") && want_cast(r, width, &size) && want_address(r, &dst, &off) &&
	       want(r, ",") && want_reg(r, &src) && want(r, ")") &&
	       emit(r, insn_make(find(FORMAT_STORE_REL, width, 0, 0), dst, src, off, 0));
}

/* "r1 = (s8)r2", the parenthesis is read */
static bool sign_extend(struct reader *r, u8 dst, u8 class)
{
	char width[READ_NAME];
	u8 size, src;
	enum op op;

	if (!want_width(r, width, &size) || !want(r, ")") || !want_reg(r, &src))
		return false;
	op = find(FORMAT_ALU_REG, width, 7, class);
	return op == OP_INVALID ? read_bad(r, "no such sign extension")
				: emit(r, insn_make(op, dst, src, 0, 0));
}

/* "r1 = OP r1", OP is read */
static bool unary(struct reader *r, u8 dst, enum op op)
{
	u8 src;

	if (!want_reg(r, &src))
		return false;
	return src == dst ? emit(r, insn_make(op, dst, 0, 0, 0))
			  : read_bad(r, "source and destination must be one register");
}

/* "r1 = 5" or "r1 = 5 ll" */
static bool move_number(struct reader *r, u8 dst, u8 class)
{
	const char *start = r->at;
	struct insn insn;
	bool negative;
	u64 value;
	s32 imm;

	if (take_number(r, &value, &negative) &&
	    (take(r, "ll") || r->opcode == (BPF_LD | BPF_IMM | BPF_DW))) {
		insn = insn_make(OP_LD_IMM64, dst, 0, 0, (s32)(u32)value);
		insn.imm_high = (s32)(u32)(value >> 32);
		return emit(r, insn);
	}
	r->at = start;
	return want_imm(r, class == BPF_ALU, &imm) &&
	       emit(r, insn_make(find(FORMAT_ALU_IMM, "=", 7, class), dst, 0, 0, imm));
}

/* What follows "r1 =" */
static bool move(struct reader *r, u8 dst, u8 class)
{
	const char *start;
	char name[READ_NAME];
	bool narrow;
	enum op op;
	u8 src;

	skip_blanks(r);
	start = r->at;
	if (take(r, "*"))
		return load(r, dst);
	if (take(r, "("))
		return sign_extend(r, dst, class);
	if (take_reg(r, &src, &narrow))
		return emit(r, insn_make(find(FORMAT_ALU_REG, "=", 7, class), dst, src, 0, 0));
	if (take(r, "-")) {
		skip_blanks(r);
		if (*r->at == 'r' || *r->at == 'w')
			return unary(r, dst, find(FORMAT_UNARY, "-", 7, class));
		r->at = start;
	}
	if (!isalpha((unsigned char)*r->at))
		return move_number(r, dst, class);
	if (!take_word(r, name))
		return read_bad(r, "operand expected");
	op = find(FORMAT_UNARY, name, 0, 0);
	if (op != OP_INVALID)
		return unary(r, dst, op);
	return want(r, "(") && function(r, dst, name);
}

/* The operator that is next, NULL (an error) if none is. Operators stand before their prefixes. */
static const char *want_operator(struct reader *r, const char *const *ops, u32 count)
{
	for (u32 i = 0; i < count; i++)
		if (take(r, ops[i]))
			return ops[i];
	read_bad(r, "operator expected at \"%.*s\"", read_rest(r));
	return NULL;
}

/* "r1 += …", "w1 = …"; the register is read */
static bool arithmetic(struct reader *r, u8 dst, bool narrow)
{
	static const char *const ops[] = { "s>>=", "s/=", "s%=", "<<=", ">>=", "+=", "-=",
					   "*=",   "/=",  "%=",	 "|=",	"&=",  "^=", "=" };
	u8 class = narrow ? BPF_ALU : BPF_ALU64, src;
	const char *text;
	bool other;
	s32 imm;

	text = want_operator(r, ops, ARRAY_SIZE(ops));
	if (!text)
		return false;
	if (text[0] == '=')
		return move(r, dst, class);
	if (take_reg(r, &src, &other))
		return other == narrow ? emit(r, insn_make(find(FORMAT_ALU_REG, text, 7, class),
							   dst, src, 0, 0))
				       : read_bad(r, "r and w registers do not mix");
	return want_imm(r, narrow, &imm) &&
	       emit(r, insn_make(find(FORMAT_ALU_IMM, text, 7, class), dst, 0, 0, imm));
}

/* "if r1 s> 5 goto T", "if" is read */
static bool branch(struct reader *r)
{
	static const char *const ops[] = { "s>=", "s<=", "s>", "s<", "==", "!=",
					   ">=",  "<=",	 ">",  "<",  "&" };
	struct insn insn;
	const char *text;
	bool narrow, other;
	u8 dst, src, class;
	s32 imm, off;

	if (!take_reg(r, &dst, &narrow))
		return read_bad(r, "register expected after \"if\"");
	class = narrow ? BPF_JMP32 : BPF_JMP;
	text = want_operator(r, ops, ARRAY_SIZE(ops));
	if (!text)
		return false;
	if (take_reg(r, &src, &other)) {
		if (other != narrow)
			return read_bad(r, "r and w registers do not mix");
		insn = insn_make(find(FORMAT_JCC_REG, text, 7, class), dst, src, 0, 0);
	} else {
		if (!want_imm(r, narrow, &imm))
			return false;
		insn = insn_make(find(FORMAT_JCC_IMM, text, 7, class), dst, 0, 0, imm);
	}
	if (!want(r, "goto") || !want_target(r, false, &off))
		return false;
	insn.off = (s16)off;
	return emit(r, insn);
}

/* "goto T", "may_goto T", "gotol T"; the word is read */
static bool jump(struct reader *r, const char *text)
{
	enum op op = find(FORMAT_JA, text, 0, 0);
	s32 distance;

	if (op == OP_INVALID)
		return want_target(r, true, &distance) &&
		       emit(r, insn_make(OP_JA32, 0, 0, 0, distance));
	return want_target(r, false, &distance) && emit(r, insn_make(op, 0, 0, (s16)distance, 0));
}

/* "call 5", "call pc+5", "call kfunc 77, 0", "call bpf_NAME", "call label"; "call" is read */
static bool call(struct reader *r)
{
	s64 imm, off = 0;
	s32 distance;
	char name[READ_NAME];

	skip_blanks(r);
	if (take(r, "kfunc"))
		return want_number(r, INT32_MIN, INT32_MAX, &imm) &&
		       (!take(r, ",") || want_number(r, INT16_MIN, INT16_MAX, &off)) &&
		       emit(r, insn_make(OP_CALL_KFUNC, 0, 0, (s16)off, (s32)imm));
	if (isdigit((unsigned char)*r->at) || *r->at == '-' || *r->at == '+')
		return want_number(r, INT32_MIN, INT32_MAX, &imm) &&
		       emit(r, insn_make(OP_CALL_HELPER, 0, 0, 0, (s32)imm));
	if (strncmp(r->at, "pc+", 3) && strncmp(r->at, "pc-", 3)) {
		const char *start = r->at;

		if (take_word(r, name) && *r->at == '#' && r->at++) /* the kernel's "bpf_NAME#5" */
			return want_number(r, INT32_MIN, INT32_MAX, &imm) &&
			       emit(r, insn_make(OP_CALL_HELPER, 0, 0, 0, (s32)imm));
		r->at = start;
	}
	return want_target(r, true, &distance) &&
	       emit(r, insn_make(OP_CALL_LOCAL, 0, 0, 0, distance));
}

/* "ld_pseudo r1, KIND, IMM[, HIGH]", "ld_pseudo r1, 4, label" (a function's address); the word is read */
static bool pseudo(struct reader *r)
{
	s64 kind, imm = 0, high = 0;
	struct bpf_insn raw[2] = { { .code = BPF_LD | BPF_IMM | BPF_DW } };
	struct insn insn[2];
	s32 distance = 0;
	bool label;
	u8 dst;

	if (!want_reg(r, &dst) || !want(r, ",") ||
	    !want_number(r, 1, BPF_PSEUDO_MAP_IDX_VALUE, &kind) || !want(r, ","))
		return false;
	skip_blanks(r);
	label = kind == BPF_PSEUDO_FUNC && isalpha((unsigned char)*r->at);
	if (label ? !want_target(r, true, &distance) : !want_number(r, INT32_MIN, UINT32_MAX, &imm))
		return false;
	if (label)
		imm = distance;
	if ((take(r, ",") && !want_number(r, INT32_MIN, UINT32_MAX, &high)) || r->failed)
		return false;
	raw[0].dst_reg = dst;
	raw[0].src_reg = (u8)kind & 15;
	raw[0].imm = (s32)imm;
	raw[1].imm = (s32)high;
	insn_decode(raw, 2, insn);
	return emit(r, insn[0]);
}

static bool callx(struct reader *r)
{
	u8 dst;

	return want_reg(r, &dst) && emit(r, insn_make(OP_CALLX, dst, 0, 0, 0));
}

static bool note_label(struct reader *r, const char *name)
{
	struct read_label *label;

	for (u32 i = 0; !isdigit((unsigned char)name[0]) && i < r->nr_labels; i++)
		if (!strcmp(r->labels[i].name, name))
			return read_bad(r, "label \"%s\" is already on line %u", name,
					r->labels[i].line);
	if (!read_grow(r, &r->labels, r->nr_labels, &r->room_labels, sizeof(*r->labels)))
		return false;
	label = &r->labels[r->nr_labels++];
	*label = (struct read_label){ .index = r->count, .line = r->line };
	memcpy(label->name, name, strlen(name) + 1);
	return true;
}

/* "(b7) " in front of the kernel's text */
static void skip_opcode(struct reader *r)
{
	skip_blanks(r);
	r->opcode = -1;
	if (r->at[0] == '(' && isxdigit((unsigned char)r->at[1]) &&
	    isxdigit((unsigned char)r->at[2]) && r->at[3] == ')') {
		r->opcode = (int)strtol(r->at + 1, NULL, 16);
		r->at += strlen("(b7)");
	}
}

/* A statement, or a label; its end is for the caller to find. */
static bool statement(struct reader *r)
{
	char name[READ_NAME];
	bool narrow;
	u8 dst;

	skip_opcode(r);
	if (take(r, "*"))
		return store(r);
	if (take_reg(r, &dst, &narrow))
		return arithmetic(r, dst, narrow);
	if (!take_word(r, name))
		return read_bad(r, "instruction expected at \"%.*s\"", read_rest(r));
	if (take(r, ":"))
		return note_label(r, name);
	if (!strcmp(name, "exit"))
		return emit(r, insn_make(OP_EXIT, 0, 0, 0, 0));
	if (!strcmp(name, "if"))
		return branch(r);
	if (!strcmp(name, "goto") || !strcmp(name, "gotol") || !strcmp(name, "may_goto"))
		return jump(r, name);
	if (!strcmp(name, "call"))
		return call(r);
	if (!strcmp(name, "callx"))
		return callx(r);
	if (!strcmp(name, "lock"))
		return locked(r);
	if (!strcmp(name, "ld_pseudo"))
		return pseudo(r);
	if (!strcmp(name, "store_release"))
		return store_release(r);
	return read_bad(r, "\"%s\" is not an instruction", name);
}

/* Where a jump on line `from` slot goes: the label's index, or -1. "1b" is the nearest 1 before, "1f" after. */
static s64 label_index(const struct reader *r, const struct read_jump *jump)
{
	size_t len = strlen(jump->name);
	char way = jump->name[len - 1];
	s64 found = -1;

	if (!isdigit((unsigned char)jump->name[0])) {
		for (u32 i = 0; i < r->nr_labels; i++)
			if (!strcmp(r->labels[i].name, jump->name))
				return r->labels[i].index;
		return -1;
	}
	for (u32 i = 0; i < r->nr_labels; i++) {
		const struct read_label *label = &r->labels[i];

		if (strlen(label->name) != len - 1 || strncmp(label->name, jump->name, len - 1))
			continue;
		if (way == 'f' && label->index > jump->index)
			return label->index;
		if (way == 'b' && label->index <= jump->index)
			found = label->index;
	}
	return found;
}

/* A call of a name that is no label: a helper's. */
static bool call_helper(struct reader *r, const struct read_jump *jump)
{
	struct bpf_insn *insn = &r->insns[jump->index];

	for (u32 number = 1; insn->code == (BPF_JMP | BPF_CALL) && number < HELPER_COUNT;
	     number++) {
		const char *name = helper_name(number);

		if (name && !strcmp(name, jump->name)) {
			insn->src_reg = 0;
			insn->imm = (s32)number;
			return true;
		}
	}
	return read_bad(r, "no label \"%s\"", jump->name);
}

static bool resolve(struct reader *r)
{
	for (u32 i = 0; i < r->nr_jumps; i++) {
		const struct read_jump *jump = &r->jumps[i];
		s64 index = label_index(r, jump), distance = index - jump->index - 1;

		r->line = jump->line;
		if (index < 0) {
			if (!call_helper(r, jump))
				return false;
		} else if (jump->wide) {
			r->insns[jump->index].imm = (s32)distance;
		} else if (distance == (s16)distance) {
			r->insns[jump->index].off = (s16)distance;
		} else {
			return read_bad(
				r, "\"%s\" is %lld instructions away, too far for a 16-bit jump",
				jump->name, (long long)distance);
		}
	}
	return true;
}

/* Statements up to the end of the text. */
static void read_program(struct reader *r)
{
	while (!r->failed) {
		u32 labels = r->nr_labels;

		skip_blanks(r);
		if (!*r->at)
			break;
		if (*r->at == '\n' || *r->at == ';') {
			r->line += *r->at++ == '\n';
			continue;
		}
		if (!statement(r))
			break;
		skip_blanks(r);
		if (*r->at && *r->at != '\n' && *r->at != ';' && r->nr_labels == labels)
			read_bad(r, "end of instruction expected at \"%.*s\"", read_rest(r));
	}
}

int asm_program(const char *text, struct bpf_insn **out, u32 *count, struct log *why)
{
	struct reader r = { .at = text, .line = 1, .why = why };

	*out = NULL;
	*count = 0;
	read_program(&r);
	if (!r.failed)
		resolve(&r);
	free(r.labels);
	free(r.jumps);
	if (r.failed) {
		free(r.insns);
		return r.err;
	}
	*out = r.insns;
	*count = r.count;
	return 0;
}
