/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole registers: what they become, and the rules for reading and writing one. */
#include <errno.h>
#include <string.h>

#include "verify/env.h"

void reg_unknown(struct env *env, struct reg_state *reg)
{
	(void)env;
	memset(reg, 0, sizeof(*reg));
	reg->type = SCALAR_VALUE;
	reg_set_unbounded(reg);
}

void reg_not_init(struct reg_state *reg)
{
	memset(reg, 0, sizeof(*reg));
	reg_set_unbounded(reg);
}

void reg_known(struct reg_state *reg, u64 value)
{
	memset(reg, 0, sizeof(*reg));
	reg->type = SCALAR_VALUE;
	reg_set_const(reg, value);
}

void reg_pointer(struct reg_state *reg, u32 type)
{
	memset(reg, 0, sizeof(*reg));
	reg->type = type;
}

void reg_origin(struct env *env, struct reg_state *reg, enum origin_kind kind)
{
	reg->origin = env->insn_idx;
	reg->origin_kind = (u8)kind;
}

int reg_read(struct env *env, u32 regno)
{
	struct reg_state *reg = &regs_of(env)[regno];

	env->scratched_regs |= 1u << regno;
	if (likely(reg->type != NOT_INIT))
		return 0;
	say_error(env, "R%u !read_ok\n", regno);
	return because_reg(env, REASON_UNINIT, regno, -EACCES);
}

int reg_write(struct env *env, u32 regno)
{
	env->scratched_regs |= 1u << regno;
	if (likely(regno != REG_FP))
		return 0;
	return refuse(env, -EACCES, "frame pointer is read only\n");
}

bool reg_not_null(const struct reg_state *reg)
{
	u32 base = type_base(reg->type);

	if (reg->type & PTR_MAYBE_NULL)
		return false;
	return base == PTR_TO_SOCKET || base == PTR_TO_TCP_SOCK || base == PTR_TO_MAP_VALUE ||
	       base == PTR_TO_MAP_KEY || base == PTR_TO_SOCK_COMMON || base == PTR_TO_XDP_SOCK ||
	       (base == PTR_TO_BTF_ID && reg->type & (PTR_TRUSTED | MEM_ALLOC)) ||
	       (base == PTR_TO_MEM && !(reg->type & PTR_UNTRUSTED)) || base == CONST_PTR_TO_MAP;
}

/* Pointers of some kinds may be used only as they were given. */
int reg_plain_offset(struct env *env, const struct reg_state *reg, u32 regno, bool fixed_ok)
{
	char type[64], var[64];

	if (reg->off < 0)
		return refuse(env, -EACCES, "negative offset %s ptr R%u off=%d disallowed\n",
			      log_type(reg->type, type), regno, reg->off);
	if (!fixed_ok && reg->off)
		return refuse(env, -EACCES,
			      "dereference of modified %s ptr R%u off=%d disallowed\n",
			      log_type(reg->type, type), regno, reg->off);
	if (!reg_is_const(reg) || reg->var_off.value)
		return refuse(env, -EACCES, "variable %s access var_off=%s disallowed\n",
			      log_type(reg->type, type), log_tnum(reg->var_off, var));
	return 0;
}
