/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two threads on one map: how many times the work of one they do, each pinned to a CPU and with keys of its own;
 * beside it what the machine gives at best (no map; a map for each), and the kernel on the same programs. Each
 * thread works until both have done their run, so that a run is timed with the other at work all along; while
 * one is timed alone the other holds its CPU and does nothing there. Where permitted the threads go before all
 * other work (SCHED_FIFO); a round in which one lost its CPU is thrown away; of the others the median counts.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "program.h"
#include "util/lock.h"

enum { ROUNDS = 61, TRIES = 300, WARM = 4 };

static const struct run_ops ops;
static const struct task_ops task_ops;
static struct task task = { .ops = &task_ops, .pid = 1, .tgid = 1 };
static u8 stacks[2][RUN_STACK_SIZE] __attribute__((aligned(128)));

/* One thread and what it runs. */
struct hammer {
	struct run run;
	struct map *map;
	struct code *code;
	int kernel_map, kernel_code;
	u64 took;  /* ns for its share, 0: it was disturbed */
	u32 place; /* the CPU it is pinned to */
} __attribute__((aligned(128)));

enum side { SKEP, KERNEL };

static struct hammer hammers[2];
static struct {
	u32 wanted;	       /* the round that the second thread is to do */
	u32 here, go;	       /* the second thread holds its CPU; it may begin */
	u32 ready, done, left; /* how many threads: are warm, have done their run, are out */
	u32 stop;
	enum side side;
} shared __attribute__((aligned(128)));

static u64 now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

static void run_once(struct hammer *h, enum side side)
{
	union bpf_attr attr = { 0 };
	static u8 packet[64];

	if (side == SKEP) {
		code_run(h->code, NULL, &h->run);
		return;
	}
	attr.test.prog_fd = (u32)h->kernel_code;
	attr.test.data_in = (u64)(uintptr_t)packet;
	attr.test.data_size_in = sizeof(packet);
	attr.test.repeat = 1;
	bpf(BPF_PROG_TEST_RUN, &attr);
}

static long switches(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nivcsw + usage.ru_nvcsw;
}

/* A run: ns, or 0 if somebody else had the CPU meanwhile. */
static u64 work(struct hammer *h, enum side side)
{
	long before = switches();
	u64 since = now(CLOCK_MONOTONIC);

	run_once(h, side);
	since = now(CLOCK_MONOTONIC) - since;
	return switches() == before ? since : 0;
}

/* Caches and branch predictors know the program then. */
static void warm(struct hammer *h, enum side side)
{
	for (u32 i = 0; i < WARM; i++)
		run_once(h, side);
}

static void pin(u32 cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void wait_for(u32 *word, u32 value)
{
	for (u32 tries = 0; __atomic_load_n(word, __ATOMIC_ACQUIRE) != value; tries++)
		lock_pause(tries & 4095 ? 0 : 63);
}

/* Both threads' part of a round: the own run, then more of the same until the other has done its own. */
static void together(struct hammer *h)
{
	__atomic_fetch_add(&shared.ready, 1, __ATOMIC_ACQ_REL);
	wait_for(&shared.ready, 2);
	warm(h, shared.side);
	h->took = work(h, shared.side);
	__atomic_fetch_add(&shared.done, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&shared.done, __ATOMIC_ACQUIRE) != 2)
		run_once(h, shared.side);
	__atomic_fetch_add(&shared.left, 1, __ATOMIC_ACQ_REL);
}

