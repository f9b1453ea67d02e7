/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The maps a program names: found behind file descriptors and indices in 16-byte loads, fit for the
 * program type, and the fields of their values that only certain helpers may touch.
 */
#include <errno.h>
#include <string.h>

#include "verify/env.h"

#ifndef ENOTSUPP
#define ENOTSUPP 524
#endif

struct known_fields {
	struct known_fields *next;
	const struct verify_map *map;
	struct map_fields fields;
};

const struct map_fields *map_fields(struct env *env, const struct verify_map *map)
{
	struct known_fields *k;
	int count;

	if (!map || !map->btf || !map->btf_value_type_id)
		return NULL;
	for (k = env->fields; k; k = k->next)
		if (k->map == map)
			return &k->fields;
	k = mem_zalloc(env, sizeof(*k));
	if (!k)
		return NULL;
	count = btf_special_fields(map->btf, btf_resolve(map->btf, map->btf_value_type_id),
				   k->fields.field);
	k->fields.count = count > 0 ? (u32)count : 0;
	k->map = map;
	k->next = env->fields;
	env->fields = k;
	return &k->fields;
}

const struct btf_special_field *map_field(struct env *env, const struct verify_map *map, u32 kind)
{
	const struct map_fields *fields = map_fields(env, map);

	for (u32 i = 0; fields && i < fields->count; i++)
		if (fields->field[i].kind & kind)
			return &fields->field[i];
	return NULL;
}

void maps_free(struct env *env)
{
	while (env->fields) {
		struct known_fields *next = env->fields->next;

		mem_free(env, env->fields, sizeof(*env->fields));
		env->fields = next;
	}
}

const char *special_name(u32 kind)
{
	switch (kind) {
	case BTF_SPIN_LOCK: return "bpf_spin_lock";
	case BTF_RES_SPIN_LOCK: return "bpf_res_spin_lock";
	case BTF_TIMER: return "bpf_timer";
	case BTF_WORKQUEUE: return "bpf_wq";
	case BTF_LIST_HEAD: return "bpf_list_head";
	case BTF_LIST_NODE: return "bpf_list_node";
	case BTF_RB_ROOT: return "bpf_rb_root";
	case BTF_RB_NODE: return "bpf_rb_node";
	case BTF_REFCOUNT: return "bpf_refcount";
	case BTF_TASK_WORK: return "bpf_task_work";
	case BTF_UPTR: return "uptr";
	default: return "kptr";
	}
}

static bool traces(u32 type)
{
	return type == BPF_PROG_TYPE_KPROBE || type == BPF_PROG_TYPE_TRACEPOINT ||
	       type == BPF_PROG_TYPE_PERF_EVENT || type == BPF_PROG_TYPE_RAW_TRACEPOINT ||
	       type == BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE;
}

static bool sleepable_map(u32 type)
{
	switch (type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
	case BPF_MAP_TYPE_HASH_OF_MAPS:
	case BPF_MAP_TYPE_RINGBUF:
	case BPF_MAP_TYPE_USER_RINGBUF:
	case BPF_MAP_TYPE_INODE_STORAGE:
	case BPF_MAP_TYPE_SK_STORAGE:
	case BPF_MAP_TYPE_TASK_STORAGE:
	case BPF_MAP_TYPE_CGRP_STORAGE:
	case BPF_MAP_TYPE_QUEUE:
	case BPF_MAP_TYPE_STACK:
	case BPF_MAP_TYPE_ARENA: return true;
	}
	return false;
}

static int map_fits(struct env *env, const struct verify_map *map)
{
	const struct map_fields *fields = map_fields(env, map);
	bool tracing = traces(env->prog_type);

	for (u32 i = 0; fields && i < fields->count; i++) {
		u32 kind = fields->field[i].kind;

		if (kind & (BTF_LIST_HEAD | BTF_RB_ROOT) && tracing)
			return refuse(env, -EINVAL,
				      "tracing progs cannot use bpf_{list_head,rb_root} yet\n");
		if (kind & BTF_SPIN_LOCK && env->prog_type == BPF_PROG_TYPE_SOCKET_FILTER)
			return refuse(env, -EINVAL,
				      "socket filter progs cannot use bpf_spin_lock yet\n");
		if (kind & BTF_SPIN_LOCK && tracing)
			return refuse(env, -EINVAL, "tracing progs cannot use bpf_spin_lock yet\n");
		if (kind & BTF_TIMER && tracing)
			return refuse(env, -EINVAL, "tracing progs cannot use bpf_timer yet\n");
		if (kind & BTF_WORKQUEUE && tracing)
			return refuse(env, -EINVAL, "tracing progs cannot use bpf_wq yet\n");
	}
	if (map->type == BPF_MAP_TYPE_STRUCT_OPS)
		return refuse(env, -EINVAL, "bpf_struct_ops map cannot be used in prog\n");
	if (map->type == BPF_MAP_TYPE_ARENA)
		return refuse(env, -EINVAL, "arenas are not supported by this verifier yet\n");
	if (env->in->prog_flags & BPF_F_SLEEPABLE && !sleepable_map(map->type))
		return refuse(
			env, -EINVAL,
			"Sleepable programs can only use array, hash, ringbuf and local storage maps\n");
	return 0;
}

