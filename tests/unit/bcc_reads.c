/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pass over implicit reads: what it makes of small programs, that it leaves right ones alone, that
 * the info records follow, and that no bytes of an object can lead it astray.
 */
#include "bcc/reads.h"
#include "isa/insn.h"
#include "tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define I(c, d, s, o, i)                                                            \
	{                                                                           \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) \
	}
#define LOAD(size, d, s, o)  I(BPF_LDX | BPF_MEM | (size), d, s, o, 0)
#define STORE(size, d, o, s) I(BPF_STX | BPF_MEM | (size), d, s, o, 0)
#define MOV(d, s)	     I(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define SET(d, i)	     I(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ADD(d, i)	     I(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define HELP(n)		     I(BPF_JMP | BPF_CALL, 0, 0, 0, n)
#define CALL(to)	     I(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, to)
#define IF_ZERO(r, to)	     I(BPF_JMP | BPF_JEQ | BPF_K, r, 0, to, 0)
#define JUMP(to)	     I(BPF_JMP | BPF_JA, 0, 0, to, 0)
#define EXIT		     I(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static char text[4096];

/* The program after the pass, a line each; how many reads became calls. */
static int pass(const struct bpf_insn *insns, u32 count, u32 type)
{
	union bpf_attr attr = { .prog_type = type, .insns = (uintptr_t)insns, .insn_cnt = count };
	struct bcc_reads reads;
	struct insn decoded[256];
	size_t len = 0;
	int err = bcc_reads(&attr, sizeof(attr), &reads), changed = (int)reads.changed;

	text[0] = 0;
	if (err || !changed || reads.count > ARRAY_SIZE(decoded)) {
		bcc_reads_free(&reads);
		return err;
	}
	insn_decode(reads.insns, reads.count, decoded);
	for (u32 i = 0; i < reads.count && len < sizeof(text); i++) {
		if (decoded[i].op != OP_WIDE_HIGH)
			len += insn_text(&decoded[i], i, DISASM_LLVM, text + len,
					 sizeof(text) - len);
		if (len < sizeof(text))
			len += (size_t)snprintf(text + len, sizeof(text) - len, "\n");
	}
	bcc_reads_free(&reads);
	return changed;
}
#define PASS(...)                                                                  \
	pass((struct bpf_insn[]){ __VA_ARGS__ },                                   \
	     sizeof((struct bpf_insn[]){ __VA_ARGS__ }) / sizeof(struct bpf_insn), \
	     BPF_PROG_TYPE_KPROBE)

static void one_read(void)
{
	is(PASS(HELP(BPF_FUNC_get_current_task), LOAD(BPF_W, 0, 0, 16), EXIT), 1,
	   "a load through the task");
	ok(!strcmp(text, "call 0x23\n"
			 "r3 = r0\n"
			 "r3 += 0x10\n"
			 "r1 = r10\n"
			 "r1 += -0x8\n"
			 "r2 = 0x4\n"
			 "call 0x4\n"
			 "w0 = *(u32 *)(r10 - 0x8)\n"
			 "exit\n"),
	   "is a call of probe_read");
}

/* What the call destroys and the program still wants is kept on the stack, below the program's own. */
static void kept(void)
{
	is(PASS(STORE(BPF_DW, 10, -16, 1), LOAD(BPF_DW, 3, 1, 112), SET(2, 7), SET(4, 9),
		LOAD(BPF_DW, 0, 3, 0), ADD(2, 1), I(BPF_ALU64 | BPF_ADD | BPF_X, 0, 2, 0, 0), EXIT),
	   1, "a load with r2 in use");
	ok(strstr(text, "*(u64 *)(r10 - 0x20) = r2\n") &&
		   strstr(text, "r2 = *(u64 *)(r10 - 0x20)\n"),
	   "r2 is kept");
	ok(!strstr(text, "= r4\n") && !strstr(text, "r10 - 0x28"),
	   "r4, which nobody wants, is not");
}

static void left_alone(void)
{
	static const struct bpf_insn pointers[] = {
		LOAD(BPF_DW, 2, 1, 0),
		STORE(BPF_DW, 10, -8, 1),
		LOAD(BPF_DW, 3, 10, -8),
		LOAD(BPF_DW, 4, 3, 8),
		SET(0, 0),
		EXIT,
	};
	static const struct bpf_insn value[] = {
		I(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, 3),
		I(0, 0, 0, 0, 0),
		MOV(2, 10),
		ADD(2, -8),
		I(BPF_ST | BPF_MEM | BPF_DW, 2, 0, 0, 0),
		HELP(BPF_FUNC_map_lookup_elem),
		IF_ZERO(0, 1),
		LOAD(BPF_DW, 0, 0, 0),
		EXIT,
	};
	static const struct bpf_insn typed[] = {
		HELP(BPF_FUNC_get_current_task_btf),
		LOAD(BPF_DW, 1, 0, 8),
		LOAD(BPF_DW, 0, 1, 8),
		EXIT,
	};
	static const struct bpf_insn number[] = { HELP(BPF_FUNC_get_current_task),
						  LOAD(BPF_W, 0, 0, 16), EXIT };

	is(pass(pointers, ARRAY_SIZE(pointers), BPF_PROG_TYPE_KPROBE), 0,
	   "context and stack, spilled and filled");
	is(pass(value, ARRAY_SIZE(value), BPF_PROG_TYPE_KPROBE), 0, "a map's value");
	is(pass(typed, ARRAY_SIZE(typed), BPF_PROG_TYPE_KPROBE), 0, "what BTF types");
	is(pass(number, ARRAY_SIZE(number), BPF_PROG_TYPE_XDP), 0,
	   "programs whose context is no registers");
}

