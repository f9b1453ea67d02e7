// SPDX-License-Identifier: BSD-2-Clause
/* What programs do through their surroundings, on each engine: helpers, calls, tail calls, callbacks, packets. */
#include <errno.h>
#include <string.h>

#include "isa/insn.h"
#include "tap.h"
#include "vm/code.h"

#define I(c, d, s, o, i)                                                            \
	{                                                                           \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) \
	}
#define MOV(d, i)	      I(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define MOVR(d, s)	      I(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define ADD(d, i)	      I(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define ADDR(d, s)	      I(BPF_ALU64 | BPF_ADD | BPF_X, d, s, 0, 0)
#define CALL(n)		      I(BPF_JMP | BPF_CALL, 0, 0, 0, n)
#define LOCAL(o)	      I(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, o)
#define STX(d, s, o)	      I(BPF_STX | BPF_MEM | BPF_DW, d, s, o, 0)
#define LDX(d, s, o)	      I(BPF_LDX | BPF_MEM | BPF_DW, d, s, o, 0)
#define EXIT		      I(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define NEW(code, prog, subs) make(code, engine, prog, ARRAY_SIZE(prog), subs, ARRAY_SIZE(subs))

static u8 stack[RUN_STACK_SIZE] __attribute__((aligned(16)));
static struct code *targets[2];

/* r1..r5 weighted, so that a wrong order shows; and that run is passed. */
static u64 weigh(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)
{
	return r1 + 10 * r2 + 100 * r3 + 1000 * r4 + 10000 * r5 + 100000 * run->cpu;
}
static u64 repeat(u64 n, u64 callback, u64 ctx, u64 r4, u64 r5, struct run *run)
{
	u64 sum = 0;

	(void)r4, (void)r5;
	for (u64 i = 0; i < n; i++)
		sum += code_callback(run, callback, i, ctx, 0, 0, 0);
	return sum;
}
static helper_fn find_helper(u32 number)
{
	return number == 5 ? weigh : number == 181 ? repeat : NULL;
}

static const struct code *tail_target(struct run *run, struct map *map, u32 index)
{
	(void)run, (void)map;
	return index < 2 ? targets[index] : NULL;
}
static s64 load_packet(struct run *run, s32 off, u32 size)
{
	(void)run;
	return off >= 0 && off + size <= 4 ? 0x1122 + (s64)size : -1;
}
static const struct run_ops ops = { .tail_target = tail_target, .load_packet = load_packet };

static struct run new_run(void)
{
	return (struct run){
		.stack_low = stack, .stack_top = stack + sizeof(stack), .cpu = 3, .ops = &ops
	};
}

static void make(struct code **out, enum engine engine, const struct bpf_insn *insns, u32 count,
		 const struct code_subprog *subs, u32 sub_count)
{
	struct code_spec spec = { .insns = insns,
				  .count = count,
				  .subprogs = subs,
				  .subprog_count = sub_count,
				  .engine = engine,
				  .helper = find_helper };

	if (code_new(out, &spec, NULL))
		*out = NULL;
}

static u64 run_once(struct code *code, u64 ctx)
{
	struct run run = new_run();
	u64 r0 = code ? code_run(code, (void *)ctx, &run) : 0xdead;

	return r0;
}

static void test_helper(enum engine engine, const char *name)
{
	static const struct bpf_insn prog[] = { MOVR(6, 1), MOV(2, 2), MOV(3, 3),  MOV(4, 4),
						MOV(5, 5),  CALL(5),   ADDR(0, 6), EXIT };
	static const struct code_subprog subs[] = { { 0, 0 } };
	struct code *code;

	NEW(&code, prog, subs);
	is(run_once(code, 7), 354327 + 7, "%s: a helper gets five arguments and the run", name);
	code_free(code);
}

