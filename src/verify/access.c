/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads and stores through a register: one rule for each kind of pointer. Invariant: an access that
 * is let through stays inside its object for every offset the pointer may have.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "def/ctx.h"
#include "verify/env.h"

#ifndef ENOTSUPP
#define ENOTSUPP 524
#endif

static int aligned(struct env *env, const struct reg_state *reg, s32 off, u32 size, bool strict)
{
	static const char *const names[REG_TYPE_COUNT] = {
		[PTR_TO_FLOW_KEYS] = "flow keys ",
		[PTR_TO_MAP_KEY] = "key ",
		[PTR_TO_MAP_VALUE] = "value ",
		[PTR_TO_CTX] = "context ",
		[PTR_TO_STACK] = "stack ",
		[PTR_TO_SOCKET] = "sock ",
		[PTR_TO_SOCK_COMMON] = "sock_common ",
		[PTR_TO_TCP_SOCK] = "tcp_sock ",
		[PTR_TO_XDP_SOCK] = "xdp_sock ",
	};
	const u32 ip_align = 2;
	char var[64];

	strict |= env->in->prog_flags & BPF_F_STRICT_ALIGNMENT;
	if (reg->type == PTR_TO_STACK)
		strict = true;
	if (!strict || size == 1)
		return 0;
	if (reg->type == PTR_TO_PACKET || reg->type == PTR_TO_PACKET_META) {
		struct tnum at =
			tnum_add(reg->var_off, tnum_const((u64)(s64)(reg->off + off) + ip_align));

		if (tnum_is_aligned(at, size))
			return 0;
		say_error(env, "misaligned packet access off %d+%s+%d+%d size %d\n", ip_align,
			  log_tnum(reg->var_off, var), reg->off, off, (s32)size);
		return because(env, REASON_MISALIGNED, -EACCES);
	}
	if (tnum_is_aligned(tnum_add(reg->var_off, tnum_const((u64)(s64)(reg->off + off))), size))
		return 0;
	say_error(env, "misaligned %saccess off %s+%d+%d size %d\n",
		  reg->type < REG_TYPE_COUNT && names[reg->type] ? names[reg->type] : "",
		  log_tnum(reg->var_off, var), reg->off, off, (s32)size);
	return because(env, REASON_MISALIGNED, -EACCES);
}

static int fixed_region(struct env *env, u32 regno, s64 off, u32 size, u32 limit, bool zero_ok)
{
	const struct reg_state *reg = &regs_of(env)[regno];
	int at = (int)off;

	if (off >= 0 && (size > 0 || zero_ok) && (u64)off + size <= limit)
		return 0;
	because_access(env, off, size, limit);
	switch (type_base(reg->type)) {
	case PTR_TO_MAP_KEY:
		say_error(env, "invalid access to map key, key_size=%d off=%d size=%d\n",
			  (s32)limit, at, (s32)size);
		return because_reg(env, REASON_MEM_RANGE, regno, -EACCES);
	case PTR_TO_MAP_VALUE:
		say_error(env, "invalid access to map value, value_size=%d off=%d size=%d\n",
			  (s32)limit, at, (s32)size);
		return because_reg(env, REASON_MEM_RANGE, regno, -EACCES);
	case PTR_TO_PACKET:
	case PTR_TO_PACKET_META:
	case PTR_TO_PACKET_END:
		say_error(env, "invalid access to packet, off=%d size=%d, R%u(id=%u,off=%d,r=%d)\n",
			  at, (s32)size, regno, reg->id, at, (s32)limit);
		return because_reg(env, REASON_PACKET_RANGE, regno, -EACCES);
	default:
		say_error(env, "invalid access to memory, mem_size=%u off=%d size=%d\n", limit, at,
			  (s32)size);
		return because_reg(env, REASON_MEM_RANGE, regno, -EACCES);
	}
}

