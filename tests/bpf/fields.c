/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every field of every command, alone and in pairs, at its limits: from an attr that is good, each word
 * becomes 0, 1, …, 2^32 - 1, an fd of each kind, of a file, closed; each address becomes one of nothing.
 */
#include "bpf/blob.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "btf/btf.h"

static struct btf *vmlinux;

/* What addresses of good attrs point to. */
static struct {
	char keys[4096], values[65536], more[4096], text[256];
	struct bpf_insn insns[16];
} good __attribute__((aligned(4096)));

/* Objects of the side that is asked. */
enum { HASH, ARRAY, PROG, RAW, ITER, ELEM, BTF, LINK, NONE, FILE_FD, FDS };
static int fds[FDS];
static __u32 ids[FDS];

#define INSN(c, d, s, o, i)                                                         \
	(struct bpf_insn)                                                           \
	{                                                                           \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) \
	}

static int iter_prog(struct ask *ask, const char *target)
{
	int id = vmlinux ? btf_find(vmlinux, target, BTF_KIND_FUNC) : 0;

	return BPF(ask, BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_TRACING,
		   .expected_attach_type = BPF_TRACE_ITER, .attach_btf_id = (__u32)id,
		   .insns = PTR(good.insns), .insn_cnt = 2, .license = PTR("GPL"));
}

static __u32 id_of(struct ask *ask, int fd)
{
	__u32 info[60] = { 0 };

	BPF(ask, BPF_OBJ_GET_INFO_BY_FD,
	    .info = { .bpf_fd = (__u32)fd, .info_len = sizeof(info), .info = PTR(info) });
	return info[1];
}

static void open_all(struct ask *ask)
{
	good.insns[0] = INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	good.insns[1] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	fds[HASH] = make_map(ask, BPF_MAP_TYPE_HASH, 4, 8, 16);
	fds[ARRAY] = make_map(ask, BPF_MAP_TYPE_ARRAY, 4, 8, 16);
	fds[PROG] = make_prog(ask, BPF_PROG_TYPE_SCHED_CLS, 0);
	fds[RAW] = make_prog(ask, BPF_PROG_TYPE_RAW_TRACEPOINT, 0);
	fds[ITER] = iter_prog(ask, "bpf_iter_bpf_map");
	fds[ELEM] = iter_prog(ask, "bpf_iter_bpf_map_elem");
	fds[BTF] = blob_load(ask);
	fds[LINK] =
		BPF(ask, BPF_LINK_CREATE,
		    .link_create = { .prog_fd = (__u32)fds[ITER], .attach_type = BPF_TRACE_ITER });
	fds[FILE_FD] = open("/dev/null", O_RDWR);
	/* the same numbers on both sides, since numbers are what is tried; 200 + NONE stays closed */
	for (int i = 0; i < FDS; i++) {
		if (i != NONE && fds[i] >= 0) {
			dup2(fds[i], 200 + i);
			close(fds[i]);
		}
		fds[i] = 200 + i;
	}
	ids[HASH] = id_of(ask, fds[HASH]);
	ids[PROG] = id_of(ask, fds[PROG]);
	ids[LINK] = id_of(ask, fds[LINK]);
}

static void close_all(void)
{
	for (int i = 0; i < FDS; i++)
		if (i != NONE)
			close(fds[i]);
}

static int gives_fd(int cmd)
{
	switch (cmd) {
	case BPF_MAP_CREATE:
	case BPF_PROG_LOAD:
	case BPF_BTF_LOAD:
	case BPF_PROG_GET_FD_BY_ID:
	case BPF_MAP_GET_FD_BY_ID:
	case BPF_BTF_GET_FD_BY_ID:
	case BPF_LINK_GET_FD_BY_ID:
	case BPF_RAW_TRACEPOINT_OPEN:
	case BPF_LINK_CREATE:
	case BPF_ENABLE_STATS:
	case BPF_ITER_CREATE: return 1;
	default: return 0;
	}
}

