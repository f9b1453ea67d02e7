// SPDX-License-Identifier: BSD-2-Clause
/*
 * Three walks over the instructions:
 *
 *   kinds      forward, over all functions at once: which registers and stack slots hold a pointer that the
 *              verifier knows and which hold a number. A load through a number is what the programmer
 *              meant as a kernel's pointer
 *   live       backward: which of r0 to r5, that a call destroys, are wanted after such a load
 *   write      each such load becomes: save those; bpf_probe_read(fp - tmp, size, base + off); load from
 *              the stack; restore. Jumps, calls, func_info and line_info follow
 *
 * Invariant: only loads that every verifier refuses are touched, so a program that is right without this
 * pass comes out as it went in. Where walks meet, a pointer wins over a number: the verifier decides.
 */
#include "bcc/reads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "def/helper.h"

enum {
	INSNS_MAX = 1 << 16,
	SLOTS = 64,
	REGS = 11,
	STACK_MAX = 512,
	GROWTH_MAX = 20,
	ROUNDS_MAX = 256
};

/* What a register or slot holds, in the order of which wins where walks meet. */
enum kind {
	NOTHING,
	ZERO,
	NUMBER,
	POINTER,
	KERNEL
}; /* KERNEL: typed by BTF, the verifier follows it itself */

struct kinds {
	u8 reg[REGS], slot[SLOTS];
};

struct reads {
	const struct bpf_insn *insn;
	u32 count;
	struct kinds *at;      /* before each instruction */
	u32 *work, work_count; /* instructions to look at again */
	bool *queued;
	u32 *start; /* of the function that each instruction is in */
	u8 *result; /* by a function's first instruction: what it returns */
	u32 *caller,
		*other; /* by the same: the last call of it; by a call: the one before it; count: none */
	u16 *live;	/* registers wanted after each instruction */
	u32 *moved; /* where each instruction goes; [count]: the end */
	u16 *room;  /* by a function's first instruction: bytes of stack it uses */
};

