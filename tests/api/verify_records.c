/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A BPF_PROG_LOAD that lies: function and line records of wrong sizes, counts, order and targets, log
 * buffers that are none, sizes of programs beyond the limits. errno, last line and true size of the log
 * are the running kernel's, where it may be asked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "verify/btfgen.h"
#include "skep.h"
#include "tap.h"

#undef BTF_KIND_UNKN
#include "def/uapi.h"
#include "linux_bpf.h"

static const struct bpf_insn insns[] = {
	{ BPF_LD | BPF_IMM | BPF_DW, 6, 0, 0, 7 },
	{ 0, 0, 0, 0, 0 },
	{ BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 1 },
	{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	{ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1 },
	{ BPF_ALU64 | BPF_ADD | BPF_K, 0, 0, 0, 1 },
	{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
};
enum { NAME = 1, PROTO = 2, MAIN = 3, STATIC = 4, LONG_STRING = 100000 };

struct lie {
	const char *name;
	struct bpf_func_info func[4];
	u32 funcs, func_size;
	struct bpf_line_info line[4];
	u32 lines, line_size;
	int nothing_there; /* 1: no func_info array, 2: no line_info array, 3: no BTF */
	u32 insn_cnt;
};

#define FUNCS .func = { { 0, MAIN }, { 4, STATIC } }, .funcs = 2
#define LINES(...) \
	.line = { __VA_ARGS__ }, .lines = sizeof((struct bpf_line_info[]){ __VA_ARGS__ }) / 16

static const struct lie lies[] = {
	{ .name = "nothing" },
	{ .name = "functions", FUNCS },
	{ .name = "functions and lines", FUNCS, LINES({ 0, 1, 1, 1024 }, { 4, 1, 1, 2048 }) },
	{ .name = "functions, lines in order",
	  FUNCS,
	  LINES({ 0, 1, 1, 0 }, { 3, 1, 1, 0 }, { 4, 1, 1, 0 }, { 6, 1, 1, 0 }) },
	{ .name = "functions in the wrong order",
	  .func = { { 4, STATIC }, { 0, MAIN } },
	  .funcs = 2 },
	{ .name = "the same function twice", .func = { { 0, MAIN }, { 0, MAIN } }, .funcs = 2 },
	{ .name = "a function in the middle", .func = { { 0, MAIN }, { 5, STATIC } }, .funcs = 2 },
	{ .name = "a function behind the end", .func = { { 0, MAIN }, { 7, STATIC } }, .funcs = 2 },
	{ .name = "a function far behind the end",
	  .func = { { 0, MAIN }, { 0xffffffff, STATIC } },
	  .funcs = 2 },
	{ .name = "one function of two", .func = { { 0, MAIN } }, .funcs = 1 },
	{ .name = "three functions of two",
	  .func = { { 0, MAIN }, { 4, STATIC }, { 5, STATIC } },
	  .funcs = 3 },
	{ .name = "a function that is a number",
	  .func = { { 0, NAME }, { 4, STATIC } },
	  .funcs = 2 },
	{ .name = "a function that is a prototype",
	  .func = { { 0, MAIN }, { 4, PROTO } },
	  .funcs = 2 },
	{ .name = "a function of no type", .func = { { 0, MAIN }, { 4, 0 } }, .funcs = 2 },
	{ .name = "a function of a type that is not there",
	  .func = { { 0, MAIN }, { 4, 0x7fffffff } },
	  .funcs = 2 },
	{ .name = "function records too small", FUNCS, .func_size = 4 },
	{ .name = "function records of 0 bytes", FUNCS, .func_size = 0xffffffff },
	{ .name = "function records of an odd size", FUNCS, .func_size = 10 },
	{ .name = "function records too large", FUNCS, .func_size = 256 },
	{ .name = "functions nowhere", FUNCS, .nothing_there = 1 },
	{ .name = "function records with more in them",
	  .func = { { 0, MAIN }, { 1, 0 }, { 4, STATIC }, { 0, 0 } },
	  .funcs = 2,
	  .func_size = 16 },
	{ .name = "functions without BTF", FUNCS, .nothing_there = 3 },
	{ .name = "lines without functions", LINES({ 0, 1, 1, 0 }, { 4, 1, 1, 0 }) },
	{ .name = "lines in the wrong order",
	  FUNCS,
	  LINES({ 0, 1, 1, 0 }, { 5, 1, 1, 0 }, { 4, 1, 1, 0 }) },
	{ .name = "the same line twice",
	  FUNCS,
	  LINES({ 0, 1, 1, 0 }, { 4, 1, 1, 0 }, { 4, 1, 1, 0 }) },
	{ .name = "no line at the beginning", FUNCS, LINES({ 2, 1, 1, 0 }, { 4, 1, 1, 0 }) },
	{ .name = "no line for the second function", FUNCS, LINES({ 0, 1, 1, 0 }, { 5, 1, 1, 0 }) },
	{ .name = "no line behind the first function", FUNCS, LINES({ 0, 1, 1, 0 }) },
	{ .name = "a line behind the end",
	  FUNCS,
	  LINES({ 0, 1, 1, 0 }, { 4, 1, 1, 0 }, { 7, 1, 1, 0 }) },
	{ .name = "a line far behind the end",
	  FUNCS,
	  LINES({ 0, 1, 1, 0 }, { 4, 1, 1, 0 }, { 0xffffffff, 1, 1, 0 }) },
	{ .name = "a line inside a wide load",
	  FUNCS,
	  LINES({ 0, 1, 1, 0 }, { 1, 1, 1, 0 }, { 4, 1, 1, 0 }) },
	{ .name = "a line that is no string",
	  FUNCS,
	  LINES({ 0, 1, LONG_STRING, 0 }, { 4, 1, 1, 0 }) },
	{ .name = "a file that is no string",
	  FUNCS,
	  LINES({ 0, LONG_STRING, 1, 0 }, { 4, 1, 1, 0 }) },
	{ .name = "empty strings", FUNCS, LINES({ 0, 0, 0, 0 }, { 4, 0, 0, 0 }) },
	{ .name = "line records too small",
	  FUNCS,
	  LINES({ 0, 1, 1, 0 }, { 4, 1, 1, 0 }),
	  .line_size = 8 },
	{ .name = "line records of an odd size",
	  FUNCS,
	  LINES({ 0, 1, 1, 0 }, { 4, 1, 1, 0 }),
	  .line_size = 18 },
	{ .name = "line records too large",
	  FUNCS,
	  LINES({ 0, 1, 1, 0 }, { 4, 1, 1, 0 }),
	  .line_size = 0x1000 },
	{ .name = "lines nowhere",
	  FUNCS,
	  LINES({ 0, 1, 1, 0 }, { 4, 1, 1, 0 }),
	  .nothing_there = 2 },
	{ .name = "too many lines",
	  FUNCS,
	  .line = { { 0, 1, 1, 0 }, { 4, 1, 1, 0 } },
	  .lines = 0x7ffffff },
	{ .name = "line records of 0 bytes",
	  FUNCS,
	  LINES({ 0, 1, 1, 0 }, { 4, 1, 1, 0 }),
	  .line_size = 0xffffffff },
	{ .name = "line records with more in them",
	  FUNCS,
	  .line = { { 0, 1, 1, 0 }, { 0, 1, 1, 0 } },
	  .lines = 1,
	  .line_size = 32 },
	{ .name = "no instruction", .insn_cnt = 0xffffffff },
	{ .name = "a million and one instructions", .insn_cnt = 1000001 },
	{ .name = "4 billion instructions", .insn_cnt = 0xfffffffe },
};

static char log_here[65536], log_kernel[65536];

static void fill(const struct lie *lie, int btf_fd, union bpf_attr *attr)
{
	memset(attr, 0, sizeof(*attr));
	attr->prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attr->insns = (uintptr_t)insns;
	attr->insn_cnt = lie->insn_cnt == 0xffffffff ? 0
			 : lie->insn_cnt	     ? lie->insn_cnt
						     : ARRAY_SIZE(insns);
	attr->license = (uintptr_t) "GPL";
	attr->log_level = 1;
	if (lie->nothing_there != 3)
		attr->prog_btf_fd = (u32)btf_fd;
	attr->func_info = lie->nothing_there == 1 ? 0 : (uintptr_t)lie->func;
	attr->func_info_cnt = lie->funcs;
	attr->func_info_rec_size = lie->func_size == 0xffffffff ? 0
				   : lie->func_size		? lie->func_size
								: sizeof(lie->func[0]);
	attr->line_info = lie->nothing_there == 2 ? 0 : (uintptr_t)lie->line;
	attr->line_info_cnt = lie->lines;
	attr->line_info_rec_size = lie->line_size == 0xffffffff ? 0
				   : lie->line_size		? lie->line_size
								: sizeof(lie->line[0]);
}

static void last_line(char *log)
{
	char *end = strstr(log, "processed "), *at;

	if (end)
		*end = 0;
	end = log + strlen(log);
	while (end > log && end[-1] == '\n')
		*--end = 0;
	at = strrchr(log, '\n');
	if (at)
		memmove(log, at + 1, strlen(at));
}

static void compare(struct skep *skep, const struct lie *lie, const union bpf_attr *here,
		    union bpf_attr *there, bool kernel)
{
	union bpf_attr attr = *here;
	int ours, theirs, fd;

	memset(log_here, 0, sizeof(log_here));
	memset(log_kernel, 0, sizeof(log_kernel));
	ours = skep_verify(skep, &attr, sizeof(attr), NULL);
	ok(ours <= 0, "%s: %d", lie->name, ours);
	if (!kernel) {
		skip("bpf(2) is not permitted here");
		return;
	}
	fd = linux_bpf(BPF_PROG_LOAD, there, sizeof(*there));
	theirs = min(fd, 0);
	if (fd >= 0)
		close(fd);
	is(ours, theirs, "%s: errno", lie->name);
	last_line(log_here);
	last_line(log_kernel);
	if (!ok(!strcmp(log_here, log_kernel), "%s: text", lie->name))
		printf("# here   %s\n# kernel %s\n", log_here, log_kernel);
}

static void logs(struct skep *skep, bool kernel)
{
	static const struct {
		const char *name;
		u32 level, size;
		bool buf;
	} cases[] = {
		{ "a buffer and level 0", 0, 100, true },
		{ "a size and no buffer", 1, 100, false },
		{ "a buffer of 0 bytes", 1, 0, true },
		{ "a level and no buffer", 1, 0, false },
		{ "level 16", 16, 100, true },
		{ "level 4", 4, 4000, true },
		{ "1 byte", 1, 1, true },
		{ "2 bytes", 1, 2, true },
		{ "20 bytes", 1, 20, true },
		{ "1 byte, the beginning kept", 9, 1, true },
		{ "20 bytes, the beginning kept", 9, 20, true },
		{ "the largest size", 1, 0xffffffffu >> 2, true },
		{ "a size too large", 1, (0xffffffffu >> 2) + 1, true },
		{ "level 7", 7, 20000, true },
		{ "level 8 alone", 8, 100, true },
	};
	const struct lie none = { 0 };

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		union bpf_attr here, there;
		int ours, theirs, fd;

		fill(&none, 0, &here);
		here.log_level = cases[i].level;
		here.log_size = cases[i].size;
		there = here;
		memset(log_here, 0x55, sizeof(log_here));
		memset(log_kernel, 0x55, sizeof(log_kernel));
		here.log_buf = cases[i].buf ? (uintptr_t)log_here : 0;
		there.log_buf = cases[i].buf ? (uintptr_t)log_kernel : 0;
		ours = skep_verify(skep, &here, sizeof(here), NULL);
		ok(ours <= 0, "log: %s: %d", cases[i].name, ours);
		if (!kernel) {
			skip("bpf(2) is not permitted here");
			continue;
		}
		fd = linux_bpf(BPF_PROG_LOAD, &there, sizeof(there));
		theirs = min(fd, 0);
		if (fd >= 0)
			close(fd);
		is(ours, theirs, "log: %s: errno", cases[i].name);
		if (cases[i].level == 1 || cases[i].level == 9)
			is(here.log_true_size, there.log_true_size, "log: %s: true size",
			   cases[i].name);
		if (cases[i].size && cases[i].size < 30)
			ok(!memcmp(log_here, log_kernel, 64), "log: %s: bytes", cases[i].name);
	}
}

int main(void)
{
	static struct btfgen g;
	union bpf_attr attr, there;
	struct skep *skep;
	int here_fd, kernel_fd;

	btfgen_start(&g);
	btfgen_int(&g, "int", 4);
	btfgen_type(&g, "", BTF_KIND_FUNC_PROTO, 0, NAME);
	btfgen_type(&g, "main", BTF_KIND_FUNC, BTF_FUNC_GLOBAL, PROTO);
	btfgen_type(&g, "helper", BTF_KIND_FUNC, BTF_FUNC_STATIC, PROTO);
	btfgen_finish(&g);
	if (!ok(!skep_new(&skep, NULL), "a skep"))
		return done();
	memset(&attr, 0, sizeof(attr));
	attr.btf = (uintptr_t)g.raw;
	attr.btf_size = g.raw_len;
	kernel_fd = linux_bpf(BPF_BTF_LOAD, &attr, sizeof(attr));
	here_fd = skep_bpf(skep, BPF_BTF_LOAD, &attr, sizeof(attr));
	ok(here_fd >= 0, "BTF is loaded");
	for (u32 i = 0; i < ARRAY_SIZE(lies); i++) {
		fill(&lies[i], here_fd, &attr);
		fill(&lies[i], kernel_fd, &there);
		attr.log_buf = (uintptr_t)log_here;
		there.log_buf = (uintptr_t)log_kernel;
		attr.log_size = there.log_size = sizeof(log_here);
		compare(skep, &lies[i], &attr, &there, kernel_fd >= 0);
	}
	logs(skep, kernel_fd >= 0);
	if (kernel_fd >= 0)
		close(kernel_fd);
	close(here_fd);
	skep_free(skep);
	return done();
}
