/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arguments of helpers: that each register holds what the prototype asks for, and that memory handed
 * over is the program's for as many bytes as the helper may touch.
 */
#include <errno.h>
#include <string.h>

#include "verify/env.h"

#ifndef ENOTSUPP
#define ENOTSUPP 524
#endif

/* What may stand for each kind of argument, in the order messages list it. */
static const u32 *accepted(u32 arg)
{
	switch (arg) {
	case ARG_PTR_TO_MAP_KEY:
	case ARG_PTR_TO_MAP_VALUE:
	case ARG_PTR_TO_MEM: {
		static const u32 memory[] = { PTR_TO_STACK,
					      PTR_TO_PACKET,
					      PTR_TO_PACKET_META,
					      PTR_TO_MAP_KEY,
					      PTR_TO_MAP_VALUE,
					      PTR_TO_MEM,
					      PTR_TO_MEM | MEM_RINGBUF,
					      PTR_TO_BUF,
					      PTR_TO_BTF_ID | PTR_TRUSTED,
					      NOT_INIT };
		return memory;
	}
	case ARG_CONST_SIZE:
	case ARG_CONST_SIZE_OR_ZERO:
	case ARG_CONST_ALLOC_SIZE_OR_ZERO: {
		static const u32 scalar[] = { SCALAR_VALUE, NOT_INIT };
		return scalar;
	}
	case ARG_CONST_MAP_PTR: {
		static const u32 map[] = { CONST_PTR_TO_MAP, NOT_INIT };
		return map;
	}
	case ARG_PTR_TO_CTX: {
		static const u32 ctx[] = { PTR_TO_CTX, NOT_INIT };
		return ctx;
	}
	case ARG_PTR_TO_SOCK_COMMON: {
		static const u32 sock[] = { PTR_TO_SOCK_COMMON, PTR_TO_SOCKET, PTR_TO_TCP_SOCK,
					    PTR_TO_XDP_SOCK, NOT_INIT };
		return sock;
	}
	case ARG_PTR_TO_BTF_ID_SOCK_COMMON: {
		static const u32 sock[] = { PTR_TO_SOCK_COMMON,
					    PTR_TO_SOCKET,
					    PTR_TO_TCP_SOCK,
					    PTR_TO_XDP_SOCK,
					    PTR_TO_BTF_ID,
					    PTR_TO_BTF_ID | PTR_TRUSTED,
					    NOT_INIT };
		return sock;
	}
	case ARG_PTR_TO_SOCKET: {
		static const u32 socket[] = { PTR_TO_SOCKET, NOT_INIT };
		return socket;
	}
	case ARG_PTR_TO_BTF_ID: {
		static const u32 btf[] = { PTR_TO_BTF_ID, PTR_TO_BTF_ID | PTR_TRUSTED,
					   PTR_TO_BTF_ID | MEM_RCU, NOT_INIT };
		return btf;
	}
	case ARG_PTR_TO_SPIN_LOCK:
	case ARG_KPTR_XCHG_DEST: {
		static const u32 lock[] = { PTR_TO_MAP_VALUE, PTR_TO_BTF_ID | MEM_ALLOC, NOT_INIT };
		return lock;
	}
	case ARG_PTR_TO_RINGBUF_MEM: {
		static const u32 ring[] = { PTR_TO_MEM | MEM_RINGBUF, NOT_INIT };
		return ring;
	}
	case ARG_PTR_TO_PERCPU_BTF_ID: {
		static const u32 percpu[] = { PTR_TO_BTF_ID | MEM_PERCPU,
					      PTR_TO_BTF_ID | MEM_PERCPU | MEM_RCU,
					      PTR_TO_BTF_ID | MEM_PERCPU | PTR_TRUSTED, NOT_INIT };
		return percpu;
	}
	case ARG_PTR_TO_FUNC: {
		static const u32 func[] = { PTR_TO_FUNC, NOT_INIT };
		return func;
	}
	case ARG_PTR_TO_STACK: {
		static const u32 stack[] = { PTR_TO_STACK, NOT_INIT };
		return stack;
	}
	case ARG_PTR_TO_CONST_STR:
	case ARG_PTR_TO_TIMER: {
		static const u32 value[] = { PTR_TO_MAP_VALUE, NOT_INIT };
		return value;
	}
	case ARG_PTR_TO_DYNPTR: {
		static const u32 dynptr[] = { PTR_TO_STACK, CONST_PTR_TO_DYNPTR, NOT_INIT };
		return dynptr;
	}
	}
	return NULL;
}

