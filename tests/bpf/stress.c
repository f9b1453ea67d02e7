/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs on several threads, bpf(2) callers and a reader at once, with every count verified: a key that stays is never
 * missed while its neighbours come and go, no addition is lost, every record of a ring buffer is read or counted as refused.
 */
#include <pthread.h>
#include <sys/mman.h>

#include "bpf/both.h"
#include "bpf/text.h"

enum {
	RUNNERS = 3,
	CHANGERS = 2,
	RUNS = 60,
	REPEAT = 20,
	STAY = 16,
	COME = 48,
	RING = 4096,
};
enum { MISSED, SENT, REFUSED, COUNTS };

static struct ask ask;
static int hash, counts, ring, prog;
static int failures, running;
static unsigned long long received, wrong;

static void check(int good)
{
	if (!good)
		__atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);
}

static void load_map(struct text *t, int fd)
{
	emit(t, BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, fd);
	emit(t, 0, 0, 0, 0, 0);
}

static void stack_address(struct text *t, int reg, int off)
{
	emit(t, BPF_ALU64 | BPF_MOV | BPF_X, reg, 10, 0, 0);
	emit(t, BPF_ALU64 | BPF_ADD | BPF_K, reg, 0, 0, off);
}

/* lock *(u64 *)(value of the key at r10 + off) += 1, where there is one: r0 is NULL where not. */
static void count_up(struct text *t, int map, int off)
{
	load_map(t, map);
	stack_address(t, 2, off);
	emit(t, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
	emit(t, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0);
	emit(t, BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 1);
	emit(t, BPF_STX | BPF_ATOMIC | BPF_DW, 0, 1, 0, BPF_ADD);
}

static void count_in(struct text *t, int which)
{
	emit(t, BPF_ST | BPF_MEM | BPF_W, 10, 0, -12, which);
	count_up(t, counts, -12);
}

/* Every key that stays, once; then a record. */
static int load(void)
{
	struct text t = { .count = 0 };
	unsigned int loop, skip;

	emit(&t, BPF_ALU64 | BPF_MOV | BPF_K, 6, 0, 0, 0);
	loop = t.count;
	emit(&t, BPF_STX | BPF_MEM | BPF_DW, 10, 6, -8, 0);
	count_up(&t, hash, -8);
	skip = t.count;
	emit(&t, BPF_JMP | BPF_JNE | BPF_K, 0, 0, 0, 0);
	count_in(&t, MISSED);
	t.insns[skip].off = (short)(t.count - skip - 1);
	emit(&t, BPF_ALU64 | BPF_ADD | BPF_K, 6, 0, 0, 1);
	emit(&t, BPF_JMP | BPF_JLT | BPF_K, 6, 0, (int)loop - (int)t.count - 1, STAY);
	load_map(&t, ring);
	stack_address(&t, 2, -8);
	emit(&t, BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 8);
	emit(&t, BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, 0);
	emit(&t, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ringbuf_output);
	skip = t.count;
	emit(&t, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 0, 0);
	count_in(&t, REFUSED);
	t.insns[skip].off = (short)(t.count - skip);
	skip = t.count;
	emit(&t, BPF_JMP | BPF_JA, 0, 0, 0, 0);
	count_in(&t, SENT);
	t.insns[skip].off = (short)(t.count - skip - 1);
	emit(&t, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 2);
	emit(&t, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return BPF(&ask, BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_XDP, .insn_cnt = t.count,
		   .insns = PTR(t.insns), .license = PTR("GPL"));
}

static void *run(void *arg)
{
	unsigned char packet[64] = { 0 };

	(void)arg;
	for (int i = 0; i < RUNS; i++) {
		union bpf_attr attr = { 0 };

		attr.test.prog_fd = (__u32)prog;
		attr.test.data_in = PTR(packet);
		attr.test.data_size_in = sizeof(packet);
		attr.test.repeat = REPEAT;
		check(!ask_bpf(&ask, BPF_PROG_TEST_RUN, &attr, sizeof(attr)));
	}
	return NULL;
}

/* Its own keys come and go; those that stay are looked at, and are there. */
static void *change(void *arg)
{
	unsigned long long value = 1, first = STAY + (unsigned long long)(long)arg * COME;

	while (__atomic_load_n(&running, __ATOMIC_ACQUIRE)) {
		for (unsigned long long key = first; key < first + COME; key++)
			check(!BPF(&ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)hash,
				   .key = PTR(&key), .value = PTR(&value)));
		for (unsigned long long key = 0; key < STAY; key++)
			check(!BPF(&ask, BPF_MAP_LOOKUP_ELEM, .map_fd = (__u32)hash,
				   .key = PTR(&key), .value = PTR(&value)));
		for (unsigned long long key = first; key < first + COME; key++)
			check(!BPF(&ask, BPF_MAP_DELETE_ELEM, .map_fd = (__u32)hash,
				   .key = PTR(&key)));
	}
	return NULL;
}

/* Records up to what is finished; each holds the last key that its run looked at. */
static void *consume(void *arg)
{
	unsigned char *pages = arg;
	unsigned long long *consumer = (void *)pages, *producer = (void *)(pages + 4096), at = 0;
	int last;

	do {
		last = !__atomic_load_n(&running, __ATOMIC_ACQUIRE);
		while (at < __atomic_load_n(producer, __ATOMIC_ACQUIRE)) {
			unsigned int *header = (void *)(pages + 8192 + at % RING);
			unsigned int len = __atomic_load_n(header, __ATOMIC_ACQUIRE);

			if (len & BPF_RINGBUF_BUSY_BIT)
				break;
			if (!(len & BPF_RINGBUF_DISCARD_BIT)) {
				received++;
				wrong +=
					len != 8 || *(unsigned long long *)(header + 2) != STAY - 1;
			}
			at += ((len & ~(unsigned int)BPF_RINGBUF_DISCARD_BIT) + 15) / 8 * 8;
			__atomic_store_n(consumer, at, __ATOMIC_RELEASE);
		}
	} while (!last);
	return NULL;
}

static unsigned long long count_of(unsigned int which)
{
	unsigned long long value = 0;

	check(!BPF(&ask, BPF_MAP_LOOKUP_ELEM, .map_fd = (__u32)counts, .key = PTR(&which),
		   .value = PTR(&value)));
	return value;
}

static void verify(void)
{
	const unsigned long long runs = (unsigned long long)RUNNERS * RUNS * REPEAT;
	unsigned long long value, lost = 0;

	for (unsigned long long key = 0; key < STAY; key++) {
		value = 0;
		check(!BPF(&ask, BPF_MAP_LOOKUP_ELEM, .map_fd = (__u32)hash, .key = PTR(&key),
			   .value = PTR(&value)));
		lost += runs - value;
	}
	is(failures, 0, "no call failed");
	is(count_of(MISSED), 0, "no key that stays was missed");
	is(lost, 0, "no addition was lost");
	is(count_of(SENT) + count_of(REFUSED), runs, "every run sent a record or was refused one");
	is(received, count_of(SENT), "every record sent was received");
	is(wrong, 0, "and is whole");
}

int main(void)
{
	pthread_t runners[RUNNERS], changers[CHANGERS], reader;
	unsigned long long zero = 0;
	void *pages;

	if (skep_new(&ask.skep, NULL)) {
		ok(0, "a hive");
		return done();
	}
	hash = make_map(&ask, BPF_MAP_TYPE_HASH, 8, 8, STAY + CHANGERS * COME);
	counts = make_map(&ask, BPF_MAP_TYPE_ARRAY, 4, 8, COUNTS);
	ring = make_map(&ask, BPF_MAP_TYPE_RINGBUF, 0, 0, RING);
	for (unsigned long long key = 0; key < STAY; key++)
		check(!BPF(&ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)hash, .key = PTR(&key),
			   .value = PTR(&zero)));
	prog = load();
	pages = mmap(NULL, 8192 + 2 * RING, PROT_READ | PROT_WRITE, MAP_SHARED, ring, 0);
	if (!ok(prog >= 0 && pages != MAP_FAILED, "a program (%d) and its maps", prog))
		return done();
	running = 1;
	pthread_create(&reader, NULL, consume, pages);
	for (long i = 0; i < CHANGERS; i++)
		pthread_create(&changers[i], NULL, change, (void *)i);
	for (int i = 0; i < RUNNERS; i++)
		pthread_create(&runners[i], NULL, run, NULL);
	for (int i = 0; i < RUNNERS; i++)
		pthread_join(runners[i], NULL);
	__atomic_store_n(&running, 0, __ATOMIC_RELEASE);
	for (int i = 0; i < CHANGERS; i++)
		pthread_join(changers[i], NULL);
	pthread_join(reader, NULL);
	verify();
	munmap(pages, 8192 + 2 * RING);
	skep_free(ask.skep);
	return done();
}
