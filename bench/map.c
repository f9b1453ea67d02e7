/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Benchmark of maps, buffers and helpers from inside a compiled program: each operation in a loop of
 * N steps, the same loop without it subtracted; the same program in the kernel, by BPF_PROG_TEST_RUN, where
 * bpf(2) is permitted. Rounds take turns; the median counts. Also: memory.
 * Two threads are bench/threads.c.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "map/perf_ring.h"
#include "program.h"

enum { ROUNDS = 21, RING = 1 << 20 };

static u32 nr_cpus = 2;

/* Of this thread's own time: what other processes take away does not count. */
static u64 own_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

/* ---- a place to run in ---- */

static void swallow(struct run *run, const char *line, size_t len)
{
	static char pipe[1 << 16];
	static u32 at;

	(void)run;
	at = at + len > sizeof(pipe) ? 0 : at;
	memcpy(pipe + at, line, len);
	at += (u32)len;
}

static void comm(struct task *task, char out[16])
{
	(void)task;
	memcpy(out, "bench", 6);
}

static const struct run_ops ops = { .trace = swallow };
static const struct task_ops task_ops = { .comm = comm };
static struct task task = { .ops = &task_ops, .pid = 1234, .tgid = 1234 };
static u8 stacks[2][RUN_STACK_SIZE] __attribute__((aligned(64)));

static struct run run_on(u32 cpu)
{
	return (struct run){
		.stack_top = stacks[cpu] + RUN_STACK_SIZE,
		.stack_low = stacks[cpu],
		.stack_cur = stacks[cpu] + RUN_STACK_SIZE,
		.cpu = cpu,
		.ops = &ops,
		.task = &task,
	};
}

/* What fix-ups make of a lookup in a plain array. */
static void lookup_inlined(struct text *t)
{
	struct map *map = (struct map *)(uintptr_t)t->map;

	if (t->kernel) {
		lookup(t);
		return;
	}
	KEY(2);
	emit(t, BPF_LDX | BPF_MEM | BPF_W, 0, 2, 0, 0);
	emit(t, BPF_JMP | BPF_JGE | BPF_K, 0, 0, 5, (s32)map->spec.max_entries);
	emit(t, BPF_ALU64 | BPF_LSH | BPF_K, 0, 0, 0, 3);
	emit(t, BPF_LD | BPF_IMM | BPF_DW, 1, 0, 0, (s32)(u64)(uintptr_t)map->values);
	emit(t, 0, 0, 0, 0, (s32)((u64)(uintptr_t)map->values >> 32));
	emit(t, BPF_ALU64 | BPF_ADD | BPF_X, 0, 1, 0, 0);
	emit(t, BPF_JMP | BPF_JA, 0, 0, 1, 0);
	MOVI(0, 0);
}

static void reserve_submit(struct text *t)
{
	MAP(1), MOVI(2, 64), MOVI(3, 0), CALL(ringbuf_reserve);
	emit(t, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 4, 0);
	emit(t, BPF_STX | BPF_MEM | BPF_DW, 0, 6, 0, 0);
	MOVR(1, 0), MOVI(2, BPF_RB_NO_WAKEUP), CALL(ringbuf_submit);
}

static void ring_output(struct text *t)
{
	MAP(1), MOVR(2, 10), ADDI(2, -64), MOVI(3, 64), MOVI(4, BPF_RB_NO_WAKEUP),
		CALL(ringbuf_output);
}

static void perf_output(struct text *t)
{
	MOVR(1, 9), MAP(2);
	emit(t, BPF_ALU | BPF_MOV | BPF_K, 3, 0, 0, -1);
	MOVR(4, 10), ADDI(4, -64), MOVI(5, 64), CALL(perf_event_output);
}

static void printk(struct text *t)
{
	/* "n=%d s=%d\n" at r10-80 */
	MOVR(1, 10), ADDI(1, -80), MOVI(2, 10), MOVR(3, 6), MOVI(4, 7), CALL(trace_printk);
}

static void ktime(struct text *t)
{
	CALL(ktime_get_ns);
}

static void prandom(struct text *t)
{
	CALL(get_prandom_u32);
}

