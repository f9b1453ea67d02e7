/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accepted programs run alike: fuzz/run [SECONDS] [SEED].
 *
 * Random programs that depend on nothing but a packet and map values are loaded through bpf(2) into
 * skep and into the running kernel, run by BPF_PROG_TEST_RUN on the same packet, and must leave the
 * same result, packet and map values. This is about what the verifier's fix-ups make of a program
 * (context fields, inlined lookups, code dropped) and the engine after it. A program whose result
 * depends on addresses is found by a second set of the kernel's maps, and left out.
 * Exit status 1 for the first difference; where the kernel may not be asked, nothing is done.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "program.h"
#include "isa/insn.h"
#include "verify/machine.h"

enum { PACKET_LEN = 64, READ = 5 };

/* One machine, and what a run left in it. */
struct side {
	struct machine machine;
	int err;
	u32 result;
	u8 packet[PACKET_LEN * 2];
	u32 packet_len;
	u8 values[READ][64];
};

static void element(struct side *m, int cmd, u32 map, u64 key, void *value)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (u32)m->machine.fds[map];
	attr.key = (u64)(unsigned long)&key;
	attr.value = (u64)(unsigned long)value;
	machine_bpf(&m->machine, cmd, &attr);
}

static void maps_fill(struct side *m, u64 from)
{
	u8 value[64];

	for (u32 i = 0; i < sizeof(value); i++)
		value[i] = (u8)(from >> i % 8 * 8) ^ (u8)(i * 37 * (i & 1));
	element(m, BPF_MAP_UPDATE_ELEM, 3, 0, value);
	element(m, BPF_MAP_UPDATE_ELEM, 2, 0, value);
	element(m, BPF_MAP_UPDATE_ELEM, 2, 1, value);
	for (u64 k = 0; k < 4; k++) {
		element(m, BPF_MAP_UPDATE_ELEM, 8, k, value);
		element(m, BPF_MAP_UPDATE_ELEM, 13, k, value);
		element(m, BPF_MAP_UPDATE_ELEM, 14, k, value);
	}
	for (u64 k = 0; k < 3; k++) {
		element(m, BPF_MAP_UPDATE_ELEM, 0, k, value);
		element(m, BPF_MAP_UPDATE_ELEM, 1, k, value);
	}
}

static void run(struct side *m, const struct gen *g, u64 from)
{
	static struct functions functions;
	struct question q;
	u8 in[PACKET_LEN];
	union bpf_attr attr;
	int fd;

	maps_fill(m, from);
	memset(m->packet, 0, sizeof(m->packet));
	memset(m->values, 0, sizeof(m->values));
	m->result = m->packet_len = 0;
	for (u32 i = 0; i < PACKET_LEN; i++)
		in[i] = (u8)(i * 7 + 1);
	gen_question(g, &functions, &q);
	fd = m->err = machine_load(&m->machine, &q);
	if (fd < 0)
		return;
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (u32)fd;
	attr.test.data_in = (u64)(unsigned long)in;
	attr.test.data_size_in = sizeof(in);
	attr.test.data_out = (u64)(unsigned long)m->packet;
	attr.test.data_size_out = sizeof(m->packet);
	attr.test.repeat = 1;
	m->err = machine_bpf(&m->machine, BPF_PROG_TEST_RUN, &attr);
	m->result = attr.test.retval;
	m->packet_len = attr.test.data_size_out;
	close(fd);
	element(m, BPF_MAP_LOOKUP_ELEM, 3, 0, m->values[0]);
	element(m, BPF_MAP_LOOKUP_ELEM, 2, 0, m->values[1]);
	element(m, BPF_MAP_LOOKUP_ELEM, 1, 1, m->values[2]);
	element(m, BPF_MAP_LOOKUP_ELEM, LOCKED, 0, m->values[3]);
	element(m, BPF_MAP_LOOKUP_ELEM, TIMED, 0, m->values[4]);
}

static bool alike(const struct side *a, const struct side *b)
{
	return (a->err < 0) == (b->err < 0) && a->result == b->result &&
	       a->packet_len == b->packet_len && !memcmp(a->packet, b->packet, sizeof(a->packet)) &&
	       !memcmp(a->values, b->values, sizeof(a->values));
}

static void show(const struct gen *g, u64 from, const struct side *skep, const struct side *kernel)
{
	struct insn decoded[ROOM];

	printf("== differs: type %u, seed %llu: %d r0 %u, kernel %d r0 %u\n", g->type,
	       (unsigned long long)from, skep->err, skep->result, kernel->err, kernel->result);
	insn_decode(g->insns, g->n, decoded);
	for (u32 i = 0; i < g->n; i++) {
		char text[128];

		if (decoded[i].op == OP_WIDE_HIGH)
			continue;
		insn_text(&decoded[i], i, DISASM_KERNEL, text, sizeof(text));
		printf("%3u: %s\n", i, text);
	}
	for (u32 v = 0; v < READ; v++)
		for (u32 i = 0; i < 64; i++)
			if (skep->values[v][i] != kernel->values[v][i])
				printf("value %u byte %u: %02x, kernel %02x\n", v, i,
				       skep->values[v][i], kernel->values[v][i]);
}

int main(int argc, char **argv)
{
	static struct side skep, kernel, other;
	time_t limit = time(NULL) + (argc > 1 ? atol(argv[1]) : 30);
	u64 from = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	u32 programs = 0, ran = 0, unsure = 0;
	struct gen g;

	if (!machine_open(&skep.machine, false)) {
		printf("skep: no instance\n");
		return 1;
	}
	if (!machine_open(&kernel.machine, true) || !machine_open(&other.machine, true)) {
		printf("skipped: the kernel may not be asked here\n");
		return 0;
	}
	program_fixed = true;
	for (; time(NULL) < limit; from++, programs++) {
		seed = from * 0x9e3779b97f4a7c15ull;
		generate(&g);
		run(&skep, &g, from);
		run(&kernel, &g, from);
		ran += kernel.err >= 0;
		if (alike(&skep, &kernel))
			continue;
		run(&other, &g, from);
		if (!alike(&kernel, &other)) {
			unsure++;
			continue;
		}
		show(&g, from, &skep, &kernel);
		return 1;
	}
	printf("%u programs, %u ran, all alike (%u depend on addresses); next seed %llu\n",
	       programs, ran, unsure, (unsigned long long)from);
	machine_close(&skep.machine);
	return 0;
}
