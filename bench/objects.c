/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects made and closed, hundreds of thousands of times: what one cycle costs, beside the kernel's
 * where it may be asked, and what is left of them in fds and memory (nothing).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../tests/holds.h"
#include "def/uapi.h"
#include "skep.h"
#include "util/types.h"

enum { CYCLES = 100000, SPARE_FDS = 40, SPARE_KB = 4096 };
#define PTR(x) ((u64)(uintptr_t)(x))

static struct skep *skep; /* NULL: the kernel */

static int call(int cmd, union bpf_attr attr)
{
	return skep ? skep_bpf(skep, cmd, &attr, sizeof(attr))
		    : (int)syscall(__NR_bpf, cmd, &attr, sizeof(attr));
}

static int hash(void)
{
	return call(BPF_MAP_CREATE, (union bpf_attr){ .map_type = BPF_MAP_TYPE_HASH,
						      .key_size = 4,
						      .value_size = 8,
						      .max_entries = 16 });
}

static int mapped_array(void)
{
	return call(BPF_MAP_CREATE, (union bpf_attr){ .map_type = BPF_MAP_TYPE_ARRAY,
						      .key_size = 4,
						      .value_size = 8,
						      .max_entries = 16,
						      .map_flags = BPF_F_MMAPABLE });
}

static int prog_of(u32 type)
{
	static const struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K },
						 { .code = BPF_JMP | BPF_EXIT } };

	return call(BPF_PROG_LOAD, (union bpf_attr){ .prog_type = type,
						     .insns = PTR(insns),
						     .insn_cnt = 2,
						     .license = PTR("GPL") });
}

static int prog(void)
{
	return prog_of(BPF_PROG_TYPE_XDP);
}

static int raw_link(void)
{
	int fd = prog_of(BPF_PROG_TYPE_RAW_TRACEPOINT), link;

	link = call(BPF_RAW_TRACEPOINT_OPEN,
		    (union bpf_attr){
			    .raw_tracepoint = { .name = PTR("sys_enter"), .prog_fd = (u32)fd } });
	close(fd);
	return link;
}

static const struct {
	const char *name;
	int (*make)(void);
	int kernel_cycles;
} kinds[] = {
	{ "hash", hash, 5000 },
	{ "mappable array", mapped_array, 5000 },
	{ "program", prog, 5000 },
	{ "program and link", raw_link, 20 }, /* a detached one waits for every CPU there */
};

/* ns a cycle; negative: one failed. */
static double cycle(int (*make)(void), int count)
{
	struct timespec start, end;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < count; i++) {
		int fd = make();

		if (fd < 0)
			return -1;
		close(fd);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	return ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) /
	       count;
}

int main(void)
{
	struct skep *hive;
	int grown = 0;

	if (skep_new(&hive, NULL))
		return 1;
	printf("%-20s %12s %12s %8s %10s\n", "made and closed", "skep us", "kernel us", "fds left",
	       "kB left");
	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++) {
		double ours, theirs;
		int fds;
		long kb;

		skep = hive;
		cycle(kinds[i].make, CYCLES / 10);
		fds = open_fds();
		kb = resident_kb();
		ours = cycle(kinds[i].make, CYCLES);
		fds = open_fds() - fds;
		kb = resident_kb() - kb;
		skep = NULL;
		theirs = cycle(kinds[i].make, kinds[i].kernel_cycles);
		printf("%-20s %12.2f ", kinds[i].name, ours / 1000);
		if (theirs < 0)
			printf("%12s", "-");
		else
			printf("%12.2f", theirs / 1000);
		printf(" %8d %10ld\n", fds, kb);
		grown |= ours < 0 || fds > SPARE_FDS || kb > SPARE_KB;
	}
	skep_free(hive);
	return grown;
}
