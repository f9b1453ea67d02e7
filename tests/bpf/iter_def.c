/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs of every iterator, judged by skep and by the kernel: what each argument is, what loads
 * through it yield (fields of every offset and size, two walks deep), in errno and in the log.
 */
#include "btf/btf.h"
#include "def/iter.h"
#include "kernel.h"
#include "skep.h"
#include "tap.h"

static struct skep *skep;
static struct btf *vmlinux;
static char our_log[1 << 16];

static int our_try(const struct hook *hook, const struct bpf_insn *insns, u32 count)
{
	union bpf_attr attr = {
		.prog_type = hook->type,
		.expected_attach_type = hook->attach,
		.prog_flags = hook->flags,
		.attach_btf_id = hook->btf_id,
		.insns = (uintptr_t)insns,
		.insn_cnt = count,
		.license = (uintptr_t)kernel_license,
		.log_buf = (uintptr_t)our_log,
		.log_size = sizeof(our_log),
		.log_level = 1,
	};

	our_log[0] = 0;
	return skep_verify(skep, &attr, sizeof(attr), NULL);
}

static struct {
	u32 asked, verdicts, logs, accepted;
	char first[4096];
} sum;

/* The last line is statistics: peak states differ by design. */
static void cut(char *log)
{
	char *end = strstr(log, "processed ");

	if (end)
		*end = 0;
}

static int ask(const struct hook *hook, const struct bpf_insn *insns, u32 count, const char *what,
	       u32 a, u32 b)
{
	int theirs = kernel_try(hook, insns, count, 1), ours = our_try(hook, insns, count);

	cut(kernel_log);
	cut(our_log);
	sum.asked++;
	sum.accepted += !theirs;
	sum.verdicts += theirs != ours;
	sum.logs += strcmp(kernel_log, our_log) != 0;
	if ((theirs != ours || strcmp(kernel_log, our_log)) && !sum.first[0])
		snprintf(sum.first, sizeof(sum.first),
			 "%s %u %u: kernel %d, skep %d\n%.1500s---\n%.1500s", what, a, b, theirs,
			 ours, kernel_log, our_log);
	return theirs;
}

static void result(const char *name, const char *what)
{
	ok(sum.asked && !sum.verdicts && !sum.logs,
	   "%s: %u %s as the kernel's, %u of them accepted", name, sum.asked, what, sum.accepted);
	if (sum.verdicts || sum.logs) {
		printf("# %u verdicts and %u logs differ\n", sum.verdicts, sum.logs);
		for (char *line = strtok(sum.first, "\n"); line; line = strtok(NULL, "\n"))
			printf("# %s\n", line);
	}
	memset(&sum, 0, sizeof(sum));
}

#define LOAD(size, d, s, o) INSN(BPF_LDX | BPF_MEM | (size), d, s, o, 0)
#define IF_NULL(r, skip)    INSN(BPF_JMP | BPF_JEQ | BPF_K, r, 0, skip, 0)

static const u8 sizes[] = { BPF_B, BPF_H, BPF_W, BPF_DW };

static void arguments(const struct hook *hook)
{
	for (s16 off = -8; off <= 104; off += 2)
		for (u32 i = 0; i < 4; i++) {
			const struct bpf_insn read[] = { LOAD(sizes[i], 2, 1, off), MOV_IMM(0, 0),
							 EXIT() };
			const struct bpf_insn write[] = {
				MOV_IMM(0, 0), INSN(BPF_STX | BPF_MEM | sizes[i], 1, 0, off, 0),
				EXIT()
			};

			ask(hook, read, 3, "read", (u32)(u16)off, i);
			ask(hook, write, 3, "write", (u32)(u16)off, i);
		}
}

/* Through argument n at every offset up to most; where that yields a pointer, on from there, and into a helper. */
static void walk(const struct hook *hook, u32 n, u32 most)
{
	for (u32 off = 0; off <= most; off += 4)
		for (u32 i = 2; i < 4; i++) {
			const struct bpf_insn once[] = {
				LOAD(BPF_DW, 2, 1, (s16)(8 * n)), MOV_IMM(0, 0), IF_NULL(2, 1),
				LOAD(sizes[i], 3, 2, (s16)off),	  EXIT(),
			};
			const struct bpf_insn twice[] = {
				LOAD(BPF_DW, 2, 1, (s16)(8 * n)),
				MOV_IMM(0, 0),
				IF_NULL(2, 2),
				LOAD(BPF_DW, 3, 2, (s16)off),
				LOAD(BPF_W, 4, 3, 16),
				EXIT(),
			};

			if (ask(hook, once, 5, "walk", n, off) || i == 2)
				continue;
			ask(hook, twice, 6, "second walk", n, off);
		}
}

