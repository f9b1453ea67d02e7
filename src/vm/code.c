// SPDX-License-Identifier: BSD-2-Clause
/*
 * Making, running and freeing executable programs: picks the engine and is the one way in. A program
 * enters with r10 = run->stack_cur, whichever engine runs it, so engines can call one another.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "verify/belief.h"
#include "vm/vm.h"

/* The entry of an interpreted program; which one it is, code_run() and tail calls leave in run->code. */
static u64 interp_enter(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run)
{
	const u64 args[5] = { r1, r2, r3, r4, r5 };

	return (run->code->checked ? interp_checked : interp_plain)(run->code, 0, args, run, NULL);
}

u64 call_by_number(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run, u64 number)
{
	helper_fn body =
		number <= UINT32_MAX && run->code->helper ? run->code->helper((u32)number) : NULL;

	if (!body) {
		run->guard.error = -ENOSYS;
		return 0;
	}
	return body(r1, r2, r3, r4, r5, run);
}

static int make_funcs(struct code *code)
{
	code->funcs = calloc(code->subprog_count, sizeof(*code->funcs));
	if (!code->funcs)
		return -ENOMEM;
	for (u32 i = 0; i < code->subprog_count; i++)
		code->funcs[i] = (struct code_func){ code, i };
	return 0;
}

static int compile(struct code *code, const struct code_spec *spec, const struct insn *insns,
		   struct log *why)
{
	struct jit_spec jit = {
		.insns = insns,
		.count = code->count,
		.func_count = code->subprog_count,
		.checked = code->checked,
		.helper = spec->helper,
		.func_values = (u64)code->funcs,
		.func_size = sizeof(*code->funcs),
		.code = code,
		.callx = call_by_number,
	};

	code->natives = calloc(code->subprog_count, sizeof(*code->natives));
	if (!code->natives)
		return -ENOMEM;
	for (u32 i = 0; i < code->subprog_count; i++) {
		code->natives[i].start = code->subprogs[i].start;
		code->natives[i].stack_depth = code->subprogs[i].stack_depth;
	}
	jit.funcs = code->natives;
	return jit_compile(&code->image, &jit, why);
}

/* The engine asked for; where the JIT cannot, the interpreter, unless only the JIT will do. */
static int build_engine(struct code *code, const struct code_spec *spec, const struct insn *insns,
			struct log *why)
{
	int err = spec->engine == ENGINE_INTERP || spec->beliefs ? -EOPNOTSUPP
								 : compile(code, spec, insns, why);

	if (!err)
		code->entry = code->image.entry;
	if (!err || (spec->engine == ENGINE_JIT && !spec->beliefs) ||
	    (err != -EOPNOTSUPP && err != -ENOMEM))
		return err;
	code->entry = interp_enter;
	return interp_prepare(code, spec, insns, why);
}

static int build(struct code *code, const struct code_spec *spec, struct insn *insns,
		 struct log *why)
{
	int err;

	insn_decode(spec->insns, spec->count, insns);
	err = check_structure(code, spec, insns, why);
	if (!err)
		err = make_funcs(code);
	if (!err)
		err = build_engine(code, spec, insns, why);
	return err;
}

int code_new(struct code **out, const struct code_spec *spec, struct log *why)
{
	struct insn *insns;
	struct code *code;
	int err = -ENOMEM;

	*out = NULL;
	if (!spec->count || spec->count > CODE_MAX_INSNS)
		return fail(why, spec->count ? -E2BIG : -EINVAL, "%u instructions", spec->count);
	code = calloc(1, sizeof(*code));
	insns = calloc(spec->count, sizeof(*insns));
	if (code && insns) {
		code->checked = spec->checked;
		code->helper = spec->helper;
		code->beliefs = spec->beliefs;
		err = build(code, spec, insns, why);
	}
	free(insns);
	if (err)
		code_free(code);
	else
		*out = code;
	return err;
}

void code_free(struct code *code)
{
	if (!code)
		return;
	jit_release(&code->image);
	free(code->natives);
	free(code->iops);
	free(code->helpers);
	free(code->subprogs);
	free(code->funcs);
	beliefs_free(code->beliefs);
	free(code);
}

static void reset(const struct code *code, struct run *run)
{
	run->tail_calls = 0;
	run->may_goto = RUN_MAY_GOTO;
	run->stack_cur = run->stack_top;
	run->code = code;
}

u64 code_run(const struct code *code, void *ctx, struct run *run)
{
	reset(code, run);
	run->ctx = ctx;
	return code->entry((u64)ctx, 0, 0, 0, 0, run);
}

u64 code_run_checked(const struct code *code, u64 r1, u64 r2, struct run *run)
{
	reset(code, run);
	run->guard.error = 0;
	run->guard.frames = 0;
	memset(run->stack_low, 0, (size_t)(run->stack_top - run->stack_low));
	return code->entry(r1, r2, 0, 0, 0, run);
}

u64 code_callback(struct run *run, u64 callback, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5)
{
	const struct code_func *func = (const struct code_func *)callback;
	const u64 args[5] = { r1, r2, r3, r4, r5 };
	u8 *stack = run->stack_cur;
	u64 r0;

	if (func->code->iops)
		r0 = interp_plain(func->code, func->code->subprogs[func->index].start, args, run,
				  NULL);
	else
		r0 = func->code->image.enter(r1, r2, r3, r4, r5, run,
					     func->code->image.mem +
						     func->code->natives[func->index].offset);
	run->stack_cur = stack;
	return r0;
}

const void *code_image(const struct code *code, u32 *len)
{
	*len = code->image.len;
	return code->image.mem;
}

const void *code_function(const struct code *code, u32 n, u32 *len)
{
	u32 end;

	*len = 0;
	if (!code->image.mem || n >= code->subprog_count)
		return NULL;
	end = n + 1 < code->subprog_count ? code->natives[n + 1].offset : code->image.len;
	*len = end - code->natives[n].offset;
	return code->image.mem + code->natives[n].offset;
}

const void *code_insn(const struct code *code, u32 index)
{
	return code->image.mem && index < code->count ? code->image.mem + code->image.offsets[index]
						      : NULL;
}
