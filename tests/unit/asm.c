/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * assemble(disassemble(x)) = x for every instruction with every operand at its limits, and for
 * random ones; what clang-19 assembles is what we assemble; labels; errors with their line.
 */
#include "isa.h"
#include "isa/asm.h"
#include "tap.h"

#include <errno.h>
#include <string.h>

static char said[512];

static void keep(void *arg, const char *text, size_t len)
{
	(void)arg;
	strncat(said, text, len < sizeof(said) - strlen(said) - 1 ? len : 0);
}

static int assemble(const char *text, struct bpf_insn **out, u32 *count)
{
	struct log log = { .write = keep };

	said[0] = 0;
	return asm_program(text, out, count, &log);
}

/* Whether the insn comes back from its text in this style. */
static bool same(const struct insn *insn, enum disasm_style style)
{
	struct bpf_insn raw[2], *back;
	u32 slots = insn_encode(insn, raw), count;
	char text[256];
	bool good;

	insn_text(insn, 0, style, text, sizeof(text));
	good = !assemble(text, &back, &count) && count == slots &&
	       !memcmp(raw, back, slots * sizeof(*raw));
	if (!good)
		printf("# %s: \"%s\" %s", op_info[insn->op].name, text,
		       said[0] ? said : "gives other bytes\n");
	free(back);
	return good;
}

static void every_row(void)
{
	u32 lossless = 0, kernel = 0, cases = 0;
	struct insn insn;

	for (enum op op = OP_WIDE_HIGH + 1; op < OP_COUNT; op++)
		for (u32 n = 0; isa_case(op, n, &insn); n++, cases++) {
			lossless += !same(&insn, DISASM_ASM);
			if (op != OP_CALL_KFUNC && op != OP_CALLX &&
			    op_info[op].format != FORMAT_WIDE)
				kernel += !same(&insn, DISASM_KERNEL);
		}
	is(lossless, 0, "%u instructions come back from the assembler's style", cases);
	is(kernel, 0, "… and from the kernel's");
}

static u64 next_random(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void random_ones(void)
{
	u64 state = 88172645463325252ULL;
	u32 tried = 0, bad = 0;

	for (u32 i = 0; i < 200000; i++) {
		u64 bits[2] = { next_random(&state), next_random(&state) & 0xffffffff00000000ULL };
		struct bpf_insn raw[2];
		struct insn insn[2];

		if (i & 1) /* small selectors, few fields: more of them are valid */
			bits[0] &= next_random(&state) & 0x000000ff001faaffULL;
		memcpy(raw, bits, sizeof(raw));
		insn_decode(raw, 2, insn);
		if (insn_check(insn, raw, NULL))
			continue;
		tried++;
		if (insn->op != OP_MAY_GOTO && bad < 10)
			bad += !same(insn, DISASM_ASM);
	}
	ok(tried > 1000 && !bad, "%u random instructions come back", tried);
}

static void random_text(void)
{
	static const char *const words[] = {
		"r1 ",	     "w2 ",	   "= ",    "+= ",   "5 ",     "-0x80000000 ",
		"*(u32 *)",  "(r1 + 4) ",  "if ",   "goto ", "x",      ": ",
		"\n",	     "ll ",	   "lock ", "1f",    "1:",     "call ",
		"bpf_loop ", "s> ",	   ", ",    "(",     ")",      "[",
		"skb",	     "exit\n",	   "/*",    "*/",    "//",     "<",
		">",	     "cmpxchg_64", "r0 ",   "pc+",   "kfunc ", "ld_pseudo ",
		"(b7) ",     "\xff"
	};
	u64 state = 4101842887655102017ULL;
	u32 fine = 0;

	for (u32 i = 0; i < 50000; i++) {
		char text[256] = "";
		struct bpf_insn *out;
		u32 count, n = next_random(&state) % 16;

		while (n--)
			strcat(text, words[next_random(&state) % ARRAY_SIZE(words)]);
		fine += !assemble(text, &out, &count);
		free(out);
	}
	ok(fine > 10 && fine < 50000, "random text is read or refused (%u of 50000 read)", fine);
}

static const struct {
	const char *text;
	u64 first[4];
	u32 count;
} good[] = {
	{ "", {}, 0 },
	{ "# nothing\n// at /* all */\n", {}, 0 },
	{ "r1 = 5 ; exit", { 0x00000005000001b7, 0x95 }, 2 },
	{ "r1=0x1234 # hex", { 0x00001234000001b7 }, 1 },
	{ "w1 = 0xffffffff", { 0xffffffff000001b4 }, 1 },
	{ "r1 = -1 ll", { 0xffffffff00000118, 0xffffffff00000000 }, 2 },
	{ "x: goto x", { 0xffff0005 }, 1 },
	{ "goto x\nexit\nx: exit", { 0x10005, 0x95, 0x95 }, 3 },
	{ "1: goto 1f; 1: goto 1b", { 0x00005, 0xffff0005 }, 2 },
	{ "call f; exit; f: exit", { 0x0000000100001085, 0x95, 0x95 }, 3 },
	{ "call bpf_get_prandom_u32", { 0x0000000700000085 }, 1 },
	{ "gotol x; x:", { 0x06 }, 1 },
	{ "if r1 s> 5 goto +0x1 <main+0x10>", { 0x0000000500010165 }, 1 },
	{ "r0 = *(u16 *)skb[r2]", { 0x2048 }, 1 },
	{ "(85) call bpf_trace_printk#6", { 0x0000000600000085 }, 1 },
};

static void examples(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(good); i++) {
		struct bpf_insn *out;
		u32 count;
		int err = assemble(good[i].text, &out, &count);

		ok(!err && count == good[i].count &&
			   !memcmp(out ? out : (void *)"", good[i].first, count * 8),
		   "\"%s\"",
		   i == 1   ? "comments"
		   : i == 7 ? "label forward"
			    : good[i].text);
		if (err)
			printf("# %s", said);
		free(out);
	}
}

