/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk: one path at a time, instruction by instruction, branches queued; a path ends at its exit,
 * at a state known to be safe, or with the rejection of the program.
 */
#include <errno.h>
#include <string.h>

#include "verify/env.h"

enum { MOST_WHOLE = 64 }; /* paths that wait as they are; those below them are saved */

/* One more path waits: the oldest whole one is written in few bytes. */
static int save_oldest(struct env *env)
{
	struct pending *p = env->oldest_whole;

	p->saved = saved_new(env, p->state, p->next ? p->next->saved : NULL, true);
	if (!p->saved)
		return -ENOMEM;
	state_free(env, p->state);
	p->state = NULL;
	env->oldest_whole = p->newer;
	return 0;
}

static void push(struct env *env, struct pending *p)
{
	p->next = env->stack;
	if (p->next)
		p->next->newer = p;
	if (!env->oldest_whole)
		env->oldest_whole = p;
	env->stack = p;
	env->nr_pending++;
}

struct state *path_push(struct env *env, u32 insn, u32 prev)
{
	struct pending *p;

	if (env->nr_pending >= MAX_PENDING)
		return NULL;
	p = mem_zalloc(env, sizeof(*p));
	if (!p)
		return NULL;
	p->state = state_new(env);
	if (!p->state || state_copy(env, p->state, env->cur)) {
		state_free(env, p->state);
		mem_free(env, p, sizeof(*p));
		return NULL;
	}
	if (p->state->parent)
		p->state->parent->branches++;
	p->insn = insn;
	p->prev = prev;
	p->log_pos = env->log.end;
	push(env, p);
	env->nr_whole++;
	if (env->nr_whole > MOST_WHOLE) {
		if (save_oldest(env))
			return NULL;
		env->nr_whole--;
	}
	return p->state;
}

/* err is what the kernel returns there, which differs by who wanted to branch. */
int path_overflow(struct env *env, int err, const char *whose)
{
	if (env->nr_pending < MAX_PENDING)
		return -ENOMEM;
	say_error(env, "The sequence of %u jumps is too complex%s.\n", env->nr_pending + 1, whose);
	return because(env, REASON_COMPLEXITY, err);
}

/* The next path becomes the current one: 1; 0: none left; -ENOMEM. */
static int path_pop(struct env *env, bool reset_log)
{
	struct pending *p = env->stack;
	struct state *state;

	if (!p)
		return 0;
	state = p->saved ? saved_restore(env, p->saved) : p->state;
	if (!state)
		return -ENOMEM;
	if (p->saved)
		saved_free(env, p->saved);
	else
		env->nr_whole--;
	state_free(env, env->cur);
	env->cur = state;
	env->insn_idx = p->insn;
	env->prev_insn = p->prev;
	if (reset_log)
		log_reset(env, p->log_pos);
	env->stack = p->next;
	if (env->stack)
		env->stack->newer = NULL;
	if (env->oldest_whole == p)
		env->oldest_whole = NULL;
	env->nr_pending--;
	mem_free(env, p, sizeof(*p));
	return 1;
}

void walk_drop(struct env *env)
{
	state_free(env, env->cur);
	env->cur = NULL;
	while (env->stack) {
		struct pending *next = env->stack->next;

		state_free(env, env->stack->state);
		saved_free(env, env->stack->saved);
		mem_free(env, env->stack, sizeof(*env->stack));
		env->stack = next;
	}
	env->oldest_whole = NULL;
	env->nr_pending = env->nr_whole = 0;
	states_drop(env);
}

static const char *reserved(const struct insn *i)
{
	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		switch (BPF_OP(i->code)) {
		case BPF_NEG: return "BPF_NEG uses reserved fields";
		case BPF_END: return "BPF_END uses reserved fields";
		case BPF_MOV: return "BPF_MOV uses reserved fields";
		default: return "BPF_ALU uses reserved fields";
		}
	case BPF_STX: return "BPF_STX uses reserved fields";
	case BPF_ST: return "BPF_ST uses reserved fields";
	case BPF_LDX: return "BPF_LDX uses reserved fields";
	case BPF_LD:
		return BPF_MODE(i->code) == BPF_IMM ? "BPF_LD_IMM64 uses reserved fields"
						    : "BPF_LD_[ABS|IND] uses reserved fields";
	}
	switch (BPF_OP(i->code)) {
	case BPF_CALL: return "BPF_CALL uses reserved fields";
	case BPF_JA: return "BPF_JA uses reserved fields";
	case BPF_EXIT: return "BPF_EXIT uses reserved fields";
	default: return "BPF_JMP/JMP32 uses reserved fields";
	}
}

