/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the program as loaded to the one that runs: what no path reached is dropped, jumps that always
 * go one way become plain, context fields are read where skep keeps them, maps become addresses, and
 * lookups in plain arrays become arithmetic. Every old instruction becomes a run of new ones (maybe
 * none); jumps, functions and lines are then told where their targets went.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "def/ctx.h"
#include "verify/env.h"

enum {
	MOST = 20,	 /* instructions one becomes, at the most */
	PROBE_ROOM = 56, /* bytes below a frame: what a blind read yields, registers 0 to 5 */
};

struct fix {
	struct env *env;
	struct bpf_insn *out;
	u32 *to; /* new index of each old instruction, and of the end */
	u32 count, cap;
	bool inline_lookups, probes;
};

static struct bpf_insn make(u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	return (struct bpf_insn){
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm
	};
}

static u32 put_wide(struct bpf_insn *out, u8 dst, u8 src, u64 value)
{
	out[0] = make(BPF_LD | BPF_IMM | BPF_DW, dst, src, 0, (s32)(u32)value);
	out[1] = make(0, 0, 0, 0, (s32)(u32)(value >> 32));
	return 2;
}

static bool seen(const struct env *env, u32 at)
{
	return at < env->count && env->aux[at].flags & AUX_SEEN;
}

/* Loads of pointers and of fields that live elsewhere; other fields are where the program looks. */
static u32 fix_context(const struct env *env, u32 at, struct bpf_insn *out)
{
	const struct bpf_insn *raw = &env->raw[at];
	const struct insn_aux *aux = &env->aux[at];
	u32 home, size, within;

	out[0] = *raw;
	if (!ctx_home(env->prog_type, aux->ctx_off, &home, &size))
		return 1;
	if (size == 8 && BPF_CLASS(raw->code) == BPF_LDX && aux->ctx_size <= 8 &&
	    BPF_SIZE(raw->code) != BPF_DW) {
		out[0] = make(BPF_LDX | BPF_MEM | BPF_DW, raw->dst_reg, raw->src_reg, (s16)home, 0);
		return 1;
	}
	within = (u32)raw->off - aux->ctx_off;
	out[0].off = (s16)(home + within);
	return 1;
}

