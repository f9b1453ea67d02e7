/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inner maps are replaced, and their last fd closed, while programs read values in them: no program
 * ever sees a value that its maker did not put there, and none touches memory that is gone.
 */
#include <pthread.h>

#include "bpf/both.h"

enum { ROUNDS = 1500, REPEAT = 200, MARK = 0x5ca1ab1e, BIG = 65536 };

static struct ask ask;
static int stop, bad, runs;

/* r0 = value 0 of the inner map in slot 0 of outer, read by bpf_probe_read_kernel; 0 if the slot is empty */
static int reader(int outer)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = 10, .off = -8, .imm = 0 },
		{ .code = BPF_LD | BPF_IMM | BPF_DW,
		  .dst_reg = 1,
		  .src_reg = BPF_PSEUDO_MAP_FD,
		  .imm = outer },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -8 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_lookup_elem },
		{ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .imm = 0, .off = 11 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -8 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_lookup_elem },
		{ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .imm = 0, .off = 6 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 3, .src_reg = 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 1, .imm = -8 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = 8 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_probe_read_kernel },
		{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 0, .src_reg = 10, .off = -8 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return BPF(&ask, BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_SCHED_CLS,
		   .insn_cnt = sizeof(insns) / sizeof(insns[0]), .insns = PTR(insns),
		   .license = PTR("GPL"));
}

static void *run(void *arg)
{
	unsigned char packet[64] = { 0 };
	int prog = *(int *)arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		union bpf_attr attr = { .test = { .prog_fd = (__u32)prog,
						  .data_in = PTR(packet),
						  .data_size_in = 64,
						  .repeat = REPEAT } };
		int err = ask_bpf(&ask, BPF_PROG_TEST_RUN, &attr, sizeof(attr));

		if (err || (attr.test.retval != MARK && attr.test.retval != 0))
			__atomic_add_fetch(&bad, 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&runs, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

int main(void)
{
	unsigned int key = 0;
	unsigned long long value = MARK;
	int inner, outer, prog, failed = 0;
	pthread_t threads[2];

	if (skep_new(&ask.skep, NULL))
		return 1;
	inner = make_map(&ask, BPF_MAP_TYPE_ARRAY, 4, 8, BIG);
	outer = BPF(&ask, BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .key_size = 4,
		    .value_size = 4, .max_entries = 1, .inner_map_fd = (__u32)inner);
	prog = reader(outer);
	if (!ok(prog >= 0, "a program that reads inner maps: %d", prog))
		return done();
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, run, &prog);
	for (int i = 0; i < ROUNDS; i++) {
		int fresh = make_map(&ask, BPF_MAP_TYPE_ARRAY, 4, 8, BIG);

		failed += BPF(&ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)fresh, .key = PTR(&key),
			      .value = PTR(&value)) != 0;
		failed += BPF(&ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)outer, .key = PTR(&key),
			      .value = PTR(&fresh)) != 0;
		close(fresh);
		if (i % 7 == 0)
			failed += BPF(&ask, BPF_MAP_DELETE_ELEM, .map_fd = (__u32)outer,
				      .key = PTR(&key)) != 0;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	is(failed, 0, "every map was made and put in");
	is(bad, 0, "no program saw anything but what was put there");
	ok(runs > 0, "programs ran meanwhile");
	skep_free(ask.skep);
	return done();
}
