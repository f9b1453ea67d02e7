/* SPDX-License-Identifier: BSD-2-Clause */
/* The doors of the verifier's files to one another; included by env.h alone. */
#ifndef VERIFY_PARTS_H
#define VERIFY_PARTS_H

#include "btf/btf.h"
#include "verify/fastcall.h"
#include "verify/live.h"
#include "verify/precision.h"

/* verify.c: one verification from the attributes to the verdict; *out is NULL only without memory. */
int verify_begin(struct env **out, struct verify_env *in);
int verify_passes(struct env *env);
void verify_end(struct env *env);

/* because.c: notes for struct verify_reason; the functions return err. */
int because(struct env *env, enum reason_kind kind, int err);
int because_reg(struct env *env, enum reason_kind kind, u32 regno, int err);
void because_access(struct env *env, s64 off, s64 size, s64 limit);
void because_fill(struct env *env, int err);
void log_insn_text(struct env *env, u32 index, char *buf, size_t size);

/* access.c */
struct mem_op {
	u32 regno, size; /* the pointer; 1, 2, 4, 8 */
	s32 off, value;	 /* instruction's offset; register loaded or stored, -1: none */
	bool write, sign, strict;
};
int mem_access(struct env *env, const struct mem_op *op);
int mem_region(struct env *env, u32 regno, s32 off, u32 size, u32 limit, bool zero_ok);
int map_access(struct env *env, u32 regno, s32 off, u32 size, bool zero_ok);
int map_access_kind(struct env *env, u32 regno, s32 off, u32 size, bool write);
int packet_access(struct env *env, u32 regno, s32 off, u32 size, bool zero_ok);

/* memory.c: the instructions that load and store */
int load_insn(struct env *env, const struct insn *i);
int store_insn(struct env *env, const struct insn *i);
int atomic_insn(struct env *env, const struct insn *i);
int wide_insn(struct env *env, const struct insn *i);
int packet_load_insn(struct env *env, const struct insn *i, u32 *next);

/* stack.c: offsets include reg->off, not the variable part */
int stack_bounds(struct env *env, u32 regno, s32 off, u32 size, bool write);
int stack_load(struct env *env, u32 regno, s32 off, u32 size, s32 dst);
int stack_store(struct env *env, u32 regno, s32 off, u32 size, s32 value, u32 insn);
int stack_range(struct env *env, u32 regno, s32 off, u32 size, bool zero_ok, bool write);
int stack_fill(struct env *env, u32 regno, s32 off, u32 size);
/* Whether the size bytes at a fixed stack pointer are one known number; it counts as needed then. */
bool stack_const(struct env *env, u32 regno, u32 size, u64 *value);
void slot_scrub(struct stack_slot *slot);
void scalar_give_id(struct env *env, struct reg_state *reg);

/* context.c */
/* *value is what a load yields, but for the id of what may be NULL. */
int context_access(struct env *env, s32 off, u32 size, bool write, bool sign,
		   struct reg_state *value);
bool ctx_fixed_offset_ok(struct env *env);
bool ctx_packet_writable(struct env *env);
bool ctx_packet_access(struct env *env);
int return_value(struct env *env);
int return_in_range(struct env *env, const struct reg_state *r0, s32 lo, s32 hi, const char *where);

/* alu.c, jump.c */
int alu_insn(struct env *env, const struct insn *i);
int jump_insn(struct env *env, const struct insn *i, u32 *next);
void null_resolve(struct env *env, struct state *s, u32 id, u32 ref_obj_id, bool is_null);
void pointer_not_null(struct env *env, struct reg_state *reg);

/* maps.c */
struct map_fields {
	u32 count;
	struct btf_special_field field[BTF_MAX_FIELDS];
};
const struct map_fields *map_fields(struct env *env, const struct verify_map *map);
const struct btf_special_field *map_field(struct env *env, const struct verify_map *map, u32 kind);
const char *special_name(u32 kind);
int resolve_wide(struct env *env);
void maps_free(struct env *env);

/* ref.c */
int ref_acquire(struct env *env, u32 insn); /* id > 0 or -ENOMEM */
bool ref_drop(struct state *s, u32 id);
int ref_release(struct env *env, u32 id); /* and every register that holds it */
int ref_leak(struct env *env, bool at_exit);
int lock_take(struct env *env, u32 regno, bool lock);
void packet_pointers_drop(struct env *env);

/* call.c, helper.c, helper_args.c */
int helper_insn(struct env *env, const struct insn *i, u32 *next);
int call_insn(struct env *env, const struct insn *i, u32 *next);
int exit_insn(struct env *env, u32 *next, bool *done);
int leave_function(struct env *env, u32 *next);
bool helper_calls_back(u32 number);
bool helper_calls_back_now(u32 number);
struct call {
	const struct helper_proto *proto;
	u32 number, insn;
	const struct verify_map *map;
	u32 map_uid, map_reg;
	u32 ref_obj_id, release_reg;
	u32 mem_size;		 /* of an allocated-memory result */
	u32 fill_reg, fill_size; /* memory the helper fills: register + 1 */
	u32 subprog;
	bool raw, key_known;
	u64 key; /* of a lookup in an array, if it is known */
	u64 msize_max;
};
int helper_arg(struct env *env, struct call *call, u32 n);
int helper_offset(struct env *env, u32 regno,
		  u32 arg); /* the pointer is not moved where nothing says how far */
int helper_memory(struct env *env, u32 regno, u32 size, bool zero_ok, bool write,
		  struct call *call);
int callback_enter(struct env *env, struct call *call, u32 *next);
int map_helper_match(struct env *env, const struct verify_map *map, u32 number);
bool helper_moves_packet(u32 number);
/* format.c: bpf_snprintf's format, with so many bytes of arguments */
int format_check(struct env *env, const struct reg_state *format, const struct reg_state *size);

/* cfg.c */
int cfg_subprogs(struct env *env); /* finds them, checks jumps stay inside */
int cfg_check(struct env *env);	   /* reachable, no jump out; prune points, postorder */
u32 cfg_successors(const struct env *env, u32 insn, u32 next[2]);
bool cfg_falls_into(const struct env *env, u32 insn);
u32 cfg_before(const struct env *env,
	       u32 insn); /* index of the instruction that ends before insn */
s32 cfg_subprog_at(const struct env *env, u32 start);
u32 cfg_subprog_of(const struct env *env, u32 insn);
int cfg_points(struct env *env); /* blocks and what jumps to them; frees postorder */
void cfg_free(struct env *env);
int cfg_loops(struct env *env,
	      u32 *loops); /* loops[i]: number of the loop that instruction i is in, 0: none */
int check_stack_depth(struct env *env);

/* btfinfo.c */
int btf_info_early(struct env *env);
int btf_info(struct env *env);
int btf_prepare_args(struct env *env, u32 subprog);
int btf_call_args(struct env *env, u32 subprog);

/* prune.c */
int prune_visit(struct env *env); /* 1: a like state is known safe */
void path_end(struct env *env);	  /* counts down unfinished paths */
void states_drop(struct env *env);
/* Scalars of s that changed since the loop at insn was entered (above depth) are forgotten, so that it converges. */
void widen_against(struct env *env, struct state *s, u32 insn, u32 depth);

/* walk.c */
struct state *path_push(struct env *env, u32 insn, u32 prev);
int path_overflow(struct env *env, int err, const char *whose);
int walk_all(struct env *env);
void walk_drop(struct env *env);

int fix_up(struct env *env); /* fixup.c */

#endif
