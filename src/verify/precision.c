/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The graph of dependencies of scalars. Nodes only refer to older nodes, but for the extra edges that
 * precise_follow() adds; a marked node's inputs are all marked, or on the work list.
 */
#include "verify/precision.h"

#include <errno.h>
#include <string.h>

#include "verify/env.h"

#define MARKED (1u << 31)

struct node {
	u32 a;		/* input | MARKED */
	u32 b;		/* input; of a leaf: 1 + index in leaves | LEAF */
};
#define LEAF (1u << 31)

struct leaf {
	u32 serial;	/* of the state */
	u32 extra;	/* edges added later: 1 + index in edges */
	u16 slot;	/* register number, or 16 + stack slot */
	u16 frame;
};

struct edge {
	u32 node, next;
};

struct precision {
	struct node *nodes;
	struct leaf *leaves;
	struct edge *edges;
	struct state **states;		/* by serial; NULL: given back */
	u32 *work;
	u32 nr_nodes, cap_nodes, nr_leaves, cap_leaves, nr_edges, cap_edges, nr_states, cap_states, nr_work, cap_work;
	bool failed;			/* out of memory: every scalar counts as precise */
};

static bool room(struct env *env, void **mem, u32 used, u32 *cap, size_t size)
{
	u32 more = max(*cap + *cap / 2, 256u);
	void *bigger;

	if (used < *cap)
		return true;
	bigger = mem_alloc(env, more * size);
	if (!bigger)
		return false;
	if (*cap)	/* number 0 is used from the start */
		memcpy(bigger, *mem, used * size);
	mem_free(env, *mem, *cap * size);
	*mem = bigger;
	*cap = more;
	return true;
}

int precision_new(struct env *env)
{
	env->precision = mem_zalloc(env, sizeof(*env->precision));
	if (!env->precision)
		return -ENOMEM;
	precision_reset(env);
	return 0;
}

void precision_reset(struct env *env)
{
	struct precision *p = env->precision;

	p->nr_nodes = p->nr_states = 1;		/* 0: nothing */
	p->nr_leaves = p->nr_edges = 0;
}

void precision_free(struct env *env)
{
	struct precision *p = env->precision;

	if (!p)
		return;
	mem_free(env, p->nodes, p->cap_nodes * sizeof(*p->nodes));
	mem_free(env, p->leaves, p->cap_leaves * sizeof(*p->leaves));
	mem_free(env, p->edges, p->cap_edges * sizeof(*p->edges));
	mem_free(env, p->states, p->cap_states * sizeof(*p->states));
	mem_free(env, p->work, p->cap_work * sizeof(*p->work));
	mem_free(env, p, sizeof(*p));
	env->precision = NULL;
}

static u32 node_new(struct env *env, u32 a, u32 b)
{
	struct precision *p = env->precision;

	if (!room(env, (void **)&p->nodes, p->nr_nodes, &p->cap_nodes, sizeof(*p->nodes))) {
		p->failed = true;
		return 0;
	}
	p->nodes[p->nr_nodes] = (struct node){ a, b };
	return p->nr_nodes++;
}

static bool marked(const struct precision *p, u32 n)
{
	return !n || p->nodes[n].a & MARKED;
}

u32 precise_join(struct env *env, u32 a, u32 b)
{
	struct precision *p = env->precision;

	if (a == b || marked(p, b))
		return a;
	if (marked(p, a))
		return b;
	return node_new(env, a, b);
}

static void mark(struct env *env, u32 n)
{
	struct precision *p = env->precision;

	if (marked(p, n))
		return;
	if (!room(env, (void **)&p->work, p->nr_work, &p->cap_work, sizeof(*p->work))) {
		p->failed = true;
		return;
	}
	p->nodes[n].a |= MARKED;
	p->work[p->nr_work++] = n;
}

static void mark_leaf(struct precision *p, const struct leaf *leaf)
{
	struct state *s = p->states[leaf->serial];

	if (!s)
		return;
	if (leaf->slot < REG_COUNT)
		s->frame[leaf->frame]->regs[leaf->slot].precise = true;
	else
		slot_reg(s->frame[leaf->frame], leaf->slot - 16u)->precise = true;
}

