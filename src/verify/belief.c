// SPDX-License-Identifier: BSD-2-Clause
/*
 * Recording what the walk believes. Registers, frames and states are kept once each (they are compared
 * by content and then by address), so a visit mostly costs one new frame.
 */
#include "verify/belief.h"

#ifdef SKEP_ORACLE

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/hash.h"
#include "verify/env.h"

enum { STORE_MOST = 192 << 20, CHUNK = 1 << 20, VISITS_MOST = 300000 };

struct chunk {
	struct chunk *next;
	u32 used, size;
	u8 bytes[] __attribute__((aligned(8)));
};

struct blob {
	struct blob *next;
	u32 hash, len;
	u8 bytes[] __attribute__((aligned(8)));
};

struct belief_store {
	struct chunk *chunks;
	struct blob **buckets;
	u32 nr_buckets, nr_blobs, visits;
	u64 size;
	const char *plant;
};

static struct belief_counts counted;

struct belief_counts beliefs_counted(void)
{
	return counted;
}

void belief_broken(const char *text)
{
	fprintf(stderr, "skep: a belief of the verifier does not hold\n%s", text);
	abort();
}

static void *store_room(struct belief_store *s, u32 size)
{
	struct chunk *c = s->chunks;

	size = round_up(size, 8u);
	if (!c || c->size - c->used < size) {
		u32 room = max(size, (u32)CHUNK);

		if (s->size > STORE_MOST)
			return NULL;
		c = malloc(sizeof(*c) + room);
		if (!c)
			return NULL;
		c->next = s->chunks;
		c->used = 0;
		c->size = room;
		s->chunks = c;
		s->size += room;
	}
	c->used += size;
	return c->bytes + c->used - size;
}

static bool store_grow(struct belief_store *s)
{
	u32 nr = s->nr_buckets ? s->nr_buckets * 4 : 1024;
	struct blob **bigger = calloc(nr, sizeof(struct blob *));

	if (!bigger)
		return false;
	for (u32 i = 0; i < s->nr_buckets; i++)
		for (struct blob *b = s->buckets[i], *next; b; b = next) {
			next = b->next;
			b->next = bigger[b->hash & (nr - 1)];
			bigger[b->hash & (nr - 1)] = b;
		}
	free(s->buckets);
	s->buckets = bigger;
	s->nr_buckets = nr;
	return true;
}

/* The one copy of these bytes; NULL: no room. */
static const void *keep(struct belief_store *s, const void *data, u32 len)
{
	u32 hash = (u32)hash_bytes(data, len, 0);
	struct blob *b;

	if (s->nr_blobs >= s->nr_buckets && !store_grow(s))
		return NULL;
	for (b = s->buckets[hash & (s->nr_buckets - 1)]; b; b = b->next)
		if (b->hash == hash && b->len == len && !memcmp(b->bytes, data, len))
			return b->bytes;
	b = store_room(s, (u32)sizeof(*b) + len);
	if (!b)
		return NULL;
	b->hash = hash;
	b->len = len;
	memcpy(b->bytes, data, len);
	b->next = s->buckets[hash & (s->nr_buckets - 1)];
	s->buckets[hash & (s->nr_buckets - 1)] = b;
	s->nr_blobs++;
	return b->bytes;
}

static const struct reg_state *keep_reg(struct belief_store *s, const struct reg_state *reg)
{
	struct reg_state copy;

	memcpy(&copy, reg, sizeof(copy));
	memset((u8 *)&copy + offsetof(struct reg_state, dep), 0,
	       sizeof(copy) - offsetof(struct reg_state, dep));
	if (copy.type == NOT_INIT)
		memset(&copy, 0, sizeof(copy));
	return keep(s, &copy, sizeof(copy));
}