static int wrong_type(struct env *env, u32 regno, const u32 *want)
{
	const struct reg_state *reg = &regs_of(env)[regno];
	char type[64];

	say_error(env, "R%u type=%s expected=", regno, log_type(reg->type, type));
	for (; want[1] != NOT_INIT; want++)
		say_error(env, "%s, ", log_type(*want, type));
	say_error(env, "%s\n", log_type(*want, type));
	return because_reg(env, reg->type & PTR_MAYBE_NULL ? REASON_NULL_DEREF : REASON_ARG_TYPE,
			   regno, -EACCES);
}

/* An object of the kernel may be read as memory, no more. */
static int memory_fits(struct env *env, const struct call *call, u32 regno, u32 arg)
{
	const struct reg_state *reg = &regs_of(env)[regno];
	char type[64];

	if (type_base(reg->type) != PTR_TO_BTF_ID || arg & MEM_RDONLY)
		return 0;
	return refuse(env, -EACCES, "%s() may write into memory pointed by R%u type=%s\n",
		      helper_name(call->number), regno, log_type(reg->type, type));
}

static int type_fits(struct env *env, const struct call *call, u32 regno, u32 arg)
{
	const struct reg_state *reg = &regs_of(env)[regno];
	const u32 *want = accepted(type_base(arg));
	bool memory = type_base(arg) >= ARG_PTR_TO_MAP_KEY && type_base(arg) <= ARG_PTR_TO_MEM;
	u32 type = reg->type;

	if (!want)
		return refuse(env, -EFAULT, "unsupported arg type %u\n", arg);
	if (arg & MEM_RDONLY)
		type &= ~(u32)MEM_RDONLY;
	if (arg & PTR_MAYBE_NULL)
		type &= ~(u32)PTR_MAYBE_NULL;
	for (const u32 *t = want; *t != NOT_INIT; t++)
		if (type == *t)
			return memory ? memory_fits(env, call, regno, arg) : 0;
	return wrong_type(env, regno, want);
}

/* Kinds whose offset the helper is told nothing of must be handed over as they were given. */
int helper_offset(struct env *env, u32 regno, u32 arg)
{
	const struct reg_state *reg = &regs_of(env)[regno];

	if (arg & OBJ_RELEASE) {
		if (reg->off)
			return refuse(
				env, -EINVAL,
				"R%u must have zero offset when passed to release func or trusted arg to kfunc\n",
				regno);
		return reg_plain_offset(env, reg, regno, false);
	}
	switch (reg->type) {
	case PTR_TO_STACK:
	case PTR_TO_PACKET:
	case PTR_TO_PACKET_META:
	case PTR_TO_MAP_KEY:
	case PTR_TO_MAP_VALUE:
	case PTR_TO_MEM:
	case PTR_TO_MEM | MEM_RDONLY:
	case PTR_TO_MEM | MEM_RINGBUF:
	case PTR_TO_BUF:
	case PTR_TO_BUF | MEM_RDONLY:
	case SCALAR_VALUE: return 0;
	case PTR_TO_BTF_ID:
	case PTR_TO_BTF_ID | PTR_TRUSTED:
	case PTR_TO_BTF_ID | MEM_RCU: return reg_plain_offset(env, reg, regno, true);
	}
	return reg_plain_offset(env, reg, regno, false);
}

static int stack_memory(struct env *env, u32 regno, u32 size, bool zero_ok, bool write,
			struct call *call)
{
	const struct reg_state *reg = &regs_of(env)[regno];

	if (call && call->raw && reg_is_const(reg) && size) {
		int err = stack_bounds(env, regno, reg->off, size, true);

		if (!err) {
			call->fill_reg = regno + 1;
			call->fill_size = size;
		}
		return err;
	}
	return stack_range(env, regno, reg->off, size, zero_ok, write || (call && call->raw));
}