static void mark_all(struct env *env, u32 from)
{
	struct precision *p = env->precision;

	mark(env, from);
	while (p->nr_work) {
		struct node *n = &p->nodes[p->work[--p->nr_work]];
		u32 a = n->a & ~MARKED, b = n->b;

		mark(env, a);
		if (!(b & LEAF)) {
			mark(env, b);
			continue;
		}
		mark_leaf(p, &p->leaves[b & ~LEAF]);
		for (u32 e = p->leaves[b & ~LEAF].extra; e; e = p->edges[e - 1].next)
			mark(env, p->edges[e - 1].node);
	}
}

void precise_mark(struct env *env, const struct reg_state *reg)
{
	if (reg->type == SCALAR_VALUE && reg->dep)
		mark_all(env, reg->dep);
}

static int leaf_new(struct env *env, struct reg_state *cur, u32 serial, u32 frame, u32 slot)
{
	struct precision *p = env->precision;
	u32 n;

	cur->precise = false;
	if (cur->type != SCALAR_VALUE)
		return 0;
	if (!room(env, (void **)&p->leaves, p->nr_leaves, &p->cap_leaves, sizeof(*p->leaves)))
		return -ENOMEM;
	p->leaves[p->nr_leaves] = (struct leaf){ serial, 0, (u16)slot, (u16)frame };
	n = node_new(env, marked(p, cur->dep) ? 0 : cur->dep, LEAF | p->nr_leaves);
	if (!n)
		return -ENOMEM;
	p->nr_leaves++;
	cur->dep = n;
	return 0;
}

int precise_leaves(struct env *env, struct state *cur)
{
	struct precision *p = env->precision;
	u32 serial = p->nr_states;

	if (!room(env, (void **)&p->states, serial, &p->cap_states, sizeof(*p->states)))
		return -ENOMEM;
	for (u32 f = 0; f <= cur->curframe; f++) {
		struct func_state *c = cur->frame[f];

		for (u32 r = 0; r < REG_FP; r++)
			if (leaf_new(env, &c->regs[r], serial, f, r))
				return -ENOMEM;
		for (u32 i = 0; i < c->nr_slots; i++)
			if (slot_is_spill(&c->stack[i]) && leaf_new(env, &c->stack[i].reg, serial, f, 16 + i))
				return -ENOMEM;
	}
	return p->failed ? -ENOMEM : 0;
}

void precise_remember(struct env *env, struct state *stored)
{
	struct precision *p = env->precision;

	stored->serial = p->nr_states;
	p->states[p->nr_states++] = stored;
}

/* stored's scalar, should it turn out to matter (or does already), makes cur's matter. */
static void follow(struct env *env, const struct reg_state *cur, const struct reg_state *stored)
{
	struct precision *p = env->precision;
	struct leaf *leaf;

	if (stored->type != SCALAR_VALUE || cur->type != SCALAR_VALUE || !cur->dep || marked(p, cur->dep))
		return;
	if (marked(p, stored->dep)) {
		mark_all(env, cur->dep);
		return;
	}
	if (!(p->nodes[stored->dep].b & LEAF) ||
	    !room(env, (void **)&p->edges, p->nr_edges, &p->cap_edges, sizeof(*p->edges))) {
		mark_all(env, cur->dep);	/* more than needed is always right */
		return;
	}
	leaf = &p->leaves[p->nodes[stored->dep].b & ~LEAF];
	p->edges[p->nr_edges] = (struct edge){ cur->dep, leaf->extra };
	leaf->extra = ++p->nr_edges;
}

void precise_follow(struct env *env, struct state *cur, struct state *stored)
{
	for (u32 f = 0; f <= cur->curframe; f++) {
		struct func_state *c = cur->frame[f], *s = stored->frame[f];

		for (u32 r = 0; r < REG_FP; r++)
			follow(env, &c->regs[r], &s->regs[r]);
		for (u32 i = 0; i < min(c->nr_slots, s->nr_slots); i++)
			if (slot_reg(c, i) && slot_reg(s, i))
				follow(env, slot_reg(c, i), slot_reg(s, i));
	}
}

void precise_forget(struct env *env, struct state *stored)
{
	if (stored->serial)
		env->precision->states[stored->serial] = NULL;
	stored->serial = 0;
}