static const struct {
	const char *text, *why;
} wrong[] = {
	{ "exit\nfoo", "line 2: \"foo\" is not an instruction\n" },
	{ "exit\n\n\nr1 = r11", "line 4: " },
	{ "r1 += w2", "line 1: r and w registers do not mix\n" },
	{ "r1 = 0x100000000", "line 1: 0x100000000 is out of range\n" },
	{ "exit\ngoto nowhere", "line 2: no label \"nowhere\"\n" },
	{ "x:\nx:", "line 2: label \"x\" is already on line 1\n" },
	{ "exit exit", "line 1: end of instruction expected at \"exit\"\n" },
	{ "r1 = be16 r2", "line 1: source and destination must be one register\n" },
	{ "if r1 ? 5 goto +1", "line 1: operator expected at \"? 5 goto +1\"\n" },
	{ "r1 = *(u33 *)(r2 + 0)", "line 1: width (u8, u16, u32, u64, s8, s16, s32) expected\n" },
	{ "*(s8 *)(r2 + 0) = r1", "line 1: no such instruction\n" },
	{ "goto +40000", "line 1: +40000 is out of range\n" },
	{ "call bpf_no_such_helper", "line 1: no label \"bpf_no_such_helper\"\n" },
	{ "r1 = *(u8 *)skb[4]", "line 1: a packet load goes to r0\n" },
	{ "/* open\n\n r1 = 5", NULL },
};

static void errors(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct bpf_insn *out;
		u32 count;
		int err = assemble(wrong[i].text, &out, &count);

		if (!wrong[i].why)
			ok(!err && !count, "an open comment swallows the rest");
		else
			ok(err == -EINVAL && !out &&
				   !strncmp(said, wrong[i].why, strlen(wrong[i].why)),
			   "error %u: %.*s", i, (int)strcspn(said, "\n"), said);
		free(out);
	}
}

/* One way's words are the other's: clang-19 assembles what insn_text() prints to the same bytes. */
static void as_clang(void)
{
	char dir[] = "/tmp/skep-asm-XXXXXX", path[64], command[256], text[256];
	static struct bpf_insn want[8192], got[8192];
	u32 count = 0;
	struct insn insn;
	FILE *file;
	size_t read;

	if (system("command -v clang-19 llvm-objcopy-19 >/dev/null 2>&1")) {
		skip("no clang-19 and llvm-objcopy-19");
		return;
	}
	if (!mkdtemp(dir))
		return;
	snprintf(path, sizeof(path), "%s/t.s", dir);
	file = fopen(path, "w");
	for (enum op op = OP_WIDE_HIGH + 1; file && op < OP_COUNT; op++) {
		enum insn_format format = op_info[op].format;

		if (format == FORMAT_LOAD_ACQ || format == FORMAT_STORE_REL ||
		    format == FORMAT_CALL_KFUNC || format == FORMAT_LD_IND || op == OP_CALL_LOCAL ||
		    (format == FORMAT_WIDE && op != OP_LD_IMM64))
			continue;
		for (u32 n = 0; isa_case(op, n, &insn); n++) {
			if (op == OP_JA32 && insn.imm != (s16)insn.imm)
				continue; /* clang-19 takes far targets as labels only */
			count += insn_encode(&insn, want + count);
			insn_text(&insn, 0, DISASM_LLVM, text, sizeof(text));
			fprintf(file, "%s\n", text);
		}
	}
	if (file)
		fclose(file);
	snprintf(command, sizeof(command),
		 "cd %s && clang-19 -target bpf -mcpu=v4 -c t.s -o t.o && "
		 "llvm-objcopy-19 -O binary -j .text t.o t.bin",
		 dir);
	ok(file && !system(command), "clang-19 assembles our text");
	snprintf(path, sizeof(path), "%s/t.bin", dir);
	file = fopen(path, "r");
	read = file ? fread(got, 8, ARRAY_SIZE(got), file) : 0;
	if (file)
		fclose(file);
	for (u32 i = 0; i < count; i++)
		if (memcmp(&want[i], &got[i], 8)) {
			printf("# slot %u: %016llx, clang %016llx\n", i,
			       *(unsigned long long *)&want[i], *(unsigned long long *)&got[i]);
			break;
		}
	ok(read == count && !memcmp(want, got, count * 8), "… to the same %u slots", count);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	ok(!system(command), "cleaned up");
}

int main(void)
{
	every_row();
	random_ones();
	random_text();
	examples();
	errors();
	as_clang();
	return done();
}
