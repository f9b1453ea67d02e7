/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pointers to the kernel's objects. Their types are the kernel's BTF's; loads through them are the
 * only access, and may land anywhere the type has a member. Invariant: whatever such a pointer holds,
 * a load yields zero or bytes of an object that the program was given, since fix-ups make every one
 * of them a blind read; so trust matters for helpers alone.
 */
#include "verify/kernel.h"

#include <errno.h>
#include <string.h>

#include "def/iter.h"
#include "verify/env.h"

static const char *name_of(struct env *env, u32 id)
{
	const char *name = btf_name(env->in->vmlinux_btf, id);

	return *name ? name : "<unknown>";
}

static void to_log(void *env, const char *text, size_t len)
{
	say_error(env, "%.*s", (int)len, text);
}

/* Targets. */

static int iter_point(struct env *env, const struct btf_type *func)
{
	const struct btf *btf = env->in->vmlinux_btf;

	if (btf_type_kind(func) != BTF_KIND_FUNC)
		return refuse(env, -EINVAL, "attach_btf_id %u is not a function\n",
			      env->in->attach_btf_id);
	env->attach.proto = func->type;
	if (btf_type_kind(btf_at(btf, func->type)) != BTF_KIND_FUNC_PROTO)
		return -EINVAL;
	env->attach.iter = iter_target_of(env->attach.name);
	if (env->attach.iter)
		return 0;
	say_error(env, "%s is no iterator\n", env->attach.name);
	return because(env, REASON_OTHER, -EINVAL);
}

int kernel_target(struct env *env)
{
	const struct btf *btf = env->in->vmlinux_btf;
	const struct btf_type *t;

	if (!env->prog->btf_args && env->prog_type != BPF_PROG_TYPE_EXT &&
	    env->prog_type != BPF_PROG_TYPE_STRUCT_OPS)
		return 0;
	if (env->prog_type != BPF_PROG_TYPE_TRACING ||
	    env->in->expected_attach_type != BPF_TRACE_ITER) {
		say_error(env, "%s programs are not supported by this verifier yet\n",
			  env->prog->name);
		return because(env, REASON_UNSUPPORTED, -EINVAL);
	}
	if (!env->in->attach_btf_id)
		return refuse(env, -EINVAL, "Tracing programs must provide btf_id\n");
	if (!btf) {
		say_error(env, "there is no kernel BTF here to find the iterator in\n");
		return because(env, REASON_UNSUPPORTED, -EINVAL);
	}
	t = btf_at(btf, env->in->attach_btf_id);
	if (!t)
		return refuse(env, -EINVAL, "attach_btf_id %u is invalid\n",
			      env->in->attach_btf_id);
	env->attach.name = btf_name(btf, env->in->attach_btf_id);
	if (!*env->attach.name)
		return refuse(env, -EINVAL, "attach_btf_id %u doesn't have a name\n",
			      env->in->attach_btf_id);
	return iter_point(env, t);
}

/* Arguments: an array of eight-byte fields, one a parameter of the function's prototype. */

static bool points_to_number(const struct btf *btf, const struct btf_type *ptr)
{
	u32 kind = btf_type_kind(btf_at(btf, btf_resolve(btf, ptr->type)));

	return kind == BTF_KIND_UNKN || kind == BTF_KIND_INT; /* void among them */
}

static int typed_pointer(struct env *env, u32 number, const struct btf_type *ptr,
			 struct reg_state *reg)
{
	const struct btf *btf = env->in->vmlinux_btf;
	u32 id = btf_resolve(btf, ptr->type);
	const struct btf_type *t = btf_at(btf, id);
	const char *kind = btf_kind_name(btf_type_kind(t));

	if (!btf_type_is_struct(t))
		return refuse(env, -EACCES, "func '%s' arg%u type %s is not a struct\n",
			      env->attach.name, number, kind);
	if (env->log.on)
		trace(env, "func '%s' arg%u has btf_id %u type %s '%s'\n", env->attach.name, number,
		      id, kind, name_of(env, id));
	reg_pointer(reg, PTR_TO_BTF_ID | PTR_TRUSTED);
	reg->btf_id = id;
	return 0;
}

