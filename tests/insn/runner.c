// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs a .test file of this folder: a program on every engine, with the same result on each.
 *
 *   -- asm      clang's BPF assembly; r1 = memory, r2 = its length
 *   -- mem      memory as hex bytes (may be left out)
 *   -- result   r0
 *   -- after    memory afterwards (may be left out)
 *   -- error    instead of a result: EINVAL (refused), EFAULT, ETIME, ELOOP, ENOSYS; checked engines only
 *
 * Engines: interpreter and JIT of this machine, verified and checked; the same again by this program's
 * arm64 build under qemu-aarch64; skep's bpf(2) and the kernel's (a syscall program, r0 cut to 32 bits).
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isa/asm.h"
#include "linux_bpf.h"
#include "skep.h"
#include "tap.h"
#include "vm/code.h"

struct test {
	struct bpf_insn *insns;
	u32 count;
	u8 mem[256], after[256];
	u32 mem_len;
	bool has_after;
	u64 result;
	int error; /* 0 or a positive errno */
	char asm_text[16384];
};

static const struct {
	const char *name;
	int number;
} errors[] = { { "EINVAL", EINVAL },
	       { "EFAULT", EFAULT },
	       { "ETIME", ETIME },
	       { "ELOOP", ELOOP },
	       { "ENOSYS", ENOSYS } };

static u8 stack[RUN_STACK_SIZE] __attribute__((aligned(16)));
static u8 mem[256] __attribute__((aligned(16)));

static void bail(const char *file, const char *what)
{
	printf("Bail out! %s: %s\n", file, what);
	exit(1);
}

/* ---- reading a test ---- */

static u32 read_hex(const char *line, u8 *out, u32 have)
{
	unsigned int byte;
	int used;

	while (have < 256 && sscanf(line, "%2x%n", &byte, &used) == 1) {
		out[have++] = (u8)byte;
		line += used;
	}
	return have;
}

static void read_line(struct test *t, const char *section, const char *line)
{
	static u32 after_len;

	if (!strcmp(section, "asm"))
		strncat(t->asm_text, line, sizeof(t->asm_text) - strlen(t->asm_text) - 1);
	else if (*line == '#' || *line == '\n')
		return;
	else if (!strcmp(section, "mem"))
		t->mem_len = read_hex(line, t->mem, t->mem_len);
	else if (!strcmp(section, "result"))
		t->result = strtoull(line, NULL, 0);
	else if (!strcmp(section, "after"))
		after_len = read_hex(line, t->after, after_len), t->has_after = true;
	else
		for (u32 i = 0; i < ARRAY_SIZE(errors); i++)
			if (!strncmp(line, errors[i].name, strlen(errors[i].name)))
				t->error = errors[i].number;
}

static void log_text(void *arg, const char *text, size_t len)
{
	(void)arg;
	printf("# %.*s", (int)len, text);
}

static void read_test(struct test *t, const char *file)
{
	struct log log = { log_text, NULL };
	char line[1024], section[32] = "";
	FILE *f = fopen(file, "re");

	if (!f)
		bail(file, strerror(errno));
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "-- %31s", section) != 1)
			read_line(t, section, line);
	fclose(f);
	if (asm_program(t->asm_text, &t->insns, &t->count, &log))
		bail(file, "does not assemble");
}

/* ---- engines ---- */

/* Functions, one instruction later: the program gets r2 = length in front. */
static u32 find_starts(const struct test *t, struct code_subprog subs[64])
{
	u32 n = 0;

	subs[n++] = (struct code_subprog){ 0, 512 };
	for (u32 at = 0; at < t->count; at++)
		for (u32 i = 0; n < 64 && i < t->count; i++)
			if (t->insns[i].code == (BPF_JMP | BPF_CALL) &&
			    t->insns[i].src_reg == BPF_PSEUDO_CALL && at &&
			    (s64)i + 1 + t->insns[i].imm == at) {
				subs[n++] = (struct code_subprog){ at + 1, 512 };
				break;
			}
	return n;
}

