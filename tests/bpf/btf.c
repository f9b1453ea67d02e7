/* SPDX-License-Identifier: BSD-2-Clause */
/* BTF objects: BTF_LOAD's attributes and log, info, ids; and which key and value types each map type takes. */
#include "bpf/blob.h"

#pragma GCC diagnostic ignored "-Woverride-init"
static __u32 whole;
#define LOAD(...)                                                                          \
	({                                                                                 \
		int load_fd = BPF(ask, BPF_BTF_LOAD, .btf = PTR(&blob), .btf_size = whole, \
				  ##__VA_ARGS__);                                          \
		note_fd(ask, #__VA_ARGS__, load_fd);                                       \
		if (load_fd >= 0)                                                          \
			close(load_fd);                                                    \
	})

static void attributes(struct ask *ask)
{
	static char log[8192];

	LOAD();
	LOAD(.btf = 0);
	LOAD(.btf = 64);
	LOAD(.btf_size = 0);
	LOAD(.btf_size = 4);
	LOAD(.btf_size = 24);
	LOAD(.btf_size = 16 << 20, .btf = 64);
	LOAD(.btf_size = (16 << 20) + 1);
	LOAD(.btf_size = 0xffffffff);
	LOAD(.btf_flags = 1);
	LOAD(.btf_flags = BPF_F_TOKEN_FD);
	LOAD(.btf_flags = BPF_F_TOKEN_FD, .btf_token_fd = 12345);
	LOAD(.btf_token_fd = 1);
	LOAD(.btf_log_level = 1);
	LOAD(.btf_log_size = 100);
	LOAD(.btf_log_buf = PTR(log));
	LOAD(.btf_log_level = 1, .btf_log_size = 100);
	LOAD(.btf_log_buf = PTR(log), .btf_log_size = sizeof(log));
	LOAD(.btf_log_level = 16, .btf_log_buf = PTR(log), .btf_log_size = sizeof(log));
	for (__u32 level = 1; level < 9; level++)
		for (__u32 room = 16; room <= sizeof(log); room *= 8) {
			union bpf_attr attr = { .btf = PTR(&blob),
						.btf_size = blob_size(),
						.btf_log_level = level,
						.btf_log_buf = PTR(log),
						.btf_log_size = room };
			int fd;

			memset(log, 0, sizeof(log));
			ask->key = level * 100000 + room;
			fd = note_fd(ask, "load with a log",
				     ask_bpf(ask, BPF_BTF_LOAD, &attr, sizeof(attr)));
			note(ask, "true size", attr.btf_log_true_size);
			note(ask, "length", (long long)strlen(log));
			if (fd >= 0)
				close(fd);
		}
}

/* Asks for info with room for so much text, and notes what does not depend on the BTF. */
static void ask_info(struct ask *ask, int fd, struct bpf_btf_info *info, char *text, __u32 room)
{
	memset(text, 'x', 64);
	text[20] = 0;
	info->name = room ? PTR(text) : 0;
	info->name_len = room;
	ask->key = room;
	note(ask, "info",
	     BPF(ask, BPF_OBJ_GET_INFO_BY_FD,
		 .info = { .bpf_fd = (__u32)fd, .info_len = sizeof(*info), .info = PTR(info) }));
	note(ask, "size", info->btf_size);
	note(ask, "kernel", info->kernel_btf);
	note(ask, "name length", info->name_len);
	note(ask, "name", text[0] * 256 + (long long)strlen(text));
}

static void info(struct ask *ask)
{
	static char bytes[2048], text[64];
	int fd = blob_load(ask), other;

	for (__u32 room = 0; room < 20; room += 3) {
		struct bpf_btf_info info = { .btf = PTR(bytes), .btf_size = room * 100 };

		memset(bytes, 0, sizeof(bytes));
		ask_info(ask, fd, &info, text, room);
		note(ask, "bytes",
		     memcmp(bytes, &blob, room * 100 < blob_size() ? room * 100 : blob_size()));
		if (!room) {
			other = note_fd(ask, "by id",
					BPF(ask, BPF_BTF_GET_FD_BY_ID, .btf_id = info.id));
			close(other);
		}
	}
	close(fd);
	fd = note_fd(ask, "the kernel's", BPF(ask, BPF_BTF_GET_FD_BY_ID, .btf_id = 1));
	for (__u32 room = 0; room < 12; room++) {
		struct bpf_btf_info info = { 0 };

		ask_info(ask, fd, &info, text, room);
		note(ask, "id", info.id);
	}
	note_fd(ask, "as a map's",
		BPF(ask, BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4,
		    .value_size = 4, .max_entries = 1, .btf_fd = (__u32)fd, .btf_key_type_id = 1,
		    .btf_value_type_id = 1));
	close(fd);
}

static void maps(struct ask *ask)
{
	static const struct {
		__u32 type, key, value, flags;
	} tries[] = {
		{ BPF_MAP_TYPE_HASH, 4, 4, 0 },
		{ BPF_MAP_TYPE_HASH, 8, 8, 0 },
		{ BPF_MAP_TYPE_HASH, 4, 24, 0 },
		{ BPF_MAP_TYPE_HASH, 4, 8, BPF_F_RDONLY_PROG },
		{ BPF_MAP_TYPE_ARRAY, 4, 4, 0 },
		{ BPF_MAP_TYPE_ARRAY, 4, 8, 0 },
		{ BPF_MAP_TYPE_ARRAY, 4, 24, 0 },
		{ BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 0 },
		{ BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 0 },
		{ BPF_MAP_TYPE_LRU_HASH, 4, 8, 0 },
		{ BPF_MAP_TYPE_LRU_HASH, 4, 24, 0 },
		{ BPF_MAP_TYPE_LPM_TRIE, 8, 8, BPF_F_NO_PREALLOC },
		{ BPF_MAP_TYPE_QUEUE, 0, 4, 0 },
		{ BPF_MAP_TYPE_STACK, 0, 8, 0 },
		{ BPF_MAP_TYPE_BLOOM_FILTER, 0, 4, 0 },
		{ BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 0 },
		{ BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 0 },
		{ BPF_MAP_TYPE_RINGBUF, 0, 0, 0 },
		{ BPF_MAP_TYPE_DEVMAP, 4, 4, 0 },
		{ BPF_MAP_TYPE_DEVMAP_HASH, 4, 4, 0 },
		{ BPF_MAP_TYPE_STACK_TRACE, 4, 8, 0 },
	};
	static const __u32 key_ids[] = { 0, 1, 2, 3, 10, 11, 13 },
			   value_ids[] = { 0, 1, 2, 3, 4, 5, 6, 8, 10, 11, 12, 13 };
	int btf = blob_load(ask);

	for (unsigned int t = 0; t < sizeof(tries) / sizeof(tries[0]); t++)
		for (unsigned int k = 0; k < sizeof(key_ids) / 4; k++)
			for (unsigned int v = 0; v < sizeof(value_ids) / 4; v++) {
				int fd = BPF(ask, BPF_MAP_CREATE, .map_type = tries[t].type,
					     .key_size = tries[t].key, .value_size = tries[t].value,
					     .map_flags = tries[t].flags, .btf_fd = (__u32)btf,
					     .max_entries = tries[t].type == BPF_MAP_TYPE_RINGBUF
								    ? 4096
								    : 1,
					     .btf_key_type_id = key_ids[k],
					     .btf_value_type_id = value_ids[v]);

				ask->key = (long)(t * 10000 + key_ids[k] * 100 + value_ids[v]);
				note_fd(ask, "try*10000 + key*100 + value", fd);
				if (fd >= 0)
					close(fd);
			}
	close(btf);
}

int main(void)
{
	blob_build();
	whole = blob_size();
	both("attributes", attributes);
	both("info", info);
	both("types of maps", maps);
	return done();
}