/* What the iterator says of an argument: a buffer, or an object that may be absent. */
static int iter_pointer(struct env *env, const struct iter_arg *arg, struct reg_state *reg)
{
	s32 id = arg->btf ? btf_find(env->in->vmlinux_btf, arg->btf, BTF_KIND_STRUCT) : 0;

	if (id < 0)
		return -EACCES;
	reg_pointer(reg, arg->type);
	reg->btf_id = (u32)id;
	return 0;
}

int kernel_argument(struct env *env, s32 off, u32 size, bool write, struct reg_state *reg)
{
	enum { MAX_ARGS = 12 };
	const struct btf *btf = env->in->vmlinux_btf;
	const struct btf_type *proto = btf_at(btf, env->attach.proto), *t;
	const struct iter_arg *special;
	u32 number = (u32)off / 8, kind;

	if (off < 0 || off >= 8 * MAX_ARGS || write || (u32)off % size)
		return -EACCES;
	if (off % 8)
		return refuse(env, -EACCES, "func '%s' offset %d is not multiple of 8\n",
			      env->attach.name, off);
	number = min(number, btf_type_vlen(proto) + 1);
	if (number >= btf_type_vlen(proto))
		return refuse(env, -EACCES, "func '%s' doesn't have %u-th argument\n",
			      env->attach.name, number + 1);
	t = btf_at(btf, btf_resolve(btf, btf_param_at(btf, proto, number, NULL)));
	kind = btf_type_kind(t);
	reg_unknown(env, reg);
	if (kind == BTF_KIND_INT || kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64 ||
	    btf_type_is_struct(t))
		return 0;
	if (kind != BTF_KIND_PTR)
		return refuse(env, -EACCES,
			      "func '%s' arg%u '%s' has type %s. Only pointer access is allowed\n",
			      env->attach.name, number, btf_string(btf, t->name_off),
			      btf_kind_name(kind));
	if (size != 8)
		return refuse(env, -EACCES, "func '%s' size %u must be 8\n", env->attach.name,
			      size);
	special = iter_argument(env->attach.iter, number);
	if (special && !special->btf)
		return iter_pointer(env, special, reg);
	if (points_to_number(btf, t))
		return 0;
	return special ? iter_pointer(env, special, reg) : typed_pointer(env, number, t, reg);
}

/* Trust: what a walk through a pointer yields is trusted only where Linux says so of the field. */

enum keeps { TRUST = 1, TRUST_OR_NULL, RCU, RCU_OR_NULL };

static const struct {
	const char *strct, *field;
	enum keeps keeps;
} safe_fields[] = {
	{ "bpf_iter_meta", "seq", TRUST },
	{ "bpf_iter__task", "meta", TRUST },
	{ "bpf_iter__task", "task", TRUST },
	{ "linux_binprm", "file", TRUST },
	{ "file", "f_inode", TRUST },
	{ "dentry", "d_inode", TRUST_OR_NULL },
	{ "socket", "sk", TRUST_OR_NULL },
	{ "vm_area_struct", "vm_mm", TRUST_OR_NULL },
	{ "vm_area_struct", "vm_file", TRUST_OR_NULL },
	{ "task_struct", "cpus_ptr", RCU },
	{ "task_struct", "cgroups", RCU },
	{ "task_struct", "real_parent", RCU },
	{ "task_struct", "group_leader", RCU },
	{ "cgroup", "kn", RCU },
	{ "css_set", "dfl_cgrp", RCU },
	{ "cgroup_subsys_state", "cgroup", RCU },
	{ "mm_struct", "exe_file", RCU_OR_NULL },
	{ "sk_buff", "sk", RCU_OR_NULL },
	{ "request_sock", "sk", RCU_OR_NULL },
};

static enum keeps keeps(const char *strct, const char *field)
{
	for (size_t i = 0; field && i < ARRAY_SIZE(safe_fields); i++)
		if (!strcmp(safe_fields[i].strct, strct) && !strcmp(safe_fields[i].field, field))
			return safe_fields[i].keeps;
	return 0;
}

static bool is_trusted(const struct reg_state *reg)
{
	u32 flags = type_flags(reg->type), good = PTR_TRUSTED | MEM_ALLOC | NON_OWN_REF;

	return reg->ref_obj_id || (flags & good && !(flags & ~good));
}

