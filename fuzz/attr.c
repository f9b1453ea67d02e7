/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random attributes for every command of bpf(2): fuzz/attr [SECONDS] [SEED].
 *
 * Fields are fds of live objects, of dead ones and of other files; sizes small, large and at the edges;
 * addresses of a scratch area, of nothing, and misaligned. Nothing may crash, and under
 * SAN=address,undefined nothing may leak or touch memory that is not its own. Prints the seed first, so
 * that a crash can be had again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "btf/btf.h"
#include "def/uapi.h"
#include "skep.h"
#include "util/types.h"

enum {
	POOL = 64,
	SCRATCH = 4 << 20,
	MARGIN = 3 << 20
}; /* MARGIN: a hundred of the largest values */

static u64 state;
static int pool[POOL];
static u8 scratch[SCRATCH] __attribute__((aligned(4096)));
static u64 made, rounds;
static u32 iter_ids
	[4]; /* BTF ids of the kernel's functions that iterators are named by; 0: no BTF here */

static u64 rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static u32 number(void)
{
	static const u32 edges[] = { 0,	  1,   2,    4,	    8,		16,	    64,
				     255, 256, 4096, 65535, 0x7fffffff, 0x80000000, 0xffffffff };

	switch (rnd() % 4) {
	case 0: return (u32)rnd() % 16;
	case 1: return edges[rnd() % ARRAY_SIZE(edges)];
	case 2: return (u32)pool[rnd() % POOL];
	default: return (u32)(rnd() >> rnd() % 64);
	}
}

static u64 address(void)
{
	switch (rnd() % 8) {
	case 0: return 0;
	case 1: return rnd() % 4096;
	case 2: return 0xffff800000000000ull + rnd() % 4096; /* no user's */
	default: return (u64)(uintptr_t)(scratch + rnd() % (SCRATCH - MARGIN) / 8 * 8);
	}
}

/* Programs of a few plausible instructions. */
static void random_insns(struct bpf_insn *insns, u32 count)
{
	static const u8 codes[] = { 0xb7, 0xbf, 0x07, 0x0f, 0x85, 0x18, 0x61, 0x63,
				    0x7b, 0x79, 0x15, 0x05, 0x95, 0x72, 0xdb };

	for (u32 i = 0; i < count; i++)
		insns[i] = (struct bpf_insn){
			.code = codes[rnd() % ARRAY_SIZE(codes)],
			.dst_reg = rnd() % 11,
			.src_reg = rnd() % 11,
			.off = (s16)(rnd() % 16 - 8),
			.imm = (s32)number(),
		};
	insns[count - 2] = (struct bpf_insn){ .code = 0xb7, .imm = (s32)(rnd() % 4) };
	insns[count - 1] = (struct bpf_insn){ .code = 0x95 };
}

/* An iterator's program that writes a byte of what it is shown, mostly. */
static void iter_prog(union bpf_attr *attr)
{
	const struct bpf_insn insns[] = {
		{ .code = 0x79, .dst_reg = 6, .src_reg = 1 },
		{ .code = 0x79, .dst_reg = 2, .src_reg = 1, .off = (s16)(8 * (rnd() % 4)) },
		{ .code = 0x79, .dst_reg = 1, .src_reg = 6 },
		{ .code = 0x15, .dst_reg = 2, .off = 3 },
		{ .code = 0x79, .dst_reg = 3, .src_reg = 2, .off = (s16)(rnd() % 64 * 8) },
		{ .code = 0xb7, .dst_reg = 3, .imm = (s32)(rnd() % 64) },
		{ .code = 0x85, .imm = BPF_FUNC_seq_write },
		{ .code = 0xb7, .imm = rnd() % 16 == 0 },
		{ .code = 0x95 },
	};

	memcpy(scratch, insns, sizeof(insns));
	if (rnd() % 4 == 0) /* walk on through what was read */
		((struct bpf_insn *)scratch)[5] = (struct bpf_insn){
			.code = 0x79, .dst_reg = 3, .src_reg = 3, .off = (s16)(rnd() % 64 * 8)
		};
	memset(attr, 0, sizeof(*attr));
	attr->prog_type = BPF_PROG_TYPE_TRACING;
	attr->expected_attach_type = BPF_TRACE_ITER;
	attr->attach_btf_id = iter_ids[rnd() % 4];
	attr->insns = (u64)(uintptr_t)scratch;
	attr->insn_cnt = ARRAY_SIZE(insns);
	attr->license = (u64)(uintptr_t) "GPL";
}

static void iter_link(union bpf_attr *attr)
{
	memset(attr, 0, sizeof(*attr));
	attr->link_create.prog_fd = (u32)pool[rnd() % POOL];
	attr->link_create.attach_type = BPF_TRACE_ITER;
	memset(scratch, 0, 64);
	memcpy(scratch, &pool[rnd() % POOL], 4);
	attr->link_create.iter_info = (u64)(uintptr_t)scratch;
	attr->link_create.iter_info_len = rnd() % 8 ? 16 : (u32)(rnd() % 64);
}

/* What looks like an address of ours, but for the scratch area, is not to be written to by chance. */
static void tame(union bpf_attr *attr)
{
	u64 *words = (u64 *)attr;

	for (u32 i = 0; i < sizeof(*attr) / 8; i++)
		if (words[i] >= 1 << 20 && words[i] < 0xffff800000000000ull &&
		    words[i] - (u64)(uintptr_t)scratch > SCRATCH - MARGIN)
			words[i] = (u32)words[i] & ((1 << 20) - 1);
}