/* off includes reg->off. */
int mem_region(struct env *env, u32 regno, s32 off, u32 size, u32 limit, bool zero_ok)
{
	const struct reg_state *reg = &regs_of(env)[regno];

	if (reg->smin < 0 && (reg->smin == INT64_MIN || off + reg->smin != (s32)(off + reg->smin) ||
			      reg->smin + off < 0)) {
		say_error(
			env,
			"R%u min value is negative, either use unsigned index or do a if (index >=0) check.\n",
			regno);
		return because_reg(env, REASON_NEGATIVE, regno, -EACCES);
	}
	if (fixed_region(env, regno, (s32)(reg->smin + off), size, limit, zero_ok))
		return refuse(env, -EACCES,
			      "R%u min value is outside of the allowed memory range\n", regno);
	if (reg->umax >= MAX_VAR_OFF) {
		say_error(
			env,
			"R%u unbounded memory access, make sure to bounds check any such access\n",
			regno);
		return because_reg(env, REASON_UNBOUNDED, regno, -EACCES);
	}
	if (fixed_region(env, regno, (s32)(reg->umax + (u64)(s64)off), size, limit, zero_ok))
		return refuse(env, -EACCES,
			      "R%u max value is outside of the allowed memory range\n", regno);
	return 0;
}

/* Fields of a value that only their own helpers may touch. */
static int special_fields(struct env *env, u32 regno, s32 off, u32 size)
{
	const struct reg_state *reg = &regs_of(env)[regno];
	const struct map_fields *fields = map_fields(env, reg->map);
	s64 low = reg->smin + off, high = (s64)reg->umax + off + (s64)size;

	for (u32 i = 0; fields && i < fields->count; i++) {
		const struct btf_special_field *f = &fields->field[i];

		if (low < (s64)f->off + f->size && (s64)f->off < high)
			return refuse(env, -EACCES,
				      "%s cannot be accessed directly by load/store\n",
				      special_name(f->kind));
	}
	return 0;
}

int map_access(struct env *env, u32 regno, s32 off, u32 size, bool zero_ok)
{
	int err = mem_region(env, regno, off, size, regs_of(env)[regno].map->value_size, zero_ok);

	return err ?: special_fields(env, regno, off, size);
}

/* What the program may do with the map's values (BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG). */
int map_access_kind(struct env *env, u32 regno, s32 off, u32 size, bool write)
{
	const struct verify_map *map = regs_of(env)[regno].map;

	if (write && map->flags & BPF_F_RDONLY_PROG)
		return refuse(env, -EACCES,
			      "write into map forbidden, value_size=%d off=%d size=%d\n",
			      (s32)map->value_size, off, (s32)size);
	if (!write && map->flags & BPF_F_WRONLY_PROG)
		return refuse(env, -EACCES,
			      "read from map forbidden, value_size=%d off=%d size=%d\n",
			      (s32)map->value_size, off, (s32)size);
	return 0;
}

/*
 * A frozen read-only array's contents are constants of the program. 1: *value is one; 0: nothing is known. Of which of
 * several elements they are nobody knows: there Linux refuses, without a word.
 */
static int frozen_value(struct env *env, const struct mem_op *op, s32 off, u64 *value)
{
	const struct reg_state *reg = &regs_of(env)[op->regno];
	const struct verify_map *map = reg->map;
	s64 at = off + (s64)reg->var_off.value;
	u64 v = 0;

	if (!reg_is_const(reg) || !map->frozen || !(map->flags & BPF_F_RDONLY_PROG) ||
	    map->type != BPF_MAP_TYPE_ARRAY)
		return 0;
	if (map->max_entries != 1) {
		snprintf(env->said, sizeof(env->said),
			 "a frozen map with more elements than one is not read");
		return because_reg(env, REASON_OTHER, op->regno, -ENOTSUPP);
	}
	memcpy(&v, (const u8 *)map->frozen + at, op->size);
	if (op->sign && op->size < 8)
		v = (u64)((s64)(v << (64 - op->size * 8)) >> (64 - op->size * 8));
	*value = v;
	return 1;
}

static int map_value(struct env *env, const struct mem_op *op, s32 off)
{
	struct reg_state *regs = regs_of(env);
	u64 value = 0;
	int err = map_access_kind(env, op->regno, off, op->size, op->write);

	err = err ?: map_access(env, op->regno, off, op->size, false);
	if (err || op->write || op->value < 0)
		return err;
	err = frozen_value(env, op, off, &value);
	if (err < 0)
		return err;
	if (err)
		reg_known(&regs[op->value], value);
	else
		reg_unknown(env, &regs[op->value]);
	reg_origin(env, &regs[op->value], ORIGIN_LOAD);
	return 0;
}

