/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shape of the program before it is walked: where its functions begin and end, that every
 * instruction can be reached and no jump leaves its function, where it pays to compare states, and
 * how deep the stacks of a chain of calls grow.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "verify/env.h"

s32 cfg_subprog_at(const struct env *env, u32 start)
{
	u32 s = cfg_subprog_of(env, start);

	return env->subprogs[s].start == start ? (s32)s : -1;
}

u32 cfg_subprog_of(const struct env *env, u32 insn)
{
	u32 lo = 0, hi = env->nr_subprogs;

	while (hi - lo > 1) {
		u32 mid = (lo + hi) / 2;

		if (env->subprogs[mid].start <= insn)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static bool calls_local(const struct insn *i)
{
	return i->op == OP_CALL_LOCAL || i->op == OP_LD_FUNC;
}

static int add_subprog(struct env *env, s64 start)
{
	u32 at;

	if (start < 0 || start >= env->count) {
		say_error(env, "call to invalid destination\n");
		return because(env, REASON_STRUCTURE, -EINVAL);
	}
	if (env->nr_subprogs) {
		at = cfg_subprog_of(env, (u32)start);
		if (env->subprogs[at].start == (u32)start)
			return 0;
	}
	if (env->nr_subprogs >= MAX_SUBPROGS)
		return refuse(env, -E2BIG, "too many subprograms\n");
	for (at = env->nr_subprogs; at > 0 && env->subprogs[at - 1].start > (u32)start; at--)
		env->subprogs[at] = env->subprogs[at - 1];
	memset(&env->subprogs[at], 0, sizeof(env->subprogs[at]));
	env->subprogs[at].start = (u32)start;
	env->nr_subprogs++;
	return 0;
}

static bool is_jump(const struct insn *i)
{
	u32 class = BPF_CLASS(i->code), op = BPF_OP(i->code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT;
}

static s64 target_of(const struct insn *i, u32 at)
{
	return (s64)at + 1 + (i->code == (BPF_JMP32 | BPF_JA) ? i->imm : i->off);
}

static int jumps_inside(struct env *env, u32 s)
{
	struct subprog *sub = &env->subprogs[s];
	u32 end = env->subprogs[s + 1].start;
	const struct insn *last;

	for (u32 at = sub->start; at < end; at++) {
		const struct bpf_insn *raw = &env->raw[at];
		const struct insn *i = &env->insns[at],
				  high = { .code = raw->code, .off = raw->off, .imm = raw->imm };
		s64 to;

		if (i->op == OP_WIDE_HIGH) /* should be all zero, which is looked at later */
			i = &high;

		if (i->code == (BPF_JMP | BPF_CALL) && !i->src && i->imm == BPF_FUNC_tail_call)
			sub->has_tail_call = sub->reaches_tail_call = true;
		if (BPF_CLASS(i->code) == BPF_LD &&
		    (BPF_MODE(i->code) == BPF_ABS || BPF_MODE(i->code) == BPF_IND))
			sub->has_ld_abs = true;
		if (!is_jump(i))
			continue;
		to = target_of(i, at);
		if (to < sub->start || to >= end) {
			say_error(env, "jump out of range from insn %u to %d\n", at, (s32)to);
			return because(env, REASON_STRUCTURE, -EINVAL);
		}
	}
	last = &env->insns[end - 1];
	if (last->code != (BPF_JMP | BPF_EXIT) && last->code != (BPF_JMP | BPF_JA) &&
	    last->code != (BPF_JMP32 | BPF_JA)) {
		say_error(env, "last insn is not an exit or jmp\n");
		return because(env, REASON_STRUCTURE, -EINVAL);
	}
	return 0;
}

int cfg_subprogs(struct env *env)
{
	int err = add_subprog(env, 0);

	for (u32 at = 0; !err && at < env->count; at++) {
		const struct insn *i = &env->insns[at];

		if (calls_local(i))
			err = add_subprog(env, (s64)at + 1 + i->imm);
		else if (i->op == OP_CALL_KFUNC)
			err = refuse(
				env, -EINVAL,
				"calls of kernel functions are not supported by this verifier yet\n");
	}
	if (err)
		return err;
	env->subprogs[env->nr_subprogs].start = env->count;
	if (env->in->log.level & 2)
		for (u32 s = 0; s < env->nr_subprogs; s++)
			trace(env, "func#%u @%u\n", s, env->subprogs[s].start);
	for (u32 s = 0; !err && s < env->nr_subprogs; s++)
		err = jumps_inside(env, s);
	return err;
}

/* Where control may go next inside the function; 0, 1 or 2 places. */
u32 cfg_successors(const struct env *env, u32 at, u32 next[2])
{
	const struct insn *i = &env->insns[at];
	u32 nr = 0;

	if (i->op == OP_EXIT)
		return 0;
	if (!is_jump(i)) {
		next[nr++] = at + 1 + insn_is_wide(i);
		return nr;
	}
	if (BPF_OP(i->code) != BPF_JA)
		next[nr++] = at + 1;
	next[nr++] = (u32)target_of(i, at);
	return nr;
}

u32 cfg_before(const struct env *env, u32 at)
{
	return env->insns[at - 1].op == OP_WIDE_HIGH && at > 1 ? at - 2 : at - 1;
}

bool cfg_falls_into(const struct env *env, u32 at)
{
	const struct insn *i;

	if (!at)
		return false;
	i = &env->insns[cfg_before(env, at)];
	return i->op != OP_EXIT && !(is_jump(i) && BPF_OP(i->code) == BPF_JA);
}

enum { NEW, ENTERED, FELL, BRANCHED, DONE }; /* how far the depth-first walk has come with one */

struct dfs {
	u8 *state;
	u32 *stack, depth;
};

static void mark(struct env *env, u32 at, u16 flags)
{
	if (at < env->count)
		env->aux[at].flags |= flags;
}

static int visit(struct env *env, struct dfs *d, u32 from, s64 to)
{
	if (to < 0 || to >= env->count) {
		say_error(env, "jump out of range from insn %u to %d\n", from, (s32)to);
		return because(env, REASON_STRUCTURE, -EINVAL);
	}
	if (d->state[to] == NEW) {
		d->state[to] = ENTERED;
		d->stack[d->depth++] = (u32)to;
	}
	return 0;
}

static void mark_points(struct env *env, u32 at, const struct insn *i)
{
	u32 next = at + 1 + insn_is_wide(i);

	if (calls_local(i))
		mark(env, at, AUX_PRUNE);
	if (calls_local(i) || BPF_OP(i->code) == BPF_CALL)
		mark(env, next, AUX_PRUNE);
	if (i->op == OP_CALL_HELPER) {
		env->calls_back |= helper_calls_back((u32)i->imm);
		if (helper_calls_back_now((u32)i->imm))
			mark(env, at, AUX_CALLBACK | AUX_FORCE | AUX_PRUNE);
		else if (helper_calls_back((u32)i->imm))
			mark(env, at, AUX_PRUNE);
		if (helper_moves_packet((u32)i->imm))
			env->subprogs[cfg_subprog_of(env, at)].changes_packet = true;
	}
	if (!is_jump(i))
		return;
	mark(env, (u32)target_of(i, at), AUX_PRUNE | AUX_TARGET);
	if (target_of(i, at) <= at)
		env->subprogs[cfg_subprog_of(env, at)].loops = true;
	if (BPF_OP(i->code) != BPF_JA)
		mark(env, at, AUX_PRUNE);
	if (i->op == OP_MAY_GOTO)
		mark(env, at, AUX_FORCE);
}

/* One step of the walk from the instruction on top of the stack: falls through first, then branches. */
static int step(struct env *env, struct dfs *d)
{
	u32 at = d->stack[d->depth - 1];
	const struct insn *i = &env->insns[at];

	if (d->state[at] == ENTERED) {
		if (i->op != OP_WIDE_HIGH && BPF_CLASS(i->code) != BPF_ALU &&
		    BPF_CLASS(i->code) != BPF_ALU64)
			mark_points(env, at, i);
		d->state[at] = FELL;
		if (i->op == OP_EXIT)
			return 0;
		if (is_jump(i) && BPF_OP(i->code) == BPF_JA)
			return visit(env, d, at, target_of(i, at));
		return visit(env, d, at, (s64)at + 1 + insn_is_wide(i));
	}
	if (d->state[at] == FELL) {
		d->state[at] = BRANCHED;
		if (calls_local(i))
			return visit(env, d, at, (s64)at + 1 + i->imm);
		if (is_jump(i) && BPF_OP(i->code) != BPF_JA)
			return visit(env, d, at, target_of(i, at));
		return 0;
	}
	d->state[at] = DONE;
	d->depth--;
	return 0;
}

static int all_reached(struct env *env, const struct dfs *d)
{
	for (u32 at = 0; at < env->count; at++) {
		if (d->state[at] == NEW) {
			say_error(env, "unreachable insn %u\n", at);
			return because(env, REASON_STRUCTURE, -EINVAL);
		}
		if (!insn_is_wide(&env->insns[at]))
			continue;
		if (d->state[at + 1] != NEW) {
			say_error(env, "jump into the middle of ldimm64 insn %u\n", at);
			return because(env, REASON_STRUCTURE, -EINVAL);
		}
		at++;
	}
	return 0;
}

/* Postorder of each function by itself. */
static int order(struct env *env, struct dfs *d)
{
	memset(d->state, NEW, env->count);
	for (u32 s = 0; s < env->nr_subprogs; s++) {
		d->depth = 0;
		d->stack[d->depth++] = env->subprogs[s].start;
		d->state[env->subprogs[s].start] = ENTERED;
		while (d->depth) {
			u32 at = d->stack[d->depth - 1], next[2],
			    nr = cfg_successors(env, at, next);
			u32 k = d->state[at] - ENTERED;

			if (k < nr) {
				d->state[at]++;
				if (d->state[next[k]] == NEW) {
					d->state[next[k]] = ENTERED;
					d->stack[d->depth++] = next[k];
				}
				continue;
			}
			env->postorder[env->nr_postorder++] = at;
			d->depth--;
		}
	}
	return 0;
}

/* A call of a function that moves the packet moves it. */
static void spread_packet_changes(struct env *env)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (u32 at = 0; at < env->count; at++) {
			const struct insn *i = &env->insns[at];
			s32 callee;

			if (!calls_local(i))
				continue;
			callee = cfg_subprog_at(env, at + 1 + (u32)i->imm);
			if (callee < 0 || !env->subprogs[callee].changes_packet)
				continue;
			changed |= !env->subprogs[cfg_subprog_of(env, at)].changes_packet;
			env->subprogs[cfg_subprog_of(env, at)].changes_packet = true;
		}
	}
}

int cfg_check(struct env *env)
{
	struct dfs d = { .depth = 0 };
	u32 n = env->count;
	int err = 0;

	d.state = mem_zalloc(env, n);
	d.stack = mem_alloc(env, n * sizeof(u32));
	env->postorder = mem_alloc(env, n * sizeof(u32));
	if (!d.state || !d.stack || !env->postorder)
		err = -ENOMEM;
	if (!err) {
		d.state[0] = ENTERED;
		d.stack[d.depth++] = 0;
	}
	while (!err && d.depth)
		err = step(env, &d);
	err = err ?: all_reached(env, &d);
	err = err ?: order(env, &d);
	if (!err)
		spread_packet_changes(env);
	mem_free(env, d.state, n);
	mem_free(env, d.stack, n * sizeof(u32));
	return err;
}

/* Tarjan's strongly connected components, without recursion. */
struct tarjan {
	u32 *low, *number, *stack, *path;
	u8 *next; /* successors looked at */
	u32 count, depth, length, found;
};

static void component(struct env *env, struct tarjan *t, u32 at, u32 *loops)
{
	bool loop = t->stack[t->depth - 1] != at || env->aux[at].flags & AUX_CALLBACK;
	u32 next[2], nr = cfg_successors(env, at, next), member;

	for (u32 i = 0; i < nr; i++)
		loop |= next[i] == at;
	t->found += loop;
	do {
		member = t->stack[--t->depth];
		t->low[member] = ~0u;
		loops[member] = loop ? t->found : 0;
	} while (member != at);
}

static void enter_at(struct tarjan *t, u32 at)
{
	t->low[at] = t->number[at] = ++t->count;
	t->stack[t->depth++] = at;
	t->path[t->length++] = at;
}

static void walk_loops(struct env *env, struct tarjan *t, u32 *loops)
{
	while (t->length) {
		u32 at = t->path[t->length - 1], next[2], nr = cfg_successors(env, at, next);

		if (t->next[at] < nr) {
			u32 to = next[t->next[at]++];

			if (!t->number[to])
				enter_at(t, to);
			else
				t->low[at] = min(t->low[at], t->low[to]);
			continue;
		}
		t->length--;
		if (t->length)
			t->low[t->path[t->length - 1]] =
				min(t->low[t->path[t->length - 1]], t->low[at]);
		if (t->low[at] == t->number[at])
			component(env, t, at, loops);
	}
}

int cfg_loops(struct env *env, u32 *loops)
{
	u32 n = env->count, *words = mem_zalloc(env, n * 4 * sizeof(u32));
	struct tarjan t = {
		.low = words, .number = words + n, .stack = words + 2 * n, .path = words + 3 * n
	};

	t.next = mem_zalloc(env, n);
	if (words && t.next)
		for (u32 at = 0; at < n; at++)
			if (!t.number[at] && env->insns[at].op != OP_WIDE_HIGH) {
				enter_at(&t, at);
				walk_loops(env, &t, loops);
			}
	mem_free(env, words, n * 4 * sizeof(u32));
	mem_free(env, t.next, n);
	return words && t.next ? 0 : -ENOMEM;
}

/* Jumps to each point, counted at the place behind it, then each put in its place. */
static int predecessors(struct env *env)
{
	u32 *start = mem_zalloc(env, (env->points.count + 2) * sizeof(u32));

	env->points.pred_start = start;
	if (!start)
		return -ENOMEM;
	for (u32 at = 0; at < env->count; at++)
		if (env->insns[at].op != OP_WIDE_HIGH && is_jump(&env->insns[at])) {
			start[block_of(env, (u32)target_of(&env->insns[at], at)) + 2]++;
			env->points.nr_preds++;
		}
	env->points.pred = mem_alloc(env, env->points.nr_preds * sizeof(u32));
	if (!env->points.pred)
		return -ENOMEM;
	for (u32 p = 2; p < env->points.count + 2; p++)
		start[p] += start[p - 1];
	for (u32 at = 0; at < env->count; at++)
		if (env->insns[at].op != OP_WIDE_HIGH && is_jump(&env->insns[at]))
			env->points.pred[start[block_of(env, (u32)target_of(&env->insns[at], at)) +
					       1]++] = block_of(env, at);
	return 0;
}

int cfg_points(struct env *env)
{
	u32 words = env->count / 64 + 1, nr = 0;

	mem_free(env, env->postorder, env->count * sizeof(u32));
	env->postorder = NULL;
	env->points.bits = mem_zalloc(env, words * sizeof(u64));
	env->points.before = mem_zalloc(env, words * sizeof(u32));
	if (!env->points.bits || !env->points.before)
		return -ENOMEM;
	for (u32 s = 0; s < env->nr_subprogs; s++)
		env->points.bits[env->subprogs[s].start / 64] |= 1ull
								 << env->subprogs[s].start % 64;
	for (u32 at = 0; at < env->count; at++)
		if (env->aux[at].flags & AUX_PRUNE)
			env->points.bits[at / 64] |= 1ull << at % 64;
	for (u32 w = 0; w < words; w++) {
		env->points.before[w] = nr;
		nr += (u32)__builtin_popcountll(env->points.bits[w]);
	}
	env->points.count = nr;
	env->points.at = mem_alloc(env, (nr + 1) * sizeof(u32));
	env->explored = mem_zalloc(env, nr * sizeof(*env->explored));
	if (!env->points.at || !env->explored)
		return -ENOMEM;
	for (u32 w = 0, p = 0; w < words; w++)
		for (u64 bits = env->points.bits[w]; bits; bits &= bits - 1)
			env->points.at[p++] = w * 64 + (u32)__builtin_ctzll(bits);
	env->points.at[nr] = env->count;
	return predecessors(env);
}

void cfg_free(struct env *env)
{
	u32 words = env->count / 64 + 1;

	mem_free(env, env->postorder, env->count * sizeof(u32));
	mem_free(env, env->points.bits, words * sizeof(u64));
	mem_free(env, env->points.before, words * sizeof(u32));
	mem_free(env, env->points.at, (env->points.count + 1) * sizeof(u32));
	mem_free(env, env->points.pred_start, (env->points.count + 2) * sizeof(u32));
	mem_free(env, env->points.pred, env->points.nr_preds * sizeof(u32));
	mem_free(env, env->explored, env->points.count * sizeof(*env->explored));
}

/* What depth() needs to know of the chain of calls that led to a function. */
struct chain {
	u32 subprog[MAX_FRAMES], at[MAX_FRAMES];
	u32 frame, depth, total; /* total: with those that have stacks of their own */
	bool tail_call, private;
};

static u32 rounded(u32 depth)
{
	return round_up(depth, 16u);
}

/* A function with a stack of its own (the kernel gives big ones that, where programs may nest). */
static bool own_stack(const struct env *env, const struct chain *c, u32 s)
{
	return c->private && rounded(env->subprogs[s].stack_depth) >= 64;
}

static int enter(struct env *env, struct chain *c, u32 s)
{
	struct subprog *sub = &env->subprogs[s];
	u32 size = rounded(sub->stack_depth);

	if (sub->has_ld_abs)
		for (u32 i = 0; i <= c->frame; i++)
			if (i < c->frame ? env->subprogs[c->subprog[i]].is_callback
					 : sub->is_callback)
				return refuse(env, -EINVAL,
					      "cannot use BPF_LD_[ABS|IND] within callback\n");
	if (s && sub->has_tail_call && c->depth >= 256) {
		say_error(
			env,
			"tail_calls are not allowed when call stack of previous frames is %u bytes. Too large\n",
			c->depth);
		return because(env, REASON_STACK_DEPTH, -EACCES);
	}
	c->total += size;
	env->out->stack_depth = max(env->out->stack_depth, c->total);
	if (own_stack(env, c, s)) {
		if (size > STACK_BYTES) {
			say_error(env, "stack size of subprog %u is %u. Too large\n", s, size);
			return because(env, REASON_STACK_DEPTH, -EACCES);
		}
		return 0;
	}
	c->depth += size;
	if (c->depth > STACK_BYTES) {
		say_error(env, "combined stack size of %u calls is %u. Too large\n", c->frame + 1,
			  c->depth);
		return because(env, REASON_STACK_DEPTH, -EACCES);
	}
	return 0;
}

static int depth_from(struct env *env, u32 root, bool private)
{
	struct chain c = { .private = private };
	u32 s = root, at = env->subprogs[root].start;
	int err = enter(env, &c, s);

	while (!err) {
		const struct insn *i = &env->insns[at];
		s32 callee;

		if (at == env->subprogs[s + 1].start) {
			if (c.tail_call)
				for (u32 k = 0; k < c.frame; k++)
					env->subprogs[c.subprog[k]].reaches_tail_call = true;
			if (!c.frame)
				return 0;
			c.total -= rounded(env->subprogs[s].stack_depth);
			if (!own_stack(env, &c, s))
				c.depth -= rounded(env->subprogs[s].stack_depth);
			c.frame--;
			s = c.subprog[c.frame];
			at = c.at[c.frame];
			continue;
		}
		at++;
		if (!calls_local(i))
			continue;
		callee = cfg_subprog_at(env, at + (u32)i->imm);
		if (callee < 0)
			return -EFAULT;
		if (env->subprogs[callee].is_async && i->op != OP_CALL_LOCAL)
			continue;
		c.at[c.frame] = at;
		c.subprog[c.frame] = s;
		s = (u32)callee;
		at = env->subprogs[s].start;
		c.tail_call |= env->subprogs[s].has_tail_call;
		if (++c.frame >= MAX_FRAMES) {
			say_error(env, "the call stack of %u frames is too deep !\n", c.frame);
			return because(env, REASON_STACK_DEPTH, -E2BIG);
		}
		err = enter(env, &c, s);
	}
	return err;
}

int check_stack_depth(struct env *env)
{
	bool private = env->prog_type == BPF_PROG_TYPE_KPROBE ||
		       env->prog_type == BPF_PROG_TYPE_TRACEPOINT ||
		       env->prog_type == BPF_PROG_TYPE_PERF_EVENT ||
		       env->prog_type == BPF_PROG_TYPE_RAW_TRACEPOINT;
	int err = 0;

	for (u32 s = 0; s < env->nr_subprogs; s++)
	private &= !env->subprogs[s].has_tail_call;
	for (u32 s = env->nr_subprogs; !err && s-- > 0;)
		if (!s || env->subprogs[s].is_async)
			err = depth_from(env, s, private && !s);
	return err;
}
