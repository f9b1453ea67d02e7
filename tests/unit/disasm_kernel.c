/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * insn_text() in the kernel's style is what the running kernel prints. At log level 2 it lists the
 * program ("Live regs before insn:") before it judges it, so almost every form can be asked for.
 * Not comparable: what shows kernel addresses (map and BTF loads) and names of kfuncs.
 */
#include "isa.h"
#include "kernel.h"
#include "tap.h"

#include <string.h>

enum { AT = 4 };

static int load(const struct bpf_insn *raw, u32 count)
{
	const struct hook filter = { .type = BPF_PROG_TYPE_SOCKET_FILTER };

	return kernel_try(&filter, raw, count, 2);
}

/* The instruction between fillers, so that short jumps stay inside; a function to call at the end. */
static u32 surround(struct insn *insn, struct bpf_insn *raw)
{
	struct bpf_insn fill = { .code = BPF_ALU64 | BPF_MOV | BPF_K },
			leave = { .code = BPF_JMP | BPF_EXIT };
	u32 count = 0;

	if (op_info[insn->op].format == FORMAT_JCC_IMM ||
	    op_info[insn->op].format == FORMAT_JCC_REG)
		insn->off %= 3;
	if (insn->op == OP_JA || insn->op == OP_MAY_GOTO)
		insn->off = 0;
	if (insn->op == OP_JA32)
		insn->imm = 0;
	while (count < AT)
		raw[count++] = fill;
	count += insn_encode(insn, raw + count);
	while (count < AT + 5)
		raw[count++] = fill;
	raw[count++] = leave;
	if (insn->op == OP_CALL_LOCAL) {
		raw[AT].imm = insn->imm = (s32)count - AT - 1;
		raw[count++] = fill;
		raw[count++] = leave;
	}
	return count;
}

/* The text after "      4: .......... " of the listing, or NULL. */
static char *listed(void)
{
	char want[16], *line = strstr(kernel_log, "Live regs before insn:\n"), *end;

	snprintf(want, sizeof(want), "\n%7d: ", AT);
	line = line ? strstr(line, want) : NULL;
	if (!line)
		return NULL;
	line += strlen(want) + strlen(".......... ");
	end = strchr(line, '\n');
	if (end)
		*end = 0;
	return line;
}

static bool comparable(enum op op)
{
	return (op_info[op].format != FORMAT_WIDE || op == OP_LD_IMM64) && op != OP_CALL_KFUNC &&
	       op != OP_CALLX && op != OP_EXIT;
}

static void compare(enum op op)
{
	u32 seen = 0, differ = 0;
	struct bpf_insn raw[32];
	struct insn insn;
	char ours[256], *theirs;

	for (u32 n = 0; isa_case(op, n, &insn); n++) {
		u32 count = surround(&insn, raw);

		load(raw, count);
		theirs = listed();
		if (!theirs)
			continue;
		seen++;
		insn_text(&insn, AT, DISASM_KERNEL, ours, sizeof(ours));
		if (strcmp(ours, theirs) && differ++ < 3)
			printf("# kernel: %s\n# ours:   %s\n", theirs, ours);
	}
	ok(seen && !differ, "%s: %u texts", op_info[op].name, seen);
	if (!seen)
		printf("# %.*s\n", 300, kernel_log);
}

/* Every helper's number, and some that are none. */
static void helpers(void)
{
	struct bpf_insn raw[32];
	char ours[256], *theirs;
	u32 differ = 0;

	for (s32 number = -2; number < 230; number++) {
		struct insn insn = insn_make(OP_CALL_HELPER, 0, 0, 0, number);

		load(raw, surround(&insn, raw));
		theirs = listed();
		insn_text(&insn, AT, DISASM_KERNEL, ours, sizeof(ours));
		if ((!theirs || strcmp(ours, theirs)) && differ++ < 5)
			printf("# kernel: %s\n# ours:   %s\n", theirs, ours);
	}
	is(differ, 0, "helpers' names");
}

int main(void)
{
	struct bpf_insn nothing[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K },
				      { .code = BPF_JMP | BPF_EXIT } };

	if (load(nothing, 2)) {
		skip("bpf(2) is not permitted here");
		return done();
	}
	if (!strstr(kernel_log, "Live regs before insn:")) {
		skip("this kernel's log does not list the program");
		return done();
	}
	for (enum op op = OP_WIDE_HIGH + 1; op < OP_COUNT; op++)
		if (comparable(op))
			compare(op);
	helpers();
	return done();
}
