/* SPDX-License-Identifier: BSD-2-Clause */
/* bpf(2)'s front door: sizes of attr, bytes behind the last field, unknown commands, bad addresses. */
#include "bpf/both.h"

static void sizes(struct ask *ask)
{
	static const unsigned int sizes[] = { 0,   1,	4,   12,  16,	20,   72,
					      128, 168, 169, 200, 4096, 4097, 0xffffffff };
	static unsigned char big[8192] __attribute__((aligned(8)));
	union bpf_attr *attr = (void *)big;

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int fd;

		memset(big, 0, sizeof(big));
		attr->map_type = BPF_MAP_TYPE_ARRAY;
		attr->key_size = attr->value_size = 4;
		attr->max_entries = 1;
		fd = note_fd(ask, "map_create by size",
			     ask_bpf(ask, BPF_MAP_CREATE, attr, sizes[i]));
		if (fd >= 0)
			close(fd);
		big[sizes[i] < 8000 && sizes[i] > 168 ? sizes[i] - 1 : 168] = 1;
		fd = note_fd(ask, "map_create with a tail",
			     ask_bpf(ask, BPF_MAP_CREATE, attr, sizes[i]));
		if (fd >= 0)
			close(fd);
	}
}

/* One byte set, at every place of attr, for every command: who looks at it, who calls it too much. */
static void bytes_behind(struct ask *ask)
{
	for (int cmd = 0; cmd < __MAX_BPF_CMD + 3; cmd++) {
		union bpf_attr attr;

		ask->key = cmd;
		/* the last byte is no field of any command but three */
		memset(&attr, 0, sizeof(attr));
		((unsigned char *)&attr)[sizeof(attr) - 1] = 1;
		note(ask, "last byte", ask_bpf(ask, cmd, &attr, sizeof(attr)));
	}
}

static void all_zero(struct ask *ask)
{
	for (int cmd = -2; cmd < __MAX_BPF_CMD + 3; cmd++) {
		union bpf_attr attr;
		int ret;

		ask->key = cmd;
		memset(&attr, 0, sizeof(attr));
		if (cmd == BPF_PROG_GET_NEXT_ID || cmd == BPF_MAP_GET_NEXT_ID ||
		    cmd == BPF_BTF_GET_NEXT_ID || cmd == BPF_LINK_GET_NEXT_ID ||
		    cmd == BPF_ENABLE_STATS)
			continue; /* succeeds, depending on what else is loaded */
		ret = ask_bpf(ask, cmd, &attr, sizeof(attr));
		note_fd(ask, "all zero", ret);
		if (ret > 0)
			close(ret);
	}
}

static void bad_fds(struct ask *ask)
{
	int null = open("/dev/null", O_RDWR);
	int fds[] = { -1, 1000000, null, 0x7fffffff };

	for (int cmd = 0; cmd < __MAX_BPF_CMD; cmd++)
		for (int i = 0; i < 4; i++) {
			union bpf_attr attr;

			ask->key = cmd;
			memset(&attr, 0, sizeof(attr));
			switch (cmd) {
			case BPF_MAP_CREATE:
			case BPF_PROG_LOAD:
			case BPF_BTF_LOAD:
			case BPF_ENABLE_STATS:
			case BPF_PROG_GET_NEXT_ID:
			case BPF_MAP_GET_NEXT_ID:
			case BPF_BTF_GET_NEXT_ID:
			case BPF_LINK_GET_NEXT_ID:
			case BPF_PROG_GET_FD_BY_ID:
			case BPF_MAP_GET_FD_BY_ID:
			case BPF_BTF_GET_FD_BY_ID:
			case BPF_LINK_GET_FD_BY_ID:
			case BPF_OBJ_GET:
			case BPF_TASK_FD_QUERY:
			case BPF_TOKEN_CREATE:
			case BPF_PROG_ATTACH:
			case BPF_PROG_DETACH:
			case BPF_PROG_QUERY: continue;
			case BPF_OBJ_PIN: attr.bpf_fd = (__u32)fds[i]; break;
			case BPF_MAP_LOOKUP_BATCH:
			case BPF_MAP_LOOKUP_AND_DELETE_BATCH:
			case BPF_MAP_UPDATE_BATCH:
			case BPF_MAP_DELETE_BATCH: attr.batch.map_fd = (__u32)fds[i]; break;
			case BPF_RAW_TRACEPOINT_OPEN:
				attr.raw_tracepoint.prog_fd = (__u32)fds[i];
				break;
			case BPF_PROG_STREAM_READ_BY_FD:
				attr.prog_stream_read.prog_fd = (__u32)fds[i];
				break;
			default: attr.map_fd = (__u32)fds[i]; break; /* the first field */
			}
			note(ask, "bad fd", ask_bpf(ask, cmd, &attr, sizeof(attr)));
		}
	close(null);
}

static void bad_addresses(struct ask *ask)
{
	int map = make_map(ask, BPF_MAP_TYPE_ARRAY, 4, 8, 2);
	__u32 key = 0;
	__u64 value = 1;

	note(ask, "attr NULL", ask_bpf(ask, BPF_MAP_CREATE, NULL, 72));
	note(ask, "attr in the void", ask_bpf(ask, BPF_MAP_CREATE, (void *)4096, 72));
	note(ask, "attr NULL, size 0", ask_bpf(ask, BPF_MAP_CREATE, NULL, 0));
	note(ask, "unknown command, attr NULL", ask_bpf(ask, 99, NULL, 72));
	note(ask, "lookup key",
	     BPF(ask, BPF_MAP_LOOKUP_ELEM, .map_fd = (__u32)map, .key = 64, .value = PTR(&value)));
	note(ask, "lookup value",
	     BPF(ask, BPF_MAP_LOOKUP_ELEM, .map_fd = (__u32)map, .key = PTR(&key), .value = 64));
	note(ask, "lookup key NULL",
	     BPF(ask, BPF_MAP_LOOKUP_ELEM, .map_fd = (__u32)map, .value = PTR(&value)));
	note(ask, "update value",
	     BPF(ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)map, .key = PTR(&key), .value = 64));
	note(ask, "next key from",
	     BPF(ask, BPF_MAP_GET_NEXT_KEY, .map_fd = (__u32)map, .key = 64,
		 .next_key = PTR(&key)));
	note(ask, "next key to",
	     BPF(ask, BPF_MAP_GET_NEXT_KEY, .map_fd = (__u32)map, .next_key = 64));
	note(ask, "info",
	     BPF(ask, BPF_OBJ_GET_INFO_BY_FD,
		 .info = { .bpf_fd = (__u32)map, .info_len = 80, .info = 64 }));
	close(map);
}

int main(void)
{
	both("sizes of attr", sizes);
	both("a byte behind the last field", bytes_behind);
	both("attr of zeroes", all_zero);
	both("fds that are none", bad_fds);
	both("addresses that are none", bad_addresses);
	return done();
}
