/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the loader says about functions and lines (func_info, line_info against the program's BTF),
 * and the contracts of functions that BTF states: a global function is verified once, for any
 * arguments that fit its prototype, and every call must hand over such arguments.
 */
#include <errno.h>
#include <string.h>

#include "verify/env.h"

#ifndef ENOTSUPP
#define ENOTSUPP 524
#endif

static const struct btf_type *type_of(const struct btf *btf, u32 id, u32 kind)
{
	const struct btf_type *t = btf ? btf_at(btf, id) : NULL;

	return t && btf_type_kind(t) == kind ? t : NULL;
}

static int no_functions(struct env *env)
{
	for (u32 s = 1; s < env->nr_subprogs; s++) {
		if (env->subprogs[s].has_ld_abs)
			return refuse(env, -EINVAL,
				      "LD_ABS is not allowed in subprogs without BTF\n");
		if (env->subprogs[s].has_tail_call)
			return refuse(env, -EINVAL,
				      "tail_call is not allowed in subprogs without BTF\n");
	}
	return 0;
}

/* Records' size as the caller has them; as many bytes as known are read. */
static bool wrong_size(u32 given, u32 known)
{
	return given && (given < known || given > 252 || given % 4);
}

/* Records by themselves, before the functions are known. */
int btf_info_early(struct env *env)
{
	const struct bpf_func_info *info = env->in->func_info;

	if (!env->in->func_info_count && !env->in->line_info_count)
		return 0;
	if (!env->in->btf)
		return -EINVAL;
	if (env->in->func_info_count && (!info || wrong_size(env->in->func_size, sizeof(*info))))
		return refuse(env, -EINVAL, "invalid func info rec size %u\n", env->in->func_size);
	for (u32 i = 0; i < env->in->func_info_count; i++) {
		const struct btf_type *func;

		if (env->in->func_tail == i + 1)
			return refuse(env, -E2BIG, "nonzero tailing record in func info");
		if (!i && info[i].insn_off)
			return refuse(env, -EINVAL,
				      "nonzero insn_off %u for the first func info record",
				      info[i].insn_off);
		if (i && info[i].insn_off <= info[i - 1].insn_off)
			return refuse(
				env, -EINVAL,
				"same or smaller insn offset (%u) than previous func info record (%u)",
				info[i].insn_off, info[i - 1].insn_off);
		func = type_of(env->in->btf, info[i].type_id, BTF_KIND_FUNC);
		if (!func)
			return refuse(env, -EINVAL, "invalid type id %u in func info",
				      info[i].type_id);
		if (!type_of(env->in->btf, func->type, BTF_KIND_FUNC_PROTO))
			return -EINVAL;
	}
	return 0;
}

static bool scalar_return(const struct btf *btf, const struct btf_type *func)
{
	const struct btf_type *proto = btf_at(btf, func->type);
	const struct btf_type *t = proto ? btf_at(btf, btf_resolve(btf, proto->type)) : NULL;
	u32 kind = t ? btf_type_kind(t) : 0;

	return (kind == BTF_KIND_INT && t->size <= 8) || kind == BTF_KIND_ENUM ||
	       kind == BTF_KIND_ENUM64;
}

static int functions(struct env *env)
{
	const struct btf *btf = env->in->btf;

	if (!env->in->func_info_count)
		return no_functions(env);
	if (env->in->func_info_count != env->nr_subprogs)
		return refuse(env, -EINVAL,
			      "number of funcs in func_info doesn't match number of subprogs\n");
	for (u32 s = 0; s < env->nr_subprogs; s++) {
		const struct bpf_func_info *info = &env->in->func_info[s];
		const struct btf_type *func = btf_at(btf, info->type_id);
		struct subprog *sub = &env->subprogs[s];

		if (sub->start != info->insn_off)
			return refuse(
				env, -EINVAL,
				"func_info BTF section doesn't match subprog layout in BPF program\n");
		sub->btf_func = info->type_id;
		sub->name = btf_name(btf, info->type_id);
		sub->global = s && BTF_INFO_VLEN(func->info) == BTF_FUNC_GLOBAL;
		if (s && sub->has_ld_abs && !scalar_return(btf, func))
			return refuse(env, -EINVAL,
				      "LD_ABS is only allowed in functions that return 'int'.\n");
		if (s && sub->has_tail_call && !scalar_return(btf, func))
			return refuse(
				env, -EINVAL,
				"tail_call is only allowed in functions that return 'int'.\n");
	}
	return 0;
}

static bool has_string(const struct btf *btf, u32 off)
{
	return btf_string(btf, off)[0] || !off;
}

static int lines(struct env *env)
{
	const struct bpf_line_info *info = env->in->line_info;
	u32 s = 0;

	if (env->in->line_info_count && (!info || wrong_size(env->in->line_size, sizeof(*info))))
		return -EINVAL;
	for (u32 i = 0; i < env->in->line_info_count; i++) {
		u32 off = info[i].insn_off, prev = i ? info[i - 1].insn_off : 0;

		if (env->in->line_tail == i + 1)
			return refuse(env, -E2BIG, "nonzero tailing record in line_info");
		if ((i && off <= prev) || off >= env->count)
			return refuse(
				env, -EINVAL,
				"Invalid line_info[%u].insn_off:%u (prev_offset:%u prog->len:%u)\n",
				i, off, prev, env->count);
		if (!env->raw[off].code)
			return refuse(env, -EINVAL, "Invalid insn code at line_info[%u].insn_off\n",
				      i);
		if (!has_string(env->in->btf, info[i].line_off) ||
		    !has_string(env->in->btf, info[i].file_name_off))
			return refuse(env, -EINVAL,
				      "Invalid line_info[%u].line_off or .file_name_off\n", i);
		if (s == env->nr_subprogs)
			continue;
		if (off == env->subprogs[s].start)
			s++;
		else if (env->subprogs[s].start < off)
			return refuse(env, -EINVAL, "missing bpf_line_info for func#%u\n", s);
	}
	if (env->in->line_info_count && s != env->nr_subprogs)
		return refuse(env, -EINVAL,
			      "missing bpf_line_info for %u funcs starting from func#%u\n",
			      env->nr_subprogs - s, s);
	return 0;
}

int btf_info(struct env *env)
{
	int err = functions(env);

	err = err ?: lines(env);
	return err ? because(env, REASON_STRUCTURE, err) : 0;
}

/* The pointed-to type is what r1 points to in programs of this type. */
static bool is_context(struct env *env, const struct btf *btf, u32 id)
{
	const struct btf_type *t;
	const char *want = env->prog->ctx, *name;

	for (;;) {
		t = btf_at(btf, id);
		if (!t)
			return false;
		name = btf_string(btf, t->name_off);
		if (btf_type_kind(t) == BTF_KIND_TYPEDEF &&
		    env->prog_type == BPF_PROG_TYPE_KPROBE && !strcmp(name, "bpf_user_pt_regs_t"))
			return true;
		switch (btf_type_kind(t)) {
		case BTF_KIND_TYPEDEF:
		case BTF_KIND_CONST:
		case BTF_KIND_VOLATILE:
		case BTF_KIND_RESTRICT:
		case BTF_KIND_TYPE_TAG: id = t->type; continue;
		case BTF_KIND_STRUCT:
			return (want && !strcmp(name, want)) ||
			       (env->prog_type == BPF_PROG_TYPE_KPROBE &&
				!strcmp(name, "bpf_user_pt_regs_t"));
		default: return false;
		}
	}
}

/* arg: tags of a parameter. */
enum {
	TAG_CTX = 1,
	TAG_NONNULL = 2,
	TAG_NULLABLE = 4,
	TAG_TRUSTED = 8,
	TAG_UNTRUSTED = 16,
	TAG_ARENA = 32
};

static const struct {
	const char *name;
	u32 tag;
} tag_names[] = {
	{ "arg:ctx", TAG_CTX },
	{ "arg:nonnull", TAG_NONNULL },
	{ "arg:nullable", TAG_NULLABLE },
	{ "arg:trusted", TAG_TRUSTED },
	{ "arg:untrusted", TAG_UNTRUSTED },
	{ "arg:arena", TAG_ARENA },
};

static u32 tag_of(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(tag_names); i++)
		if (!strcmp(name, tag_names[i].name))
			return tag_names[i].tag;
	return 0;
}