/* r0 = key < entries ? values + key * stride : NULL */
static u32 inline_lookup(const struct verify_map *map, struct bpf_insn *out)
{
	u32 n = 0, stride = map->value_stride;

	out[n++] = make(BPF_LDX | BPF_MEM | BPF_W, 0, 2, 0, 0);
	out[n++] = make(BPF_JMP | BPF_JGE | BPF_K, 0, 0, 5, (s32)map->max_entries);
	if (stride & (stride - 1))
		out[n++] = make(BPF_ALU64 | BPF_MUL | BPF_K, 0, 0, 0, (s32)stride);
	else
		out[n++] = make(BPF_ALU64 | BPF_LSH | BPF_K, 0, 0, 0, __builtin_ctz(stride));
	n += put_wide(out + n, 1, 0, map->value_addr);
	out[n++] = make(BPF_ALU64 | BPF_ADD | BPF_X, 0, 1, 0, 0);
	out[n++] = make(BPF_JMP | BPF_JA, 0, 0, 1, 0);
	out[n++] = make(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	return n;
}

static const struct verify_map *inlines(const struct fix *f, u32 at)
{
	const struct insn_aux *aux = &f->env->aux[at];
	const struct verify_map *map;

	if (!f->inline_lookups || f->env->raw[at].imm != BPF_FUNC_map_lookup_elem || !aux->map ||
	    aux->flags & AUX_MAP_POISON)
		return NULL;
	map = f->env->maps[aux->map - 1];
	if (!map->inline_array || !map->value_addr || !map->value_stride ||
	    map->max_entries > INT32_MAX || map->value_stride > INT32_MAX)
		return NULL;
	return map;
}

static u32 fix_wide(const struct env *env, u32 at, struct bpf_insn *out)
{
	const struct insn *i = &env->insns[at];
	const struct insn_aux *aux = &env->aux[at];
	const struct verify_map *map;

	if (!aux->map) {
		out[0] = env->raw[at];
		out[1] = env->raw[at + 1];
		return 2;
	}
	map = env->maps[aux->map - 1];
	if (i->op == OP_LD_MAP_VALUE || i->op == OP_LD_MAP_IDX_VALUE)
		return put_wide(out, i->dst, BPF_PSEUDO_MAP_VALUE, map->value_addr + aux->map_off);
	return put_wide(out, i->dst, BPF_PSEUDO_MAP_FD, map->addr);
}

/* A load through a pointer that may lead nowhere: the helper that reads blindly does it, into room below the frame; a
 * fault reads as zero. Registers that the call would lose and that are still wanted stay there meanwhile (all of them
 * where they are watched). */
static u32 probe(const struct env *env, u32 at, struct bpf_insn *out)
{
	const struct bpf_insn *raw = &env->raw[at];
	static const u8 sizes[] = {
		[BPF_W >> 3] = 4, [BPF_H >> 3] = 2, [BPF_B >> 3] = 1, [BPF_DW >> 3] = 8
	};
	s16 room =
		(s16) - (s32)(round_up(env->subprogs[cfg_subprog_of(env, at)].stack_depth, 8u) + 8);
	u32 n = 0,
	    kept = (ORACLE_BUILD ? ~0u : env->aux[at].live_regs) & 0x3f & ~(1u << raw->dst_reg);

	for (u8 r = 0; r <= 5; r++)
		if (kept >> r & 1)
			out[n++] = make(BPF_STX | BPF_MEM | BPF_DW, REG_FP, r,
					(s16)(room - 8 * (r + 1)), 0);
	if (raw->src_reg != 3)
		out[n++] = make(BPF_ALU64 | BPF_MOV | BPF_X, 3, raw->src_reg, 0, 0);
	if (raw->off)
		out[n++] = make(BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, raw->off);
	out[n++] = make(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, sizes[BPF_SIZE(raw->code) >> 3]);
	out[n++] = make(BPF_ALU64 | BPF_MOV | BPF_X, 1, REG_FP, 0, 0);
	out[n++] = make(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, room);
	out[n++] = make(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_probe_read_kernel);
	for (u8 r = 0; r <= 5; r++)
		if (kept >> r & 1)
			out[n++] = make(BPF_LDX | BPF_MEM | BPF_DW, r, REG_FP,
					(s16)(room - 8 * (r + 1)), 0);
	out[n++] = make(raw->code, raw->dst_reg, REG_FP, room, 0);
	return n;
}

/* Whether a jump from at leads to what comes next anyway. */
static bool leads_on(const struct env *env, u32 at)
{
	s32 off = env->raw[at].off;

	for (u32 i = at + 1; off > 0 && !seen(env, i); i++)
		off--;
	return !off;
}

/* A plain jump that leads on is none; neither is a conditional one of which only one way was ever possible. */
static u32 fix_jump(const struct env *env, u32 at, struct bpf_insn *out)
{
	const struct bpf_insn *raw = &env->raw[at];
	u32 target = at + 1 + (u32)(s32)raw->off;
	bool plain = BPF_OP(raw->code) == BPF_JA;

	out[0] = *raw;
	if (!plain && !seen(env, target))
		return 0;
	if (!plain && seen(env, at + 1))
		return 1;
	out[0] = make(BPF_JMP | BPF_JA, 0, 0, raw->off, 0);
	return !leads_on(env, at);
}

static u32 rewrite(const struct fix *f, u32 at, struct bpf_insn *out)
{
	const struct env *env = f->env;
	const struct insn *i = &env->insns[at];
	const struct verify_map *map;
	u32 class = BPF_CLASS(i->code);

	out[0] = env->raw[at];
	if (insn_is_wide(i))
		return fix_wide(env, at, out);
	if (i->op == OP_EXIT)
		out[0].off = 0;
	if ((class == BPF_LDX || class == BPF_STX || class == BPF_ST) &&
	    env->aux[at].ptr_type == PTR_TO_CTX)
		return fix_context(env, at, out);
	if (class == BPF_LDX && kernel_probes(env->aux[at].ptr_type))
		return probe(env, at, out);
	if (i->op == OP_CALL_HELPER && (map = inlines(f, at)))
		return inline_lookup(map, out);
	if (!ORACLE_BUILD && (class == BPF_JMP || class == BPF_JMP32) && i->op != OP_JA32 &&
	    BPF_OP(i->code) != BPF_CALL && BPF_OP(i->code) != BPF_EXIT && i->op != OP_MAY_GOTO)
		return fix_jump(env, at, out);
	return 1;
}

static int lay_out(struct fix *f)
{
	const struct env *env = f->env;

	f->count = 0;
	for (u32 at = 0; at < env->count;) {
		u32 slots = insn_is_wide(&env->insns[at]) ? 2 : 1;

		if (f->cap - f->count < MOST) {
			u32 cap = f->cap * 2 + 64;
			struct bpf_insn *more = realloc(f->out, cap * sizeof(*more));

			if (!more)
				return -ENOMEM;
			f->out = more;
			f->cap = cap;
		}
		f->to[at] = f->count;
		if (slots == 2)
			f->to[at + 1] = f->count + 1;
		if (seen(env, at))
			f->count += rewrite(f, at, f->out + f->count);
		else if (ORACLE_BUILD) /* a trap */
			f->out[f->count++] = make(BPF_JMP | BPF_JA, 0, 0, -1, 0);
		at += slots;
	}
	f->to[env->count] = f->count;
	return 0;
}

/* Where the instruction itself went: the last of its run (jumps and calls are never expanded). */
static int retarget(struct fix *f, u32 at)
{
	const struct insn *i = &f->env->insns[at];
	u32 class = BPF_CLASS(i->code), now = f->to[at];
	struct bpf_insn *insn = &f->out[now];
	s64 to;

	if (!seen(f->env, at) || f->to[at + 1] == now)
		return 0;
	if (i->op == OP_LD_FUNC && !seen(f->env, at + 1 + (u32)i->imm)) { /* nobody ever calls it */
		put_wide(insn, i->dst, 0, 0);
		return 0;
	}
	if (i->op == OP_CALL_LOCAL || i->op == OP_LD_FUNC) {
		insn->imm = (s32)((s64)f->to[at + 1 + (u32)i->imm] - now - 1);
		return 0;
	}
	if ((class != BPF_JMP && class != BPF_JMP32) || BPF_OP(i->code) == BPF_CALL ||
	    BPF_OP(i->code) == BPF_EXIT)
		return 0;
	if (i->op == OP_JA32) {
		insn->imm = (s32)((s64)f->to[at + 1 + (u32)i->imm] - now - 1);
		return 0;
	}
	to = (s64)f->to[at + 1 + (u32)(s32)i->off] - now - 1;
	if (insn->code == (BPF_JMP | BPF_JA) && to != (s16)to) {
		*insn = make(BPF_JMP32 | BPF_JA, 0, 0, 0, (s32)to);
		return 0;
	}
	if (to != (s16)to)
		return -ERANGE;
	insn->off = (s16)to;
	return 0;
}

static int retarget_all(struct fix *f)
{
	for (u32 at = 0; at < f->env->count; at++) {
		int err;

		if (f->env->insns[at].op == OP_WIDE_HIGH)
			continue;
		err = retarget(f, at);
		if (err)
			return err;
	}
	return 0;
}

/* Functions that no path entered are gone. */
static int functions(struct fix *f)
{
	struct env *env = f->env;
	struct verify_result *out = env->out;

	out->subprogs = calloc(env->nr_subprogs, sizeof(*out->subprogs));
	out->func_starts = calloc(env->nr_subprogs, sizeof(*out->func_starts));
	if (!out->subprogs || !out->func_starts)
		return -ENOMEM;
	for (u32 s = 0; s < env->nr_subprogs; s++) {
		const struct subprog *sub = &env->subprogs[s];

		out->func_starts[s] = f->to[sub->start];
		if (f->to[sub->start] == f->to[env->subprogs[s + 1].start])
			continue;
		out->subprogs[out->subprog_count++] = (struct verify_subprog){
			.start = f->to[sub->start],
			.stack_depth =
				round_up(sub->stack_depth, 8u) + (f->probes ? PROBE_ROOM : 0u),
			.has_tail_call = sub->has_tail_call,
			.is_callback = sub->is_callback,
		};
	}
	return 0;
}

static bool alive_behind(const struct env *env, u32 at)
{
	for (u32 s = 0; s < env->nr_subprogs; s++)
		if (env->subprogs[s].start > at && seen(env, env->subprogs[s].start))
			return true;
	return false;
}

/* A callback that is handed on and was never walked is gone; where no function is behind it, Linux finds none to hand on. */
static int callbacks(const struct fix *f)
{
	struct env *env = f->env;
	u32 alive = 0;

	for (u32 s = 0; s < env->nr_subprogs; s++)
		alive += seen(env, env->subprogs[s].start);
	for (u32 at = 0; at < env->count && alive > 1; at++) {
		u32 target = at + 1 + (u32)env->insns[at].imm;

		if (env->insns[at].op == OP_LD_FUNC && seen(env, at) && !seen(env, target) &&
		    !alive_behind(env, target))
			return refuse(env, -EFAULT,
				      "verifier bug: No program to jit at insn %u (subprog < 0)\n",
				      f->to[target]);
	}
	return 0;
}

static int lines(struct fix *f)
{
	struct env *env = f->env;
	struct verify_result *out = env->out;

	if (!env->in->line_info_count)
		return 0;
	out->line_info = calloc(env->in->line_info_count, sizeof(*out->line_info));
	if (!out->line_info)
		return -ENOMEM;
	for (u32 i = 0; i < env->in->line_info_count; i++) {
		struct bpf_line_info info = env->in->line_info[i];
		u32 at = f->to[info.insn_off],
		    next = i + 1 < env->in->line_info_count
				   ? f->to[env->in->line_info[i + 1].insn_off]
				   : f->count;

		if (at == next) /* nothing is left of it */
			continue;
		info.insn_off = at;
		out->line_info[out->line_info_count++] = info;
	}
	return 0;
}

/* Which old instruction each new one begins. */
static int note_sources(const struct fix *f)
{
	const struct env *env = f->env;
	u32 *from = malloc(f->count * sizeof(*from));

	if (!from)
		return -ENOMEM;
	memset(from, 0xff, f->count * sizeof(*from));
	for (u32 at = 0; at < env->count; at++)
		if (env->insns[at].op != OP_WIDE_HIGH && f->to[at] < f->to[at + 1])
			from[f->to[at]] = seen(env, at) ? at : at | BELIEF_DEAD;
	env->out->from = from;
	return 0;
}

int fix_up(struct env *env)
{
	struct fix f = { .env = env, .inline_lookups = true };
	int err;

	for (u32 at = 0; at < env->count; at++)
		f.probes |= kernel_probes(env->aux[at].ptr_type);
	f.cap = env->count + 2 * MOST;
	f.out = malloc(f.cap * sizeof(*f.out));
	f.to = malloc(((size_t)env->count + 1) * sizeof(*f.to));
	err = f.out && f.to ? lay_out(&f) : -ENOMEM;
	err = err ?: retarget_all(&f);
	if (err == -ERANGE) { /* a jump got too long: without inlining nothing grows */
		f.inline_lookups = false;
		err = lay_out(&f);
		err = err ?: retarget_all(&f);
	}
	err = err ?: callbacks(&f);
	err = err ?: functions(&f);
	err = err ?: lines(&f);
	if (ORACLE_BUILD && !err)
		err = note_sources(&f);
	free(f.to);
	if (err) {
		free(f.out);
		return err;
	}
	env->out->xlated = f.out;
	env->out->xlated_count = f.count;
	return 0;
}
