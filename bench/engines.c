// SPDX-License-Identifier: BSD-2-Clause
/*
 * Benchmark of the engines: each program of bench/programs compiled by clang for BPF (-mcpu=v3) and
 * natively (-O2), run natively, interpreted, by the JIT and, where bpf(2) permits, by the kernel's
 * JIT through BPF_PROG_TEST_RUN, in one process. Results are compared first; then rounds take turns
 * and the median of each counts. Also: what compiling, tail calls and local calls cost.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <math.h>
#include <unistd.h>

#include "def/uapi.h"
#include "vm/code.h"

enum {
	ROUNDS = 25,
	ROUND_NS = 1000000,
	DATA_MAX = 16384,
	NATIVE = 0,
	INTERP,
	JIT,
	KERNEL,
	ENGINES
};

struct bench {
	const char *name;
	u64 (*native)(void);
	u8 *data; /* the native program's */
	u32 data_size;
	u8 *copy; /* the interpreter's and the JIT's */
	struct bpf_insn insns[4096];
	u32 count, starts[16], start_count;
	struct code *interp, *jit;
	int kernel_fd;
	double ns[ENGINES][ROUNDS];
};

static u8 stack[RUN_STACK_SIZE] __attribute__((aligned(16)));
static const char *build_dir;

static void die(const char *what, const char *name)
{
	fprintf(stderr, "bench: %s: %s\n", name, what);
	exit(1);
}

static u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* other processes' turns do not count */
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

/* ---- programs ---- */

static void compile(const char *name)
{
	char command[2048];

	snprintf(
		command, sizeof(command),
		"mkdir -p %s/bench && cd bench/programs && clang -O2 -target bpf -mcpu=v3 -c %s.c -o '%s/bench/%s.bpf.o' && "
		"clang -O2 -fPIC -shared -fvisibility=hidden -include %s.c -x c native.h -o '%s/bench/%s.so'",
		build_dir, name, build_dir, name, name, build_dir, name);
	if (system(command))
		die("does not compile", name);
}

static Elf_Data *section(Elf *elf, const char *want, u32 type, u32 *index)
{
	size_t names;
	Elf_Scn *scn = NULL;

	elf_getshdrstrndx(elf, &names);
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr header;

		gelf_getshdr(scn, &header);
		if (header.sh_type != type ||
		    (want && strcmp(elf_strptr(elf, names, header.sh_name), want)))
			continue;
		*index = (u32)elf_ndxscn(scn);
		return elf_getdata(scn, NULL);
	}
	return NULL;
}

static void relocate(struct bench *b, const GElf_Rel *rel, const GElf_Sym *sym, u32 code_section)
{
	u32 at = (u32)(rel->r_offset / 8);
	struct bpf_insn *insn = &b->insns[at];

	if (sym->st_shndx == code_section) {
		insn->imm = (s32)(sym->st_value / 8 - at - 1);
		for (u32 i = 0; i < b->start_count; i++)
			if (b->starts[i] == sym->st_value / 8)
				return;
		b->starts[b->start_count++] = (u32)(sym->st_value / 8);
	} else {
		insn->src_reg =
			BPF_PSEUDO_MAP_VALUE; /* of the only map; its second half is the offset */
	}
}

