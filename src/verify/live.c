/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Liveness. Register masks come from a backward data-flow pass; stack masks from what the walk saw,
 * spread backwards with a worklist. may_read only grows and must_write only shrinks after an
 * instruction's first visit, so live sets only grow and the spreading is incremental: its total cost
 * is bounded by the number of edges times slots.
 */
#include "verify/live.h"

#include <errno.h>
#include <string.h>

#include "verify/env.h"

struct mask {
	u64 read, write, live;
};

struct live {
	struct live *children, *sibling, *caller;
	u32 callsite, subprog, start, count, depth;
	struct mask *frames[MAX_FRAMES];
	u8 *visited;			/* a bit an instruction: must_write is meant */
	u32 *dirty, nr_dirty, cap_dirty;	/* instructions to look at again, all frames */
};

static u16 bit(u32 reg)
{
	return (u16)(1u << reg);
}

/* Registers an instruction reads (use) and overwrites (def). */
static void registers_of(const struct insn *i, u16 *use, u16 *def)
{
	u32 class = BPF_CLASS(i->code);

	*use = *def = 0;
	switch (class) {
	case BPF_ALU:
	case BPF_ALU64:
		*def = bit(i->dst);
		if (BPF_OP(i->code) != BPF_MOV)
			*use = bit(i->dst);
		if (BPF_OP(i->code) != BPF_END && BPF_SRC(i->code) == BPF_X)
			*use |= bit(i->src);
		break;
	case BPF_LDX:
		*use = bit(i->src);
		*def = bit(i->dst);
		break;
	case BPF_ST:
		*use = bit(i->dst);
		break;
	case BPF_STX:
		*use = bit(i->dst) | bit(i->src);
		if (BPF_MODE(i->code) != BPF_ATOMIC)
			break;
		if (i->imm == BPF_CMPXCHG)
			*use |= bit(0), *def = bit(0);
		else if (i->imm == BPF_LOAD_ACQ)
			*use = bit(i->src), *def = bit(i->dst);
		else if (i->imm != BPF_STORE_REL && i->imm & BPF_FETCH)
			*def = bit(i->src);
		break;
	case BPF_LD:
		if (insn_is_wide(i)) {
			*def = bit(i->dst);
		} else {
			*def = bit(0) | bit(1) | bit(2) | bit(3) | bit(4) | bit(5);
			*use = bit(6) | (BPF_MODE(i->code) == BPF_IND ? bit(i->src) : 0);
		}
		break;
	default:	/* jumps */
		if (BPF_OP(i->code) == BPF_EXIT) {
			*use = bit(0);
		} else if (BPF_OP(i->code) == BPF_CALL) {
			*def = bit(0) | bit(1) | bit(2) | bit(3) | bit(4) | bit(5);
			*use = bit(1) | bit(2) | bit(3) | bit(4) | bit(5);
		} else if (BPF_OP(i->code) != BPF_JA && BPF_OP(i->code) != BPF_JCOND) {
			*use = bit(i->dst) | (BPF_SRC(i->code) == BPF_X ? bit(i->src) : 0);
		}
	}
}

static u32 helper_args_mask(struct env *env, const struct insn *i)
{
	const struct helper_proto *p = helper_proto((u32)i->imm, env->prog_type, env->in->expected_attach_type);
	u16 use = 0;

	if (!p)
		return bit(1) | bit(2) | bit(3) | bit(4) | bit(5);
	for (u32 n = 0; n < 5 && p->args[n].type != ARG_DONTCARE; n++)
		use |= bit(n + 1);
	return use;
}

int live_registers(struct env *env)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (u32 n = 0; n < env->nr_postorder; n++) {
			u32 at = env->postorder[n], next[2], nr = cfg_successors(env, at, next);
			const struct insn *i = &env->insns[at];
			u16 use, def, out = 0, in;

			registers_of(i, &use, &def);
			if (i->op == OP_CALL_HELPER)
				use = (u16)helper_args_mask(env, i);
			for (u32 k = 0; k < nr; k++)
				out |= env->aux[next[k]].live_regs;
			in = (u16)((out & ~def) | use);
			changed |= in != env->aux[at].live_regs;
			env->aux[at].live_regs = in;
		}
	}
	return 0;
}

