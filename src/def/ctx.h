/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program may read and write through r1, from ctx.def, and where it lives in skep's own
 * structs (ctx_layout.h). Access rules are Linux 6.18's; tests/unit/ctx_def.c asks the running kernel
 * for every offset, size and direction of every program type.
 */
#ifndef DEF_CTX_H
#define DEF_CTX_H

#include "def/reg.h"
#include "util/types.h"

struct ctx_access {
	u32 kind;      /* what a load yields: enum reg_type | flags */
	u32 field_off; /* the field accessed, uapi layout: narrow loads lie inside */
	u32 field_size;
	const char *field; /* "ingress_ifindex"; NULL in a raw area (pt_regs, tracepoint record) */
	const char *btf;   /* struct behind a PTR_TO_BTF_ID */
};

/*
 * Whether a program may access size bytes (1, 2, 4, 8) at byte off of its context. false is the
 * kernel's "invalid bpf_context access". *out is filled on true. Types whose context is an array of
 * BTF-typed arguments (prog_info.btf_args) are not decided here: always false.
 */
bool ctx_access(u32 prog_type, u32 attach_type, s32 off, u32 size, bool write,
		struct ctx_access *out);

/*
 * Likewise for loads through PTR_TO_SOCK_COMMON, PTR_TO_SOCKET (struct bpf_sock), PTR_TO_TCP_SOCK
 * (bpf_tcp_sock), PTR_TO_XDP_SOCK (bpf_xdp_sock), which are never written to.
 */
bool ctx_sock_access(u32 reg_type, s32 off, u32 size, struct ctx_access *out);

/*
 * Where a context field lives in the struct that skep hands to a program of this type: byte offset and
 * size. Loads of size bytes from there give the uapi value (a pointer field: the pointer). false: same
 * place and size as in the uapi struct.
 */
bool ctx_home(u32 prog_type, u32 field_off, u32 *off, u32 *size);

#endif
