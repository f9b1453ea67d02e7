/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions as text, in two dialects that share their skeleton:
 *
 *   LLVM    what clang-19's llvm-objdump prints at -mcpu=v4: hexadecimal numbers with their sign,
 *           "w" for every register whose upper half the instruction ignores or zeroes
 *   kernel  what kernel/bpf/disasm.c prints into the verifier's log: opcode byte first, decimal
 *           immediates, hexadecimal ones in comparisons, "pc+1" for targets
 *
 * One function a format; operators and widths come from insn.def's text column. asm.c reads both back;
 * where LLVM's text leaves something out (which kind of call, upper halves), the lossless style adds it.
 */
#include "isa/insn.h"

#include "def/helper.h"
#include "util/text.h"

#include <inttypes.h>
#include <string.h>

struct listing {
	struct text out;
	const struct insn *insn;
	const struct op_info *info;
	const struct disasm_names *names;
	u32 index;
	bool kernel, lossless;
};

#define put(t, ...) text_put(&(t)->out, __VA_ARGS__)

/* LLVM's way to write a number: sign, then hexadecimal magnitude. */
static void put_hex(struct listing *t, s64 value, const char *plus, const char *minus)
{
	u64 magnitude = value < 0 ? -(u64)value : (u64)value;

	put(t, "%s0x%" PRIx64, value < 0 ? minus : plus, magnitude);
}

static void put_imm(struct listing *t)
{
	if (t->kernel)
		put(t, "%d", t->insn->imm);
	else
		put_hex(t, t->insn->imm, "", "-");
}

/* "(r10 - 0x8)" or "(r10 -8)" */
static void put_address(struct listing *t, u8 base)
{
	put(t, "(r%u ", base);
	if (t->kernel) {
		put(t, "%+d)", t->insn->off);
		return;
	}
	put_hex(t, t->insn->off, "+ ", "- ");
	put(t, ")");
}

/* Where a jump of `distance` slots goes: "pc+1", or "+0x1 <main+0x10>". */
static void put_target(struct listing *t, s64 distance)
{
	char scratch[256];
	const char *name = NULL;

	if (t->kernel) {
		put(t, "pc%+" PRId64, distance);
		return;
	}
	put_hex(t, distance, "+", "-");
	if (t->names && t->names->target)
		name = t->names->target(t->names->arg, t->index + 1 + distance, scratch,
					sizeof(scratch));
	if (name)
		put(t, " <%s>", name);
}

static char alu_letter(const struct listing *t)
{
	return BPF_CLASS(t->info->code) == BPF_ALU ? 'w' : 'r';
}

static void alu(struct listing *t, bool reg)
{
	const struct insn *i = t->insn;
	char letter = alu_letter(t);

	if (t->info->text[0] == 's' && t->info->text[1] >= '0' && t->info->text[1] <= '9') {
		put(t, "%c%u = (%s)%c%u", letter, i->dst, t->info->text, letter, i->src);
		return;
	}
	put(t, "%c%u %s ", letter, i->dst, t->info->text);
	if (reg)
		put(t, "%c%u", letter, i->src);
	else
		put_imm(t);
}

static void unary(struct listing *t)
{
	char letter = BPF_OP(t->info->code) == BPF_END ? 'r' : alu_letter(t);
	bool neg = BPF_OP(t->info->code) == BPF_NEG;

	put(t, "%c%u = %.*s", letter, t->insn->dst, (int)strcspn(t->info->text, "136"),
	    t->info->text);
	if (!neg) /* the width, as the field has it even where it is none */
		put(t, "%d ", t->insn->imm);
	put(t, "%c%u", letter, t->insn->dst);
}

static void cast(struct listing *t)
{
	u32 spaces = (u32)t->insn->imm;

	put(t,
	    t->kernel ? "r%u = addr_space_cast(r%u, %u, %u)"
		      : "r%u = addr_space_cast(r%u, 0x%x, 0x%x)",
	    t->insn->dst, t->insn->src, spaces >> 16, spaces & 0xffff);
}

static void jump_if(struct listing *t, bool reg)
{
	const struct insn *i = t->insn;
	char letter = BPF_CLASS(t->info->code) == BPF_JMP32 ? 'w' : 'r';

	put(t, "if %c%u %s ", letter, i->dst, t->info->text);
	if (reg)
		put(t, "%c%u", letter, i->src);
	else if (t->kernel)
		put(t, "0x%x", (u32)i->imm);
	else
		put_hex(t, i->imm, "", "-");
	put(t, " goto ");
	put_target(t, i->off);
}