static void test_calls(enum engine engine, const char *name)
{
	/* main keeps 11 in its frame, f its own in the frame below; f calls g */
	static const struct bpf_insn prog[] = { MOV(6, 11), STX(10, 6, -8),  MOV(7, 100),
						MOV(1, 5),  LOCAL(4),	     LDX(1, 10, -8),
						ADDR(0, 1), ADDR(0, 7),	     EXIT,
						MOV(7, 1),  STX(10, 1, -16), MOV(1, 1000),
						LOCAL(3),   LDX(1, 10, -16), ADDR(0, 1),
						EXIT,	    MOVR(0, 1),	     STX(10, 0, -8),
						EXIT };
	static const struct code_subprog subs[] = { { 0, 8 }, { 9, 16 }, { 16, 8 } };
	struct code *code;

	NEW(&code, prog, subs);
	is(run_once(code, 0), 1116, "%s: functions have frames of their own and keep r6 to r9",
	   name);
	code_free(code);
}

/* Machine code of functions and instructions can be told apart, for listings. */
static void test_listing(void)
{
	static const struct bpf_insn prog[] = { MOV(1, 5),  LOCAL(1),  EXIT,
						MOVR(0, 1), ADD(0, 1), EXIT };
	static const struct code_subprog subs[] = { { 0, 0 }, { 3, 0 } };
	enum engine engine = ENGINE_JIT;
	struct code *code;
	const u8 *image, *first, *second;
	u32 len, first_len, second_len, none;

	NEW(&code, prog, subs);
	if (!code) {
		skip("no JIT for this machine");
		return;
	}
	image = code_image(code, &len);
	first = code_function(code, 0, &first_len);
	second = code_function(code, 1, &second_len);
	ok(first == image && second == first + first_len && second + second_len == image + len,
	   "functions lie one behind the other and fill the image");
	ok(!code_function(code, 2, &none) && !none, "there is no third");
	ok((const u8 *)code_insn(code, 3) >= second &&
		   (const u8 *)code_insn(code, 3) < second + second_len,
	   "an instruction's machine code is in its function");
	ok(!code_insn(code, 6), "there is no seventh instruction");
	code_free(code);
}

static void test_tail_calls(enum engine engine, const char *name)
{
	/* counts in the context's word, then calls itself; a failing tail call falls through */
	static const struct bpf_insn again[] = { LDX(2, 1, 0), ADD(2, 1), STX(1, 2, 0), MOVR(6, 1),
						 MOV(3, 0),    CALL(12),  MOV(0, 77),	EXIT };
	static const struct bpf_insn inside[] = { MOV(6, 5), LOCAL(2), ADDR(0, 6), EXIT, MOV(6, 1),
						  MOV(3, 1), CALL(12), MOV(0, 1),  EXIT };
	static const struct bpf_insn leaf[] = { MOV(0, 40), STX(10, 0, -8), MOV(6, 9), EXIT };
	static const struct code_subprog one[] = { { 0, 8 } }, two[] = { { 0, 8 }, { 4, 8 } };
	struct code *code;
	u64 count = 0;

	NEW(&targets[0], again, one);
	is(run_once(targets[0], (u64)&count), 77, "%s: the last of a chain falls through", name);
	is(count, 34, "%s: thirty-three tail calls in a chain", name);
	NEW(&targets[1], leaf, one);
	NEW(&code, inside, two);
	is(run_once(code, (u64)&count), 45,
	   "%s: a tail call in a function returns to the function's caller", name);
	code_free(targets[1]);
	make(&targets[1], engine == ENGINE_JIT ? ENGINE_INTERP : ENGINE_JIT, leaf, ARRAY_SIZE(leaf),
	     one, 1);
	is(run_once(code, (u64)&count), 45, "%s: also into a program of the other engine", name);
	code_free(code);
	code_free(targets[0]);
	code_free(targets[1]);
	targets[0] = targets[1] = NULL;
}

