/* SPDX-License-Identifier: BSD-2-Clause */
/* The batch commands: which types take which, counts, tokens, flags, what a partial batch reports. */
#include "bpf/both.h"

enum { N = 100 };

static __u32 keys[2 * N];
static __u64 values[64 * N];

static int batch(struct ask *ask, int cmd, int fd, void *in, void *out, __u32 *count,
		 __u64 elem_flags, __u64 flags)
{
	union bpf_attr attr;
	int ret;

	memset(&attr, 0, sizeof(attr));
	attr.batch.map_fd = (__u32)fd;
	attr.batch.in_batch = PTR(in);
	attr.batch.out_batch = PTR(out);
	attr.batch.keys = PTR(keys);
	attr.batch.values = PTR(values);
	attr.batch.count = *count;
	attr.batch.elem_flags = elem_flags;
	attr.batch.flags = flags;
	ret = ask_bpf(ask, cmd, &attr, sizeof(attr));
	*count = attr.batch.count;
	return ret;
}

static void fill(int count)
{
	for (int i = 0; i < count; i++) {
		keys[i] = (__u32)i;
		values[i] = (__u64)i + 1;
	}
}

/* Everything of every type: some take no batches at all. */
static void by_type(struct ask *ask)
{
	static const int cmds[] = { BPF_MAP_UPDATE_BATCH, BPF_MAP_LOOKUP_BATCH,
				    BPF_MAP_DELETE_BATCH, BPF_MAP_LOOKUP_AND_DELETE_BATCH };
	static const int types[] = {
		BPF_MAP_TYPE_HASH,	  BPF_MAP_TYPE_ARRAY,
		BPF_MAP_TYPE_PROG_ARRAY,  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
		BPF_MAP_TYPE_LRU_HASH,	  BPF_MAP_TYPE_QUEUE,
		BPF_MAP_TYPE_RINGBUF,	  BPF_MAP_TYPE_BLOOM_FILTER,
		BPF_MAP_TYPE_STACK_TRACE, BPF_MAP_TYPE_PERCPU_ARRAY,
		BPF_MAP_TYPE_PERCPU_HASH, BPF_MAP_TYPE_LRU_PERCPU_HASH,
		BPF_MAP_TYPE_DEVMAP,	  BPF_MAP_TYPE_DEVMAP_HASH,
	};

	for (unsigned int t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
		int ring = types[t] == BPF_MAP_TYPE_RINGBUF;
		int keyless =
			types[t] == BPF_MAP_TYPE_QUEUE || types[t] == BPF_MAP_TYPE_BLOOM_FILTER;
		int narrow = types[t] == BPF_MAP_TYPE_PROG_ARRAY ||
			     types[t] == BPF_MAP_TYPE_PERF_EVENT_ARRAY ||
			     types[t] == BPF_MAP_TYPE_DEVMAP ||
			     types[t] == BPF_MAP_TYPE_DEVMAP_HASH;
		int fd = make_map(ask, (__u32)types[t], ring || keyless ? 0 : 4,
				  ring	   ? 0
				  : narrow ? 4
					   : 8,
				  ring ? 4096 : N);

		for (int c = 0; c < 4; c++) {
			__u32 count = 0, in = 0;

			ask->key = types[t];
			note(ask, "count 0", batch(ask, cmds[c], fd, NULL, &in, &count, 0, 0));
			if (narrow || keyless || ring)
				continue;
			/* Never two elements: Linux hands out whole buckets of a seeded hash. */
			count = 1;
			fill(N);
			note(ask, "bad element flag",
			     batch(ask, cmds[c], fd, NULL, &in, &count, 8, 0));
			note(ask, "lock without lock",
			     batch(ask, cmds[c], fd, NULL, &in, &count, BPF_F_LOCK, 0));
			note(ask, "flags", batch(ask, cmds[c], fd, NULL, &in, &count, 0, 1));
			count = 1;
			note(ask, "one", batch(ask, cmds[c], fd, NULL, &in, &count, 0, 0));
			note(ask, "count", count);
		}
		close(fd);
	}
}