static int tags_of(struct env *env, u32 s, u32 n, u32 *tags)
{
	const struct btf *btf = env->in->btf;

	*tags = 0;
	for (u32 id = 1; id < btf_count(btf); id++) {
		const struct btf_type *t = btf_at(btf, id);
		const char *name;
		u32 tag;

		if (btf_type_kind(t) != BTF_KIND_DECL_TAG || t->type != env->subprogs[s].btf_func ||
		    *(const s32 *)(t + 1) != (s32)n)
			continue;
		name = btf_string(btf, t->name_off);
		if (strncmp(name, "arg:", 4))
			continue;
		if (!env->subprogs[s].global)
			return refuse(env, -EOPNOTSUPP,
				      "arg#%u type tag is not supported in static functions\n", n);
		tag = tag_of(name);
		if (!tag)
			return refuse(env, -EOPNOTSUPP, "arg#%u has unsupported set of tags\n", n);
		*tags |= tag;
	}
	return 0;
}

#if defined(__aarch64__)
#define PT_REGS "user_pt_regs"
#else
#define PT_REGS "pt_regs"
#endif

/* Kinds of context that a program type has beside the struct of its own. */
static bool other_context(struct env *env, const struct btf *btf, u32 id, const struct btf_type *t,
			  const char *name)
{
	bool strct = btf_type_is_struct(t),
	     number = btf_type_kind(t) == BTF_KIND_INT && t->size == 8;

	switch (env->prog_type) {
	case BPF_PROG_TYPE_KPROBE: return is_context(env, btf, id);
	case BPF_PROG_TYPE_PERF_EVENT: return strct && !strcmp(name, PT_REGS);
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE: return number;
	case BPF_PROG_TYPE_TRACING:
		return env->in->expected_attach_type == BPF_TRACE_ITER
			       ? strct && !strncmp(name, "bpf_iter__", 10)
			       : number;
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_SYSCALL: return true;
	}
	return false;
}

