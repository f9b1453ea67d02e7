/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Helpers without a packet or a map, by BPF_PROG_TEST_RUN of raw tracepoint programs, beside the kernel: who runs, on
 * which node, in which namespace and cgroup; signals; clocks against this process's own.
 */
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "both.h"
#include "text.h"

/* The half of r0 that a test run tells, and the other in a second run. */
static __u64 run_text(struct ask *ask, struct text *t)
{
	__u64 whole = 0;
	unsigned int at = t->count;

	for (int half = 0; half < 2; half++) {
		union bpf_attr attr = { 0 };
		int fd;

		t->count = at;
		if (half)
			emit(t, BPF_ALU64 | BPF_RSH | BPF_K, 0, 0, 0, 32);
		emit(t, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
		fd = BPF(ask, BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
			 .insns = PTR(t->insns), .insn_cnt = t->count, .license = PTR("GPL"));
		if (fd < 0)
			return 0xbad0000000000000ull | (unsigned int)-fd;
		attr.test.prog_fd = (__u32)fd;
		if (ask_bpf(ask, BPF_PROG_TEST_RUN, &attr, sizeof(attr)))
			whole = 0xbadull << 48;
		whole |= (__u64)attr.test.retval << 32 * half;
		close(fd);
	}
	return whole;
}

/* r0 of helper(r1, r2). */
static __u64 call(struct ask *ask, int helper, __u64 r1, __u64 r2)
{
	struct text t = { .count = 0 };

	number(&t, 1, r1);
	number(&t, 2, r2);
	emit(&t, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
	return run_text(ask, &t);
}

static void who(struct ask *ask)
{
	note(ask, "pid_tgid", (long long)call(ask, BPF_FUNC_get_current_pid_tgid, 0, 0));
	note(ask, "uid_gid", (long long)call(ask, BPF_FUNC_get_current_uid_gid, 0, 0));
	note(ask, "numa node", (long long)call(ask, BPF_FUNC_get_numa_node_id, 0, 0));
	note(ask, "cgroup", (long long)call(ask, BPF_FUNC_get_current_cgroup_id, 0, 0));
	for (int level = -2; level < 6; level++) {
		ask->key = level;
		note(ask, "ancestor cgroup",
		     (long long)call(ask, BPF_FUNC_get_current_ancestor_cgroup_id,
				     (__u64)(long long)level, 0));
	}
}

/* r0 and the eight bytes that the helper wrote. */
static void in_namespace(struct ask *ask, __u64 dev, __u64 ino, int size)
{
	for (int result = 0; result < 2; result++) {
		struct text t = { .count = 0 };

		number(&t, 1, ~0ull);
		emit(&t, BPF_STX | BPF_MEM | BPF_DW, 10, 1, -8, 0);
		emit(&t, BPF_STX | BPF_MEM | BPF_DW, 10, 1, -16, 0);
		number(&t, 1, dev);
		number(&t, 2, ino);
		emit(&t, BPF_ALU64 | BPF_MOV | BPF_X, 3, 10, 0, 0);
		emit(&t, BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, -16);
		emit(&t, BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, size);
		emit(&t, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_ns_current_pid_tgid);
		if (result)
			emit(&t, BPF_LDX | BPF_MEM | BPF_DW, 0, 10, -16, 0);
		note(ask, result ? "ids" : "ns_current_pid_tgid", (long long)run_text(ask, &t));
	}
}

static void namespaces(struct ask *ask)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st))
		return;
	in_namespace(ask, st.st_dev, st.st_ino, 8);
	in_namespace(ask, st.st_dev, st.st_ino + 1, 8);
	in_namespace(ask, st.st_dev + 1, st.st_ino, 8);
	in_namespace(ask, st.st_dev | 1ull << 40, st.st_ino, 8);
	in_namespace(ask, st.st_dev, st.st_ino, 16);
	in_namespace(ask, st.st_dev, st.st_ino, 4);
}

static volatile int came;

static void on_signal(int sig)
{
	(void)sig, came++;
}

static void signals(struct ask *ask)
{
	static const int numbers[] = { 0, SIGURG, SIGUSR1, 64, 65, 1000, -1 };
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &sa, NULL);
	sigaction(64, &sa, NULL);
	for (unsigned int i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		ask->key = numbers[i];
		came = 0;
		note(ask, "send_signal",
		     (int)call(ask, BPF_FUNC_send_signal, (__u32)numbers[i], 0));
		note(ask, "it came", came);
		came = 0;
		note(ask, "send_signal_thread",
		     (int)call(ask, BPF_FUNC_send_signal_thread, (__u32)numbers[i], 0));
		note(ask, "it came", came);
	}
}

static __u64 own(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (__u64)now.tv_sec * 1000000000 + (__u64)now.tv_nsec;
}

/* A clock of a program lies between two looks at the same one from here; only half a second's part is told at a time. */
static void one_clock(struct ask *ask, const char *name, int helper, clockid_t clock)
{
	__u64 from = own(clock), low, high;
	struct text t = { .count = 0 };

	emit(&t, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
	emit(&t, BPF_ALU64 | BPF_RSH | BPF_K, 0, 0, 0, 10);
	emit(&t, BPF_ALU64 | BPF_LSH | BPF_K, 0, 0, 0, 32);
	emit(&t, BPF_ALU64 | BPF_RSH | BPF_K, 0, 0, 0, 32);
	low = (__u32)run_text(ask, &t);
	high = own(clock);
	/* modulo 2^32 microseconds or so */
	note(ask, name, (__u32)(low - (from >> 10)) <= (__u32)((high >> 10) - (from >> 10)));
}

static void clocks(struct ask *ask)
{
	one_clock(ask, "ktime_get_ns", BPF_FUNC_ktime_get_ns, CLOCK_MONOTONIC);
	one_clock(ask, "ktime_get_boot_ns", BPF_FUNC_ktime_get_boot_ns, CLOCK_BOOTTIME);
	one_clock(ask, "ktime_get_tai_ns", BPF_FUNC_ktime_get_tai_ns, CLOCK_TAI);
	one_clock(ask, "ktime_get_coarse_ns", BPF_FUNC_ktime_get_coarse_ns, CLOCK_MONOTONIC_COARSE);
}

/* The kernel's ticks begin with its first timer, ours with its clock, which is seconds apart at the most. */
static void jiffies(void)
{
	struct ask ours = { 0 }, theirs = { 0 };
	struct timespec tick;
	__u64 kernel, here, minute;

	if (!kernel_permits() || skep_new(&ours.skep, NULL) ||
	    clock_getres(CLOCK_MONOTONIC_COARSE, &tick)) {
		skip("bpf(2) is not permitted here");
		return;
	}
	minute = 60ull * 1000000000 / (__u64)tick.tv_nsec;
	here = call(&ours, BPF_FUNC_jiffies64, 0, 0);
	kernel = call(&theirs, BPF_FUNC_jiffies64, 0, 0);
	ok(kernel + minute - here < 2 * minute, "jiffies64: the kernel says %llu, skep %llu",
	   (unsigned long long)kernel, (unsigned long long)here);
	skep_free(ours.skep);
}

int main(void)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	sched_setaffinity(0, sizeof(here), &here); /* on one node */
	both("who runs it", who);
	both("in which pid namespace", namespaces);
	both("signals", signals);
	both("clocks", clocks);
	jiffies();
	return done();
}