static void call(struct listing *t)
{
	char scratch[256];
	const char *name = NULL;

	if (!t->kernel) {
		bool local = t->lossless && t->insn->op == OP_CALL_LOCAL;
		bool kfunc = t->lossless && t->insn->op == OP_CALL_KFUNC;

		put(t, "call %s", local ? "pc" : kfunc ? "kfunc " : "");
		put_hex(t, t->insn->imm, local ? "+" : "", "-");
		if (kfunc)
			put(t, ", %d", t->insn->off);
		return;
	}
	if (t->names && t->names->call)
		name = t->names->call(t->names->arg, t->insn, scratch, sizeof(scratch));
	if (!name && t->insn->op == OP_CALL_HELPER)
		name = t->insn->imm ? helper_name((u32)t->insn->imm) : "bpf_unspec";
	if (t->insn->op == OP_CALL_LOCAL && name)
		put(t, "call %s", name);
	else if (t->insn->op == OP_CALL_LOCAL)
		put(t, "call pc%+d", t->insn->imm);
	else
		put(t, "call %s#%d", name ? name : "unknown", t->insn->imm);
}

/* Only the kernel writes the 32-bit view of memory accesses with "r". */
static char mem_letter(const struct listing *t)
{
	return t->kernel || t->info->text[0] == 's' || BPF_SIZE(t->info->code) == BPF_DW ? 'r'
											 : 'w';
}

static void load(struct listing *t)
{
	put(t, "%c%u = *(%s *)", mem_letter(t), t->insn->dst, t->info->text);
	put_address(t, t->insn->src);
}

static void store(struct listing *t, bool reg)
{
	put(t, "*(%s *)", t->info->text);
	put_address(t, t->insn->dst);
	put(t, " = ");
	if (reg)
		put(t, "%c%u", mem_letter(t), t->insn->src);
	else
		put_imm(t);
}

static const char *atomic_width(const struct listing *t)
{
	return BPF_SIZE(t->info->code) == BPF_DW ? "u64" : "u32";
}

/* "lock *(u64 *)(r1 + 0x0) += r2" */
static void atomic_plain(struct listing *t, char letter)
{
	put(t, "lock *(%s *)", atomic_width(t));
	put_address(t, t->insn->dst);
	put(t, " %s %c%u", t->info->text, letter, t->insn->src);
}

/* "r2 = atomic_fetch_add((u64 *)(r1 + 0x0), r2)"; the kernel: "r2 = atomic64_fetch_add(…" */
static void atomic_fetch(struct listing *t, char letter)
{
	const struct insn *i = t->insn;

	if (t->kernel)
		put(t, "r%u = atomic%s%s((%s *)", i->src,
		    BPF_SIZE(t->info->code) == BPF_DW ? "64" : "", t->info->text + strlen("atomic"),
		    atomic_width(t));
	else
		put(t, "%c%u = %s((%s *)", letter, i->src, t->info->text, atomic_width(t));
	put_address(t, i->dst);
	put(t, ", %c%u)", letter, i->src);
}

/* "r2 = xchg_64(r1 + 0x0, r2)", "w0 = cmpxchg32_32(r1 + 0x0, w0, w2)"; the kernel as a fetch. */
static void atomic_exchange(struct listing *t, char letter)
{
	const struct insn *i = t->insn;
	bool wide = BPF_SIZE(t->info->code) == BPF_DW,
	     compare = BPF_OP(i->imm) == BPF_OP(BPF_CMPXCHG);

	put(t, "%c%u = ", letter, compare ? 0 : i->src);
	if (t->kernel) {
		put(t, "atomic%s_%s((%s *)", wide ? "64" : "", t->info->text, atomic_width(t));
		put_address(t, i->dst);
	} else {
		put(t, "%s%s(r%u ", t->info->text, wide ? "_64" : "32_32", i->dst);
		put_hex(t, i->off, "+ ", "- ");
	}
	if (compare)
		put(t, ", %c0", letter);
	put(t, ", %c%u)", letter, i->src);
}

static void atomic(struct listing *t)
{
	char letter = t->kernel || BPF_SIZE(t->info->code) == BPF_DW ? 'r' : 'w';

	if (t->insn->imm == BPF_XCHG || t->insn->imm == BPF_CMPXCHG)
		atomic_exchange(t, letter);
	else if (t->insn->imm & BPF_FETCH)
		atomic_fetch(t, letter);
	else
		atomic_plain(t, letter);
}

static void load_acquire(struct listing *t)
{
	put(t, "%c%u = load_acquire((%s *)", mem_letter(t), t->insn->dst, t->info->text);
	put_address(t, t->insn->src);
	put(t, ")");
}

