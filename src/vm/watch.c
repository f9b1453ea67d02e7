// SPDX-License-Identifier: BSD-2-Clause
/*
 * Comparing what is with what was believed. A state of the verifier is a stack of frames; it is laid
 * beside the innermost frames of the run (a global function or an asynchronous callback is walked
 * with nothing below it). A scalar lies in its known bits and all four ranges; a pointer is as far into its object as
 * the state says where the object can be told from outside: context, stack, packet, array values.
 */
#include "vm/watch.h"

#ifdef SKEP_ORACLE

#include <stdio.h>
#include <string.h>

#include "def/ctx_layout.h"
#include "verify/belief.h"
#include "verify/verify.h"

enum { STEPS_MOST = 500000 };

struct there { /* a frame of the run, innermost first */
	u64 reg[REG_COUNT];
	bool whole; /* all registers are known, not only r6..r10 */
	u8 *fp;
	u32 callsite;	 /* as loaded, of the call that made it */
	const u64 *args; /* r1 to r5 when it was entered */
};

struct scene {
	const struct run *run;
	struct there frame[RUN_FRAMES + 1];
	u32 nr;
	bool contract; /* the outermost frame of the state is a global function's */
	bool ask;      /* why a belief does not hold */
	char why[320];
};

void watch_begin(struct watch *watch, struct run *run, u32 start, u64 *reg,
		 struct interp_frame *frames)
{
	*watch = (struct watch){ .run = run, .before = run->watch, .reg = reg, .frames = frames };
	watch->up = start ? run->watch : NULL; /* the first function is no callback */
	run->watch = watch;
}

void watch_end(struct watch *watch)
{
	watch->run->watch = watch->before;
}

/* The instruction as loaded; a call's own, for its frames. */
static u32 source(const struct code *code, u32 at)
{
	return code->beliefs && at < code->beliefs->xlated_count ? code->beliefs->from[at]
								 : BELIEF_NONE;
}

static struct there *add_frame(struct scene *s)
{
	return s->nr < ARRAY_SIZE(s->frame) ? &s->frame[s->nr++] : NULL;
}

static void look(struct scene *s, const struct watch *w)
{
	bool innermost = true;

	s->run = w->run;
	s->nr = 0;
	s->ask = false;
	s->why[0] = '\0';
	for (; w; w = w->up, innermost = false) {
		struct there *f = add_frame(s);

		if (!f)
			return;
		memcpy(f->reg, w->reg, sizeof(f->reg));
		f->whole = innermost;
		f->fp = (u8 *)w->reg[REG_FP];
		f->args = w->args[w->depth];
		f->callsite = w->up ? source(w->up->code, w->up->at) : BELIEF_NONE;
		for (u32 d = w->depth; d--;) {
			f->callsite = source(w->code, (u32)(w->frames[d].back - w->code->iops));
			f = add_frame(s);
			if (!f)
				return;
			f->whole = false;
			memcpy(&f->reg[6], w->frames[d].saved, sizeof(w->frames[d].saved));
			f->fp = w->frames[d].fp;
			f->args = w->args[d];
			f->reg[REG_FP] = (u64)f->fp;
			f->callsite = w->up ? source(w->up->code, w->up->at) : BELIEF_NONE;
		}
	}
}

static bool in_ranges(const struct reg_state *b, u64 v)
{
	return !((v ^ b->var_off.value) & ~b->var_off.mask) && v >= b->umin && v <= b->umax &&
	       (s64)v >= b->smin && (s64)v <= b->smax && (u32)v >= b->u32_min &&
	       (u32)v <= b->u32_max && (s32)v >= b->s32_min && (s32)v <= b->s32_max;
}

/* nr: how many frames the state has; its innermost is s->frame[0]. */
static bool pointer(const struct scene *s, u32 nr, const struct reg_state *b, u64 v)
{
	const struct run *run = s->run;

	if (!v)
		return b->type & PTR_MAYBE_NULL || type_base(b->type) == PTR_TO_BTF_ID ||
		       type_base(b->type) == PTR_TO_FUNC || b->off || !tnum_is_const(b->var_off);
	switch (type_base(b->type)) {
	case PTR_TO_CTX: return !run->ctx || watch_offset(b, v - (u64)(s64)b->off - (u64)run->ctx);
	case PTR_TO_STACK:
		return watch_offset(b,
				    v - (u64)(s64)b->off - (u64)s->frame[nr - 1 - b->frameno].fp);
	case PTR_TO_MAP_VALUE: return watch_value(run, b, v);
	case PTR_TO_MAP_KEY: return watch_key(run, b, v, s->contract);
	case CONST_PTR_TO_MAP: return watch_map(b, v);
	case PTR_TO_PACKET: return watch_packet(run, b, v, false);
	case PTR_TO_PACKET_META: return watch_packet(run, b, v, true);
	case PTR_TO_PACKET_END: return !run->packet || v == (u64)run->packet->data_end;
	case PTR_TO_MEM:
		if (b->type & MEM_RINGBUF)
			return watch_record(run, b, v);
		return !s->contract || watch_argument(run, b, v, s->frame[nr - 1].args);
	default: return true;
	}
}

