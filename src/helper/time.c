/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks, random numbers, loops and locks. */
#include <errno.h>
#include <time.h>

#include "helper/body.h"
#include "util/hash.h"
#include "util/lock.h"
#include "vm/code.h"

enum { MAX_LOOPS = 1 << 23, SECOND = 1000000000 };

u64 time_now(int clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (u64)now.tv_sec * 1000000000ull + (u64)now.tv_nsec;
}

HELPER(ktime_get_ns)
{
	return time_now(CLOCK_MONOTONIC);
}

HELPER(ktime_get_boot_ns)
{
	return time_now(CLOCK_BOOTTIME);
}

HELPER(ktime_get_coarse_ns)
{
	return time_now(CLOCK_MONOTONIC_COARSE);
}

HELPER(ktime_get_tai_ns)
{
	return time_now(CLOCK_TAI);
}

/* Linux counts from five minutes before the first wrap of 32 bits; the coarse clocks move with its ticks. */
HELPER(jiffies64)
{
	struct timespec tick;
	s32 hz;

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) || tick.tv_sec || tick.tv_nsec <= 0)
		return 0;
	hz = SECOND / (s32)tick.tv_nsec;
	return (u32)(-300 * hz) + time_now(CLOCK_MONOTONIC_COARSE) / (SECOND / (u32)hz);
}

/* A counter, folded: one multiply, no state but the slot's. */
HELPER(get_prandom_u32)
{
	if (!run->random)
		run->random = hash_u64(time_now(CLOCK_MONOTONIC), (u64)(uintptr_t)run) | 1;
	run->random += 0x9e3779b97f4a7c15ull;
	return (u32)hash_fold(run->random, 0xe7037ed1a0b428dbull);
}

/* (nr_loops, callback, ctx, flags): callback(index, ctx) 0 goes on, 1 stops. Returns how many ran. */
HELPER(loop)
{
	u32 index, count = (u32)r1;

	if (r4)
		return result(-EINVAL);
	if (count > MAX_LOOPS)
		return result(-E2BIG);
	for (index = 0; index < count;)
		if (code_callback(run, r2, index++, r3, 0, 0, 0))
			break;
	return index;
}

HELPER(spin_lock)
{
	lock_take(ptr(r1));
	return 0;
}

HELPER(spin_unlock)
{
	lock_drop(ptr(r1));
	return 0;
}