static void load_object(struct bench *b)
{
	char path[1024];
	u32 code_section, index;
	Elf_Data *code, *rels, *syms;
	Elf *elf;
	int fd;

	snprintf(path, sizeof(path), "%s/bench/%s.bpf.o", build_dir, b->name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	code = section(elf, "prog", SHT_PROGBITS, &code_section);
	rels = section(elf, ".relprog", SHT_REL, &index);
	syms = section(elf, NULL, SHT_SYMTAB, &index);
	if (!code || !syms || code->d_size > sizeof(b->insns))
		die("not an object", b->name);
	memcpy(b->insns, code->d_buf, code->d_size);
	b->count = (u32)(code->d_size / 8);
	b->start_count = 1;
	for (int i = 0; rels && i < (int)(rels->d_size / sizeof(Elf64_Rel)); i++) {
		GElf_Rel rel;
		GElf_Sym sym;

		gelf_getrel(rels, i, &rel);
		gelf_getsym(syms, (int)GELF_R_SYM(rel.r_info), &sym);
		relocate(b, &rel, &sym, code_section);
	}
	elf_end(elf);
	close(fd);
}

static void load_native(struct bench *b)
{
	char path[1024];
	void *(*data)(unsigned *), *so;

	snprintf(path, sizeof(path), "%s/bench/%s.so", build_dir, b->name);
	so = dlopen(path, RTLD_NOW);
	if (!so)
		die(dlerror(), b->name);
	b->native = (u64(*)(void))dlsym(so, "native_run");
	data = (void *(*)(unsigned *))dlsym(so, "native_data");
	b->data = data(&b->data_size);
	b->copy = aligned_alloc(64, DATA_MAX);
}

static int compare_u32(const void *a, const void *b)
{
	return (int)(*(const u32 *)a - *(const u32 *)b);
}

static struct code *make_code(const struct bench *b, enum engine engine)
{
	struct code_subprog subs[16] = { { 0, 64 } };
	struct bpf_insn insns[ARRAY_SIZE(b->insns)];
	u32 starts[16];
	struct code *code;

	memcpy(insns, b->insns, sizeof(insns));
	memcpy(starts, b->starts, sizeof(starts));
	qsort(starts, b->start_count, sizeof(*starts), compare_u32);
	for (u32 i = 1; i < b->start_count; i++)
		subs[i] = (struct code_subprog){ starts[i], 0 };
	for (u32 i = 0; i < b->count; i++)
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) &&
		    insns[i].src_reg == BPF_PSEUDO_MAP_VALUE) {
			insns[i].imm = (s32)(u64)b->copy;
			insns[i + 1].imm = (s32)((u64)b->copy >> 32);
		}
	if (code_new(&code,
		     &(struct code_spec){ .insns = insns,
					  .count = b->count,
					  .subprogs = subs,
					  .subprog_count = b->start_count,
					  .engine = engine },
		     NULL))
		die("refused", b->name);
	return code;
}

/* ---- input ---- */

static u64 random64(void)
{
	static u64 x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

static void fill_packet(u8 *p)
{
	static const u8 headers[] = { 2,    0, 0,    0,	   0,	 1,    2,    0, 0, 0,	0,  2,
				      0x81, 0, 0,    42,   8,	 0,    0x45, 0, 0, 110, 1,  2,
				      0x40, 0, 64,   6,	   0,	 0,    10,   0, 0, 1,	10, 0,
				      0,    2, 0x1f, 0x90, 0xc0, 0x01, 1,    2, 3, 4,	5,  6,
				      7,    8, 0x50, 0x10, 1,	 0,    0,    0, 0, 0 };
	u32 sum = 0;

	memcpy(p, headers, sizeof(headers));
	for (u32 i = 18; i < 38; i += 2)
		sum += (u32)p[i] << 8 | p[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	p[28] = (u8)(sum >> 8);
	p[29] = (u8)sum;
	memcpy(p + 128, &(u32){ 128 }, 4);
}

static void fill(struct bench *b)
{
	for (u32 i = 0; i < b->data_size; i++)
		b->data[i] = (u8)(random64() >> 24);
	if (!strcmp(b->name, "prime"))
		memcpy(b->data, &(u32){ 15999989 }, 4);
	if (!strcmp(b->name, "parse"))
		fill_packet(b->data);
	if (!strcmp(b->name, "divmod"))
		for (u32 i = 0; i < 32; i++)
			((u64 *)b->data)[32 + i] >>= 20 + i;
	if (!strcmp(b->name, "hash")) {
		for (u32 i = 0; i < 1501; i++)
			b->data[i] = i < 1500 ? b->data[i] % 26 + 'a' : 0;
		memcpy(b->data + 1501, b->data, 1501);
	}
	memcpy(b->copy, b->data, b->data_size);
}

/* ---- the kernel ---- */

static int sys_bpf(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int kernel_map(const struct bench *b)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY,
				.key_size = 4,
				.value_size = b->data_size,
				.max_entries = 1 };
	int fd = sys_bpf(BPF_MAP_CREATE, &attr);
	u32 key = 0;

	if (fd < 0)
		return fd;
	attr = (union bpf_attr){ .map_fd = (u32)fd, .key = (u64)&key, .value = (u64)b->data };
	return sys_bpf(BPF_MAP_UPDATE_ELEM, &attr) ? -1 : fd;
}

static int kernel_load(struct bench *b)
{
	static char log[1 << 20];
	struct bpf_insn insns[ARRAY_SIZE(b->insns)];
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
				.insns = (u64)insns,
				.insn_cnt = b->count,
				.license = (u64) "GPL",
				.log_buf = (u64)log,
				.log_size = sizeof(log),
				.log_level = 0 };
	int map = b->data_size ? kernel_map(b) : -1, fd;

	memcpy(insns, b->insns, sizeof(insns));
	for (u32 i = 0; i < b->count; i++)
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) &&
		    insns[i].src_reg == BPF_PSEUDO_MAP_VALUE) {
			insns[i + 1].imm = insns[i].imm;
			insns[i].imm = map;
		}
	attr.log_buf = 0;
	attr.log_size = 0;
	fd = sys_bpf(BPF_PROG_LOAD, &attr);
	if (fd < 0 && getenv("VERBOSE")) {
		attr.log_buf = (u64)log;
		attr.log_size = sizeof(log);
		attr.log_level = 1;
		sys_bpf(BPF_PROG_LOAD, &attr);
		fprintf(stderr, "%s: %.2000s\n", b->name,
			log + (strlen(log) > 2000 ? strlen(log) - 2000 : 0));
	}
	close(map);
	return fd;
}

