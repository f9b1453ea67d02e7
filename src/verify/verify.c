/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verifier as a list of passes. A verdict is only reached when every pass has said yes; every
 * pass tells the log why before it says no.
 */
#include "verify/verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "verify/env.h"

void *mem_alloc(struct env *env, size_t size)
{
	void *mem = malloc(size ? size : 1);

	if (!mem)
		return NULL;
	env->mem_now += size;
	if (env->mem_now > env->mem_peak)
		env->mem_peak = env->mem_now;
	return mem;
}

void *mem_zalloc(struct env *env, size_t size)
{
	void *mem = mem_alloc(env, size);

	if (mem)
		memset(mem, 0, size);
	return mem;
}

void *mem_grow(struct env *env, void *mem, size_t size, size_t bigger)
{
	void *grown = realloc(mem, bigger);

	if (!grown)
		return NULL;
	env->mem_now += bigger - size;
	if (env->mem_now > env->mem_peak)
		env->mem_peak = env->mem_now;
	return grown;
}

void mem_free(struct env *env, void *mem, size_t size)
{
	if (mem)
		env->mem_now -= size;
	free(mem);
}

static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000ull + (u64)t.tv_nsec;
}

enum { IDMAP_BYTES = 8 + 256 * 8 };

int verify_begin(struct env **out, struct verify_env *in)
{
	struct env *env = calloc(1, sizeof(*env));

	*out = env;
	if (!env)
		return -ENOMEM;
	env->in = in;
	env->out = calloc(1, sizeof(*env->out));
	env->raw = in->insns;
	env->count = in->insn_count;
	env->prog_type = in->prog_type;
	env->prog = prog_info(in->prog_type);
	env->log.on = in->log.level & 3;
	in->log.true_size = 0;
	if (!env->out)
		return -ENOMEM;
	env->insns = mem_alloc(env, env->count * sizeof(*env->insns));
	env->aux = mem_zalloc(env, env->count * sizeof(*env->aux));
	env->idmap = mem_zalloc(env, IDMAP_BYTES);
	if (!env->insns || !env->aux || !env->idmap)
		return -ENOMEM;
	insn_decode(env->raw, env->count, env->insns);
	return precision_new(env);
}

/* What the walk needed and nothing after it does. */
static void walk_free(struct env *env)
{
	walk_drop(env);
	state_drop_pool(env);
	live_free(env);
	precision_free(env);
}

void verify_end(struct env *env)
{
	u32 n = env->count;

	walk_free(env);
	maps_free(env);
	mem_free(env, env->insns, n * sizeof(*env->insns));
	mem_free(env, env->aux, n * sizeof(*env->aux));
	mem_free(env, env->idmap, IDMAP_BYTES);
	cfg_free(env);
	free(env->reason);
	free(env);
}

static int check_sleepable(struct env *env)
{
	bool wanted = env->in->prog_flags & BPF_F_SLEEPABLE;

	if (env->prog_type == BPF_PROG_TYPE_SYSCALL && !wanted)
		return refuse(env, -EINVAL, "Syscall programs can only be sleepable\n");
	if (env->prog_type != BPF_PROG_TYPE_SYSCALL && wanted && !env->prog->sleeps)
		return refuse(
			env, -EINVAL,
			"Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable\n");
	return 0;
}

int verify_passes(struct env *env)
{
	int err;

	if (!env->prog)
		return refuse(env, -EINVAL, "unknown program type %u\n", env->prog_type);
	err = btf_info_early(env);
	err = err ?: cfg_subprogs(env);
	err = err ?: btf_info(env);
	err = err ?: check_sleepable(env);
	err = err ?: kernel_target(env);
	err = err ?: resolve_wide(env);
	err = err ?: cfg_check(env);
	err = err ?: live_registers(env);
	err = err ?: live_log(env);
	err = err ?: fastcall_mark(env);
	err = err ?: cfg_points(env);
	err = err ?: walk_all(env);
	if (!err)
		fastcall_drop(env);
	err = err ?: check_stack_depth(env);
	return err;
}

static void statistics(struct env *env, u64 started)
{
	struct verify_result *out = env->out;

	out->time_ns = now_ns() - started;
	out->peak_memory = env->mem_peak;
	if (env->in->log.level & 4) {
		trace(env, "verification time %llu usec\n",
		      (unsigned long long)(out->time_ns / 1000));
		trace(env, "stack depth ");
		for (u32 s = 0; s < env->nr_subprogs;
		     s++) /* functions that no path enters are gone by now */
			if (!out->xlated || env->aux[env->subprogs[s].start].flags & AUX_SEEN)
				trace(env, "%s%u", s ? "+" : "",
				      env->subprogs[s].stack_depth + fastcall_extra(env, s));
		trace(env, "\n");
	}
	if (env->in->log.level)
		trace(env,
		      "processed %u insns (limit %d) max_states_per_insn %u total_states %u peak_states %u mark_read %u\n",
		      out->processed, MAX_PROCESSED, out->max_states_per_insn, out->total_states,
		      out->peak_states, out->mark_read);
}

static int take_maps(struct env *env)
{
	env->out->maps = calloc(env->nr_maps ? env->nr_maps : 1, sizeof(*env->out->maps));
	if (!env->out->maps)
		return -ENOMEM;
	memcpy(env->out->maps, env->maps, env->nr_maps * sizeof(*env->maps));
	env->out->map_count = env->nr_maps;
	return 0;
}

int verify_prog(struct verify_env *in, struct verify_result **out)
{
	u64 started = now_ns();
	struct env *env;
	int err, full;

	*out = NULL;
	if (!in->insn_count || in->insn_count > MAX_PROCESSED) {
		*out = calloc(1, sizeof(**out));
		return -E2BIG;
	}
	err = verify_begin(&env, in);
	if (!env)
		return -ENOMEM;
	err = err ?: verify_passes(env);
	if (env->out) {
		if (err)
			because_fill(env, err);
		walk_free(env);
		err = err ?: fix_up(env);
		err = err ?: take_maps(env);
		statistics(env, started);
		full = log_finish(env);
		if (full)
			err = full;
	}
	*out = env->out;
	verify_end(env);
	if (!err)
		err = beliefs_gather(in, *out);
	return err;
}

void verify_free(struct verify_result *result)
{
	if (!result)
		return;
	free(result->xlated);
	free(result->subprogs);
	free(result->maps);
	free(result->line_info);
	free(result->func_starts);
	free(result->from);
	beliefs_free(result->beliefs);
	free(result->reason);
	free(result);
}