int helper_memory(struct env *env, u32 regno, u32 size, bool zero_ok, bool write, struct call *call)
{
	const struct reg_state *reg = &regs_of(env)[regno];
	char type[64];

	switch (type_base(reg->type)) {
	case PTR_TO_PACKET:
	case PTR_TO_PACKET_META: return packet_access(env, regno, reg->off, size, zero_ok);
	case PTR_TO_MAP_KEY:
		if (write)
			return refuse(env, -EACCES, "R%u cannot write into %s\n", regno,
				      log_type(reg->type, type));
		return mem_region(env, regno, reg->off, size, reg->map->key_size, false);
	case PTR_TO_MAP_VALUE:
		if (map_access_kind(env, regno, reg->off, size, write))
			return -EACCES;
		return map_access(env, regno, reg->off, size, zero_ok);
	case PTR_TO_MEM:
		if (write && reg->type & MEM_RDONLY)
			return refuse(env, -EACCES, "R%u cannot write into %s\n", regno,
				      log_type(reg->type, type));
		return mem_region(env, regno, reg->off, size, reg->mem_size, zero_ok);
	case PTR_TO_BUF: return buffer_access(env, regno, reg->off, size, write);
	case PTR_TO_BTF_ID: return kernel_memory(env, regno, size, write);
	case PTR_TO_STACK: return stack_memory(env, regno, size, zero_ok, write, call);
	}
	if (zero_ok && !size && reg_is_zero(reg))
		return 0;
	say_error(env, "R%u type=%s ", regno, log_type(reg->type, type));
	say_error(env, "expected=%s\n", log_type(PTR_TO_STACK, type));
	return because_reg(env, REASON_ARG_TYPE, regno, -EACCES);
}

/* The register after a memory argument: its size. Everything up to the largest possible one is touched. */
static int size_arg(struct env *env, struct call *call, u32 regno, u32 mem_arg, bool zero_ok)
{
	struct reg_state *reg = &regs_of(env)[regno];
	bool write = !(mem_arg & MEM_RDONLY);
	int err;

	call->msize_max = reg->umax;
	if (reg->smin < 0) {
		say_error(env, "R%u min value is negative, either use unsigned or 'var &= const'\n",
			  regno);
		return because_reg(env, REASON_NEGATIVE, regno, -EACCES);
	}
	if (!reg->umin && !zero_ok) {
		say_error(env, "R%u invalid zero-sized read: u64=[%lld,%lld]\n", regno,
			  (long long)reg->umin, (long long)reg->umax);
		return because_reg(env, REASON_ZERO_SIZE, regno, -EACCES);
	}
	if (reg->umax >= MAX_VAR_SIZE) {
		say_error(env,
			  "R%u unbounded memory access, use 'var &= const' or 'if (var < const)'\n",
			  regno);
		return because_reg(env, REASON_UNBOUNDED, regno, -EACCES);
	}
	call->raw = mem_arg & MEM_UNINIT && reg_is_const(reg);
	err = helper_memory(env, regno - 1, (u32)reg->umax, zero_ok, write, call);
	call->raw = false;
	if (!err)
		precise_mark(env, reg);
	return err;
}

static int timer_arg(struct env *env, struct call *call, u32 regno)
{
	const struct reg_state *reg = &regs_of(env)[regno];
	const struct btf_special_field *field;
	s64 at = (s64)reg->var_off.value + reg->off;

	if (!reg_is_const(reg))
		return refuse(
			env, -EINVAL,
			"R%u doesn't have constant offset. bpf_timer has to be at the constant offset\n",
			regno);
	if (!reg->map->btf)
		return refuse(env, -EINVAL, "map '%s' has to have BTF in order to use bpf_timer\n",
			      reg->map->name);
	field = map_field(env, reg->map, BTF_TIMER);
	if (!field)
		return refuse(env, -EINVAL, "map '%s' has no valid bpf_timer\n", reg->map->name);
	if ((s64)field->off != at)
		return refuse(env, -EINVAL,
			      "off %lld doesn't point to 'struct bpf_timer' that is at %d\n",
			      (long long)at, (s32)field->off);
	call->map_uid = reg->map_uid;
	call->map = reg->map;
	return 0;
}