/* Programs that cannot sleep are read-side critical sections of RCU as a whole. */
static bool in_rcu(const struct env *env)
{
	return env->cur->locks || !(env->in->prog_flags & BPF_F_SLEEPABLE);
}

static u32 walked_flags(struct env *env, const struct reg_state *reg, const struct btf_walk *walk)
{
	enum keeps field = keeps(name_of(env, reg->btf_id), walk->field);
	u32 flags = walk->flags;

	if (reg->type & PTR_UNTRUSTED)
		return PTR_UNTRUSTED;
	if (!is_trusted(reg) && !(reg->type & MEM_RCU))
		return flags & ~(u32)(PTR_TRUSTED | MEM_ALLOC | NON_OWN_REF | MEM_RCU);
	if (field == TRUST)
		return flags | PTR_TRUSTED;
	if (field == TRUST_OR_NULL)
		return flags | PTR_TRUSTED | PTR_MAYBE_NULL;
	if (!in_rcu(env) || reg->type & PTR_MAYBE_NULL)
		return PTR_UNTRUSTED;
	if (field == RCU)
		return flags | MEM_RCU;
	if (field == RCU_OR_NULL)
		return (flags & ~(u32)PTR_UNTRUSTED) | MEM_RCU | PTR_MAYBE_NULL;
	if (flags & MEM_RCU)
		return flags | PTR_MAYBE_NULL;
	if (flags & (MEM_PERCPU | MEM_USER))
		return flags;
	return flags & ~(u32)(PTR_TRUSTED | MEM_ALLOC | NON_OWN_REF | MEM_RCU);
}

static void walked(struct env *env, const struct reg_state *from, const struct btf_walk *walk,
		   struct reg_state *reg)
{
	struct reg_state result;

	switch (walk->kind) {
	case BTF_WALK_PTR:
		reg_pointer(&result, PTR_TO_BTF_ID | walked_flags(env, from, walk));
		result.btf_id = walk->type;
		if (result.type & PTR_MAYBE_NULL)
			result.id = ++env->id_gen;
		break;
	case BTF_WALK_PTR_UNTRUSTED:
		reg_pointer(&result, PTR_TO_MEM | MEM_RDONLY | PTR_UNTRUSTED);
		break;
	default: reg_unknown(env, &result);
	}
	*reg = result;
	reg_origin(env, reg, ORIGIN_LOAD);
}

/* Accesses. */

static int may_access(struct env *env, u32 regno, s32 off, bool write)
{
	const struct reg_state *reg = &regs_of(env)[regno];
	const char *name = name_of(env, reg->btf_id);
	char var[64];

	if (!env->in->gpl_compatible)
		return refuse(env, -EINVAL,
			      "Cannot access kernel 'struct %s' from non-GPL compatible program\n",
			      name);
	if (off < 0)
		return refuse(env, -EACCES, "R%u is ptr_%s invalid negative access: off=%d\n",
			      regno, name, off);
	if (!reg_is_const(reg) || reg->var_off.value)
		return refuse(env, -EACCES,
			      "R%u is ptr_%s invalid variable offset: off=%d, var_off=%s\n", regno,
			      name, off, log_tnum(reg->var_off, var));
	if (reg->type & MEM_USER)
		return refuse(env, -EACCES, "R%u is ptr_%s access user memory: off=%d\n", regno,
			      name, off);
	if (reg->type & MEM_PERCPU)
		return refuse(env, -EACCES, "R%u is ptr_%s access percpu memory: off=%d\n", regno,
			      name, off);
	return write ? refuse(env, -EACCES, "only read is supported\n") : 0;
}

int kernel_load(struct env *env, const struct mem_op *op, s32 off)
{
	struct log log = { to_log, env };
	struct reg_state *regs = regs_of(env), from = regs[op->regno];
	struct btf_walk walk = { 0 };
	int err = may_access(env, op->regno, off, op->write);

	if (!err)
		err = btf_struct_access(env->in->vmlinux_btf, from.btf_id, (u32)off, op->size,
					&walk, &log);
	if (err)
		return because_reg(env, REASON_MEM_RANGE, op->regno, err);
	if (op->value >= 0)
		walked(env, &from, &walk, &regs[op->value]);
	return 0;
}