static const struct belief_frame *keep_frame(struct belief_store *s, const struct func_state *f)
{
	u64 copy[(sizeof(struct belief_frame) + MAX_SLOTS * sizeof(struct belief_slot)) /
		 sizeof(u64)];
	struct belief_frame *frame = (struct belief_frame *)copy;

	memset(copy, 0, sizeof(copy));
	frame->callsite = f->callsite;
	frame->subprog = f->subprog;
	frame->nr_slots = f->nr_slots;
	for (u32 r = 0; r < REG_COUNT; r++) {
		frame->regs[r] = keep_reg(s, &f->regs[r]);
		if (!frame->regs[r])
			return NULL;
	}
	for (u32 i = 0; i < f->nr_slots; i++) {
		struct belief_slot *slot = &frame->slots[i];

		memcpy(slot->type, f->stack[i].type, SLOT);
		if (slot_is_spill(&f->stack[i]) && !(slot->reg = keep_reg(s, &f->stack[i].reg)))
			return NULL;
	}
	return keep(s, copy, (u32)(sizeof(*frame) + f->nr_slots * sizeof(frame->slots[0])));
}

int belief_note(struct env *env)
{
	struct beliefs *all = env->beliefs;
	struct {
		u32 insn, nr;
		const struct belief_frame *frame[MAX_FRAMES];
	} key;
	struct belief *b;
	u32 frames = env->cur->curframe + 1, before;

	if (!all)
		return 0;
	memset(&key, 0, sizeof(key));
	key.insn = env->insn_idx;
	key.nr = frames;
	for (u32 i = 0; i < frames; i++)
		if (!(key.frame[i] = keep_frame(all->store, env->cur->frame[i])))
			return -E2BIG;
	before = all->store->nr_blobs;
	if (++all->store->visits > VISITS_MOST || !keep(all->store, &key, sizeof(key)))
		return -E2BIG;
	if (all->store->nr_blobs == before) /* this state has been here */
		return 0;
	b = store_room(all->store, (u32)(sizeof(*b) + frames * sizeof(b->frame[0])));
	if (!b)
		return -E2BIG;
	b->next = NULL;
	b->nr = frames;
	memcpy(b->frame, key.frame, frames * sizeof(b->frame[0]));
	if (all->last[key.insn])
		all->last[key.insn]->next = b;
	else
		all->at[key.insn] = b;
	all->last[key.insn] = b;
	return 0;
}

/* One too few values of a scalar: as a wrong range operator would have it. */
static void narrow(struct reg_state *reg)
{
	if (reg->type != SCALAR_VALUE)
		return;
	if (reg_is_const(reg))
		reg_set_const(reg, reg->var_off.value + 1);
	else if (reg->umin < reg->umax && reg->umax != UINT64_MAX)
		reg->umax--;
	else
		reg->var_off = tnum_and(reg->var_off, tnum_const(~1ull));
}

void belief_plant(struct env *env, const struct insn *i)
{
	const char *plant = env->beliefs ? env->beliefs->store->plant : NULL;
	struct func_state *f = frame_of(env);
	u32 class = BPF_CLASS(i->code);

	if (!plant)
		return;
	if (!strcmp(plant, "add") && (class == BPF_ALU || class == BPF_ALU64) &&
	    BPF_OP(i->code) == BPF_ADD)
		narrow(&f->regs[i->dst]);
	if (!strcmp(plant, "shift") && (class == BPF_ALU || class == BPF_ALU64) &&
	    BPF_OP(i->code) == BPF_RSH)
		narrow(&f->regs[i->dst]);
	if (!strcmp(plant, "load") && class == BPF_LDX)
		narrow(&f->regs[i->dst]);
	if (!strcmp(plant, "branch") && class == BPF_JMP && BPF_OP(i->code) == BPF_JGT)
		narrow(&f->regs[i->dst]);
	if (!strcmp(plant, "call") && i->op == OP_CALL_HELPER)
		f->regs[0].type &= ~(u32)PTR_MAYBE_NULL;
	if (!strcmp(plant, "pointer") && f->regs[i->dst].type == PTR_TO_MAP_VALUE)
		f->regs[i->dst].off++;
	for (u32 r = 0; r < REG_FP; r++) {
		struct reg_state *reg = &f->regs[r];
		u32 base = type_base(reg->type);

		if (reg->off || !tnum_is_const(reg->var_off))
			continue;
		if ((!strcmp(plant, "key") && base == PTR_TO_MAP_KEY) ||
		    (!strcmp(plant, "argument") && base == PTR_TO_MEM &&
		     !(reg->type & (MEM_RINGBUF | PTR_MAYBE_NULL))))
			reg->off = 1;
	}
	if (!strcmp(plant, "hash") && f->regs[i->dst].type == PTR_TO_MAP_VALUE &&
	    f->regs[i->dst].map->type == BPF_MAP_TYPE_HASH)
		f->regs[i->dst].off++;
	if (!strcmp(plant, "packet"))
		for (u32 r = 0; r < REG_FP; r++)
			if (f->regs[r].type == PTR_TO_PACKET && f->regs[r].range > 0)
				f->regs[r].range += 64;
	if (!strcmp(plant, "link") && (i->op == OP_ADD64_IMM || i->op == OP_ADD64_REG))
		f->regs[i->src].id = f->regs[i->dst].id = ++env->id_gen;
	for (u32 n = 0; !strcmp(plant, "spill") && class == BPF_STX && n < f->nr_slots; n++)
		if (slot_is_spill64(&f->stack[n]))
			narrow(&f->stack[n].reg);
	for (u32 n = 0; !strcmp(plant, "zero") && class == BPF_ST && n < f->nr_slots; n++)
		if (f->stack[n].type[0] == STACK_MISC)
			f->stack[n].type[0] = STACK_ZERO;
}

