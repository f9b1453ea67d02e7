/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_PROG_LOAD's attributes: types, attach types, counts, licence, names, flags, logs; what info says. */
#include "bpf/both.h"

#define MOV0                                                                \
	{                                                                   \
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 \
	}
#define EXIT                               \
	{                                  \
		.code = BPF_JMP | BPF_EXIT \
	}
static const struct bpf_insn trivial[] = { MOV0, EXIT };

/* A designated initialiser given again overrides the default before it. */
#pragma GCC diagnostic ignored "-Woverride-init"
#define LOAD(...)                                                                              \
	({                                                                                     \
		int load_fd =                                                                  \
			BPF(ask, BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_XDP, .insn_cnt = 2, \
			    .insns = PTR(trivial), .license = PTR("GPL"), ##__VA_ARGS__);      \
		note_fd(ask, #__VA_ARGS__, load_fd);                                           \
		if (load_fd >= 0)                                                              \
			close(load_fd);                                                        \
		load_fd;                                                                       \
	})

static void types(struct ask *ask)
{
	for (unsigned int type = 0; type < 35; type++) {
		/* what this kernel was not built with is no fact of Linux's */
		if (type == BPF_PROG_TYPE_LIRC_MODE2 || type == BPF_PROG_TYPE_STRUCT_OPS ||
		    type == BPF_PROG_TYPE_LSM || type == BPF_PROG_TYPE_TRACING ||
		    type == BPF_PROG_TYPE_EXT)
			continue;
		for (unsigned int attach = 0; attach < 60; attach++) {
			ask->key = (long)(type * 1000 + attach);
			LOAD(.prog_type = type, .expected_attach_type = attach);
		}
	}
}

static void counts(struct ask *ask)
{
	LOAD(.insn_cnt = 0);
	LOAD(.insn_cnt = 1000001);
	LOAD(.insn_cnt = 0xffffffff);
	LOAD(.insns = 0);
	LOAD(.insns = 64);
	LOAD(.license = 0);
	LOAD(.license = 64);
	LOAD(.license = PTR(""));
	LOAD(.prog_type = 33);
	LOAD(.prog_type = 0xffffffff);
	LOAD(.prog_name = "good_name.x");
	LOAD(.prog_name = "bad name");
	LOAD(.prog_name = "sixteen_letters_");
	LOAD(.prog_ifindex = 12345);
	LOAD(.kern_version = 7);
	LOAD(.expected_attach_type = 999);
	LOAD(.attach_btf_id = 1);
	LOAD(.attach_btf_id = 0x7fffffff);
	LOAD(.attach_prog_fd = 12345);
	LOAD(.prog_btf_fd = 12345);
	LOAD(.func_info_rec_size = 8);
	LOAD(.func_info_cnt = 1, .func_info_rec_size = 8, .prog_btf_fd = 12345);
	LOAD(.line_info_cnt = 1, .line_info_rec_size = 16, .prog_btf_fd = 0);
	LOAD(.fd_array = 64);
	LOAD(.fd_array_cnt = 1);
	LOAD(.fd_array_cnt = 1, .fd_array = PTR(&(int){ 12345 }));
	LOAD(.fd_array_cnt = 1, .fd_array = PTR(&(int){ 0 }));
	LOAD(.prog_token_fd = 3);
	LOAD(.prog_flags = BPF_F_TOKEN_FD, .prog_token_fd = 12345);
	LOAD(.prog_flags = BPF_F_TOKEN_FD, .prog_token_fd = 0);
	for (int bit = 0; bit < 32; bit++) {
		ask->key = bit;
		if (1u << bit != BPF_F_TOKEN_FD && 1u << bit != BPF_F_XDP_DEV_BOUND_ONLY)
			LOAD(.prog_flags = 1u << bit);
	}
}

static void logs(struct ask *ask)
{
	static char log[4096];
	union bpf_attr attr;

	LOAD(.log_level = 1);
	LOAD(.log_level = 16);
	LOAD(.log_level = 1, .log_size = sizeof(log));
	LOAD(.log_level = 1, .log_buf = PTR(log));
	LOAD(.log_buf = PTR(log), .log_size = sizeof(log));
	LOAD(.log_level = 1, .log_buf = PTR(log), .log_size = sizeof(log));
	LOAD(.log_level = 1, .log_buf = PTR(log), .log_size = 0x40000000);
	LOAD(.log_level = 1, .log_buf = 64, .log_size = sizeof(log));
	LOAD(.log_level = 1, .log_buf = PTR(log), .log_size = 1);
	LOAD(.log_level = 1, .log_buf = PTR(log), .log_size = 10);
	for (unsigned int level = 0; level < 8; level++)
		for (unsigned int size = 0; size < 300; size = size ? size * 4 : 16) {
			memset(&attr, 0, sizeof(attr));
			attr.prog_type = BPF_PROG_TYPE_XDP;
			attr.insns = PTR(trivial);
			attr.insn_cnt = 1; /* falls off the end */
			attr.license = PTR("GPL");
			attr.log_level = level;
			attr.log_buf = size ? PTR(log) : 0;
			attr.log_size = size;
			memset(log, 0, sizeof(log));
			ask->key = level * 1000 + size;
			note(ask, "level and size",
			     ask_bpf(ask, BPF_PROG_LOAD, &attr, sizeof(attr)));
			if (!(level & 4)) {
				note(ask, "true size", attr.log_true_size);
				note(ask, "text", (long long)strlen(log));
			}
		}
}

static void info(struct ask *ask)
{
	struct bpf_insn with_map[] = {
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD },
		{ 0 },
		{ .code = BPF_LD | BPF_IMM | BPF_DW,
		  .dst_reg = 2,
		  .src_reg = BPF_PSEUDO_MAP_VALUE },
		{ .imm = 4 },
		MOV0,
		EXIT,
	};
	int map = make_map(ask, BPF_MAP_TYPE_ARRAY, 4, 8, 1), fd;
	struct bpf_insn xlated[16] = { 0 };
	struct bpf_prog_info info = { .nr_map_ids = 4, .xlated_prog_len = sizeof(xlated) };
	struct bpf_map_info map_info = { 0 };
	__u32 ids[4] = { 0 };
	__u8 tags[1][8];

	with_map[0].imm = with_map[2].imm = map;
	fd = BPF(ask, BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = 6,
		 .insns = PTR(with_map), .license = PTR("Dual BSD/GPL"), .prog_name = "some_name");
	note_fd(ask, "load", fd);
	BPF(ask, BPF_OBJ_GET_INFO_BY_FD,
	    .info = { .bpf_fd = (__u32)map, .info_len = sizeof(map_info), .info = PTR(&map_info) });
	info.map_ids = PTR(ids);
	info.xlated_prog_insns = PTR(xlated);
	info.prog_tags = PTR(tags);
	info.nr_prog_tags = 1;
	note(ask, "info",
	     BPF(ask, BPF_OBJ_GET_INFO_BY_FD,
		 .info = { .bpf_fd = (__u32)fd, .info_len = sizeof(info), .info = PTR(&info) }));
	note(ask, "type", info.type);
	note(ask, "gpl", info.gpl_compatible);
	note(ask, "name", strcmp(info.name, "some_name"));
	note(ask, "uid", info.created_by_uid);
	note(ask, "map ids", info.nr_map_ids);
	note(ask, "map id", ids[0] == map_info.id);
	note(ask, "func info", info.nr_func_info);
	note(ask, "func info size", info.func_info_rec_size);
	note(ask, "line info size", info.line_info_rec_size);
	note(ask, "jited line info size", info.jited_line_info_rec_size);
	note(ask, "tags", info.nr_prog_tags);
	note(ask, "tag", *(long long *)info.tag);
	note(ask, "verified", info.verified_insns);
	note(ask, "load time", info.load_time != 0);
	note(ask, "btf", info.btf_id);
	info.func_info_rec_size = 4;
	note(ask, "wrong record size",
	     BPF(ask, BPF_OBJ_GET_INFO_BY_FD,
		 .info = { .bpf_fd = (__u32)fd, .info_len = sizeof(info), .info = PTR(&info) }));
	for (__u32 len = 0; len < 300; len += 4) {
		unsigned char room[304] = { 0 };
		union bpf_attr attr = {
			.info = { .bpf_fd = (__u32)fd, .info_len = len, .info = PTR(room) }
		};

		ask->key = len;
		note(ask, "info of length",
		     ask_bpf(ask, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)));
		note(ask, "info length back", attr.info.info_len);
	}
	close(fd);
	close(map);
}

