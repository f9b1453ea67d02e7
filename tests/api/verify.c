/* SPDX-License-Identifier: BSD-2-Clause */
/* skep_verify(): BPF_PROG_LOAD's attr judged, nothing loaded; log, verdict, errno. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "def/uapi.h"
#include "util/types.h"
#include "skep.h"
#include "tap.h"

static struct skep_verdict seen;
static char explanation[4096];
static int verdicts;

static void on_verdict(void *arg, const struct skep_verdict *v)
{
	(void)arg;
	verdicts++;
	seen = *v;
	snprintf(explanation, sizeof(explanation), "%s", v->explanation ? v->explanation : "");
}

static int judge(struct skep *skep, u32 type, const struct bpf_insn *insns, u32 count, char *log,
		 u32 size)
{
	struct skep_verify_opts opts = { .sz = sizeof(opts), .verdict = on_verdict };
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = type;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = count;
	attr.license = (uintptr_t) "GPL";
	attr.log_buf = (uintptr_t)log;
	attr.log_size = size;
	attr.log_level = size ? 1 : 0;
	return skep_verify(skep, &attr, sizeof(attr), &opts);
}

int main(void)
{
	const struct bpf_insn good[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 2 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	/* bpf_redirect_neigh(): skep has no body for it, Linux has */
	const struct bpf_insn linux_only[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1, .imm = 1 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 4, .imm = 0 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_neigh },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	const struct bpf_insn bad[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 0, .src_reg = 7 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	char log[4096] = "";
	struct skep *skep;
	union bpf_attr attr;

	if (!ok(!skep_new(&skep, NULL), "a skep"))
		return done();
	is(judge(skep, BPF_PROG_TYPE_XDP, good, 2, NULL, 0), 0, "accepted: 0, no fd");
	is(verdicts, 1, "one verdict");
	is(seen.err, 0, "it says so");
	is(seen.insns, 2, "with the program's size");
	ok(!seen.explanation, "and nothing to explain");
	is(judge(skep, BPF_PROG_TYPE_SCHED_CLS, linux_only, 6, NULL, 0), 0,
	   "what skep cannot run is judged as Linux would");
	is(judge(skep, BPF_PROG_TYPE_XDP, bad, 2, log, sizeof(log)), -EACCES,
	   "rejected: BPF_PROG_LOAD's errno");
	ok(strstr(log, "R7 !read_ok") != NULL, "the log is in the caller's buffer");
	is(seen.err, -EACCES, "the verdict has the errno");
	ok(strstr(explanation, "R7 !read_ok") != NULL, "the explanation quotes the kernel's line");
	is(judge(skep, BPF_PROG_TYPE_XDP, bad, 2, log, 16), -ENOSPC,
	   "a log that does not fit: -ENOSPC");
	is(seen.err, -EACCES, "but the verdict is out");
	is(judge(skep, 99, good, 2, NULL, 0), -EINVAL, "no such type");
	is(judge(skep, BPF_PROG_TYPE_XDP, good, 0, NULL, 0), -E2BIG, "no instruction");
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_XDP;
	attr.insns = (uintptr_t)good;
	attr.insn_cnt = 2;
	attr.license = (uintptr_t) "GPL";
	is(skep_verify(skep, &attr, sizeof(attr), NULL), 0, "without options");
	skep_free(skep);
	return done();
}