static void loaded(struct env *env, const struct mem_op *op)
{
	if (op->value < 0 || op->write)
		return;
	reg_unknown(env, &regs_of(env)[op->value]);
	reg_origin(env, &regs_of(env)[op->value], ORIGIN_LOAD);
}

static int bad_kind(struct env *env, u32 regno)
{
	const struct reg_state *reg = &regs_of(env)[regno];
	enum reason_kind kind = reg->type & PTR_MAYBE_NULL  ? REASON_NULL_DEREF
				: reg->type == SCALAR_VALUE ? REASON_SCALAR_DEREF
							    : REASON_OTHER;
	char type[64];

	say_error(env, "R%u invalid mem access '%s'\n", regno, log_type(reg->type, type));
	return because_reg(env, kind, regno, -EACCES);
}

static int region(struct env *env, const struct mem_op *op, s32 off)
{
	const struct reg_state *reg = &regs_of(env)[op->regno];
	char type[64];
	int err;

	if (reg->type & PTR_MAYBE_NULL)
		return bad_kind(env, op->regno);
	if (op->write && reg->type & MEM_RDONLY)
		return refuse(env, -EACCES, "R%u cannot write into %s\n", op->regno,
			      log_type(reg->type, type));
	if (reg->type & PTR_UNTRUSTED) { /* read blindly: wherever it leads */
		loaded(env, op);
		return 0;
	}
	err = mem_region(env, op->regno, off, op->size, reg->mem_size, false);
	if (!err)
		loaded(env, op);
	return err;
}

static int context(struct env *env, const struct mem_op *op, s32 off)
{
	struct reg_state *regs = regs_of(env);
	struct reg_state value;
	int err = reg_plain_offset(env, &regs[op->regno], op->regno, ctx_fixed_offset_ok(env));

	if (err)
		return because_reg(env, REASON_CTX_ACCESS, op->regno, err);
	err = context_access(env, off, op->size, op->write, op->sign, &value);
	if (err) {
		say_error(env, "invalid bpf_context access off=%d size=%d\n", off, (s32)op->size);
		because_access(env, off, op->size, 0);
		return because_reg(env, REASON_CTX_ACCESS, op->regno, err);
	}
	env->out->max_ctx_offset = max(env->out->max_ctx_offset, (u32)off + op->size);
	if (op->write || op->value < 0)
		return 0;
	regs[op->value] = value;
	if (value.type & PTR_MAYBE_NULL)
		regs[op->value].id = ++env->id_gen;
	reg_origin(env, &regs[op->value], ORIGIN_LOAD);
	return 0;
}

/* off without the variable part, which `range` already covers. */
int packet_access(struct env *env, u32 regno, s32 off, u32 size, bool zero_ok)
{
	const struct reg_state *reg = &regs_of(env)[regno];
	int err;

	if (reg->smin < 0) {
		say_error(
			env,
			"R%u min value is negative, either use unsigned index or do a if (index >=0) check.\n",
			regno);
		return because_reg(env, REASON_NEGATIVE, regno, -EACCES);
	}
	err = reg->range < 0 ? -EINVAL
			     : fixed_region(env, regno, off, size, (u32)reg->range, zero_ok);
	if (err) {
		say_error(env, "R%u offset is outside of the packet\n", regno);
		return because_reg(env, REASON_PACKET_RANGE, regno, err);
	}
	return 0;
}

static int packet(struct env *env, const struct mem_op *op, s32 off)
{
	int err;

	if (op->write && !ctx_packet_writable(env))
		return refuse(env, -EACCES, "cannot write into packet\n");
	err = packet_access(env, op->regno, off, op->size, false);
	if (!err)
		loaded(env, op);
	return err;
}

/* Objects of a fixed layout that only loads reach: sockets, flow keys. */
static int object(struct env *env, const struct mem_op *op, s32 off)
{
	const struct reg_state *reg = &regs_of(env)[op->regno];
	struct ctx_access ignored;
	char type[64];

	if (reg->type == PTR_TO_FLOW_KEYS) {
		if (off < 0 || (u64)off + op->size > sizeof(struct bpf_flow_keys))
			return refuse(env, -EACCES, "invalid access to flow keys off=%d size=%d\n",
				      off, (s32)op->size);
	} else {
		if (op->write)
			return refuse(env, -EACCES, "R%u cannot write into %s\n", op->regno,
				      log_type(reg->type, type));
		if (reg->smin < 0)
			return refuse(
				env, -EACCES,
				"R%u min value is negative, either use unsigned index or do a if (index >=0) check.\n",
				op->regno);
		if (!reg_is_const(reg) || reg->var_off.value ||
		    !ctx_sock_access(type_base(reg->type), off, op->size, &ignored))
			return refuse(env, -EACCES, "R%u invalid %s access off=%d size=%d\n",
				      op->regno, log_type(reg->type, type), off, (s32)op->size);
	}
	loaded(env, op);
	return 0;
}