static void pid_tgid(struct text *t)
{
	CALL(get_current_pid_tgid);
}

static const struct op op_table[] = {
	{ "array lookup, inlined", 1.5, BPF_MAP_TYPE_ARRAY, 4, 8, ENTRIES, 0, 0, 7919, ENTRIES, 0,
	  lookup_inlined },
	{ "array lookup, called", 0, BPF_MAP_TYPE_ARRAY, 4, 8, ENTRIES, 0, 0, 7919, ENTRIES, 0,
	  lookup },
	{ "per-CPU array lookup", 3, BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, ENTRIES, 0, 0, 7919, ENTRIES,
	  0, lookup },
	{ "array update", 0, BPF_MAP_TYPE_ARRAY, 4, 8, ENTRIES, 0, 0, 7919, ENTRIES, 0, update },
	{ "hash lookup, 10k", 16, BPF_MAP_TYPE_HASH, 8, 8, ENTRIES, 0, ENTRIES, 7919, ENTRIES, 0,
	  lookup },
	{ "hash lookup, miss", 12, BPF_MAP_TYPE_HASH, 8, 8, ENTRIES, 0, ENTRIES, 7919, ENTRIES,
	  ENTRIES, lookup },
	{ "hash update existing", 35, BPF_MAP_TYPE_HASH, 8, 8, ENTRIES, 0, ENTRIES, 7919, ENTRIES,
	  0, update },
	{ "hash insert + delete", 80, BPF_MAP_TYPE_HASH, 8, 8, ENTRIES + 10, 0, ENTRIES, 7919,
	  ENTRIES, ENTRIES, insert_remove },
	{ "per-CPU hash lookup", 0, BPF_MAP_TYPE_PERCPU_HASH, 8, 8, ENTRIES, 0, ENTRIES, 7919,
	  ENTRIES, 0, lookup },
	{ "lru_hash hit", 20, BPF_MAP_TYPE_LRU_HASH, 8, 8, ENTRIES, 0, ENTRIES, 7919, ENTRIES / 2,
	  0, lookup },
	{ "lru_hash new", 90, BPF_MAP_TYPE_LRU_HASH, 8, 8, ENTRIES / 10, 0, ENTRIES / 10, 7919,
	  100000, 0, update },
	{ "lpm_trie lookup, 10k", 45, BPF_MAP_TYPE_LPM_TRIE, 8, 8, ENTRIES, BPF_F_NO_PREALLOC,
	  ENTRIES, 7919, ENTRIES, 0, lookup },
	{ "ring buffer reserve + submit", 16, BPF_MAP_TYPE_RINGBUF, 0, 0, RING, 0, 0, 1, 1, 0,
	  reserve_submit },
	{ "ring buffer output", 0, BPF_MAP_TYPE_RINGBUF, 0, 0, RING, 0, 0, 1, 1, 0, ring_output },
	{ "perf output, batched", 80, BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 2, 0, 0, 1, 1, 0,
	  perf_output },
	{ "trace_printk", 250, BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0, 0, 1, 1, 0, printk },
	{ "ktime_get_ns", 0, BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0, 0, 1, 1, 0, ktime },
	{ "get_prandom_u32", 0, BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0, 0, 1, 1, 0, prandom },
	{ "get_current_pid_tgid", 0, BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0, 0, 1, 1, 0, pid_tgid },
};
/* ---- skep's side ---- */

struct ours {
	struct map *map;
	struct perf_ring *ring;
	struct code *code, *base;
	struct run run;
};

static void drop(struct map *map, void *object)
{
	(void)map, (void)object;
}