static bool is_wide(const struct bpf_insn *i)
{
	return i->code == (BPF_LD | BPF_IMM | BPF_DW);
}
static bool is_call_to(const struct bpf_insn *i)
{
	return i->code == (BPF_JMP | BPF_CALL) && i->src_reg == BPF_PSEUDO_CALL;
}
static bool is_func(const struct bpf_insn *i)
{
	return is_wide(i) && i->src_reg == BPF_PSEUDO_FUNC;
}
static bool is_load(const struct bpf_insn *i)
{
	return BPF_CLASS(i->code) == BPF_LDX &&
	       (BPF_MODE(i->code) == BPF_MEM || BPF_MODE(i->code) == BPF_MEMSX);
}
static bool is_long_jump(const struct bpf_insn *i)
{
	return i->code == (BPF_JMP32 | BPF_JA);
}
static bool is_jump(const struct bpf_insn *i)
{
	u8 class = BPF_CLASS(i->code), op = BPF_OP(i->code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT;
}

/* Where jump, call or function reference i leads; count where it leads outside. */
static u32 target(const struct reads *r, u32 at)
{
	const struct bpf_insn *i = &r->insn[at];
	s64 to = (s64)at + 1 + (is_long_jump(i) || is_call_to(i) || is_func(i) ? i->imm : i->off);

	return to >= 0 && to < r->count ? (u32)to : r->count;
}

/* ---- kinds ---- */

static void enter(struct reads *r, u32 at, const struct kinds *with)
{
	bool more = false;

	if (at >= r->count)
		return;
	for (u32 n = 0; n < sizeof(*with); n++) {
		u8 *old = (u8 *)&r->at[at] + n, now = ((const u8 *)with)[n];

		if (now > *old) {
			*old = now;
			more = true;
		}
	}
	if (!more || r->queued[at])
		return;
	r->queued[at] = true;
	r->work[r->work_count++] = at;
}

static int slot_of(const struct bpf_insn *i, u8 base)
{
	return base == BPF_REG_10 && i->off < 0 && i->off >= -STACK_MAX ? -(i->off + 1) / 8 : -1;
}

static void after_alu(struct kinds *k, const struct bpf_insn *i)
{
	bool by_reg = BPF_SRC(i->code) == BPF_X, wide = BPF_CLASS(i->code) == BPF_ALU64;
	u8 *dst = &k->reg[i->dst_reg], src = by_reg ? k->reg[i->src_reg] : i->imm ? NUMBER : ZERO;

	if (BPF_OP(i->code) == BPF_MOV)
		*dst = wide && !i->off ? src : src == ZERO ? ZERO : NUMBER;
	else if (wide && (BPF_OP(i->code) == BPF_ADD || BPF_OP(i->code) == BPF_SUB))
		*dst = *dst >= POINTER || src < POINTER ? max(*dst, (u8)NUMBER) : src;
	else
		*dst = NUMBER;
}

static void after_load(struct kinds *k, const struct bpf_insn *i)
{
	int slot = slot_of(i, i->src_reg);
	u8 kind = NUMBER;

	if (k->reg[i->src_reg] == KERNEL)
		kind = KERNEL;
	else if (slot >= 0 && BPF_SIZE(i->code) == BPF_DW && k->slot[slot])
		kind = k->slot[slot];
	k->reg[i->dst_reg] = kind;
}

static void after_store(struct kinds *k, const struct bpf_insn *i)
{
	int slot = slot_of(i, i->dst_reg);

	if (slot >= 0)
		k->slot[slot] = BPF_CLASS(i->code) == BPF_STX && BPF_MODE(i->code) == BPF_MEM &&
						BPF_SIZE(i->code) == BPF_DW
					? k->reg[i->src_reg]
					: NUMBER;
	if (BPF_CLASS(i->code) == BPF_STX && BPF_MODE(i->code) == BPF_ATOMIC) {
		if (i->imm == BPF_CMPXCHG)
			k->reg[BPF_REG_0] = NUMBER;
		else if (i->imm & BPF_FETCH)
			k->reg[i->src_reg] = NUMBER;
	}
}

static u8 result_of(const struct bpf_insn *i)
{
	const struct helper_proto *proto = i->src_reg ? NULL : helper_any((u32)i->imm);
	u32 ret = proto ? proto->ret & 0xff : RET_PTR_TO_BTF_ID;

	if (ret == RET_PTR_TO_BTF_ID || ret == RET_PTR_TO_MEM_OR_BTF_ID)
		return KERNEL;
	return ret == RET_INTEGER || ret == RET_VOID ? NUMBER : POINTER;
}

static void after_call(struct reads *r, u32 at, struct kinds *k)
{
	const struct bpf_insn *i = &r->insn[at];
	struct kinds callee = { 0 };
	u32 to = target(r, at);
	u8 result = NOTHING;

	if (is_call_to(i)) {
		memcpy(&callee.reg[1], &k->reg[1], 5);
		callee.reg[BPF_REG_10] = POINTER;
		enter(r, to, &callee);
		result = to < r->count ? r->result[to] : NUMBER;
	} else {
		result = result_of(i);
	}
	memset(k->reg, NOTHING, 6);
	k->reg[BPF_REG_0] = result;
}

/* A function's result is known better: whoever calls it looks again. */
static void leave(struct reads *r, u32 at, u8 result)
{
	u32 function = r->start[at];

	if (result <= r->result[function])
		return;
	r->result[function] = result;
	for (u32 i = r->caller[function]; i < r->count; i = r->other[i])
		if (r->at[i].reg[BPF_REG_10] && !r->queued[i]) {
			r->queued[i] = true;
			r->work[r->work_count++] = i;
		}
}

/* A callback is called by a helper; what it is given are pointers and counters. */
static void enter_callback(struct reads *r, u32 to)
{
	struct kinds k = { 0 };

	memset(&k.reg[1], POINTER, 5);
	k.reg[BPF_REG_10] = POINTER;
	enter(r, to, &k);
}

static void step(struct reads *r, u32 at)
{
	const struct bpf_insn *i = &r->insn[at];
	struct kinds k = r->at[at];
	u32 next = at + 1;

	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64: after_alu(&k, i); break;
	case BPF_LDX: after_load(&k, i); break;
	case BPF_ST:
	case BPF_STX: after_store(&k, i); break;
	case BPF_LD:
		if (is_wide(i)) {
			k.reg[i->dst_reg] = i->src_reg			    ? POINTER
					    : i->imm || r->insn[at + 1].imm ? NUMBER
									    : ZERO;
			if (is_func(i))
				enter_callback(r, target(r, at));
			next++;
		} else {
			k.reg[BPF_REG_0] = NUMBER;
		}
		break;
	default:
		if (i->code == (BPF_JMP | BPF_EXIT)) {
			leave(r, at, k.reg[BPF_REG_0]);
			return;
		}
		if (i->code == (BPF_JMP | BPF_CALL))
			after_call(r, at, &k);
		else
			enter(r, target(r, at), &k);
		if (i->code == (BPF_JMP | BPF_JA) || is_long_jump(i))
			return;
		if (i->code == (BPF_JMP | BPF_CALL) && !k.reg[BPF_REG_0])
			return; /* nothing is known to come back yet */
	}
	enter(r, next, &k);
}

