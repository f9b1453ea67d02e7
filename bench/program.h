/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the benchmarks of maps share: programs that do one thing STEPS times, built by hand, so that the same
 * instructions run compiled by skep and, through bpf(2), in the kernel.
 */
#ifndef BENCH_PROGRAM_H
#define BENCH_PROGRAM_H

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "helper/helper.h"
#include "map/map.h"
#include "vm/code.h"

/* So many steps that a run meets every key of a map. */
enum { ENTRIES = 10000, STEPS = ENTRIES, MAX_INSNS = 64 };

/* r6 counts steps, r7 is the key; key at r10-8, value at r10-16 and below. */
struct text {
	struct bpf_insn insns[MAX_INSNS];
	u32 count;
	u64 map; /* address or fd */
	bool kernel;
};

static inline void emit(struct text *t, u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	t->insns[t->count++] = (struct bpf_insn){
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm
	};
}

#define MOVI(d, i)  emit(t, BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define MOVR(d, s)  emit(t, BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define ADDI(d, i)  emit(t, BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define CALL(n)	    emit(t, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_##n)
#define STORE(s, o) emit(t, BPF_STX | BPF_MEM | BPF_DW, 10, s, o, 0)
#define MAP(d)	    ld_map(t, d)
#define KEY(d)	    (MOVR(d, 10), ADDI(d, -8))
#define VALUE(d)    (MOVR(d, 10), ADDI(d, -16))

static inline void ld_map(struct text *t, u8 dst)
{
	emit(t, BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_MAP_FD, 0, (s32)t->map);
	emit(t, 0, 0, 0, 0, (s32)(t->map >> 32));
}

struct op {
	const char *name;
	double goal; /* ns; 0: none */
	u32 type, key_size, value_size, entries, flags;
	u32 filled; /* keys 0.. that are in the map */
	u32 key_mul, key_mod,
		key_add; /* key of step i: i * mul % mod + add; mul 0: i mixed, for i * mul */
	void (*body)(struct text *t);
};

static inline void lookup(struct text *t)
{
	MAP(1), KEY(2), CALL(map_lookup_elem);
}

static inline void update(struct text *t)
{
	MAP(1), KEY(2), VALUE(3), MOVI(4, 0), CALL(map_update_elem);
}

static inline void insert_remove(struct text *t)
{
	update(t);
	MAP(1), KEY(2), CALL(map_delete_elem);
}

static inline void nothing(struct text *t)
{
	(void)t;
}

/* Without a stride, which processors learn: they would fetch what is another thread's. */
static inline void mix(struct text *t, u8 reg)
{
	static const s32 factors[] = { 0x1e3779b1, 0x05ebca6b };

	for (u32 i = 0; i < 2; i++) {
		ADDI(reg, 1);
		emit(t, BPF_ALU64 | BPF_MUL | BPF_K, reg, 0, 0, factors[i]);
		MOVR(0, reg);
		emit(t, BPF_ALU64 | BPF_RSH | BPF_K, 0, 0, 0, 15);
		emit(t, BPF_ALU64 | BPF_XOR | BPF_X, reg, 0, 0, 0);
	}
}

/* Keys of the trie are {32 bits, address}: the step's number spread over the address. */
static inline void program(struct text *t, const struct op *op, void (*body)(struct text *))
{
	static const char format[16] = "n=%d s=%d";
	u64 words[2];
	u32 loop;

	t->count = 0;
	memcpy(words, format, sizeof(words));
	MOVR(9, 1);
	for (u32 i = 0; i < 2; i++) {
		emit(t, BPF_LD | BPF_IMM | BPF_DW, 1, 0, 0, (s32)words[i]);
		emit(t, 0, 0, 0, 0, (s32)(words[i] >> 32));
		STORE(1, (s16)(-80 + 8 * (s32)i));
	}
	MOVI(6, 0), MOVI(1, 1);
	for (s16 at = -64; at < 0; at += 8)
		STORE(1, at);
	loop = t->count;
	MOVR(7, 6);
	if (op->key_mul)
		emit(t, BPF_ALU64 | BPF_MUL | BPF_K, 7, 0, 0, (s32)op->key_mul);
	else
		mix(t, 7);
	emit(t, BPF_ALU64 | BPF_MOD | BPF_K, 7, 0, 0, (s32)op->key_mod);
	ADDI(7, (s32)op->key_add);
	if (op->type == BPF_MAP_TYPE_LPM_TRIE) {
		emit(t, BPF_ALU64 | BPF_MUL | BPF_K, 7, 0, 0, 0x6487ed51);
		emit(t, BPF_ALU64 | BPF_LSH | BPF_K, 7, 0, 0, 32);
		emit(t, BPF_ALU64 | BPF_OR | BPF_K, 7, 0, 0, 32);
	}
	STORE(7, -8);
	body(t);
	ADDI(6, 1);
	emit(t, BPF_JMP | BPF_JLT | BPF_K, 6, 0, (s16)((s32)loop - (s32)t->count - 1), STEPS);
	MOVI(0, 0);
	emit(t, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static inline void key_of(const struct op *op, u32 i, u64 *key)
{
	*key = i;
	if (op->type == BPF_MAP_TYPE_LPM_TRIE)
		*key = (u64)i * 0x6487ed51 << 32 | (8 + i * 7 % 25);
}

static inline struct code *compile(struct text *t)
{
	struct code_subprog whole = { 0, 512 };
	struct code_spec spec = {
		.insns = t->insns,
		.count = t->count,
		.subprogs = &whole,
		.subprog_count = 1,
		.helper = helper_body,
	};
	struct code *code;

	return code_new(&code, &spec, NULL) ? NULL : code;
}

static inline long bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static inline int load(struct text *t)
{
	union bpf_attr attr = { 0 };

	attr.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	attr.insns = (u64)(uintptr_t)t->insns;
	attr.insn_cnt = t->count;
	attr.license = (u64)(uintptr_t) "GPL";
	return (int)bpf(BPF_PROG_LOAD, &attr);
}

#endif
