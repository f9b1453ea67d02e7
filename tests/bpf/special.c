/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps whose values hold a spin lock or a timer: BPF_F_LOCK everywhere, what is kept and hidden, freezing and mapping. */
#include <sys/mman.h>

#include "bpf/blob.h"

static int create(struct ask *ask, int btf, __u32 type, __u32 value_type, __u32 flags)
{
	__u32 size = value_type == T_TIMED ? 24 : 8;

	return BPF(ask, BPF_MAP_CREATE, .map_type = type, .key_size = 4, .value_size = size,
		   .max_entries = 4, .map_flags = flags, .btf_fd = (__u32)btf,
		   .btf_key_type_id = T_INT, .btf_value_type_id = value_type);
}

static const __u32 types[] = { BPF_MAP_TYPE_HASH,	  BPF_MAP_TYPE_ARRAY,
			       BPF_MAP_TYPE_LRU_HASH,	  BPF_MAP_TYPE_PERCPU_HASH,
			       BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_LPM_TRIE };
static const __u32 values[] = { T_U64, T_LOCKED, T_TIMED };
enum { TYPES = 6, VALUES = 3, CPUS = 1024 };

static void note_bytes(struct ask *ask, const char *what, const unsigned char *bytes, int n)
{
	for (int i = 0; i < n; i += 8)
		note(ask, what, *(const long long *)(bytes + i));
}

static void elements(struct ask *ask)
{
	static unsigned char in[8 * CPUS], out[8 * CPUS];
	int btf = blob_load(ask);

	for (int t = 0; t < TYPES; t++)
		for (int v = 0; v < VALUES; v++) {
			int fd = note_fd(ask, "create", create(ask, btf, types[t], values[v], 0)),
			    n = v == 2 ? 24 : 8;

			for (__u64 flags = 0; flags < 16 && fd >= 0; flags++)
				for (__u32 key = 1; key < 6; key += 2) {
					ask->key = (long)(t * 100000 + v * 10000 +
							  (int)flags * 100 + (int)key);
					memset(in, (int)(0x10 + flags + key), sizeof(in));
					note(ask, "update",
					     BPF(ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)fd,
						 .key = PTR(&key), .value = PTR(in),
						 .flags = flags));
					memset(out, 0x77, sizeof(out));
					note(ask, "lookup",
					     BPF(ask, BPF_MAP_LOOKUP_ELEM, .map_fd = (__u32)fd,
						 .key = PTR(&key), .value = PTR(out),
						 .flags = flags));
					note_bytes(ask, "what it gave", out, n);
					memset(out, 0x77, sizeof(out));
					note(ask, "plain lookup",
					     BPF(ask, BPF_MAP_LOOKUP_ELEM, .map_fd = (__u32)fd,
						 .key = PTR(&key), .value = PTR(out)));
					note_bytes(ask, "what that gave", out, n);
					if (flags % 3)
						continue;
					note(ask, "take",
					     BPF(ask, BPF_MAP_LOOKUP_AND_DELETE_ELEM,
						 .map_fd = (__u32)fd, .key = PTR(&key),
						 .value = PTR(out), .flags = flags));
					note_bytes(ask, "what was taken", out, n);
				}
			if (fd >= 0)
				close(fd);
		}
	close(btf);
}

static void batches(struct ask *ask)
{
	static unsigned char in[4 * 8 * CPUS], out[4 * 8 * CPUS];
	static const int cmds[] = { BPF_MAP_UPDATE_BATCH, BPF_MAP_LOOKUP_BATCH,
				    BPF_MAP_LOOKUP_AND_DELETE_BATCH, BPF_MAP_DELETE_BATCH };
	int btf = blob_load(ask);

	for (int t = 0; t < TYPES; t++)
		for (int v = 0; v < VALUES; v++) {
			int fd = note_fd(ask, "create", create(ask, btf, types[t], values[v], 0));

			for (__u64 flags = 0; flags < 32 && fd >= 0; flags++)
				for (int c = 0; c < 4; c++) {
					__u32 keys[4] = { 0, 1, 2, 3 };
					char cursor[64];
					union bpf_attr attr = {
						.batch = { .map_fd = (__u32)fd,
							   .count = 4,
							   .elem_flags = flags % 16,
							   .flags = flags / 16,
							   .keys = PTR(keys),
							   .values = PTR(c ? out : in),
							   .out_batch = PTR(cursor) }
					};

					ask->key = (long)(t * 100000 + v * 10000 + (int)flags * 10 +
							  c);
					memset(in, (int)(0x10 + flags), sizeof(in));
					memset(out, 0, sizeof(out));
					note(ask, "batch",
					     ask_bpf(ask, cmds[c], &attr, sizeof(attr)));
					note(ask, "count", attr.batch.count);
					if (c == 1 || c == 2)
						note_bytes(ask, "first value", out,
							   v == 2 ? 24 : 8);
				}
			if (fd >= 0)
				close(fd);
		}
	close(btf);
}

static void freezing(struct ask *ask)
{
	static const __u32 flags[] = { 0,
				       BPF_F_MMAPABLE,
				       BPF_F_RDONLY_PROG,
				       BPF_F_MMAPABLE | BPF_F_RDONLY_PROG,
				       BPF_F_RDONLY,
				       BPF_F_WRONLY,
				       BPF_F_MMAPABLE | BPF_F_RDONLY,
				       BPF_F_MMAPABLE | BPF_F_WRONLY,
				       BPF_F_MMAPABLE | BPF_F_WRONLY_PROG };
	int btf = blob_load(ask);

	for (int t = 0; t < TYPES; t++)
		for (int v = 0; v < VALUES; v++)
			for (int f = 0; f < 9; f++) {
				int fd, n = getpagesize();
				void *mem;

				ask->key = t * 100 + v * 10 + f;
				fd = note_fd(ask, "create",
					     create(ask, btf, types[t], values[v], flags[f]));
				if (fd < 0)
					continue;
				mem = mmap(NULL, (size_t)n, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
					   0);
				note(ask, "mapped", mem != MAP_FAILED);
				note(ask, "freeze", BPF(ask, BPF_MAP_FREEZE, .map_fd = (__u32)fd));
				if (mem != MAP_FAILED)
					munmap(mem, (size_t)n);
				note(ask, "freeze unmapped",
				     BPF(ask, BPF_MAP_FREEZE, .map_fd = (__u32)fd));
				note(ask, "freeze again",
				     BPF(ask, BPF_MAP_FREEZE, .map_fd = (__u32)fd));
				mem = mmap(NULL, (size_t)n, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
					   0);
				note(ask, "mapped for writing", mem != MAP_FAILED);
				if (mem != MAP_FAILED)
					munmap(mem, (size_t)n);
				mem = mmap(NULL, (size_t)n, PROT_READ, MAP_SHARED, fd, 0);
				/* an fd for reading Linux does not map at all, skep for reading */
				note(ask, "mapped for reading",
				     mem != MAP_FAILED && !(flags[f] & BPF_F_RDONLY));
				if (mem != MAP_FAILED)
					munmap(mem, (size_t)n);
				close(fd);
			}
	close(btf);
}

int main(void)
{
	blob_build();
	both("elements", elements);
	both("batches", batches);
	both("freezing and mapping", freezing);
	return done();
}