static const char *typedef_of(const struct btf *btf, u32 id)
{
	const struct btf_type *t = btf_at(btf, id);

	while (t &&
	       (btf_type_kind(t) == BTF_KIND_CONST || btf_type_kind(t) == BTF_KIND_VOLATILE ||
		btf_type_kind(t) == BTF_KIND_RESTRICT || btf_type_kind(t) == BTF_KIND_TYPE_TAG))
		t = btf_at(btf, t->type);
	return t && btf_type_kind(t) == BTF_KIND_TYPEDEF ? btf_string(btf, t->name_off) : "";
}

/* What "arg:ctx" may stand on: void, or what r1 points to in programs of this type. */
static int tagged_context(struct env *env, u32 n, u32 pointee)
{
	const struct btf *btf = env->in->btf;
	u32 id = btf_resolve(btf, pointee);
	const struct btf_type *t = btf_at(btf, id);
	const char *name;

	if (!id || !t)
		return 0;
	if ((env->prog_type == BPF_PROG_TYPE_KPROBE ||
	     env->prog_type == BPF_PROG_TYPE_PERF_EVENT) &&
	    !strcmp(typedef_of(btf, pointee), "bpf_user_pt_regs_t"))
		return 0;
	name = btf_string(btf, t->name_off);
	if (!*name)
		return refuse(env, -EINVAL, "arg#%u type doesn't have a name\n", n);
	if (other_context(env, btf, pointee, t, name))
		return 0;
	if (!env->prog->ctx)
		return refuse(env, -EINVAL, "arg#%u should be void pointer\n", n);
	if (btf_type_is_struct(t) && !strcmp(name, env->prog->ctx))
		return 0;
	return refuse(env, -EINVAL, "arg#%u should be `struct %s *`\n", n, env->prog->ctx);
}

