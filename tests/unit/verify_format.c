/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_snprintf's format is judged when the program is loaded: every format with every number of
 * arguments must get the running kernel's verdict and message, where it may be asked.
 */
#include "verify/oracle.h"
#include "tap.h"

enum { RODATA = 4, SIZE = 64 }; /* RODATA: its index in oracle_maps */

static struct oracle oracle;
static char text[SIZE];

/* The kernel's side of the map: 64 bytes, frozen. */
static int frozen_map(void)
{
	union bpf_attr attr;
	u32 key = 0;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = SIZE;
	attr.max_entries = 1;
	attr.map_flags = BPF_F_RDONLY_PROG;
	fd = linux_bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (u32)fd;
	attr.key = (u64)(unsigned long)&key;
	attr.value = (u64)(unsigned long)text;
	linux_bpf(BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr));
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (u32)fd;
	linux_bpf(BPF_MAP_FREEZE, &attr, sizeof(attr));
	return fd;
}

static void check(const char *format, s32 bytes, int want)
{
	struct bpf_insn insns[] = {
		{ BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, -8, 0 },
		{ BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, -16, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_10, 0, 0 },
		{ BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, 0, -32 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, 16 },
		{ BPF_LD | BPF_IMM | BPF_DW, BPF_REG_3, BPF_PSEUDO_MAP_VALUE, 0, RODATA },
		{ 0, 0, 0, 0, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_4, BPF_REG_10, 0, 0 },
		{ BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_4, 0, 0, -16 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_5, 0, 0, bytes },
		{ BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_snprintf },
		{ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};
	struct question q = {
		.insns = insns, .count = ARRAY_SIZE(insns), .type = BPF_PROG_TYPE_KPROBE, .level = 1
	};
	const char *message = want && bytes % 8 == 0 ? "Invalid format string" : NULL;
	int err;

	memset(text, 0, sizeof(text));
	snprintf(text, sizeof(text), "%s", format);
	err = oracle_ours(&oracle, &q, NULL);
	ok(err == want && (!message || !strcmp(oracle_last_line(oracle.ours_log), message)),
	   "\"%s\" with %d bytes: %d", format, bytes, err);
	if (!oracle.kernel) {
		skip("bpf(2) is not permitted here");
		return;
	}
	close(oracle.fds[RODATA]);
	oracle.fds[RODATA] = frozen_map();
	is(oracle_kernel(&oracle, &q), want, "the kernel's verdict");
	if (message)
		ok(!strcmp(oracle_last_line(oracle.kernel_log), message), "the kernel's message");
}

int main(void)
{
	static const char *const good[] = { "%d",	   "%5d",    "%-5d", "%05u", "%+d",  "% x",
					    "%ld",	   "%llx",   "%lX",  "%i",   "%c",   "%s",
					    "%s.",	   "%p",     "%px",  "%pK",  "%ps",  "%pS",
					    "%pB",	   "%pks",   "%pus", "%pi4", "%pI6", "%%%d",
					    "\xc3\xa9 %d", "\t%d\n", "%5c",  "%12s", "%px3", "%dx",
					    "%100000d" };
	static const char *const bad[] = { "%",	   "%h",  "%hd",    "%lld%",  "%l",    "%lc",
					   "%f",   "%sx", "%pq",    "%pi5",   "%pksx", "%*d",
					   "%.3d", "%#x", "\x01%d", "%d\x7f", "%\xc3", "%llld",
					   "%5",   "%pI", "%o" };

	oracle_open(&oracle);
	oracle.maps[RODATA].value_size = SIZE;
	oracle.maps[RODATA].frozen = text;
	for (u32 i = 0; i < ARRAY_SIZE(good); i++)
		check(good[i], 8, 0);
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++)
		check(bad[i], 8, -EINVAL);
	check("", 0, 0);
	check("%% only", 0, 0);
	check("%d", 0, -EINVAL);
	check("%d %d", 8, -EINVAL);
	check("%d %d", 16, 0);
	check("%d", 16, 0);
	check("%d", 4, -EINVAL);
	check("%d", 12, -EINVAL);
	oracle_close(&oracle);
	return done();
}
