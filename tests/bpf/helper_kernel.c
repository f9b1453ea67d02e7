/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packet, checksum and text helpers against the running kernel's: one call with random arguments in a
 * program of a few instructions, run by BPF_PROG_TEST_RUN and by ours; result and packet must agree.
 * `helper_kernel SEED ROUNDS` repeats a run.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../unit/run.h"
#include "linux_bpf.h"
#include "tap.h"
#include "vm/code.h"

enum { PACKET = 96, ROOM = 4096 - 320, MAX_INSNS = 64 };

static u64 state = 1;

static u32 draw(u32 below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (u32)((state >> 16) % below);
}

struct text {
	struct bpf_insn insns[MAX_INSNS];
	u32 count;
};

static void emit(struct text *t, u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	t->insns[t->count++] = (struct bpf_insn){
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm
	};
}

static void load_imm(struct text *t, u8 dst, u64 value)
{
	emit(t, BPF_LD | BPF_IMM | BPF_DW, dst, 0, 0, (s32)value);
	emit(t, 0, 0, 0, 0, (s32)(value >> 32));
}

/* The stack below r10 - 8 gets these bytes; r9 = ctx. */
static void begin(struct text *t, const u8 *bytes, u32 len)
{
	u64 word;

	t->count = 0;
	emit(t, BPF_ALU64 | BPF_MOV | BPF_X, 9, 1, 0, 0);
	for (u32 at = 0; at < len; at += 8) {
		memcpy(&word, bytes + at, 8);
		load_imm(t, 1, word);
		emit(t, BPF_STX | BPF_MEM | BPF_DW, 10, 1, (s16)(at - len - 8), 0);
	}
}

static void stack_at(struct text *t, u8 dst, s32 off)
{
	emit(t, BPF_ALU64 | BPF_MOV | BPF_X, dst, 10, 0, 0);
	emit(t, BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, off);
}