/* The argument, or what lies at off behind it, as seq_file and as memory. */
static void helpers(const struct hook *hook, u32 n)
{
	for (u32 deep = 0; deep < 3; deep++)
		for (u32 off = 0; off < 40; off += 8) {
			const struct bpf_insn seq[] = {
				LOAD(BPF_DW, 6, 1, 0),
				LOAD(BPF_DW, 7, 6, 0),
				LOAD(BPF_DW, 2, 1, (s16)(8 * n)),
				MOV_IMM(0, 0),
				IF_NULL(2, deep == 1 ? 5 : 4),
				deep == 1 ? LOAD(BPF_DW, 2, 2, (s16)off)
					  : INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, (s32)off),
				deep == 2 ? MOV_REG(1, 2) : MOV_REG(1, 7),
				MOV_IMM(3, 8),
				CALL(BPF_FUNC_seq_write),
				MOV_IMM(0, 0),
				EXIT(),
			};

			ask(hook, seq, 11, "helper", n, off + 100 * deep);
		}
}

static void target(const struct iter_target *t)
{
	char name[64];
	struct hook hook = { .type = BPF_PROG_TYPE_TRACING, .attach = BPF_TRACE_ITER };
	s32 id;

	snprintf(name, sizeof(name), "bpf_iter_%s", t->name);
	id = btf_find(vmlinux, name, BTF_KIND_FUNC);
	if (id < 0) {
		skip("this kernel has no such iterator");
		return;
	}
	hook.btf_id = (u32)id;
	arguments(&hook);
	result(t->name, "context accesses");
	for (u32 n = 0; n < 4; n++) {
		walk(&hook, n, n ? 400 : 40);
		helpers(&hook, n);
	}
	result(t->name, "walks and calls");
}

static void refusals(void)
{
	static const char *const names[] = { "bpf_iter_bits_new", "bpf_fentry_test1",
					     "bpf_iter_num_next" };
	const struct bpf_insn insns[] = { MOV_IMM(0, 0), EXIT() },
			      two[] = { MOV_IMM(0, 2), EXIT() };
	const struct bpf_insn read[] = { LOAD(BPF_DW, 2, 1, 0), LOAD(BPF_DW, 3, 2, 8),
					 MOV_IMM(0, 0), EXIT() };
	struct hook hook = { .type = BPF_PROG_TYPE_TRACING, .attach = BPF_TRACE_ITER };

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		hook.btf_id = (u32)btf_find(vmlinux, names[i], BTF_KIND_FUNC);
		is(our_try(&hook, insns, 2), kernel_try(&hook, insns, 2, 1), "no iterator: %s",
		   names[i]);
	}
	hook.btf_id = (u32)btf_find(vmlinux, "bpf_map", BTF_KIND_STRUCT);
	ask(&hook, insns, 2, "struct", 0, 0);
	hook.btf_id = 0;
	ask(&hook, insns, 2, "nothing", 0, 0);
	hook.btf_id = 900000;
	ask(&hook, insns, 2, "no type", 0, 0);
	hook.btf_id = (u32)btf_find(vmlinux, "bpf_iter_bpf_map", BTF_KIND_FUNC);
	ask(&hook, two, 2, "returns 2", 0, 0);
	hook.flags = BPF_F_SLEEPABLE;
	ask(&hook, read, 4, "sleepable", 0, 0);
	hook.flags = 0;
	kernel_license = "Proprietary";
	ask(&hook, read, 4, "licence", 0, 0);
	kernel_license = "GPL";
	result("refusals", "programs");
}

int main(void)
{
	if (!kernel_permits_bpf() || btf_open(&vmlinux, "/sys/kernel/btf/vmlinux")) {
		printf("1..0 # SKIP no bpf(2) or no kernel BTF to compare with\n");
		return 0;
	}
	if (skep_new(&skep, NULL))
		return 1;
	for (u32 i = 0; iter_target_at(i); i++)
		target(iter_target_at(i));
	refusals();
	skep_free(skep);
	btf_free(vmlinux);
	return done();
}
