/* SPDX-License-Identifier: BSD-2-Clause */
/* The element commands: every map type, flags, keys absent and out of range, access modes, freezing. */
#include "bpf/both.h"

#include <sys/mman.h>

static int type_now;

static int make(struct ask *ask, unsigned int flags)
{
	unsigned int key = 4, value = 8, entries = 4;

	switch (type_now) {
	case BPF_MAP_TYPE_RINGBUF: key = value = 0, entries = 4096; break;
	case BPF_MAP_TYPE_QUEUE:
	case BPF_MAP_TYPE_STACK:
	case BPF_MAP_TYPE_BLOOM_FILTER: key = 0; break;
	case BPF_MAP_TYPE_LPM_TRIE: key = 8, flags |= BPF_F_NO_PREALLOC; break;
	case BPF_MAP_TYPE_PROG_ARRAY:
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
	case BPF_MAP_TYPE_CGROUP_ARRAY: value = 4; break;
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
		entries = 8192; /* so that nothing is evicted: when is by CPU and chance */
		break;
	case BPF_MAP_TYPE_DEVMAP:
	case BPF_MAP_TYPE_DEVMAP_HASH: value = 4; break;
	}
	return BPF(ask, BPF_MAP_CREATE, .map_type = (__u32)type_now, .key_size = key,
		   .value_size = value, .max_entries = entries, .map_flags = flags);
}

static __u64 key[2], value[64], next[2];

#define ELEM(cmd, what, k, ...)                                                               \
	({                                                                                    \
		memset(key, 0, sizeof(key));                                                  \
		memcpy(key, &(__u32){ k }, 4);                                                \
		note(ask, what,                                                               \
		     BPF(ask, cmd, .map_fd = (__u32)fd, .key = PTR(key), .value = PTR(value), \
			 ##__VA_ARGS__));                                                     \
	})

#define DELETE(what, k)                                                                    \
	({                                                                                 \
		memset(key, 0, sizeof(key));                                               \
		memcpy(key, &(__u32){ k }, 4);                                             \
		note(ask, what,                                                            \
		     BPF(ask, BPF_MAP_DELETE_ELEM, .map_fd = (__u32)fd, .key = PTR(key))); \
	})

static void absent(struct ask *ask, int fd)
{
	static const __u32 keys[] = { 0, 1, 3, 4, 5, 32, 33, 0xffffffff };

	for (unsigned int i = 0; i < 8; i++) {
		ask->key = keys[i];
		memset(value, 0, sizeof(value));
		ELEM(BPF_MAP_LOOKUP_ELEM, "lookup in empty", keys[i]);
		memset(value, 0, sizeof(value));
		ELEM(BPF_MAP_LOOKUP_AND_DELETE_ELEM, "take from empty", keys[i]);
		DELETE("delete from empty", keys[i]);
		memset(next, 0, sizeof(next));
		note(ask, "next",
		     BPF(ask, BPF_MAP_GET_NEXT_KEY, .map_fd = (__u32)fd, .key = PTR(key),
			 .next_key = PTR(next)));
		note(ask, "next key", (long long)next[0]);
	}
	ask->key = 0;
	memset(next, 0, sizeof(next));
	note(ask, "first",
	     BPF(ask, BPF_MAP_GET_NEXT_KEY, .map_fd = (__u32)fd, .next_key = PTR(next)));
	note(ask, "first key", (long long)next[0]);
	note(ask, "lookup without key",
	     BPF(ask, BPF_MAP_LOOKUP_ELEM, .map_fd = (__u32)fd, .value = PTR(value)));
	note(ask, "take without key",
	     BPF(ask, BPF_MAP_LOOKUP_AND_DELETE_ELEM, .map_fd = (__u32)fd, .value = PTR(value)));
}

static void fill(struct ask *ask, int fd)
{
	static const __u64 flags[] = { BPF_ANY, BPF_NOEXIST, BPF_EXIST,
				       3,	BPF_F_LOCK,  BPF_F_LOCK | BPF_EXIST,
				       8,	1ull << 32 };

	for (__u32 k = 0; k < 7; k++)
		for (unsigned int f = 0; f < 8; f++) {
			ask->key = (long)(k * 100 + f);
			memset(value, 0, sizeof(value));
			value[0] = k * 10 + f + 1;
			if (type_now == BPF_MAP_TYPE_DEVMAP || type_now == BPF_MAP_TYPE_DEVMAP_HASH)
				value[0] = 1; /* the loopback interface */
			ELEM(BPF_MAP_UPDATE_ELEM, "update key*100+flag", k, .flags = flags[f]);
			memset(value, 0, sizeof(value));
			ELEM(BPF_MAP_LOOKUP_ELEM, "lookup after update", k);
			note(ask, "value after update", (long long)value[0]);
			ELEM(BPF_MAP_LOOKUP_ELEM, "lookup with flag", k, .flags = flags[f]);
		}
	ask->key = 0;
	note(ask, "update without key",
	     BPF(ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)fd, .value = PTR(value)));
	note(ask, "update without key, new",
	     BPF(ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)fd, .value = PTR(value),
		 .flags = BPF_NOEXIST));
}