static u64 kernel_run(int fd, u32 repeat, u32 *result)
{
	u8 packet[64] = { 0 };
	union bpf_attr attr = { .test = { .prog_fd = (u32)fd,
					  .data_size_in = sizeof(packet),
					  .data_in = (u64)packet,
					  .repeat = repeat } };
	u64 start = now();

	if (sys_bpf(BPF_PROG_TEST_RUN, &attr))
		return 0;
	*result = attr.test.retval;
	return now() - start;
}

static int empty_fd(void)
{
	static struct bench b = { .name = "empty",
				  .count = 2,
				  .start_count = 1,
				  .insns = { { .code = BPF_ALU64 | BPF_MOV },
					     { .code = BPF_JMP | BPF_EXIT } } };

	return kernel_load(&b);
}

/* ---- rounds ---- */

static u64 run_code(const struct code *code)
{
	struct run run = { .stack_low = stack, .stack_top = stack + sizeof(stack) };

	return code_run(code, NULL, &run);
}

static double time_engine(struct bench *b, u32 engine, u32 times)
{
	struct run run = { .stack_low = stack, .stack_top = stack + sizeof(stack) };
	const struct code *code = engine == INTERP ? b->interp : b->jit;
	volatile u64 sink;
	u64 start = now();
	u32 result;

	if (engine == KERNEL)
		return (double)kernel_run(b->kernel_fd, times, &result) / times;
	for (u32 i = 0; i < times; i++)
		sink = engine == NATIVE ? b->native() : code_run(code, NULL, &run);
	(void)sink;
	return (double)(now() - start) / times;
}

static int compare_double(const void *a, const void *b)
{
	return *(const double *)a < *(const double *)b ? -1
						       : *(const double *)a > *(const double *)b;
}
static double median(double *ns)
{
	qsort(ns, ROUNDS, sizeof(*ns), compare_double);
	return ns[ROUNDS / 2];
}

static void check_results(struct bench *b)
{
	u64 want = b->native(), interp = run_code(b->interp), jit;
	u32 kernel = (u32)want;

	memcpy(b->copy, b->data,
	       b->data_size); /* programs that write find what the native one left */
	jit = run_code(b->jit);
	if (b->kernel_fd >= 0)
		kernel_run(b->kernel_fd, 1, &kernel);
	if (interp != want || jit != want || kernel != (u32)want) {
		fprintf(stderr, "%s: native %llx, interpreter %llx, jit %llx, kernel %x\n", b->name,
			(unsigned long long)want, (unsigned long long)interp,
			(unsigned long long)jit, kernel);
		exit(1);
	}
}

