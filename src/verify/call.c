/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls between functions of the program, callbacks, and returns. A static function is walked in the
 * context of each call; a global one once, by what its BTF promises, and a call only has to keep
 * that contract. A callback's frame is left for its call site, which is then judged again.
 */
#include <errno.h>
#include <string.h>

#include "verify/env.h"

#ifndef ENOTSUPP
#define ENOTSUPP 524
#endif

static int push_on(struct env *env, struct state *s, u32 subprog, u32 callsite)
{
	struct func_state *f, *caller = cur_frame(s);

	if (s->curframe + 1 >= MAX_FRAMES) {
		say_error(env, "the call stack of %u frames is too deep\n", s->curframe + 2);
		return because(env, REASON_STACK_DEPTH, -E2BIG);
	}
	f = frame_new(env);
	if (!f)
		return -ENOMEM;
	f->live = live_enter(env, caller->live, callsite, subprog);
	if (!f->live) {
		frame_free(env, f);
		return -ENOMEM;
	}
	s->frame[++s->curframe] = f;
	f->frameno = s->curframe;
	f->callsite = callsite;
	f->subprog = subprog;
	f->in_async = false;
	for (u32 r = 0; r < REG_COUNT; r++)
		reg_not_init(&f->regs[r]);
	reg_pointer(&f->regs[REG_FP], PTR_TO_STACK);
	f->regs[REG_FP].frameno = s->curframe;
	f->regs[REG_FP].origin_kind = ORIGIN_ENTRY;
	env->scratched_regs = ~0u;
	env->scratched_slots = ~0ull;
	return 0;
}

static void clobber_caller(struct env *env, struct func_state *f)
{
	for (u32 r = 0; r <= 5; r++) {
		reg_not_init(&f->regs[r]);
		reg_origin(env, &f->regs[r], ORIGIN_CLOBBER);
	}
}

static int call_global(struct env *env, u32 subprog)
{
	struct subprog *sub = &env->subprogs[subprog];
	struct func_state *f = frame_of(env);
	const char *name = sub->name ? sub->name : "";
	int err;

	if (env->cur->locks)
		return refuse(
			env, -EINVAL,
			"global function calls are not allowed while holding a lock,\nuse static function instead\n");
	err = btf_call_args(env, subprog);
	if (err) {
		say_error(env, "Caller passes invalid args into func#%u ('%s')\n", subprog, name);
		return because(env, REASON_CALL_ARGS, err);
	}
	if (env->log.on)
		trace(env, "Func#%u ('%s') is global and assumed valid.\n", subprog, name);
	sub->called = true;
	if (sub->changes_packet)
		packet_pointers_drop(env);
	clobber_caller(env, f);
	reg_unknown(env, &f->regs[0]);
	reg_origin(env, &f->regs[0], ORIGIN_CALL);
	return 0;
}

int call_insn(struct env *env, const struct insn *i, u32 *next)
{
	u32 target = env->insn_idx + 1 + (u32)i->imm;
	s32 subprog = cfg_subprog_at(env, target);
	struct func_state *caller = frame_of(env), *callee;
	int err;

	if (subprog < 0)
		return refuse(env, -EFAULT, "No program starts at insn %u\n", target);
	if (env->subprogs[subprog].global)
		return call_global(env, (u32)subprog);
	err = push_on(env, env->cur, (u32)subprog, env->insn_idx);
	if (err)
		return err;
	callee = frame_of(env);
	for (u32 r = 1; r <= 5; r++)
		callee->regs[r] = caller->regs[r];
	clobber_caller(env, caller);
	*next = env->subprogs[subprog].start;
	if (env->log.on) {
		trace(env, "caller:\n");
		log_state(env, env->cur, env->cur->curframe - 1, true);
		trace(env, "callee:\n");
		log_state(env, env->cur, env->cur->curframe, true);
	}
	return 0;
}

static void map_register(struct reg_state *reg, u32 type, const struct reg_state *like)
{
	reg_pointer(reg, type);
	reg->map = like->map;
	reg->map_uid = like->map_uid;
}

