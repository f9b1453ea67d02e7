/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Benchmark of the verifier: straight, branchy, call-heavy and loop-heavy programs of 1,000 to
 * 100,000 instructions, each verified here and, where bpf(2) permits, loaded into the kernel, in
 * turns; medians. The kernel's time includes its JIT compiler, about a tenth of it.
 */
#include <math.h>
#include <time.h>

#include "../tests/verify/oracle.h"

enum { ROUNDS = 7, MOST = 1000000 };

static struct bpf_insn insns[MOST];
static u32 count;
static struct oracle oracle;

static void put(u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	insns[count++] = (struct bpf_insn){
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm
	};
}

static void finish(void)
{
	put(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	put(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void unknown(u8 reg)
{
	put(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_prandom_u32);
	put(BPF_ALU64 | BPF_MOV | BPF_X, reg, 0, 0, 0);
}

static void straight(u32 n)
{
	static const u8 ops[] = { BPF_ADD | BPF_K, BPF_ADD | BPF_X, BPF_AND | BPF_K,
				  BPF_MUL | BPF_X, BPF_LSH | BPF_K, BPF_XOR | BPF_K };

	unknown(6);
	unknown(7);
	for (u32 i = 0; i < n; i++) {
		u8 op = ops[i % 6];
		bool by_register = BPF_SRC(op) == BPF_X;

		put(BPF_ALU64 | op, (u8)(6 + i % 2), by_register ? (u8)(6 + (i + 1) % 2) : 0, 0,
		    by_register		    ? 0
		    : BPF_OP(op) == BPF_LSH ? 1
					    : (s32)i * 7919);
	}
	finish();
}

static void stack(u32 n)
{
	for (u32 i = 0; i < n; i += 4) {
		s16 off = (s16)(-8 * (s32)(1 + i % 40));

		put(BPF_ST | BPF_MEM | BPF_DW, 10, 0, off, (s32)i);
		put(BPF_LDX | BPF_MEM | BPF_DW, 1, 10, off, 0);
		put(BPF_STX | BPF_MEM | BPF_W, 10, 1, (s16)(off + 4), 0);
		put(BPF_LDX | BPF_MEM | BPF_B, 2, 10, off, 0);
	}
	finish();
}

static void branchy(u32 n)
{
	unknown(6);
	for (u32 i = 0; i < n; i += 8) {
		put(BPF_JMP | BPF_JEQ | BPF_K, 6, 0, 2, (s32)i + 100);
		put(BPF_ALU64 | BPF_MOV | BPF_K, 7, 0, 0, 1);
		put(BPF_JMP | BPF_JA, 0, 0, 1, 0);
		put(BPF_ALU64 | BPF_MOV | BPF_K, 7, 0, 0, 2);
		put(BPF_ALU64 | BPF_ADD | BPF_X, 7, 6, 0, 0);
		put(BPF_JMP | BPF_JGT | BPF_K, 7, 0, 1, 500);
		put(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 1);
		put(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 1);
	}
	finish();
}

static void calls(u32 n)
{
	for (u32 i = 0; i < n; i += 6) {
		put(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, (s32)i);
		put(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0);
		put(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -8);
		put(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, 1);
		put(0, 0, 0, 0, 0);
		put(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
	}
	finish();
}

/* n instructions are processed, few are there. */
static void loops(u32 n)
{
	put(BPF_ALU64 | BPF_MOV | BPF_K, 6, 0, 0, 0);
	put(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, 0);
	put(BPF_LDX | BPF_MEM | BPF_DW, 1, 10, -8, 0);
	put(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, 3);
	put(BPF_STX | BPF_MEM | BPF_DW, 10, 1, -8, 0);
	put(BPF_ALU64 | BPF_ADD | BPF_K, 6, 0, 0, 1);
	put(BPF_JMP | BPF_JLT | BPF_K, 6, 0, -5, (s32)n / 5);
	finish();
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* ns a processed instruction. */
static double measure(const char *name)
{
	struct question q = { .insns = insns, .count = count, .type = BPF_PROG_TYPE_SOCKET_FILTER };
	double ours[ROUNDS], kernel[ROUNDS], memory = 0, each;
	u32 processed = 1, rounds = count > 50000 ? 3 : ROUNDS;
	int ours_err = 0, kernel_err = 0;

	for (u32 i = 0; i < rounds; i++) {
		struct verify_result *r;
		double t = now_ms();

		ours_err = oracle_ours(&oracle, &q, &r);
		ours[i] = now_ms() - t;
		processed = r->processed;
		memory = (double)r->peak_memory / 1e6;
		verify_free(r);
		t = now_ms();
		kernel_err = oracle_kernel(&oracle, &q);
		kernel[i] = now_ms() - t;
	}
	qsort(ours, rounds, sizeof(*ours), by_value);
	qsort(kernel, rounds, sizeof(*kernel), by_value);
	each = ours[rounds / 2] * 1e6 / processed;
	printf("%-10s %7u %9u %9.2f %7.0f ", name, count, processed, ours[rounds / 2], each);
	if (kernel_err == -EPERM)
		printf("        -      -");
	else
		printf("%9.2f %6.2f", kernel[rounds / 2], ours[rounds / 2] / kernel[rounds / 2]);
	printf(" %7.1f%s\n", memory,
	       !ours_err == !kernel_err || kernel_err == -EPERM ? "" : "  other verdict");
	count = 0;
	return each;
}

int main(void)
{
	static const struct {
		const char *name;
		void (*make)(u32);
		bool geomean;
	} programs[] = {
		{ "straight", straight, true }, { "stack", stack, false },
		{ "branchy", branchy, true },	{ "calls", calls, true },
		{ "loops", loops, true },
	};
	double sum = 0;
	u32 n = 0;

	oracle_open(&oracle);
	printf("%-10s %7s %9s %9s %7s %9s %6s %7s\n", "program", "insns", "processed", "ms",
	       "ns/insn", "kernel ms", "ratio", "MB");
	for (u32 size = 1000; size <= 100000; size *= 10)
		for (u32 i = 0; i < ARRAY_SIZE(programs); i++) {
			double each;

			if (size > 10000 &&
			    (programs[i].make == branchy || programs[i].make == calls))
				continue; /* too many jumps for Linux; minutes in the kernel */
			programs[i].make(size);
			each = measure(programs[i].name);
			if (programs[i].geomean && size <= 10000)
				sum += log(each), n++;
		}
	printf("geomean of straight, branchy, calls, loops at 1,000 and 10,000: %.0f ns an instruction\n",
	       exp(sum / n));
	straight(999000);
	measure("straight");
	oracle_close(&oracle);
	return 0;
}
