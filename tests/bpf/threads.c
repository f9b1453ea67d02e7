/* SPDX-License-Identifier: BSD-2-Clause */
/* Many threads at one hive: every run is counted, programs change under those that call them, objects come and go. */
#include <pthread.h>

#include "bpf/both.h"

enum { THREADS = 4, ROUNDS = 300, REPEAT = 20 };

static struct ask ask;
static int counter, array, wide;
static int targets[2];
static int failures;

static void check(int good)
{
	if (!good)
		__atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);
}

static int load(struct bpf_insn *insns, unsigned int count)
{
	return BPF(&ask, BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_XDP, .insn_cnt = count,
		   .insns = PTR(insns), .license = PTR("GPL"));
}

/* lock *(u64 *)(value 0 of map) += 1; return r0 */
static int counting(int map, int r0)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_LD | BPF_IMM | BPF_DW,
		  .dst_reg = 1,
		  .src_reg = BPF_PSEUDO_MAP_VALUE,
		  .imm = map },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = 1 },
		{ .code = BPF_STX | BPF_ATOMIC | BPF_DW,
		  .dst_reg = 1,
		  .src_reg = 2,
		  .imm = BPF_ADD },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = r0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return load(insns, sizeof(insns) / sizeof(insns[0]));
}

/* tail call to element 0, else return 9 */
static int calling(int map)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_LD | BPF_IMM | BPF_DW,
		  .dst_reg = 2,
		  .src_reg = BPF_PSEUDO_MAP_FD,
		  .imm = map },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = 0 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 9 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return load(insns, sizeof(insns) / sizeof(insns[0]));
}

static unsigned int run(int prog, unsigned int repeat)
{
	unsigned char packet[64] = { 0 };
	union bpf_attr attr = { .test = { .prog_fd = (__u32)prog,
					  .data_in = PTR(packet),
					  .data_size_in = 64,
					  .repeat = repeat } };

	check(ask_bpf(&ask, BPF_PROG_TEST_RUN, &attr, sizeof(attr)) == 0);
	return attr.test.retval;
}

static void *count(void *prog)
{
	for (int i = 0; i < ROUNDS; i++)
		check(run(*(int *)prog, REPEAT) == 2);
	return NULL;
}

static void *call(void *prog)
{
	for (int i = 0; i < ROUNDS; i++) {
		unsigned int r0 = run(*(int *)prog, REPEAT);

		check(r0 == 9 || r0 == 100 || r0 == 101);
	}
	return NULL;
}

static void *replace(void *arg)
{
	__u32 key = 0;

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		int prog = i % 7 ? targets[i % 2] : counting(counter, 100);

		check(!BPF(&ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)array, .key = PTR(&key),
			   .value = PTR(&prog)));
		if (i % 7 == 0)
			close(prog); /* only the array has it now */
		if (i % 5 == 0)
			BPF(&ask, BPF_MAP_DELETE_ELEM, .map_fd = (__u32)array, .key = PTR(&key));
	}
	return NULL;
}

static void *come_and_go(void *arg)
{
	__u64 base = (__u64)(unsigned long)arg * 1000000;

	for (__u64 i = 0; i < ROUNDS; i++) {
		int map = make_map(&ask, BPF_MAP_TYPE_HASH, 8, 8, 8);
		__u64 key = base + i, value = key * 3, back = 0;

		check(map >= 0);
		check(!BPF(&ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)wide, .key = PTR(&key),
			   .value = PTR(&value)));
		check(!BPF(&ask, BPF_MAP_LOOKUP_ELEM, .map_fd = (__u32)wide, .key = PTR(&key),
			   .value = PTR(&back)) &&
		      back == value);
		if (i % 2)
			check(!BPF(&ask, BPF_MAP_DELETE_ELEM, .map_fd = (__u32)wide,
				   .key = PTR(&key)));
		close(map);
	}
	return NULL;
}

static void *pin(void *arg)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/fs/bpf/t%ld", (long)arg);
	for (int i = 0; i < 20; i++) {
		int fd;

		if (!i)
			check(!BPF(&ask, BPF_OBJ_PIN, .pathname = PTR(path),
				   .bpf_fd = (__u32)counter));
		fd = BPF(&ask, BPF_OBJ_GET, .pathname = PTR(path));
		check(fd >= 0);
		close(fd);
	}
	return NULL;
}

int main(void)
{
	struct {
		pthread_t thread;
		void *(*run)(void *);
		void *arg;
	} threads[] = {
		{ .run = count },
		{ .run = count },
		{ .run = count },
		{ .run = call },
		{ .run = call },
		{ .run = replace },
		{ .run = come_and_go, .arg = (void *)1 },
		{ .run = come_and_go, .arg = (void *)2 },
		{ .run = pin, .arg = (void *)1 },
		{ .run = pin, .arg = (void *)2 },
	};
	int n = sizeof(threads) / sizeof(threads[0]), prog, caller, keys = 0;
	__u64 value = 0, key;
	__u32 zero = 0;

	if (skep_new(&ask.skep, NULL))
		return 1;
	counter = make_map(&ask, BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	int other = make_map(&ask, BPF_MAP_TYPE_ARRAY, 4, 8, 1);
	array = make_map(&ask, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4);
	wide = make_map(&ask, BPF_MAP_TYPE_HASH, 8, 8, 2 * ROUNDS);
	prog = counting(counter, 2);
	targets[0] = counting(other, 100);
	targets[1] = counting(other, 101);
	caller = calling(array);
	ok(prog >= 0 && caller >= 0 && targets[0] >= 0 && targets[1] >= 0, "programs (%d %d %d)",
	   prog, caller, targets[0]);
	for (int i = 0; i < n; i++) {
		if (threads[i].run == count)
			threads[i].arg = &prog;
		if (threads[i].run == call)
			threads[i].arg = &caller;
		pthread_create(&threads[i].thread, NULL, threads[i].run, threads[i].arg);
	}
	for (int i = 0; i < n; i++)
		pthread_join(threads[i].thread, NULL);
	is(failures, 0, "no call failed, no run went astray");
	BPF(&ask, BPF_MAP_LOOKUP_ELEM, .map_fd = (__u32)counter, .key = PTR(&zero),
	    .value = PTR(&value));
	ok(value >= 3ull * ROUNDS * REPEAT, "every run counted: %llu of at least %d", value,
	   3 * ROUNDS * REPEAT);
	for (int ret =
		     BPF(&ask, BPF_MAP_GET_NEXT_KEY, .map_fd = (__u32)wide, .next_key = PTR(&key));
	     !ret; keys++) {
		__u64 from = key;

		ret = BPF(&ask, BPF_MAP_GET_NEXT_KEY, .map_fd = (__u32)wide, .key = PTR(&from),
			  .next_key = PTR(&key));
	}
	is(keys, ROUNDS, "the keys that were left are there");
	close(counter), close(other), close(array), close(wide), close(prog), close(caller),
		close(targets[0]), close(targets[1]);
	skep_free(ask.skep);
	return done();
}