static void measure(struct bench *b, int empty)
{
	u32 times[ENGINES];
	u32 result;

	for (u32 e = 0; e < ENGINES; e++) {
		double once = e == KERNEL && b->kernel_fd < 0 ? 1 : time_engine(b, e, 20);

		times[e] = (u32)max(1.0, min(ROUND_NS / once, 1e6));
	}
	for (u32 round = 0; round < ROUNDS; round++)
		for (u32 e = 0; e < ENGINES; e++) {
			if (e == KERNEL && b->kernel_fd < 0)
				continue;
			b->ns[e][round] = time_engine(b, e, times[e]);
			if (e == KERNEL)
				b->ns[e][round] -=
					(double)kernel_run(empty, times[e], &result) / times[e];
		}
}

static void print_row(struct bench *b, double product[ENGINES], u32 *kernels)
{
	double ns[ENGINES];

	for (u32 e = 0; e < ENGINES; e++) {
		ns[e] = median(b->ns[e]);
		if (e != KERNEL || b->kernel_fd >= 0)
			product[e] += log(ns[e] / ns[NATIVE]);
	}
	*kernels += b->kernel_fd >= 0;
	printf("%-8s %10.1f %10.1f %10.1f ", b->name, ns[NATIVE], ns[INTERP], ns[JIT]);
	if (b->kernel_fd >= 0)
		printf("%10.1f %8.2f %8.2f %8.2f %10.2f\n", ns[KERNEL], ns[INTERP] / ns[NATIVE],
		       ns[JIT] / ns[NATIVE], ns[KERNEL] / ns[NATIVE], ns[JIT] / ns[KERNEL]);
	else
		printf("%10s %8.2f %8.2f %8s %10s\n", "-", ns[INTERP] / ns[NATIVE],
		       ns[JIT] / ns[NATIVE], "-", "-");
}

static void bench_programs(int count, char **names)
{
	static const char *const all[] = { "prime",  "log2",   "copy",	"hash", "sort",
					   "rounds", "divmod", "parse", "calls" };
	double product[ENGINES] = { 0 };
	u32 kernels = 0, n = count ? (u32)count : ARRAY_SIZE(all);
	int empty = empty_fd();

	printf("%-8s %10s %10s %10s %10s %8s %8s %8s %10s\n", "ns a run", "native", "interp", "jit",
	       "kernel", "interp/n", "jit/n", "kernel/n", "jit/kernel");
	for (u32 i = 0; i < n; i++) {
		struct bench *b = calloc(1, sizeof(*b));

		b->name = count ? names[i] : all[i];
		compile(b->name);
		load_object(b);
		load_native(b);
		fill(b);
		b->interp = make_code(b, ENGINE_INTERP);
		b->jit = make_code(b, ENGINE_JIT);
		b->kernel_fd = empty < 0 ? -1 : kernel_load(b);
		check_results(b);
		measure(b, empty);
		print_row(b, product, &kernels);
		code_free(b->interp);
		code_free(b->jit);
		free(b->copy);
		free(b);
	}
	printf("%-8s %43s %8.2f %8.2f %8.2f\n", "geomean", "", exp(product[INTERP] / n),
	       exp(product[JIT] / n), kernels ? exp(product[KERNEL] / kernels) : 0);
	if (!kernels)
		printf("(no kernel figures: bpf(2) is not permitted here)\n");
}

/* ---- costs ---- */

static struct code *tail_self;
static const struct code *tail_target(struct run *run, struct map *map, u32 index)
{
	(void)run, (void)map, (void)index;
	return tail_self;
}

/* A program of n instructions of a common mix. */
static struct bpf_insn *make_program(u32 n)
{
	static const struct bpf_insn mix[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 1 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = 7 },
		{ .code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = 10, .src_reg = 2, .off = -8 },
		{ .code = BPF_ALU | BPF_XOR | BPF_X, .dst_reg = 3, .src_reg = 2 },
		{ .code = BPF_JMP | BPF_JGT | BPF_K, .dst_reg = 3, .imm = 5, .off = 1 },
		{ .code = BPF_ALU64 | BPF_LSH | BPF_K, .dst_reg = 3, .imm = 3 },
		{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 0, .src_reg = 10, .off = -8 },
	};
	struct bpf_insn *insns = calloc(n, sizeof(*insns));

	for (u32 i = 0; i + 1 < n; i++)
		insns[i] = mix[i % ARRAY_SIZE(mix)];
	if (n > 2)
		insns[n - 2] = mix[1];
	insns[0] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV, .dst_reg = 3 };
	insns[n - 1] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
	return insns;
}

