/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_fastcall: a compiler may spill registers around a call that need not be spilled where the call is
 * inlined, below everything else on the stack. Linux drops such spills, and the function's stack is as
 * deep as without them; so is the depth that is judged here. Only the judgement: what skep runs keeps
 * the spills and the room for them.
 */
#include "verify/fastcall.h"

#include "verify/env.h"

/* The registers that a call may change: r0 and its arguments. */
static u32 changed(const struct helper_proto *p)
{
	u32 mask = p->ret != RET_VOID;

	for (u32 n = 0; n < 5 && p->args[n].type != ARG_DONTCARE; n++)
		mask |= 2u << n;
	return mask;
}

/* Linux puts the call's work in its place (x86-64, arm64, riscv64). */
static bool inlined(u32 number)
{
	return number == BPF_FUNC_get_smp_processor_id;
}

static bool is_pair(const struct insn *spill, const struct insn *fill, s32 off)
{
	return spill->code == (BPF_STX | BPF_MEM | BPF_DW) &&
	       fill->code == (BPF_LDX | BPF_MEM | BPF_DW) && spill->dst == REG_FP &&
	       fill->src == REG_FP && spill->src == fill->dst && spill->off == off &&
	       fill->off == off;
}

/* Spills right before the call at `at` and fills right behind it, from the lowest slot upwards. */
static void mark_call(struct env *env, struct subprog *sub, u32 at, s32 lowest)
{
	u32 number = (u32)env->insns[at].imm, i, left;
	const struct helper_proto *p =
		helper_proto(number, env->prog_type, env->in->expected_attach_type);
	s32 off = lowest;

	if (!p)
		return;
	left = ~changed(p) & 0x3f;
	for (i = 1; i <= 6 && i <= at && at + i < env->count; i++, off += SLOT) {
		const struct insn *spill = &env->insns[at - i], *fill = &env->insns[at + i];

		if ((env->aux[at - i + 1].flags | env->aux[at + i].flags) & AUX_TARGET ||
		    !is_pair(spill, fill, off) || !(left >> spill->src & 1))
			break;
		left &= ~(1u << spill->src);
		env->aux[at - i].flags |= AUX_FASTCALL;
		env->aux[at + i].flags |= AUX_FASTCALL;
	}
	if (i == 1)
		return;
	if (p->fastcall && inlined(number))
		sub->fastcalls++;
	else
		sub->fastcall_kept = true;
	sub->fastcall_off = min(sub->fastcall_off, off);
}

int fastcall_mark(struct env *env)
{
	for (u32 s = 0; s < env->nr_subprogs; s++) {
		u32 start = env->subprogs[s].start, end = env->subprogs[s + 1].start;
		s32 lowest = 0;

		for (u32 at = start; at < end; at++)
			if (env->insns[at].code == (BPF_STX | BPF_MEM | BPF_DW) &&
			    env->insns[at].dst == REG_FP)
				lowest = min(lowest, (s32)env->insns[at].off);
		for (u32 at = start; at < end; at++)
			if (env->insns[at].op == OP_CALL_HELPER)
				mark_call(env, &env->subprogs[s], at, lowest);
	}
	return 0;
}

void fastcall_touch(struct env *env, const struct func_state *f, s32 off)
{
	struct subprog *sub = &env->subprogs[f->subprog];

	if (sub->fastcall_off <= off || env->aux[env->insn_idx].flags & AUX_FASTCALL)
		return;
	sub->fastcall_off = INT16_MIN;
	sub->fastcalls = 0;
	for (u32 at = sub->start; at < sub[1].start; at++)
		env->aux[at].flags &= (u16)~AUX_FASTCALL;
}

void fastcall_drop(struct env *env)
{
	for (u32 s = 0; env->in->profile == VERIFY_LINUX && s < env->nr_subprogs; s++) {
		struct subprog *sub = &env->subprogs[s];

		if (sub->fastcalls && !sub->fastcall_kept)
			sub->stack_depth = (u32)-sub->fastcall_off;
	}
}

void fastcall_loop(struct env *env, u32 callback, bool no_flags)
{
	struct insn_aux *aux = aux_of(env);

	if (!no_flags || (aux->map_off && aux->map_off != callback + 1))
		aux->flags |= AUX_CALL_KEPT;
	aux->map_off = callback + 1;
}

u32 fastcall_extra(const struct env *env, u32 s)
{
	u32 extra = 0;

	if (!env->out->xlated) /* rejected: nothing was rewritten */
		return 0;
	for (u32 at = env->subprogs[s].start; at < env->subprogs[s + 1].start; at++) {
		const struct insn *i = &env->insns[at];
		u32 flags = env->aux[at].flags;

		if (!(flags & AUX_SEEN))
			continue;
		if (i->op == OP_MAY_GOTO && i->off)
			extra |= 16;
		if (i->op == OP_CALL_HELPER && i->imm == BPF_FUNC_loop && !(flags & AUX_CALL_KEPT))
			extra |= 256;
	}
	return (extra & 16) + (extra & 256 ? 24 : 0);
}
