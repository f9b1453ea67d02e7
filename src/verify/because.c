/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notes for struct verify_reason: which rule, which register, which bytes. Taken where the rule is
 * broken; the outermost message stays the kernel's last line. The first note of a rejection holds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verify/env.h"

static struct verify_reason *note(struct env *env)
{
	if (!env->reason) {
		env->reason = calloc(1, sizeof(*env->reason));
		if (env->reason)
			env->reason->regno = -1;
	}
	return env->reason;
}

int because(struct env *env, enum reason_kind kind, int err)
{
	struct verify_reason *r = note(env);

	if (r && r->kind == REASON_OTHER)
		r->kind = kind;
	return err;
}

static void describe_origin(struct env *env, const struct reg_state *reg,
			    struct verify_origin *origin)
{
	origin->insn = reg->origin;
	origin->kind = reg->origin_kind;
	if (reg->origin_kind == ORIGIN_NONE || reg->origin >= env->count)
		return;
	if (reg->origin_kind == ORIGIN_CALL && env->insns[reg->origin].op == OP_CALL_HELPER) {
		const char *name = helper_name((u32)env->insns[reg->origin].imm);

		snprintf(origin->what, sizeof(origin->what), "%s", name ? name : "?");
	} else if (reg->origin_kind != ORIGIN_ENTRY) {
		log_insn_text(env, reg->origin, origin->what, sizeof(origin->what));
	}
}

int because_reg(struct env *env, enum reason_kind kind, u32 regno, int err)
{
	struct verify_reason *r = note(env);
	const struct func_state *f;
	const struct reg_state *reg;

	because(env, kind, err);
	if (!r || !env->cur || r->regno >= 0)
		return err;
	f = frame_of(env);
	reg = &f->regs[regno];
	r->regno = (s32)regno;
	r->reg_type = reg->type;
	r->smin = reg->smin;
	r->smax = reg->smax;
	r->umin = reg->umin;
	r->umax = reg->umax;
	log_reg(env, f, reg, r->reg_text, sizeof(r->reg_text));
	if ((type_base(reg->type) == PTR_TO_MAP_VALUE || type_base(reg->type) == CONST_PTR_TO_MAP ||
	     type_base(reg->type) == PTR_TO_MAP_KEY) &&
	    reg->map)
		snprintf(r->map_name, sizeof(r->map_name), "%s", reg->map->name);
	describe_origin(env, reg, &r->origin);
	return err;
}

void because_access(struct env *env, s64 off, s64 size, s64 limit)
{
	struct verify_reason *r = note(env);

	if (!r || r->size)
		return;
	r->off = off;
	r->size = size;
	r->limit = limit;
}

/* The verdict is out: what holds for every rejection. */
void because_fill(struct env *env, int err)
{
	struct verify_reason *r = note(env);
	size_t len;

	if (!r)
		return;
	r->err = err;
	r->insn = env->in_walk && env->insn_idx < env->count ? env->insn_idx : ~0u;
	r->processed = env->out->processed;
	snprintf(r->message, sizeof(r->message), "%.511s", env->said);
	len = strlen(r->message);
	if (len && r->message[len - 1] == '\n')
		r->message[len - 1] = '\0';
	if (r->insn != ~0u)
		log_insn_text(env, r->insn, r->insn_text, sizeof(r->insn_text));
	env->out->reason = r;
	env->reason = NULL;
}
