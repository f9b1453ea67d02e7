/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Not walking twice what is alike. A path stops where a remembered state, from which everything was
 * found safe, allows at least as much as the present one in all that was used later (live, precise).
 * A remembered state whose continuations are not all walked (branches > 0) says nothing about
 * safety: meeting it exactly is an infinite loop, or, for may_goto and callbacks, the end of one.
 */
#include <errno.h>
#include <string.h>

#include "verify/env.h"

enum exactness { NOT_EXACT, EXACT, RANGE_WITHIN };

/* Which id of the old state stands for which of the new. */
struct idmap {
	u32 count, fresh;
	struct {
		u32 old, cur;
	} pair[256];
};

static bool same_id(struct idmap *map, u32 old, u32 cur)
{
	if (!old != !cur)
		return false;
	if (!old)
		return true;
	for (u32 i = 0; i < map->count; i++) {
		if (map->pair[i].old == old)
			return map->pair[i].cur == cur;
		if (map->pair[i].cur == cur)
			return false;
	}
	if (map->count == ARRAY_SIZE(map->pair))
		return false;
	map->pair[map->count].old = old;
	map->pair[map->count++].cur = cur;
	return true;
}

/* A scalar that was linked to none may be linked to any. */
static bool same_scalar_id(struct idmap *map, u32 old, u32 cur)
{
	if (!old)
		return true;
	return same_id(map, old, cur ? cur : ++map->fresh);
}

static bool within(const struct reg_state *old, const struct reg_state *cur)
{
	return old->umin <= cur->umin && old->umax >= cur->umax && old->smin <= cur->smin &&
	       old->smax >= cur->smax && old->u32_min <= cur->u32_min &&
	       old->u32_max >= cur->u32_max && old->s32_min <= cur->s32_min &&
	       old->s32_max >= cur->s32_max && tnum_in(old->var_off, cur->var_off);
}

static bool identical(const struct reg_state *old, const struct reg_state *cur, struct idmap *map)
{
	return !memcmp(old, cur, offsetof(struct reg_state, id)) &&
	       same_id(map, old->id, cur->id) && same_id(map, old->ref_obj_id, cur->ref_obj_id);
}

static bool packet_covers(const struct reg_state *old, const struct reg_state *cur,
			  struct idmap *map)
{
	if (old->range < 0 || cur->range < 0 ? old->range != cur->range : old->range > cur->range)
		return false;
	return old->off == cur->off && same_id(map, old->id, cur->id) && within(old, cur);
}

/* What was safe with old (whose value mattered: precise) is safe with cur. */
static bool covers(const struct reg_state *old, bool precise, const struct reg_state *cur,
		   struct idmap *map, enum exactness exact)
{
	if (exact == EXACT)
		return identical(old, cur, map) && old->frameno == cur->frameno;
	if (old->type == NOT_INIT && (exact == NOT_EXACT || cur->type == NOT_INIT))
		return true;
	if (old->type != cur->type)
		return false;
	switch (type_base(old->type)) {
	case SCALAR_VALUE:
		if (!precise && exact == NOT_EXACT)
			return true;
		if (old->id && ((old->id ^ cur->id) & ID_ADD_CONST ||
				(old->id & ID_ADD_CONST && old->off != cur->off)))
			return false;
		return within(old, cur) &&
		       same_scalar_id(map, old->id & ~ID_ADD_CONST, cur->id & ~ID_ADD_CONST);
	case PTR_TO_MAP_KEY:
	case PTR_TO_MAP_VALUE:
	case PTR_TO_MEM:
	case PTR_TO_BUF:
	case PTR_TO_TP_BUFFER:
		return !memcmp(old, cur, offsetof(struct reg_state, var_off)) && within(old, cur) &&
		       same_id(map, old->id, cur->id) &&
		       same_id(map, old->ref_obj_id, cur->ref_obj_id);
	case PTR_TO_PACKET:
	case PTR_TO_PACKET_META: return packet_covers(old, cur, map);
	default: return identical(old, cur, map) && old->frameno == cur->frameno;
	}
}

/* The same of a register as it was saved: looked at only as far as it matters. */
static bool packed_covers(const u8 *at, bool precise, const struct reg_state *cur,
			  struct idmap *map, enum exactness exact)
{
	struct reg_state old;

