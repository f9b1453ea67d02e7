/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * insn_check() against the running kernel: each instruction with each field that it does not use set,
 * every unknown opcode byte, registers above r10, second slots. Where we refuse, the kernel refuses
 * with the same errno and line; where we do not, its line is not one of the field check's.
 */
#include "isa.h"
#include "kernel.h"
#include "tap.h"

#include <string.h>

static char ours[256];

static int load(const struct bpf_insn *raw, u32 count)
{
	const struct hook filter = { .type = BPF_PROG_TYPE_SOCKET_FILTER };

	return kernel_try(&filter, raw, count, 1);
}

/* The line before the statistics. */
static const char *last_line(void)
{
	char *stats = strstr(kernel_log, "processed "), *line;

	if (stats && stats > kernel_log)
		stats[-1] = 0;
	line = strrchr(kernel_log, '\n');
	return line ? line + 1 : kernel_log;
}

static void keep(void *arg, const char *part, size_t len)
{
	(void)arg;
	strncat(ours, part, len);
}

/* All registers hold zeros but r1 = ctx and r6 = ctx; raw follows, then exit. */
static u32 surround(const struct bpf_insn *raw, u32 slots, struct bpf_insn *out)
{
	u32 count = 0;

	out[count++] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_X,
					  .dst_reg = 6,
					  .src_reg = 1 };
	for (u8 reg = 0; reg < 10; reg++)
		if (reg != 6 && reg != 1)
			out[count++] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K,
							  .dst_reg = reg };
	memcpy(out + count, raw, slots * sizeof(*raw));
	count += slots;
	if (raw->code != (BPF_JMP | BPF_EXIT)) {
		out[count++] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K };
		out[count++] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
	}
	return count;
}

static bool ours_only(const char *line)
{
	return strstr(line, "reserved fields") || strstr(line, "unknown opcode") ||
	       strstr(line, "is invalid\n");
}

/* 1: agrees. Loads of maps and BTF, kfuncs and casts are judged by their object first, so only our acceptance is compared. */
static bool agrees(const struct bpf_insn *raw, u32 slots)
{
	struct log log = { .write = keep };
	struct bpf_insn program[32];
	struct insn insn[2];
	const char *line;
	int want, got;

	insn_decode(raw, slots, insn);
	got = insn_check(insn, raw, NULL);
	if (!got && !insn_known(raw->code))
		got = -EINVAL, snprintf(ours, sizeof(ours), "unknown opcode %02x\n", raw->code);
	else
		ours[0] = 0, insn_complain(insn, raw, &log);
	want = load(program, surround(raw, slots, program));
	line = last_line();
	ours[strcspn(ours, "\n")] = 0;
	if (got ? want == got && !strcmp(line, ours) : !ours_only(line))
		return true;
	if (got && want &&
	    ((insn_is_wide(insn) && raw->src_reg) || insn->op == OP_CALL_KFUNC ||
	     insn->op == OP_ADDR_SPACE_CAST))
		return true;
	printf("# %02x %x %x %04hx %08x\n# kernel %d %s\n# ours   %d %s\n", raw->code, raw->dst_reg,
	       raw->src_reg, raw->off, raw->imm, want, line, got, ours);
	return false;
}

static const struct bpf_insn changes[] = {
	{ .dst_reg = 1 },  { .dst_reg = 11 }, { .dst_reg = 15 }, { .src_reg = 1 }, { .src_reg = 7 },
	{ .src_reg = 12 }, { .off = 1 },      { .off = 7 },	 { .off = -1 },	   { .imm = 1 },
	{ .imm = 7 },	   { .imm = -1 },     { .imm = 0x40 },
};

static void change_each_field(enum op op)
{
	u32 bad = 0;

	for (u32 c = 0; c < ARRAY_SIZE(changes); c++) {
		struct insn insn = insn_make(op, 2, 3, 0, 5);
		u8 has = insn_operands[op_info[op].format];
		struct bpf_insn raw[2];
		u32 slots;

		if (!(has & INSN_DST))
			insn.dst = 0;
		if (!(has & INSN_SRC) && insn.src == 3)
			insn.src = 0;
		if (!(has & INSN_IMM) && insn.imm == 5)
			insn.imm = 0;
		if (op == OP_ADDR_SPACE_CAST)
			insn.imm = 1;
		if (op == OP_JA32)
			insn.imm = 0;
		slots = insn_encode(&insn, raw);
		if (changes[c].dst_reg)
			raw->dst_reg = changes[c].dst_reg;
		if (changes[c].src_reg)
			raw->src_reg = changes[c].src_reg;
		if (changes[c].off && BPF_CLASS(raw->code) != BPF_JMP &&
		    BPF_CLASS(raw->code) != BPF_JMP32)
			raw->off = changes[c].off;
		if (changes[c].imm && op != OP_JA32 && op != OP_CALL_LOCAL)
			raw->imm = changes[c].imm;
		if (op == OP_CALL_LOCAL || op == OP_LD_FUNC ||
		    (op == OP_CALL_HELPER && raw->src_reg == 1))
			continue; /* control flow is judged first */
		bad += !agrees(raw, slots);
	}
	ok(!bad, "%s: each field set", op_info[op].name);
}

static void second_slots(void)
{
	struct bpf_insn raw[2] = { { .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 2 } };

	for (u32 c = 0; c < ARRAY_SIZE(changes); c++) {
		raw[1] = changes[c];
		ok(agrees(raw, 2), "second slot %u", c);
	}
	raw[1] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
	ok(agrees(raw, 2), "an instruction in the second slot");
}

static void every_byte(void)
{
	u32 bad = 0;

	for (u32 code = 0; code < 256; code++) {
		struct bpf_insn raw[2] = { { .code = (u8)code } };

		if (!insn_known(raw->code))
			bad += !agrees(raw, 1);
	}
	is(bad, 0, "unknown opcode bytes");
}

int main(void)
{
	struct bpf_insn nothing[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K },
				      { .code = BPF_JMP | BPF_EXIT } };

	if (load(nothing, 2)) {
		skip("bpf(2) is not permitted here");
		return done();
	}
	for (enum op op = OP_WIDE_HIGH + 1; op < OP_COUNT; op++)
		change_each_field(op);
	second_slots();
	every_byte();
	return done();
}
