/* SPDX-License-Identifier: BSD-2-Clause */
/* The instructions that load and store: which registers they read, and what they ask of access.c. */
#include <errno.h>

#include "verify/env.h"

static u32 size_of(const struct insn *i)
{
	switch (BPF_SIZE(i->code)) {
	case BPF_B: return 1;
	case BPF_H: return 2;
	case BPF_W: return 4;
	default: return 8;
	}
}

/* Fix-ups rewrite an instruction for one kind of pointer, so it must be of that kind on every path. */
static bool kind_matters(u32 type)
{
	switch (type_base(type)) {
	case PTR_TO_CTX:
	case PTR_TO_SOCKET:
	case PTR_TO_SOCK_COMMON:
	case PTR_TO_TCP_SOCK:
	case PTR_TO_XDP_SOCK:
	case PTR_TO_BTF_ID:
	case PTR_TO_ARENA: return true;
	case PTR_TO_MEM: return type & PTR_UNTRUSTED;
	}
	return false;
}

static int note_kind(struct env *env, u32 type, bool load)
{
	u32 *prev = &aux_of(env)->ptr_type;

	if (*prev == NOT_INIT)
		*prev = type;
	else if (load && kernel_probes(*prev) && kernel_probes(type))
		return 0; /* trusted on one path or not: read blindly either way */
	else if (*prev != type && (kind_matters(*prev) || kind_matters(type)))
		return refuse(env, -EINVAL, "same insn cannot be used with different pointers\n");
	return 0;
}

static bool atomic_allowed(u32 type)
{
	u32 base = type_base(type);

	return base != PTR_TO_CTX && base != PTR_TO_PACKET && base != PTR_TO_PACKET_META &&
	       base != PTR_TO_FLOW_KEYS && base != PTR_TO_SOCKET && base != PTR_TO_SOCK_COMMON &&
	       base != PTR_TO_TCP_SOCK && base != PTR_TO_XDP_SOCK;
}

static int atomic_refused(struct env *env, u32 regno, const char *what)
{
	char type[64];

	say_error(env, "BPF_ATOMIC %s R%u %s is not allowed\n", what, regno,
		  log_type(regs_of(env)[regno].type, type));
	return because_reg(env, REASON_OTHER, regno, -EACCES);
}

/* ordered: as an atomic instruction, which not every kind of memory allows. */
static int load(struct env *env, const struct insn *i, bool ordered)
{
	struct mem_op op = { .regno = i->src,
			     .size = size_of(i),
			     .off = i->off,
			     .value = i->dst,
			     .sign = BPF_MODE(i->code) == BPF_MEMSX,
			     .strict = ordered };
	struct reg_state ptr;
	int err = reg_read(env, i->src);
	u32 type;

	err = err ?: reg_write(env, i->dst);
	if (err)
		return err;
	type = regs_of(env)[i->src].type;
	ptr = regs_of(env)[i->src]; /* the load may overwrite it */
	err = mem_access(env, &op);
	if (!err && ordered && (!atomic_allowed(type) || kernel_probes(type))) {
		regs_of(env)[i->src] = ptr;
		return atomic_refused(env, i->src, "loads from");
	}
	return err ?: note_kind(env, type, !ordered);
}

static int store(struct env *env, const struct insn *i, bool ordered)
{
	bool reg = BPF_CLASS(i->code) == BPF_STX;
	struct mem_op op = { .regno = i->dst,
			     .size = size_of(i),
			     .off = i->off,
			     .value = reg ? i->src : -1,
			     .write = true,
			     .strict = ordered };
	int err = reg ? reg_read(env, i->src) : 0;
	u32 type;

	err = err ?: reg_read(env, i->dst);
	if (err)
		return err;
	type = regs_of(env)[i->dst].type;
	err = mem_access(env, &op);
	if (!err && ordered && !atomic_allowed(type))
		return atomic_refused(env, i->dst, "stores into");
	return err ?: note_kind(env, type, false);
}

int load_insn(struct env *env, const struct insn *i)
{
	return load(env, i, false);
}

int store_insn(struct env *env, const struct insn *i)
{
	return store(env, i, false);
}

