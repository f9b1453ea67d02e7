/* SPDX-License-Identifier: BSD-2-Clause */
/* Program types: what the context allows (through ctx.def), and what may be returned. */
#include <errno.h>

#include "def/ctx.h"
#include "verify/env.h"

int context_access(struct env *env, s32 off, u32 size, bool write, bool sign,
		   struct reg_state *value)
{
	struct ctx_access access;
	struct insn_aux *aux = aux_of(env);

	if (env->prog->btf_args) {
		aux->ctx_size = (u16)size;
		aux->ctx_off = (u16)off;
		return kernel_argument(env, off, size, write, value);
	}
	if (!ctx_access(env->prog_type, env->in->expected_attach_type, off, size, write, &access))
		return -EACCES;
	/* A packet pointer's field is 4 bytes wide to the program; sign extension would tear the pointer. */
	if (sign && type_base(access.kind) != SCALAR_VALUE)
		return -EACCES;
	aux->ctx_size = (u16)min(access.field_size, (u32)UINT16_MAX);
	aux->ctx_off = (u16)access.field_off;
	if (access.kind == SCALAR_VALUE)
		reg_unknown(env, value);
	else
		reg_pointer(value, access.kind);
	return 0;
}

/* 6.18: contexts that are rewritten allow no offset in the pointer. */
bool ctx_fixed_offset_ok(struct env *env)
{
	(void)env;
	return false;
}

bool ctx_packet_access(struct env *env)
{
	return env->prog->pkt_read;
}

bool ctx_packet_writable(struct env *env)
{
	return env->prog->pkt_write;
}

int return_in_range(struct env *env, const struct reg_state *r0, s32 lo, s32 hi, const char *where)
{
	if (r0->smin >= lo && r0->smax <= hi)
		return 0;
	say_error(env, "%s the register R0 has", where);
	if (r0->smin > INT64_MIN)
		say_error(env, " smin=%lld", (long long)r0->smin);
	if (r0->smax < INT64_MAX)
		say_error(env, " smax=%lld", (long long)r0->smax);
	if (r0->smin == INT64_MIN && r0->smax == INT64_MAX)
		say_error(env, " unknown scalar value");
	say_error(env, " should have been in [%d, %d]\n", lo, hi);
	return because_reg(env, REASON_RETURN, 0, -EINVAL);
}

int return_value(struct env *env)
{
	const struct func_state *f = env->cur->frame[0];
	const struct reg_state *r0 = &f->regs[0];
	const char *where = "At program exit";
	s32 lo = 0, hi = 0;
	char type[64];
	int err = reg_read(env, 0);

	if (err)
		return err;
	if (f->in_async) {
		where = "At async callback return";
	} else if (f->subprog) {
		if (r0->type == SCALAR_VALUE)
			return 0;
		say_error(env, "At subprogram exit the register R0 is not a scalar value (%s)\n",
			  log_type(r0->type, type));
		return because_reg(env, REASON_RETURN, 0, -EINVAL);
	} else if (!prog_return_range(env->prog_type, env->in->expected_attach_type, &lo, &hi)) {
		return 0;
	}
	if (r0->type != SCALAR_VALUE) {
		say_error(env, "%s the register R0 is not a known value (%s)\n", where,
			  log_type(r0->type, type));
		return because_reg(env, REASON_RETURN, 0, -EINVAL);
	}
	precise_mark(env, r0);
	return return_in_range(env, r0, lo, hi, where);
}