static bool ours_open(struct ours *o, const struct op *op)
{
	struct map_spec spec = {
		.type = op->type,
		.key_size = op->key_size,
		.value_size = op->value_size,
		.max_entries = op->entries,
		.flags = op->flags,
		.name = "bench",
		.nr_cpus = nr_cpus,
		.spin_lock_off = -1,
		.timer_off = -1,
	};
	struct text text = { 0 };
	u64 key, value[8] = { 1 };

	if (map_new(&o->map, &spec, NULL))
		return false;
	for (u32 i = 0; i < op->filled; i++) {
		key_of(op, i, &key);
		map_sys_update(o->map, &key, value, 0);
	}
	if (op->type == BPF_MAP_TYPE_PERF_EVENT_ARRAY) {
		struct perf_ring_spec ring = { .cpu = 0,
					       .sample_type = PERF_SAMPLE_RAW,
					       .wakeup = 1000000 };
		u32 index = 0;

		if (perf_ring_new(&o->ring, &ring) || perf_ring_mapped(o->ring, 4096 + RING))
			return false;
		perf_ring_enable(o->ring, true);
		o->map->drop = drop;
		o->map->ops->set_object(o->map, &index, o->ring, 1, 0);
	}
	text.map = (u64)(uintptr_t)o->map;
	program(&text, op, op->body);
	o->code = compile(&text);
	program(&text, op, nothing);
	o->base = compile(&text);
	o->run = run_on(0);
	return o->code && o->base;
}

/* The consumer, all at once. */
static void drain(void *pages, u32 type)
{
	struct perf_event_mmap_page *page = pages;

	if (type == BPF_MAP_TYPE_RINGBUF)
		__atomic_store_n((u64 *)pages, *(volatile u64 *)((u8 *)pages + 4096),
				 __ATOMIC_RELEASE);
	else
		__atomic_store_n(&page->data_tail, *(volatile __u64 *)&page->data_head,
				 __ATOMIC_RELEASE);
}

static double time_ours(struct ours *o, const struct code *code, void *pages, u32 type)
{
	enum { REPEAT = 2 };
	u64 total = 0;

	for (u32 i = 0; i < REPEAT; i++) {
		u64 since = own_time();

		code_run(code, NULL, &o->run);
		total += own_time() - since;
		if (pages)
			drain(pages, type);
	}
	return (double)total / REPEAT / STEPS;
}

/* ---- the kernel's ---- */

struct theirs {
	int map, code, base, event;
	void *pages;
};

static void open_event(struct theirs *k)
{
	struct perf_event_attr event = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(event) };
	union bpf_attr attr = { 0 };
	u32 index = 0;

	event.config = PERF_COUNT_SW_BPF_OUTPUT;
	event.sample_type = PERF_SAMPLE_RAW;
	event.sample_period = 1;
	event.wakeup_events = 1000000;
	k->event = (int)syscall(SYS_perf_event_open, &event, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	k->pages = mmap(NULL, 4096 + RING, PROT_READ | PROT_WRITE, MAP_SHARED, k->event, 0);
	attr.map_fd = (u32)k->map;
	attr.key = (u64)(uintptr_t)&index;
	attr.value = (u64)(uintptr_t)&k->event;
	bpf(BPF_MAP_UPDATE_ELEM, &attr);
}

static bool theirs_open(struct theirs *k, const struct op *op)
{
	union bpf_attr attr = { 0 };
	struct text text = { .kernel = true };
	u64 key, value[8] = { 1 };

	attr.map_type = op->type;
	attr.key_size = op->key_size;
	attr.value_size = op->value_size;
	attr.max_entries = op->entries;
	attr.map_flags = op->flags;
	k->map = (int)bpf(BPF_MAP_CREATE, &attr);
	if (k->map < 0)
		return false;
	for (u32 i = 0; i < op->filled; i++) {
		key_of(op, i, &key);
		attr = (union bpf_attr){ 0 };
		attr.map_fd = (u32)k->map;
		attr.key = (u64)(uintptr_t)&key;
		attr.value = (u64)(uintptr_t)value;
		bpf(BPF_MAP_UPDATE_ELEM, &attr);
	}
	k->pages = NULL;
	if (op->type == BPF_MAP_TYPE_RINGBUF) {
		u8 *consumer = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, k->map, 0);

		k->pages = mmap(NULL, 2 * 4096, PROT_READ, MAP_SHARED, k->map, 0);
		if (consumer == MAP_FAILED || k->pages == MAP_FAILED)
			return false;
		mmap(k->pages, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, k->map, 0);
		munmap(consumer, 4096);
	}
	if (op->type == BPF_MAP_TYPE_PERF_EVENT_ARRAY)
		open_event(k);
	text.map = (u32)k->map;
	program(&text, op, op->body);
	k->code = load(&text);
	program(&text, op, nothing);
	k->base = load(&text);
	return k->code >= 0 && k->base >= 0;
}