static void empty(struct ask *ask, int fd)
{
	int count = 0, ret;

	memset(key, 0, sizeof(key));
	for (ret = BPF(ask, BPF_MAP_GET_NEXT_KEY, .map_fd = (__u32)fd, .next_key = PTR(next));
	     !ret && count < 100; count++) {
		memcpy(key, next, sizeof(key));
		ret = BPF(ask, BPF_MAP_GET_NEXT_KEY, .map_fd = (__u32)fd, .key = PTR(key),
			  .next_key = PTR(next));
	}
	note(ask, "keys walked", count);
	note(ask, "end of walk", ret);
	for (__u32 k = 0; k < 6; k++) {
		ask->key = k;
		memset(value, 0, sizeof(value));
		ELEM(BPF_MAP_LOOKUP_AND_DELETE_ELEM, "take", k);
		note(ask, "taken", (long long)value[0]);
		note(ask, "take without key",
		     BPF(ask, BPF_MAP_LOOKUP_AND_DELETE_ELEM, .map_fd = (__u32)fd,
			 .value = PTR(value)));
		note(ask, "taken", (long long)value[0]);
		DELETE("delete", k);
		DELETE("delete again", k);
	}
}

static void elements(struct ask *ask)
{
	int fd = make(ask, 0);

	note_fd(ask, "map", fd);
	if (fd < 0)
		return;
	absent(ask, fd);
	fill(ask, fd);
	empty(ask, fd);
	close(fd);
}

/* What an fd opened for one direction, or a frozen map, refuses. */
static void access_modes(struct ask *ask)
{
	static const unsigned int modes[] = { 0, BPF_F_RDONLY, BPF_F_WRONLY, BPF_F_RDONLY_PROG,
					      BPF_F_WRONLY_PROG };

	for (unsigned int i = 0; i < 5; i++) {
		int fd = make(ask, modes[i]);

		ask->key = modes[i];
		note_fd(ask, "map", fd);
		if (fd < 0)
			continue;
		for (int frozen = 0; frozen < 2; frozen++) {
			memset(value, 0, sizeof(value));
			value[0] = 1;
			ELEM(BPF_MAP_UPDATE_ELEM, "update", 1);
			ELEM(BPF_MAP_LOOKUP_ELEM, "lookup", 1);
			ELEM(BPF_MAP_LOOKUP_AND_DELETE_ELEM, "take", 1);
			DELETE("delete", 1);
			note(ask, "next",
			     BPF(ask, BPF_MAP_GET_NEXT_KEY, .map_fd = (__u32)fd,
				 .next_key = PTR(next)));
			note(ask, "freeze", BPF(ask, BPF_MAP_FREEZE, .map_fd = (__u32)fd));
		}
		close(fd);
	}
}

