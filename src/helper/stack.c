/* SPDX-License-Identifier: BSD-2-Clause */
/* Call stacks of the process that made the event. The system's own stack, which is ours, is nobody's: -EFAULT. */
#include <errno.h>
#include <string.h>

#include "helper/body.h"
#include "map/stack_trace.h"

enum { DEPTH = STACK_MAX_DEPTH }; /* of a walk, frames that are skipped included */

/* The stack from its top: how many addresses, at most max, or -EFAULT. */
static s64 walk(struct run *run, u64 *ips, u32 max, u64 flags)
{
	struct task *task = run->task;

	if (!(flags & BPF_F_USER_STACK) || !task->ops->stack)
		return -EFAULT;
	return task->ops->stack(task, ips,
				min(max + (u32)(flags & BPF_F_SKIP_FIELD_MASK), (u32)DEPTH));
}

/* What is mapped at each address. */
static void identify(struct task *task, struct bpf_stack_build_id *ids, const u64 *ips, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		struct bpf_stack_build_id id = { .status = BPF_STACK_BUILD_ID_IP, .ip = ips[i] };

		if (task->ops->build_id)
			task->ops->build_id(task, &id);
		memcpy(&ids[i], &id, sizeof(id));
	}
}

/* (ctx, map, flags) */
HELPER(get_stackid)
{
	const u64 known = BPF_F_SKIP_FIELD_MASK | BPF_F_USER_STACK | BPF_F_FAST_STACK_CMP |
			  BPF_F_REUSE_STACKID;
	u32 skip = r3 & BPF_F_SKIP_FIELD_MASK;
	struct bpf_stack_build_id ids[DEPTH];
	struct map *map = ptr(r2);
	u64 ips[DEPTH];
	s64 count;

	if (r3 & ~known)
		return result(-EINVAL);
	count = walk(run, ips, stack_trace_depth(map), r3);
	if (count <= (s64)skip)
		return result(-EFAULT);
	count -= skip;
	if (map->spec.flags & BPF_F_STACK_BUILD_ID)
		identify(run->task, ids, ips + skip, (u32)count);
	return result(stack_trace_put(map, ips + skip, ids, (u32)count, r3));
}

static s64 clear(void *buf, u32 size, s64 err)
{
	memset(buf, 0, size);
	return err;
}

/* (ctx, buf, size, flags): bytes filled; buf is zeroed behind them, and wholly on failure. */
HELPER(get_stack)
{
	u32 size = (u32)r3,
	    ip_size = r4 & BPF_F_USER_BUILD_ID ? sizeof(struct bpf_stack_build_id) : sizeof(u64);
	u32 skip = r4 & BPF_F_SKIP_FIELD_MASK;
	u64 ips[DEPTH];
	s64 count;

	if (r4 & ~(u64)(BPF_F_SKIP_FIELD_MASK | BPF_F_USER_STACK | BPF_F_USER_BUILD_ID) ||
	    (r4 & BPF_F_USER_BUILD_ID && !(r4 & BPF_F_USER_STACK)) || size % ip_size)
		return result(clear(ptr(r2), size, -EINVAL));
	count = walk(run, ips, size / ip_size, r4);
	if (count < (s64)skip)
		return result(clear(ptr(r2), size, -EFAULT));
	count -= skip;
	memset(ptr(r2), 0, size);
	if (r4 & BPF_F_USER_BUILD_ID)
		identify(run->task, ptr(r2), ips + skip, (u32)count);
	else
		memcpy(ptr(r2), ips + skip, (size_t)count * sizeof(*ips));
	return (u64)count * ip_size;
}