/* An attr that succeeds (or comes far), made anew for every call. */
static void base(struct ask *ask, int cmd, union bpf_attr *a)
{
	memset(a, 0, sizeof(*a));
	memset(&good, 1, offsetof(__typeof__(good), text));
	strcpy(good.text, "GPL");
	switch (cmd) {
	case BPF_MAP_CREATE:
		a->map_type = BPF_MAP_TYPE_HASH, a->key_size = 4, a->value_size = 8,
		a->max_entries = 16;
		a->btf_fd = (__u32)fds[BTF], a->btf_key_type_id = T_INT,
		a->btf_value_type_id = T_U64;
		break;
	case BPF_MAP_LOOKUP_ELEM:
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_DELETE_ELEM:
	case BPF_MAP_GET_NEXT_KEY:
	case BPF_MAP_LOOKUP_AND_DELETE_ELEM:
		BPF(ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)fds[HASH], .key = PTR(good.keys),
		    .value = PTR(good.values));
		a->map_fd = (__u32)fds[HASH], a->key = PTR(good.keys), a->value = PTR(good.values);
		break;
	case BPF_MAP_LOOKUP_BATCH:
	case BPF_MAP_LOOKUP_AND_DELETE_BATCH:
	case BPF_MAP_UPDATE_BATCH:
	case BPF_MAP_DELETE_BATCH:
		a->batch.map_fd = (__u32)fds[HASH], a->batch.count = 4,
		a->batch.keys = PTR(good.keys);
		a->batch.values = PTR(good.values), a->batch.out_batch = PTR(good.more);
		break;
	case BPF_PROG_LOAD:
		good.insns[0] = INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
		good.insns[1] = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
		a->prog_type = BPF_PROG_TYPE_SCHED_CLS, a->insn_cnt = 2, a->insns = PTR(good.insns),
		a->license = PTR(good.text);
		break;
	case BPF_PROG_TEST_RUN:
		a->test.prog_fd = (__u32)fds[PROG], a->test.data_in = PTR(good.values),
		a->test.data_size_in = 64;
		a->test.data_out = PTR(good.values + 4096), a->test.data_size_out = 64;
		break;
	case BPF_PROG_GET_NEXT_ID:
	case BPF_MAP_GET_NEXT_ID:
	case BPF_BTF_GET_NEXT_ID:
	case BPF_LINK_GET_NEXT_ID: break;
	case BPF_PROG_GET_FD_BY_ID: a->prog_id = ids[PROG]; break;
	case BPF_MAP_GET_FD_BY_ID: a->map_id = ids[HASH]; break;
	case BPF_LINK_GET_FD_BY_ID: a->link_id = ids[LINK]; break;
	case BPF_BTF_GET_FD_BY_ID: a->btf_id = 1; break;
	case BPF_OBJ_GET_INFO_BY_FD:
		memset(good.values, 0, 4096);
		a->info.bpf_fd = (__u32)fds[HASH], a->info.info_len = 80,
		a->info.info = PTR(good.values);
		break;
	case BPF_PROG_ATTACH:
	case BPF_PROG_DETACH:
		a->target_fd = (__u32)fds[FILE_FD], a->attach_bpf_fd = (__u32)fds[PROG];
		break;
	case BPF_PROG_QUERY: a->query.target_fd = (__u32)fds[FILE_FD]; break;
	case BPF_RAW_TRACEPOINT_OPEN:
		strcpy(good.text, "no_such_one");
		a->raw_tracepoint.prog_fd = (__u32)fds[RAW],
		a->raw_tracepoint.name = PTR(good.text);
		break;
	case BPF_BTF_LOAD: a->btf = PTR(&blob), a->btf_size = blob_size(); break;
	case BPF_TASK_FD_QUERY:
		a->task_fd_query.pid = (__u32)getpid(), a->task_fd_query.fd = (__u32)fds[LINK];
		a->task_fd_query.buf = PTR(good.text), a->task_fd_query.buf_len = 64;
		break;
	case BPF_LINK_CREATE:
		memset(good.values, 0, 64);
		memcpy(good.values, &fds[HASH], 4);
		a->link_create.prog_fd = (__u32)fds[ELEM],
		a->link_create.attach_type = BPF_TRACE_ITER;
		a->link_create.iter_info = PTR(good.values), a->link_create.iter_info_len = 16;
		break;
	case BPF_LINK_UPDATE:
		a->link_update.link_fd = (__u32)fds[LINK],
		a->link_update.new_prog_fd = (__u32)fds[ITER];
		break;
	case BPF_LINK_DETACH: a->link_detach.link_fd = (__u32)fds[LINK]; break;
	case BPF_ITER_CREATE: a->iter_create.link_fd = (__u32)fds[LINK]; break;
	case BPF_PROG_BIND_MAP:
		a->prog_bind_map.prog_fd = (__u32)fds[PROG],
		a->prog_bind_map.map_fd = (__u32)fds[ARRAY];
		break;
	case BPF_TOKEN_CREATE: a->token_create.bpffs_fd = (__u32)fds[FILE_FD]; break;
	case BPF_PROG_STREAM_READ_BY_FD:
		a->prog_stream_read.prog_fd = (__u32)fds[PROG], a->prog_stream_read.stream_id = 1;
		a->prog_stream_read.stream_buf = PTR(good.text),
		a->prog_stream_read.stream_buf_len = 64;
		break;
	}
}

static int now; /* the command */

static int is_address(const union bpf_attr *attr, unsigned int word)
{
	__u64 value;

	memcpy(&value, (const char *)attr + word / 2 * 8, 8);
	return value >> 32 && (value - PTR(&good) < sizeof(good) || value == PTR(&blob));
}

enum { VALUES = 13 + FDS, WORDS = sizeof(union bpf_attr) / 4 };

