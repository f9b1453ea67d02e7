/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditional jumps: follow the one way that is possible, or both, each with what the comparison
 * tells about it: ranges of scalars and of those linked to them, null-ness, packet ranges.
 */
#include <errno.h>
#include <string.h>

#include "verify/env.h"

static bool any_packet(const struct reg_state *r)
{
	return r->type == PTR_TO_PACKET || r->type == PTR_TO_PACKET_META ||
	       r->type == PTR_TO_PACKET_END;
}

/* A pointer known to be at or beyond the packet's end decides later comparisons with it. */
static int packet_decided(const struct reg_state *a, const struct reg_state *b, u8 op)
{
	const struct reg_state *pkt = a;

	if (b->type != PTR_TO_PACKET_END) {
		if (a->type != PTR_TO_PACKET_END)
			return -1;
		pkt = b;
		op = jump_flipped(op);
	}
	if (pkt->type == PTR_TO_PACKET_END || pkt->range >= 0)
		return -1;
	if ((op == BPF_JLE || op == BPF_JGT) && pkt->range == BEYOND_PKT_END)
		return op == BPF_JGT;
	if (op == BPF_JLT || op == BPF_JGE)
		return op == BPF_JGE;
	return -1;
}

static int decided(const struct reg_state *a, const struct reg_state *b, u8 op, bool is32)
{
	if (a->type == SCALAR_VALUE && b->type == SCALAR_VALUE)
		return scalar_branch(a, b, op, is32);
	if (is32)
		return -1;
	if (any_packet(a) && any_packet(b))
		return packet_decided(a, b, op);
	if (!reg_is_zero(b)) {
		const struct reg_state *swap = a;

		a = b;
		b = swap;
	}
	if (!reg_is_zero(b) || !reg_not_null(a))
		return -1;
	return op == BPF_JEQ ? 0 : op == BPF_JNE ? 1 : -1;
}

/* r becomes what from says of the id that both have. */
static void learn_linked(struct reg_state *r, const struct reg_state *from)
{
	struct reg_state old = *r, delta;
	s64 by = (s64)(old.id & ID_ADD_CONST ? old.off : 0) -
		 (from->id & ID_ADD_CONST ? from->off : 0);
	bool is32 = (old.id | from->id) & ID_ADD_CONST32;

	*r = *from;
	if (by) {
		reg_known(&delta, (u64)by);
		scalar_alu(BPF_ADD, is32, r, &delta);
	}
	r->origin = old.origin;
	r->origin_kind = old.origin_kind;
	r->id = old.id;
	r->off = old.off;
	r->precise = false;
}

/* Every scalar with known's id learns from it, at its distance. Sums of different widths have none. */
static void sync_linked(struct env *env, struct state *s, const struct reg_state *known)
{
	u32 id = known->id & ~ID_ADD_CONST;
	struct reg_state from = *known;

	if (!id)
		return;
	FOR_EACH_REG(s, f, r, {
		u32 dep;

		if (r->type != SCALAR_VALUE || (r->id & ~ID_ADD_CONST) != id || r == known)
			continue;
		if (((r->id | from.id) & ID_ADD_CONST) == ID_ADD_CONST)
			continue;
		dep = precise_join(env, r->dep, from.dep);
		learn_linked(r, &from);
		r->dep = dep;
	})
}

void pointer_not_null(struct env *env, struct reg_state *reg)
{
	const struct verify_map *map;

	if (type_base(reg->type) != PTR_TO_MAP_VALUE) {
		reg->type &= ~(u32)PTR_MAYBE_NULL;
		return;
	}
	map = reg->map;
	if (map->inner) {
		u32 uid = reg->id;

		reg->type = CONST_PTR_TO_MAP;
		reg->map = map->inner;
		reg->map_uid = map_field(env, map->inner, BTF_TIMER) ? uid : 0;
	} else if (map->type == BPF_MAP_TYPE_XSKMAP) {
		reg->type = PTR_TO_XDP_SOCK;
	} else if (map->type == BPF_MAP_TYPE_SOCKMAP || map->type == BPF_MAP_TYPE_SOCKHASH) {
		reg->type = PTR_TO_SOCKET;
	} else {
		reg->type = PTR_TO_MAP_VALUE;
	}
}