/* Fds by id have a mode of their own. */
static void by_id(struct ask *ask)
{
	static const __u32 flags[] = { 0, BPF_F_RDONLY, BPF_F_WRONLY, BPF_F_RDONLY | BPF_F_WRONLY,
				       4 };
	int first = make(ask, 0);
	struct bpf_map_info info = { 0 };

	BPF(ask, BPF_OBJ_GET_INFO_BY_FD,
	    .info = { .bpf_fd = (__u32)first, .info_len = sizeof(info), .info = PTR(&info) });
	for (unsigned int i = 0; i < 5; i++) {
		int fd = BPF(ask, BPF_MAP_GET_FD_BY_ID, .map_id = info.id, .open_flags = flags[i]);

		ask->key = flags[i];
		note_fd(ask, "by id", fd);
		if (fd < 0)
			continue;
		ELEM(BPF_MAP_UPDATE_ELEM, "update", 1);
		ELEM(BPF_MAP_LOOKUP_ELEM, "lookup", 1);
		close(fd);
	}
	close(first);
	note(ask, "gone", BPF(ask, BPF_MAP_GET_FD_BY_ID, .map_id = info.id));
}

static void mapping(struct ask *ask)
{
	int fd = BPF(ask, BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4,
		     .value_size = 8, .max_entries = 100, .map_flags = BPF_F_MMAPABLE);
	volatile __u64 *mem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	note_fd(ask, "mmapable", fd);
	note(ask, "mapped", mem != MAP_FAILED);
	if (mem == MAP_FAILED)
		return;
	mem[3] = 77;
	ELEM(BPF_MAP_LOOKUP_ELEM, "lookup of what was stored", 3);
	note(ask, "its value", (long long)value[0]);
	value[0] = 78;
	ELEM(BPF_MAP_UPDATE_ELEM, "update", 4);
	note(ask, "seen in the mapping", (long long)mem[4]);
	note(ask, "freeze while mapped for writing", BPF(ask, BPF_MAP_FREEZE, .map_fd = (__u32)fd));
	munmap((void *)mem, 4096);
	note(ask, "freeze", BPF(ask, BPF_MAP_FREEZE, .map_fd = (__u32)fd));
	note(ask, "freeze again", BPF(ask, BPF_MAP_FREEZE, .map_fd = (__u32)fd));
	mem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	note(ask, "mapping for writing", mem != MAP_FAILED);
	note(ask, "errno", errno);
	mem = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	note(ask, "mapping for reading", mem != MAP_FAILED);
	if (mem != MAP_FAILED) {
		note(ask, "value", (long long)mem[4]);
		note(ask, "making it writable",
		     mprotect((void *)mem, 4096, PROT_READ | PROT_WRITE));
		munmap((void *)mem, 4096);
	}
	close(fd);
}

int main(void)
{
	static const int types[] = {
		BPF_MAP_TYPE_HASH,	   BPF_MAP_TYPE_ARRAY,
		BPF_MAP_TYPE_PROG_ARRAY,   BPF_MAP_TYPE_PERF_EVENT_ARRAY,
		BPF_MAP_TYPE_LRU_HASH,	   BPF_MAP_TYPE_LPM_TRIE,
		BPF_MAP_TYPE_QUEUE,	   BPF_MAP_TYPE_STACK,
		BPF_MAP_TYPE_RINGBUF,	   BPF_MAP_TYPE_BLOOM_FILTER,
		BPF_MAP_TYPE_STACK_TRACE,  BPF_MAP_TYPE_PERCPU_HASH,
		BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_LRU_PERCPU_HASH,
		BPF_MAP_TYPE_DEVMAP,	   BPF_MAP_TYPE_DEVMAP_HASH,
	};
	char what[64];

	for (unsigned int i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		type_now = types[i];
		snprintf(what, sizeof(what), "type %d, elements", type_now);
		both(what, elements);
		snprintf(what, sizeof(what), "type %d, access modes and freezing", type_now);
		both(what, access_modes);
	}
	type_now = BPF_MAP_TYPE_HASH;
	both("fds by id", by_id);
	both("a mapped array", mapping);
	return done();
}
