/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A skep instance, or the kernel, with the maps of oracle.h, in which accepted programs are run on
 * packets and values: in an ORACLE build skep's interpreter then checks what the verifier believed.
 */
#ifndef TESTS_VERIFY_MACHINE_H
#define TESTS_VERIFY_MACHINE_H

#include "skep.h"
#include "verify/oracle.h"

struct machine {
	struct skep *skep; /* NULL: the kernel */
	int fds[ORACLE_MAPS], map_btf_fd;
	u64 random;
};

static u64 machine_random(struct machine *m)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return m->random;
}

/* Random bytes, with a liking for those where ranges end. */
static void machine_bytes(struct machine *m, u8 *out, u32 len)
{
	static const u8 some[] = { 0, 1, 0x7f, 0x80, 0xff, 8 };

	for (u32 i = 0; i < len; i++) {
		u64 r = machine_random(m) >> 20;

		out[i] = i && r % 3 ? out[i - 1]
			 : r % 2    ? some[r / 2 % ARRAY_SIZE(some)]
				    : (u8)(r >> 8);
	}
}

static int machine_bpf(struct machine *m, int cmd, union bpf_attr *attr)
{
	return m->skep ? skep_bpf(m->skep, cmd, attr, sizeof(*attr)) : linux_bpf(cmd, attr, sizeof(*attr));
}

static int machine_map(struct machine *m, u32 i)
{
	const struct oracle_map *map = &oracle_maps[i];
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = map->type;
	attr.key_size = map->key;
	attr.value_size = map->value;
	attr.max_entries = map->entries;
	attr.map_flags = map->flags;
	if (map->btf_value) {
		attr.btf_fd = (u32)m->map_btf_fd;
		attr.btf_key_type_id = BTF_INT;
		attr.btf_value_type_id = map->btf_value;
	}
	if (map->inner >= 0)
		attr.inner_map_fd = (u32)m->fds[map->inner];
	return machine_bpf(m, BPF_MAP_CREATE, &attr);
}

static void machine_element(struct machine *m, int fd, u64 key, const void *value)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (u32)fd;
	attr.key = (u64)(unsigned long)&key;
	attr.value = (u64)(unsigned long)value;
	machine_bpf(m, BPF_MAP_UPDATE_ELEM, &attr);
}

/* In progs[0] and [1]: what it returns is no program's guess. (One of type XDP: so is every program that tail calls.) */
static void machine_programs(struct machine *m, int progs)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 6, .imm = 0x5eed },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 0, .src_reg = 6 },
		{ .code = BPF_ALU64 | BPF_LSH | BPF_K, .dst_reg = 0, .imm = 33 },
		{ .code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = 10, .off = -8, .imm = -1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr;
	u32 fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_XDP;
	attr.insns = (u64)(unsigned long)insns;
	attr.insn_cnt = ARRAY_SIZE(insns);
	attr.license = (u64)(unsigned long)"GPL";
	fd = (u32)machine_bpf(m, BPF_PROG_LOAD, &attr);
	for (u64 key = 0; key < 2; key++)
		machine_element(m, progs, key, &fd);
	close((int)fd);
}

/* false: no instance, or the kernel may not be asked. */
static bool machine_open(struct machine *m, bool kernel)
{
	static struct btfgen g;
	union bpf_attr attr;

	m->random = 0x9e3779b97f4a7c15ull;
	if (!kernel && skep_new(&m->skep, NULL))
		return false;
	oracle_map_btf(&g);
	memset(&attr, 0, sizeof(attr));
	attr.btf = (u64)(unsigned long)g.raw;
	attr.btf_size = g.raw_len;
	m->map_btf_fd = machine_bpf(m, BPF_BTF_LOAD, &attr);
	for (u32 i = 0; i < ORACLE_MAPS; i++) {
		m->fds[i] = machine_map(m, i);
		if (kernel && m->fds[i] < 0)
			return false;
		if (!oracle_maps[i].frozen)
			continue;
		machine_element(m, m->fds[i], 0, oracle_frozen);
		memset(&attr, 0, sizeof(attr));
		attr.map_fd = (u32)m->fds[i];
		machine_bpf(m, BPF_MAP_FREEZE, &attr);
	}
	machine_programs(m, m->fds[6]);
	return true;
}

__attribute__((unused)) static void machine_close(struct machine *m)
{
	skep_free(m->skep);
}

/* Random values everywhere; objects of special kinds stay. */
__attribute__((unused)) static void machine_fill(struct machine *m)
{
	for (u32 i = 0; i < ORACLE_MAPS; i++) {
		u32 type = oracle_maps[i].type;
		u8 value[64 * 64];

		if (oracle_maps[i].frozen || oracle_maps[i].btf_value || oracle_maps[i].key == 0 ||
		    m->fds[i] < 0)
			continue;
		if (type != BPF_MAP_TYPE_HASH && type != BPF_MAP_TYPE_ARRAY &&
		    type != BPF_MAP_TYPE_PERCPU_ARRAY && type != BPF_MAP_TYPE_LRU_HASH &&
		    oracle_maps[i].inner < 0)
			continue;
		for (u64 key = 0; key < min(oracle_maps[i].entries, 3u); key++) {
			machine_bytes(m, value, oracle_maps[i].value);
			if (oracle_maps[i].inner >= 0)
				memcpy(value,
				       &m->fds[key && oracle_others[i] ? oracle_others[i]
								       : (u32)oracle_maps[i].inner],
				       sizeof(int));
			machine_element(m, m->fds[i], key, value);
		}
	}
}

/* The program's fd here, or -errno. */
static int machine_load(struct machine *m, const struct question *q)
{
	union bpf_attr attr;
	struct bpf_insn *insns = oracle_fill(&attr, q, m->fds);
	int fd, btf_fd = -1;

	if (q->btf) {
		union bpf_attr btf;

		memset(&btf, 0, sizeof(btf));
		btf.btf = (u64)(unsigned long)q->btf->raw;
		btf.btf_size = q->btf->raw_len;
		btf_fd = machine_bpf(m, BPF_BTF_LOAD, &btf);
		attr.prog_btf_fd = (u32)btf_fd;
		attr.func_info = (u64)(unsigned long)q->func_info;
		attr.func_info_cnt = q->func_info_count;
		attr.func_info_rec_size = sizeof(*q->func_info);
	}
	fd = machine_bpf(m, BPF_PROG_LOAD, &attr);
	if (btf_fd >= 0)
		close(btf_fd);
	free(insns);
	return fd;
}

/* One run on random input; false: programs of this type cannot be run by themselves. */
__attribute__((unused)) static bool machine_run(struct machine *m, u32 type, int fd)
{
	u8 in[256], out[1024];
	union bpf_attr attr;

	machine_fill(m);
	machine_bytes(m, in, sizeof(in));
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (u32)fd;
	if (type == BPF_PROG_TYPE_SYSCALL || type == BPF_PROG_TYPE_RAW_TRACEPOINT) {
		attr.test.ctx_in = (u64)(unsigned long)in;
		attr.test.ctx_size_in = type == BPF_PROG_TYPE_SYSCALL ? sizeof(in) : 96;
	} else {
		attr.test.data_in = (u64)(unsigned long)in;
		attr.test.data_size_in = 14 + (u32)(machine_random(m) >> 30) % 90;
		attr.test.data_out = (u64)(unsigned long)out;
		attr.test.data_size_out = sizeof(out);
		attr.test.repeat = 1;
	}
	return machine_bpf(m, BPF_PROG_TEST_RUN, &attr) >= 0;
}

#endif