static void walk(struct ask *ask, int type, int cmd, __u32 step)
{
	/* Linux's LRU evicts before it is full, sooner when the caller moves to another CPU. */
	__u32 room = type == BPF_MAP_TYPE_LRU_HASH ? 64 * N : N;
	int fd = make_map(ask, (__u32)type, 4, 8, room), ret = 0, rounds = 0, total = 0;
	__u32 count = N, token[4] = { 0 };
	__u64 sum = 0;

	fill(N);
	note(ask, "update", batch(ask, BPF_MAP_UPDATE_BATCH, fd, NULL, NULL, &count, 0, 0));
	note(ask, "updated", count);
	for (; !ret && rounds < 3 * N; rounds++) {
		count = step;
		ret = batch(ask, cmd, fd, rounds ? token : NULL, token, &count, 0, 0);
		for (__u32 i = 0; i < count && (!ret || ret == -ENOENT); i++)
			sum += values[i];
		total += ret && ret != -ENOENT ? 0 : (int)count;
	}
	note(ask, "elements walked", total);
	note(ask, "their sum", (long long)sum);
	note(ask, "end", ret);
	count = N;
	fill(N);
	note(ask, "delete", batch(ask, BPF_MAP_DELETE_BATCH, fd, NULL, NULL, &count, 0, 0));
	note(ask, "deleted", count);
	close(fd);
}

static void array_walk(struct ask *ask)
{
	walk(ask, BPF_MAP_TYPE_ARRAY, BPF_MAP_LOOKUP_BATCH, 7);
	walk(ask, BPF_MAP_TYPE_ARRAY, BPF_MAP_LOOKUP_BATCH, N);
	walk(ask, BPF_MAP_TYPE_ARRAY, BPF_MAP_LOOKUP_BATCH, 2 * N);
}

/* A hash hands out whole buckets on Linux, so the rounds differ; the elements may not. */
static void hash_walk(struct ask *ask)
{
	walk(ask, BPF_MAP_TYPE_HASH, BPF_MAP_LOOKUP_BATCH, 20);
	walk(ask, BPF_MAP_TYPE_HASH, BPF_MAP_LOOKUP_BATCH, 2 * N);
	walk(ask, BPF_MAP_TYPE_HASH, BPF_MAP_LOOKUP_AND_DELETE_BATCH, 20);
	walk(ask, BPF_MAP_TYPE_HASH, BPF_MAP_LOOKUP_AND_DELETE_BATCH, 2 * N);
	walk(ask, BPF_MAP_TYPE_LRU_HASH, BPF_MAP_LOOKUP_BATCH, 2 * N);
}

static void partial(struct ask *ask)
{
	int fd = make_map(ask, BPF_MAP_TYPE_HASH, 4, 8, 10);
	__u32 count = 20;

	fill(N);
	note(ask, "more than fit", batch(ask, BPF_MAP_UPDATE_BATCH, fd, NULL, NULL, &count, 0, 0));
	note(ask, "done", count);
	keys[3] = 1000;
	count = 10;
	note(ask, "one is missing", batch(ask, BPF_MAP_DELETE_BATCH, fd, NULL, NULL, &count, 0, 0));
	note(ask, "done", count);
	count = 10;
	note(ask, "token from nowhere",
	     batch(ask, BPF_MAP_LOOKUP_BATCH, fd, &(__u32){ 0xfffffff0 }, &count, &count, 0, 0));
	close(fd);
	fd = BPF(ask, BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4,
		 .value_size = 8, .max_entries = 4, .map_flags = BPF_F_RDONLY);
	count = 2;
	note(ask, "update, read only",
	     batch(ask, BPF_MAP_UPDATE_BATCH, fd, NULL, NULL, &count, 0, 0));
	close(fd);
}

int main(void)
{
	both("batches by type", by_type);
	both("walking an array", array_walk);
	both("walking hashes", hash_walk);
	both("partial batches", partial);
	return done();
}