void beliefs_free(struct beliefs *all)
{
	if (!all)
		return;
	for (struct chunk *c = all->store ? all->store->chunks : NULL, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	if (all->store)
		free(all->store->buckets);
	free(all->store);
	free(all->at);
	free(all->last);
	free(all->from);
	free((void *)all->insns);
	free(all);
}

static struct beliefs *beliefs_new(const struct verify_env *in)
{
	struct beliefs *all = calloc(1, sizeof(*all));
	struct bpf_insn *insns;

	if (!all)
		return NULL;
	all->count = in->insn_count;
	all->at = calloc(all->count, sizeof(struct belief *));
	all->last = calloc(all->count, sizeof(struct belief *));
	all->store = calloc(1, sizeof(*all->store));
	all->insns = insns = malloc(all->count * sizeof(*insns));
	if (!all->at || !all->last || !all->store || !insns) {
		beliefs_free(all);
		return NULL;
	}
	memcpy(insns, in->insns, all->count * sizeof(*insns));
	all->store->plant = getenv("SKEP_ORACLE_PLANT");
	return all;
}

/* That the program was accepted is no accident of what was pruned. */
static void accepted_too(const struct env *env, int err)
{
	char text[1200];

	if (!err || err == -E2BIG || err == -ENOMEM || env->beliefs->store->plant ||
	    (env->reason && env->reason->kind == REASON_COMPLEXITY))
		return;
	snprintf(text, sizeof(text), "accepted, but refused where nothing is pruned: %s (%d)\n",
		 env->said, err);
	belief_broken(text);
}

int beliefs_gather(struct verify_env *in, struct verify_result *result)
{
	struct verify_env again = *in;
	struct beliefs *all = beliefs_new(in);
	struct env *env;
	int err;

	if (!all)
		return -ENOMEM;
	again.log = (struct verify_log_opts){ 0 };
	err = verify_begin(&env, &again);
	if (!env)
		return -ENOMEM;
	env->beliefs = all;
	err = err ?: verify_passes(env);
	accepted_too(env, err);
	verify_free(env->out);
	verify_end(env);
	__atomic_add_fetch(err ? &counted.too_large : &counted.kept, 1, __ATOMIC_RELAXED);
	if (err) {
		beliefs_free(all);
		return 0;
	}
	if (all->store->plant && !strcmp(all->store->plant, "dead"))
		all->at[all->count / 2] = NULL; /* of which a run may still get there */
	memset(all->last, 0, all->count * sizeof(struct belief *));
	all->from = result->from;
	all->xlated_count = result->xlated_count;
	result->from = NULL;
	result->beliefs = all;
	return 0;
}

#endif