static void random_attr(union bpf_attr *attr, int cmd)
{
	u32 *words = (u32 *)attr, used = (u32)(rnd() % (sizeof(*attr) / 4 + 1));

	memset(attr, 0, sizeof(*attr));
	for (u32 i = 0; i < used; i++)
		if (rnd() % 3)
			words[i] = number();
	/* pairs of words are addresses in most commands */
	for (u32 i = 2; i + 1 < used; i += 2)
		if (rnd() % 3 == 0) {
			u64 where = address();

			memcpy(&words[i], &where, 8);
		}
	if (cmd != BPF_MAP_CREATE) /* all numbers */
		tame(attr);
	if (cmd == BPF_MAP_CREATE) {
		attr->map_type = (u32)(rnd() % 36);
		attr->max_entries %= 5000;
		attr->value_size %= 5000;
		attr->key_size = rnd() % 2 ? 4 : attr->key_size % 600;
		attr->map_flags &= (u32)rnd() & (u32)rnd() & (u32)rnd();
		memset((u8 *)attr + 48, 0, rnd() % 4 ? sizeof(*attr) - 48 : 0);
		memset(attr->map_name, 0, rnd() % 8 ? sizeof(attr->map_name) : 0);
	}
	if (cmd == BPF_PROG_LOAD) {
		attr->insn_cnt = 2 + (u32)(rnd() % 20);
		attr->insns = (u64)(uintptr_t)scratch;
		random_insns((void *)scratch, attr->insn_cnt);
		attr->license = (u64)(uintptr_t) "GPL";
		attr->log_size %= 70000;
		memset((u8 *)attr + 48, 0, rnd() % 4 ? sizeof(*attr) - 48 : 0);
	}
	if (cmd == BPF_PROG_LOAD && rnd() % 2)
		iter_prog(attr);
	if (cmd == BPF_LINK_CREATE && rnd() % 2)
		iter_link(attr);
	if (cmd == BPF_ITER_CREATE && rnd() % 4)
		*attr = (union bpf_attr){ .iter_create.link_fd = (u32)pool[rnd() % POOL] };
	if (cmd == BPF_PROG_TEST_RUN)
		attr->test.repeat %= 3;
	if (cmd == BPF_MAP_LOOKUP_BATCH || cmd == BPF_MAP_UPDATE_BATCH ||
	    cmd == BPF_MAP_DELETE_BATCH || cmd == BPF_MAP_LOOKUP_AND_DELETE_BATCH)
		attr->batch.count %=
			100; /* what lies behind the scratch area is not to be written */
	if ((cmd == BPF_OBJ_PIN || cmd == BPF_OBJ_GET) && rnd() % 2) {
		snprintf((char *)scratch, 64, "/sys/fs/bpf/%c", (char)('a' + rnd() % 4));
		attr->pathname = (u64)(uintptr_t)scratch;
	}
}

static bool gives_fd(int cmd)
{
	switch (cmd) {
	case BPF_MAP_CREATE:
	case BPF_PROG_LOAD:
	case BPF_OBJ_GET:
	case BPF_PROG_GET_FD_BY_ID:
	case BPF_MAP_GET_FD_BY_ID:
	case BPF_BTF_GET_FD_BY_ID:
	case BPF_LINK_GET_FD_BY_ID:
	case BPF_RAW_TRACEPOINT_OPEN:
	case BPF_BTF_LOAD:
	case BPF_LINK_CREATE:
	case BPF_ENABLE_STATS:
	case BPF_ITER_CREATE: return true;
	default: return false;
	}
}

static void keep(int fd)
{
	u32 at = (u32)(rnd() % POOL);

	if (pool[at] > 2)
		close(pool[at]);
	pool[at] = fd;
	made++;
}

static void one_hive(void)
{
	struct skep_opts opts = { .sz = sizeof(opts), .nr_cpus = 2 };
	struct skep *skep;

	if (skep_new(&skep, &opts))
		exit(1);
	for (u32 i = 0; i < POOL; i++)
		pool[i] = i < 4 ? (int)i - 1 : -1;
	for (u32 i = 0; i < 20000; i++, rounds++) {
		static const u8 often[] = { BPF_MAP_CREATE, BPF_PROG_LOAD, BPF_LINK_CREATE,
					    BPF_ITER_CREATE };
		int cmd = rnd() % 4 == 0 ? often[rnd() % 4]
			  : rnd() % 3	 ? (int)(rnd() % 6)
					 : (int)(rnd() % (__MAX_BPF_CMD + 2)),
		    ret;
		union bpf_attr attr;

		random_attr(&attr, cmd);
		/* whole words: half an address could be one of ours */
		ret = skep_bpf(skep, cmd, &attr,
			       rnd() % 8 ? sizeof(attr)
					 : (u32)(rnd() % (sizeof(attr) / 8 + 1)) * 8);
		if (ret >= 0 && gives_fd(cmd))
			keep(ret);
	}
	for (u32 i = 0; i < POOL; i++)
		if (pool[i] > 2)
			close(pool[i]);
	skep_free(skep);
}

static void find_iterators(void)
{
	static const char *const names[] = { "bpf_iter_bpf_map", "bpf_iter_bpf_map_elem",
					     "bpf_iter_bpf_prog", "bpf_iter_bpf_link" };
	struct btf *btf;

	if (btf_open(&btf, "/sys/kernel/btf/vmlinux"))
		return;
	for (u32 i = 0; i < 4; i++)
		iter_ids[i] = (u32)max(btf_find(btf, names[i], BTF_KIND_FUNC), 0);
	btf_free(btf);
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 10);
	u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (u64)time(NULL);

	printf("attr: seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	find_iterators();
	state = seed * 0x9e3779b97f4a7c15ULL | 1;
	do
		one_hive();
	while (time(NULL) < end);
	printf("attr: %llu calls, %llu fds\n", (unsigned long long)rounds,
	       (unsigned long long)made);
	return 0;
}