static void find_kinds(struct reads *r)
{
	struct kinds first = { .reg[BPF_REG_1] = POINTER, .reg[BPF_REG_10] = POINTER };

	enter(r, 0, &first);
	while (r->work_count) {
		u32 at = r->work[--r->work_count];

		r->queued[at] = false;
		step(r, at);
	}
}

/* ---- live ---- */

static u16 bit(u8 reg)
{
	return (u16)(1u << reg);
}

/* Registers that an instruction reads, and in *written those it sets or destroys. */
static u16 reads_of(const struct bpf_insn *i, u16 *written)
{
	u16 dst = bit(i->dst_reg), src = bit(i->src_reg);

	*written = 0;
	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		*written = dst;
		return (u16)((BPF_OP(i->code) == BPF_MOV ? 0 : dst) |
			     (BPF_SRC(i->code) == BPF_X && BPF_OP(i->code) != BPF_NEG &&
					      BPF_OP(i->code) != BPF_END
				      ? src
				      : 0));
	case BPF_LDX: *written = dst; return src;
	case BPF_ST: return dst;
	case BPF_STX:
		if (BPF_MODE(i->code) == BPF_ATOMIC && i->imm == BPF_CMPXCHG)
			return dst | src | bit(BPF_REG_0);
		return dst | src;
	case BPF_LD:
		*written = is_wide(i) ? dst : bit(BPF_REG_0);
		return is_wide(i) ? 0 : (u16)(src | bit(BPF_REG_6));
	}
	if (i->code == (BPF_JMP | BPF_EXIT))
		return bit(BPF_REG_0);
	if (i->code == (BPF_JMP | BPF_CALL)) {
		*written = 0x3f;
		return 0x3e;
	}
	return (u16)((BPF_OP(i->code) == BPF_JA || BPF_OP(i->code) == BPF_JCOND ? 0 : dst) |
		     (BPF_SRC(i->code) == BPF_X ? src : 0));
}

static u16 held(const struct reads *r, u32 at)
{
	u16 mask = 0;

	for (u8 reg = 0; reg < REGS; reg++)
		if (r->at[at].reg[reg])
			mask |= bit(reg);
	return mask;
}

/* A call reads as many of r1 to r5 as it has been given: a register that holds nothing is not wanted. */
static u16 wanted_at(const struct reads *r, u32 at)
{
	u16 written, want;

	if (at >= r->count)
		return 0;
	want = (u16)(reads_of(&r->insn[at], &written) | (r->live[at] & ~written));
	return want & held(r, at);
}

static void find_live(struct reads *r)
{
	bool more = true;

	for (u32 round = 0; more; round++) {
		more = false;
		if (round == ROUNDS_MAX) { /* jumps made to keep us: all are wanted */
			memset(r->live, 0xff, r->count * sizeof(*r->live));
			return;
		}
		for (u32 at = r->count; at--;) {
			const struct bpf_insn *i = &r->insn[at];
			bool jumps = is_jump(i), ends = i->code == (BPF_JMP | BPF_EXIT);
			u16 live = jumps ? wanted_at(r, target(r, at)) : 0;

			if (!ends && i->code != (BPF_JMP | BPF_JA) && !is_long_jump(i))
				live |= wanted_at(r, at + 1 + is_wide(i));
			more |= live != r->live[at];
			r->live[at] = live;
		}
	}
}

/* ---- write ---- */