static bool holds(const struct scene *s, u32 nr, const struct reg_state *b, u64 v)
{
	if (b->type == NOT_INIT)
		return true;
	if (b->type == SCALAR_VALUE)
		return in_ranges(b, v);
	return pointer(s, nr, b, v);
}

static u64 low_bytes(u64 v, u32 n)
{
	return n < 8 ? v & ((1ull << 8 * n) - 1) : v;
}

/* n low bytes of a spilled scalar that need not fit them. */
static bool holds_low(const struct scene *s, u32 nr, const struct reg_state *b, u64 v, u32 n)
{
	if (n == 8 || b->umax <= low_bytes(~0ull, n))
		return holds(s, nr, b, v);
	if (b->type != SCALAR_VALUE)
		return true;
	if (low_bytes((v ^ b->var_off.value) & ~b->var_off.mask, n))
		return false;
	return n < 4 || ((u32)v >= b->u32_min && (u32)v <= b->u32_max && (s32)v >= b->s32_min &&
			 (s32)v <= b->s32_max);
}

static bool slot_holds(const struct scene *s, u32 nr, const struct belief_slot *b, const u8 *mem)
{
	u32 spilled = 0;
	u64 v;

	memcpy(&v, mem, sizeof(v));
	while (spilled < SLOT && b->type[SLOT - 1 - spilled] == STACK_SPILL)
		spilled++;
	if (spilled && !holds_low(s, nr, b->reg, low_bytes(v, spilled), spilled))
		return false;
	for (u32 i = 0; i < SLOT; i++)
		if (b->type[i] == STACK_ZERO && mem[SLOT - 1 - i])
			return false;
	return true;
}

/* A scalar that has an id, wherever it is, and its value. */
struct linked {
	u32 id, at; /* at: register, or 8 * (slot + 1) */
	u64 value;
};

static u32 add_linked(struct linked *all, u32 nr, const struct reg_state *b, u32 at, u64 v)
{
	if (b->type != SCALAR_VALUE || !b->id)
		return nr;
	all[nr] = (struct linked){ b->id, at, v - (b->id & ID_ADD_CONST ? (u64)(s64)b->off : 0) };
	return nr + 1;
}

static u32 linked_of(const struct belief_frame *b, const struct there *f, struct linked *all)
{
	u32 nr = 0;

	for (u32 r = f->whole ? 0 : 6; r < REG_FP; r++)
		nr = add_linked(all, nr, b->regs[r], r, f->reg[r]);
	for (u32 i = 0; i < b->nr_slots; i++) {
		const struct belief_slot *slot = &b->slots[i];
		u64 v;

		if (slot->type[0] != STACK_SPILL)
			continue;
		memcpy(&v, f->fp - (i + 1) * SLOT, sizeof(v));
		nr = add_linked(all, nr, slot->reg, (i + 1) * SLOT, v);
	}
	return nr;
}

/* Scalars with one id are one value, or a constant apart. */
static bool linked_hold(const struct linked *x, const struct linked *y)
{
	u32 sums = (x->id | y->id) & ID_ADD_CONST;

	return (x->id ^ y->id) & ~ID_ADD_CONST || x->value == y->value ||
	       (sums & ID_ADD_CONST32 && (u32)x->value == (u32)y->value) || sums == ID_ADD_CONST;
}

/* In all frames of the state. */
static bool links_hold(struct scene *s, const struct belief *b)
{
	struct linked all[(RUN_FRAMES + 1) * (REG_FP + MAX_SLOTS)];
	u32 nr = 0;

	for (u32 k = 0; k < b->nr; k++)
		nr += linked_of(b->frame[b->nr - 1 - k], &s->frame[k], all + nr);
	for (u32 i = 0; i < nr; i++)
		for (u32 j = i + 1; j < nr; j++) {
			if (linked_hold(&all[i], &all[j]))
				continue;
			if (s->ask)
				snprintf(s->why, sizeof(s->why),
					 "%u and %u (registers, or slots) have one id, and differ",
					 all[i].at, all[j].at);
			return false;
		}
	return true;
}

