/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Liveness. Register masks come from a backward data-flow pass; stack masks from what the walk saw,
 * spread backwards over blocks with a worklist. may_read only grows and must_write only shrinks after
 * an instruction's first visit, so live sets only grow and the spreading is incremental: its total cost
 * is bounded by the number of edges times slots. A program may have a million instructions, so what
 * one does to the stack is a number, and only those that touch more than a slot have masks.
 */
#include "verify/live.h"

#include <errno.h>
#include <string.h>

#include "verify/env.h"

struct mask {
	u64 read, write;
};

/* What an instruction does: 1 + slot read, 1 + slot written << 8, or index in masks | MASKS. */
#define MASKS (1u << 31)

struct live {
	struct live *children, *sibling, *caller;
	u32 callsite, subprog, start, count, depth;
	u32 first, blocks;	/* points of this function */
	u32 *acts[MAX_FRAMES];	/* per instruction */
	u64 *alive[MAX_FRAMES]; /* per block: slots that may be read from its beginning on */
	u8 *visited;		/* a bit an instruction: what it always writes is known */
	u32 *dirty, nr_dirty, cap_dirty; /* blocks to look at again, all frames */
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
	case BPF_ST: *use = bit(i->dst); break;
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
	default: /* jumps */
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
	const struct helper_proto *p =
		helper_proto((u32)i->imm, env->prog_type, env->in->expected_attach_type);
	u16 use = 0;

	if (!p)
		return bit(1) | bit(2) | bit(3) | bit(4) | bit(5);
	for (u32 n = 0; n < 5 && p->args[n].type != ARG_DONTCARE; n++)
		use |= bit(n + 1);
	return use;
}

/* Linux's log at level 2 begins with them; a number before an instruction says which loop it is in. */
static void log_registers(struct env *env, const u32 *loops)
{
	trace(env, "Live regs before insn:\n");
	for (u32 at = 0; at < env->count; at += 1 + insn_is_wide(&env->insns[at])) {
		char text[256], regs[REG_FP + 1] = "..........";

		for (u32 r = 0; r < REG_FP; r++)
			if (env->aux[at].live_regs >> r & 1)
				regs[r] = (char)('0' + r);
		log_insn_text(env, at, text, sizeof(text));
		if (loops[at])
			trace(env, "%3u ", loops[at]);
		else
			trace(env, "    ");
		trace(env, "%3u: %s %s\n", at, regs, text);
	}
}

int live_log(struct env *env)
{
	u32 *loops;
	int err;

	if (!(env->in->log.level & 2))
		return 0;
	loops = mem_zalloc(env, env->count * sizeof(*loops));
	if (!loops)
		return -ENOMEM;
	err = cfg_loops(env, loops);
	if (!err)
		log_registers(env, loops);
	mem_free(env, loops, env->count * sizeof(*loops));
	return err;
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
		for (u32 i = 0; i < MAX_FRAMES; i++) {
			mem_free(env, l->acts[i], l->count * sizeof(u32));
			mem_free(env, l->alive[i], l->blocks * sizeof(u64));
		}
		mem_free(env, l->visited, (l->count + 7) / 8);
		mem_free(env, l->dirty, l->cap_dirty * sizeof(u32));
		mem_free(env, l, sizeof(*l));
		l = next;
	}
}

void live_free(struct env *env)
{
	drop(env, env->live_root);
	mem_free(env, env->masks, env->cap_masks * sizeof(*env->masks));
	env->live_root = NULL;
	env->masks = NULL;
	env->nr_masks = env->cap_masks = 0;
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
	l->first = block_of(env, l->start);
	l->blocks = block_of(env, l->start + l->count - 1) + 1 - l->first;
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

static int push_dirty(struct env *env, struct live *l, u32 block)
{
	u32 cap = max(l->cap_dirty * 2, 64u), *more;

	env->live_dirty = true;
	if (l->nr_dirty && l->dirty[l->nr_dirty - 1] == block)
		return 0;
	if (l->nr_dirty == l->cap_dirty) {
		more = mem_grow(env, l->dirty, l->cap_dirty * sizeof(*more), cap * sizeof(*more));
		if (!more)
			return -ENOMEM;
		l->dirty = more;
		l->cap_dirty = cap;
	}
	l->dirty[l->nr_dirty++] = block;
	return 0;
}

static struct mask mask_of(const struct env *env, u32 act)
{
	struct mask m = { 0 };

	if (act & MASKS)
		return env->masks[act & ~MASKS];
	if (act & 0xff)
		m.read = 1ull << ((act & 0xff) - 1);
	if (act >> 8)
		m.write = 1ull << ((act >> 8) - 1);
	return m;
}

static int set_act(struct env *env, u32 *act, struct mask m)
{
	if (!(*act & MASKS)) {
		if (!(m.read & (m.read - 1)) && !(m.write & (m.write - 1))) {
			*act = (m.read ? 1u + (u32)__builtin_ctzll(m.read) : 0) |
			       (m.write ? 1u + (u32)__builtin_ctzll(m.write) : 0) << 8;
			return 0;
		}
		if (env->nr_masks == env->cap_masks) {
			u32 cap = max(env->cap_masks + env->cap_masks / 2, 64u);
			struct mask *more =
				mem_grow(env, env->masks, env->cap_masks * sizeof(*more),
					 cap * sizeof(*more));

			if (!more)
				return -ENOMEM;
			env->masks = more;
			env->cap_masks = cap;
		}
		*act = MASKS | env->nr_masks++;
	}
	env->masks[*act & ~MASKS] = m;
	return 0;
}

/* Room to note what happens to the stack of frame k. */
static int track(struct env *env, struct live *l, u32 k)
{
	if (l->acts[k])
		return 0;
	l->acts[k] = mem_zalloc(env, l->count * sizeof(u32));
	l->alive[k] = mem_zalloc(env, l->blocks * sizeof(u64));
	return l->acts[k] && l->alive[k] ? 0 : -ENOMEM;
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
		struct mask now = { env->live_now[k].read, env->live_now[k].write }, m;

		if (!now.read && !now.write && !l->acts[k])
			continue;
		if (track(env, l, k))
			return -ENOMEM;
		m = mask_of(env, l->acts[k][rel]);
		now.write = first ? now.write : m.write & now.write;
		now.read |= m.read;
		if (now.read != m.read || now.write != m.write) {
			if (set_act(env, &l->acts[k][rel], now))
				return -ENOMEM;
			dirty = true;
		}
		env->live_now[k].read = env->live_now[k].write = 0;
	}
	env->live_touched = false;
	return dirty ? push_dirty(env, l, block_of(env, insn) - l->first) : 0;
}

