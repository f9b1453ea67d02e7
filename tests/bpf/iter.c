/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_LINK_CREATE of iterators and BPF_ITER_CREATE: attributes at their limits, maps of every type, lifetimes. */
#include "bpf/both.h"

#include "btf/btf.h"

static struct btf *vmlinux;

enum { SIZE_B = BPF_B, SIZE_W = BPF_W, SIZE_DW = BPF_DW };
#define INSN(c, d, s, o, i)                                                         \
	{                                                                           \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) \
	}

static int load(struct ask *ask, const char *target, const struct bpf_insn *insns,
		unsigned int count, unsigned int flags)
{
	int id = btf_find(vmlinux, target, BTF_KIND_FUNC);

	return BPF(ask, BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_TRACING,
		   .expected_attach_type = BPF_TRACE_ITER, .attach_btf_id = (__u32)id,
		   .insns = PTR(insns), .insn_cnt = count, .license = PTR("GPL"),
		   .prog_flags = flags);
}

/* Touches a byte of the key (arg 2) or the value (arg 3). */
static int toucher(struct ask *ask, int arg, int off, int write)
{
	struct bpf_insn insns[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_DW, 2, 1, (short)(8 * arg), 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 1, 0),
		INSN((write ? BPF_STX : BPF_LDX) | BPF_MEM | BPF_B, write ? 2 : 3, write ? 0 : 2,
		     (short)off, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	return load(ask, "bpf_iter_bpf_map_elem", insns, 5, 0);
}

/* Writes one byte about each. */
static int writer(struct ask *ask, const char *target, unsigned int flags)
{
	struct bpf_insn insns[] = {
		INSN(BPF_ST | BPF_MEM | BPF_B, 10, 0, -8, 'x'),
		INSN(BPF_LDX | BPF_MEM | BPF_DW, 1, 1, 0, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_DW, 1, 1, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -8),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 1),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_seq_write),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	return load(ask, target, insns, 9, flags);
}

static int link_to(struct ask *ask, int prog, const void *info, __u32 len)
{
	return BPF(ask, BPF_LINK_CREATE,
		   .link_create = { .prog_fd = (__u32)prog,
				    .attach_type = BPF_TRACE_ITER,
				    .iter_info = PTR(info),
				    .iter_info_len = len });
}

