/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_MAP_CREATE: every type with sizes, counts and flags at and beyond their limits; names; what info says. */
#include "bpf/both.h"

static const unsigned int sizes[] = { 0, 1, 4, 8, 12, 512, 65536, 0x7fffffff, 0xffffffff };
static const unsigned int counts[] = { 0, 1, 3, 4096, 5000 };

/* Types whose creation needs what a test machine may lack, or what skep says EOPNOTSUPP to, are told apart below. */
static int left_out(int type)
{
	switch (type) {
	case BPF_MAP_TYPE_CGROUP_ARRAY:
	case BPF_MAP_TYPE_SOCKMAP:
	case BPF_MAP_TYPE_CPUMAP:
	case BPF_MAP_TYPE_XSKMAP:
	case BPF_MAP_TYPE_SOCKHASH:
	case BPF_MAP_TYPE_CGROUP_STORAGE:
	case BPF_MAP_TYPE_REUSEPORT_SOCKARRAY:
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
	case BPF_MAP_TYPE_SK_STORAGE:
	case BPF_MAP_TYPE_STRUCT_OPS:
	case BPF_MAP_TYPE_INODE_STORAGE:
	case BPF_MAP_TYPE_TASK_STORAGE:
	case BPF_MAP_TYPE_USER_RINGBUF:
	case BPF_MAP_TYPE_CGRP_STORAGE:
	case BPF_MAP_TYPE_ARENA: return 1;
	default: return 0;
	}
}

static int type_now;

static void by_size(struct ask *ask)
{
	for (unsigned int k = 0; k < sizeof(sizes) / 4; k++)
		for (unsigned int v = 0; v < sizeof(sizes) / 4; v++)
			for (unsigned int n = 0; n < sizeof(counts) / 4; n++) {
				int fd;

				if ((unsigned long long)sizes[v] * counts[n] > 1 << 26)
					continue; /* how much memory there is decides */
				ask->key = (long)sizes[k] * 1000000000 + sizes[v] % 100000 * 10000 +
					   counts[n];
				fd = make_map(ask, (unsigned int)type_now, sizes[k], sizes[v],
					      counts[n]);
				if (ask->count < 2000)
					note_fd(ask, "key*1e9 + value*1e4 + entries", fd);
				if (fd >= 0)
					close(fd);
			}
}

/* Sizes that each type takes, to try flags with. */
static void good_sizes(int type, unsigned int *key, unsigned int *value, unsigned int *entries)
{
	*key = *value = 4;
	*entries = 16;
	if (type == BPF_MAP_TYPE_RINGBUF) {
		*key = *value = 0;
		*entries = 4096;
	}
	if (type == BPF_MAP_TYPE_QUEUE || type == BPF_MAP_TYPE_STACK ||
	    type == BPF_MAP_TYPE_BLOOM_FILTER)
		*key = 0;
	if (type == BPF_MAP_TYPE_LPM_TRIE)
		*key = 8;
	if (type == BPF_MAP_TYPE_STACK_TRACE)
		*value = 8;
}

static void by_flag(struct ask *ask)
{
	unsigned int key, value, entries;

	good_sizes(type_now, &key, &value, &entries);
	for (int bit = -1; bit < 32; bit++) {
		unsigned int flags = bit < 0 ? 0 : 1u << bit;
		struct bpf_map_info info = { 0 };
		int fd;

		if (type_now == BPF_MAP_TYPE_LPM_TRIE)
			flags |= BPF_F_NO_PREALLOC;
		if (type_now == BPF_MAP_TYPE_STACK_TRACE && bit == 5)
			value = 32;
		ask->key = bit;
		fd = BPF(ask, BPF_MAP_CREATE, .map_type = (__u32)type_now, .key_size = key,
			 .value_size = value, .max_entries = entries, .map_flags = flags,
			 .map_name = "name_1.x");
		note_fd(ask, "flag", fd);
		if (fd < 0)
			continue;
		note(ask, "info",
		     BPF(ask, BPF_OBJ_GET_INFO_BY_FD,
			 .info = { .bpf_fd = (__u32)fd,
				   .info_len = sizeof(info),
				   .info = PTR(&info) }));
		note(ask, "info type", info.type);
		note(ask, "info key", info.key_size);
		note(ask, "info value", info.value_size);
		note(ask, "info entries", info.max_entries);
		note(ask, "info flags", info.map_flags);
		note(ask, "info name", strcmp(info.name, "name_1.x"));
		close(fd);
	}
}

/* Two flags at a time, and what map_extra may be. */
static void by_pair(struct ask *ask)
{
	static const __u64 extras[] = { 1, 2, 15, 16, 255, 1ull << 32, ~0ull };
	unsigned int key, value, entries;

	good_sizes(type_now, &key, &value, &entries);
	for (int pair = 0; pair < 20 * 20; pair++) {
		unsigned int flags = 1u << pair / 20 | 1u << pair % 20;
		int fd;

		ask->key = pair;
		fd = BPF(ask, BPF_MAP_CREATE, .map_type = (__u32)type_now, .key_size = key,
			 .value_size = value, .max_entries = entries, .map_flags = flags);
		note_fd(ask, "pair of flags", fd);
		if (fd >= 0)
			close(fd);
	}
	for (unsigned int i = 0; i < 2 * sizeof(extras) / sizeof(extras[0]); i++) {
		int fd =
			BPF(ask, BPF_MAP_CREATE, .map_type = (__u32)type_now, .key_size = key,
			    .value_size = value, .max_entries = entries,
			    .map_flags = i % 2 ? BPF_F_NO_PREALLOC : 0, .map_extra = extras[i / 2]);

		ask->key = i;
		note_fd(ask, "map_extra", fd);
		if (fd >= 0)
			close(fd);
	}
}