	if (exact == NOT_EXACT && packed_is_none(at))
		return true;
	if (exact == EXACT && !packed_may_equal(at, cur))
		return false;
	if (packed_is_none(at) ? cur->type != NOT_INIT
			       : packed_is_scalar(at) != (cur->type == SCALAR_VALUE))
		return false;
	if (exact == NOT_EXACT && !precise && cur->type == SCALAR_VALUE)
		return true;
	packed_reg(at, &old);
	return covers(&old, precise, cur, map, exact);
}

/* A slot of which nothing is known loads like an unbounded scalar. */
static const struct reg_state *scalar_in(const u8 *type, const struct reg_state *reg,
					 const struct reg_state *unknown)
{
	if (reg && type[0] == STACK_SPILL)
		return reg->type == SCALAR_VALUE ? reg : NULL;
	for (u32 i = 0; i < SLOT; i++)
		if (type[i] != STACK_MISC && type[i] != STACK_INVALID)
			return NULL;
	return unknown;
}

/* A slot as it was (its bytes, its register or NULL) and slot i of g, which may be shorter. */
static bool slot_covers(const u8 *old, const u8 *packed, bool precise, const struct func_state *g,
			u32 i, struct idmap *map, enum exactness exact)
{
	static const u8 empty[SLOT];
	const u8 *cur = i < g->nr_slots ? g->stack[i].type : empty;
	const struct reg_state *cur_reg = i < g->nr_slots ? slot_reg(g, i) : NULL, *a, *b;
	struct reg_state unknown, old_reg;
	bool used = false;

	if (exact == EXACT)
		return !memcmp(old, cur, SLOT) &&
		       (!packed || packed_covers(packed, precise, cur_reg, map, exact));
	for (u32 k = 0; k < SLOT; k++)
		used |= old[k] == STACK_SPILL || old[k] == STACK_ZERO;
	if (!used)
		return true;
	if (packed)
		packed_reg(packed, &old_reg);
	memset(&unknown, 0, sizeof(unknown));
	unknown.type = SCALAR_VALUE;
	reg_set_unbounded(&unknown);
	a = scalar_in(old, packed ? &old_reg : NULL, &unknown);
	b = scalar_in(cur, cur_reg, &unknown);
	if (a && b)
		return covers(a, precise && packed, b, map, exact);
	for (u32 k = 0; k < SLOT; k++) {
		if (old[k] == STACK_INVALID || old[k] == STACK_MISC)
			continue;
		if (old[k] != cur[k])
			return false;
	}
	return !packed || covers(&old_reg, precise, cur_reg, map, exact);
}

static bool regs_cover(const struct saved_frame *old, const struct marks *precise,
		       const struct func_state *cur, struct idmap *map, enum exactness exact)
{
	static const u8 none[2] = { PACK_NONE & 0xff, PACK_NONE >> 8 };
	const u8 *at = old->piece[0]->bytes;

	for (u32 r = 0; r < REG_FP; r++, at = packed_skip(at)) {
		const u8 *reg = old->dead_regs >> r & 1 ? none : at;

		if (!packed_covers(reg, precise->regs >> r & 1, &cur->regs[r], map, exact))
			return false;
	}
	return true;
}

static bool stack_covers(const struct saved_frame *old, const struct marks *precise,
			 const struct func_state *cur, struct idmap *map, enum exactness exact)
{
	struct slot_reader slots = { .frame = old };
	u8 types[SLOT];
	const u8 *reg;

	if (exact == EXACT && old->nr_slots > cur->nr_slots)
		return false;
	for (u32 i = 0; slot_read(&slots, types, &reg); i++)
		if (!slot_covers(types, reg, precise->slots >> i & 1, cur, i, map, exact))
			return false;
	return true;
}

static bool refs_cover(const struct saved *old, const struct state *cur, struct idmap *map)
{
	if (old->nr_refs != cur->nr_refs || old->locks != cur->locks)
		return false;
	for (u32 i = 0; i < old->nr_refs; i++)
		if (old->refs[i].kind != cur->refs[i].kind ||
		    old->refs[i].map != cur->refs[i].map ||
		    !same_id(map, old->refs[i].id, cur->refs[i].id))
			return false;
	return true;
}

static bool same_frame(const struct frame_facts *a, const struct frame_facts *b,
		       enum exactness exact)
{
	return (!a->frameno || a->callsite == b->callsite) && a->subprog == b->subprog &&
	       a->in_callback == b->in_callback && a->in_async == b->in_async &&
	       (a->callback_depth <= b->callback_depth || exact == EXACT);
}

