/* SPDX-License-Identifier: BSD-2-Clause */
/* The filter notifies or stops for exactly the calls of its sets, and for the native ABI only. */
#include <linux/audit.h>

#include "supervise/tree.h"
#include "tap.h"

/* Classic BPF, as far as filters use it. */
static u32 run(const struct sock_fprog *filter, u32 arch, u32 nr)
{
	u32 acc = 0;

	for (u32 pc = 0; pc < filter->len; pc++) {
		const struct sock_filter *insn = &filter->filter[pc];

		switch (insn->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			acc = insn->k == offsetof(struct seccomp_data, arch) ? arch : nr;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K: pc += acc == insn->k ? insn->jt : insn->jf; break;
		case BPF_JMP | BPF_JGE | BPF_K: pc += acc >= insn->k ? insn->jt : insn->jf; break;
		case BPF_JMP | BPF_JGT | BPF_K: pc += acc > insn->k ? insn->jt : insn->jf; break;
		case BPF_RET | BPF_K: return insn->k;
		default: return 0;
		}
	}
	return 0;
}

static u32 wanted(const struct syscall_set *set, const struct syscall_set *traced, u32 nr)
{
	if (!syscall_set_has(set, nr))
		return SECCOMP_RET_ALLOW;
	return syscall_set_has(traced, nr) ? SECCOMP_RET_TRACE : SECCOMP_RET_USER_NOTIF;
}

static void check_both(const struct syscall_set *set, const struct syscall_set *traced,
		       const char *what)
{
	const struct tree_calls calls = { .set = *set, .watched = *set, .traced = *traced };
	struct sock_fprog filter;
	bool right = true;

	is(filter_build(&filter, &calls), 0, "%s: built", what);
	for (u32 nr = 0; nr < SYSCALL_MAX + 8; nr++)
		right &= run(&filter, AUDIT_ARCH_X86_64, nr) == wanted(set, traced, nr);
	ok(right, "%s: notifies for its calls and no other", what);
	ok(run(&filter, AUDIT_ARCH_I386, 11) == SECCOMP_RET_ALLOW, "%s: 32-bit calls pass", what);
	ok(run(&filter, AUDIT_ARCH_X86_64, 0x40000000 + 59) == SECCOMP_RET_ALLOW,
	   "%s: x32 calls pass", what);
	ok(filter.len <= BPF_MAXINSNS, "%s: %u instructions", what, filter.len);
	free(filter.filter);
}

static void check(const struct syscall_set *set, const char *what)
{
	struct syscall_set none = { { 0 } }, some = { { 0 } };
	char traced[64];

	for (u32 nr = 0; nr < SYSCALL_MAX; nr += 3)
		syscall_set_add(&some, nr);
	check_both(set, &none, what);
	snprintf(traced, sizeof(traced), "%s, every third traced", what);
	check_both(set, &some, traced);
}

int main(void)
{
	struct syscall_set set = { { 0 } };

#ifndef __x86_64__
	skip("the numbers here are x86-64's");
	return done();
#endif
	check(&set, "empty set");
	syscall_set_add(&set, 59);
	check(&set, "execve");
	syscall_set_add(&set, 0);
	syscall_set_add(&set, 60);
	syscall_set_add(&set, 322);
	syscall_set_add(&set, 511);
	check(&set, "edges");
	for (u32 nr = 0; nr < SYSCALL_MAX; nr += 2)
		syscall_set_add(&set, nr);
	check(&set, "every other call");
	for (u32 nr = 0; nr < SYSCALL_MAX; nr++)
		syscall_set_add(&set, nr);
	check(&set, "every call");
	return done();
}
