/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls without libc: no errno, no thread-local storage, nothing outside the caller's own
 * code. For the keeper, which outlives its libc, and for a child that shares memory with it.
 */
#ifndef SUPERVISE_RAW_H
#define SUPERVISE_RAW_H

#include <linux/audit.h>
#include <sys/syscall.h>

#include "util/types.h"

/*
 * For functions that run in memory shared with another process, or in a fork without libc's
 * knowledge.
 */
#define BARE \
	__attribute__((no_sanitize("address"), no_sanitize("undefined"), no_sanitize("thread")))

#define raw_inline static inline __attribute__((always_inline, unused))

#if defined(__x86_64__)
#define RAW_ARCH AUDIT_ARCH_X86_64

raw_inline long raw_call(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/*
 * clone(2) onto a new stack whose end is top: the child calls fn(arg), which must not return.
 * Returns as the system call does, in the parent only. parent_tid and child_tid as there.
 */
raw_inline long raw_clone(unsigned long flags, void *top, void (*fn)(void *), void *arg,
			  volatile s32 *child_tid)
{
	void **stack = (void **)((uintptr_t)top & ~15ul);
	register long r10 __asm__("r10") = (long)child_tid;
	register long r8 __asm__("r8") = 0;
	long ret;

	*--stack = arg;
	*--stack = (void *)fn;
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "pop %%rax\n\t"
			 "pop %%rdi\n\t"
			 "call *%%rax\n\t"
			 "ud2\n"
			 "1:"
			 : "=a"(ret)
			 : "a"(SYS_clone), "D"(flags), "S"(stack), "d"(0l), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}

#elif defined(__aarch64__)
#define RAW_ARCH AUDIT_ARCH_AARCH64

raw_inline long raw_call(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}

raw_inline long raw_clone(unsigned long flags, void *top, void (*fn)(void *), void *arg,
			  volatile s32 *child_tid)
{
	void **stack = (void **)((uintptr_t)top & ~15ul);
	register long x8 __asm__("x8") = SYS_clone;
	register long x0 __asm__("x0") = (long)flags;
	register long x1 __asm__("x1");
	register long x2 __asm__("x2") = 0;
	register long x3 __asm__("x3") = 0;
	register long x4 __asm__("x4") = (long)child_tid;

	*--stack = arg;
	*--stack = (void *)fn;
	x1 = (long)stack;
	__asm__ volatile("svc #0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, xzr\n\t"
			 "ldp x9, x0, [sp], #16\n\t"
			 "blr x9\n\t"
			 "brk #0\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "x9", "memory");
	return x0;
}
#else
#error "supervise/raw.h: add system calls for this machine"
#endif

#define raw3(nr, a, b, c) raw_call(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define raw6(nr, a, b, c, d, e, f) \
	raw_call(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#endif