/* Read, modify, write: judged as a load (into the register that gets the old value) and a store. */
static int modify(struct env *env, const struct insn *i)
{
	struct mem_op op = {
		.regno = i->dst, .size = size_of(i), .off = i->off, .value = -1, .strict = true
	};
	s32 old = -1;
	u32 type;
	int err = reg_read(env, i->src);

	err = err ?: reg_read(env, i->dst);
	if (!err && i->imm == BPF_CMPXCHG)
		err = reg_read(env, 0);
	if (err)
		return err;
	type = regs_of(env)[i->dst].type;
	if (!atomic_allowed(type))
		return atomic_refused(env, i->dst, "stores into");
	if (i->imm & BPF_FETCH)
		old = i->imm == BPF_CMPXCHG ? 0 : i->src;
	if (old >= 0) {
		err = reg_write(env, (u32)old);
		if (err)
			return err;
		/* gone before the address is judged: the kernel refuses an address that is overwritten */
		reg_unknown(env, &regs_of(env)[old]);
		reg_origin(env, &regs_of(env)[old], ORIGIN_LOAD);
	}
	err = mem_access(env, &op);
	if (!err && old >= 0) {
		op.value = old;
		err = mem_access(env, &op);
		op.value = -1;
	}
	err = err ?: note_kind(env, type, false);
	if (err)
		return err;
	op.write = true;
	return mem_access(env, &op);
}

int atomic_insn(struct env *env, const struct insn *i)
{
	if (i->imm == BPF_LOAD_ACQ)
		return load(env, i, true);
	if (i->imm == BPF_STORE_REL)
		return store(env, i, true);
	return modify(env, i);
}

static int function_address(struct env *env, const struct insn *i, struct reg_state *dst)
{
	s32 s = cfg_subprog_at(env, env->insn_idx + 1 + (u32)i->imm);

	if (!env->in->func_info_count)
		return refuse(env, -EINVAL, "missing btf func_info\n");
	if (s < 0 || env->subprogs[s].global)
		return refuse(env, -EINVAL, "callback function not static\n");
	if (!s)
		return refuse(env, -EINVAL, "callback function cannot be the main program\n");
	reg_pointer(dst, PTR_TO_FUNC);
	dst->subprog = (u32)s;
	return 0;
}

int wide_insn(struct env *env, const struct insn *i)
{
	struct reg_state *dst = &regs_of(env)[i->dst];
	const struct insn_aux *aux = aux_of(env);
	int err = reg_write(env, i->dst);

	if (err)
		return err;
	if (i->op == OP_LD_IMM64) {
		reg_known(dst, insn_imm64(i));
		reg_origin(env, dst, ORIGIN_CONST);
		return 0;
	}
	if (i->op == OP_LD_FUNC) {
		err = function_address(env, i, dst);
	} else if (!aux->map) {
		err = refuse(env, -EINVAL,
			     "kernel variables are not supported by this verifier yet\n");
	} else {
		bool value = i->op == OP_LD_MAP_VALUE || i->op == OP_LD_MAP_IDX_VALUE;

		reg_pointer(dst, value ? PTR_TO_MAP_VALUE : CONST_PTR_TO_MAP);
		dst->map = env->maps[aux->map - 1];
		dst->off = value ? (s32)aux->map_off : 0;
	}
	if (!err)
		reg_origin(env, dst, ORIGIN_CONST);
	return err;
}

/* LD_ABS, LD_IND: r0 gets packet bytes, or the program (function) ends with 0. */
int packet_load_insn(struct env *env, const struct insn *i, u32 *next)
{
	struct reg_state *regs = regs_of(env);
	int err;

	if (!env->prog->ld_abs)
		return refuse(env, -EINVAL,
			      "BPF_LD_[ABS|IND] instructions not allowed for this program type\n");
	for (u32 f = env->cur->curframe; f; f--)
		if (env->cur->frame[f]->in_callback)
			return refuse(env, -EINVAL,
				      "cannot use BPF_LD_[ABS|IND] within callback\n");
	err = reg_read(env, 6);
	if (err)
		return err;
	err = ref_leak(env, false);
	if (err)
		return refuse(env, err, "BPF_LD_[ABS|IND] would lead to reference leak\n");
	if (env->cur->locks)
		return refuse(env, -EINVAL,
			      "BPF_LD_[ABS|IND] cannot be used inside bpf_spin_lock-ed region\n");
	if (regs[6].type != PTR_TO_CTX)
		return refuse(env, -EINVAL, "at the time of BPF_LD_ABS|IND R6 != pointer to skb\n");
	if (BPF_MODE(i->code) == BPF_IND)
		err = reg_read(env, i->src);
	err = err ?: reg_plain_offset(env, &regs[6], 6, false);
	if (err)
		return err;
	for (u32 r = 0; r <= 5; r++) {
		reg_not_init(&regs[r]);
		reg_origin(env, &regs[r], ORIGIN_CLOBBER);
	}
	env->scratched_regs |= 0x3f;
	reg_unknown(env, &regs[0]);
	reg_origin(env, &regs[0], ORIGIN_LOAD);
	if (!env->cur->curframe)
		return 0;
	/* Out of the packet, a function returns 0 to its caller: both ways are walked. */
	if (!path_push(env, env->insn_idx + 1, env->insn_idx))
		return path_overflow(env, -EFAULT, "");
	reg_known(&regs[0], 0);
	return leave_function(env, next);
}