/* What a callback's registers hold at its entry. */
static int callback_registers(struct env *env, const struct call *call, struct func_state *from,
			      struct func_state *f)
{
	f->in_callback = true;
	f->ret_min = 0;
	f->ret_max = 1;
	switch (call->number) {
	case BPF_FUNC_loop:
		reg_unknown(env, &f->regs[1]);
		f->regs[2] = from->regs[3];
		return 0;
	case BPF_FUNC_for_each_map_elem:
		switch (call->map->type) {
		case BPF_MAP_TYPE_HASH:
		case BPF_MAP_TYPE_PERCPU_HASH:
		case BPF_MAP_TYPE_LRU_HASH:
		case BPF_MAP_TYPE_LRU_PERCPU_HASH:
		case BPF_MAP_TYPE_ARRAY:
		case BPF_MAP_TYPE_PERCPU_ARRAY: break;
		default: return refuse(env, -ENOTSUPP, "callback function not allowed for map\n");
		}
		f->regs[1] = from->regs[1];
		map_register(&f->regs[2], PTR_TO_MAP_KEY, &from->regs[1]);
		map_register(&f->regs[3], PTR_TO_MAP_VALUE, &from->regs[1]);
		if (map_field(env, call->map, BTF_SPIN_LOCK))
			f->regs[3].id = ++env->id_gen;
		f->regs[4] = from->regs[3];
		return 0;
	case BPF_FUNC_find_vma:
		f->regs[1] = from->regs[1];
		f->regs[3] = from->regs[4];
		return kernel_result(env, "vm_area_struct", PTR_TO_BTF_ID, &f->regs[2]);
	case BPF_FUNC_timer_set_callback:
		f->in_callback = false;
		f->in_async = true;
		f->ret_max = 0;
		map_register(&f->regs[1], CONST_PTR_TO_MAP, &from->regs[1]);
		map_register(&f->regs[2], PTR_TO_MAP_KEY, &from->regs[1]);
		map_register(&f->regs[3], PTR_TO_MAP_VALUE, &from->regs[1]);
		return 0;
	}
	say_error(env, "callbacks of %s are not supported by this verifier yet\n",
		  helper_name(call->number));
	return because(env, REASON_UNSUPPORTED, -EINVAL);
}

/* Runs at some later time on a stack of its own: walked as a program by itself. */
static int queue_async(struct env *env, const struct call *call)
{
	struct func_state *from = frame_of(env), *f;
	struct state *s = path_push(env, env->subprogs[call->subprog].start, env->insn_idx);

	if (!s)
		return path_overflow(env, -EFAULT, " for async cb");
	env->subprogs[call->subprog].is_async = true;
	if (s->parent)
		s->parent->branches--;
	for (u32 i = 0; i <= s->curframe; i++) {
		frame_free(env, s->frame[i]);
		s->frame[i] = NULL;
	}
	s->parent = NULL;
	s->curframe = 0;
	s->nr_refs = s->locks = 0;
	f = s->frame[0] = frame_new(env);
	if (!f)
		return -ENOMEM;
	f->subprog = call->subprog;
	f->live = live_enter(env, NULL, 0, call->subprog);
	if (!f->live)
		return -ENOMEM;
	for (u32 r = 0; r < REG_COUNT; r++)
		reg_not_init(&f->regs[r]);
	reg_pointer(&f->regs[REG_FP], PTR_TO_STACK);
	f->async_entries = from->async_entries + 1;
	return callback_registers(env, call, from, f);
}

int callback_enter(struct env *env, struct call *call, u32 *next)
{
	struct func_state *caller = frame_of(env);
	struct state *s;
	int err;

	(void)next;
	if (call->subprog >= env->nr_subprogs)
		return refuse(env, -EINVAL, "callback is not a function of the program\n");
	env->subprogs[call->subprog].is_callback = true;
	if (env->subprogs[call->subprog].global && env->in->btf) {
		err = btf_call_args(env, call->subprog);
		if (err == -EFAULT)
			return err;
	}
	if (!helper_calls_back_now(call->number))
		return queue_async(env, call);
	s = path_push(env, env->subprogs[call->subprog].start, env->insn_idx);
	if (!s)
		return path_overflow(env, -ENOMEM, "");
	err = push_on(env, s, call->subprog, env->insn_idx);
	err = err ?: callback_registers(env, call, s->frame[s->curframe - 1], cur_frame(s));
	if (err)
		return err;
	cur_frame(s)->refs_at_entry = s->nr_refs;
	s->unroll_depth++;
	s->frame[s->curframe - 1]->callback_depth++;
	caller->callback_depth = 0;
	return 0;
}