static void drop(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void maps(struct ask *ask)
{
	int progs[] = { toucher(ask, 2, 0, 0), toucher(ask, 2, 3, 0), toucher(ask, 2, 4, 0),
			toucher(ask, 3, 7, 0), toucher(ask, 3, 8, 0), toucher(ask, 3, 7, 1),
			toucher(ask, 3, 8, 1), toucher(ask, 2, 0, 1) };

	for (unsigned int type = 1; type < __MAX_BPF_MAP_TYPE; type++)
		for (unsigned int flags = 0; flags < 4; flags++) {
			union bpf_iter_link_info info = { 0 };
			int bare = type == BPF_MAP_TYPE_RINGBUF || type == BPF_MAP_TYPE_QUEUE ||
				   type == BPF_MAP_TYPE_STACK || type == BPF_MAP_TYPE_BLOOM_FILTER,
			    map;

			map = BPF(ask, BPF_MAP_CREATE, .map_type = type, .key_size = bare ? 0 : 4,
				  .value_size = type == BPF_MAP_TYPE_RINGBUF ? 0 : 8,
				  .max_entries = type == BPF_MAP_TYPE_RINGBUF ? 4096 : 4,
				  .map_flags = flags == 1   ? BPF_F_RDONLY
					       : flags == 2 ? BPF_F_RDONLY_PROG
					       : flags == 3 ? BPF_F_WRONLY_PROG
							    : 0);
			if (map < 0)
				continue;
			info.map.map_fd = (__u32)map;
			for (unsigned int i = 0; i < 8; i++) {
				ask->key = (long)(type * 100 + flags * 10 + i);
				drop(note_fd(ask, "attach to a map",
					     link_to(ask, progs[i], &info, sizeof(info))));
			}
			close(map);
		}
	for (unsigned int i = 0; i < 8; i++)
		note(ask, "loaded", progs[i] >= 0), drop(progs[i]);
}

static void links(struct ask *ask)
{
	static const char *const targets[] = { "bpf_iter_bpf_map", "bpf_iter_bpf_map_elem",
					       "bpf_iter_bpf_prog", "bpf_iter_bpf_link" };
	union {
		union bpf_iter_link_info info;
		char bytes[8192];
	} u = { 0 };
	int map = make_map(ask, BPF_MAP_TYPE_ARRAY, 4, 8, 4),
	    raw = make_prog(ask, BPF_PROG_TYPE_RAW_TRACEPOINT, 0);
	int fds[] = { map, raw, 0, -1, 9999 };

	for (unsigned int t = 0; t < 4; t++) {
		int prog = writer(ask, targets[t], 0),
		    asleep = writer(ask, targets[t], BPF_F_SLEEPABLE);

		ask->key = t;
		note(ask, "both load", prog >= 0 && asleep >= 0);
		u.info.map.map_fd = (__u32)map;
		drop(note_fd(ask, "sleepable", link_to(ask, asleep, &u, sizeof(u.info))));
		for (__u32 len = 0; len < 20; len++) {
			ask->key = (long)(100 * t + len);
			drop(note_fd(ask, "info of some length", link_to(ask, prog, &u, len)));
			drop(note_fd(ask, "no info, a length", link_to(ask, prog, NULL, len)));
		}
		ask->key = t;
		drop(note_fd(ask, "long info", link_to(ask, prog, &u, 4096)));
		drop(note_fd(ask, "too long", link_to(ask, prog, &u, 4097)));
		u.bytes[100] = 1;
		drop(note_fd(ask, "with a tail", link_to(ask, prog, &u, 200)));
		u.bytes[100] = 0;
		drop(note_fd(ask, "at a bad address", link_to(ask, prog, (void *)64, 16)));
		for (unsigned int i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
			ask->key = (long)(100 * t + i);
			u.info.map.map_fd = (__u32)fds[i];
			drop(note_fd(ask, "map fd", link_to(ask, prog, &u, sizeof(u.info))));
			drop(note_fd(ask, "prog fd", link_to(ask, fds[i], &u, sizeof(u.info))));
		}
		drop(note_fd(ask, "flags",
			     BPF(ask, BPF_LINK_CREATE,
				 .link_create = { .prog_fd = (__u32)prog,
						  .attach_type = BPF_TRACE_ITER,
						  .flags = 1 })));
		drop(note_fd(ask, "target",
			     BPF(ask, BPF_LINK_CREATE,
				 .link_create = { .prog_fd = (__u32)prog,
						  .attach_type = BPF_TRACE_ITER,
						  .target_fd = (__u32)map })));
		drop(note_fd(ask, "other attach type",
			     BPF(ask, BPF_LINK_CREATE,
				 .link_create = { .prog_fd = (__u32)prog,
						  .attach_type = BPF_TRACE_FENTRY })));
		note(ask, "test_run",
		     BPF(ask, BPF_PROG_TEST_RUN, .test = { .prog_fd = (__u32)prog }));
		drop(prog);
		drop(asleep);
	}
	drop(map);
	drop(raw);
}

static int info_of(struct ask *ask, int fd, struct bpf_link_info *info)
{
	return BPF(ask, BPF_OBJ_GET_INFO_BY_FD,
		   .info = { .bpf_fd = (__u32)fd, .info_len = sizeof(*info), .info = PTR(info) });
}

/* How much a fresh session of the link gives, or the errno. */
static long long text_of(struct ask *ask, int link)
{
	int fd = BPF(ask, BPF_ITER_CREATE, .iter_create = { .link_fd = (__u32)link });
	char text[4096];
	long long len = 0, n;

	if (fd < 0)
		return fd;
	note(ask, "close-on-exec", fcntl(fd, F_GETFD));
	note(ask, "opened for reading", fcntl(fd, F_GETFL) & O_ACCMODE);
	while ((n = read(fd, text, sizeof(text))) > 0)
		len += n;
	note(ask, "not for writing", write(fd, "x", 1));
	note(ask, "info of a session",
	     BPF(ask, BPF_OBJ_GET_INFO_BY_FD, .info = { .bpf_fd = (__u32)fd }));
	close(fd);
	return n < 0 ? n : len;
}

static void sessions(struct ask *ask)
{
	int map = make_map(ask, BPF_MAP_TYPE_ARRAY, 4, 8, 4),
	    prog = writer(ask, "bpf_iter_bpf_map_elem", 0);
	int other = writer(ask, "bpf_iter_bpf_map_elem", 0),
	    maps_prog = writer(ask, "bpf_iter_bpf_map", 0), two;
	union bpf_iter_link_info at = { .map.map_fd = (__u32)map };
	int link = link_to(ask, prog, &at, sizeof(at));
	struct bpf_link_info info;
	char name[32];

	close(map); /* the link holds it */
	close(prog);
	note(ask, "elements, and the end", text_of(ask, link));
	note(ask, "again", text_of(ask, link));
	note(ask, "with flags",
	     BPF(ask, BPF_ITER_CREATE, .iter_create = { .link_fd = (__u32)link, .flags = 1 }));
	note(ask, "of no link",
	     BPF(ask, BPF_ITER_CREATE, .iter_create = { .link_fd = (__u32)other }));
	note(ask, "of no fd", BPF(ask, BPF_ITER_CREATE, .iter_create = { .link_fd = 9999 }));
	for (__u32 len = 0; len < 16; len++) {
		memset(&info, 0, sizeof(info));
		memset(name, 'y', sizeof(name));
		name[20] = 0;
		info.iter.target_name = len ? PTR(name) : 0;
		info.iter.target_name_len = len;
		ask->key = len;
		note(ask, "info", info_of(ask, link, &info));
		note(ask, "name length", info.iter.target_name_len);
		note(ask, "text", (long long)strlen(name));
		note(ask, "map id", info.iter.map.map_id != 0);
		note(ask, "prog id", info.prog_id != 0);
		note(ask, "type", info.type);
	}
	note(ask, "update",
	     BPF(ask, BPF_LINK_UPDATE,
		 .link_update = { .link_fd = (__u32)link, .new_prog_fd = (__u32)other }));
	note(ask, "update from another",
	     BPF(ask, BPF_LINK_UPDATE,
		 .link_update = { .link_fd = (__u32)link,
				  .new_prog_fd = (__u32)other,
				  .flags = BPF_F_REPLACE,
				  .old_prog_fd = (__u32)maps_prog }));
	note(ask, "update to itself",
	     BPF(ask, BPF_LINK_UPDATE,
		 .link_update = { .link_fd = (__u32)link,
				  .new_prog_fd = (__u32)other,
				  .flags = BPF_F_REPLACE,
				  .old_prog_fd = (__u32)other }));
	note(ask, "update to another target",
	     BPF(ask, BPF_LINK_UPDATE,
		 .link_update = { .link_fd = (__u32)link, .new_prog_fd = (__u32)maps_prog }));
	note(ask, "detach", BPF(ask, BPF_LINK_DETACH, .link_detach = { .link_fd = (__u32)link }));
	two = BPF(ask, BPF_ITER_CREATE, .iter_create = { .link_fd = (__u32)link });
	close(link);
	note(ask, "a session outlives its link", read(two, name, sizeof(name)));
	note(ask, "and ends", read(two, name, sizeof(name)));
	drop(two);
	drop(other);
	drop(maps_prog);
}

/* Where there is no BTF to find iterators in. */
static void no_btf(void)
{
	struct skep_opts opts = { .sz = sizeof(opts), .btf = "/nonexistent" };
	struct ask ask = { 0 };

	if (skep_new(&ask.skep, &opts)) {
		ok(0, "no hive");
		return;
	}
	is(writer(&ask, "bpf_iter_bpf_map", 0), -EINVAL,
	   "without kernel BTF an iterator's program is refused");
	skep_free(ask.skep);
}

int main(void)
{
	if (btf_open(&vmlinux, "/sys/kernel/btf/vmlinux")) {
		printf("1..0 # SKIP this machine has no kernel BTF, so there are no iterators\n");
		return 0;
	}
	both("maps to walk", maps);
	both("links", links);
	both("sessions", sessions);
	no_btf();
	btf_free(vmlinux);
	return done();
}
