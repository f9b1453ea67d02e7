/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A one-word spin lock for sections of a few instructions. Its holder may be preempted, being an
 * ordinary thread, so a waiter yields its CPU after a short spin. Not recursive. A zeroed word is free.
 */
#ifndef UTIL_LOCK_H
#define UTIL_LOCK_H

#include <sched.h>
#include "util/types.h"

static inline void lock_pause(u32 tries)
{
	if (tries % 64 == 63)
		sched_yield();
#if defined(__x86_64__)
	else
		__builtin_ia32_pause();
#endif
}

static inline bool lock_try(u32 *lock)
{
	return !__atomic_load_n(lock, __ATOMIC_RELAXED) &&
	       !__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE);
}

static inline void lock_take(u32 *lock)
{
	for (u32 tries = 0; __atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE);)
		while (__atomic_load_n(lock, __ATOMIC_RELAXED))
			lock_pause(tries++);
}

static inline void lock_drop(u32 *lock)
{
	__atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

#endif