static void store_release(struct listing *t)
{
	put(t, "store_release((%s *)", t->info->text);
	put_address(t, t->insn->dst);
	put(t, ", %c%u)", mem_letter(t), t->insn->src);
}

static void wide(struct listing *t)
{
	const struct insn *i = t->insn;
	char scratch[256];
	const char *name = NULL;

	if (t->kernel) {
		if (t->names && t->names->imm)
			name = t->names->imm(t->names->arg, i, scratch, sizeof(scratch));
		put(t, "r%u = ", i->dst);
		if (name)
			put(t, "%s", name);
		else
			put(t, "0x%" PRIx64, insn_imm64(i));
	} else if (i->op == OP_LD_IMM64) {
		put(t, "r%u = ", i->dst);
		put_hex(t, (s64)insn_imm64(i), "", "-");
		put(t, " ll");
	} else {
		put(t, "ld_pseudo\tr%u, 0x%x, 0x%x", i->dst, i->src, (u32)i->imm);
		if (t->lossless)
			put(t, ", 0x%x", (u32)i->imm_high);
	}
}

static void load_packet(struct listing *t, bool indirect)
{
	put(t, "r0 = *(%s *)skb[", t->info->text);
	if (indirect)
		put(t, "r%u", t->insn->src);
	if (indirect && (t->kernel || t->lossless))
		put(t, " + ");
	if (!indirect || t->kernel || t->lossless)
		put_imm(t);
	put(t, "]");
}

static void operation(struct listing *t)
{
	switch ((enum insn_format)t->info->format) {
	case FORMAT_NONE: put(t, "%s", t->info->text); break;
	case FORMAT_ALU_IMM: alu(t, false); break;
	case FORMAT_ALU_REG: alu(t, true); break;
	case FORMAT_UNARY: unary(t); break;
	case FORMAT_CAST: cast(t); break;
	case FORMAT_JA:
		put(t, "%s ", t->info->text);
		put_target(t, t->insn->off);
		break;
	case FORMAT_JA32:
		put(t, "%s ", t->info->text);
		put_target(t, t->insn->imm);
		break;
	case FORMAT_JCC_IMM: jump_if(t, false); break;
	case FORMAT_JCC_REG: jump_if(t, true); break;
	case FORMAT_CALL:
	case FORMAT_CALL_KFUNC: call(t); break;
	case FORMAT_CALLX: put(t, "%s r%u", t->info->text, t->insn->dst); break;
	case FORMAT_LDX: load(t); break;
	case FORMAT_STX: store(t, true); break;
	case FORMAT_ST: store(t, false); break;
	case FORMAT_ATOMIC: atomic(t); break;
	case FORMAT_LOAD_ACQ: load_acquire(t); break;
	case FORMAT_STORE_REL: store_release(t); break;
	case FORMAT_WIDE: wide(t); break;
	case FORMAT_LD_ABS: load_packet(t, false); break;
	case FORMAT_LD_IND: load_packet(t, true); break;
	}
}

size_t insn_text_named(const struct insn *insn, u32 index, enum disasm_style style,
		       const struct disasm_names *names, char *buf, size_t size)
{
	struct listing t = {
		.out = text_in(buf, size),
		.insn = insn,
		.names = names,
		.index = index,
		.kernel = style == DISASM_KERNEL,
		.lossless = style == DISASM_ASM,
	};

	t.info = &op_info[t.kernel ? insn_nearest(insn) : (enum op)insn->op];
	if (t.kernel)
		put(&t, "(%02x) ", insn->code);
	if (t.info == &op_info[OP_INVALID])
		put(&t, t.kernel ? "invalid" : "<unknown>");
	else if (insn->op == OP_INVALID && t.info->format >= FORMAT_ATOMIC &&
		 t.info->format <= FORMAT_STORE_REL)
		put(&t, "BUG_%02x", insn->code);
	else if (insn->op != OP_WIDE_HIGH)
		operation(&t);
	return t.out.len;
}

size_t insn_line(const struct insn *insn, const struct bpf_insn *raw, u32 index,
		 const struct disasm_names *names, char *buf, size_t size)
{
	struct text t = text_in(buf, size);
	const u8 *bytes = (const u8 *)raw;
	size_t at;

	text_put(&t, "%8u:\t", index);
	for (u32 i = 0; i < (insn_is_wide(insn) ? 16 : 8); i++)
		text_put(&t, i ? " %02x" : "%02x", bytes[i]);
	text_put(&t, "\t");
	at = t.len < size ? t.len : size;
	return t.len +
	       insn_text_named(insn, index, DISASM_LLVM, names, size ? buf + at : NULL, size - at);
}