static void bind(struct ask *ask)
{
	int prog = make_prog(ask, BPF_PROG_TYPE_XDP, 0),
	    map = make_map(ask, BPF_MAP_TYPE_ARRAY, 4, 4, 1);

	note(ask, "bind",
	     BPF(ask, BPF_PROG_BIND_MAP,
		 .prog_bind_map = { .prog_fd = (__u32)prog, .map_fd = (__u32)map }));
	note(ask, "again",
	     BPF(ask, BPF_PROG_BIND_MAP,
		 .prog_bind_map = { .prog_fd = (__u32)prog, .map_fd = (__u32)map }));
	note(ask, "flags",
	     BPF(ask, BPF_PROG_BIND_MAP,
		 .prog_bind_map = { .prog_fd = (__u32)prog, .map_fd = (__u32)map, .flags = 1 }));
	note(ask, "swapped",
	     BPF(ask, BPF_PROG_BIND_MAP,
		 .prog_bind_map = { .prog_fd = (__u32)map, .map_fd = (__u32)prog }));
	for (int i = 0; i < 2; i++) {
		struct bpf_prog_info info = { 0 };

		BPF(ask, BPF_OBJ_GET_INFO_BY_FD,
		    .info = {
			    .bpf_fd = (__u32)prog, .info_len = sizeof(info), .info = PTR(&info) });
		note(ask, "maps", info.nr_map_ids);
	}
	close(prog);
	close(map);
}