/* Returns helper's r0, folded with the 8 bytes at r10 - 8 if the helper wrote there. */
static void finish(struct text *t, s32 helper, bool with_result)
{
	emit(t, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
	if (with_result) {
		emit(t, BPF_LDX | BPF_MEM | BPF_DW, 1, 10, -8, 0);
		emit(t, BPF_ALU64 | BPF_MUL | BPF_K, 1, 0, 0, 31);
		emit(t, BPF_ALU64 | BPF_XOR | BPF_X, 0, 1, 0, 0);
	}
	emit(t, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* What a run leaves. */
struct outcome {
	u32 r0, len;
	u8 data[4096];
};

static int in_kernel(const struct text *t, u32 type, const u8 *packet, struct outcome *out)
{
	union bpf_attr attr = { 0 };
	int fd, err;

	attr.prog_type = type;
	attr.insns = (u64)(uintptr_t)t->insns;
	attr.insn_cnt = t->count;
	attr.license = (u64)(uintptr_t) "GPL";
	fd = linux_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		return fd;
	attr = (union bpf_attr){ 0 };
	attr.test.prog_fd = (u32)fd;
	attr.test.data_in = (u64)(uintptr_t)packet;
	attr.test.data_size_in = PACKET;
	attr.test.data_out = (u64)(uintptr_t)out->data;
	attr.test.data_size_out = sizeof(out->data);
	attr.test.repeat = 1;
	err = linux_bpf(BPF_PROG_TEST_RUN, &attr, sizeof(attr));
	close(fd);
	out->r0 = attr.test.retval;
	out->len = attr.test.data_size_out;
	return err;
}

static int in_skep(const struct text *t, u32 type, const u8 *packet, struct outcome *out)
{
	static u8 buffer[ROOM] __attribute__((aligned(16)));
	struct packet at = { buffer + 256, buffer + 256 + PACKET, buffer + 256, buffer, ROOM };
	struct xdp_ctx xdp = { .packet = at };
	struct skb_ctx skb = { .packet = at };
	struct packet *left = type == BPF_PROG_TYPE_XDP ? &xdp.packet : &skb.packet;
	struct code_subprog whole = { 0, 512 };
	struct code_spec spec = {
		.insns = t->insns,
		.count = t->count,
		.subprogs = &whole,
		.subprog_count = 1,
		.helper = helper_body,
	};
	struct code *code;
	int err = code_new(&code, &spec, NULL);

	if (err)
		return err;
	memset(buffer, 0, sizeof(buffer));
	memcpy(buffer + 256, packet, PACKET);
	run_slot.prog_type = type;
	run_slot.packet = left;
	out->r0 = (u32)code_run(code, type == BPF_PROG_TYPE_XDP ? (void *)&xdp : (void *)&skb,
				&run_slot);
	out->len = (u32)(left->data_end - left->data_meta);
	memcpy(out->data, left->data_meta, min(out->len, (u32)sizeof(out->data)));
	code_free(code);
	return 0;
}

static int compare(const struct text *t, u32 type, const u8 *packet, const char *what)
{
	struct outcome ours = { 0 }, theirs = { 0 };
	int a = in_skep(t, type, packet, &ours), b = in_kernel(t, type, packet, &theirs);

	if (!a && !b && ours.r0 == theirs.r0 && ours.len == theirs.len &&
	    !memcmp(ours.data, theirs.data, min(ours.len, 4096u)))
		return 0;
	printf("# %s: kernel %d r0 %d len %u, skep %d r0 %d len %u\n", what, b, (int)theirs.r0,
	       theirs.len, a, (int)ours.r0, ours.len);
	return 1;
}

static void fill(u8 *bytes, u32 len)
{
	for (u32 i = 0; i < len; i++)
		bytes[i] = (u8)(draw(4) ? draw(256) : draw(2) * 255);
}

static int csum_diff(const u8 *packet)
{
	struct text t;
	u8 bytes[48];
	u32 from = draw(2) ? draw(6) * 4 : draw(24), to = draw(2) ? draw(6) * 4 : draw(24);

	fill(bytes, sizeof(bytes));
	begin(&t, bytes, sizeof(bytes));
	if (from)
		stack_at(&t, 1, -56);
	else
		load_imm(&t, 1, 0);
	load_imm(&t, 2, from);
	if (to)
		stack_at(&t, 3, -56 + 24);
	else
		load_imm(&t, 3, 0);
	load_imm(&t, 4, to);
	load_imm(&t, 5, draw(2) ? 0 : draw(~0u));
	finish(&t, BPF_FUNC_csum_diff, false);
	return compare(&t, BPF_PROG_TYPE_SCHED_CLS, packet, "csum_diff");
}

static int csum_replace(const u8 *packet, bool l4)
{
	static const u32 sizes[] = { 0, 2, 4, 2, 4, 3 };
	struct text t;
	u8 bytes[8] = { 0 };
	u32 size = sizes[draw(ARRAY_SIZE(sizes))];
	u64 flags = size;

	if (l4)
		flags |= draw(2) * BPF_F_MARK_MANGLED_0 | draw(2) * BPF_F_PSEUDO_HDR |
			 draw(2) * BPF_F_MARK_ENFORCE;
	if (!draw(12))
		flags |= 1ull << draw(64);
	begin(&t, bytes, sizeof(bytes));
	emit(&t, BPF_ALU64 | BPF_MOV | BPF_X, 1, 9, 0, 0);
	load_imm(&t, 2, draw(8) ? 14 + draw(40) : draw(120));
	load_imm(&t, 3, size ? draw(~0u) : draw(8) == 0);
	load_imm(&t, 4, draw(~0u));
	load_imm(&t, 5, flags);
	finish(&t, l4 ? BPF_FUNC_l4_csum_replace : BPF_FUNC_l3_csum_replace, false);
	return compare(&t, BPF_PROG_TYPE_SCHED_CLS, packet,
		       l4 ? "l4_csum_replace" : "l3_csum_replace");
}

static int adjust(const u8 *packet)
{
	static const s32 helpers[] = { BPF_FUNC_xdp_adjust_head, BPF_FUNC_xdp_adjust_tail,
				       BPF_FUNC_xdp_adjust_meta };
	struct text t;
	u8 bytes[8] = { 0 };
	s32 delta = (s32)draw(700) - 350;

	begin(&t, bytes, sizeof(bytes));
	for (u32 i = 0; i < 2; i++) {
		s32 helper = helpers[draw(3)];

		if (draw(2))
			delta = (s32)draw(70) * 4 - 200;
		if (!draw(20))
			delta = (s32)draw(8000) - 4000;
		emit(&t, BPF_ALU64 | BPF_MOV | BPF_X, 1, 9, 0, 0);
		load_imm(&t, 2, (u64)(s64)delta);
		if (i)
			finish(&t, helper, false);
		else
			emit(&t, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
	}
	return compare(&t, BPF_PROG_TYPE_XDP, packet, "xdp_adjust");
}

static int load_store(const u8 *packet)
{
	static const s32 helpers[] = { BPF_FUNC_skb_load_bytes, BPF_FUNC_skb_store_bytes,
				       BPF_FUNC_xdp_load_bytes, BPF_FUNC_xdp_store_bytes };
	struct text t;
	u8 bytes[32];
	s32 helper = helpers[draw(4)];
	bool xdp = helper == BPF_FUNC_xdp_load_bytes || helper == BPF_FUNC_xdp_store_bytes;

	fill(bytes, sizeof(bytes));
	begin(&t, bytes, sizeof(bytes));
	stack_at(&t, 3, -8);
	load_imm(&t, 1, 1);
	emit(&t, BPF_STX | BPF_MEM | BPF_DW, 10, 1, -8, 0);
	emit(&t, BPF_ALU64 | BPF_MOV | BPF_X, 1, 9, 0, 0);
	load_imm(&t, 2, draw(8) ? draw(110) : draw(2) ? 0xffff + draw(3) : 0x7fffffff + draw(3));
	load_imm(&t, 4, 1 + draw(8));
	load_imm(&t, 5, draw(6) ? 0 : draw(4));
	finish(&t, helper, true);
	return compare(&t, xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS, packet,
		       "load or store");
}

static int number(const u8 *packet)
{
	static const char *const texts[] = { "0x1fz",
					     "0x",
					     "0",
					     "077",
					     "08",
					     " \t-12",
					     "+5",
					     "-",
					     "",
					     "9223372036854775807",
					     "9223372036854775808",
					     "-9223372036854775808",
					     "-9223372036854775809",
					     "18446744073709551615",
					     "18446744073709551616",
					     "0xffffffffffffffff",
					     "0X1f",
					     "ffz",
					     "12 34",
					     "\n\r1",
					     "--1",
					     "0xg",
					     "-0",
					     "00x1" };
	static const u32 bases[] = { 0, 8, 10, 16, 2, 0, 10 };
	struct text t;
	u8 bytes[32] = { 0 };
	u32 which = draw(ARRAY_SIZE(texts));

	strcpy((char *)bytes, texts[which]);
	begin(&t, bytes, sizeof(bytes));
	load_imm(&t, 1, 1);
	emit(&t, BPF_STX | BPF_MEM | BPF_DW, 10, 1, -8, 0);
	stack_at(&t, 1, -40);
	load_imm(&t, 2, draw(4) ? 24 : 1 + draw(8));
	load_imm(&t, 3, bases[draw(ARRAY_SIZE(bases))] | (draw(16) ? 0 : 32));
	stack_at(&t, 4, -8);
	finish(&t, draw(2) ? BPF_FUNC_strtol : BPF_FUNC_strtoul, true);
	return compare(&t, BPF_PROG_TYPE_SCHED_CLS, packet, texts[which]);
}

static void rounds_of(u32 rounds, const char *name, int (*one)(const u8 *packet))
{
	u8 packet[PACKET];
	u32 differing = 0;

	for (u32 i = 0; i < rounds && differing < 6; i++) {
		fill(packet, sizeof(packet));
		if (!draw(3))
			memset(packet + 14, 0, 60);
		memcpy(packet + 12, "\x08\x00\x45", 3);
		differing += (u32)one(packet);
	}
	is(differing, 0, "%s: %u calls agree", name, rounds);
}

static int l3(const u8 *packet)
{
	return csum_replace(packet, false);
}

static int l4(const u8 *packet)
{
	return csum_replace(packet, true);
}

int main(int argc, char **argv)
{
	u32 rounds = argc > 2 ? (u32)atoi(argv[2]) : 400;
	struct text t;
	struct outcome out = { 0 };
	u8 packet[PACKET] = { 0 };

	begin(&t, packet, 8);
	finish(&t, BPF_FUNC_ktime_get_ns, false);
	if (in_kernel(&t, BPF_PROG_TYPE_SCHED_CLS, packet, &out)) {
		skip("BPF_PROG_TEST_RUN is not permitted here");
		return done();
	}
	state = argc > 1 ? strtoull(argv[1], NULL, 0) * 0x9e3779b97f4a7c15ull | 1
			 : 0x5eed5eed5eedull;
	rounds_of(rounds, "csum_diff", csum_diff);
	rounds_of(rounds, "l3_csum_replace", l3);
	rounds_of(rounds, "l4_csum_replace", l4);
	rounds_of(rounds, "xdp_adjust", adjust);
	rounds_of(rounds, "loads and stores", load_store);
	rounds_of(rounds, "numbers", number);
	return done();
}