static int map_arg(struct env *env, struct call *call, u32 regno)
{
	const struct reg_state *reg = &regs_of(env)[regno];

	if (call->map && (call->map != reg->map || call->map_uid != reg->map_uid))
		return refuse(
			env, -EINVAL,
			"timer pointer in R1 map_uid=%d doesn't match map pointer in R2 map_uid=%d\n",
			(s32)call->map_uid, (s32)reg->map_uid);
	call->map = reg->map;
	call->map_uid = reg->map_uid;
	return 0;
}

/* A string constant: in a frozen read-only map, ended by a NUL. */
static int string_arg(struct env *env, u32 regno)
{
	const struct reg_state *reg = &regs_of(env)[regno];
	const struct verify_map *map = reg->map;
	s64 at = (s64)reg->var_off.value + reg->off;
	int err;

	if (!map->frozen || !(map->flags & BPF_F_RDONLY_PROG))
		return refuse(env, -EACCES, "R%u does not point to a readonly map'\n", regno);
	if (!reg_is_const(reg))
		return refuse(env, -EACCES, "R%u is not a constant address'\n", regno);
	if (map->type != BPF_MAP_TYPE_ARRAY)
		return refuse(env, -EACCES, "no direct value access support for this map type\n");
	err = map_access(env, regno, reg->off, (u32)(map->value_size - (u32)reg->off), false);
	if (err)
		return err;
	if (map->max_entries != 1)
		return refuse(env, -ENOTSUPP, "direct value access on string failed\n");
	if (!memchr((const char *)map->frozen + at, 0, (size_t)(map->value_size - at)))
		return refuse(env, -EINVAL, "string is not zero-terminated\n");
	return 0;
}

static int value_arg(struct env *env, struct call *call, u32 regno, u32 arg)
{
	int err;

	if (!call->map)
		return refuse(env, -EACCES, "invalid map_ptr to access map->value\n");
	call->raw = arg & MEM_UNINIT;
	err = helper_memory(env, regno, call->map->value_size, false, arg & MEM_WRITE, call);
	call->raw = false;
	return err;
}

static int fixed_memory(struct env *env, struct call *call, u32 regno, const struct helper_arg *arg)
{
	const struct reg_state *reg = &regs_of(env)[regno];
	struct tnum at = tnum_add(reg->var_off, tnum_const((u64)(s64)reg->off));
	char var[64];
	int err;

	if (!(arg->type & MEM_FIXED_SIZE))
		return 0;
	call->raw = arg->type & MEM_UNINIT;
	err = helper_memory(env, regno, arg->size, false, !(arg->type & MEM_RDONLY), call);
	call->raw = false;
	if (!err && arg->type & MEM_ALIGNED && !tnum_is_aligned(at, arg->size)) {
		say_error(env, "misaligned %saccess off %s+%d+%d size %d\n",
			  reg->type == PTR_TO_STACK ? "stack " : "value ",
			  log_tnum(reg->var_off, var), reg->off, 0, (s32)arg->size);
		return because(env, REASON_MISALIGNED, -EACCES);
	}
	return err;
}

/*
 * An array has every element that max_entries promises: what a lookup finds depends on the key alone. Those that
 * may be inner maps of any size are not what they promise.
 */
static int key_arg(struct env *env, struct call *call, u32 regno)
{
	struct reg_state *reg = &regs_of(env)[regno];
	u32 type = call->map->type;
	int err = helper_memory(env, regno, call->map->key_size, false, false, NULL);

	if (!err && (type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY) &&
	    !(call->map->flags & BPF_F_INNER_MAP) && reg->type == PTR_TO_STACK && reg_is_const(reg))
		call->key_known = stack_const(env, regno, call->map->key_size, &call->key);
	return err;
}