static bool keeps_id(struct env *env, const struct reg_state *reg)
{
	return type_base(reg->type) == PTR_TO_MAP_VALUE && map_field(env, reg->map, BTF_SPIN_LOCK);
}

void null_resolve(struct env *env, struct state *s, u32 id, u32 ref_obj_id, bool is_null)
{
	if (!id)
		return;
	if (ref_obj_id && ref_obj_id == id && is_null)
		ref_drop(s, id);
	FOR_EACH_REG(s, f, r, {
		if (!(r->type & PTR_MAYBE_NULL) || r->id != id)
			continue;
		if (is_null) {
			u32 origin = r->origin;
			u8 kind = r->origin_kind;

			reg_known(r, 0);
			r->origin = origin;
			r->origin_kind = kind;
			continue;
		}
		pointer_not_null(env, r);
		if (!keeps_id(env, r))
			r->id = 0;
	})
}

static bool is_packet_start(const struct reg_state *r)
{
	return r->type == PTR_TO_PACKET && !r->id && !r->off && reg_is_const(r) &&
	       !r->var_off.value;
}

/* pkt (of the state s) is known not to be above the end: bytes before it are there. open: strictly below. */
static void packet_range(struct state *s, const struct reg_state *pkt, bool open)
{
	u32 type = pkt->type, id = pkt->id;
	s32 range = pkt->off + open;

	if (pkt->off < 0 || (!pkt->off && open))
		return;
	if (pkt->umax > MAX_PACKET_OFF || pkt->umax + (u64)pkt->off > MAX_PACKET_OFF)
		return;
	FOR_EACH_REG(s, f, r, {
		if (r->type == type && r->id == id)
			r->range = max(r->range, range);
	})
}

static void packet_past_end(struct state *s, u32 regno, bool beyond)
{
	struct reg_state *r = &cur_frame(s)->regs[regno];

	if (r->type == PTR_TO_PACKET)
		r->range = beyond ? BEYOND_PKT_END : AT_PKT_END;
}

/*
 * dst OP src where one is a packet pointer and the other its end (or metadata and the packet's
 * start). here: the fall-through, there: where the jump goes.
 */
static void packet_compared(const struct insn *i, struct state *here, struct state *there)
{
	struct reg_state *dst = &cur_frame(here)->regs[i->dst],
			 *src = &cur_frame(here)->regs[i->src];
	u8 op = BPF_OP(i->code);
	u32 pkt = i->dst;
	struct state *below, *above;
	bool strict;

	if ((dst->type == PTR_TO_PACKET_END && src->type == PTR_TO_PACKET) ||
	    (is_packet_start(dst) && src->type == PTR_TO_PACKET_META)) {
		pkt = i->src;
		op = jump_flipped(op);
	} else if (!((dst->type == PTR_TO_PACKET && src->type == PTR_TO_PACKET_END) ||
		     (dst->type == PTR_TO_PACKET_META && is_packet_start(src)))) {
		return;
	}
	switch (op) {
	case BPF_JGT: below = here, above = there, strict = false; break;
	case BPF_JGE: below = here, above = there, strict = true; break;
	case BPF_JLT: below = there, above = here, strict = true; break;
	case BPF_JLE: below = there, above = here, strict = false; break;
	default: return;
	}
	packet_range(below, &cur_frame(here)->regs[pkt], strict);
	packet_past_end(above, pkt, !strict);
}

/* Equal to something that is not null: not null either. */
static void null_by_equality(struct env *env, const struct insn *i, struct state *here,
			     struct state *there)
{
	struct reg_state *regs = cur_frame(here)->regs, *equal;
	struct reg_state *dst = &regs[i->dst], *src = &regs[i->src];

	if (dst->type == SCALAR_VALUE || src->type == SCALAR_VALUE ||
	    type_base(dst->type) == PTR_TO_BTF_ID || type_base(src->type) == PTR_TO_BTF_ID)
		return;
	if (BPF_OP(i->code) == BPF_JEQ)
		equal = cur_frame(there)->regs;
	else if (BPF_OP(i->code) == BPF_JNE)
		equal = regs;
	else
		return;
	if (reg_not_null(dst) && src->type & PTR_MAYBE_NULL)
		pointer_not_null(env, &equal[i->src]);
	else if (reg_not_null(src) && dst->type & PTR_MAYBE_NULL)
		pointer_not_null(env, &equal[i->dst]);
}

