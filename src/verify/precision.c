/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The graph of dependencies of scalars. Nodes only refer to older nodes, but for the extra edges that
 * precise_follow() adds; a marked node's inputs are all marked, or on the work list.
 */
#include "verify/precision.h"

#include <errno.h>
#include <string.h>

#include "verify/env.h"

/*
 * A dep is 0, the number of a node, or LEAF and which scalar of which remembered state. Most scalars
 * are as they were one state earlier: such a leaf's input is the same scalar there, and nothing is
 * noted. Leaves of states that are forgotten stay, as links of the chain.
 */
#define LEAF   (1u << 31)
#define MARKED (1u << 30)
enum {
	KEY_BITS = 10,
	SLOT_KEY = 16,
	FRAME_KEY = 128
}; /* key: frame * FRAME_KEY + (register, or SLOT_KEY + slot) */

struct node {
	u32 a; /* input | MARKED */
	u32 b; /* input */
};

/* The leaves of one remembered state. */
struct leaves {
	u32 parent; /* state before it, 0: none */
	u32 edges;  /* added later: 1 + index in edges */
	u32 size, nr_inputs;
	u32 *inputs; /* of those leaves that are not as they were in the parent */
	u16 *keys;
	struct marks marks[]; /* a leaf that mattered; per frame */
};

struct edge {
	u32 node, next;
	u32 key;
};

struct precision {
	struct node *nodes;
	struct leaves **leaves; /* by serial */
	struct edge *edges;
	u32 *work;
	u32 first; /* of those that are still there */
	u32 nr_nodes, cap_nodes, nr_edges, cap_edges, nr_leaves, cap_leaves, nr_work, cap_work;
	bool failed; /* out of memory: the verification ends */
};