static int wrong_tags(struct env *env, u32 n)
{
	return refuse(env, -EINVAL, "arg#%u has invalid combination of tags\n", n);
}

static bool is_dynptr(const struct btf *btf, u32 id)
{
	const struct btf_type *t = type_of(btf, btf_resolve(btf, id), BTF_KIND_STRUCT);

	return t && !strcmp(btf_string(btf, t->name_off), "bpf_dynptr");
}

static int unsupported(struct env *env, u32 n, const char *what)
{
	say_error(env, "arg#%u: %s are not supported by this verifier yet\n", n, what);
	return because(env, REASON_UNSUPPORTED, -EOPNOTSUPP);
}

static int pointer_arg(struct env *env, u32 s, u32 n, u32 pointee, u32 tags)
{
	struct subprog *sub = &env->subprogs[s];
	const struct btf *btf = env->in->btf;
	s64 size;

	if (tags & TAG_CTX || is_context(env, btf, pointee)) {
		if (tags & ~(u32)TAG_CTX)
			return wrong_tags(env, n);
		sub->args[n].type = ARG_PTR_TO_CTX;
		return tags & TAG_CTX ? tagged_context(env, n, pointee) : 0;
	}
	if (is_dynptr(btf, pointee))
		return tags ? wrong_tags(env, n) : unsupported(env, n, "dynptrs");
	if (tags & TAG_TRUSTED)
		return tags & TAG_NONNULL ? wrong_tags(env, n)
					  : unsupported(env, n, "trusted pointers");
	if (tags & TAG_UNTRUSTED) {
		if (tags & ~(u32)TAG_UNTRUSTED)
			return refuse(env, -EINVAL,
				      "arg#%u untrusted cannot be combined with any other tags\n",
				      n);
		return unsupported(env, n, "untrusted pointers");
	}
	if (tags & TAG_ARENA) {
		if (tags & ~(u32)TAG_ARENA)
			return refuse(env, -EINVAL,
				      "arg#%u arena cannot be combined with any other tags\n", n);
		return unsupported(env, n, "arenas");
	}
	if (!sub->global)
		return -EINVAL;
	if (tags & TAG_NULLABLE)
		return wrong_tags(env, n);
	size = btf_size(btf, pointee);
	if (size < 0 || size > UINT32_MAX) {
		const struct btf_type *t = btf_at(btf, btf_resolve(btf, pointee));

		return refuse(env, -EINVAL,
			      "arg#%u reference type('%s %s') size cannot be determined: %lld\n", n,
			      t ? btf_kind_name(btf_type_kind(t)) : "?",
			      t ? btf_string(btf, t->name_off) : "", (long long)size);
	}
	sub->args[n].type = ARG_PTR_TO_MEM | (tags & TAG_NONNULL ? 0 : PTR_MAYBE_NULL);
	sub->args[n].mem_size = (u32)size;
	return 0;
}

static int one_arg(struct env *env, u32 s, u32 n, u32 type)
{
	struct subprog *sub = &env->subprogs[s];
	const struct btf *btf = env->in->btf;
	u32 id = btf_resolve(btf, type), kind;
	const struct btf_type *t = btf_at(btf, id);
	u32 tags;
	int err = tags_of(env, s, n, &tags);

	if (err)
		return err;
	kind = t ? btf_type_kind(t) : 0;
	if (kind == BTF_KIND_PTR)
		return pointer_arg(env, s, n, t->type, tags);
	if (tags)
		return refuse(env, -EINVAL, "arg#%u has pointer tag, but is not a pointer type\n",
			      n);
	if (kind == BTF_KIND_INT || kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64) {
		sub->args[n].type = ARG_ANYTHING;
		return 0;
	}
	if (!sub->global)
		return -EINVAL;
	return refuse(env, -EINVAL, "Arg#%u type %s in %s() is not supported yet.\n", n,
		      btf_kind_name(kind), sub->name);
}