static bool state_covers(struct env *env, const struct saved *old, const struct state *cur,
			 enum exactness exact)
{
	struct idmap *map = env->idmap;

	if (old->curframe != cur->curframe || old->sleepable != cur->sleepable)
		return false;
	map->count = 0;
	map->fresh = env->id_gen;
	if (!refs_cover(old, cur, map))
		return false;
	for (u32 f = 0; f <= old->curframe; f++) {
		const struct saved_frame *a = &old->frame[f];
		const struct func_state *b = cur->frame[f];

		if (!same_frame(&a->facts, &b->facts, exact))
			return false;
		if (!regs_cover(a, &old->precise[f], b, map, exact) ||
		    !stack_covers(a, &old->precise[f], b, map, exact))
			return false;
	}
	return true;
}

/* A quick look before an exact comparison. */
static bool may_loop(const struct saved *old, const struct state *cur)
{
	const struct func_state *f;
	const u8 *at;

	if (old->curframe != cur->curframe)
		return false;
	f = cur_frame(cur);
	at = old->frame[old->curframe].piece[0]->bytes;
	for (u32 r = 0; r < REG_FP; r++) {
		struct reg_state reg;

		if (!packed_may_equal(at, &f->regs[r]))
			return false;
		if (packed_is_none(at)) {
			at = packed_skip(at);
			continue;
		}
		at = packed_reg(at, &reg);
		if (memcmp(&reg, &f->regs[r], offsetof(struct reg_state, frameno)))
			return false;
	}
	return true;
}

/* Some continuation ended at a state that is not finished: marks of this one may still change. */
static bool incomplete(const struct saved *s)
{
	for (const struct saved *h = s->loop_entry; h; h = h->loop_entry)
		if (h->branches)
			return true;
	return false;
}

/* *of, of a path or of a remembered state, becomes entry unless it is an outer loop's already. */
static void set_loop_entry(struct saved **of, struct saved *entry)
{
	if (*of && (*of)->branches && (*of)->depth <= entry->depth)
		return;
	*of = entry;
	entry->loop_target = true;
}

static void forget(struct env *env, struct saved *s)
{
	if (s->all_prev)
		s->all_prev->all_next = s->all_next;
	else
		env->all_states = s->all_next;
	if (s->all_next)
		s->all_next->all_prev = s->all_prev;
	saved_free(env, s);
}

void path_end(struct env *env)
{
	struct saved *entry = env->cur->loop_entry, *s = env->cur->parent, *up;

	if (s && entry && entry->branches && entry != s)
		set_loop_entry(&s->loop_entry, entry);
	for (; s; s = up) {
		up = s->parent;
		if (--s->branches)
			break;
		if (up && s->loop_entry && s->loop_entry->branches && s->loop_entry != up)
			set_loop_entry(&up->loop_entry, s->loop_entry);
		if (s->evicted && !s->loop_target)
			forget(env, s);
	}
}

void states_drop(struct env *env)
{
	while (env->all_states)
		forget(env, env->all_states);
	env->furthest = 0;
	if (env->explored)
		memset(env->explored, 0, env->points.count * sizeof(*env->explored));
}

/*
 * Where one path is left, which goes forward only, and s is the furthest remembered state: none of the others can be
 * met again. What the log counts stays.
 */
static void keep_only(struct env *env, struct saved *s)
{
	const struct state *cur = env->cur;
	u32 at = cur->curframe ? cur->frame[1]->callsite : env->insn_idx;

	env->furthest = max(env->furthest, at);
	if (env->nr_pending || cur->curframe || env->furthest > at || env->calls_back ||
	    env->subprogs[cur->frame[0]->subprog].loops)
		return;
	while (s->all_next) {
		*explored_at(env, s->all_next->insn_idx) = NULL;
		forget(env, s->all_next);
	}
	s->parent = NULL;
	precise_restart(env, s);
}