static bool room(struct env *env, void **mem, u32 used, u32 *cap, size_t size)
{
	u32 more = max(*cap + *cap / 2, 256u);
	void *bigger;

	if (used < *cap)
		return true;
	bigger = mem_grow(env, *mem, *cap * size, more * size);
	if (!bigger)
		return false;
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

static void drop_leaves(struct env *env, u32 until)
{
	struct precision *p = env->precision;

	for (; p->first && p->first < until; p->first++)
		mem_free(env, p->leaves[p->first], p->leaves[p->first]->size);
}

void precision_reset(struct env *env)
{
	struct precision *p = env->precision;

	drop_leaves(env, p->nr_leaves);
	p->nr_nodes = p->nr_leaves = p->first = 1; /* 0: nothing */
	p->nr_edges = 0;
}

void precision_free(struct env *env)
{
	struct precision *p = env->precision;

	if (!p)
		return;
	precision_reset(env);
	mem_free(env, p->nodes, p->cap_nodes * sizeof(*p->nodes));
	mem_free(env, p->leaves, p->cap_leaves * sizeof(*p->leaves));
	mem_free(env, p->edges, p->cap_edges * sizeof(*p->edges));
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

static u32 leaf_name(u32 serial, u32 key)
{
	return LEAF | serial << KEY_BITS | key;
}

static struct leaves *leaves_of(const struct precision *p, u32 dep)
{
	return p->leaves[(dep & ~LEAF) >> KEY_BITS];
}

static u32 key_of(u32 dep)
{
	return dep & ((1u << KEY_BITS) - 1);
}

static bool leaf_marked(const struct leaves *l, u32 key)
{
	const struct marks *m = &l->marks[key / FRAME_KEY];

	key %= FRAME_KEY;
	return key < SLOT_KEY ? m->regs >> key & 1 : m->slots >> (key - SLOT_KEY) & 1;
}

static void leaf_mark(struct leaves *l, u32 key)
{
	struct marks *m = &l->marks[key / FRAME_KEY];

	key %= FRAME_KEY;
	if (key < SLOT_KEY)
		m->regs |= 1u << key;
	else
		m->slots |= 1ull << (key - SLOT_KEY);
}

static bool marked(const struct precision *p, u32 dep)
{
	if (dep & LEAF)
		return leaf_marked(leaves_of(p, dep), key_of(dep));
	return !dep || p->nodes[dep].a & MARKED;
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

static void mark(struct env *env, u32 dep)
{
	struct precision *p = env->precision;

	if (marked(p, dep))
		return;
	if (!room(env, (void **)&p->work, p->nr_work, &p->cap_work, sizeof(*p->work))) {
		p->failed = true;
		return;
	}
	if (dep & LEAF)
		leaf_mark(leaves_of(p, dep), key_of(dep));
	else
		p->nodes[dep].a |= MARKED;
	p->work[p->nr_work++] = dep;
}

/* What a leaf's scalar was when its state was remembered. */
static u32 input_of(const struct leaves *l, u32 key)
{
	for (u32 i = 0; i < l->nr_inputs; i++)
		if (l->keys[i] == key)
			return l->inputs[i];
	return l->parent ? leaf_name(l->parent, key) : 0;
}

static void mark_all(struct env *env, u32 from)
{
	struct precision *p = env->precision;

	mark(env, from);
	while (p->nr_work) {
		u32 dep = p->work[--p->nr_work], key = key_of(dep);
		const struct leaves *l;

		if (!(dep & LEAF)) {
			u32 a = p->nodes[dep].a & ~MARKED, b = p->nodes[dep].b;

			mark(env, a);
			mark(env, b);
			continue;
		}
		l = leaves_of(p, dep);
		mark(env, input_of(l, key));
		for (u32 e = l->edges; e; e = p->edges[e - 1].next)
			if (p->edges[e - 1].key == key)
				mark(env, p->edges[e - 1].node);
	}
}

void precise_mark(struct env *env, const struct reg_state *reg)
{
	if (reg->type == SCALAR_VALUE && reg->dep)
		mark_all(env, reg->dep);
}

/* Inputs while they are gathered. */
struct gathered {
	u32 nr, serial, parent;
	u32 inputs[MAX_FRAMES * (REG_FP + MAX_SLOTS)];
	u16 keys[MAX_FRAMES * (REG_FP + MAX_SLOTS)];
};

static void gather(const struct precision *p, struct gathered *g, struct reg_state *reg, u32 key)
{
	if (reg->type != SCALAR_VALUE)
		return;
	if (!g->parent || reg->dep != leaf_name(g->parent, key)) {
		g->inputs[g->nr] = marked(p, reg->dep) ? 0 : reg->dep;
		g->keys[g->nr++] = (u16)key;
	}
	reg->dep = leaf_name(g->serial, key);
}

static struct leaves *leaves_new(struct env *env, const struct gathered *g, u32 frames)
{
	u32 head = (u32)(sizeof(struct leaves) + frames * sizeof(struct marks));
	u32 size = head + g->nr * (u32)(sizeof(u32) + sizeof(u16));
	struct leaves *l = mem_zalloc(env, size);

	if (!l)
		return NULL;
	l->parent = g->parent;
	l->size = size;
	l->nr_inputs = g->nr;
	l->inputs = (u32 *)(void *)((char *)l + head);
	l->keys = (u16 *)(void *)(l->inputs + g->nr);
	memcpy(l->inputs, g->inputs, g->nr * sizeof(u32));
	memcpy(l->keys, g->keys, g->nr * sizeof(u16));
	return l;
}

int precise_remember(struct env *env, struct state *cur, struct saved *stored)
{
	struct precision *p = env->precision;
	struct gathered g;
	struct leaves *l;

	if (p->failed ||
	    !room(env, (void **)&p->leaves, p->nr_leaves, &p->cap_leaves, sizeof(*p->leaves)))
		return -ENOMEM;
	g.nr = 0;
	g.serial = p->nr_leaves;
	g.parent = cur->parent ? cur->parent->serial : 0;
	for (u32 f = 0; f <= cur->curframe; f++) {
		struct func_state *c = cur->frame[f];

		for (u32 r = 0; r < REG_FP; r++)
			gather(p, &g, &c->regs[r], f * FRAME_KEY + r);
		for (u32 i = 0; i < c->nr_slots; i++)
			if (slot_is_spill(&c->stack[i]))
				gather(p, &g, &c->stack[i].reg, f * FRAME_KEY + SLOT_KEY + i);
	}
	l = leaves_new(env, &g, cur->curframe + 1);
	if (!l)
		return -ENOMEM;
	p->leaves[p->nr_leaves++] = l;
	stored->serial = g.serial;
	stored->precise = l->marks;
	return 0;
}

void precise_restart(struct env *env, struct saved *stored)
{
	struct precision *p = env->precision;
	struct leaves *l = p->leaves[stored->serial];

	drop_leaves(env, stored->serial);
	l->parent = l->nr_inputs = 0;
	p->nr_nodes = 1;
	p->nr_edges = l->edges = 0;
}

/* stored's scalar, should it turn out to matter (or does already), makes cur's matter. */
static void follow(struct env *env, const struct reg_state *cur, const struct saved *stored,
		   u32 key)
{
	struct precision *p = env->precision;
	struct leaves *l = p->leaves[stored->serial];

	if (cur->type != SCALAR_VALUE || marked(p, cur->dep))
		return;
	if (leaf_marked(l, key) ||
	    !room(env, (void **)&p->edges, p->nr_edges, &p->cap_edges, sizeof(*p->edges))) {
		mark_all(env, cur->dep); /* more than needed is always right */
		return;
	}
	p->edges[p->nr_edges] = (struct edge){ cur->dep, l->edges, key };
	l->edges = ++p->nr_edges;
}

void precise_follow(struct env *env, struct state *cur, const struct saved *stored)
{
	for (u32 f = 0; f <= cur->curframe; f++) {
		const struct saved_frame *s = &stored->frame[f];
		struct slot_reader slots = { .frame = s };
		struct func_state *c = cur->frame[f];
		const u8 *at = s->piece[0]->bytes;
		u8 types[SLOT];

		for (u32 r = 0; r < REG_FP; r++, at = packed_skip(at))
			if (!(s->dead_regs >> r & 1) && packed_is_scalar(at))
				follow(env, &c->regs[r], stored, f * FRAME_KEY + r);
		for (u32 i = 0; i < c->nr_slots && slot_read(&slots, types, &at); i++)
			if (at && packed_is_scalar(at) && slot_reg(c, i))
				follow(env, slot_reg(c, i), stored, f * FRAME_KEY + SLOT_KEY + i);
	}
}