/* What a callee reads of its callers' frames, the call reads. */
static int tell_caller(struct env *env, struct live *l)
{
	struct live *up = l->caller;
	bool dirty = false;

	if (!up)
		return 0;
	for (u32 k = 0; k < l->depth && k < MAX_FRAMES; k++) {
		u32 *act;
		struct mask m;

		if (!l->alive[k] || !l->alive[k][0])
			continue;
		if (track(env, up, k))
			return -ENOMEM;
		act = &up->acts[k][l->callsite - up->start];
		m = mask_of(env, *act);
		if ((m.read | l->alive[k][0]) == m.read)
			continue;
		m.read |= l->alive[k][0];
		if (set_act(env, act, m))
			return -ENOMEM;
		dirty = true;
	}
	return dirty ? push_dirty(env, up, block_of(env, l->callsite) - up->first) : 0;
}

/* From a block's end to its beginning, for frame k. */
static u64 alive_before(struct env *env, const struct live *l, u32 k, u32 block)
{
	u32 from = env->points.at[l->first + block],
	    end = min(env->points.at[l->first + block + 1], l->start + l->count);
	u64 alive = 0;

	for (u32 at = end; at-- > from;) {
		u32 next[2], nr;
		struct mask m;

		if (env->insns[at].op == OP_WIDE_HIGH)
			continue;
		nr = cfg_successors(env, at, next);
		if (!nr || next[0] != at + 1 + insn_is_wide(&env->insns[at]))
			alive = 0; /* goes on elsewhere, or nowhere */
		for (u32 n = 0; n < nr; n++)
			if (next[n] >= end || next[n] <= at)
				alive |= l->alive[k][block_of(env, next[n]) - l->first];
		if (!l->acts[k][at - l->start])
			continue;
		m = mask_of(env, l->acts[k][at - l->start]);
		alive = m.read | (alive & ~m.write);
	}
	return alive;
}

static bool update(struct env *env, struct live *l, u32 block)
{
	bool changed = false;

	for (u32 k = 0; k <= l->depth && k < MAX_FRAMES; k++) {
		u64 alive;

		if (!l->alive[k])
			continue;
		alive = alive_before(env, l, k, block) | l->alive[k][block];
		changed |= alive != l->alive[k][block];
		l->alive[k][block] = alive;
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
		u32 block = l->dirty[--l->nr_dirty], point = l->first + block;

		if (!update(env, l, block))
			continue;
		for (u32 p = env->points.pred_start[point]; p < env->points.pred_start[point + 1];
		     p++)
			if (push_dirty(env, l, env->points.pred[p] - l->first))
				return -ENOMEM;
		if (block && cfg_falls_into(env, env->points.at[point]) &&
		    push_dirty(env, l, block - 1))
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

static u64 live_at(const struct env *env, const struct live *l, u32 frame, u32 insn)
{
	u32 block;

	if (frame >= MAX_FRAMES || !l->alive[frame] || insn - l->start >= l->count)
		return 0;
	block = block_of(env, insn);
	return env->points.at[block] == insn ? l->alive[frame][block - l->first] : ~0ull;
}

/* Slots of frame k that somebody may read later on: this function, or one of its callers after the call. */
static u64 slots_alive(struct env *env, const struct saved *s, u32 k)
{
	u64 alive = 0;

	if (spread_all(env))
		return ~0ull;
	for (u32 i = k; i <= s->curframe; i++) {
		struct live *l = s->frame[i].facts.live;
		u32 at = s->insn_idx;

		if (i < s->curframe) {
			at = s->frame[i + 1].facts.callsite;
			if (!(env->aux[at].flags & AUX_CALLBACK))
				at++;
		}
		/* a chain of its own may be shorter than the stack of frames (callbacks of async kinds) */
		if (!l || l->depth != i)
			return ~0ull;
		alive |= live_at(env, l, k, at);
	}
	return alive;
}

void live_clean(struct env *env, struct saved *s)
{
	if (s->cleaned)
		return;
	s->cleaned = true;
	for (u32 k = 0; k <= s->curframe; k++) {
		u32 at = k == s->curframe ? s->insn_idx : s->frame[k + 1].facts.callsite;

		s->frame[k].dead_regs = (u16)~env->aux[at].live_regs;
		s->frame[k].dead_slots = ~slots_alive(env, s, k);
	}
}