/* Both sides of a comparison of scalars, in both states, and all that is linked to them. */
static void refine_scalars(struct env *env, const struct insn *i, struct state *here,
			   struct state *there)
{
	struct reg_state *dst = &cur_frame(here)->regs[i->dst],
			 *dst2 = &cur_frame(there)->regs[i->dst];
	bool is32 = BPF_CLASS(i->code) == BPF_JMP32;
	struct reg_state imm, imm2, *src = &imm, *src2 = &imm2;
	u8 op = BPF_OP(i->code);
	u32 dep;

	if (BPF_SRC(i->code) == BPF_X) {
		src = &cur_frame(here)->regs[i->src];
		src2 = &cur_frame(there)->regs[i->src];
	} else {
		reg_known(&imm, (u64)(s64)i->imm);
		imm2 = imm;
	}
	if (dst->type != SCALAR_VALUE || src->type != SCALAR_VALUE)
		return;
	dep = precise_join(env, dst->dep, src->dep);
	dst->dep = dst2->dep = dep;
	src->dep = src2->dep = dep;
	scalar_refine(dst2, src2, op, is32);
	scalar_refine(dst, src, jump_opposite(op), is32);
	if (BPF_SRC(i->code) == BPF_X && src->id) {
		sync_linked(env, here, src);
		sync_linked(env, there, src2);
	}
	if (dst->id) {
		sync_linked(env, here, dst);
		sync_linked(env, there, dst2);
	}
}

static int both_ways(struct env *env, const struct insn *i)
{
	struct state *here = env->cur;
	struct state *there = path_push(env, env->insn_idx + 1 + (u32)(s32)i->off, env->insn_idx);
	struct reg_state *dst = &cur_frame(here)->regs[i->dst];
	u8 op = BPF_OP(i->code);
	bool is32 = BPF_CLASS(i->code) == BPF_JMP32;

	if (!there)
		return path_overflow(env, -EFAULT, "");
	refine_scalars(env, i, here, there);
	if (is32)
		return 0;
	if (BPF_SRC(i->code) == BPF_X) {
		null_by_equality(env, i, here, there);
		packet_compared(i, here, there);
	} else if (!i->imm && (op == BPF_JEQ || op == BPF_JNE) && dst->type & PTR_MAYBE_NULL) {
		u32 id = dst->id, ref = dst->ref_obj_id;

		null_resolve(env, here, id, ref, op == BPF_JNE);
		null_resolve(env, there, id, ref, op == BPF_JEQ);
	}
	return 0;
}

/* may_goto: the loop may go on for ever as far as we know, so both ways are walked. */
static int may_goto(struct env *env, const struct insn *i, u32 *next)
{
	struct state *go_on = path_push(env, env->insn_idx + 1, env->insn_idx);

	if (!go_on)
		return path_overflow(env, -ENOMEM, "");
	go_on->may_goto_depth++;
	/* the entry before this one, which is the parent */
	widen_against(env, go_on, env->insn_idx, env->cur->parent ? env->cur->parent->depth : 0);
	*next = env->insn_idx + 1 + (u32)(s32)i->off;
	return 0;
}

int jump_insn(struct env *env, const struct insn *i, u32 *next)
{
	struct reg_state *regs = regs_of(env), imm, *src = &imm, *dst = &regs[i->dst];
	int err, way;

	if (i->op == OP_MAY_GOTO)
		return may_goto(env, i, next);
	err = reg_read(env, i->dst);
	if (!err && BPF_SRC(i->code) == BPF_X)
		err = reg_read(env, i->src);
	if (err)
		return err;
	if (BPF_SRC(i->code) == BPF_X)
		src = &regs[i->src];
	else
		reg_known(&imm, (u64)(s64)i->imm);
	way = decided(dst, src, BPF_OP(i->code), BPF_CLASS(i->code) == BPF_JMP32);
	if (way >= 0) {
		precise_mark(env, dst);
		if (BPF_SRC(i->code) == BPF_X)
			precise_mark(env, src);
		if (way)
			*next = env->insn_idx + 1 + (u32)(s32)i->off;
		err = 0;
	} else {
		err = both_ways(env, i);
	}
	if (!err && env->log.on)
		log_insn_state(env, env->cur, env->cur->curframe);
	return err;
}
