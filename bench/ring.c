/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Benchmark of a ring buffer from end to end: a compiled program under BPF_PROG_TEST_RUN that sends 64 bytes
 * in a bpf_loop, and libbpf's own consumer, busy, in another process. skep and, where bpf(2) is permitted,
 * Linux take turns. Every event is accounted for: received, or counted by the program as refused. Since a
 * machine that does something else besides slows one side or the other, the best round is told beside the median.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "skep.h"

enum { ROUNDS = 9, ROUND_NS = 300000000 };

static const char source[] =
	"#include <linux/bpf.h>\n"
	"#include <bpf/bpf_helpers.h>\n"
	"struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 8 << 20); } ring SEC(\".maps\");\n"
	"struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, __u32); __type(value, __u64); }\n"
	"counts SEC(\".maps\");\n"
	"struct event { __u64 number, rest[7]; };\n"
	"static long step(__u32 i, __u64 *count)\n"
	"{\n"
	"	struct event *event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);\n"
	"	if (!event) { count[1]++; return 0; }\n"
	"	event->number = count[0]++;\n"
	"	for (int w = 0; w < 7; w++) event->rest[w] = i;\n"
	"	bpf_ringbuf_submit(event, 0);\n"
	"	return 0;\n"
	"}\n"
	"SEC(\"raw_tp/sys_enter\") int send(void *ctx)\n"
	"{\n"
	"	__u32 zero = 0, one = 1;\n"
	"	__u64 *sent = bpf_map_lookup_elem(&counts, &zero), *refused = bpf_map_lookup_elem(&counts, &one);\n"
	"	if (!sent || !refused) return 0;\n"
	"	__u64 count[2] = { *sent, *refused };\n"
	"	bpf_loop(10000, step, count, 0);\n"
	"	*sent = count[0], *refused = count[1];\n"
	"	return 0;\n"
	"}\n"
	"char LICENSE[] SEC(\"license\") = \"GPL\";\n";

/* ---- whom libbpf speaks to: the link renames its system calls to these ---- */

static struct skep *answers; /* NULL: Linux */

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
int __real_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);

long __wrap_syscall(long number, ...)
{
	long a[6], got;
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (number != SYS_bpf || !answers)
		return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	got = skep_bpf(answers, (int)a[0], (union bpf_attr *)a[1], (unsigned int)a[2]);
	if (got >= 0)
		return got;
	errno = (int)-got;
	return -1;
}

int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	int got = __real_epoll_ctl(epoll, op, fd, event);

	return got && errno == EPERM ? 0 : got;
}

/* ---- one side ---- */

struct side {
	const char *name;
	struct skep *skep; /* NULL: Linux */
	int ring, counts, prog;
	double rates[ROUNDS], refused[ROUNDS], cpu_ns[ROUNDS], consumer_ns[ROUNDS];
};

/* Of the two processes, in memory they share. */
struct shared {
	unsigned long long ready, stop, received, wrong, cpu_ns;
};

static unsigned long long clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (unsigned long long)t.tv_sec * 1000000000 + (unsigned long long)t.tv_nsec;
}

static int take(void *arg, void *data, size_t size)
{
	struct shared *shared = arg;
	unsigned long long number;

	memcpy(&number, data, sizeof(number));
	shared->wrong += number != shared->received || size != 64;
	shared->received++;
	return 0;
}