static const struct saved *entry_of(struct env *env, const struct state *s, u32 insn, u32 depth)
{
	const struct saved *old;

	for (old = *explored_at(env, insn); old; old = old->next) {
		bool same = old->branches && old->curframe == s->curframe && old->depth < depth;

		for (u32 f = 1; same && f <= s->curframe; f++)
			same = old->frame[f].facts.callsite == s->frame[f]->callsite;
		if (same)
			return old;
	}
	return NULL;
}

static void widen(struct env *env, const u8 *packed, bool precise, struct reg_state *cur)
{
	struct reg_state old;

	if (!packed_is_scalar(packed) || cur->type != SCALAR_VALUE || precise)
		return;
	packed_reg(packed, &old);
	if (!memcmp(&old, cur, offsetof(struct reg_state, id)) && old.id == cur->id)
		return;
	reg_unknown(env, cur);
	cur->origin_kind = ORIGIN_MERGE;
	cur->origin = env->insn_idx;
}

void widen_against(struct env *env, struct state *s, u32 insn, u32 depth)
{
	const struct saved *old = entry_of(env, s, insn, depth);

	if (!old)
		return;
	for (u32 f = 0; f <= old->curframe; f++) {
		struct slot_reader slots = { .frame = &old->frame[f] };
		const u8 *at = old->frame[f].piece[0]->bytes;
		const struct marks *precise = &old->precise[f];
		struct func_state *b = s->frame[f];
		u8 types[SLOT];

		for (u32 r = 0; r < REG_FP; r++, at = packed_skip(at))
			widen(env, at, precise->regs >> r & 1, &b->regs[r]);
		for (u32 i = 0; i < b->nr_slots && slot_read(&slots, types, &at); i++)
			if (at && slot_reg(b, i))
				widen(env, at, precise->slots >> i & 1, slot_reg(b, i));
	}
}

static int callback_return(struct env *env, const struct func_state *f)
{
	const struct reg_state *r0 = &f->regs[0];

	if (r0->type != SCALAR_VALUE) {
		say_error(env, "R0 not a scalar value\n");
		return because_reg(env, REASON_RETURN, 0, -EACCES);
	}
	precise_mark(env, r0);
	return return_in_range(env, r0, f->ret_min, f->ret_max, "At callback return");
}

int leave_function(struct env *env, u32 *next)
{
	struct state *s = env->cur;
	struct func_state *f = frame_of(env), *caller = s->frame[s->curframe - 1];
	int err;

	if (f->regs[0].type == PTR_TO_STACK)
		return refuse(env, -EINVAL, "cannot return stack pointer to the caller\n");
	if (f->in_callback) {
		err = callback_return(env, f);
		if (err)
			return err;
		*next = f->callsite;
	} else {
		caller->regs[0] = f->regs[0];
		caller->regs[0].precise = false;
		*next = f->callsite + 1;
	}
	if (env->log.on) {
		trace(env, "returning from callee:\n");
		log_state(env, s, s->curframe, true);
		trace(env, "to caller at %u:\n", *next);
		log_state(env, s, s->curframe - 1, true);
	}
	s->frame[s->curframe--] = NULL;
	if (f->in_callback)
		widen_against(env, s, *next, s->depth);
	frame_free(env, f);
	return 0;
}

int exit_insn(struct env *env, u32 *next, bool *done)
{
	int err;

	if (env->cur->locks && !env->cur->curframe) {
		say_error(
			env,
			"BPF_EXIT instruction in main prog cannot be used inside bpf_spin_lock-ed region\n");
		return because(env, REASON_LOCK, -EINVAL);
	}
	err = ref_leak(env, false);
	if (err) {
		say_error(env, "BPF_EXIT instruction in %s would lead to reference leak\n",
			  env->cur->curframe ? "callback" : "main prog");
		return because(env, REASON_REFERENCE, err);
	}
	if (env->cur->curframe)
		return leave_function(env, next);
	err = return_value(env);
	*done = !err;
	return err;
}
