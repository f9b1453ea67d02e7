/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seccomp filter: notify for the numbers of a set on the native ABI, allow everything else,
 * 32-bit and x32 calls included. It looks at arch and nr only, so Linux (≥ 5.11) works out the
 * allowed numbers once and does not run it for them at all.
 */
#include "supervise/tree.h"

#include <errno.h>
#include <stdlib.h>

#include "supervise/raw.h"

struct emitter {
	struct sock_filter *insns;
	u16 len;
};

static void emit(struct emitter *to, u16 code, u32 k, u8 jt, u8 jf)
{
	to->insns[to->len++] = (struct sock_filter){ .code = code, .k = k, .jt = jt, .jf = jf };
}

static void emit_return(struct emitter *to, u32 action)
{
	emit(to, BPF_RET | BPF_K, action, 0, 0);
}

/* Numbers below first are allowed, those up to last notify, the others fall through. */
static void emit_range(struct emitter *to, u32 first, u32 last)
{
	emit(to, BPF_JMP | BPF_JGE | BPF_K, first, 1, 0);
	emit_return(to, SECCOMP_RET_ALLOW);
	emit(to, BPF_JMP | BPF_JGT | BPF_K, last, 1, 0);
	emit_return(to, SECCOMP_RET_USER_NOTIF);
}

int filter_build(struct sock_fprog *filter, const struct syscall_set *set)
{
	struct emitter to = { .insns =
				      calloc(SYSCALL_MAX / 2 * 4 + 8, sizeof(struct sock_filter)) };

	if (!to.insns)
		return -ENOMEM;
	emit(&to, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
	emit(&to, BPF_JMP | BPF_JEQ | BPF_K, RAW_ARCH, 1, 0);
	emit_return(&to, SECCOMP_RET_ALLOW);
	emit(&to, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	for (u32 first = 0, last; first < SYSCALL_MAX; first = last + 1) {
		last = first;
		if (!syscall_set_has(set, first))
			continue;
		while (syscall_set_has(set, last + 1))
			last++;
		emit_range(&to, first, last);
	}
	emit_return(&to, SECCOMP_RET_ALLOW);
	*filter = (struct sock_fprog){ .len = to.len, .filter = to.insns };
	return 0;
}