static void find_room(struct reads *r)
{
	for (u32 at = 0; at < r->count; at++) {
		const struct bpf_insn *i = &r->insn[at];
		u16 *room = &r->room[r->start[at]];
		s32 low = 0;
		u8 class = BPF_CLASS(i->code);

		if (i->code == (BPF_ALU64 | BPF_ADD | BPF_K))
			low = i->imm;
		else if ((class == BPF_LDX && i->src_reg == BPF_REG_10) ||
			 ((class == BPF_ST || class == BPF_STX) && i->dst_reg == BPF_REG_10))
			low = i->off;
		if (low < 0 && low >= -STACK_MAX)
			*room = max(*room, (u16)((-low + 7) & ~7));
	}
}

struct output {
	struct bpf_insn *insn;
	u32 count;
};

static void put(struct output *o, u8 code, u8 dst, u8 src, s32 off, s32 imm)
{
	o->insn[o->count++] = (struct bpf_insn){
		.code = code, .dst_reg = dst & 15, .src_reg = src & 15, .off = (s16)off, .imm = imm
	};
}

static const u8 sizes[] = {
	[BPF_W >> 3] = 4, [BPF_H >> 3] = 2, [BPF_B >> 3] = 1, [BPF_DW >> 3] = 8
};

/* The call in place of a load; the function's own part of the stack ends at -room. */
static int put_read(struct reads *r, u32 at, struct output *o)
{
	const struct bpf_insn *i = &r->insn[at];
	u16 keep = r->live[at] & held(r, at) & 0x3f & (u16)~bit(i->dst_reg);
	s32 tmp = -(s32)r->room[r->start[at]] - 8, low = tmp;

	for (u8 reg = 0; reg < 6; reg++)
		if (keep & bit(reg))
			put(o, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, reg, low -= 8, 0);
	if (low < -STACK_MAX)
		return -ENOSPC;
	if (i->src_reg != BPF_REG_3)
		put(o, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, i->src_reg, 0, 0);
	if (i->off)
		put(o, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_3, 0, 0, i->off);
	put(o, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_10, 0, 0);
	put(o, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, 0, tmp);
	put(o, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, sizes[BPF_SIZE(i->code) >> 3]);
	put(o, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_probe_read);
	put(o, i->code, i->dst_reg, BPF_REG_10, tmp, 0);
	low = tmp;
	for (u8 reg = 0; reg < 6; reg++)
		if (keep & bit(reg))
			put(o, BPF_LDX | BPF_MEM | BPF_DW, reg, BPF_REG_10, low -= 8, 0);
	return 0;
}

static int retarget(const struct reads *r, u32 at, struct bpf_insn *out)
{
	s64 to = (s64)r->moved[target(r, at)] - (s64)r->moved[at] - 1;

	if (is_long_jump(out) || is_call_to(out) || is_func(out))
		out->imm = (s32)to;
	else if (to < INT16_MIN || to > INT16_MAX)
		return -E2BIG;
	else
		out->off = (s16)to;
	return 0;
}

static int rewrite(struct reads *r, struct bcc_reads *out)
{
	struct output o = { calloc((size_t)r->count * GROWTH_MAX + 1, sizeof(struct bpf_insn)), 0 };
	int err = o.insn ? 0 : -ENOMEM;

	for (u32 at = 0; at < r->count && !err; at++) {
		const struct bpf_insn *i = &r->insn[at];

		r->moved[at] = o.count;
		if (is_load(i) &&
		    (r->at[at].reg[i->src_reg] == NUMBER || r->at[at].reg[i->src_reg] == ZERO)) {
			err = put_read(r, at, &o);
			out->changed++;
		} else {
			o.insn[o.count++] = *i;
		}
	}
	r->moved[r->count] = o.count;
	for (u32 at = 0; at < r->count && !err; at++)
		if (is_jump(&r->insn[at]) || is_call_to(&r->insn[at]) || is_func(&r->insn[at]))
			err = retarget(r, at, &o.insn[r->moved[at]]);
	out->insns = o.insn;
	out->count = o.count;
	return err;
}

/* Copies info records and moves the instruction number that each starts with. */
static int move_records(const struct reads *r, u64 from, u32 count, u32 size, void **out)
{
	u8 *records;
	u32 at;

	if (!count || size < sizeof(u32))
		return 0;
	records = malloc((size_t)count * size);
	if (!records)
		return -ENOMEM;
	memcpy(records, (const void *)(uintptr_t)from, (size_t)count * size);
	for (u32 n = 0; n < count; n++) {
		memcpy(&at, records + (size_t)n * size, sizeof(at));
		at = r->moved[min(at, r->count)];
		memcpy(records + (size_t)n * size, &at, sizeof(at));
	}
	*out = records;
	return 0;
}