/* What is asked of this kind beyond its type. */
static int kind_arg(struct env *env, struct call *call, u32 n, u32 arg)
{
	u32 regno = n + 1;
	struct reg_state *reg = &regs_of(env)[regno];

	switch (type_base(arg)) {
	case ARG_CONST_MAP_PTR: return map_arg(env, call, regno);
	case ARG_PTR_TO_MAP_KEY:
		if (!call->map)
			return refuse(env, -EACCES, "invalid map_ptr to access map->key\n");
		return key_arg(env, call, regno);
	case ARG_PTR_TO_MAP_VALUE:
		if (arg & PTR_MAYBE_NULL && reg_is_zero(reg))
			return 0;
		return value_arg(env, call, regno, arg);
	case ARG_PTR_TO_SPIN_LOCK: return lock_take(env, regno, call->number == BPF_FUNC_spin_lock);
	case ARG_PTR_TO_TIMER: return timer_arg(env, call, regno);
	case ARG_PTR_TO_FUNC: call->subprog = reg->subprog; return 0;
	case ARG_PTR_TO_MEM: return fixed_memory(env, call, regno, &call->proto->args[n]);
	case ARG_CONST_SIZE:
		return size_arg(env, call, regno, call->proto->args[n - 1].type, false);
	case ARG_CONST_SIZE_OR_ZERO:
		return size_arg(env, call, regno, call->proto->args[n - 1].type, true);
	case ARG_CONST_ALLOC_SIZE_OR_ZERO:
		if (!reg_is_const(reg))
			return refuse(env, -EACCES, "R%u is not a known constant'\n", regno);
		call->mem_size = (u32)reg->var_off.value;
		precise_mark(env, reg);
		return 0;
	case ARG_PTR_TO_CONST_STR: return string_arg(env, regno);
	case ARG_PTR_TO_BTF_ID:
		if (arg & PTR_MAYBE_NULL && reg_is_zero(reg))
			return 0;
		return kernel_match(env, regno, arg, call->proto->args[n].btf);
	case ARG_PTR_TO_DYNPTR:
	case ARG_KPTR_XCHG_DEST:
	case ARG_PTR_TO_PERCPU_BTF_ID:
		say_error(
			env,
			"R%u: dynptrs and kernel pointers are not supported by this verifier yet\n",
			regno);
		return because_reg(env, REASON_UNSUPPORTED, regno, -EACCES);
	}
	return 0;
}

/* Map values of socket maps are sockets. */
static int value_kind(struct env *env, const struct call *call, u32 *arg)
{
	if (!call->map)
		return refuse(env, -EACCES, "invalid map_ptr to access map->type\n");
	if (call->map->type == BPF_MAP_TYPE_SOCKMAP || call->map->type == BPF_MAP_TYPE_SOCKHASH) {
		if (*arg != ARG_PTR_TO_MAP_VALUE)
			return refuse(env, -EINVAL, "invalid arg_type for sockmap/sockhash\n");
		*arg = ARG_PTR_TO_BTF_ID_SOCK_COMMON;
	} else if (call->map->type == BPF_MAP_TYPE_BLOOM_FILTER &&
		   call->number == BPF_FUNC_map_peek_elem) {
		*arg = ARG_PTR_TO_MAP_VALUE;
	}
	return 0;
}

int helper_arg(struct env *env, struct call *call, u32 n)
{
	u32 regno = n + 1, arg = call->proto->args[n].type;
	struct reg_state *reg = &regs_of(env)[regno];
	int err;

	if (arg == ARG_DONTCARE)
		return 0;
	err = reg_read(env, regno);
	if (err || arg == ARG_ANYTHING)
		return err;
	if ((reg->type == PTR_TO_PACKET || reg->type == PTR_TO_PACKET_META) &&
	    (!call->proto->pkt_access || !ctx_packet_access(env)))
		return refuse(env, -EACCES, "helper access to the packet is not allowed\n");
	if (type_base(arg) == ARG_PTR_TO_MAP_VALUE) {
		err = value_kind(env, call, &arg);
		if (err)
			return err;
	}
	if (reg_is_zero(reg) && arg & PTR_MAYBE_NULL) {
		precise_mark(env, reg);
	} else {
		err = type_fits(env, call, regno, arg);
		err = err ?: helper_offset(env, regno, arg);
		if (err)
			return err;
	}
	if (arg & OBJ_RELEASE) {
		if (!reg->ref_obj_id && !reg_is_zero(reg))
			return refuse(env, -EINVAL,
				      "R%u must be referenced when passed to release function\n",
				      regno);
		call->release_reg = regno;
	}
	if (reg->ref_obj_id)
		call->ref_obj_id = reg->ref_obj_id;
	return kind_arg(env, call, n, arg);
}
