/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's iterators, from iter.def; tests/bpf/iter_def.c asks the running kernel for each argument. */
#ifndef DEF_ITER_H
#define DEF_ITER_H

#include "def/reg.h"
#include "util/types.h"

struct iter_arg {
	u32 number;	 /* from 0; the first is always struct bpf_iter_meta */
	u32 type;	 /* enum reg_type | flags; 0: no more */
	const char *btf; /* the struct, NULL for buffers */
};

struct iter_target {
	const char *name; /* "bpf_map_elem" */
	bool here;	  /* can be attached */
	struct iter_arg args[3];
};

/* NULL: no such target. */
const struct iter_target *iter_target(const char *name);
/* Of the kernel's function "bpf_iter_<name>", which programs name by its BTF id. */
const struct iter_target *iter_target_of(const char *function);
/* What is special about an argument, or NULL. */
const struct iter_arg *iter_argument(const struct iter_target *target, u32 number);
/* By number, for tests: NULL behind the last. */
const struct iter_target *iter_target_at(u32 n);

#endif
