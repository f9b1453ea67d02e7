/* SPDX-License-Identifier: BSD-2-Clause */
/* A program that embeds skep, with the public header and nothing else: a map, a program of its own bytes, a test run. */
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

#include "skep.h"
#include "tap.h"

static char text[4096];
static size_t text_len;

static void keep(void *arg, const char *part, size_t len)
{
	(void)arg;
	if (text_len + len < sizeof(text)) {
		memcpy(text + text_len, part, len);
		text_len += len;
	}
}

#define BPF(cmd, ...)                                             \
	({                                                        \
		union bpf_attr bpf_attr;                          \
		memset(&bpf_attr, 0, sizeof(bpf_attr));           \
		bpf_attr = (union bpf_attr){ __VA_ARGS__ };       \
		skep_bpf(skep, cmd, &bpf_attr, sizeof(bpf_attr)); \
	})
#define PTR(x) ((__u64)(unsigned long)(x))

/* Counts packets in element 0 of an array and passes them: *value += 1; return XDP_PASS. */
static int load(struct skep *skep, int map)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 10, .off = -4, .imm = 0 },
		{ .code = BPF_LD | BPF_IMM | BPF_DW,
		  .dst_reg = 1,
		  .src_reg = BPF_PSEUDO_MAP_FD,
		  .imm = map },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -4 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_lookup_elem },
		{ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .off = 3, .imm = 0 },
		{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 1, .src_reg = 0 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 1, .imm = 1 },
		{ .code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = 0, .src_reg = 1 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return BPF(BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_XDP, .insns = PTR(insns),
		   .insn_cnt = sizeof(insns) / sizeof(insns[0]), .license = PTR("GPL"));
}

static void run(struct skep *skep, int prog)
{
	unsigned char packet[64] = { 0 };
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (__u32)prog;
	attr.test.data_in = PTR(packet);
	attr.test.data_size_in = sizeof(packet);
	attr.test.repeat = 1000;
	is(skep_bpf(skep, BPF_PROG_TEST_RUN, &attr, sizeof(attr)), 0, "a test run of 1000");
	is(attr.test.retval, XDP_PASS, "passes");
	is(attr.test.data_size_out, sizeof(packet), "the packet as long as it was");
}

int main(void)
{
	struct skep_opts opts = { .sz = sizeof(opts), .log = keep, .nr_cpus = 3 };
	struct skep *skep, *other;
	__u32 key = 0;
	__u64 value = 0;
	int map, prog;

	is(skep_new(NULL, NULL), -EINVAL, "nowhere to put it");
	is(skep_new(&skep, &opts), 0, "a hive with options");
	is(skep_new(&other, NULL), 0, "another beside it");
	map = BPF(BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8,
		  .max_entries = 1);
	ok(map >= 0, "a map");
	prog = load(skep, map);
	ok(prog >= 0, "a program that uses it (%d)", prog);
	run(skep, prog);
	is(BPF(BPF_MAP_LOOKUP_ELEM, .map_fd = (__u32)map, .key = PTR(&key), .value = PTR(&value)),
	   0, "a look-up");
	is(value, 1000, "the program counted");
	{
		struct skep *first = skep;

		skep = other;
		is(BPF(BPF_MAP_LOOKUP_ELEM, .map_fd = (__u32)map, .key = PTR(&key),
		       .value = PTR(&value)),
		   -EINVAL, "another hive knows nothing of it");
		skep = first;
	}
	is(BPF(BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8,
	       .max_entries = 1, .map_ifindex = 1),
	   -EOPNOTSUPP, "what skep does not do");
	ok(text_len && strstr(text, "offload"), "is said in words");
	skep_free(NULL);
	skep_free(other);
	skep_free(skep);
	close(map), close(prog);
	ok(skep_version()[0] >= '0', "version %s", skep_version());
	return done();
}
