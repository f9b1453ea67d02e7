/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls of helpers: may this program call it, do the arguments fit, what is in r0 afterwards. */
#include <errno.h>
#include <string.h>

#include "verify/env.h"

#ifndef ENOTSUPP
#define ENOTSUPP 524
#endif

/* Maps that only certain helpers take, and helpers that only take certain maps: a pair that is in one
 * of the columns must be a row. */
static const struct pair {
	u16 map, helper;
} map_helpers[] = {
#define ROW(map, helper) { BPF_MAP_TYPE_##map, BPF_FUNC_##helper },
	ROW(PROG_ARRAY, tail_call) ROW(PERF_EVENT_ARRAY, perf_event_read) ROW(PERF_EVENT_ARRAY, perf_event_output) ROW(PERF_EVENT_ARRAY, skb_output) ROW(
		PERF_EVENT_ARRAY,
		perf_event_read_value) ROW(PERF_EVENT_ARRAY,
					   xdp_output) ROW(RINGBUF,
							   ringbuf_output) ROW(RINGBUF,
									       ringbuf_reserve) ROW(RINGBUF,
												    ringbuf_query)
		ROW(RINGBUF, ringbuf_reserve_dynptr) ROW(RINGBUF, ringbuf_submit_dynptr) ROW(RINGBUF, ringbuf_discard_dynptr) ROW(USER_RINGBUF, user_ringbuf_drain) ROW(
			STACK_TRACE,
			get_stackid) ROW(CGROUP_ARRAY,
					 skb_under_cgroup) ROW(CGROUP_ARRAY,
							       current_task_under_cgroup) ROW(CGROUP_STORAGE,
											      get_local_storage) ROW(PERCPU_CGROUP_STORAGE,
														     get_local_storage)
			ROW(DEVMAP, redirect_map) ROW(DEVMAP, map_lookup_elem) ROW(DEVMAP_HASH, redirect_map) ROW(
				DEVMAP_HASH,
				map_lookup_elem) ROW(CPUMAP,
						     redirect_map) ROW(XSKMAP,
								       redirect_map) ROW(XSKMAP,
											 map_lookup_elem) ROW(ARRAY_OF_MAPS,
													      map_lookup_elem)
				ROW(HASH_OF_MAPS, map_lookup_elem) ROW(SOCKMAP, sk_redirect_map) ROW(SOCKMAP, sock_map_update) ROW(
					SOCKMAP,
					msg_redirect_map) ROW(SOCKMAP,
							      sk_select_reuseport) ROW(SOCKMAP,
										       map_lookup_elem) ROW(SOCKMAP, map_update_elem)
					ROW(SOCKMAP, map_delete_elem) ROW(SOCKHASH, sk_redirect_hash) ROW(
						SOCKHASH,
						sock_hash_update) ROW(SOCKHASH,
								      msg_redirect_hash) ROW(SOCKHASH, sk_select_reuseport)
						ROW(SOCKHASH, map_lookup_elem) ROW(SOCKHASH, map_update_elem) ROW(
							SOCKHASH,
							map_delete_elem) ROW(REUSEPORT_SOCKARRAY,
									     sk_select_reuseport) ROW(QUEUE,
												      map_peek_elem) ROW(QUEUE,
															 map_pop_elem)
							ROW(QUEUE, map_push_elem) ROW(STACK, map_peek_elem) ROW(
								STACK,
								map_pop_elem) ROW(STACK,
										  map_push_elem) ROW(BLOOM_FILTER,
												     map_peek_elem)
								ROW(BLOOM_FILTER, map_push_elem) ROW(SK_STORAGE, sk_storage_get) ROW(
									SK_STORAGE,
									sk_storage_delete) ROW(SK_STORAGE,
											       kptr_xchg) ROW(INODE_STORAGE,
													      inode_storage_get)
									ROW(INODE_STORAGE, inode_storage_delete) ROW(
										INODE_STORAGE,
										kptr_xchg) ROW(TASK_STORAGE,
											       task_storage_get)
										ROW(TASK_STORAGE, task_storage_delete) ROW(
											TASK_STORAGE,
											kptr_xchg) ROW(CGRP_STORAGE,
												       cgrp_storage_get)
											ROW(CGRP_STORAGE, cgrp_storage_delete) ROW(
												CGRP_STORAGE,
												kptr_xchg) ROW(PERCPU_ARRAY,
													       map_lookup_percpu_elem)
												ROW(PERCPU_HASH,
												    map_lookup_percpu_elem)
													ROW(LRU_PERCPU_HASH,
													    map_lookup_percpu_elem)
#undef ROW
};

