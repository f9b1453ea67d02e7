/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of states. Frames and states that are given back go to a pool of the verification, since
 * every branch copies one and every end of a path gives one back.
 */
#include "verify/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "verify/env.h"

struct state *state_new(struct env *env)
{
	struct state *s = env->state_pool;

	if (s) {
		struct ref_state *refs = s->refs;
		u32 cap = s->cap_refs;

		env->state_pool = s->next;
		memset(s, 0, sizeof(*s));
		s->refs = refs;
		s->cap_refs = cap;
		return s;
	}
	return mem_zalloc(env, sizeof(*s));
}

struct func_state *frame_new(struct env *env)
{
	struct func_state *f = env->frame_pool, *next;

	if (!f)
		return mem_zalloc(env, sizeof(*f));
	memcpy(&next, f->regs, sizeof(next));
	env->frame_pool = next;
	memset(f->regs, 0, sizeof(f->regs));
	f->nr_slots = 0;
	memset(&f->facts, 0, sizeof(f->facts));
	return f;
}

void frame_free(struct env *env, struct func_state *f)
{
	struct func_state *next = env->frame_pool;

	if (!f)
		return;
	if (f->cap_slots > 16) { /* large stacks are rare: keep the pool small */
		mem_free(env, f->stack, f->cap_slots * sizeof(*f->stack));
		f->stack = NULL;
		f->cap_slots = f->nr_slots = 0;
	}
	memcpy(f->regs, &next, sizeof(next));
	env->frame_pool = f;
}

void state_free(struct env *env, struct state *s)
{
	if (!s)
		return;
	for (u32 i = 0; i < MAX_FRAMES; i++) {
		frame_free(env, s->frame[i]);
		s->frame[i] = NULL;
	}
	s->next = env->state_pool;
	env->state_pool = s;
}

void state_drop_pool(struct env *env)
{
	struct state *s, *next;
	struct func_state *f, *fnext;

	for (s = env->state_pool; s; s = next) {
		next = s->next;
		mem_free(env, s->refs, s->cap_refs * sizeof(*s->refs));
		mem_free(env, s, sizeof(*s));
	}
	for (f = env->frame_pool; f; f = fnext) {
		memcpy(&fnext, f->regs, sizeof(fnext));
		mem_free(env, f->stack, f->cap_slots * sizeof(*f->stack));
		mem_free(env, f, sizeof(*f));
	}
	env->state_pool = NULL;
	env->frame_pool = NULL;
}

static int frame_reserve(struct env *env, struct func_state *f, u32 slots)
{
	struct stack_slot *bigger;
	u32 cap = max(slots, 4u);

	if (slots <= f->cap_slots)
		return 0;
	bigger = mem_alloc(env, cap * sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	if (f->nr_slots)
		memcpy(bigger, f->stack, f->nr_slots * sizeof(*bigger));
	mem_free(env, f->stack, f->cap_slots * sizeof(*f->stack));
	f->stack = bigger;
	f->cap_slots = cap;
	return 0;
}

int frame_grow(struct env *env, struct func_state *f, u32 size)
{
	u32 slots = round_up(size, SLOT) / SLOT;
	int err;

	if (slots <= f->nr_slots)
		return 0;
	err = frame_reserve(env, f, slots);
	if (err)
		return err;
	memset(f->stack + f->nr_slots, 0, (slots - f->nr_slots) * sizeof(*f->stack));
	f->nr_slots = slots;
	if (env->subprogs[f->subprog].stack_depth < slots * SLOT)
		env->subprogs[f->subprog].stack_depth = slots * SLOT;
	return 0;
}

static int frame_copy(struct env *env, struct func_state *dst, const struct func_state *src)
{
	struct stack_slot *stack = dst->stack;
	u32 cap = dst->cap_slots;
	int err;

	dst->nr_slots = 0;
	err = frame_reserve(env, dst, src->nr_slots);
	if (err)
		return err;
	stack = dst->stack;
	cap = dst->cap_slots;
	*dst = *src;
	dst->stack = stack;
	dst->cap_slots = cap;
	if (src->nr_slots)
		memcpy(stack, src->stack, src->nr_slots * sizeof(*stack));
	return 0;
}

int refs_reserve(struct env *env, struct state *s, u32 count)
{
	struct ref_state *more;

	if (count <= s->cap_refs)
		return 0;
	more = mem_alloc(env, count * sizeof(*more));
	if (!more)
		return -ENOMEM;
	if (s->nr_refs)
		memcpy(more, s->refs, s->nr_refs * sizeof(*more));
	mem_free(env, s->refs, s->cap_refs * sizeof(*more));
	s->refs = more;
	s->cap_refs = count;
	return 0;
}

int state_copy(struct env *env, struct state *dst, const struct state *src)
{
	struct func_state *frames[MAX_FRAMES];
	struct ref_state *refs;
	u32 cap;

	dst->nr_refs = 0;
	if (refs_reserve(env, dst, src->nr_refs))
		return -ENOMEM;
	refs = dst->refs;
	cap = dst->cap_refs;
	for (u32 i = 0; i < MAX_FRAMES; i++) {
		if (i > src->curframe) {
			frame_free(env, dst->frame[i]);
			dst->frame[i] = NULL;
			continue;
		}
		if (!dst->frame[i] && !(dst->frame[i] = frame_new(env)))
			return -ENOMEM;
		if (frame_copy(env, dst->frame[i], src->frame[i]))
			return -ENOMEM;
	}
	memcpy(frames, dst->frame, sizeof(frames));
	*dst = *src;
	memcpy(dst->frame, frames, sizeof(frames));
	dst->refs = refs;
	dst->cap_refs = cap;
	if (src->nr_refs)
		memcpy(refs, src->refs, src->nr_refs * sizeof(*refs));
	dst->next = NULL;
	return 0;
}
