/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verifier's door: a program and what surrounds it in, a verdict, a log and the fixed-up
 * instructions out. It knows no map, file or helper body: struct verify_env says what it may ask.
 */
#ifndef VERIFY_VERIFY_H
#define VERIFY_VERIFY_H

#include "btf/btf.h"
#include "def/uapi.h"
#include "util/log.h"

/* What the verifier must know of a map. */
struct verify_map {
	u32 id, type, key_size, value_size, max_entries, flags;
	char name[BPF_OBJ_NAME_LEN];
	const struct btf *btf; /* of the map, or NULL */
	u32 btf_key_type_id, btf_value_type_id;
	const void *frozen; /* whole contents of a frozen BPF_F_RDONLY_PROG array, or NULL */
	const struct verify_map *inner; /* map-in-map: the template */
	u64 addr;			/* what a LD_MAP_FD becomes (struct map *) */
	u64 value_addr;	   /* address of value 0 for LD_MAP_VALUE, 0 if the type has none */
	bool inline_array; /* plain array: lookups may be inlined to value_addr + index * stride */
	u32 value_stride;
};

enum verify_profile {
	VERIFY_LINUX, /* every helper, program and map type of 6.18 */
	VERIFY_SKEP,  /* and skep must be able to run it */
};

/* The user's log buffer: level bits 1 (trace), 2 (states), 4 (stats only), as bpf_attr.log_level. */
struct verify_log_opts {
	u32 level;
	char *buf; /* NULL: none */
	u32 size;
	u32 true_size; /* out: bytes a large enough buffer had needed */
};

struct verify_env {
	const struct bpf_insn *insns;
	u32 insn_count;
	u32 prog_type, expected_attach_type, prog_flags;
	bool gpl_compatible;
	u32 nr_cpus;			     /* bpf_get_smp_processor_id() is below; 0: not known */
	const struct btf *btf, *vmlinux_btf; /* either may be NULL */
	u32 attach_btf_id;
	const struct bpf_func_info *func_info; /* as given, records already cut to this size */
	u32 func_info_count;
	const struct bpf_line_info *line_info;
	u32 line_info_count;
	u32 func_size, line_size; /* of the records as the caller has them, 0: as here */
	u32 func_tail, line_tail; /* 1 + the first record with more than zeros behind, 0: none */
	enum verify_profile profile;
	struct verify_log_opts log;

	void *arg;
	/* The map behind fd (LD_MAP_FD) or fd_array[index]: fills *out, which stays valid until verify_free(); -EBADF, -EINVAL. */
	int (*map)(void *arg, s32 fd_or_index, bool index, const struct verify_map **out);
	/* Whether skep has a body for this helper (profile skep). */
	bool (*helper_runs)(void *arg, u32 helper);
};

struct verify_subprog {
	u32 start;	 /* first instruction, in xlated */
	u32 stack_depth; /* bytes, multiple of 8 */
	bool has_tail_call, is_callback;
};

struct verify_result {
	/* after an accepted run: fixed-up program, raw form; LD_MAP_* keep src and carry addresses */
	struct bpf_insn *xlated;
	u32 xlated_count;
	struct verify_subprog *subprogs;
	u32 subprog_count;
	const struct verify_map **maps;
	u32 map_count;
	struct bpf_line_info *line_info; /* insn_off adjusted */
	u32 line_info_count;
	u32 *func_starts;
	u32 *from; /* ORACLE builds: verify/belief.h; NULL in others, as is beliefs */
	struct beliefs *beliefs;

	/* always */
	u32 processed, total_states, peak_states, max_states_per_insn, mark_read;
	u32 stack_depth;    /* of the deepest call chain, bytes */
	u32 max_ctx_offset; /* end of the last byte of the context that the program may touch */
	u32 max_rdonly_access,
		max_rdwr_access; /* bytes of PTR_TO_BUF arguments the program may touch */
	u64 time_ns, peak_memory;
	struct verify_reason *reason; /* why it was rejected, NULL if accepted; verify/reason.h */
};

/* 0, or -errno as bpf(BPF_PROG_LOAD) returns it. *out is set in both cases (NULL only on -ENOMEM); verify_free() it. */
int verify_prog(struct verify_env *env, struct verify_result **out);
void verify_free(struct verify_result *result);

#endif
