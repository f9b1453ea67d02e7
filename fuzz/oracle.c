/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verifier's beliefs against what is: fuzz/oracle [-n PROGRAMS] [-p PLANT] [SECONDS [SEED]].
 *
 * In an ORACLE build (make ORACLE=1) random accepted programs are run on random packets, contexts and
 * map values, while the interpreter looks for each state of a run in those that the verifier visited.
 * -p: the verifier's range operators are made wrong on purpose (src/verify/belief.c), which must be noticed.
 * Exit status 3 if a belief did not hold; in other builds nothing is done.
 */
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define gen	 other_gen /* both generators have such */
#define gen_alu	 other_gen_alu
#define gen_loop other_gen_loop
#define gen_call other_gen_call
#include "engines.h"
#undef gen
#undef gen_alu
#undef gen_loop
#undef gen_call
#include "program.h"

#include "isa/insn.h"
#include "verify/belief.h"
#include "verify/machine.h"

static struct {
	const struct bpf_insn *insns;
	u32 count, type;
	u64 seed;
} now;

static void show(int sig)
{
	struct insn decoded[GEN_MAX + 64];

	(void)sig;
	printf("type %u, seed %llu\n", now.type, (unsigned long long)now.seed);
	insn_decode(now.insns, now.count, decoded);
	for (u32 i = 0; i < now.count; i++) {
		char text[128];

		if (decoded[i].op == OP_WIDE_HIGH)
			continue;
		insn_text(&decoded[i], i, DISASM_KERNEL, text, sizeof(text));
		printf("%3u: %s\n", i, text);
	}
	fflush(stdout);
	_exit(3);
}

static u32 accepted, runs;

static void try(struct machine *m, const struct question *q, u64 from)
{
	int fd;

	now.insns = q->insns;
	now.count = q->count;
	now.type = q->type;
	now.seed = from;
	fd = machine_load(m, q);
	if (fd < 0)
		return;
	accepted++;
	for (u32 i = 0; i < 6; i++)
		runs += machine_run(m, q->type, fd);
	close(fd);
}

/* Programs that compute, as the engines' fuzzer makes them; r1 points to 256 bytes. */
static void computing(struct machine *m, u64 from)
{
	static struct other_gen g;
	struct question q = { .insns = g.insns,
			      .type = BPF_PROG_TYPE_SYSCALL,
			      .flags = BPF_F_SLEEPABLE };

	gen_program(&g, from, true);
	q.count = g.count;
	try(m, &q, from);
}

static void accessing(struct machine *m, u64 from)
{
	static struct gen g;
	static struct functions functions;
	struct question q;

	seed = from * 0x9e3779b97f4a7c15ull;
	program_fixed = from & 2;
	generate(&g);
	gen_question(&g, &functions, &q);
	q.type = g.type == BPF_PROG_TYPE_KPROBE ? BPF_PROG_TYPE_RAW_TRACEPOINT : g.type;
	try(m, &q, from);
}

int main(int argc, char **argv)
{
	static struct machine m;
	u32 n = 100000000, done = 0;
	u64 from = 1;
	time_t limit = 0;
	int opt;

	while ((opt = getopt(argc, argv, "n:p:")) != -1) {
		if (opt == 'n')
			n = (u32)strtoul(optarg, NULL, 0);
		else if (opt == 'p')
			setenv("SKEP_ORACLE_PLANT", optarg, 1);
	}
	if (optind < argc)
		limit = time(NULL) + atol(argv[optind]);
	if (optind + 1 < argc)
		from = strtoull(argv[optind + 1], NULL, 0);
	if (!ORACLE_BUILD) {
		printf("skipped: this is no ORACLE build\n");
		return 0;
	}
	if (!machine_open(&m, false))
		return 1;
	signal(SIGABRT, show);
	for (; done < n && (!limit || time(NULL) < limit); from++, done++)
		(from % 4 ? accessing : computing)(&m, from);
	printf("%u programs, %u accepted (%u of them too large to keep), %u runs: every belief held; next seed %llu\n",
	       done, accepted, beliefs_counted().too_large, runs, (unsigned long long)from);
	machine_close(&m);
	return 0;
}
