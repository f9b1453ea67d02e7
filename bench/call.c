/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Benchmark of bpf(2) itself: what one call costs through skep_bpf() and, where permitted, through the
 * kernel. Both sides take turns; the median of the rounds counts.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "def/uapi.h"
#include "skep.h"
#include "util/types.h"

enum { ROUNDS = 15, CALLS = 500 };
#define PTR(x) ((u64)(uintptr_t)(x))

struct side {
	struct skep *skep; /* NULL: the kernel */
	int hash, prog;
};

static int call(struct side *side, int cmd, union bpf_attr *attr)
{
	return side->skep ? skep_bpf(side->skep, cmd, attr, sizeof(*attr))
			  : (int)syscall(__NR_bpf, cmd, attr, sizeof(*attr));
}

static int make_hash(struct side *side)
{
	return call(side, BPF_MAP_CREATE,
		    &(union bpf_attr){ .map_type = BPF_MAP_TYPE_HASH,
				       .key_size = 4,
				       .value_size = 8,
				       .max_entries = 1000 });
}

static int load(struct side *side)
{
	static const struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 2 },
						 { .code = BPF_JMP | BPF_EXIT } };

	return call(side, BPF_PROG_LOAD,
		    &(union bpf_attr){ .prog_type = BPF_PROG_TYPE_XDP,
				       .insns = PTR(insns),
				       .insn_cnt = 2,
				       .license = PTR("GPL") });
}

static u32 key = 7;
static u64 value = 1;

static void lookup(struct side *side)
{
	call(side, BPF_MAP_LOOKUP_ELEM,
	     &(union bpf_attr){
		     .map_fd = (u32)side->hash, .key = PTR(&key), .value = PTR(&value) });
}

static void update(struct side *side)
{
	call(side, BPF_MAP_UPDATE_ELEM,
	     &(union bpf_attr){
		     .map_fd = (u32)side->hash, .key = PTR(&key), .value = PTR(&value) });
}

static void create(struct side *side)
{
	close(make_hash(side));
}
static void load_close(struct side *side)
{
	close(load(side));
}

static void info(struct side *side)
{
	struct bpf_prog_info prog = { 0 };

	call(side, BPF_OBJ_GET_INFO_BY_FD,
	     &(union bpf_attr){ .info = { .bpf_fd = (u32)side->prog,
					  .info_len = sizeof(prog),
					  .info = PTR(&prog) } });
}

static void test_run(struct side *side)
{
	static u8 packet[64];

	call(side, BPF_PROG_TEST_RUN,
	     &(union bpf_attr){ .test = { .prog_fd = (u32)side->prog,
					  .data_in = PTR(packet),
					  .data_size_in = sizeof(packet) } });
}

static const struct {
	const char *name;
	void (*run)(struct side *side);
} rows[] = {
	{ "look up an element", lookup },      { "update an element", update },
	{ "create and close a hash", create }, { "load and close a program", load_close },
	{ "information on a program", info },  { "test run, one packet", test_run },
};

static double time_of(struct side *side, void (*run)(struct side *side))
{
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 0; i < CALLS; i++)
		run(side);
	clock_gettime(CLOCK_MONOTONIC, &to);
	return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) /
	       CALLS;
}

static int compare(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return (d > 0) - (d < 0);
}

int main(void)
{
	struct side ours = { 0 }, kernel = { 0 };

	if (skep_new(&ours.skep, NULL))
		return 1;
	ours.hash = make_hash(&ours);
	ours.prog = load(&ours);
	kernel.hash = make_hash(&kernel);
	kernel.prog = load(&kernel);
	update(&ours);
	update(&kernel);
	printf("%-28s %8s %8s %7s\n", "ns a call of bpf(2)", "skep", "kernel", "ratio");
	for (size_t r = 0; r < ARRAY_SIZE(rows); r++) {
		double mine[ROUNDS], its[ROUNDS];

		for (int i = 0; i < ROUNDS; i++) {
			mine[i] = time_of(&ours, rows[r].run);
			its[i] = kernel.prog < 0 ? 0 : time_of(&kernel, rows[r].run);
		}
		qsort(mine, ROUNDS, sizeof(mine[0]), compare);
		qsort(its, ROUNDS, sizeof(its[0]), compare);
		printf("%-28s %8.0f", rows[r].name, mine[ROUNDS / 2]);
		if (kernel.prog < 0)
			printf(" %8s\n", "-");
		else
			printf(" %8.0f %7.2f\n", its[ROUNDS / 2],
			       mine[ROUNDS / 2] / its[ROUNDS / 2]);
	}
	skep_free(ours.skep);
	return 0;
}