/* A tracepoint's record, of which only the attachment knows the size: Linux looks when it attaches, skep never has one. */
static int tp_buffer(struct env *env, const struct mem_op *op, s32 off)
{
	const struct reg_state *reg = &regs_of(env)[op->regno];
	char var[64];

	if (env->in->profile == VERIFY_SKEP)
		return bad_kind(env, op->regno);
	if (off < 0)
		return refuse(env, -EACCES,
			      "R%u invalid tracepoint buffer access: off=%d, size=%d\n", op->regno,
			      off, (s32)op->size);
	if (!reg_is_const(reg) || reg->var_off.value)
		return refuse(env, -EACCES,
			      "R%u invalid variable buffer offset: off=%d, var_off=%s\n", op->regno,
			      off, log_tnum(reg->var_off, var));
	loaded(env, op);
	return 0;
}

static int map_key(struct env *env, const struct mem_op *op, s32 off)
{
	int err;

	if (op->write)
		return refuse(env, -EACCES, "write to change key R%u not allowed\n", op->regno);
	err = mem_region(env, op->regno, off, op->size, regs_of(env)[op->regno].map->key_size,
			 false);
	if (!err)
		loaded(env, op);
	return err;
}

static int buffer(struct env *env, const struct mem_op *op, s32 off)
{
	int err = buffer_access(env, op->regno, off, op->size, op->write);

	if (!err)
		loaded(env, op);
	return err;
}

static int dispatch(struct env *env, const struct mem_op *op, s32 off)
{
	const struct reg_state *reg = &regs_of(env)[op->regno];

	switch (reg->type) {
	case PTR_TO_MAP_KEY: return map_key(env, op, off);
	case PTR_TO_MAP_VALUE: return map_value(env, op, off);
	case PTR_TO_CTX: return context(env, op, off);
	case PTR_TO_TP_BUFFER: return tp_buffer(env, op, off);
	case PTR_TO_STACK:
		if (op->write)
			return stack_store(env, op->regno, off, op->size, op->value, env->insn_idx);
		return stack_load(env, op->regno, off, op->size, op->value);
	case PTR_TO_PACKET:
	case PTR_TO_PACKET_META: return packet(env, op, off);
	case PTR_TO_FLOW_KEYS:
	case PTR_TO_SOCKET:
	case PTR_TO_SOCK_COMMON:
	case PTR_TO_TCP_SOCK:
	case PTR_TO_XDP_SOCK: return object(env, op, off);
	}
	if (type_base(reg->type) == PTR_TO_MEM)
		return region(env, op, off);
	if (type_base(reg->type) == PTR_TO_BTF_ID && !(reg->type & PTR_MAYBE_NULL))
		return kernel_load(env, op, off);
	if (type_base(reg->type) == PTR_TO_BUF && !(reg->type & PTR_MAYBE_NULL))
		return buffer(env, op, off);
	return bad_kind(env, op->regno);
}

int mem_access(struct env *env, const struct mem_op *op)
{
	struct reg_state *regs = regs_of(env), *reg = &regs[op->regno], *got;
	int err = aligned(env, reg, op->off, op->size, op->strict);

	err = err ?: dispatch(env, op, op->off + reg->off);
	if (err || op->write || op->value < 0 || op->size == 8 ||
	    regs[op->value].type != SCALAR_VALUE)
		return err;
	got = &regs[op->value];
	if (!op->sign) {
		reg_truncate(got, op->size);
		return 0;
	}
	if (got->umax >>
	    (op->size * 8 - 1)) { /* may be another number than the one that was spilled */
		got->id = 0;
		got->off = 0;
	}
	reg_sext(got, op->size, false);
	return 0;
}