static void *second(void *arg)
{
	(void)arg;
	pin(hammers[1].place);
	for (u32 round = 1;; round++) {
		while (__atomic_load_n(&shared.wanted, __ATOMIC_ACQUIRE) != round)
			usleep(20);
		if (__atomic_load_n(&shared.stop, __ATOMIC_ACQUIRE))
			return NULL;
		__atomic_store_n(&shared.here, 1, __ATOMIC_RELEASE);
		wait_for(&shared.go, 1);
		together(&hammers[1]);
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

struct figure {
	double one; /* ns a step of either thread's work, alone */
	double times;
	u32 rounds;
};

/* Rounds of one thread and rounds of both take turns. */
static struct figure measure(enum side side)
{
	double one[ROUNDS], times[ROUNDS];
	u32 count = 0;

	shared.side = side;
	for (u32 i = 0; i < TRIES && count < ROUNDS; i++) {
		u64 alone[2];

		usleep(500);
		shared.here = shared.go = shared.ready = shared.done = shared.left = 0;
		__atomic_fetch_add(&shared.wanted, 1, __ATOMIC_ACQ_REL);
		wait_for(&shared.here, 1);
		for (u32 which = 0; which < 2; which++) {
			warm(&hammers[which], side);
			alone[which] = work(&hammers[which], side);
		}
		__atomic_store_n(&shared.go, 1, __ATOMIC_RELEASE);
		together(&hammers[0]);
		wait_for(&shared.left, 2);
		if (!alone[0] || !alone[1] || !hammers[0].took || !hammers[1].took)
			continue;
		one[count] = ((double)alone[0] + (double)alone[1]) / 2;
		times[count++] = (double)alone[0] / (double)hammers[0].took +
				 (double)alone[1] / (double)hammers[1].took;
	}
	if (!count)
		return (struct figure){ 0 };
	qsort(one, count, sizeof(*one), by_value);
	qsort(times, count, sizeof(*times), by_value);
	return (struct figure){ .one = one[count / 2] / STEPS,
				.times = times[count / 2],
				.rounds = count };
}

/* ---- the work ---- */

/* Registers only: divisions that wait for each other. */
static void divide(struct text *t)
{
	MOVI(0, -1);
	for (u32 i = 0; i < 4; i++)
		emit(t, BPF_ALU64 | BPF_OR | BPF_K, 0, 0, 0, 0x7fffffff),
			emit(t, BPF_ALU64 | BPF_DIV | BPF_X, 0, 7, 0, 0);
}

/* What programs do most: count in the value. */
static void add(struct text *t)
{
	lookup(t);
	emit(t, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0);
	MOVI(1, 1);
	emit(t, BPF_STX | BPF_ATOMIC | BPF_DW, 0, 1, 0, BPF_ADD);
}

struct row {
	const char *name;
	struct op op; /* the first thread's keys; the second's are shift further */
	u32 shift;
	bool own_maps;
};

#define HASH(type) BPF_MAP_TYPE_##type, 8, 8, ENTRIES, 0, ENTRIES, 0, ENTRIES / 2, 0
#define LRU(flags) BPF_MAP_TYPE_LRU_HASH, 8, 8, ENTRIES / 10, flags, 0, 7919, 100000, 0

static const struct row rows[] = {
	{ "no map",
	  { "", 0, BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0, 0, 7919, ENTRIES, 1, divide },
	  0,
	  false },
	{ "a hash each, lookup", { "", 0, HASH(HASH), lookup }, ENTRIES / 2, true },
	{ "a hash each, update", { "", 0, HASH(HASH), update }, ENTRIES / 2, true },
	{ "an lru_hash each, new keys", { "", 0, LRU(0), update }, 100000, true },
	{ "hash, lookup", { "", 1.7, HASH(HASH), lookup }, ENTRIES / 2, false },
	{ "hash, update", { "", 1.7, HASH(HASH), update }, ENTRIES / 2, false },
	{ "hash, lookup and add", { "", 0, HASH(HASH), add }, ENTRIES / 2, false },
	{ "hash, insert and delete",
	  { "", 0, BPF_MAP_TYPE_HASH, 8, 8, 2 * ENTRIES, 0, 0, 0, ENTRIES / 2, 0, insert_remove },
	  ENTRIES / 2,
	  false },
	{ "percpu_hash, update", { "", 0, HASH(PERCPU_HASH), update }, ENTRIES / 2, false },
	{ "lru_hash, hit", { "", 0, HASH(LRU_HASH), lookup }, ENTRIES / 2, false },
	{ "lru_hash, update", { "", 0, HASH(LRU_HASH), update }, ENTRIES / 2, false },
	{ "lru_hash, new keys", { "", 0, LRU(0), update }, 100000, false },
	{ "lru_hash, new, NO_COMMON_LRU",
	  { "", 0, LRU(BPF_F_NO_COMMON_LRU), update },
	  100000,
	  false },
};

static struct map *map_of(const struct op *op)
{
	struct map_spec spec = {
		.type = op->type,
		.key_size = op->key_size,
		.value_size = op->value_size,
		.max_entries = op->entries,
		.flags = op->flags,
		.name = "bench",
		.nr_cpus = 2,
		.spin_lock_off = -1,
		.timer_off = -1,
	};
	struct map *map;

	if (map_new(&map, &spec, NULL))
		exit(1);
	return map;
}

static int kernel_map_of(const struct op *op)
{
	union bpf_attr attr = { .map_type = op->type,
				.key_size = op->key_size,
				.value_size = op->value_size,
				.max_entries = op->entries,
				.map_flags = op->flags };

	return (int)bpf(BPF_MAP_CREATE, &attr);
}

/* Each thread puts in its own keys, on its CPU. */
static void fill(const struct row *row)
{
	for (u32 i = 0; i < 2; i++) {
		struct hammer *h = &hammers[i], filler = *h;
		struct text text = { .map = (u64)(uintptr_t)h->map };
		struct op op = row->op;

		op.key_mul = 1;
		op.key_add += i * row->shift;
		program(&text, &op, update);
		filler.code = compile(&text);
		text.map = (u32)h->kernel_map;
		program(&text, &op, update);
		filler.kernel_code = h->kernel_map < 0 ? -1 : load(&text);
		pin(h->place);
		run_once(&filler, SKEP);
		run_once(&filler, KERNEL);
		code_free(filler.code);
		close(filler.kernel_code);
	}
	pin(hammers[0].place);
}

static bool open_row(const struct row *row)
{
	bool kernel = true;

	for (u32 i = 0; i < 2; i++) {
		struct hammer *h = &hammers[i];
		struct op op = row->op;
		struct text text = { 0 };

		if (i && !row->own_maps) {
			h->map = hammers[0].map;
			h->kernel_map = hammers[0].kernel_map;
		} else {
			h->map = map_of(&op);
			h->kernel_map = kernel_map_of(&op);
		}
		op.key_add += i * row->shift;
		text.map = (u64)(uintptr_t)h->map;
		program(&text, &op, op.body);
		h->code = compile(&text);
		text.map = (u32)h->kernel_map;
		program(&text, &op, op.body);
		h->kernel_code = h->kernel_map < 0 ? -1 : load(&text);
		kernel = kernel && h->kernel_code >= 0;
		h->run = (struct run){ .stack_top = stacks[i] + RUN_STACK_SIZE,
				       .stack_low = stacks[i],
				       .stack_cur = stacks[i] + RUN_STACK_SIZE,
				       .cpu = i,
				       .ops = &ops,
				       .task = &task };
	}
	if (row->op.filled)
		fill(row);
	return kernel;
}

static void close_row(const struct row *row)
{
	for (u32 i = 0; i < 2; i++) {
		code_free(hammers[i].code);
		close(hammers[i].kernel_code);
		if (!i || row->own_maps) {
			map_free(hammers[i].map);
			close(hammers[i].kernel_map);
		}
	}
}

static void show(const struct row *row)
{
	bool kernel = open_row(row);
	struct figure ours = measure(SKEP), theirs = { 0 };

	if (kernel)
		theirs = measure(KERNEL);
	printf("%-30s %8.1f %8.2f %8u", row->name, ours.one, ours.times, ours.rounds);
	if (theirs.rounds)
		printf(" %8.1f %8.2f", theirs.one, theirs.times);
	else
		printf(" %8s %8s", "-", "-");
	if (row->op.goal)
		printf(" %6.1f %s", row->op.goal, ours.times >= row->op.goal ? "" : "MISSED");
	printf("\n");
	fflush(stdout);
	close_row(row);
}

/* The first two CPUs that there are; false if there is but one. */
static bool places(void)
{
	cpu_set_t set;
	u32 count = 0;

	sched_getaffinity(0, sizeof(set), &set);
	for (u32 cpu = 0; cpu < CPU_SETSIZE && count < 2; cpu++)
		if (CPU_ISSET(cpu, &set))
			hammers[count++].place = cpu;
	return count == 2;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (!places()) {
		printf("two threads: this process has only one CPU\n");
		return 0;
	}
	pin(hammers[0].place);
	sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 1 });
	pthread_create(&thread, NULL, second, NULL);
	printf("%-30s %8s %8s %8s %8s %8s %6s\n", "two threads", "ns, one", "times", "rounds",
	       "kernel", "times", "goal");
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		if (argc < 2 || strstr(rows[i].name, argv[1]))
			show(&rows[i]);
	__atomic_store_n(&shared.stop, 1, __ATOMIC_RELEASE);
	__atomic_fetch_add(&shared.wanted, 1, __ATOMIC_ACQ_REL);
	pthread_join(thread, NULL);
	return 0;
}