static void names(struct ask *ask)
{
	static const char texts[][17] = {
		"", "a", "fifteen_letters", "sixteen_letters_", "a b", "a-b", "a.b", "ü", "a\0b"
	};

	for (unsigned int i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		union bpf_attr attr = { .map_type = BPF_MAP_TYPE_HASH,
					.key_size = 4,
					.value_size = 4,
					.max_entries = 1 };
		int fd;

		memcpy(attr.map_name, texts[i], 16);
		fd = note_fd(ask, "name", ask_bpf(ask, BPF_MAP_CREATE, &attr, sizeof(attr)));
		if (fd >= 0)
			close(fd);
	}
}

static void fields(struct ask *ask)
{
#define TRY(...)                                                                                 \
	({                                                                                       \
		int try_fd = BPF(ask, BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY,            \
				 .key_size = 4, .value_size = 4, .max_entries = 1, __VA_ARGS__); \
		note_fd(ask, #__VA_ARGS__, try_fd);                                              \
		if (try_fd >= 0)                                                                 \
			close(try_fd);                                                           \
	})
	TRY(.map_flags = BPF_F_RDONLY | BPF_F_WRONLY);
	TRY(.map_flags = BPF_F_NUMA_NODE);
	TRY(.map_flags = BPF_F_NUMA_NODE, .numa_node = 1000);
	TRY(.numa_node = 1000);
	TRY(.map_ifindex = 1);
	TRY(.map_ifindex = 12345);
	TRY(.inner_map_fd = 5);
	TRY(.btf_fd = 5);
	TRY(.btf_key_type_id = 1);
	TRY(.btf_key_type_id = 1, .btf_value_type_id = 1, .btf_fd = 12345);
	TRY(.btf_value_type_id = 1, .btf_fd = 0);
	TRY(.btf_vmlinux_value_type_id = 1);
	TRY(.map_extra = 1);
	TRY(.value_type_btf_obj_fd = 1);
	TRY(.map_token_fd = 1);
	TRY(.map_flags = BPF_F_TOKEN_FD, .map_token_fd = -1);
	TRY(.map_flags = BPF_F_TOKEN_FD, .map_token_fd = 0);
	TRY(.excl_prog_hash_size = 32);
	TRY(.excl_prog_hash_size = 31);
	note(ask, "struct_ops of no type", make_map(ask, BPF_MAP_TYPE_STRUCT_OPS, 4, 0, 1));
	note(ask, "type 0", make_map(ask, 0, 4, 4, 1));
	note(ask, "type 34", make_map(ask, 34, 4, 4, 1));
	note(ask, "type 4294967295", make_map(ask, 0xffffffff, 4, 4, 1));
}

static void inner(struct ask *ask)
{
	static const int types[] = { BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_MAP_TYPE_HASH_OF_MAPS };
	int array = make_map(ask, BPF_MAP_TYPE_ARRAY, 4, 8, 2),
	    other = make_map(ask, BPF_MAP_TYPE_ARRAY, 4, 16, 2);
	int hash = make_map(ask, BPF_MAP_TYPE_HASH, 4, 8, 2),
	    prog = make_prog(ask, BPF_PROG_TYPE_XDP, 0);
	int progs = make_map(ask, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 2);

	for (int i = 0; i < 2; i++) {
		int with[] = { array, other, hash, prog, progs, -1 };
		__u32 key = 0;
		int outer = BPF(ask, BPF_MAP_CREATE, .map_type = (__u32)types[i], .key_size = 4,
				.value_size = 4, .max_entries = 2, .inner_map_fd = (__u32)array),
		    bad;

		note_fd(ask, "map in map", outer);
		for (unsigned int j = 0; j < 6; j++) {
			ask->key = j;
			note(ask, "put in",
			     BPF(ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)outer, .key = PTR(&key),
				 .value = PTR(&with[j])));
			bad = note_fd(ask, "as template",
				      BPF(ask, BPF_MAP_CREATE, .map_type = (__u32)types[i],
					  .key_size = 4, .value_size = 4, .max_entries = 2,
					  .inner_map_fd = (__u32)with[j]));
			if (bad >= 0)
				close(bad);
		}
		bad = note_fd(ask, "nested twice",
			      BPF(ask, BPF_MAP_CREATE, .map_type = (__u32)types[i], .key_size = 4,
				  .value_size = 4, .max_entries = 2, .inner_map_fd = (__u32)outer));
		if (bad >= 0)
			close(bad);
		close(outer);
	}
	close(array), close(other), close(hash), close(prog), close(progs);
}

int main(void)
{
	char what[64];

	for (type_now = 1; type_now < __MAX_BPF_MAP_TYPE; type_now++) {
		if (left_out(type_now) || type_now == BPF_MAP_TYPE_ARRAY_OF_MAPS ||
		    type_now == BPF_MAP_TYPE_HASH_OF_MAPS)
			continue;
		snprintf(what, sizeof(what), "type %d by size", type_now);
		both(what, by_size);
		snprintf(what, sizeof(what), "type %d by flag", type_now);
		both(what, by_flag);
		snprintf(what, sizeof(what), "pairs of flags, type %d", type_now);
		both(what, by_pair);
	}
	both("names", names);
	both("fields", fields);
	both("maps of maps", inner);
	return done();
}