/* These name the map in rows, but are for other helpers or maps too. */
static bool map_is_open(u32 type)
{
	return type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static bool helper_is_open(u32 number)
{
	return number == BPF_FUNC_map_lookup_elem || number == BPF_FUNC_map_update_elem ||
	       number == BPF_FUNC_map_delete_elem || number == BPF_FUNC_kptr_xchg;
}

/* Program types that may change socket maps themselves. */
static bool updates_sockmaps(u32 type, u32 number, u32 attach)
{
	if (number == BPF_FUNC_map_lookup_elem)
		return true;
	switch (type) {
	case BPF_PROG_TYPE_TRACING: return attach == BPF_TRACE_ITER;
	case BPF_PROG_TYPE_SOCK_OPS: return number == BPF_FUNC_map_delete_elem;
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_XDP:
	case BPF_PROG_TYPE_SK_REUSEPORT:
	case BPF_PROG_TYPE_FLOW_DISSECTOR:
	case BPF_PROG_TYPE_SK_LOOKUP: return true;
	}
	return false;
}

int map_helper_match(struct env *env, const struct verify_map *map, u32 number)
{
	bool map_known = false, helper_known = false;

	if (!map)
		return 0;
	for (u32 i = 0; i < ARRAY_SIZE(map_helpers); i++) {
		bool is_map = map_helpers[i].map == map->type,
		     is_helper = map_helpers[i].helper == number;

		if (is_map && is_helper) {
			if ((map->type == BPF_MAP_TYPE_SOCKMAP ||
			     map->type == BPF_MAP_TYPE_SOCKHASH) &&
			    helper_is_open(number) &&
			    !updates_sockmaps(env->prog_type, number,
					      env->in->expected_attach_type))
				break;
			return 0;
		}
		map_known |= is_map && !map_is_open(map->type);
		helper_known |= is_helper && !helper_is_open(number);
	}
	if (!map_known && !helper_known)
		return 0;
	say_error(env, "cannot pass map_type %u into func %s#%u\n", map->type, helper_name(number),
		  number);
	return because(env, REASON_ARG_TYPE, -EINVAL);
}

bool helper_calls_back_now(u32 number)
{
	return number == BPF_FUNC_for_each_map_elem || number == BPF_FUNC_find_vma ||
	       number == BPF_FUNC_loop || number == BPF_FUNC_user_ringbuf_drain;
}

bool helper_calls_back(u32 number)
{
	return helper_calls_back_now(number) || number == BPF_FUNC_timer_set_callback;
}

static bool acquires(u32 number, const struct verify_map *map)
{
	if (number == BPF_FUNC_sk_lookup_tcp || number == BPF_FUNC_sk_lookup_udp ||
	    number == BPF_FUNC_skc_lookup_tcp || number == BPF_FUNC_ringbuf_reserve ||
	    number == BPF_FUNC_kptr_xchg)
		return true;
	return number == BPF_FUNC_map_lookup_elem && map &&
	       (map->type == BPF_MAP_TYPE_SOCKMAP || map->type == BPF_MAP_TYPE_SOCKHASH);
}

static bool casts(u32 number)
{
	return number == BPF_FUNC_tcp_sock || number == BPF_FUNC_sk_fullsock ||
	       number == BPF_FUNC_skc_to_tcp_sock || number == BPF_FUNC_skc_to_tcp6_sock ||
	       number == BPF_FUNC_skc_to_udp6_sock || number == BPF_FUNC_skc_to_mptcp_sock ||
	       number == BPF_FUNC_skc_to_tcp_timewait_sock ||
	       number == BPF_FUNC_skc_to_tcp_request_sock;
}

/* Helpers after which packet pointers may point elsewhere. */
bool helper_moves_packet(u32 number)
{
	switch (number) {
	case BPF_FUNC_clone_redirect:
	case BPF_FUNC_l3_csum_replace:
	case BPF_FUNC_l4_csum_replace:
	case BPF_FUNC_lwt_push_encap:
	case BPF_FUNC_lwt_seg6_action:
	case BPF_FUNC_lwt_seg6_adjust_srh:
	case BPF_FUNC_lwt_seg6_store_bytes:
	case BPF_FUNC_msg_pop_data:
	case BPF_FUNC_msg_pull_data:
	case BPF_FUNC_msg_push_data:
	case BPF_FUNC_skb_adjust_room:
	case BPF_FUNC_skb_change_head:
	case BPF_FUNC_skb_change_proto:
	case BPF_FUNC_skb_change_tail:
	case BPF_FUNC_skb_pull_data:
	case BPF_FUNC_skb_store_bytes:
	case BPF_FUNC_skb_vlan_pop:
	case BPF_FUNC_skb_vlan_push:
	case BPF_FUNC_store_hdr_opt:
	case BPF_FUNC_xdp_adjust_head:
	case BPF_FUNC_xdp_adjust_meta:
	case BPF_FUNC_xdp_adjust_tail:
	case BPF_FUNC_tail_call: return true;
	}
	return false;
}

static int may_call(struct env *env, const struct helper_proto *p, u32 number)
{
	const char *name = helper_name(number);

	if (!name) {
		say_error(env, "invalid func unknown#%d\n", (s32)number);
		return because(env, number == 195896080 ? REASON_CORE_POISON : REASON_HELPER,
			       -EINVAL);
	}
	if (!p) {
		say_error(env, "program of this type cannot use helper %s#%u\n", name, number);
		return because(env, REASON_HELPER, -EINVAL);
	}
	if (p->gpl_only && !env->in->gpl_compatible) {
		say_error(env,
			  "cannot call GPL-restricted function from non-GPL compatible program\n");
		return because(env, REASON_HELPER, -EINVAL);
	}
	if (p->might_sleep && !(env->in->prog_flags & BPF_F_SLEEPABLE)) {
		say_error(env, "helper call might sleep in a non-sleepable prog\n");
		return because(env, REASON_HELPER, -EINVAL);
	}
	if (env->in->profile == VERIFY_SKEP && env->in->helper_runs &&
	    !env->in->helper_runs(env->in->arg, number)) {
		say_error(env, "helper %s#%u is not available in skep\n", name, number);
		return because(env, REASON_HELPER, -EINVAL);
	}
	return 0;
}

/* The map a call is always given is known to the fix-ups; two maps: none. */
static void note_map(struct env *env, const struct verify_map *map, u32 insn)
{
	struct insn_aux *aux = &env->aux[insn];
	u16 index = 0;

	for (u32 i = 0; map && i < env->nr_maps; i++)
		if (env->maps[i] == map)
			index = (u16)(i + 1);
	if (!index || (aux->map && aux->map != index))
		aux->flags |= AUX_MAP_POISON;
	aux->map = index;
}

static int release(struct env *env, struct call *call)
{
	int err = -EINVAL;

	if (!call->release_reg)
		return 0;
	if (call->ref_obj_id)
		err = ref_release(env, call->ref_obj_id);
	else if (reg_is_zero(&regs_of(env)[call->release_reg]))
		err = 0;
	if (err) {
		say_error(env, "func %s#%u reference has not been acquired before\n",
			  helper_name(call->number), call->number);
		return because(env, REASON_REFERENCE, err);
	}
	return 0;
}

/* Rules of single helpers. */
static int special_helper(struct env *env, struct call *call, u32 *next)
{
	struct reg_state *regs = regs_of(env);
	int err = 0;

	switch (call->number) {
	case BPF_FUNC_tail_call:
		if (env->cur->locks)
			return refuse(env, -EINVAL,
				      "tail_call cannot be used inside bpf_spin_lock-ed region\n");
		err = ref_leak(env, true);
		if (err)
			return refuse(env, err, "tail_call would lead to reference leak\n");
		break;
	case BPF_FUNC_get_local_storage:
		if (!reg_is_zero(&regs[2]))
			return refuse(env, -EINVAL,
				      "get_local_storage() doesn't support non-zero flags\n");
		precise_mark(env, &regs[2]);
		break;
	case BPF_FUNC_snprintf: return format_check(env, &regs[3], &regs[5]);
	case BPF_FUNC_loop:
		if (regs[1].type != SCALAR_VALUE) /* Linux has no other word for it */
			return refuse(env, -EFAULT, "verifier bug: backtracking misuse\n");
		precise_mark(env, &regs[1]);
		if (frame_of(env)->callback_depth < regs[1].umax)
			err = callback_enter(env, call, next);
		else
			frame_of(env)->callback_depth = 0;
		break;
	case BPF_FUNC_for_each_map_elem:
	case BPF_FUNC_timer_set_callback:
	case BPF_FUNC_find_vma:
	case BPF_FUNC_user_ringbuf_drain: err = callback_enter(env, call, next); break;
	}
	return err;
}

static void clobber(struct env *env)
{
	struct reg_state *regs = regs_of(env);

	for (u32 r = 0; r <= 5; r++) {
		reg_not_init(&regs[r]);
		reg_origin(env, &regs[r], ORIGIN_CLOBBER);
	}
	env->scratched_regs |= 0x3f;
}

static void refine_result(struct env *env, const struct call *call)
{
	struct reg_state *r0 = &regs_of(env)[0];

	switch (call->number) {
	case BPF_FUNC_get_stack:
	case BPF_FUNC_get_task_stack:
	case BPF_FUNC_probe_read_str:
	case BPF_FUNC_probe_read_kernel_str:
	case BPF_FUNC_probe_read_user_str:
		r0->smax = (s64)call->msize_max;
		r0->s32_max = (s32)call->msize_max;
		r0->smin = r0->s32_min = -4095;
		reg_sync(r0);
		break;
	case BPF_FUNC_get_smp_processor_id:
		if (!env->in->nr_cpus)
			break;
		r0->umin = r0->u32_min = 0;
		r0->smin = r0->s32_min = 0;
		r0->umax = r0->u32_max = env->in->nr_cpus - 1;
		r0->smax = r0->s32_max = (s32)env->in->nr_cpus - 1;
		reg_sync(r0);
		break;
	}
}

static int result(struct env *env, const struct call *call)
{
	struct reg_state *r0 = &regs_of(env)[0];
	u32 ret = call->proto->ret, flags = type_flags(ret);

	switch (type_base(ret)) {
	case RET_VOID: return 0;
	case RET_INTEGER:
		reg_unknown(env, r0);
		refine_result(env, call);
		return 0;
	case RET_PTR_TO_MAP_VALUE:
		if (!call->map)
			return refuse(env, -EINVAL, "kernel subsystem misconfigured verifier\n");
		if (call->number == BPF_FUNC_map_lookup_elem && call->key_known &&
		    call->key < call->map->max_entries)
			flags &= ~(u32)PTR_MAYBE_NULL;
		reg_pointer(r0, PTR_TO_MAP_VALUE | flags);
		r0->map = call->map;
		r0->map_uid = call->map_uid;
		if (!(flags & PTR_MAYBE_NULL) && map_field(env, call->map, BTF_SPIN_LOCK))
			r0->id = ++env->id_gen;
		return 0;
	case RET_PTR_TO_SOCKET: reg_pointer(r0, PTR_TO_SOCKET | flags); return 0;
	case RET_PTR_TO_SOCK_COMMON: reg_pointer(r0, PTR_TO_SOCK_COMMON | flags); return 0;
	case RET_PTR_TO_TCP_SOCK: reg_pointer(r0, PTR_TO_TCP_SOCK | flags); return 0;
	case RET_PTR_TO_MEM:
		if (call->number == BPF_FUNC_dynptr_data)
			break;
		reg_pointer(r0, PTR_TO_MEM | flags);
		r0->mem_size = call->mem_size;
		return 0;
	}
	return kernel_result(env, call->proto->ret_btf, PTR_TO_BTF_ID | flags, r0);
}

static int references(struct env *env, const struct call *call)
{
	struct reg_state *r0 = &regs_of(env)[0];
	int id;

	if (r0->type & PTR_MAYBE_NULL)
		r0->id = ++env->id_gen;
	if (casts(call->number)) {
		r0->ref_obj_id = call->ref_obj_id;
	} else if (acquires(call->number, call->map)) {
		id = ref_acquire(env, call->insn);
		if (id < 0)
			return id;
		r0->id = r0->ref_obj_id = (u32)id;
	}
	return 0;
}

/*
 * One that fails goes on here, and nothing has happened. One that is taken ends this function: for the program that is
 * all, but a function's caller goes on with whatever the other program returned, and the packet may have moved.
 */
static int tail_call(struct env *env, u32 *next)
{
	if (!env->cur->curframe)
		return 0;
	if (!path_push(env, env->insn_idx + 1, env->insn_idx))
		return path_overflow(env, -EFAULT, "");
	packet_pointers_drop(env);
	reg_unknown(env, &regs_of(env)[0]);
	reg_origin(env, &regs_of(env)[0], ORIGIN_CALL);
	return leave_function(env, next);
}

int helper_insn(struct env *env, const struct insn *i, u32 *next)
{
	u32 number = (u32)i->imm;
	struct call call = { .number = number, .insn = env->insn_idx };
	int err;

	call.proto = helper_proto(number, env->prog_type, env->in->expected_attach_type);
	err = may_call(env, call.proto, number);
	for (u32 n = 0; !err && n < 5; n++)
		err = helper_arg(env, &call, n);
	if (err)
		return err;
	note_map(env, call.map, env->insn_idx);
	if (number == BPF_FUNC_tail_call &&
	    (!call.map || call.map->type != BPF_MAP_TYPE_PROG_ARRAY)) {
		say_error(env, "expected prog array map for tail call");
		return because(env, REASON_ARG_TYPE, -EINVAL);
	}
	if (call.fill_reg)
		stack_fill(env, call.fill_reg - 1, regs_of(env)[call.fill_reg - 1].off,
			   call.fill_size);
	err = release(env, &call);
	err = err ?: special_helper(env, &call, next);
	if (err)
		return err;
	clobber(env);
	err = result(env, &call);
	reg_origin(env, &regs_of(env)[0], ORIGIN_CALL);
	err = err ?: references(env, &call);
	err = err ?: map_helper_match(env, call.map, number);
	if (!err && number == BPF_FUNC_get_func_ip && env->prog_type != BPF_PROG_TYPE_KPROBE &&
	    env->prog_type != BPF_PROG_TYPE_TRACING)
		return refuse(env, -ENOTSUPP, "func %s#%u not supported for program type %u\n",
			      helper_name(number), number, env->prog_type);
	if (!err && number == BPF_FUNC_tail_call)
		return tail_call(env, next);
	if (!err && helper_moves_packet(number))
		packet_pointers_drop(env);
	return err;
}