static int remember(struct env *env)
{
	struct state *cur = env->cur;
	struct saved *s = saved_new(env, cur, cur->parent, false),
		     **list = explored_at(env, env->insn_idx);

	if (!s)
		return -ENOMEM;
	if (precise_remember(env, cur, s)) {
		saved_free(env, s);
		return -ENOMEM;
	}
	s->branches = 1;
	s->all_next = env->all_states;
	if (s->all_next)
		s->all_next->all_prev = s;
	env->all_states = s;
	s->insn_idx = env->insn_idx;
	s->next = *list;
	*list = s;
	env->out->total_states++;
	env->nr_states++;
	env->out->peak_states = max(env->out->peak_states, env->nr_states);
	env->prev_jumps = env->jumps;
	env->prev_processed = env->out->processed;
	cur->parent = s;
	cur->depth = s->depth + 1;
	cur->loop_entry = NULL;
	keep_only(env, s);
	return 0;
}

static int infinite(struct env *env, const struct saved *old)
{
	struct state *was;

	log_line(env, env->insn_idx, "; ");
	say_error(env, "infinite loop detected at insn %u\n", env->insn_idx);
	because(env, REASON_LOOP, -EINVAL);
	if (env->log.on) {
		trace(env, "cur state:");
		log_state(env, env->cur, env->cur->curframe, true);
		trace(env, "old state:");
		was = saved_restore(env, old);
		if (!was)
			return -ENOMEM;
		log_state(env, was, env->cur->curframe, true);
		state_free(env, was);
	}
	return -EINVAL;
}

/* old is not finished. 1: its loop closes here; -errno; 0: nothing to be had from it. */
static int meet_unfinished(struct env *env, struct saved *old, bool loops_by_itself)
{
	struct state *cur = env->cur;
	const struct frame_facts *f = &old->frame[old->curframe].facts;

	if (f->in_async && old->curframe == cur->curframe &&
	    f->async_entries != cur_frame(cur)->async_entries)
		return 0;
	if (env->insns[env->insn_idx].op == OP_MAY_GOTO &&
	    old->may_goto_depth != cur->may_goto_depth && state_covers(env, old, cur, RANGE_WITHIN))
		return 1;
	if (loops_by_itself)
		return state_covers(env, old, cur, RANGE_WITHIN);
	if (may_loop(old, cur) && old->may_goto_depth == cur->may_goto_depth &&
	    old->unroll_depth == cur->unroll_depth && state_covers(env, old, cur, EXACT))
		return infinite(env, old);
	return 0;
}

static void evict(struct env *env, struct saved **link)
{
	struct saved *s = *link;

	*link = s->next;
	s->evicted = true;
	env->nr_states--;
	if (!s->branches && !s->loop_target)
		forget(env, s);
}

static int hit(struct env *env, struct saved *old, bool looping)
{
	old->hit++;
	if (looping)
		set_loop_entry(&env->cur->loop_entry, old);
	else if (incomplete(old))
		for (struct saved *h = old->loop_entry; h; h = h->loop_entry)
			if (h->branches) {
				set_loop_entry(&env->cur->loop_entry, h);
				break;
			}
	precise_follow(env, env->cur, old);
	return 1;
}

int prune_visit(struct env *env)
{
	u16 flags = env->aux[env->insn_idx].flags;
	u32 jumps = env->jumps - env->prev_jumps, insns = env->out->processed - env->prev_processed,
	    count = 0;
	bool force = flags & AUX_FORCE || env->in->prog_flags & BPF_F_TEST_STATE_FREQ;
	bool add = force || (jumps >= 2 && insns >= 8);
	struct saved **list = explored_at(env, env->insn_idx), **link, *old;

	for (old = *list; old; old = old->next)
		if (!literal(env) && !old->branches && !old->cleaned && !incomplete(old))
			live_clean(env, old);
	for (link = list; (old = *link);) {
		bool unfinished = old->branches;
		u32 n = force && unfinished ? 64 : 3;
		int met = 0;

		count++;
		if (unfinished) {
			met = meet_unfinished(env, old, flags & AUX_CALLBACK);
			if (met < 0)
				return met;
			if (!met && !force && jumps < 20 && insns < 100)
				add = false;
		} else {
			met = state_covers(env, old, env->cur,
					   literal(env) || incomplete(old) ? RANGE_WITHIN
									   : NOT_EXACT);
		}
		if (met)
			return hit(env, old, unfinished);
		old->miss += add;
		if (old->miss > old->hit * n + n)
			evict(env, link);
		else
			link = &old->next;
	}
	env->out->max_states_per_insn = max(env->out->max_states_per_insn, count);
	return add ? remember(env) : 0;
}