static void test_callback(enum engine engine, const char *name)
{
	/* r0 = repeat(4, f, &frame[-8]); f adds its first argument to the word and returns 2 */
	static const struct bpf_insn prog[] = { MOV(6, 100),
						STX(10, 6, -8),
						MOV(1, 4),
						I(BPF_LD | BPF_IMM | BPF_DW, 2, BPF_PSEUDO_FUNC, 0,
						  8),
						I(0, 0, 0, 0, 0),
						MOVR(3, 10),
						ADD(3, -8),
						CALL(181),
						LDX(1, 10, -8),
						ADDR(0, 1),
						ADDR(0, 6),
						EXIT,
						MOV(6, 0),
						LDX(3, 2, 0),
						ADDR(3, 1),
						STX(2, 3, 0),
						STX(10, 6, -8),
						MOV(0, 2),
						EXIT };
	static const struct code_subprog subs[] = { { 0, 8 }, { 12, 8 } };
	struct code *code;

	NEW(&code, prog, subs);
	is(run_once(code, 0), 8 + 106 + 100,
	   "%s: a helper calls back into the program, below its frame", name);
	code_free(code);
}

static void test_packet(enum engine engine, const char *name)
{
	static const struct bpf_insn inside[] = { MOVR(6, 1),
						  I(BPF_LD | BPF_ABS | BPF_H, 0, 0, 0, 2), EXIT };
	static const struct bpf_insn outside[] = { MOVR(6, 1), MOV(7, 3),
						   I(BPF_LD | BPF_IND | BPF_H, 0, 7, 0, 0),
						   MOV(0, 9), EXIT };
	static const struct code_subprog subs[] = { { 0, 0 } };
	struct code *code;

	NEW(&code, inside, subs);
	is(run_once(code, 0), 0x1124, "%s: LD_ABS reads the packet", name);
	code_free(code);
	NEW(&code, outside, subs);
	is(run_once(code, 0), 0, "%s: LD_IND outside it ends the program with 0", name);
	code_free(code);
}

static void test_may_goto(enum engine engine, const char *name)
{
	static const struct bpf_insn prog[] = { MOV(0, 0), ADD(0, 1),
						I(BPF_JMP | BPF_JCOND, 0, 0, 1, 0),
						I(BPF_JMP | BPF_JA, 0, 0, -3, 0), EXIT };
	static const struct code_subprog subs[] = { { 0, 0 } };
	struct code *code;

	NEW(&code, prog, subs);
	is(run_once(code, 0), RUN_MAY_GOTO + 1, "%s: may_goto ends a loop", name);
	code_free(code);
}

static void test_refused(enum engine engine, const char *name)
{
	static const struct bpf_insn unknown[] = { CALL(6), EXIT },
				     across[] = { I(BPF_JMP | BPF_JA, 0, 0, 1, 0), EXIT, EXIT },
				     off[] = { MOV(0, 0) };
	static const struct code_subprog one[] = { { 0, 0 } }, two[] = { { 0, 0 }, { 2, 0 } };
	struct code *code;

	NEW(&code, unknown, one);
	ok(!code, "%s: an unknown helper is refused", name);
	NEW(&code, across, two);
	ok(!code, "%s: a jump into another function is refused", name);
	NEW(&code, off, one);
	ok(!code, "%s: a program that runs off its end is refused", name);
}

int main(void)
{
	static const struct {
		enum engine engine;
		const char *name;
	} engines[] = { { ENGINE_INTERP, "interpreter" }, { ENGINE_JIT, "jit" } };

	for (u32 i = 0; i < ARRAY_SIZE(engines); i++) {
		test_helper(engines[i].engine, engines[i].name);
		test_calls(engines[i].engine, engines[i].name);
		test_tail_calls(engines[i].engine, engines[i].name);
		test_callback(engines[i].engine, engines[i].name);
		test_packet(engines[i].engine, engines[i].name);
		test_may_goto(engines[i].engine, engines[i].name);
		test_refused(engines[i].engine, engines[i].name);
	}
	test_listing();
	return done();
}