static u64 run_verified(const struct test *t, enum engine engine, int *err)
{
	struct run run = { .stack_low = stack, .stack_top = stack + sizeof(stack) };
	struct code_subprog subs[64];
	struct bpf_insn *insns = calloc(t->count + 1, sizeof(*insns));
	struct code *code;
	u64 r0;

	insns[0] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV,
				      .dst_reg = 2,
				      .imm = (s32)t->mem_len };
	memcpy(insns + 1, t->insns, t->count * sizeof(*insns));
	*err = code_new(&code,
			&(struct code_spec){ .insns = insns,
					     .count = t->count + 1,
					     .subprogs = subs,
					     .engine = engine,
					     .subprog_count = find_starts(t, subs) },
			NULL);
	free(insns);
	if (*err)
		return 0;
	for (u32 i = 0; i < RUN_STACK_SIZE; i++)
		stack[i] = 0;
	r0 = code_run(code, mem, &run);
	code_free(code);
	return r0;
}

static u64 run_checked(const struct test *t, enum skep_vm_engine engine, int *err)
{
	struct skep_vm *vm;
	uint64_t r0 = 0;

	*err = skep_vm_new(&vm, t->insns, t->count * sizeof(*t->insns),
			   &(struct skep_vm_opts){ .sz = sizeof(struct skep_vm_opts),
						   .engine = engine,
						   .budget = 100000 });
	if (*err)
		return 0;
	*err = skep_vm_run(vm, mem, t->mem_len, &r0);
	skep_vm_free(vm);
	return r0;
}

static void check(const struct test *t, const char *prefix, const char *name, u64 r0, int err)
{
	bool good = -err == t->error && r0 == t->result &&
		    (!t->has_after || !memcmp(mem, t->after, t->mem_len));

	if (ok(good, "%s%s", prefix, name))
		return;
	printf("# r0 0x%llx error %d, want 0x%llx error %d\n#", (unsigned long long)r0, -err,
	       (unsigned long long)t->result, t->error);
	for (u32 i = 0; t->has_after && i < t->mem_len; i++)
		printf(" %02x", mem[i]);
	printf("\n");
}

static void run_here(const struct test *t, const char *prefix)
{
	static const struct {
		const char *name;
		bool checked;
		int engine;
	} engines[] = { { "interpreter", false, ENGINE_INTERP },
			{ "jit", false, ENGINE_JIT },
			{ "checked interpreter", true, SKEP_VM_INTERP },
			{ "checked jit", true, SKEP_VM_JIT } };

	for (u32 i = 0; i < ARRAY_SIZE(engines); i++) {
		u64 r0;
		int err;

		if (t->error &&
		    !engines[i].checked) /* what is wrong with it the verifier would have said */
			continue;
		memcpy(mem, t->mem, sizeof(mem));
		r0 = engines[i].checked
			     ? run_checked(t, (enum skep_vm_engine)engines[i].engine, &err)
			     : run_verified(t, (enum engine)engines[i].engine, &err);
		check(t, prefix, engines[i].name, r0, err);
	}
}

/* ---- through bpf(2): the kernel's, and skep's, where a verifier comes first ---- */

/* skep NULL: the kernel. A result >= 0 or -errno. */
static int ask(struct skep *skep, int cmd, union bpf_attr *attr)
{
#ifndef ENGINES_ONLY
	if (skep)
		return skep_bpf(skep, cmd, attr, sizeof(*attr));
#endif
	(void)skep;
	return linux_bpf(cmd, attr, sizeof(*attr));
}