static void set(union bpf_attr *attr, unsigned int word, unsigned int value)
{
	static const __u32 values[] = { 0,	    1,		2,	   3,	       4,
					8,	    26,		0x10000,   0x3fffffff, 0x7fffffff,
					0x80000000, 0xfffffffe, 0xffffffff };
	static const __u64 addresses[] = {
		0, 1, 64, 4095, 0x0000800000000000, 0xffff800000000000, ~0ull
	};
	__u64 address = addresses[value % 7];

	if (is_address(attr, word))
		memcpy((char *)attr + word / 2 * 8, &address, 8);
	else
		((__u32 *)attr)[word] = value < 13 ? values[value] : (__u32)fds[value - 13];
}

/* What only one side can do, or would take too long, or depends on what else the machine runs. */
static int left_out(const union bpf_attr *a)
{
	switch (now) {
	case BPF_MAP_CREATE:
		return a->max_entries > 1 << 20 || a->value_size > 1 << 20 ||
		       a->key_size > 1 << 20 ||
		       (a->map_type != BPF_MAP_TYPE_HASH && a->map_type > 4) ||
		       a->map_flags & BPF_F_NUMA_NODE || a->map_ifindex;
	case BPF_PROG_TEST_RUN: return a->test.repeat > 4;
	case BPF_PROG_LOAD:
		return a->prog_ifindex || a->prog_type == BPF_PROG_TYPE_TRACING ||
		       a->signature_size;
	case BPF_PROG_ATTACH:
	case BPF_PROG_DETACH: return a->attach_type > 8;
	case BPF_TASK_FD_QUERY:
		return a->task_fd_query.pid && a->task_fd_query.pid != (__u32)getpid();
	case BPF_RAW_TRACEPOINT_OPEN: /* of a function's program without a name: Linux may lack what it takes */
		return !a->raw_tracepoint.name && a->raw_tracepoint.prog_fd != (__u32)fds[RAW];
	case BPF_PROG_QUERY: return a->query.attach_type > 8;
	case BPF_LINK_CREATE: return a->link_create.attach_type != BPF_TRACE_ITER;
	default: return 0;
	}
}

static int by_id(void)
{
	switch (now) {
	case BPF_PROG_GET_NEXT_ID:
	case BPF_MAP_GET_NEXT_ID:
	case BPF_BTF_GET_NEXT_ID:
	case BPF_LINK_GET_NEXT_ID:
	case BPF_PROG_GET_FD_BY_ID:
	case BPF_MAP_GET_FD_BY_ID:
	case BPF_BTF_GET_FD_BY_ID:
	case BPF_LINK_GET_FD_BY_ID: return 1;
	default: return 0;
	}
}

static void one(struct ask *ask, union bpf_attr *attr, long key)
{
	int ret;

	if (left_out(attr))
		return;
	ask->key = key;
	ret = ask_bpf(ask, now, attr, sizeof(*attr));
	/* which ids there are depends on what else the machine runs */
	note(ask, "errno", ret < 0 && !(ret == -ENOENT && by_id()) ? ret : 0);
	if (ret >= 0 && gives_fd(now))
		close(ret);
}

static void words(struct ask *ask)
{
	unsigned int seed = 1;
	union bpf_attr attr;

	open_all(ask);
	base(ask, now, &attr);
	one(ask, &attr, 0);
	for (unsigned int word = 0; word < WORDS; word++)
		for (unsigned int v = 0; v < VALUES; v++) {
			base(ask, now, &attr);
			set(&attr, word, v);
			one(ask, &attr, (long)(1000 * word + v));
		}
	/* pairs, in the first half, where most fields are */
	for (int i = 0; i < 3000; i++) {
		unsigned int w[2], v[2];

		for (int j = 0; j < 2; j++) {
			w[j] = (seed = seed * 1103515245 + 12345) / 65536 % (WORDS / 2);
			v[j] = (seed = seed * 1103515245 + 12345) / 65536 % VALUES;
		}
		base(ask, now, &attr);
		set(&attr, w[0], v[0]);
		set(&attr, w[1], v[1]);
		one(ask, &attr, (1000 * w[0] + v[0]) * 1000000L + 1000 * w[1] + v[1]);
	}
	close_all();
}

int main(void)
{
	char what[32];

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	printf("1..0 # SKIP numbers that are tried as addresses are a sanitizer's own memory\n");
	return 0;
#endif
	for (int fd = 0;
	     fd >= 0 && fd < 31;) /* small numbers are fds of no interest on both sides */
		fd = open("/dev/null", O_RDWR);
	btf_open(&vmlinux, "/sys/kernel/btf/vmlinux");
	blob_build();
	for (now = 0; now < __MAX_BPF_CMD; now++) {
		if (now == BPF_OBJ_PIN || now == BPF_OBJ_GET || now == BPF_MAP_FREEZE ||
		    now == BPF_ENABLE_STATS)
			continue; /* tests of their own */
		snprintf(what, sizeof(what), "command %d", now);
		both(what, words);
	}
	btf_free(vmlinux);
	return done();
}