int btf_prepare_args(struct env *env, u32 s)
{
	struct subprog *sub = &env->subprogs[s];
	const struct btf *btf = env->in->btf;
	const struct btf_type *proto;
	int err = 0;
	u32 n;

	if (sub->checked_args)
		return 0;
	if (!sub->btf_func)
		return -EINVAL;
	proto = btf_at(btf, btf_at(btf, sub->btf_func)->type);
	n = btf_type_vlen(proto);
	if (n > 5)
		return sub->global
			       ? refuse(env, -EINVAL,
					"Global function %s() with %u > %d args. Buggy compiler.\n",
					sub->name, n, 5)
			       : -EINVAL;
	if (!scalar_return(btf, btf_at(btf, sub->btf_func)))
		return sub->global
			       ? refuse(env, -EINVAL,
					"Global function %s() doesn't return scalar. Only those are supported.\n",
					sub->name)
			       : -EINVAL;
	for (u32 i = 0; !err && i < n; i++)
		err = one_arg(env, s, i, btf_param_at(btf, proto, i, NULL));
	if (err)
		return err;
	sub->nr_args = n;
	sub->checked_args = true;
	return 0;
}

/* Both reading and writing: the function was verified free to do either. */
static int memory_for_call(struct env *env, u32 regno, u32 size)
{
	struct reg_state *reg = &regs_of(env)[regno], saved = *reg;
	int err;

	if (reg_is_zero(reg))
		return 0;
	reg->type &= ~(u32)PTR_MAYBE_NULL;
	err = helper_memory(env, regno, size, true, false, NULL);
	err = err ?: helper_memory(env, regno, size, true, true, NULL);
	*reg = saved;
	return err;
}

static int call_arg(struct env *env, u32 regno, u32 type, u32 size)
{
	const struct reg_state *reg = &regs_of(env)[regno];
	int err;

	switch (type_base(type)) {
	case ARG_ANYTHING:
		if (reg->type == SCALAR_VALUE)
			return 0;
		say_error(env, "R%u is not a scalar\n", regno);
		return because_reg(env, REASON_CALL_ARGS, regno, -EINVAL);
	case ARG_PTR_TO_CTX:
		err = helper_offset(env, regno, ARG_DONTCARE);
		if (err)
			return err;
		if (reg->type == PTR_TO_CTX)
			return 0;
		say_error(env, "arg#%u expects pointer to ctx\n", regno - 1);
		return because_reg(env, REASON_CALL_ARGS, regno, -EINVAL);
	}
	err = helper_offset(env, regno, ARG_DONTCARE);
	if (err)
		return err;
	if (memory_for_call(env, regno, size))
		return because_reg(env, REASON_CALL_ARGS, regno, -EINVAL);
	if (!(type & PTR_MAYBE_NULL) && (reg->type & PTR_MAYBE_NULL || reg_is_zero(reg))) {
		say_error(env, "arg#%u is expected to be non-NULL\n", regno - 1);
		return because_reg(env, REASON_CALL_ARGS, regno, -EINVAL);
	}
	if (reg->type == SCALAR_VALUE)
		precise_mark(env, reg);
	return 0;
}

int btf_call_args(struct env *env, u32 s)
{
	struct subprog *sub = &env->subprogs[s];
	int err = btf_prepare_args(env, s);

	for (u32 n = 0; !err && n < sub->nr_args; n++)
		err = call_arg(env, n + 1, sub->args[n].type, sub->args[n].mem_size);
	return err;
}