int kernel_memory(struct env *env, u32 regno, u32 size, bool write)
{
	struct log log = { to_log, env };
	const struct reg_state *reg = &regs_of(env)[regno];
	const struct btf *btf = env->in->vmlinux_btf;
	struct btf_walk walk = { 0 };
	int err = may_access(env, regno, reg->off, write);

	err = err ?: btf_struct_access(btf, reg->btf_id, (u32)reg->off, size, &walk, &log);
	if (!err && (s64)reg->off + size > btf_size(btf, reg->btf_id))
		err = refuse(env, -EACCES, "access beyond struct %s at off %d size %u\n",
			     name_of(env, reg->btf_id), reg->off, size);
	return err ? because_reg(env, REASON_MEM_RANGE, regno, err) : 0;
}

int kernel_result(struct env *env, const char *strct, u32 type, struct reg_state *reg)
{
	const struct btf *btf = env->in->vmlinux_btf;
	s32 id = btf && strct ? btf_find(btf, strct, BTF_KIND_STRUCT) : -ENOENT;

	if (id < 0) {
		say_error(env, "there is no kernel BTF here to find struct %s in\n",
			  strct ? strct : "?");
		return because(env, REASON_UNSUPPORTED, -EINVAL);
	}
	reg_pointer(reg, type);
	reg->btf_id = (u32)id;
	return 0;
}

/* The struct itself, or one that begins at the pointer's offset inside it. */
static bool leads_to(struct env *env, const struct reg_state *reg, u32 want)
{
	struct log log = { to_log, env };
	struct btf_walk walk = { .kind = BTF_WALK_STRUCT, .type = reg->btf_id };
	u32 off = (u32)reg->off;

	for (u32 i = 0; i < 16; i++) {
		if (!off && walk.type == want)
			return true;
		if (btf_struct_walk(env->in->vmlinux_btf, walk.type, off, 1, &walk, &log) ||
		    walk.kind != BTF_WALK_STRUCT)
			return false;
		off = 0;
	}
	return false;
}

int kernel_match(struct env *env, u32 regno, u32 arg, const char *want)
{
	const struct reg_state *reg = &regs_of(env)[regno];
	const struct btf *btf = env->in->vmlinux_btf;
	s32 id = btf && want ? btf_find(btf, want, BTF_KIND_STRUCT) : -ENOENT;
	int err;

	if (reg->type & PTR_MAYBE_NULL && !(arg & PTR_MAYBE_NULL)) {
		say_error(env, "Possibly NULL pointer passed to helper arg%u\n", regno);
		return because_reg(env, REASON_NULL_DEREF, regno, -EACCES);
	}
	if (id < 0) {
		say_error(
			env,
			"R%u: kernel pointers of this kind are not supported by this verifier yet\n",
			regno);
		return because_reg(env, REASON_UNSUPPORTED, regno, -EACCES);
	}
	err = reg_plain_offset(env, reg, regno, true);
	if (err || leads_to(env, reg, (u32)id))
		return err;
	say_error(env, "R%u is of type %s but %s is expected\n", regno, name_of(env, reg->btf_id),
		  want);
	return because_reg(env, REASON_ARG_TYPE, regno, -EACCES);
}

int buffer_access(struct env *env, u32 regno, s32 off, u32 size, bool write)
{
	const struct reg_state *reg = &regs_of(env)[regno];
	bool rdonly = reg->type & MEM_RDONLY;
	u32 *most = rdonly ? &env->out->max_rdonly_access : &env->out->max_rdwr_access;
	char text[64];

	if (write && rdonly)
		return refuse(env, -EACCES, "R%u cannot write into %s\n", regno,
			      log_type(reg->type, text));
	if (off < 0)
		return refuse(env, -EACCES, "R%u invalid %s buffer access: off=%d, size=%d\n",
			      regno, rdonly ? "rdonly" : "rdwr", off, (s32)size);
	if (!reg_is_const(reg) || reg->var_off.value)
		return refuse(env, -EACCES,
			      "R%u invalid variable buffer offset: off=%d, var_off=%s\n", regno,
			      off, log_tnum(reg->var_off, text));
	*most = max(*most, (u32)off + size);
	return 0;
}

bool kernel_probes(u32 type)
{
	u32 base = type_base(type);

	return base == PTR_TO_BTF_ID || (base == PTR_TO_MEM && type & PTR_UNTRUSTED);
}