static void drop(struct env *env, struct live *l)
{
	while (l) {
		struct live *next = l->sibling;

		drop(env, l->children);
		for (u32 i = 0; i < MAX_FRAMES; i++)
			mem_free(env, l->frames[i], l->count * sizeof(struct mask));
		mem_free(env, l->visited, (l->count + 7) / 8);
		mem_free(env, l->dirty, l->cap_dirty * sizeof(u32));
		mem_free(env, l, sizeof(*l));
		l = next;
	}
}

void live_free(struct env *env)
{
	drop(env, env->live_root);
	env->live_root = NULL;
}

struct live *live_enter(struct env *env, struct live *caller, u32 callsite, u32 subprog)
{
	struct live **list = caller ? &caller->children : &env->live_root, *l;

	for (l = *list; l; l = l->sibling)
		if (l->callsite == callsite && l->subprog == subprog)
			return l;
	l = mem_zalloc(env, sizeof(*l));
	if (!l)
		return NULL;
	l->callsite = callsite;
	l->subprog = subprog;
	l->caller = caller;
	l->depth = caller ? caller->depth + 1 : 0;
	l->start = env->subprogs[subprog].start;
	l->count = env->subprogs[subprog + 1].start - l->start;
	l->sibling = *list;
	*list = l;
	return l;
}

void live_read(struct env *env, const struct func_state *f, u64 slots)
{
	env->live_now[f->frameno].read |= slots;
	env->live_touched = true;
}

void live_write(struct env *env, const struct func_state *f, u64 slots)
{
	env->live_now[f->frameno].write |= slots;
	env->live_touched = true;
}

static int push_dirty(struct env *env, struct live *l, u32 rel)
{
	u32 cap = max(l->cap_dirty * 2, 64u), *more;

	if (l->nr_dirty == l->cap_dirty) {
		more = mem_alloc(env, cap * sizeof(*more));
		if (!more)
			return -ENOMEM;
		if (l->nr_dirty)
			memcpy(more, l->dirty, l->nr_dirty * sizeof(*more));
		mem_free(env, l->dirty, l->cap_dirty * sizeof(*more));
		l->dirty = more;
		l->cap_dirty = cap;
	}
	l->dirty[l->nr_dirty++] = rel;
	env->live_dirty = true;
	return 0;
}

static struct mask *masks_of(struct env *env, struct live *l, u32 frame)
{
	if (!l->frames[frame])
		l->frames[frame] = mem_zalloc(env, l->count * sizeof(struct mask));
	return l->frames[frame];
}

/* Reads and writes of one visit join those of earlier ones: any visit may read, every visit must write. */
int live_commit(struct env *env, struct live *l, u32 insn)
{
	u32 rel = insn - l->start;
	bool first, dirty = false;

	if (!l->visited && !(l->visited = mem_zalloc(env, (l->count + 7) / 8)))
		return -ENOMEM;
	first = !(l->visited[rel / 8] >> rel % 8 & 1);
	l->visited[rel / 8] |= (u8)(1u << rel % 8);
	for (u32 k = 0; k <= l->depth && k < MAX_FRAMES; k++) {
		u64 read = env->live_now[k].read, write = env->live_now[k].write;
		struct mask *m = l->frames[k];

		if (!read && !write && !m)
			continue;
		if (!m && !(m = masks_of(env, l, k)))
			return -ENOMEM;
		m += rel;
		write = first ? write : m->write & write;
		if ((m->read | read) != m->read || write != m->write) {
			m->read |= read;
			m->write = write;
			dirty = true;
		}
		env->live_now[k].read = env->live_now[k].write = 0;
	}
	env->live_touched = false;
	return dirty ? push_dirty(env, l, rel) : 0;
}