static void consume(struct side *side, struct shared *shared)
{
	struct shared own = { 0 };
	struct ring_buffer *ring = ring_buffer__new(side->ring, take, &own, NULL);
	bool last;

	__atomic_store_n(&shared->ready, 1, __ATOMIC_RELEASE);
	if (!ring)
		return;
	do {
		last = __atomic_load_n(&shared->stop, __ATOMIC_ACQUIRE);
	} while (ring_buffer__consume(ring) > 0 || !last);
	shared->received = own.received;
	shared->wrong = own.wrong;
	shared->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static void count(struct side *side, unsigned long long out[2])
{
	for (unsigned int i = 0; i < 2; i++)
		bpf_map_lookup_elem(side->counts, &i, &out[i]);
}

static bool set_counts(struct side *side)
{
	unsigned long long zero = 0;
	int err = 0;

	for (unsigned int i = 0; i < 2; i++)
		err |= bpf_map_update_elem(side->counts, &i, &zero, 0);
	return !err;
}

/* Returns whether every event is accounted for. */
static bool run_round(struct side *side, int number)
{
	struct shared *shared =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned long long args[2] = { 0 }, since, cpu, counts[2];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(args));
	bool good;
	int child;

	answers = side->skep;
	if (shared == MAP_FAILED || !set_counts(side))
		return false;
	child = fork();
	if (!child) {
		consume(side, shared);
		_exit(0);
	}
	while (!__atomic_load_n(&shared->ready, __ATOMIC_ACQUIRE))
		usleep(100);
	cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	for (since = clock_ns(CLOCK_MONOTONIC); clock_ns(CLOCK_MONOTONIC) - since < ROUND_NS;)
		if (bpf_prog_test_run_opts(side->prog, &opts))
			break;
	since = clock_ns(CLOCK_MONOTONIC) - since;
	cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELEASE);
	waitpid(child, NULL, 0);
	count(side, counts);
	side->rates[number] = (double)shared->received / (double)since * 1000;
	side->refused[number] = (double)counts[1] * 100 / (double)(counts[0] + counts[1] + 1);
	side->cpu_ns[number] = (double)cpu / (double)(counts[0] + counts[1] + 1);
	side->consumer_ns[number] = (double)shared->cpu_ns / (double)(shared->received + 1);
	good = shared->received && shared->received == counts[0] && !shared->wrong;
	munmap(shared, 4096);
	return good;
}

static int by_value(const void *a, const void *b)
{
	return *(const double *)a < *(const double *)b ? -1 : 1;
}

static void tell(struct side *side, bool all)
{
	qsort(side->rates, ROUNDS, sizeof(double), by_value);
	qsort(side->refused, ROUNDS, sizeof(double), by_value);
	qsort(side->cpu_ns, ROUNDS, sizeof(double), by_value);
	qsort(side->consumer_ns, ROUNDS, sizeof(double), by_value);
	printf("%-8s %8.1f %8.1f %10.1f %10.1f %8.1f %%  %s\n", side->name, side->rates[ROUNDS / 2],
	       side->rates[ROUNDS - 1], side->cpu_ns[ROUNDS / 2], side->consumer_ns[ROUNDS / 2],
	       side->refused[ROUNDS / 2], all ? "all accounted for" : "SOME LOST");
}

static bool open_ours(struct side *side, const void *bytes, size_t size)
{
	struct skep_object_opts opts = { .sz = sizeof(opts), .name = "ring" };
	static struct skep_object *object;

	side->name = "skep";
	if (skep_new(&side->skep, NULL) ||
	    skep_object_open(&object, side->skep, bytes, size, &opts) ||
	    skep_object_load(object, NULL, 0))
		return false;
	side->ring = skep_object_map_fd(object, "ring");
	side->counts = skep_object_map_fd(object, "counts");
	side->prog = skep_object_program_fd(object, "send");
	return true;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list ap)
{
	(void)level, (void)format, (void)ap;
	return 0;
}

static bool open_theirs(struct side *side, const void *bytes, size_t size)
{
	struct bpf_object *object;

	side->name = "kernel";
	libbpf_set_print(quiet);
	object = bpf_object__open_mem(bytes, size, NULL);
	if (!object || bpf_object__load(object))
		return false;
	side->ring = bpf_object__find_map_fd_by_name(object, "ring");
	side->counts = bpf_object__find_map_fd_by_name(object, "counts");
	side->prog = bpf_program__fd(bpf_object__next_program(object, NULL));
	return true;
}

static int compile(void **bytes, size_t *size)
{
	char path[] = "/tmp/skep-bench-XXXXXX.c";
	int fd = mkstemps(path, 2), err = -1;

	if (fd >= 0 && write(fd, source, sizeof(source) - 1) == sizeof(source) - 1)
		err = skep_compile(path, NULL, bytes, size);
	if (fd >= 0) {
		close(fd);
		unlink(path);
	}
	return err;
}

int main(void)
{
	struct side sides[2] = { 0 };
	bool open[2], all[2] = { true, true };
	void *bytes;
	size_t size;

	if (compile(&bytes, &size)) {
		printf("no compiler for BPF: nothing measured\n");
		return 0;
	}
	open[0] = open_ours(&sides[0], bytes, size);
	open[1] = open_theirs(&sides[1], bytes, size);
	printf("%-8s %8s %8s %10s %10s %10s  goal: 15 M/s\n", "", "M/s", "best", "send, ns",
	       "take, ns", "no room");
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < 2; i++)
			all[i] &= !open[i] || run_round(&sides[i], round);
	for (int i = 0; i < 2; i++)
		if (open[i])
			tell(&sides[i], all[i]);
	return !open[0] || !all[0];
}
