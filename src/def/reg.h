/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verifier's vocabulary, as the kernel has it: kinds of values in registers, kinds of helper
 * arguments and results, and the flags that modify all three. A type is base | flags; the numbers are
 * those of Linux 6.18's BTF, so that tables can be compared with a running kernel's.
 */
#ifndef DEF_REG_H
#define DEF_REG_H

#include "util/types.h"

#define TYPE_BASE_BITS 8
#define TYPE_BASE_MASK 0xffu

/* enum bpf_type_flag */
enum type_flag {
	PTR_MAYBE_NULL = 1 << 8,
	MEM_RDONLY = 1 << 9,
	MEM_RINGBUF = 1 << 10,
	MEM_USER = 1 << 11,
	MEM_PERCPU = 1 << 12,
	OBJ_RELEASE = 1 << 13, /* the call gives up the reference this argument holds */
	PTR_UNTRUSTED = 1 << 14,
	MEM_UNINIT = 1 << 15, /* the callee fills it: may be uninitialised stack */
	DYNPTR_TYPE_LOCAL = 1 << 16,
	DYNPTR_TYPE_RINGBUF = 1 << 17,
	MEM_FIXED_SIZE = 1 << 18, /* ARG_PTR_TO_MEM of struct helper_arg.size bytes */
	MEM_ALLOC = 1 << 19,
	PTR_TRUSTED = 1 << 20,
	MEM_RCU = 1 << 21,
	NON_OWN_REF = 1 << 22,
	DYNPTR_TYPE_SKB = 1 << 23,
	DYNPTR_TYPE_XDP = 1 << 24,
	MEM_ALIGNED = 1 << 25, /* address must be size-aligned */
	MEM_WRITE = 1 << 26,   /* the callee writes it */
	DYNPTR_TYPE_SKB_META = 1 << 27,
};

/* enum bpf_reg_type: what a register holds */
enum reg_type {
	NOT_INIT,
	SCALAR_VALUE,
	PTR_TO_CTX,
	CONST_PTR_TO_MAP,
	PTR_TO_MAP_VALUE,
	PTR_TO_MAP_KEY,
	PTR_TO_STACK,
	PTR_TO_PACKET_META,
	PTR_TO_PACKET,
	PTR_TO_PACKET_END,
	PTR_TO_FLOW_KEYS,
	PTR_TO_SOCKET,
	PTR_TO_SOCK_COMMON,
	PTR_TO_TCP_SOCK,
	PTR_TO_TP_BUFFER,
	PTR_TO_XDP_SOCK,
	PTR_TO_BTF_ID,
	PTR_TO_MEM,
	PTR_TO_ARENA,
	PTR_TO_BUF,
	PTR_TO_FUNC,
	CONST_PTR_TO_DYNPTR,
	REG_TYPE_COUNT,
};

/* enum bpf_arg_type: what a helper wants */
enum arg_type {
	ARG_DONTCARE, /* no argument */
	ARG_CONST_MAP_PTR,
	ARG_PTR_TO_MAP_KEY,
	ARG_PTR_TO_MAP_VALUE,
	ARG_PTR_TO_MEM,
	ARG_PTR_TO_ARENA,
	ARG_CONST_SIZE, /* of the memory in the argument before; > 0 */
	ARG_CONST_SIZE_OR_ZERO,
	ARG_PTR_TO_CTX,
	ARG_ANYTHING, /* any initialised value */
	ARG_PTR_TO_SPIN_LOCK,
	ARG_PTR_TO_SOCK_COMMON,
	ARG_PTR_TO_SOCKET,
	ARG_PTR_TO_BTF_ID,
	ARG_PTR_TO_RINGBUF_MEM,
	ARG_CONST_ALLOC_SIZE_OR_ZERO,
	ARG_PTR_TO_BTF_ID_SOCK_COMMON,
	ARG_PTR_TO_PERCPU_BTF_ID,
	ARG_PTR_TO_FUNC,
	ARG_PTR_TO_STACK,
	ARG_PTR_TO_CONST_STR,
	ARG_PTR_TO_TIMER,
	ARG_KPTR_XCHG_DEST,
	ARG_PTR_TO_DYNPTR,
	ARG_TYPE_COUNT,
};

/* enum bpf_return_type: what a helper leaves in r0 */
enum ret_type {
	RET_INTEGER,
	RET_VOID,
	RET_PTR_TO_MAP_VALUE,
	RET_PTR_TO_SOCKET,
	RET_PTR_TO_TCP_SOCK,
	RET_PTR_TO_SOCK_COMMON,
	RET_PTR_TO_MEM,
	RET_PTR_TO_MEM_OR_BTF_ID,
	RET_PTR_TO_BTF_ID,
	RET_TYPE_COUNT,
};

static inline u32 type_base(u32 type)
{
	return type & TYPE_BASE_MASK;
}

static inline u32 type_flags(u32 type)
{
	return type & ~TYPE_BASE_MASK;
}

#endif
