/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user's log buffer at every awkward size, and function and line records that lie: what ends up in
 * the buffer, the errno and true_size must be what the running kernel says, where it may be asked.
 */
#include "verify/oracle.h"
#include "tap.h"

static const struct bpf_insn refused[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1, .imm = 5 },
	{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 0, .src_reg = 2 },
	{ .code = BPF_JMP | BPF_EXIT },
};
static const struct bpf_insn accepted[] = {
	{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_prandom_u32 },
	{ .code = BPF_JMP | BPF_JEQ | BPF_K, .imm = 7, .off = 1 },
	{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .imm = 1 },
	{ .code = BPF_JMP | BPF_EXIT },
};

struct answer {
	int err;
	u32 true_size;
	char buf[4096];
};

static void ours(const struct bpf_insn *insns, u32 count, u32 level, u32 size, struct answer *a)
{
	struct verify_env env = { .insns = insns,
				  .insn_count = count,
				  .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
				  .gpl_compatible = true,
				  .log = { level, size ? a->buf : NULL, size, 0 } };
	struct verify_result *result;

	memset(a->buf, 0x55, sizeof(a->buf));
	a->err = verify_prog(&env, &result);
	a->true_size = env.log.true_size;
	verify_free(result);
}

static void kernel(const struct bpf_insn *insns, u32 count, u32 level, u32 size, struct answer *a)
{
	union bpf_attr attr;
	int fd;

	memset(a->buf, 0x55, sizeof(a->buf));
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attr.insns = (u64)(unsigned long)insns;
	attr.insn_cnt = count;
	attr.license = (u64)(unsigned long)"GPL";
	attr.log_level = level;
	attr.log_buf = size ? (u64)(unsigned long)a->buf : 0;
	attr.log_size = size;
	fd = linux_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
	a->err = min(fd, 0);
	a->true_size = attr.log_true_size;
	if (fd >= 0)
		close(fd);
}

static void compare(const char *name, const struct bpf_insn *insns, u32 count, u32 level, u32 size,
		    bool permitted)
{
	static struct answer a, b;

	ours(insns, count, level, size, &a);
	ok(!size || memchr(a.buf, 0, size), "%s, level %u, %u bytes: ended by a NUL", name, level,
	   size);
	if (!permitted) {
		skip("bpf(2) is not permitted here");
		return;
	}
	kernel(insns, count, level, size, &b);
	is(a.err, b.err, "%s, level %u, %u bytes: errno", name, level, size);
	is(a.true_size, b.true_size, "%s, level %u, %u bytes: true size", name, level, size);
	if (!ok(!size || !strncmp(a.buf, b.buf, size), "%s, level %u, %u bytes: text", name, level,
		size))
		printf("# here   %.*s\n# kernel %.*s\n", (int)size, a.buf, (int)size, b.buf);
}

/* Whole logs, but for what Linux tells of its precision's history, which is another here. */
static void same_log(struct oracle *o, const char *name, const struct bpf_insn *insns, u32 count,
		     u32 level)
{
	struct question q = {
		.insns = insns, .count = count, .type = BPF_PROG_TYPE_SOCKET_FILTER, .level = level
	};

	oracle_ours(o, &q, NULL);
	if (!o->kernel) {
		skip("bpf(2) is not permitted here");
		return;
	}
	oracle_kernel(o, &q);
	if (!ok(!strcmp(o->ours_log, o->kernel_log), "%s, level %u: the whole log", name, level))
		printf("# here\n%s# kernel\n%s", o->ours_log, o->kernel_log);
}

static void whole_logs(struct oracle *o)
{
	static const struct bpf_insn call[] = {
		{ BPF_LD | BPF_IMM | BPF_DW, 6, 0, 0, 7 },
		{ 0, 0, 0, 0, 0 },
		{ BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 2 },
		{ BPF_ALU64 | BPF_MOV | BPF_X, 0, 5, 0, 0 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};
	static const struct bpf_insn branch[] = {
		{ BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_prandom_u32 },
		{ BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 7 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_X, 0, 5, 0, 0 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};
	static const struct bpf_insn loop[] = {
		{ BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_prandom_u32 },
		{ BPF_JMP | BPF_JEQ | BPF_K, 0, 0, -2, 7 },
		{ BPF_JMP | BPF_JEQ | BPF_X, 0, 10, -1, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_X, 0, 8, 0, 0 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};

	for (u32 level = 1; level <= 2; level++) {
		same_log(o, "a call", call, ARRAY_SIZE(call), level);
		same_log(o, "two ways", branch, ARRAY_SIZE(branch), level);
		same_log(o, "loops", loop, ARRAY_SIZE(loop), level);
	}
}

static void records(struct oracle *o)
{
	static struct btfgen g;
	static const struct {
		const char *name;
		u32 off[2], type[2], count;
	} cases[] = {
		{ "one record for one function", { 0, 0 }, { 3, 0 }, 1 },
		{ "first record not at 0", { 1, 0 }, { 3, 0 }, 1 },
		{ "records out of order", { 0, 0 }, { 3, 3 }, 2 },
		{ "a record too many", { 0, 1 }, { 3, 3 }, 2 },
		{ "record of no function", { 0, 0 }, { 1, 0 }, 1 },
		{ "record of no type", { 0, 0 }, { 99, 0 }, 1 },
	};

	btfgen_start(&g);
	btfgen_int(&g, "int", 4);
	btfgen_type(&g, "", BTF_KIND_FUNC_PROTO, 0, 1);
	btfgen_type(&g, "main", BTF_KIND_FUNC, BTF_FUNC_GLOBAL, 2);
	btfgen_finish(&g);
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bpf_func_info info[2] = { { cases[i].off[0], cases[i].type[0] },
						 { cases[i].off[1], cases[i].type[1] } };
		struct question q = { .insns = accepted,
				      .count = 4,
				      .type = BPF_PROG_TYPE_SOCKET_FILTER,
				      .level = 1,
				      .btf = &g,
				      .func_info = info,
				      .func_info_count = cases[i].count };
		int here = oracle_ours(o, &q, NULL), there;

		if (!o->kernel) {
			skip("bpf(2) is not permitted here");
			continue;
		}
		there = oracle_kernel(o, &q);
		is(here, there, "%s: errno", cases[i].name);
		if (!ok(!strcmp(oracle_last_line(o->ours_log), oracle_last_line(o->kernel_log)),
			"%s: text", cases[i].name))
			printf("# here   %s\n# kernel %s\n", o->ours_log, o->kernel_log);
	}
}

int main(void)
{
	static const u32 sizes[] = { 0, 1, 2, 10, 63, 64, 100, 150, 200, 300, 4000 };
	static const u32 levels[] = { 1, 1 | 8, 2, 0 };
	struct oracle o;

	oracle_open(&o);
	for (u32 l = 0; levels[l]; l++)
		for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
			compare("refused", refused, ARRAY_SIZE(refused), levels[l], sizes[i],
				o.kernel);
			compare("accepted", accepted, ARRAY_SIZE(accepted), levels[l], sizes[i],
				o.kernel);
		}
	whole_logs(&o);
	records(&o);
	{
		static struct answer a;

		ours(accepted, 0, 1, 100, &a);
		is(a.err, -E2BIG, "no instruction at all");
		ours(accepted, 1000001, 1, 100, &a);
		is(a.err, -E2BIG, "one instruction too many");
	}
	oracle_close(&o);
	return done();
}
