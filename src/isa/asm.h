/* SPDX-License-Identifier: BSD-2-Clause */
/* The assembler: clang's BPF assembly, and what insn_text() prints in any style. */
#ifndef ISA_ASM_H
#define ISA_ASM_H

#include "def/uapi.h"
#include "util/log.h"
#include "util/types.h"

/*
 * Assembles text into *out (malloc'ed, the caller frees it; NULL where there is none) and *count
 * slots. Statements end at a newline or ';'; comments are '#' and '//' to the end of the line and
 * C's. Labels are "name:" or, used as 1b and 1f, numbers. -EINVAL with one line of why, "line 3: …";
 * -E2BIG beyond 1,000,000 slots; -ENOMEM.
 *
 *   r1 = 5                 w1 s/= w2            r1 = -r1             r1 = (s8)r2        r1 = be16 r1
 *   r1 = 0x123456789 ll    ld_pseudo r1, 1, 5   ld_pseudo r1, 4, label
 *   goto +1                goto label           gotol label
 *   if r1 s> 5 goto label  may_goto label       call 5               call bpf_NAME      call label
 *   call pc+3 (local)      call kfunc 77, 0     callx r1             exit
 *   r1 = *(u32 *)(r2 + 4)  *(u8 *)(r1 + 0) = 7  lock *(u64 *)(r1 + 0) += r2
 *   r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)  r2 = xchg_64(r1 + 0, r2)
 *   r0 = cmpxchg_64(r1 + 0, r0, r2)             r1 = load_acquire((u64 *)(r2 + 0))
 *   store_release((u64 *)(r1 + 0), r2)          r0 = *(u16 *)skb[r2 + 4]
 *   r1 = addr_space_cast(r2, 0, 1)
 */
int asm_program(const char *text, struct bpf_insn **out, u32 *count, struct log *why);

#endif
