/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A verifier state: what is believed at one point of one path, as a stack of frames. Those that are
 * remembered or wait for long are kept smaller: saved.h.
 */
#ifndef VERIFY_STATE_H
#define VERIFY_STATE_H

#include "verify/reg.h"

enum { MAX_FRAMES = 8, STACK_BYTES = 512, SLOT = 8, MAX_SLOTS = STACK_BYTES / SLOT };

/* What a byte of the stack holds. */
enum slot_byte { STACK_INVALID, STACK_SPILL, STACK_MISC, STACK_ZERO };

struct stack_slot {
	struct reg_state reg; /* if type[7] is STACK_SPILL */
	u8 type[SLOT];
};

struct live; /* live.h: which stack slots are read later, per chain of calls */

/* What a frame is besides its registers and its stack. */
#define FRAME_FACTS                                                                    \
	struct live *live;                                                             \
	u32 callsite; /* instruction of the call; entry frame: unused */               \
	u32 frameno, subprog;                                                          \
	u32 callback_depth; /* how often this callback has been entered on the path */ \
	u32 async_entries;  /* asynchronous callbacks: how often queued */             \
	bool in_callback, in_async;                                                    \
	s32 ret_min, ret_max; /* what a callback may return */                         \
	u32 refs_at_entry;    /* references held when this callback was entered */

struct frame_facts {
	FRAME_FACTS
};

struct func_state {
	struct reg_state regs[REG_COUNT];
	struct stack_slot *stack; /* [i] is fp - 8 * (i + 1) */
	u32 nr_slots, cap_slots;
	union {
		struct frame_facts facts;
		struct {
			FRAME_FACTS
		};
	};
};

enum ref_kind { REF_PTR, REF_LOCK };
struct ref_state {
	u32 kind, id, insn;
	const struct verify_map *map; /* REF_LOCK: whose value */
};

struct state {
	struct func_state *frame[MAX_FRAMES];
	struct ref_state *refs;
	struct saved *parent, *loop_entry; /* saved.h */
	u32 curframe, nr_refs, cap_refs, locks;
	u32 insn_idx;
	u32 depth; /* distance from the root of the tree */
	u32 may_goto_depth, unroll_depth;
	bool sleepable;
	struct state *next; /* in the pool */
};

struct env;

struct state *state_new(struct env *env);
/* dst becomes a deep copy of src (dst's memory is used again); -ENOMEM. */
int state_copy(struct env *env, struct state *dst, const struct state *src);
void state_free(struct env *env, struct state *state);
void state_drop_pool(struct env *env);
struct func_state *frame_new(struct env *env);
void frame_free(struct env *env, struct func_state *frame);
/* Makes room for slots up to size bytes below fp; new ones are STACK_INVALID. */
int frame_grow(struct env *env, struct func_state *frame, u32 size);
/* Room for so many references; -ENOMEM. */
int refs_reserve(struct env *env, struct state *state, u32 count);

static inline struct func_state *cur_frame(const struct state *s)
{
	return s->frame[s->curframe];
}

static inline bool slot_is_spill(const struct stack_slot *s)
{
	return s->type[SLOT - 1] == STACK_SPILL;
}

/* The register spilled in slot i, or NULL. */
static inline struct reg_state *slot_reg(const struct func_state *f, u32 i)
{
	return slot_is_spill(&f->stack[i]) ? &f->stack[i].reg : NULL;
}

/* All 8 bytes hold one spilled scalar. */
static inline bool slot_is_spill64(const struct stack_slot *s)
{
	return s->type[0] == STACK_SPILL && s->reg.type == SCALAR_VALUE;
}

/* The block is run for every register and spilled slot of every frame of state. */
#define FOR_EACH_REG(state, fr, rg, ...)                                                \
	for (u32 each_f = 0; each_f <= (state)->curframe; each_f++) {                   \
		struct func_state *fr __attribute__((unused)) = (state)->frame[each_f]; \
		for (u32 each_i = 0; each_i < REG_COUNT + fr->nr_slots; each_i++) {     \
			struct reg_state *rg;                                           \
			if (each_i < REG_COUNT)                                         \
				rg = &fr->regs[each_i];                                 \
			else if (slot_is_spill(&fr->stack[each_i - REG_COUNT]))         \
				rg = &fr->stack[each_i - REG_COUNT].reg;                \
			else                                                            \
				continue;                                               \
			__VA_ARGS__                                                     \
		}                                                                       \
	}

#endif
