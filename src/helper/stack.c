/* SPDX-License-Identifier: BSD-2-Clause */
/* Call stacks of the process that made the event. The system's own stack, which is ours, is nobody's: -EFAULT. */
#include <errno.h>
#include <string.h>

#include "helper/body.h"
#include "map/stack_trace.h"

/* Addresses after those to skip; how many, > 0, or -EFAULT. */
static s64 walk(struct run *run, u64 *ips, u32 max, u64 flags)
{
	u32 skip = flags & BPF_F_SKIP_FIELD_MASK;
	u64 all[STACK_MAX_DEPTH + BPF_F_SKIP_FIELD_MASK];
	s64 count = -EFAULT;

	if (flags & BPF_F_USER_STACK && run->task->ops->stack)
		count = run->task->ops->stack(run->task, all, min(max + skip, (u32)ARRAY_SIZE(all)));
	if (count <= (s64)skip)
		return -EFAULT;
	memcpy(ips, all + skip, (size_t)(count - skip) * sizeof(*ips));
	return count - skip;
}

/* (ctx, map, flags) */
HELPER(get_stackid)
{
	const u64 known = BPF_F_SKIP_FIELD_MASK | BPF_F_USER_STACK | BPF_F_FAST_STACK_CMP | BPF_F_REUSE_STACKID;
	u64 ips[STACK_MAX_DEPTH];
	s64 count;

	if (r3 & ~known)
		return result(-EINVAL);
	count = walk(run, ips, stack_trace_depth(ptr(r2)), r3);
	return count < 0 ? result(count) : result(stack_trace_put(ptr(r2), ips, (u32)count, r3));
}

static s64 clear(void *buf, u32 size, s64 err)
{
	memset(buf, 0, size);
	return err;
}

/* (ctx, buf, size, flags): bytes filled; buf is zeroed behind them, and wholly on failure. */
HELPER(get_stack)
{
	u32 size = (u32)r3, ip_size = r4 & BPF_F_USER_BUILD_ID ? sizeof(struct bpf_stack_build_id) : sizeof(u64);
	u64 ips[STACK_MAX_DEPTH];
	s64 count;

	if (r4 & ~(u64)(BPF_F_SKIP_FIELD_MASK | BPF_F_USER_STACK | BPF_F_USER_BUILD_ID) ||
	    (r4 & BPF_F_USER_BUILD_ID && !(r4 & BPF_F_USER_STACK)) || size % ip_size)
		return result(clear(ptr(r2), size, -EINVAL));
	count = size ? walk(run, ips, min(size / ip_size, (u32)STACK_MAX_DEPTH), r4) : -EFAULT;
	if (count < 0)
		return result(clear(ptr(r2), size, count));
	memset(ptr(r2), 0, size);
	for (u32 i = 0; i < count; i++) {
		struct bpf_stack_build_id id = { .status = BPF_STACK_BUILD_ID_IP, .ip = ips[i] };

		if (r4 & BPF_F_USER_BUILD_ID)
			memcpy((u8 *)ptr(r2) + i * sizeof(id), &id, sizeof(id));
		else
			memcpy((u8 *)ptr(r2) + i * sizeof(u64), &ips[i], sizeof(u64));
	}
	return (u64)count * ip_size;
}
