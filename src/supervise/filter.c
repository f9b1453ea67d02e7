/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seccomp filter: notify or stop for the numbers of a set on the native ABI, allow everything else,
 * 32-bit and x32 calls included. It looks at arch and nr only, so Linux (≥ 5.11) works out the
 * allowed numbers once and does not run it for them at all. Of some calls that are many, a client's
 * answer wants few, told by their arguments: those are looked at where nobody watches the others.
 */
#include "supervise/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

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

/* Numbers below first are allowed, those up to last get the action, the others fall through. */
static void emit_range(struct emitter *to, u32 first, u32 last, u32 action)
{
	emit(to, BPF_JMP | BPF_JGE | BPF_K, first, 1, 0);
	emit_return(to, SECCOMP_RET_ALLOW);
	emit(to, BPF_JMP | BPF_JGT | BPF_K, last, 1, 0);
	emit_return(to, action);
}

static void load(struct emitter *to, u32 offset)
{
	emit(to, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

/* The low half of an argument; both machines are little-endian. */
static u32 arg(u32 i)
{
	return (u32)offsetof(struct seccomp_data, args) + 8 * i;
}

/* An ioctl is of interest if its type is '$', perf's. */
static void emit_ioctl(struct emitter *to)
{
	emit(to, BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 6);
	load(to, arg(1));
	emit(to, BPF_ALU | BPF_RSH | BPF_K, 8, 0, 0);
	emit(to, BPF_ALU | BPF_AND | BPF_K, 0xff, 0, 0);
	emit(to, BPF_JMP | BPF_JEQ | BPF_K, '$', 1, 0);
	emit_return(to, SECCOMP_RET_ALLOW);
	emit_return(to, SECCOMP_RET_USER_NOTIF);
}

/* sendto: if it may be a netlink request: as short as one, and to nobody by name. */
static void emit_sendto(struct emitter *to)
{
	emit(to, BPF_JMP | BPF_JEQ | BPF_K, SYS_sendto, 0, 9);
	load(to, arg(4));
	emit(to, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 5);
	load(to, arg(4) + 4);
	emit(to, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3);
	load(to, arg(2));
	emit(to, BPF_JMP | BPF_JGE | BPF_K, REQUEST_MIN, 0, 1);
	emit(to, BPF_JMP | BPF_JGT | BPF_K, REQUEST_MAX, 0, 1);
	emit_return(to, SECCOMP_RET_ALLOW);
	emit_return(to, SECCOMP_RET_USER_NOTIF);
}

/* mmap: of an fd, shared. */
static void emit_mmap(struct emitter *to)
{
	emit(to, BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 6);
	load(to, arg(3));
	emit(to, BPF_JMP | BPF_JSET | BPF_K, MAP_SHARED, 0, 2);
	load(to, arg(4));
	emit(to, BPF_JMP | BPF_JGE | BPF_K, 1u << 31, 0, 1);
	emit_return(to, SECCOMP_RET_ALLOW);
	emit_return(to, SECCOMP_RET_USER_NOTIF);
}

/* The calls that may be told by their arguments. */
static const struct partial {
	u32 nr;
	void (*emit)(struct emitter *to);
} partials[] = { { SYS_ioctl, emit_ioctl }, { SYS_sendto, emit_sendto }, { SYS_mmap, emit_mmap } };

static bool is_partial(const struct partial *partial, const struct tree_calls *calls)
{
	return syscall_set_has(&calls->set, partial->nr) &&
	       !syscall_set_has(&calls->watched, partial->nr);
}

struct syscall_set filter_whole(const struct tree_calls *calls)
{
	struct syscall_set whole = calls->set;

	for (size_t i = 0; i < ARRAY_SIZE(partials); i++)
		if (is_partial(&partials[i], calls))
			syscall_set_remove(&whole, partials[i].nr);
	return whole;
}

/* At least one call a range: their number is at most that of the calls. */
enum { LONGEST = SYSCALL_MAX * 4 + 32 };

static u32 action_of(const struct syscall_set *whole, const struct syscall_set *traced, u32 nr)
{
	if (!syscall_set_has(whole, nr))
		return SECCOMP_RET_ALLOW;
	return syscall_set_has(traced, nr) ? SECCOMP_RET_TRACE : SECCOMP_RET_USER_NOTIF;
}

int filter_build(struct sock_fprog *filter, const struct tree_calls *calls)
{
	struct emitter to = { .insns = calloc(LONGEST, sizeof(struct sock_filter)) };
	const struct syscall_set whole = filter_whole(calls);

	if (!to.insns)
		return -ENOMEM;
	emit(&to, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
	emit(&to, BPF_JMP | BPF_JEQ | BPF_K, RAW_ARCH, 1, 0);
	emit_return(&to, SECCOMP_RET_ALLOW);
	emit(&to, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(partials); i++)
		if (is_partial(&partials[i], calls))
			partials[i].emit(&to);
	for (u32 first = 0, last; first < SYSCALL_MAX; first = last + 1) {
		u32 action = action_of(&whole, &calls->traced, first);

		last = first;
		if (action == SECCOMP_RET_ALLOW)
			continue;
		while (action_of(&whole, &calls->traced, last + 1) == action)
			last++;
		emit_range(&to, first, last, action);
	}
	emit_return(&to, SECCOMP_RET_ALLOW);
	*filter = (struct sock_fprog){ .len = to.len, .filter = to.insns };
	return 0;
}