static void tell(struct scene *s, const char *what, u32 n, u32 frame, const struct reg_state *b,
		 u64 v)
{
	if (!s->ask)
		return;
	if (!b) {
		snprintf(s->why, sizeof(s->why),
			 "frame %u: %s %u is 0x%llx, with a byte that was believed to be 0", frame,
			 what, n, (unsigned long long)v);
		return;
	}
	snprintf(
		s->why, sizeof(s->why),
		"frame %u: %s %u is 0x%llx, believed: type 0x%x off %d bits 0x%llx/0x%llx u[%llu,%llu] s[%lld,%lld] u32[%u,%u] s32[%d,%d]",
		frame, what, n, (unsigned long long)v, b->type, b->off,
		(unsigned long long)b->var_off.value, (unsigned long long)b->var_off.mask,
		(unsigned long long)b->umin, (unsigned long long)b->umax, (long long)b->smin,
		(long long)b->smax, b->u32_min, b->u32_max, b->s32_min, b->s32_max);
}

static bool frame_holds(struct scene *s, const struct belief *b, u32 k)
{
	const struct belief_frame *f = b->frame[b->nr - 1 - k];
	const struct there *t = &s->frame[k];

	for (u32 r = t->whole ? 0 : 6; r < REG_FP; r++)
		if (!holds(s, b->nr, f->regs[r], t->reg[r])) {
			tell(s, "register", r, b->nr - 1 - k, f->regs[r], t->reg[r]);
			return false;
		}
	for (u32 i = 0; i < f->nr_slots; i++) {
		const u8 *mem = t->fp - (i + 1) * SLOT;
		u64 v;

		if (slot_holds(s, b->nr, &f->slots[i], mem))
			continue;
		memcpy(&v, mem, sizeof(v));
		tell(s, "stack slot", (i + 1) * SLOT, b->nr - 1 - k, f->slots[i].reg, v);
		return false;
	}
	return true;
}

static bool belief_holds(struct scene *s, const struct belief *b)
{
	if (b->nr > s->nr)
		return false;
	for (u32 k = 0; k + 1 < b->nr; k++)
		if (s->frame[k].callsite != b->frame[b->nr - 1 - k]->callsite)
			return false;
	s->contract = b->frame[0]->subprog != 0;
	for (u32 k = 0; k < b->nr; k++)
		if (!frame_holds(s, b, k))
			return false;
	return links_hold(s, b);
}

static void broken(struct scene *s, const struct beliefs *all, u32 at)
{
	u32 visits = 0, told = 0;
	char text[8192];
	struct insn insn[2];
	int n;

	insn_decode(all->insns + at, min(2u, all->count - at), insn);
	n = snprintf(text, sizeof(text), "before instruction %u of %u: ", at, all->count);
	n += (int)insn_text(insn, at, DISASM_KERNEL, text + n, sizeof(text) - (size_t)n);
	n += snprintf(text + n, sizeof(text) - (size_t)n, "\n");
	s->ask = true;
	for (const struct belief *b = all->at[at]; b; b = b->next, visits++) {
		s->why[0] = '\0';
		belief_holds(s, b);
		if (s->why[0] && told++ < 8)
			n += snprintf(text + n, sizeof(text) - (size_t)n, "not state %u: %s\n",
				      visits, s->why);
	}
	n += snprintf(text + n, sizeof(text) - (size_t)n,
		      "%u states were visited there, %u of them with these calls\n", visits, told);
	for (u32 r = 0; r < REG_COUNT; r++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "r%u = 0x%llx%s", r,
			      (unsigned long long)s->frame[0].reg[r], r == REG_FP ? "\n" : ", ");
	belief_broken(text);
}

void watch_step(struct watch *watch, const struct code *code, u32 at, u32 depth)
{
	const struct beliefs *all = code->beliefs;
	struct belief *first, *b;
	struct scene scene;
	u32 from;

	if (!watch->steps || watch->code != code || depth > watch->depth)
		memcpy(watch->args[depth], watch->reg + 1, sizeof(watch->args[depth]));
	watch->code = code;
	watch->at = at;
	watch->depth = depth;
	from = source(code, at);
	if (watch->steps++ > STEPS_MOST || from == BELIEF_NONE)
		return;
	look(&scene, watch);
	if (from & BELIEF_DEAD)
		broken(&scene, all, from & ~BELIEF_DEAD);
	first = __atomic_load_n(&all->last[from], __ATOMIC_RELAXED);
	for (b = first; b; b = b->next)
		if (belief_holds(&scene, b))
			break;
	for (b = b ? b : all->at[from]; b; b = b->next)
		if (belief_holds(&scene, b)) {
			__atomic_store_n(&all->last[from], b, __ATOMIC_RELAXED);
			return;
		}
	broken(&scene, all, from);
}

#endif
