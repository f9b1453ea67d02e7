/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing states in few bytes and reading them again. A register is two bytes that say which of its
 * fields are unusual, then those; what is usual follows from the kind (a constant's ranges are its
 * value, an unknown scalar's are the widest). A slot is a byte for its contents where all of its bytes
 * are alike.
 */
#include "verify/saved.h"

#include <errno.h>

#include "verify/env.h"

enum { REG_MOST = 128, PIECE_MOST = SAVED_REGS * REG_MOST };

struct writer {
	u8 bytes[PIECE_MOST];
	u32 len;
	bool whole;
};

static void put(struct writer *w, const void *from, u32 size)
{
	memcpy(w->bytes + w->len, from, size);
	w->len += size;
}

static bool is_constant(const struct reg_state *r)
{
	u64 v = r->var_off.value;

	return !r->var_off.mask && r->umin == v && r->umax == v && r->smin == (s64)v &&
	       r->smax == (s64)v && r->u32_min == (u32)v && r->u32_max == (u32)v &&
	       r->s32_min == (s32)v && r->s32_max == (s32)v;
}

static u32 kind_of(const struct reg_state *r)
{
	u32 kind = 0;

	if (is_constant(r))
		kind = PACK_CONST | (r->var_off.value ? PACK_VALUE : 0);
	else
		kind = (r->var_off.value ? PACK_VALUE : 0) | (~r->var_off.mask ? PACK_MASK : 0) |
		       (r->smin != INT64_MIN ? PACK_SMIN : 0) |
		       (r->smax != INT64_MAX ? PACK_SMAX : 0) | (r->umin ? PACK_UMIN : 0) |
		       (r->umax != UINT64_MAX ? PACK_UMAX : 0) |
		       (r->s32_min != INT32_MIN ? PACK_S32_MIN : 0) |
		       (r->s32_max != INT32_MAX ? PACK_S32_MAX : 0) |
		       (r->u32_min ? PACK_U32_MIN : 0) |
		       (r->u32_max != UINT32_MAX ? PACK_U32_MAX : 0);
	return kind | (r->type != SCALAR_VALUE ? PACK_TYPE : 0) | (r->off ? PACK_OFF : 0) |
	       (r->raw[0] ? PACK_RAW0 : 0) | (r->raw[1] ? PACK_RAW1 : 0) |
	       (r->id || r->ref_obj_id || r->frameno ? PACK_IDS : 0);
}

/* The fields in the order of their bits, but for the ids. X(bit, field) */
#define FIELDS(X)                                                                                 \
	X(RAW0, raw[0])                                                                           \
	X(RAW1, raw[1]) X(VALUE, var_off.value) X(MASK, var_off.mask) X(SMIN, smin) X(SMAX, smax) \
		X(UMIN, umin) X(UMAX, umax) X(TYPE, type) X(OFF, off) X(S32_MIN, s32_min)         \
			X(S32_MAX, s32_max) X(U32_MIN, u32_min) X(U32_MAX, u32_max)

static void put_reg(struct writer *w, const struct reg_state *r)
{
	u32 kind = r->type == NOT_INIT ? PACK_NONE : kind_of(r);
	u8 head[2] = { (u8)kind, (u8)(kind >> 8) };

	put(w, head, sizeof(head));
	if (kind != PACK_NONE) {
#define PUT(bit, field)        \
	if (kind & PACK_##bit) \
		put(w, &r->field, sizeof(r->field));
		FIELDS(PUT)
#undef PUT
		if (kind & PACK_IDS) {
			put(w, &r->id, sizeof(r->id));
			put(w, &r->ref_obj_id, sizeof(r->ref_obj_id));
			put(w, &r->frameno, sizeof(r->frameno));
		}
	}
	if (w->whole) {
		put(w, &r->dep, sizeof(r->dep));
		put(w, &r->origin, sizeof(r->origin));
		put(w, &r->origin_kind, sizeof(r->origin_kind));
	}
}

static const u8 *get(const u8 *at, void *to, u32 size)
{
	memcpy(to, at, size);
	return at + size;
}

const u8 *packed_reg(const u8 *at, struct reg_state *r)
{
	u32 kind = packed_kind(at);

	memset(r, 0, sizeof(*r));
	at += 2;
	if (kind == PACK_NONE) {
		reg_set_unbounded(r);
		return at;
	}
	r->type = SCALAR_VALUE;
	if (!(kind & PACK_CONST))
		reg_set_unbounded(r);
#define GET(bit, field)        \
	if (kind & PACK_##bit) \
		at = get(at, &r->field, sizeof(r->field));
	FIELDS(GET)
#undef GET
	if (kind & PACK_CONST)
		reg_set_const(r, r->var_off.value);
	if (kind & PACK_IDS) {
		at = get(at, &r->id, sizeof(r->id));
		at = get(at, &r->ref_obj_id, sizeof(r->ref_obj_id));
		at = get(at, &r->frameno, sizeof(r->frameno));
	}
	return at;
}

static const u8 *whole_reg(const u8 *at, struct reg_state *r)
{
	at = packed_reg(at, r);
	at = get(at, &r->dep, sizeof(r->dep));
	at = get(at, &r->origin, sizeof(r->origin));
	return get(at, &r->origin_kind, sizeof(r->origin_kind));
}

enum { SLOT_SAME = 4 }; /* less: all bytes are of that kind; else two bits a byte follow */

static void put_slot(struct writer *w, const struct stack_slot *s)
{
	u8 head[3] = { s->type[0] };
	u32 bits = 0;

	for (u32 i = 0; i < SLOT; i++) {
		bits |= (u32)s->type[i] << 2 * i;
		if (s->type[i] != s->type[0])
			head[0] = SLOT_SAME;
	}
	head[1] = (u8)bits;
	head[2] = (u8)(bits >> 8);
	put(w, head, head[0] == SLOT_SAME ? 3 : 1);
	if (slot_is_spill(s))
		put_reg(w, &s->reg);
}

static const u8 *get_types(const u8 *at, u8 types[SLOT])
{
	u32 bits;

	if (*at < SLOT_SAME) {
		memset(types, *at, SLOT);
		return at + 1;
	}
	bits = at[1] | (u32)at[2] << 8;
	for (u32 i = 0; i < SLOT; i++)
		types[i] = bits >> 2 * i & 3;
	return at + 3;
}

bool slot_read(struct slot_reader *r, u8 types[SLOT], const u8 **reg)
{
	u32 i = r->next++;

	if (i >= r->frame->nr_slots)
		return false;
	if (i % PIECE_SLOTS == 0)
		r->at = r->frame->piece[1 + i / PIECE_SLOTS]->bytes;
	r->at = get_types(r->at, types);
	*reg = NULL;
	if (types[SLOT - 1] == STACK_SPILL) {
		*reg = r->at;
		r->at = packed_skip(r->at);
	}
	if (r->frame->dead_slots >> i & 1) {
		memset(types, STACK_INVALID, SLOT);
		*reg = NULL;
	}
	return true;
}

static struct piece *piece_new(struct env *env, const struct writer *w, struct piece *like)
{
	struct piece *p = like;

	if (!p || p->size != w->len || memcmp(p->bytes, w->bytes, w->len)) {
		p = mem_alloc(env, sizeof(*p) + w->len);
		if (!p)
			return NULL;
		p->users = 0;
		p->size = w->len;
		memcpy(p->bytes, w->bytes, w->len);
	}
	p->users++;
	return p;
}

static u32 pieces_of(u32 nr_slots)
{
	return 1 + (nr_slots + PIECE_SLOTS - 1) / PIECE_SLOTS;
}

static int save_frame(struct env *env, struct saved_frame *to, const struct func_state *f,
		      const struct saved_frame *like, bool whole)
{
	struct writer w;
	u32 nr = pieces_of(f->nr_slots), nr_like = like ? pieces_of(like->nr_slots) : 0;

	w.whole = whole;
	to->facts = f->facts;
	to->nr_slots = (u16)f->nr_slots;
	for (u32 i = 0; i < nr; i++) {
		w.len = 0;
		if (!i)
			for (u32 r = 0; r < SAVED_REGS; r++)
				put_reg(&w, &f->regs[r]);
		else
			for (u32 s = (i - 1) * PIECE_SLOTS; s < min(f->nr_slots, i * PIECE_SLOTS);
			     s++)
				put_slot(&w, &f->stack[s]);
		to->piece[i] = piece_new(env, &w, i < nr_like ? like->piece[i] : NULL);
		if (!to->piece[i])
			return -ENOMEM;
	}
	return 0;
}

static struct saved *blank(struct env *env, const struct state *state)
{
	u32 frames = state->curframe + 1, pieces = 0, size;
	struct piece **piece;
	struct saved *s;

	for (u32 f = 0; f < frames; f++)
		pieces += pieces_of(state->frame[f]->nr_slots);
	size = (u32)(sizeof(*s) + frames * sizeof(s->frame[0]) +
		     pieces * sizeof(s->frame[0].piece[0]));
	s = mem_zalloc(env, size);
	if (!s)
		return NULL;
	s->size = size;
	piece = (struct piece **)(void *)&s->frame[frames];
	for (u32 f = 0; f < frames; f++) {
		s->frame[f].piece = piece;
		s->frame[f].nr_slots = (u16)state->frame[f]->nr_slots;
		piece += pieces_of(state->frame[f]->nr_slots);
	}
	return s;
}

struct saved *saved_new(struct env *env, const struct state *state, const struct saved *like,
			bool whole)
{
	struct saved *s = blank(env, state);

	if (!s)
		return NULL;
	s->parent = state->parent;
	s->loop_entry = state->loop_entry;
	s->insn_idx = state->insn_idx;
	s->depth = state->depth;
	s->may_goto_depth = state->may_goto_depth;
	s->unroll_depth = state->unroll_depth;
	s->curframe = state->curframe;
	s->locks = state->locks;
	s->sleepable = state->sleepable;
	s->whole = whole;
	if (state->nr_refs) {
		s->refs = mem_alloc(env, state->nr_refs * sizeof(*s->refs));
		if (!s->refs) {
			saved_free(env, s);
			return NULL;
		}
		memcpy(s->refs, state->refs, state->nr_refs * sizeof(*s->refs));
		s->nr_refs = state->nr_refs;
	}
	for (u32 f = 0; f <= s->curframe; f++)
		if (save_frame(env, &s->frame[f], state->frame[f],
			       like && f <= like->curframe ? &like->frame[f] : NULL, whole)) {
			saved_free(env, s);
			return NULL;
		}
	return s;
}

void saved_free(struct env *env, struct saved *s)
{
	if (!s)
		return;
	for (u32 f = 0; f <= s->curframe; f++)
		for (u32 i = 0; i < pieces_of(s->frame[f].nr_slots); i++) {
			struct piece *p = s->frame[f].piece[i];

			if (p && !--p->users)
				mem_free(env, p, sizeof(*p) + p->size);
		}
	mem_free(env, s->refs, s->nr_refs * sizeof(*s->refs));
	mem_free(env, s, s->size);
}

static int restore_frame(struct env *env, struct func_state *f, const struct saved_frame *from,
			 const struct marks *precise, bool whole)
{
	const u8 *(*read)(const u8 *, struct reg_state *) = whole ? whole_reg : packed_reg;
	const u8 *at = from->piece[0]->bytes;

	f->facts = from->facts;
	if (from->nr_slots && frame_grow(env, f, from->nr_slots * SLOT))
		return -ENOMEM;
	for (u32 r = 0; r < SAVED_REGS; r++)
		at = read(at, &f->regs[r]), f->regs[r].precise = precise && precise->regs >> r & 1;
	reg_pointer(&f->regs[REG_FP], PTR_TO_STACK);
	f->regs[REG_FP].frameno = f->frameno;
	f->regs[REG_FP].origin_kind = ORIGIN_ENTRY;
	for (u32 i = 0; i < from->nr_slots; i++) {
		if (i % PIECE_SLOTS == 0)
			at = from->piece[1 + i / PIECE_SLOTS]->bytes;
		at = get_types(at, f->stack[i].type);
		if (slot_is_spill(&f->stack[i]))
			at = read(at, &f->stack[i].reg),
			f->stack[i].reg.precise = precise && precise->slots >> i & 1;
	}
	return 0;
}

struct state *saved_restore(struct env *env, const struct saved *s)
{
	struct state *state = state_new(env);
	int err = state ? refs_reserve(env, state, s->nr_refs) : -ENOMEM;

	if (err) {
		state_free(env, state);
		return NULL;
	}
	state->parent = s->parent;
	state->loop_entry = s->loop_entry;
	state->insn_idx = s->insn_idx;
	state->depth = s->depth;
	state->may_goto_depth = s->may_goto_depth;
	state->unroll_depth = s->unroll_depth;
	state->curframe = s->curframe;
	state->locks = s->locks;
	state->sleepable = s->sleepable;
	state->nr_refs = s->nr_refs;
	if (s->nr_refs)
		memcpy(state->refs, s->refs, s->nr_refs * sizeof(*s->refs));
	for (u32 f = 0; !err && f <= s->curframe; f++) {
		state->frame[f] = frame_new(env);
		err = state->frame[f] ? restore_frame(env, state->frame[f], &s->frame[f],
						      s->precise ? &s->precise[f] : NULL, s->whole)
				      : -ENOMEM;
	}
	if (err) {
		state_free(env, state);
		return NULL;
	}
	return state;
}