static bool is_condition(const struct insn *i)
{
	u32 class = BPF_CLASS(i->code), op = BPF_OP(i->code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_JA && op != BPF_CALL &&
	       op != BPF_EXIT;
}

static bool is_atomic_op(s32 imm)
{
	s32 op = imm & ~BPF_FETCH;

	return op == BPF_ADD || op == BPF_AND || op == BPF_OR || op == BPF_XOR || imm == BPF_XCHG ||
	       imm == BPF_CMPXCHG;
}

/* Fields of an instruction, when it is met: fields that must be zero first, then registers there are not. */
static int check_fields(struct env *env, const struct insn *i)
{
	const struct bpf_insn *raw = &env->raw[env->insn_idx];
	struct insn named = *i;
	const char *why;

	if (likely(!insn_check(i, raw, &why)))
		return 0;
	if (i->op == OP_EXIT && !i->dst && !i->src && !i->imm) /* off is not looked at */
		return 0;
	if (BPF_CLASS(i->code) == BPF_LD && BPF_MODE(i->code) != BPF_IMM && !env->prog->ld_abs)
		return refuse(env, -EINVAL,
			      "BPF_LD_[ABS|IND] instructions not allowed for this program type\n");
	if (BPF_CLASS(i->code) == BPF_STX && BPF_MODE(i->code) == BPF_ATOMIC &&
	    i->op == OP_INVALID) {
		if (is_atomic_op(i->imm))
			return refuse(env, -EINVAL, "invalid atomic operand size\n");
		return refuse(env, -EINVAL, "BPF_ATOMIC uses invalid atomic opcode %02x\n", i->imm);
	}
	if (i->code == (BPF_ALU64 | BPF_MOV | BPF_X) && i->off == BPF_ADDR_SPACE_CAST &&
	    i->imm != 1 && i->imm != 1 << 16)
		return refuse(
			env, -EINVAL,
			"addr_space_cast insn can only convert between address space 1 and 0\n");
	if (i->code == (BPF_JMP | BPF_JCOND))
		return refuse(env, -EINVAL, "invalid may_goto imm %d\n", i->imm);
	if (is_condition(i)) { /* the register compared comes before the fields here */
		if (i->dst > REG_FP)
			return refuse(env, -EINVAL, "R%u is invalid\n", i->dst);
		if (reg_read(env, i->dst))
			return -EACCES;
	}
	if (i->op != OP_INVALID && (i->dst > REG_FP || i->src > REG_FP)) {
		named.dst = min(i->dst, (u8)REG_FP);
		named.src = min(i->src, (u8)REG_FP);
		if (!insn_check(&named, raw, &why))
			return refuse(env, -EINVAL, "R%u is invalid\n",
				      i->src > REG_FP ? i->src : i->dst);
	}
	return refuse(env, -EINVAL, "%s\n", reserved(i));
}

static int one_insn(struct env *env, const struct insn *i, u32 *next, bool *done)
{
	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64: return alu_insn(env, i);
	case BPF_LDX: return load_insn(env, i);
	case BPF_STX:
		return BPF_MODE(i->code) == BPF_ATOMIC ? atomic_insn(env, i) : store_insn(env, i);
	case BPF_ST: return store_insn(env, i);
	case BPF_LD:
		if (!insn_is_wide(i))
			return packet_load_insn(env, i, next);
		*next = env->insn_idx + 2;
		return wide_insn(env, i);
	}
	env->jumps++;
	switch (i->op) {
	case OP_CALL_LOCAL:
	case OP_CALL_HELPER:
		if (env->cur->locks && i->op == OP_CALL_HELPER && i->imm != BPF_FUNC_spin_unlock) {
			say_error(env, "function calls are not allowed while holding a lock\n");
			return because(env, REASON_LOCK, -EINVAL);
		}
		env->scratched_regs |= 1;
		return i->op == OP_CALL_LOCAL ? call_insn(env, i, next) : helper_insn(env, i, next);
	case OP_CALL_KFUNC:
	case OP_CALLX:
		return refuse(env, -EINVAL,
			      "calls of kernel functions are not supported by this verifier yet\n");
	case OP_EXIT: return exit_insn(env, next, done);
	case OP_JA: *next = env->insn_idx + 1 + (u32)(s32)i->off; return 0;
	case OP_JA32: *next = env->insn_idx + 1 + (u32)i->imm; return 0;
	}
	return jump_insn(env, i, next);
}

static bool touches_memory(const struct insn *i)
{
	u32 class = BPF_CLASS(i->code);

	return class == BPF_LDX || class == BPF_ST || class == BPF_STX || i->op == OP_CALL_HELPER;
}

static void log_step(struct env *env, bool fresh)
{
	if (env->in->log.level & 2 && fresh) {
		trace(env, "\nfrom %d to %u:", (s32)env->prev_insn, env->insn_idx);
		log_state(env, env->cur, env->cur->curframe, true);
	}
	if (env->scratched_regs || env->scratched_slots)
		log_insn_state(env, env->cur, env->cur->curframe);
	log_line(env, env->insn_idx, "; ");
	log_insn(env, env->insn_idx);
}

static int too_large(struct env *env)
{
	say_error(env, "BPF program is too large. Processed %u insn\n", env->out->processed);
	return because(env, REASON_COMPLEXITY, -E2BIG);
}