static int find_map(struct env *env, const struct insn *i, u32 *index)
{
	bool by_index = i->op == OP_LD_MAP_IDX || i->op == OP_LD_MAP_IDX_VALUE;
	const struct verify_map *map = NULL;
	int err = env->in->map ? env->in->map(env->in->arg, i->imm, by_index, &map) : -EBADF;

	if (err || !map) {
		if (by_index && err == -EPROTO)
			return refuse(env, err, "fd_idx without fd_array is invalid\n");
		return refuse(env, err ? err : -EBADF, "fd %d is not pointing to valid bpf_map\n",
			      i->imm);
	}
	for (*index = 0; *index < env->nr_maps; (*index)++)
		if (env->maps[*index] == map)
			return 0;
	if (env->nr_maps >= MAX_MAPS)
		return refuse(env, -E2BIG,
			      "The total number of maps per program has reached the limit of %u\n",
			      MAX_MAPS);
	env->maps[env->nr_maps++] = map;
	return map_fits(env, map);
}

/* The address of a byte of a map's value: arrays of one element only. */
static int value_address(struct env *env, const struct insn *i, const struct verify_map *map,
			 struct insn_aux *aux)
{
	u32 off = (u32)i->imm_high;
	int err = 0;

	if (off >= MAX_VAR_OFF)
		return refuse(env, -EINVAL, "direct value offset of %u is not allowed\n", off);
	if (map->type != BPF_MAP_TYPE_ARRAY)
		return refuse(env, -EINVAL, "no direct value access support for this map type\n");
	if (map->max_entries != 1)
		err = -ENOTSUPP;
	else if (off >= map->value_size)
		err = -EINVAL;
	if (err)
		return refuse(env, err,
			      "invalid access to map value pointer, value_size=%u off=%u\n",
			      map->value_size, off);
	if (env->in->profile == VERIFY_SKEP && !map->value_addr)
		return refuse(env, -EINVAL, "the values of this map have no address in skep\n");
	aux->map_off = off;
	return 0;
}

static int resolve(struct env *env, u32 at)
{
	const struct insn *i = &env->insns[at];
	struct insn_aux *aux = &env->aux[at];
	u32 index = 0;
	int err;

	switch (i->op) {
	case OP_LD_IMM64:
	case OP_LD_FUNC: return 0;
	case OP_LD_BTF_ID:
		say_error(
			env,
			"kernel variables (ld_imm64 of a BTF id) are not supported by this verifier yet\n");
		return because(env, REASON_UNSUPPORTED, -EINVAL);
	case OP_LD_MAP_FD:
	case OP_LD_MAP_IDX:
		if (i->imm_high)
			return refuse(env, -EINVAL, "unrecognized bpf_ld_imm64 insn\n");
		break;
	}
	err = find_map(env, i, &index);
	if (err)
		return err;
	aux->map = (u16)(index + 1);
	if (i->op == OP_LD_MAP_VALUE || i->op == OP_LD_MAP_IDX_VALUE)
		return value_address(env, i, env->maps[index], aux);
	return 0;
}

/* Encodings that are checked before anything is walked, in program order. */
int resolve_wide(struct env *env)
{
	for (u32 at = 0; at < env->count; at++) {
		const struct insn *i = &env->insns[at];
		const struct bpf_insn *raw = &env->raw[at];
		int err;

		if (BPF_CLASS(raw->code) == BPF_LDX &&
		    ((BPF_MODE(raw->code) != BPF_MEM && BPF_MODE(raw->code) != BPF_MEMSX) ||
		     raw->imm))
			return refuse(env, -EINVAL, "BPF_LDX uses reserved fields\n");
		if (raw->code == (BPF_LD | BPF_IMM | BPF_DW)) {
			if (at + 1 == env->count || raw[1].code || raw[1].dst_reg ||
			    raw[1].src_reg || raw[1].off)
				return refuse(env, -EINVAL, "invalid bpf_ld_imm64 insn\n");
			if (!insn_is_wide(i))
				return refuse(env, -EINVAL, "unrecognized bpf_ld_imm64 insn\n");
			err = resolve(env, at);
			if (err)
				return err;
			at++;
			continue;
		}
		if (!insn_known(raw->code))
			return refuse(env, -EINVAL, "unknown opcode %02x\n", raw->code);
	}
	return 0;
}
