/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a program was rejected, for a reader: what explain.c finds the source of. Filled by the
 * verifier at the moment of rejection; everything in it stands by itself (no pointers into the
 * verification), but for the program's BTF, which the caller still holds.
 */
#ifndef VERIFY_REASON_H
#define VERIFY_REASON_H

#include "util/types.h"

/* Which rule was broken. */
enum reason_kind {
	REASON_OTHER,
	REASON_PACKET_RANGE, /* packet access not covered by a check against data_end */
	REASON_SCALAR_DEREF, /* a number used as a pointer */
	REASON_MEM_RANGE,    /* map value, memory region, stack: offset outside; see min/max */
	REASON_UNINIT,	     /* register or stack read before it was written */
	REASON_ARG_TYPE,     /* helper or function wants another kind */
	REASON_MISALIGNED,
	REASON_POINTER_ALU, /* arithmetic not allowed on this pointer */
	REASON_NULL_DEREF,  /* may be NULL */
	REASON_STACK_READ,  /* indirect or variable read of the stack */
	REASON_CTX_ACCESS,
	REASON_NEGATIVE, /* min value is negative */
	REASON_ZERO_SIZE,
	REASON_UNBOUNDED,  /* no upper bound */
	REASON_HELPER,	   /* unknown, or not for this program type, or GPL-only */
	REASON_CALL_ARGS,  /* global function's contract */
	REASON_OFFSET,	   /* value makes pointer be out of bounds */
	REASON_COMPLEXITY, /* processed, jumps, states */
	REASON_STACK_DEPTH,
	REASON_LOOP,	    /* infinite loop, back edge */
	REASON_CORE_POISON, /* CO-RE relocation that did not resolve */
	REASON_REFERENCE,   /* leaked, or released twice */
	REASON_LOCK,
	REASON_RETURN,	    /* r0's range at exit */
	REASON_STRUCTURE,   /* jumps, encodings, subprograms, BTF info */
	REASON_UNSUPPORTED, /* skep's verifier does not do this yet */
};

/* Where a value came from; kind is reg.h's enum origin_kind. */
struct verify_origin {
	u32 insn;
	u8 kind;
	char what[96]; /* "ORIGIN_CALL": helper's name; else the instruction's text */
};

struct verify_reason {
	int err;
	enum reason_kind kind;
	u32 insn;	      /* index in the program as given; ~0u: no one instruction */
	s32 regno;	      /* the register at fault, or -1 */
	u32 reg_type;	      /* def/reg.h */
	char reg_text[192];   /* its state as the log prints it: "map_value_or_null(id=1,…)" */
	char message[512];    /* the kernel's last line, without newline */
	char insn_text[128];  /* disassembly of insn */
	char map_name[16];    /* reg's map, or "" */
	s64 off, size, limit; /* an access: first offset, bytes, size of the region; else 0 */
	s64 smin, smax;	      /* of the register's variable part */
	u64 umin, umax;
	u32 processed;
	struct verify_origin origin; /* of regno; kind ORIGIN_NONE: unknown */
	u32 path[32];		     /* last branches taken: instruction indices, oldest first */
	u8 nr_path;
};

#endif
