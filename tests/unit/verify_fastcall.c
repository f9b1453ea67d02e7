/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spills around inlined calls take no stack, and inlined loops do: the depths in the log at level 4 are the
 * running kernel's, where it may be asked.
 */
#include "verify/oracle.h"
#include "tap.h"

enum { FP = BPF_REG_10, CPU = BPF_FUNC_get_smp_processor_id, RANDOM = BPF_FUNC_get_prandom_u32 };

#define SPILL(reg, off)                                     \
	{                                                   \
		BPF_STX | BPF_MEM | BPF_DW, FP, reg, off, 0 \
	}
#define FILL(reg, off)                                      \
	{                                                   \
		BPF_LDX | BPF_MEM | BPF_DW, reg, FP, off, 0 \
	}
#define CALL_HELPER(nr)                         \
	{                                       \
		BPF_JMP | BPF_CALL, 0, 0, 0, nr \
	}
#define SET(reg, value)                                       \
	{                                                     \
		BPF_ALU64 | BPF_MOV | BPF_K, reg, 0, 0, value \
	}
#define END                                    \
	SET(0, 0),                             \
	{                                      \
		BPF_JMP | BPF_EXIT, 0, 0, 0, 0 \
	}

static struct oracle oracle;

static const char *depth_of(const char *log)
{
	static char text[2][64];
	static int turn;
	const char *at = strstr(log, "stack depth ");
	char *out = text[turn++ & 1];

	snprintf(out, sizeof(text[0]), "%.*s", at ? (int)strcspn(at, "\n") : 0, at ? at : "");
	return out;
}

static void check(const char *name, const struct bpf_insn *insns, u32 count, const char *want)
{
	struct question q = {
		.insns = insns, .count = count, .type = BPF_PROG_TYPE_RAW_TRACEPOINT, .level = 4
	};
	int err = oracle_ours(&oracle, &q, NULL);

	if (!ok(!err && !strcmp(depth_of(oracle.ours_log) + 12, want), "%s: %s", name, want))
		printf("# got %d %s\n", err, oracle.ours_log);
	if (!oracle.kernel) {
		skip("bpf(2) is not permitted here");
		return;
	}
	err = oracle_kernel(&oracle, &q);
	if (!ok(!err && !strcmp(depth_of(oracle.kernel_log) + 12, want), "%s: the kernel's depth",
		name))
		printf("# kernel %d %s\n", err, oracle.kernel_log);
}

#define CHECK(name, want, ...)                          \
	check(name, (struct bpf_insn[]){ __VA_ARGS__ }, \
	      ARRAY_SIZE(((struct bpf_insn[]){ __VA_ARGS__ })), want)

int main(void)
{
	oracle_open(&oracle);
	CHECK("two registers", "0", SET(1, 1), SET(2, 2), SPILL(1, -8), SPILL(2, -16),
	      CALL_HELPER(CPU), FILL(2, -16), FILL(1, -8), END);
	CHECK("the lowest one is not the innermost", "16", SET(1, 1), SET(2, 2), SPILL(1, -16),
	      SPILL(2, -8), CALL_HELPER(CPU), FILL(2, -8), FILL(1, -16), END);
	CHECK("below the program's own", "8", SET(1, 1),
	      { BPF_ST | BPF_MEM | BPF_DW, FP, 0, -8, 0 }, SPILL(1, -16), CALL_HELPER(CPU),
	      FILL(1, -16), END);
	CHECK("a helper that is called", "8", SET(1, 1), SPILL(1, -8), CALL_HELPER(RANDOM),
	      FILL(1, -8), END);
	CHECK("both kinds", "8", SET(1, 1), SPILL(1, -8), CALL_HELPER(CPU), FILL(1, -8),
	      SPILL(1, -8), CALL_HELPER(RANDOM), FILL(1, -8), END);
	CHECK("read elsewhere", "8", SET(1, 1), SPILL(1, -8), CALL_HELPER(CPU), FILL(1, -8),
	      FILL(2, -8), END);
	CHECK("written elsewhere", "8", SET(1, 1), { BPF_ST | BPF_MEM | BPF_DW, FP, 0, -8, 0 },
	      SPILL(1, -8), CALL_HELPER(CPU), FILL(1, -8), END);
	CHECK("a result is kept", "8", SET(1, 1), SET(0, 1), SPILL(0, -8), CALL_HELPER(CPU),
	      FILL(0, -8), END);
	CHECK("other registers", "8", SET(1, 1), SET(2, 1), SPILL(1, -8), CALL_HELPER(CPU),
	      FILL(2, -8), END);
	CHECK("a jump into the pattern", "8", SET(1, 1), SPILL(1, -8),
	      { BPF_JMP | BPF_JA, 0, 0, 0, 0 }, CALL_HELPER(CPU), FILL(1, -8), END);
	CHECK("a jump between", "8", SET(1, 1), SPILL(1, -8),
	      { BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0, 2 }, CALL_HELPER(CPU), FILL(1, -8), END);
	CHECK("may_goto counts", "24", SET(1, 1), SPILL(1, -8), { BPF_JMP | BPF_JCOND, 0, 0, 1, 0 },
	      { BPF_JMP | BPF_JA, 0, 0, -2, 0 }, END);
	CHECK("may_goto to the next instruction does not", "8", SET(1, 1), SPILL(1, -8),
	      { BPF_JMP | BPF_JCOND, 0, 0, 0, 0 }, END);
	oracle_close(&oracle);
	return done();
}