/* Which programs one prog_array takes. */
static void prog_array(struct ask *ask)
{
	int array = make_map(ask, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4),
	    xdp = make_prog(ask, BPF_PROG_TYPE_XDP, 0);
	int tc = make_prog(ask, BPF_PROG_TYPE_SCHED_CLS, 0),
	    xdp2 = make_prog(ask, BPF_PROG_TYPE_XDP, 0);
	int with[] = { xdp, tc, xdp2, array, -1 };
	struct bpf_prog_info info = { 0 };
	__u32 key = 1, value = 0;

	for (int i = 0; i < 5; i++) {
		ask->key = i;
		note(ask, "put",
		     BPF(ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)array, .key = PTR(&key),
			 .value = PTR(&with[i])));
	}
	BPF(ask, BPF_OBJ_GET_INFO_BY_FD,
	    .info = { .bpf_fd = (__u32)xdp2, .info_len = sizeof(info), .info = PTR(&info) });
	note(ask, "lookup",
	     BPF(ask, BPF_MAP_LOOKUP_ELEM, .map_fd = (__u32)array, .key = PTR(&key),
		 .value = PTR(&value)));
	note(ask, "shows the id", value == info.id);
	close(xdp2);
	note(ask, "the array keeps it",
	     note_fd(ask, "by id", BPF(ask, BPF_PROG_GET_FD_BY_ID, .prog_id = info.id)) >= 0);
	note(ask, "delete",
	     BPF(ask, BPF_MAP_DELETE_ELEM, .map_fd = (__u32)array, .key = PTR(&key)));
	note(ask, "delete again",
	     BPF(ask, BPF_MAP_DELETE_ELEM, .map_fd = (__u32)array, .key = PTR(&key)));
	key = 4;
	note(ask, "delete behind",
	     BPF(ask, BPF_MAP_DELETE_ELEM, .map_fd = (__u32)array, .key = PTR(&key)));
	note(ask, "put behind",
	     BPF(ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)array, .key = PTR(&key),
		 .value = PTR(&xdp)));
	key = 0;
	note(ask, "put with a flag",
	     BPF(ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)array, .key = PTR(&key),
		 .value = PTR(&xdp), .flags = BPF_NOEXIST));
	close(array), close(xdp), close(tc);
}

int main(void)
{
	both("types and attach types", types);
	both("attributes", counts);
	both("logs", logs);
	both("info", info);
	both("bind_map", bind);
	both("prog_array", prog_array);
	return done();
}
