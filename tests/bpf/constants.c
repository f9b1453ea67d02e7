/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program may take for constant of maps: the values of one frozen element, never those of a table of them or
 * of a map that only served as template; and that a key is there, never in inner maps of any size. A program that
 * was allowed more would read what is not there: each is run, too.
 */
#include "bpf/both.h"

#define INSN(code_, dst, src, off_, imm_)                                                         \
	{                                                                                         \
		.code = (code_), .dst_reg = (dst), .src_reg = (src), .off = (off_), .imm = (imm_) \
	}
#define KEY(value)                                              \
	INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -8, value),       \
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0), \
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -8)
#define MAP(fd) INSN(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
#define LOOKUP	INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem)
#define OR_END                                                  \
	INSN(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 2, 0),            \
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 77), \
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define INNER  INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, 0, 0, 0)
#define RESULT INSN(BPF_LDX | BPF_MEM | BPF_W, 0, 0, 0, 0), INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static int array(struct ask *ask, __u32 entries, __u32 flags, __u32 first, __u32 second)
{
	int fd = BPF(ask, BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4,
		     .value_size = 16, .max_entries = entries, .map_flags = flags);
	__u32 value[4] = { first };

	for (__u32 key = 0; key < entries; key++) {
		BPF(ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)fd, .key = PTR(&key),
		    .value = PTR(value));
		value[0] = second;
	}
	return fd;
}

static int frozen(struct ask *ask, int fd)
{
	note(ask, "freeze", BPF(ask, BPF_MAP_FREEZE, .map_fd = (__u32)fd));
	return fd;
}

/* An outer map in which another map has the template's place. */
static int outer(struct ask *ask, int template, int inside)
{
	int fd = BPF(ask, BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .key_size = 4,
		     .value_size = 4, .max_entries = 2, .inner_map_fd = (__u32) template);

	for (__u32 key = 0; key < 2; key++)
		note(ask, "put",
		     BPF(ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)fd, .key = PTR(&key),
			 .value = PTR(&inside)));
	return fd;
}

static void run(struct ask *ask, const struct bpf_insn *insns, __u32 count)
{
	unsigned char packet[64] = { 0 };
	union bpf_attr attr;
	int fd = note_fd(ask, "load",
			 BPF(ask, BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_XDP, .insn_cnt = count,
			     .insns = PTR(insns), .license = PTR("GPL")));

	if (fd < 0)
		return;
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (__u32)fd;
	attr.test.data_in = PTR(packet);
	attr.test.data_size_in = sizeof(packet);
	attr.test.repeat = 1;
	note(ask, "run", ask_bpf(ask, BPF_PROG_TEST_RUN, &attr, sizeof(attr)));
	note(ask, "result", attr.test.retval);
}
#define RUN(ask, ...)                                                          \
	do {                                                                   \
		const struct bpf_insn run_insns[] = { __VA_ARGS__ };           \
		run(ask, run_insns, sizeof(run_insns) / sizeof(run_insns[0])); \
	} while (0)

static void one_element(struct ask *ask)
{
	int map = frozen(ask, array(ask, 1, BPF_F_RDONLY_PROG, 5, 0));

	RUN(ask, KEY(0), MAP(map), LOOKUP, OR_END, RESULT);
}

static void table(struct ask *ask)
{
	int map = frozen(ask, array(ask, 2, BPF_F_RDONLY_PROG, 0, 1000));

	RUN(ask, KEY(1), MAP(map), LOOKUP, OR_END, RESULT);
}

static void table_not_frozen(struct ask *ask)
{
	int map = array(ask, 2, BPF_F_RDONLY_PROG, 0, 1000);

	RUN(ask, KEY(1), MAP(map), LOOKUP, OR_END, RESULT);
}

static void template(struct ask *ask)
{
	int like = frozen(ask, array(ask, 1, BPF_F_RDONLY_PROG, 0, 0));
	int map = outer(ask, like, array(ask, 1, BPF_F_RDONLY_PROG, 1000, 0));

	RUN(ask, KEY(0), MAP(map), LOOKUP, OR_END, INNER, KEY(0), LOOKUP, OR_END,
	    /* were it known to be 0, this would be dead code */
	    INSN(BPF_LDX | BPF_MEM | BPF_W, 1, 0, 0, 0),
	    INSN(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1, 0),
	    INSN(BPF_LDX | BPF_MEM | BPF_W, 0, 1, 0, 0), RESULT);
	RUN(ask, KEY(0), MAP(map), LOOKUP, OR_END, INNER, KEY(0), LOOKUP, OR_END, RESULT);
}

static void sizes(struct ask *ask)
{
	int like = array(ask, 8, BPF_F_INNER_MAP, 1, 1),
	    less = array(ask, 2, BPF_F_INNER_MAP, 2, 3);
	int map = outer(ask, like, less);

	RUN(ask, KEY(1), MAP(map), LOOKUP, OR_END, INNER, KEY(5), LOOKUP, RESULT);
	RUN(ask, KEY(1), MAP(map), LOOKUP, OR_END, INNER, KEY(5), LOOKUP, OR_END, RESULT);
	RUN(ask, KEY(1), MAP(map), LOOKUP, OR_END, INNER, KEY(1), LOOKUP, OR_END, RESULT);
	RUN(ask, KEY(5), MAP(like), LOOKUP, RESULT);
	map = outer(ask, array(ask, 2, 0, 1, 1), array(ask, 2, 0, 2, 3));
	RUN(ask, KEY(1), MAP(map), LOOKUP, OR_END, INNER, KEY(1), LOOKUP, RESULT);
}

int main(void)
{
	both("one frozen element is constant", one_element);
	both("of a frozen table nobody knows the element", table);
	both("a table that is not frozen is read as ever", table_not_frozen);
	both("a frozen template says nothing of the maps in its place", template);
	both("a known key is there only where the size is known", sizes);
	return done();
}