/* ---- around them ---- */

static void mark_functions(struct reads *r)
{
	u32 start = 0;

	for (u32 at = 0; at < r->count; at++)
		r->caller[at] = r->count;
	for (u32 at = 0; at < r->count; at++)
		if (is_call_to(&r->insn[at]) || is_func(&r->insn[at])) {
			u32 to = target(r, at);

			if (to >= r->count)
				continue;
			r->start[to] = 1;
			r->other[at] = is_call_to(&r->insn[at]) ? r->caller[to] : r->count;
			r->caller[to] = is_call_to(&r->insn[at]) ? at : r->caller[to];
		}
	for (u32 at = 0; at < r->count; at++) {
		start = r->start[at] ? at : start;
		r->start[at] = start;
	}
}

/* Kinds of programs whose context is numbers; in others a load through a number is a mistake. */
static bool applies(const union bpf_attr *attr)
{
	switch (attr->prog_type) {
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_PERF_EVENT: break;
	default: return false;
	}
	if (!attr->insn_cnt || attr->insn_cnt > INSNS_MAX)
		return false;
	for (u32 i = 0; i < attr->insn_cnt; i++) {
		const struct bpf_insn *insn = (const struct bpf_insn *)(uintptr_t)attr->insns + i;

		if (insn->dst_reg >= REGS || insn->src_reg >= REGS ||
		    (is_wide(insn) && i + 1 == attr->insn_cnt))
			return false; /* for the answer to refuse */
		i += is_wide(insn);
	}
	return true;
}

static int allocate(struct reads *r)
{
	u32 n = r->count + 1;

	r->at = calloc(n, sizeof(*r->at));
	r->work = calloc(n, sizeof(*r->work));
	r->queued = calloc(n, sizeof(*r->queued));
	r->start = calloc(n, sizeof(*r->start));
	r->result = calloc(n, sizeof(*r->result));
	r->caller = calloc(n, sizeof(*r->caller));
	r->other = calloc(n, sizeof(*r->other));
	r->live = calloc(n, sizeof(*r->live));
	r->moved = calloc(n, sizeof(*r->moved));
	r->room = calloc(n, sizeof(*r->room));
	return r->at && r->work && r->queued && r->start && r->result && r->caller && r->other &&
			       r->live && r->moved && r->room
		       ? 0
		       : -ENOMEM;
}

static int run(struct reads *r, const union bpf_attr *attr, struct bcc_reads *out)
{
	int err = allocate(r);

	if (err)
		return err;
	mark_functions(r);
	find_kinds(r);
	find_live(r);
	find_room(r);
	err = rewrite(r, out);
	if (!err)
		err = move_records(r, attr->func_info, attr->func_info_cnt,
				   attr->func_info_rec_size, &out->func_info);
	if (!err)
		err = move_records(r, attr->line_info, attr->line_info_cnt,
				   attr->line_info_rec_size, &out->line_info);
	return err;
}

int bcc_reads(const void *attr, u32 size, struct bcc_reads *out)
{
	struct reads r = { 0 };
	int err;

	*out = (struct bcc_reads){ 0 };
	memcpy(&out->attr, attr, min(size, (u32)sizeof(out->attr)));
	if (!applies(&out->attr))
		return 0;
	r.insn = (const struct bpf_insn *)(uintptr_t)out->attr.insns;
	r.count = out->attr.insn_cnt;
	err = run(&r, &out->attr, out);
	free(r.at);
	free(r.work);
	free(r.queued);
	free(r.start);
	free(r.result);
	free(r.caller);
	free(r.other);
	free(r.live);
	free(r.moved);
	free(r.room);
	if (err)
		bcc_reads_free(out);
	out->attr.insns = (uintptr_t)out->insns;
	out->attr.insn_cnt = out->count;
	out->attr.func_info = (uintptr_t)out->func_info;
	out->attr.line_info = (uintptr_t)out->line_info;
	return err;
}

void bcc_reads_free(struct bcc_reads *reads)
{
	free(reads->insns);
	free(reads->func_info);
	free(reads->line_info);
	*reads = (struct bcc_reads){ 0 };
}
