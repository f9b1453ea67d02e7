/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Helper functions: what each wants, gives and where it may be called, from helper.def (one row a
 * helper, a further row where a program type sees the same number with other argument kinds).
 * Facts are Linux 6.18's; tests/unit/helper_def.c asks the running kernel for each of them.
 */
#ifndef DEF_HELPER_H
#define DEF_HELPER_H

#include "def/reg.h"
#include "def/uapi.h"

enum { HELPER_COUNT = 212 }; /* numbers 1..211; 0 is unspec */

struct helper_arg {
	u32 type;	 /* enum arg_type | flags */
	u32 size;	 /* bytes, with MEM_FIXED_SIZE */
	const char *btf; /* kernel struct, with ARG_PTR_TO_BTF_ID ("task_struct"), else NULL */
};

struct helper_proto {
	u32 number;
	const char *name; /* "bpf_map_lookup_elem"; the log's "map_lookup_elem" is name + 4 */
	struct helper_arg args[5]; /* unused ones at the end are ARG_DONTCARE */
	u32 ret;		   /* enum ret_type | flags */
	const char *
		ret_btf; /* kernel struct behind a RET_PTR_TO_BTF_ID; NULL: depends on the arguments */
	bool gpl_only;	  /* needs a GPL-compatible licence */
	bool pkt_access;  /* takes packet pointers where memory is wanted */
	bool might_sleep; /* only in sleepable programs */
	bool fastcall;	  /* keeps r1..r5 (bpf_fastcall), if inlined */
	bool restricted; /* refused ("helper call is not allowed in probe") for some attach targets */
};

/* "bpf_map_lookup_elem" for 1; NULL where no helper has the number (0 and >= HELPER_COUNT). */
const char *helper_name(u32 number);

/*
 * What a program of this type sees under the number, NULL where the kernel says "program of this type
 * cannot use helper". expected_attach_type counts for a few types only (cgroup sock and sock_addr,
 * tracing, LSM, …). A program with all capabilities is assumed.
 */
const struct helper_proto *helper_proto(u32 number, u32 prog_type, u32 expected_attach_type);

static inline bool helper_allowed(u32 number, u32 prog_type, u32 expected_attach_type)
{
	return helper_proto(number, prog_type, expected_attach_type) != NULL;
}

/* The first row of the number, whatever the program type, for tools that only print; NULL as helper_name(). */
const struct helper_proto *helper_any(u32 number);

#endif