static double time_theirs(const struct theirs *k, int code, u32 type)
{
	enum { REPEAT = 2 };
	u8 packet[64] = { 0 };
	union bpf_attr attr = { 0 };
	double total = 0;

	for (u32 i = 0; i < (k->pages ? REPEAT : 1); i++) {
		attr = (union bpf_attr){ 0 };
		attr.test.prog_fd = (u32)code;
		attr.test.data_in = (u64)(uintptr_t)packet;
		attr.test.data_size_in = sizeof(packet);
		attr.test.repeat = k->pages ? 1 : REPEAT;
		if (bpf(BPF_PROG_TEST_RUN, &attr))
			return 0;
		total += attr.test.duration;
		if (k->pages)
			drain(k->pages, type);
	}
	return total / (k->pages ? REPEAT : 1) / STEPS;
}

/* ---- figures ---- */

static int by_value(const void *a, const void *b)
{
	return *(const double *)a < *(const double *)b ? -1 : 1;
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), by_value);
	return values[ROUNDS / 2];
}

static void measure(const struct op *op)
{
	double ours[ROUNDS], base[ROUNDS], kernel[ROUNDS], kernel_base[ROUNDS], mine, other;
	struct theirs k;
	struct ours o = { 0 };
	bool both;
	void *pages = NULL;

	if (!ours_open(&o, op)) {
		printf("%-32s cannot be made\n", op->name);
		return;
	}
	both = theirs_open(&k, op);
	if (op->type == BPF_MAP_TYPE_RINGBUF || o.ring) {
		int fd = o.ring ? perf_ring_memfd(o.ring) : o.map->ops->memfd(o.map);

		pages = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	}
	for (u32 i = 0; i < ROUNDS; i++) {
		base[i] = time_ours(&o, o.base, NULL, 0);
		ours[i] = time_ours(&o, o.code, pages, op->type);
		kernel_base[i] = both ? time_theirs(&k, k.base, 0) : 0;
		kernel[i] = both ? time_theirs(&k, k.code, op->type) : 0;
	}
	mine = median(ours) - median(base);
	other = median(kernel) - median(kernel_base);
	printf("%-32s %8.1f", op->name, mine);
	if (both)
		printf(" %8.1f %7.2f", other, mine / other);
	else
		printf(" %8s %7s", "-", "-");
	if (op->goal)
		printf(" %7.1f %s", op->goal, mine <= op->goal ? "" : "MISSED");
	printf("\n");
	fflush(stdout);
}

/* ---- memory ---- */

static u64 resident(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long size, pages = 0;

	if (!file || fscanf(file, "%lu %lu", &size, &pages) < 2)
		pages = 0;
	if (file)
		fclose(file);
	return pages * 4096;
}

static void memory(void)
{
	enum { MANY = 1000000 };
	struct map_spec spec = {
		.type = BPF_MAP_TYPE_HASH,
		.key_size = 8,
		.value_size = 8,
		.max_entries = MANY,
		.name = "many",
		.nr_cpus = nr_cpus,
		.spin_lock_off = -1,
		.timer_off = -1,
	};
	u64 before = resident();
	struct map *map;

	if (map_new(&map, &spec, NULL))
		return;
	for (u64 i = 0; i < MANY; i++)
		map_sys_update(map, &i, &i, 0);
	printf("hash of 1M u64 to u64: %.1f bytes an element (48)\n",
	       (double)(resident() - before) / MANY);
	map_free(map);
}

int main(int argc, char **argv)
{
	printf("%-32s %8s %8s %7s %7s\n", "ns", "skep", "kernel", "ratio", "goal");
	for (u32 i = 0; i < ARRAY_SIZE(op_table); i++)
		if (argc < 2 || strstr(op_table[i].name, argv[1]))
			measure(&op_table[i]);
	if (argc < 2)
		memory();
	return 0;
}