/* Jumps over reads, loops around them, functions that take and return numbers. */
static void control(void)
{
	is(PASS(HELP(BPF_FUNC_get_current_task), IF_ZERO(0, 2), LOAD(BPF_DW, 0, 0, 0),
		LOAD(BPF_DW, 0, 0, 8), EXIT),
	   2, "two reads that a jump leaves out");
	ok(strstr(text, "if r0 == 0x0 goto +0xd\n"), "lead it as far as they are long now");
	is(PASS(HELP(BPF_FUNC_get_current_task), LOAD(BPF_DW, 0, 0, 8),
		I(BPF_JMP | BPF_JNE | BPF_K, 0, 0, -2, 0), EXIT),
	   1, "a loop");
	ok(strstr(text, "goto -0x8\n"), "goes back to the read's start");
	is(PASS(HELP(BPF_FUNC_get_current_task), MOV(1, 0), CALL(1), EXIT, LOAD(BPF_DW, 0, 1, 8),
		EXIT),
	   1, "a function of a number");
	is(PASS(MOV(6, 1), CALL(2), LOAD(BPF_DW, 0, 0, 8), EXIT, HELP(BPF_FUNC_get_current_task),
		EXIT),
	   1, "a function that returns one");
	is(PASS(CALL(2), LOAD(BPF_DW, 0, 0, 8), EXIT, MOV(0, 1), EXIT), 0,
	   "a function that returns a pointer");
}

static void records(void)
{
	struct bpf_insn insns[] = { HELP(BPF_FUNC_get_current_task), LOAD(BPF_DW, 0, 0, 8), EXIT };
	struct bpf_line_info lines[] = { { .insn_off = 0 }, { .insn_off = 1 }, { .insn_off = 2 } };
	struct bpf_func_info functions[] = { { .insn_off = 0, .type_id = 3 } };
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_KPROBE,
				.insns = (uintptr_t)insns,
				.insn_cnt = 3,
				.line_info = (uintptr_t)lines,
				.line_info_cnt = 3,
				.line_info_rec_size = sizeof(lines[0]),
				.func_info = (uintptr_t)functions,
				.func_info_cnt = 1,
				.func_info_rec_size = sizeof(functions[0]) };
	struct bcc_reads reads;

	is(bcc_reads(&attr, sizeof(attr), &reads), 0, "with records");
	is(((struct bpf_line_info *)reads.line_info)[1].insn_off, 1,
	   "a read's line is its first instruction");
	is(((struct bpf_line_info *)reads.line_info)[2].insn_off, 8, "the next line follows it");
	is(((struct bpf_func_info *)reads.func_info)[0].type_id, 3, "a function's record stays");
	is(reads.attr.insn_cnt, 9, "all of it is to be loaded");
	bcc_reads_free(&reads);
}

static void no_room(void)
{
	is(PASS(STORE(BPF_DW, 10, -512, 1), HELP(BPF_FUNC_get_current_task), LOAD(BPF_DW, 0, 0, 8),
		EXIT),
	   -ENOSPC, "a stack that is full");
}

/* Any bytes may stand in an object: nothing is read or written outside, and it ends. */
static void hostile(void)
{
	static const u8 codes[] = {
		0x61, 0x79, 0x7b, 0xb7, 0xbf, 0x07, 0x0f, 0x85, 0x95, 0x05,
		0x06, 0x15, 0x55, 0x18, 0xdb, 0x81, 0xe5, 0x30, 0xd7,
	};
	u64 state = 88172645463325252ull;
	u32 runs = 0;

	for (u32 n = 0; n < 3000; n++) {
		u32 count = 1 + n % 60;
		struct bpf_insn *insns = calloc(count, sizeof(*insns));

		for (u32 i = 0; i < count; i++) {
			u64 r;

			state ^= state << 13, state ^= state >> 7, state ^= state << 17;
			r = state;
			insns[i] = (struct bpf_insn)I(
				n % 7 ? codes[r % ARRAY_SIZE(codes)] : (u8)r,
				(r >> 8) % (n % 5 ? 11 : 16), (r >> 16) % (n % 5 ? 4 : 16),
				(s16)((r >> 20) % 128 - 64), (s32)((r >> 32) % 200 - 40));
			if (!(r >> 60))
				insns[i].imm = (s32)(r >> 24);
		}
		pass(insns, count, BPF_PROG_TYPE_KPROBE);
		runs++;
		free(insns);
	}
	is(runs, 3000, "random programs");
}

int main(void)
{
	one_read();
	kept();
	left_alone();
	control();
	records();
	no_room();
	hostile();
	return done();
}
