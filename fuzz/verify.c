/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Differential fuzzing of the verifier: random programs, mostly valid, of which this verifier and the
 * running kernel must think the same. What differs is shrunk and printed as assembly.
 *
 *   fuzz/verify [-n PROGRAMS] [-c FILE.test] [-r] [-v] [SECONDS [SEED]]
 *
 * -c: the file's C programs (tests/verify), damaged; -r: programs that are not meant to make sense; -v: differing messages too.
 *
 * Exit status 1 if some program was accepted here and refused by the kernel (a security bug), 2 if
 * some was refused here and accepted there; where the kernel may not be asked, nothing is done.
 */
#include <time.h>

#include "program.h"
#include "isa/insn.h"
#include "verify/compile.h"

/* Not even meant to make sense: any known opcode with any fields. */
static void soup(struct gen *g)
{
	static const u32 types[] = { 1, 2, 3, 5, 6, 8, 17 };

	memset(g, 0, sizeof(*g));
	g->type = types[rnd(ARRAY_SIZE(types))];
	for (u32 i = 0; i < 1 + rnd(12); i++) {
		u8 code = (u8)rnd(256);

		while (!insn_known(code) && rnd(50))
			code = (u8)rnd(256);
		put(g, code, (u8)rnd(rnd(8) ? 11 : 16), (u8)rnd(rnd(8) ? 11 : 16),
		    (s16)(rnd(3) ? 0 : (s32)rnd(9) - 4), rnd(2) ? (s32)rnd(220) : interesting());
		if (!rnd(3))
			g->insns[g->n - 1].src_reg = 0;
	}
	put(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static struct oracle oracle;

/* Compiled programs to damage. */
static struct compiled objects[32];
static struct question questions[ARRAY_SIZE(objects)];
static u32 nr_objects;

static void add_object(const char *source, u32 type)
{
	struct compiled *object = &objects[nr_objects];

	if (nr_objects == ARRAY_SIZE(objects) || compile_c(source, object) || object->count > ROOM)
		return;
	questions[nr_objects] = (struct question){ .type = type };
	compiled_question(object, &questions[nr_objects++]);
}

/* The "-- c" cases of a file of tests/verify. */
static bool read_objects(const char *path)
{
	static char source[1 << 16];
	char line[1024], type[32] = "";
	bool inside = false;
	FILE *f = fopen(path, "re");

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		if (inside && !strncmp(line, "-- ", 3)) {
			inside = false;
			add_object(source, !strcmp(type, "xdp")	     ? BPF_PROG_TYPE_XDP
					   : !strcmp(type, "kprobe") ? BPF_PROG_TYPE_KPROBE
								     : BPF_PROG_TYPE_SCHED_CLS);
		} else if (!strcmp(line, "-- c\n")) {
			inside = true;
			source[0] = '\0';
		} else if (inside) {
			strncat(source, line, sizeof(source) - strlen(source) - 1);
		} else {
			sscanf(line, "-- type %31s", type);
		}
	}
	fclose(f);
	return nr_objects;
}

static void damaged(struct gen *g)
{
	u32 n = rnd(nr_objects);

	memset(g, 0, sizeof(*g));
	g->compiled = &questions[n];
	g->type = questions[n].type;
	g->n = questions[n].count;
	memcpy(g->insns, questions[n].insns, g->n * sizeof(*g->insns));
	mutate(g);
}

enum outcome { SAME, UNSOUND, INCOMPLETE, TEXT };

/* Linux found itself out after the verdict, about functions that its own removal of dead code moved. */
static bool kernel_stumbled(struct question *q, int err)
{
	if (err != -EFAULT)
		return false;
	q->level = 1;
	oracle_kernel(&oracle, q);
	q->level = 0;
	return strstr(oracle.kernel_log, "verifier bug: No program to jit");
}

/* Verdicts without a log first: most programs are accepted, and a log of a long walk is slow. */
static enum outcome compare(const struct gen *g, bool text)
{
	static struct functions functions;
	struct verify_result *result;
	struct question q;
	int ours, kernel;
	u32 processed;

	gen_question(g, &functions, &q);
	ours = oracle_ours(&oracle, &q, &result);
	processed = result ? result->processed : 0;
	verify_free(result);
	kernel = oracle_kernel(&oracle, &q);
	if (!ours && kernel)
		return kernel == -EAGAIN || kernel == -ENOMEM || kernel_stumbled(&q, kernel) ? SAME
											     : UNSOUND;
	if (ours && !kernel) {
		q.level = 1;
		oracle_ours(&oracle, &q, NULL);
		/* docs/verifier.md: what is refused on purpose */
		return strstr(oracle.ours_log, "BPF_ATOMIC loads from R") ? SAME : INCOMPLETE;
	}
	if (ours != kernel)
		return TEXT;
	if (!ours || !text || processed > 20000)
		return SAME;
	q.level = 1;
	oracle_ours(&oracle, &q, NULL);
	oracle_kernel(&oracle, &q);
	return strcmp(oracle_last_line(oracle.ours_log), oracle_last_line(oracle.kernel_log))
		       ? TEXT
		       : SAME;
}

static void both_logs(const struct gen *g)
{
	static struct functions functions;
	struct question q;

	gen_question(g, &functions, &q);
	q.level = 1;
	oracle_ours(&oracle, &q, NULL);
	oracle_kernel(&oracle, &q);
}

/* Instructions that do not matter for the difference become "goto +0". */
static void shrink(struct gen *g, enum outcome kind)
{
	const struct bpf_insn nop = { .code = BPF_JMP | BPF_JA };
	bool again = true;

	while (again) {
		again = false;
		for (u32 i = 0; i < g->n; i++) {
			struct bpf_insn old[2] = { g->insns[i], g->insns[i + 1] };
			bool wide = old[0].code == (BPF_LD | BPF_IMM | BPF_DW);

			if (!memcmp(&old[0], &nop, sizeof(nop)) || !old[0].code)
				continue;
			g->insns[i] = nop;
			if (wide)
				g->insns[i + 1] = nop;
			if (compare(g, kind == TEXT) == kind) {
				again = true;
			} else {
				g->insns[i] = old[0];
				g->insns[i + 1] = old[1];
			}
		}
	}
}

static void show(struct gen *g, enum outcome kind, u64 from)
{
	static const char *const names[] = { "", "ACCEPTED HERE, REFUSED BY THE KERNEL",
					     "refused here, accepted by the kernel",
					     "another message" };
	struct insn decoded[ROOM];

	shrink(g, kind);
	both_logs(g);
	printf("== %s (type %u, seed %llu)\n", names[kind], g->type, (unsigned long long)from);
	insn_decode(g->insns, g->n, decoded);
	for (u32 i = 0; i < g->n; i++) {
		char text[128];

		if ((decoded[i].op == OP_JA && !decoded[i].off) || decoded[i].op == OP_WIDE_HIGH)
			continue;
		insn_text(&decoded[i], i, DISASM_KERNEL, text, sizeof(text));
		printf("%3u: %s\n", i, text);
	}
	printf("ours:   %s\nkernel: %s\n", oracle_last_line(oracle.ours_log),
	       oracle_last_line(oracle.kernel_log));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static u32 counts[4];
	u32 n = 100000000, shown[4] = { 0 }, done = 0;
	u64 start = 1;
	time_t limit = 0;
	bool verbose = false, random = false;
	const char *objects_path = NULL;
	struct gen g;
	int opt;

	while ((opt = getopt(argc, argv, "c:n:rv")) != -1) {
		if (opt == 'c')
			objects_path = optarg;
		else if (opt == 'n')
			n = (u32)strtoul(optarg, NULL, 0);
		else if (opt == 'r')
			random = true;
		else
			verbose = true;
	}
	if (optind < argc)
		limit = time(NULL) + atol(argv[optind]);
	if (optind + 1 < argc)
		start = strtoull(argv[optind + 1], NULL, 0);
	oracle_open(&oracle);
	if (!oracle.kernel) {
		printf("skipped: the kernel may not be asked here\n");
		return 0;
	}
	if (objects_path && !read_objects(objects_path)) {
		printf("%s: no C program that compiles\n", objects_path);
		return 0;
	}
	for (u32 i = 0; i < n && (!limit || time(NULL) < limit); i++, done++) {
		u64 from = (start + i) * 0x9e3779b97f4a7c15ull;
		enum outcome kind;

		seed = from;
		if (objects_path)
			damaged(&g);
		else if (random)
			soup(&g);
		else
			generate(&g);
		kind = compare(&g, verbose);
		counts[kind]++;
		if (kind != SAME && (kind != TEXT || verbose) && shown[kind]++ < 20)
			show(&g, kind, start + i);
	}
	printf("%u programs: %u alike, %u unsound, %u incomplete, %u other message\n", done,
	       counts[SAME], counts[UNSOUND], counts[INCOMPLETE], counts[TEXT]);
	oracle_close(&oracle);
	return counts[UNSOUND] ? 1 : counts[INCOMPLETE] ? 2 : 0;
}
