// SPDX-License-Identifier: BSD-2-Clause
/*
 * Random programs give the same r0 and memory on the interpreter, the JIT, the JIT for a machine
 * without newer instructions, both in checked mode, and the running kernel where it may be asked. SKEP_FUZZ=PROGRAMS and SKEP_SEED=N for more.
 */
#include <errno.h>
#include <unistd.h>

#include "../../fuzz/engines.h"
#include "jit/jit.h"
#include "linux_bpf.h"
#include "skep.h"
#include "tap.h"
#include "vm/code.h"

enum { INTERP, JIT, PLAIN_JIT, CHECKED_INTERP, CHECKED_JIT, ENGINES };

struct outcome {
	u64 r0;
	u8 ctx[GEN_CTX];
	int error;
};

static u8 stack[RUN_STACK_SIZE] __attribute__((aligned(16)));
static const char *const names[] = { "interpreter", "jit", "jit without newer instructions",
				     "checked interpreter", "checked jit" };

static struct outcome first_memory(void)
{
	struct outcome out = { 0 };

	for (u32 i = 0; i < GEN_CTX; i++)
		out.ctx[i] = (u8)(i * 37 + 11);
	return out;
}

static struct outcome run_verified(const struct gen *g, enum engine engine)
{
	struct code_subprog subs[GEN_FUNCS];
	struct outcome out = first_memory();
	struct run run = { .stack_low = stack, .stack_top = stack + sizeof(stack) };
	struct code *code;

	for (u32 i = 0; i < g->func_count; i++)
		subs[i] = (struct code_subprog){ g->starts[i], GEN_STACK + 8 };
	out.error = code_new(&code,
			     &(struct code_spec){ .insns = g->insns,
						  .count = g->count,
						  .subprogs = subs,
						  .subprog_count = g->func_count,
						  .engine = engine },
			     NULL);
	if (out.error)
		return out;
	out.r0 = code_run(code, out.ctx, &run);
	code_free(code);
	return out;
}

/* As on a machine that has none of the instructions a back end looks for. */
static struct outcome run_plain(const struct gen *g)
{
	static struct insn insns[GEN_MAX];
	struct jit_func funcs[GEN_FUNCS];
	struct jit_spec spec = { .insns = insns,
				 .count = g->count,
				 .funcs = funcs,
				 .func_count = g->func_count,
				 .without = ~(u64)0 };
	struct run run = { .stack_low = stack,
			   .stack_top = stack + sizeof(stack),
			   .stack_cur = stack + sizeof(stack) };
	struct outcome out = first_memory();
	struct jit_image image;

	insn_decode(g->insns, g->count, insns);
	for (u32 i = 0; i < g->func_count; i++)
		funcs[i] = (struct jit_func){ g->starts[i], GEN_STACK + 8, 0 };
	out.error = jit_compile(&image, &spec, NULL);
	if (out.error)
		return out;
	out.r0 = image.entry((u64)out.ctx, 0, 0, 0, 0, &run);
	jit_release(&image);
	return out;
}

static struct outcome run_checked(const struct gen *g, enum skep_vm_engine engine)
{
	struct outcome out = first_memory();
	struct skep_vm *vm;

	out.error = skep_vm_new(
		&vm, g->insns, g->count * sizeof(*g->insns),
		&(struct skep_vm_opts){ .sz = sizeof(struct skep_vm_opts), .engine = engine });
	if (out.error)
		return out;
	out.error = skep_vm_run(vm, out.ctx, GEN_CTX, &out.r0);
	skep_vm_free(vm);
	return out;
}

static struct outcome run_on(const struct gen *g, u32 engine)
{
	switch (engine) {
	case INTERP: return run_verified(g, ENGINE_INTERP);
	case JIT: return run_verified(g, ENGINE_JIT);
	case PLAIN_JIT: return run_plain(g);
	case CHECKED_INTERP: return run_checked(g, SKEP_VM_INTERP);
	}
	return run_checked(g, SKEP_VM_JIT);
}

static bool same(const struct outcome *a, const struct outcome *b)
{
	return a->r0 == b->r0 && a->error == b->error && !memcmp(a->ctx, b->ctx, GEN_CTX);
}

static void show(const struct gen *g)
{
	struct insn insns[GEN_MAX];
	char text[128];

	insn_decode(g->insns, g->count, insns);
	for (u32 at = 0; at < g->count; at++) {
		insn_text(&insns[at], at, DISASM_KERNEL, text, sizeof(text));
		printf("# %3u: %s\n", at, text);
	}
}

/* The kernel's outcome, r0 cut to 32 bits: 1 it ran, 0 it rejected the program, -1 it cannot be asked. */
static int run_kernel(const struct gen *g, struct outcome *out)
{
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SYSCALL,
				.insns = (u64)g->insns,
				.insn_cnt = g->count,
				.license = (u64) "GPL",
				.prog_flags = BPF_F_SLEEPABLE };
	int fd = linux_bpf(BPF_PROG_LOAD, &attr, sizeof(attr)), err;

	if (fd < 0)
		return fd == -EPERM || fd == -ENOSYS ? -1 : 0;
	*out = first_memory();
	attr = (union bpf_attr){
		.test = { .prog_fd = (u32)fd, .ctx_in = (u64)out->ctx, .ctx_size_in = GEN_CTX }
	};
	err = linux_bpf(BPF_PROG_TEST_RUN, &attr, sizeof(attr));
	close(fd);
	out->r0 = attr.test.retval;
	return err ? 0 : 1;
}

int main(void)
{
	u32 programs = getenv("SKEP_FUZZ") ? (u32)atoi(getenv("SKEP_FUZZ")) : 3000, bad = 0,
	    ran = 0, asked = 0;
	u64 seed = getenv("SKEP_SEED") ? strtoull(getenv("SKEP_SEED"), NULL, 0) : 1;
	struct gen *g = malloc(sizeof(*g));
	int kernel = 1;

	for (u32 n = 0; n < programs && bad < 3; n++, seed++) {
		struct outcome want, got;

		gen_program(g, seed, seed & 1);
		want = run_on(g, INTERP);
		for (u32 e = JIT; e < ENGINES; e++) {
			got = run_on(g, e);
			if (same(&want, &got) ||
			    got.error == -EOPNOTSUPP) /* no back end for this machine */
				continue;
			bad++;
			printf("# seed %llu: %s r0 %llx error %d, interpreter r0 %llx error %d\n",
			       (unsigned long long)seed, names[e], (unsigned long long)got.r0,
			       got.error, (unsigned long long)want.r0, want.error);
			show(g);
		}
		if (kernel < 0 || n % 4)
			continue;
		asked++;
		kernel = run_kernel(g, &got);
		if (kernel <= 0)
			continue;
		ran++;
		want.r0 = (u32)want.r0;
		if (!same(&want, &got)) {
			bad++;
			printf("# seed %llu: kernel r0 %llx, interpreter r0 %llx\n",
			       (unsigned long long)seed, (unsigned long long)got.r0,
			       (unsigned long long)want.r0);
			show(g);
		}
	}
	ok(!bad, "%u random programs: interpreter and JIT agree, checked and not", programs);
	if (kernel < 0)
		skip("the kernel may not be asked here");
	else
		ok(ran > asked / 4, "the kernel ran and agreed on %u of the %u it was asked", ran,
		   asked);
	free(g);
	return done();
}
