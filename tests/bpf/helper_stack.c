/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_get_stack and bpf_get_stackid against the running kernel's: a stack of the same depth, every combination of
 * size, frames to skip and flags must give the same result. And what a stack_trace map does with stacks of one id.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../unit/map.h"
#include "../unit/run.h"
#undef CALL
#include "kernel.h"
#include "map/stack_trace.h"
#include "vm/code.h"

enum { ROOM = 256, FRAMES = 20 };

static u32 depth; /* of the stack that both see */

static int same_depth(struct task *task, u64 *ips, u32 most)
{
	(void)task;
	for (u32 i = 0; i < min(most, depth); i++)
		ips[i] = 0x1000 + i;
	return (int)min(most, depth);
}

static struct task_ops ops;

/* The frames that the kernel follows: {caller's frame pointer, return address}. */
static u64 frames[FRAMES][2];

/* BPF_PROG_TEST_RUN with the frame pointer at frames: 0 or -errno. */
static long test_run(union bpf_attr *attr)
{
	long result = -ENOSYS;

#ifdef __x86_64__
	for (u32 i = 0; i < FRAMES; i++) {
		frames[i][0] = i + 1 < FRAMES ? (u64)(uintptr_t)frames[i + 1] : 0;
		frames[i][1] = 0x400000 + i;
	}
	asm volatile("lea -128(%%rsp), %%rsp\n\tpush %%rbp\n\tmov %[frames], %%rbp\n\t"
		     "syscall\n\tpop %%rbp\n\tlea 128(%%rsp), %%rsp" /* beyond the red zone */
		     : "=a"(result)
		     : "a"(SYS_bpf), "D"(BPF_PROG_TEST_RUN), "S"(attr),
		       "d"(sizeof(*attr)), [frames] "r"(frames)
		     : "rcx", "r11", "memory");
#endif
	return result;
}

/* r0 of a program that calls the helper with r2, r3, r4; map: r2 is the map. INT64_MIN: it could not be run. */
static s64 in_kernel(s32 helper, int map, u64 size, u64 flags)
{
	const struct hook hook = { .type = BPF_PROG_TYPE_RAW_TRACEPOINT };
	struct bpf_insn insns[16];
	union bpf_attr attr = { 0 };
	u32 n = 0;
	int fd;

	if (map >= 0) {
		insns[n++] = INSN(BPF_LD | BPF_IMM | BPF_DW, 2, BPF_PSEUDO_MAP_FD, 0, map);
		insns[n++] = INSN(0, 0, 0, 0, 0);
		insns[n++] = INSN(BPF_LD | BPF_IMM | BPF_DW, 3, 0, 0, (s32)flags);
		insns[n++] = INSN(0, 0, 0, 0, (s32)(flags >> 32));
	} else {
		insns[n++] = MOV_REG(2, 10);
		insns[n++] = INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -ROOM);
		insns[n++] = MOV_IMM(3, (s32)size);
		insns[n++] = INSN(BPF_LD | BPF_IMM | BPF_DW, 4, 0, 0, (s32)flags);
		insns[n++] = INSN(0, 0, 0, 0, (s32)(flags >> 32));
	}
	insns[n++] = CALL(helper);
	insns[n++] = EXIT();
	fd = kernel_load(&hook, insns, n, 1);
	if (fd < 0)
		return INT64_MIN;
	attr.test.prog_fd = (u32)fd;
	if (test_run(&attr)) {
		close(fd);
		return INT64_MIN;
	}
	close(fd);
	return (s32)attr.test.retval;
}

static s64 in_skep(s32 helper, struct map *map, u64 size, u64 flags)
{
	static u8 room[ROOM] __attribute__((aligned(8)));
	u64 first = map ? (u64)(uintptr_t)map : (u64)(uintptr_t)room;

	memset(room, 0xaa, sizeof(room));
	return (s32)helper_body((u32)helper)(0, first, map ? flags : size, flags, 0, &run_slot);
}

static const u64 flag_sets[] = {
	BPF_F_USER_STACK,
	BPF_F_USER_STACK | BPF_F_USER_BUILD_ID,
	BPF_F_USER_BUILD_ID,
	BPF_F_USER_STACK | BPF_F_FAST_STACK_CMP,
	BPF_F_USER_STACK | BPF_F_REUSE_STACKID,
	BPF_F_USER_STACK | 1ull << 32,
	BPF_F_USER_STACK | 1 << 12,
};
static const u32 skips[] = { 0, 1, 2, 3, 100, 126, 127, 128, 255 };

static void compare_get_stack(void)
{
	u32 wrong = 0;

	for (u32 size = 0; size <= ROOM; size += 4)
		for (u32 f = 0; f < ARRAY_SIZE(flag_sets); f++)
			for (u32 s = 0; s < ARRAY_SIZE(skips); s++) {
				u64 flags = flag_sets[f] | skips[s];
				s64 theirs = in_kernel(BPF_FUNC_get_stack, -1, size, flags);
				s64 ours = in_skep(BPF_FUNC_get_stack, NULL, size, flags);

				if (theirs == INT64_MIN || ours == theirs)
					continue;
				if (wrong++ < 10)
					printf("# size %u flags 0x%llx: kernel %lld, skep %lld\n",
					       size, (unsigned long long)flags, (long long)theirs,
					       (long long)ours);
			}
	is(wrong, 0, "get_stack: sizes, frames to skip, flags");
}