static int load(struct skep *skep, const struct test *t, char *log, u32 size)
{
	struct bpf_insn *insns = calloc(t->count + 1, sizeof(*insns));
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SYSCALL,
				.insns = (u64)insns,
				.insn_cnt = t->count + 1,
				.license = (u64) "GPL",
				.prog_flags = BPF_F_SLEEPABLE,
				.log_buf = (u64)log,
				.log_size = size,
				.log_level = 1 };
	int fd;

	insns[0] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV,
				      .dst_reg = 2,
				      .imm = (s32)t->mem_len };
	memcpy(insns + 1, t->insns, t->count * sizeof(*insns));
	fd = ask(skep, BPF_PROG_LOAD, &attr);
	free(insns);
	return fd;
}

/* The last line of the verifier's log that is not about statistics. */
static const char *last_line(char *log)
{
	char *end;

	for (;;) {
		end = strrchr(log, '\n');
		if (!end)
			return log;
		if (end[1] && strncmp(end + 1, "processed", 9))
			return end + 1;
		*end = '\0';
	}
}

static void run_loaded(struct skep *skep, struct test *t, const char *name)
{
	static char log[65536];
	union bpf_attr attr = { 0 };
	int fd = load(skep, t, log, sizeof(log)), err;

	if (fd == -EPERM || fd == -ENOSYS) {
		skip("kernel: bpf(2) is not permitted here");
		return;
	}
	if (fd < 0) {
		printf("ok %d - %s # SKIP its verifier: %s\n", ++tap_count, name, last_line(log));
		return;
	}
	memcpy(mem, t->mem, sizeof(mem));
	attr.test.prog_fd = (u32)fd;
	attr.test.ctx_in = (u64)mem;
	attr.test.ctx_size_in = t->mem_len ? t->mem_len : 8; /* it refuses none at all */
	err = ask(skep, BPF_PROG_TEST_RUN, &attr);
	close(fd);
	t->result = (u32)t->result;
	check(t, "", name, attr.test.retval, err);
}

static void run_skep(struct test *t)
{
#ifndef ENGINES_ONLY
	struct skep *skep;

	if (skep_new(&skep, NULL))
		bail("skep", "no instance");
	run_loaded(skep, t, "verified");
	skep_free(skep);
#else
	(void)t;
#endif
}

/* ---- arm64 ---- */

/* Runs the arm64 build of this program on the same file and takes over its lines. */
static void run_arm64(const char *self, const char *file)
{
	char command[4096], line[4096];
	FILE *pipe;
	int lines = 0;

	snprintf(command, sizeof(command), "%s.arm64", self);
	if (access(command, X_OK)) {
		skip("arm64: no cross compiler (aarch64-linux-gnu-gcc)");
		return;
	}
	if (system("command -v qemu-aarch64 >/dev/null 2>&1")) {
		skip("arm64: no qemu-aarch64");
		return;
	}
	snprintf(command, sizeof(command), "qemu-aarch64 '%s.arm64' --here '%s'", self, file);
	pipe = popen(command, "r");
	while (pipe && fgets(line, sizeof(line), pipe)) {
		bool good = !strncmp(line, "ok ", 3);

		if (*line == '#')
			printf("%s", line);
		if (!good && strncmp(line, "not ok ", 7))
			continue;
		line[strcspn(line, "\n")] = '\0';
		ok(good, "%s", strstr(line, "- ") ? strstr(line, "- ") + 2 : line);
		lines++;
	}
	if (!pipe || pclose(pipe) || !lines)
		ok(false, "arm64: the run itself");
}

int main(int argc, char **argv)
{
	static struct test t;
	bool here = argc == 3 && !strcmp(argv[1], "--here");

	if (argc != 2 && !here)
		bail("usage", "runner [--here] FILE.test");
	read_test(&t, argv[argc - 1]);
	run_here(&t, here ? "arm64 " : "");
	if (!here) {
		run_arm64(argv[0], argv[1]);
		if (!t.error) {
			run_skep(&t);
			run_loaded(NULL, &t, "kernel");
		}
	}
	free(t.insns);
	if (here)
		return 0;
	return done();
}