/* What a callee reads of its callers' frames, the call reads. */
static int tell_caller(struct env *env, struct live *l)
{
	struct live *up = l->caller;
	bool dirty = false;

	if (!up)
		return 0;
	for (u32 k = 0; k < l->depth && k < MAX_FRAMES; k++) {
		struct mask *m = l->frames[k], *caller;

		if (!m || !m[0].live)
			continue;
		caller = masks_of(env, up, k);
		if (!caller)
			return -ENOMEM;
		caller += l->callsite - up->start;
		dirty |= (caller->read | m[0].live) != caller->read;
		caller->read |= m[0].live;
	}
	return dirty ? push_dirty(env, up, l->callsite - up->start) : 0;
}

static bool update(struct env *env, struct live *l, u32 rel)
{
	u32 next[2], nr = cfg_successors(env, l->start + rel, next);
	bool changed = false;

	for (u32 k = 0; k <= l->depth && k < MAX_FRAMES; k++) {
		struct mask *m = l->frames[k];
		u64 live = 0;

		if (!m)
			continue;
		for (u32 n = 0; n < nr; n++)
			live |= m[next[n] - l->start].live;
		live = m[rel].read | (live & ~m[rel].write) | m[rel].live;
		changed |= live != m[rel].live;
		m[rel].live = live;
	}
	return changed;
}

/* live = read | (live after & ~write), until nothing changes; callees first. */
static int spread(struct env *env, struct live *l)
{
	for (struct live *child = l->children; child; child = child->sibling)
		if (spread(env, child))
			return -ENOMEM;
	while (l->nr_dirty) {
		u32 rel = l->dirty[--l->nr_dirty], at = l->start + rel;

		if (!update(env, l, rel))
			continue;
		for (u32 p = env->jump_pred[at]; p; p = env->next_pred[p - 1])
			if (push_dirty(env, l, p - 1 - l->start))
				return -ENOMEM;
		if (rel && cfg_falls_into(env, at) && push_dirty(env, l, cfg_before(env, at) - l->start))
			return -ENOMEM;
	}
	return tell_caller(env, l);
}

static int spread_all(struct env *env)
{
	if (!env->live_dirty)
		return 0;
	env->live_dirty = false;
	for (struct live *l = env->live_root; l; l = l->sibling)
		if (spread(env, l))
			return -ENOMEM;
	return 0;
}

static u64 live_at(struct live *l, u32 frame, u32 insn)
{
	u32 rel = insn - l->start;

	if (frame >= MAX_FRAMES || !l->frames[frame] || rel >= l->count)
		return 0;
	return l->frames[frame][rel].live;
}

/* Slots of frame k that somebody may read later on: this function, or one of its callers after the call. */
static u64 slots_alive(struct env *env, struct state *s, u32 k)
{
	u64 alive = 0;

	if (spread_all(env))
		return ~0ull;
	for (u32 i = k; i <= s->curframe; i++) {
		struct live *l = s->frame[i]->live;
		u32 at = s->insn_idx;

		if (i < s->curframe) {
			at = s->frame[i + 1]->callsite;
			if (!(env->aux[at].flags & AUX_CALLBACK))
				at++;
		}
		/* a chain of its own may be shorter than the stack of frames (callbacks of async kinds) */
		if (!l || l->depth != i)
			return ~0ull;
		alive |= live_at(l, k, at);
	}
	return alive;
}

void live_clean(struct env *env, struct state *s)
{
	if (s->cleaned)
		return;
	s->cleaned = true;
	for (u32 k = 0; k <= s->curframe; k++) {
		struct func_state *f = s->frame[k];
		u32 at = k == s->curframe ? s->insn_idx : s->frame[k + 1]->callsite;
		u16 regs = env->aux[at].live_regs;
		u64 alive = slots_alive(env, s, k);

		for (u32 r = 0; r < REG_FP; r++)
			if (!(regs >> r & 1))
				reg_not_init(&f->regs[r]);
		for (u32 i = 0; i < f->nr_slots; i++)
			if (!(alive >> i & 1)) {
				if (slot_reg(f, i))
					reg_not_init(slot_reg(f, i));
				memset(packed_types(f, i), STACK_INVALID, SLOT);
			}
	}
}
