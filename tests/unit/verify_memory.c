/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A verification takes at most 64 MB, however large the program: 999,000 instructions of several kinds, thousands of
 * branches that all wait over a full stack, and loops that are walked state after state.
 */
#include <stdlib.h>

#include "tap.h"
#include "verify/verify.h"

enum { MOST = 999000, LIMIT = 64 << 20 };

static struct bpf_insn *insns;
static u32 count;

static void put(u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	insns[count++] = (struct bpf_insn){
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm
	};
}

static void unknown_in(u8 reg)
{
	put(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_prandom_u32);
	put(BPF_ALU64 | BPF_MOV | BPF_X, reg, 0, 0, 0);
}

static void fill_stack(void)
{
	for (s16 off = -512; off < 0; off += 8) {
		unknown_in(6);
		put(BPF_STX | BPF_MEM | BPF_DW, 10, 6, off, 0);
	}
}

static void read_stack(void)
{
	for (s16 off = -512; off < 0; off += 8)
		put(BPF_LDX | BPF_MEM | BPF_DW, 1, 10, off, 0);
}

static void only_calls(void)
{
	while (count < MOST - 2)
		put(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_prandom_u32);
}

static void only_jumps(void)
{
	while (count < MOST - 2)
		put(BPF_JMP | BPF_JA, 0, 0, 0, 0);
}

static void stores_and_loads(void)
{
	for (s32 i = 0; count < MOST - 8; i++) {
		put(BPF_ST | BPF_MEM | BPF_DW, 10, 0, (s16)(-8 * (1 + i % 64)), i);
		put(BPF_LDX | BPF_MEM | BPF_DW, 1, 10, (s16)(-8 * (1 + i % 64)), 0);
		put(BPF_LDX | BPF_MEM | BPF_H, 2, 10, (s16)(-8 * (1 + i % 64) + 2), 0);
		put(BPF_ALU64 | BPF_ADD | BPF_X, 1, 2, 0, 0);
	}
}

static void changing_stack(void)
{
	fill_stack();
	for (s32 i = 0; count < MOST - 80; i++) {
		unknown_in(6);
		for (s32 k = 0; k < 6; k++)
			put(BPF_STX | BPF_MEM | BPF_DW, 10, 6, (s16)(-8 * (1 + (i + 9 * k) % 64)),
			    0);
		put(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_prandom_u32);
	}
	read_stack();
}

static void waiting_branches(void)
{
	fill_stack();
	for (s32 i = 0; i < 8000; i++) {
		put(BPF_LDX | BPF_MEM | BPF_DW, 1, 10, (s16)(-8 * (1 + i % 64)), 0);
		put(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1, 7 * i);
		put(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, i);
		put(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0);
	}
	read_stack();
}

static void loop(void)
{
	fill_stack();
	put(BPF_ALU64 | BPF_MOV | BPF_K, 7, 0, 0, 0);
	unknown_in(6);
	for (s16 off = -512; off < -496; off += 8)
		put(BPF_STX | BPF_MEM | BPF_DW, 10, 6, off, 0);
	put(BPF_ALU64 | BPF_ADD | BPF_K, 7, 0, 0, 1);
	put(BPF_JMP | BPF_JLT | BPF_K, 7, 0, -6, 150000);
	read_stack();
}

static void check(const char *name, void (*make)(void))
{
	struct verify_env env = { .insns = insns,
				  .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
				  .gpl_compatible = true };
	struct verify_result *result;
	int err;

	count = 0;
	make();
	put(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	put(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	env.insn_count = count;
	err = verify_prog(&env, &result);
	if (!ok(!err && result->peak_memory <= LIMIT, "%s", name))
		printf("# err %d, %llu bytes, %u instructions processed\n", err,
		       (unsigned long long)result->peak_memory, result->processed);
	verify_free(result);
}

int main(void)
{
	insns = calloc(MOST, sizeof(*insns));
	if (!insns)
		return 1;
	check("999,000 calls", only_calls);
	check("999,000 jumps", only_jumps);
	check("999,000 stores and loads", stores_and_loads);
	check("123,000 states with a full stack that changes", changing_stack);
	check("8,000 branches that wait with a full stack", waiting_branches);
	check("900,000 instructions of a loop with a full stack", loop);
	free(insns);
	return done();
}