static void bench_compile(void)
{
	static const u32 sizes[] = { 10, 1000, 100000 };
	static const struct code_subprog subs[] = { { 0, 8 } };

	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct bpf_insn *insns = make_program(sizes[i]);
		double ns[ROUNDS], middle;

		for (u32 round = 0; round < ROUNDS; round++) {
			u32 times = max(1u, 2000 / sizes[i]);
			u64 start = now();

			for (u32 t = 0; t < times; t++) {
				struct code *code;

				if (code_new(&code,
					     &(struct code_spec){ .insns = insns,
								  .count = sizes[i],
								  .subprogs = subs,
								  .subprog_count = 1,
								  .engine = ENGINE_JIT },
					     NULL))
					die("refused", "compile");
				code_free(code);
			}
			ns[round] = (double)(now() - start) / times;
		}
		middle = median(ns);
		printf("compile %6u instructions: %10.1f us, %6.1f ns an instruction (bound %.1f us)\n",
		       sizes[i], middle / 1000, middle / sizes[i], 10 + sizes[i] * 0.15);
		free(insns);
	}
}

static double time_one(const struct bpf_insn *insns, u32 count, const struct code_subprog *subs,
		       u32 sub_count, bool self)
{
	static const struct run_ops ops = { .tail_target = tail_target };
	struct run run = { .stack_low = stack, .stack_top = stack + sizeof(stack), .ops = &ops };
	double ns[ROUNDS];
	struct code *code;

	if (code_new(&code,
		     &(struct code_spec){ .insns = insns,
					  .count = count,
					  .subprogs = subs,
					  .subprog_count = sub_count,
					  .engine = ENGINE_JIT },
		     NULL))
		die("refused", "costs");
	tail_self = self ? code : NULL;
	for (u32 round = 0; round < ROUNDS; round++) {
		u64 start = now();

		for (u32 i = 0; i < 20000; i++)
			code_run(code, NULL, &run);
		ns[round] = (double)(now() - start) / 20000;
	}
	code_free(code);
	return median(ns);
}

static void bench_calls(void)
{
	static const struct bpf_insn tail[] = { { .code = BPF_ALU64 | BPF_MOV, .dst_reg = 2 },
						{ .code = BPF_ALU64 | BPF_MOV, .dst_reg = 3 },
						{ .code = BPF_JMP | BPF_CALL,
						  .imm = BPF_FUNC_tail_call },
						{ .code = BPF_ALU64 | BPF_MOV },
						{ .code = BPF_JMP | BPF_EXIT } };
	static const struct bpf_insn loop[] = {
		{ .code = BPF_ALU64 | BPF_MOV, .dst_reg = 6, .imm = 100 },
		{ .code = BPF_JMP | BPF_CALL, .src_reg = 1, .imm = 4 },
		{ .code = BPF_ALU64 | BPF_ADD, .dst_reg = 6, .imm = -1 },
		{ .code = BPF_JMP | BPF_JNE, .dst_reg = 6, .off = -3 },
		{ .code = BPF_ALU64 | BPF_MOV },
		{ .code = BPF_JMP | BPF_EXIT },
		{ .code = BPF_ALU64 | BPF_MOV },
		{ .code = BPF_JMP | BPF_EXIT }
	};
	struct bpf_insn plain[ARRAY_SIZE(loop)];
	static const struct code_subprog one[] = { { 0, 8 } }, two[] = { { 0, 8 }, { 6, 0 } };
	double chain = time_one(tail, 5, one, 1, true), none = time_one(tail, 5, one, 1, false),
	       calls, empty;

	memcpy(plain, loop, sizeof(loop));
	plain[1] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV };
	calls = time_one(loop, 8, two, 2, false);
	empty = time_one(plain, 6, one, 1, false);
	printf("tail call: %.2f ns; call of a leaf function: %.2f ns\n",
	       (chain - none) / RUN_TAIL_CALLS, (calls - empty) / 100);
}

int main(int argc, char **argv)
{
	const char *b = getenv("B");
	char *absolute = realpath(b ? b : "build", NULL);

	build_dir = absolute ? absolute : "/tmp";
	elf_version(EV_CURRENT);
	bench_programs(argc - 1, argv + 1);
	bench_compile();
	bench_calls();
	return 0;
}