/* One path from env->insn_idx to its end. fresh: the state was taken from the queue. */
static int path_walk(struct env *env, bool fresh)
{
	for (;;) {
		const struct insn *i = &env->insns[env->insn_idx];
		struct live *live;
		u32 next = env->insn_idx + 1;
		bool done = false;
		int err;

		if (++env->out->processed > MAX_PROCESSED)
			return too_large(env);
		env->cur->insn_idx = env->insn_idx;
		if (env->aux[env->insn_idx].flags & AUX_PRUNE) {
			err = prune_visit(env);
			if (err < 0)
				return err;
			if (err) {
				if (env->log.on && fresh)
					trace(env, "\nfrom %d to %u: safe\n", (s32)env->prev_insn,
					      env->insn_idx);
				else if (env->log.on)
					trace(env, "%u: safe\n", env->insn_idx);
				return 0;
			}
		}
		err = belief_note(env);
		if (err)
			return err;
		if (unlikely(env->log.on))
			log_step(env, fresh);
		fresh = false;
		env->aux[env->insn_idx].flags |= AUX_SEEN;
		env->prev_insn = env->insn_idx;
		live = frame_of(env)->live;
		err = check_fields(env, i);
		err = err ?: one_insn(env, i, &next, &done);
		if (!err && !done)
			belief_plant(env, i);
		if (!err && touches_memory(i))
			err = live_commit(env, live, env->insn_idx);
		if (err || done)
			return err;
		if (i->op == OP_EXIT)
			fresh = true;
		if (unlikely(next >= env->count))
			return refuse(env, -EFAULT, "invalid insn idx %u insn_cnt %u\n", next,
				      env->count);
		env->insn_idx = next;
	}
}

static int arguments(struct env *env, u32 s, struct reg_state *regs)
{
	struct subprog *sub = &env->subprogs[s];
	int err;

	if (!s) {
		reg_pointer(&regs[1], PTR_TO_CTX);
		regs[1].origin_kind = ORIGIN_ENTRY;
		return 0;
	}
	if (env->log.on)
		trace(env, "Validating %s() func#%u...\n", sub->name ? sub->name : "", s);
	err = btf_prepare_args(env, s);
	if (err)
		return err;
	for (u32 n = 0; n < sub->nr_args; n++) {
		struct reg_state *reg = &regs[n + 1];

		if (sub->args[n].type == ARG_PTR_TO_CTX) {
			reg_pointer(reg, PTR_TO_CTX);
		} else if (sub->args[n].type == ARG_ANYTHING) {
			reg_unknown(env, reg);
		} else {
			reg_pointer(reg, PTR_TO_MEM | (sub->args[n].type & PTR_MAYBE_NULL));
			reg->mem_size = sub->args[n].mem_size;
			reg->id = ++env->id_gen;
		}
		reg->origin_kind = ORIGIN_ENTRY;
	}
	return 0;
}

static int first_state(struct env *env, u32 s)
{
	struct state *st = state_new(env);
	struct func_state *f;

	if (!st)
		return -ENOMEM;
	env->cur = st;
	f = st->frame[0] = frame_new(env);
	if (!f)
		return -ENOMEM;
	f->subprog = s;
	f->live = live_enter(env, NULL, 0, s);
	if (!f->live)
		return -ENOMEM;
	for (u32 r = 0; r < REG_COUNT; r++)
		reg_not_init(&f->regs[r]);
	reg_pointer(&f->regs[REG_FP], PTR_TO_STACK);
	env->insn_idx = env->subprogs[s].start;
	env->prev_insn = ~0u;
	env->scratched_regs = ~0u;
	env->scratched_slots = ~0ull;
	env->log.line_info = 0;
	return arguments(env, s, f->regs);
}

static int walk_from(struct env *env, u32 s)
{
	bool pop_log = !(env->in->log.level & 2), fresh = false;
	int err;

	precision_reset(env);
	err = first_state(env, s);
	env->in_walk = true;
	while (!err) {
		err = path_walk(env, fresh);
		if (err)
			break;
		env->scratched_regs = ~0u;
		env->scratched_slots = ~0ull;
		path_end(env);
		err = path_pop(env, pop_log);
		if (err <= 0)
			break;
		err = 0;
		fresh = true;
	}
	if (!err) {
		walk_drop(env);
		env->in_walk = false;
		if (pop_log)
			log_reset(env, 0);
	}
	return err;
}

int walk_all(struct env *env)
{
	bool again = true;
	int err = walk_from(env, 0);

	while (!err && again) {
		again = false;
		for (u32 s = 1; !err && s < env->nr_subprogs; s++) {
			struct subprog *sub = &env->subprogs[s];

			if (!sub->global || !sub->called || sub->verified)
				continue;
			err = walk_from(env, s);
			if (!err && env->log.on)
				trace(env,
				      "Func#%u ('%s') is safe for any args that match its prototype\n",
				      s, sub->name ? sub->name : "");
			sub->verified = true;
			again = true;
		}
	}
	return err;
}