static void compare_get_stackid(int kernel_map, struct map *map)
{
	u32 wrong = 0;

	for (u32 f = 0; f < ARRAY_SIZE(flag_sets); f++)
		for (u32 s = 0; s < ARRAY_SIZE(skips); s++) {
			u64 flags = flag_sets[f] | skips[s] | BPF_F_REUSE_STACKID;
			s64 theirs = in_kernel(BPF_FUNC_get_stackid, kernel_map, 0, flags);
			s64 ours = in_skep(BPF_FUNC_get_stackid, map, 0, flags);

			if (theirs == INT64_MIN || min(ours, (s64)0) == min(theirs, (s64)0))
				continue;
			if (wrong++ < 10)
				printf("# flags 0x%llx: kernel %lld, skep %lld\n",
				       (unsigned long long)flags, (long long)theirs,
				       (long long)ours);
		}
	is(wrong, 0, "get_stackid: frames to skip, flags");
}

static void with_kernel(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_STACK_TRACE,
		.key_size = 4,
		.value_size = 16 * 8,
		.max_entries = 64,
	};
	int fd = linux_bpf(BPF_MAP_CREATE, &attr, sizeof(attr)), err;
	struct map *map = make_map(BPF_MAP_TYPE_STACK_TRACE, 4, 16 * 8, 64, 0, &err);
	s64 bytes = fd < 0 ? -1 : in_kernel(BPF_FUNC_get_stack, -1, ROOM, BPF_F_USER_STACK);

	if (bytes < 0 || !map) {
		skip("bpf(2) is not permitted here");
		map_free(map);
		return;
	}
	is(bytes, (FRAMES + 1) * 8, "a stack of %d frames", FRAMES + 1);
	depth = FRAMES + 1;
	compare_get_stack();
	compare_get_stackid(fd, map);
	close(fd);
	map_free(map);
}

/* One bucket: every stack has its id. */
static void collisions(void)
{
	u64 value[4], a[2] = { 1, 2 }, b[3] = { 3, 4, 5 };
	struct map *map;
	u32 key = 0;
	int err;

	map = make_map(BPF_MAP_TYPE_STACK_TRACE, 4, 32, 1, 0, &err);
	if (!map) {
		ok(0, "a map of one bucket: %d", err);
		return;
	}
	is(stack_trace_put(map, a, NULL, 2, 0), 0, "the first stack");
	is(stack_trace_put(map, a, NULL, 2, 0), 0, "again: the same id");
	is(stack_trace_put(map, b, NULL, 3, 0), -EEXIST, "another stack of that id is refused");
	is(stack_trace_put(map, b, NULL, 3, BPF_F_FAST_STACK_CMP), -EEXIST,
	   "comparing hashes only: they differ");
	is(stack_trace_put(map, b, NULL, 3, BPF_F_REUSE_STACKID), 0, "or takes its place");
	is(map_sys_lookup(map, &key, value, 0), 0, "it is there");
	ok(value[0] == 3 && value[2] == 5 && !value[3], "with zeroes after it");
	map_free(map);
}

static void as_ids(struct task *task, struct bpf_stack_build_id *id)
{
	(void)task;
	id->offset = id->ip + 0x100;
	id->status = BPF_STACK_BUILD_ID_VALID;
	id->build_id[0] = 7;
}

static void build_ids(void)
{
	struct bpf_stack_build_id value[4];
	struct map *map;
	u32 key;
	int err;

	map = make_map(BPF_MAP_TYPE_STACK_TRACE, 4, sizeof(value), 8, BPF_F_STACK_BUILD_ID, &err);
	if (!map) {
		ok(0, "a map of build ids: %d", err);
		return;
	}
	depth = 3;
	ops.build_id = as_ids;
	key = (u32)in_skep(BPF_FUNC_get_stackid, map, 0, BPF_F_USER_STACK | 1);
	is(map_sys_lookup(map, &key, value, 0), 0, "a stack by build ids");
	ok(value[0].status == BPF_STACK_BUILD_ID_VALID && value[0].offset == 0x1101 &&
		   value[0].build_id[0] == 7,
	   "build id and offset, the skipped frame left out");
	ok(value[1].offset == 0x1102 && value[2].status == BPF_STACK_BUILD_ID_EMPTY,
	   "and no more than there are");
	is(in_skep(BPF_FUNC_get_stackid, map, 0, BPF_F_USER_STACK | 1), key, "again: the same id");
	map_free(map);
}

int main(void)
{
	ops = run_task_ops;
	ops.stack = same_depth;
	run_task.ops = &ops;
	with_kernel();
	collisions();
	build_ids();
	return done();
}
