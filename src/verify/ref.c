/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * References that a program must give back (ring buffer records, sockets), spin locks, and packet
 * pointers, which a helper that moves the packet makes useless.
 */
#include <errno.h>
#include <string.h>

#include "verify/env.h"

static struct ref_state *ref_new(struct env *env)
{
	struct state *s = env->cur;

	if (s->nr_refs == s->cap_refs && refs_reserve(env, s, max(s->cap_refs * 2, 4u)))
		return NULL;
	return &s->refs[s->nr_refs++];
}

int ref_acquire(struct env *env, u32 insn)
{
	struct ref_state *r = ref_new(env);

	if (!r)
		return -ENOMEM;
	*r = (struct ref_state){ .kind = REF_PTR, .id = ++env->id_gen, .insn = insn };
	return (int)r->id;
}

bool ref_drop(struct state *s, u32 id)
{
	for (u32 i = 0; i < s->nr_refs; i++)
		if (s->refs[i].kind == REF_PTR && s->refs[i].id == id) {
			s->nr_refs--;
			memmove(&s->refs[i], &s->refs[i + 1], (s->nr_refs - i) * sizeof(*s->refs));
			return true;
		}
	return false;
}

/* What a privileged program keeps of a pointer that became invalid is a number. */
static void forget_pointer(struct env *env, struct reg_state *r)
{
	reg_unknown(env, r);
	reg_origin(env, r, ORIGIN_CLOBBER);
}

int ref_release(struct env *env, u32 id)
{
	if (!ref_drop(env->cur, id))
		return -EINVAL;
	FOR_EACH_REG(env->cur, f, r, {
		if (r->ref_obj_id == id)
			forget_pointer(env, r);
	})
	return 0;
}

void packet_pointers_drop(struct env *env)
{
	FOR_EACH_REG(env->cur, f, r, {
		if (r->type == PTR_TO_PACKET || r->type == PTR_TO_PACKET_META ||
		    r->type == PTR_TO_PACKET_END)
			forget_pointer(env, r);
	})
}

int ref_leak(struct env *env, bool at_exit)
{
	const struct func_state *f = frame_of(env);
	bool leaks = false;

	/* A function may return with references held; a callback must leave what its caller had. */
	if (!at_exit && f->frameno && !f->in_callback)
		return 0;
	for (u32 i = 0; i < env->cur->nr_refs; i++) {
		const struct ref_state *r = &env->cur->refs[i];

		if (r->kind != REF_PTR)
			continue;
		if (f->in_callback && i < f->refs_at_entry)
			continue;
		say_error(env, "Unreleased reference id=%u alloc_insn=%u\n", r->id, r->insn);
		leaks = true;
	}
	return leaks ? because(env, REASON_REFERENCE, -EINVAL) : 0;
}

static struct ref_state *lock_held(struct state *s)
{
	for (u32 i = 0; i < s->nr_refs; i++)
		if (s->refs[i].kind == REF_LOCK)
			return &s->refs[i];
	return NULL;
}

static int lock_release(struct env *env, const struct reg_state *reg)
{
	struct ref_state *held = lock_held(env->cur);
	struct state *s = env->cur;

	if (!held)
		return refuse(env, -EINVAL, "bpf_spin_unlock without taking a lock\n");
	if (held->map != reg->map || held->id != reg->id)
		return refuse(env, -EINVAL, "bpf_spin_unlock of different lock\n");
	s->nr_refs--;
	memmove(held, held + 1, (size_t)(&s->refs[s->nr_refs] - held) * sizeof(*held));
	s->locks--;
	return 0;
}

int lock_take(struct env *env, u32 regno, bool lock)
{
	const struct reg_state *reg = &regs_of(env)[regno];
	const struct verify_map *map = reg->map;
	const struct btf_special_field *field;
	s64 at = (s64)reg->var_off.value + reg->off;
	struct ref_state *r;

	if (!reg_is_const(reg))
		return refuse(
			env, -EINVAL,
			"R%u doesn't have constant offset. bpf_spin_lock has to be at the constant offset\n",
			regno);
	if (reg->type != PTR_TO_MAP_VALUE)
		return refuse(
			env, -EINVAL,
			"R%u: spin locks outside map values are not supported by this verifier yet\n",
			regno);
	if (!map->btf)
		return refuse(env, -EINVAL,
			      "map '%s' has to have BTF in order to use bpf_spin_lock\n",
			      map->name);
	field = map_field(env, map, BTF_SPIN_LOCK);
	if (!field)
		return refuse(env, -EINVAL, "map '%s' has no valid bpf_spin_lock\n", map->name);
	if ((s64)field->off != at)
		return refuse(env, -EINVAL,
			      "off %lld doesn't point to 'struct bpf_spin_lock' that is at %d\n",
			      (long long)at, (s32)field->off);
	if (!lock)
		return lock_release(env, reg);
	if (env->cur->locks)
		return refuse(env, -EINVAL, "Locking two bpf_spin_locks are not allowed\n");
	r = ref_new(env);
	if (!r)
		return -ENOMEM;
	*r = (struct ref_state){
		.kind = REF_LOCK, .id = reg->id, .insn = env->insn_idx, .map = map
	};
	env->cur->locks++;
	return 0;
}
