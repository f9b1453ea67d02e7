/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One verification: the program, what the passes before the walk found out about it, the walk's
 * state, and the doors of the files of this folder to one another. Private to src/verify/.
 *
 * Functions that judge return 0 or -errno, and have told the log why before they return an error.
 */
#ifndef VERIFY_ENV_H
#define VERIFY_ENV_H

#include "def/helper.h"
#include "def/prog.h"
#include "isa/insn.h"
#include "verify/belief.h"
#include "verify/kernel.h"
#include "verify/program.h"
#include "verify/reason.h"
#include "verify/saved.h"
#include "verify/verify.h"

enum { MAX_PROCESSED = 1000000, MAX_PENDING = 8192, MAX_SUBPROGS = 256, MAX_MAPS = 64 };
enum { MAX_VAR_OFF = 1 << 29, MAX_VAR_SIZE = 1 << 29, MAX_PACKET_OFF = 0xffff };

struct pending {	     /* a path to walk later */
	struct state *state; /* or, if it waits behind many, */
	struct saved *saved;
	struct pending *next, *newer;
	u32 insn, prev;
	u32 log_pos;
};

struct env {
	struct verify_env *in;
	struct verify_result *out;
	const struct bpf_insn *raw;
	struct insn *insns;
	struct insn_aux *aux;
	u32 count;
	u32 prog_type;
	const struct prog_info *prog;
	struct attach_point attach;
	struct subprog subprogs[MAX_SUBPROGS + 1];
	u32 nr_subprogs;
	const struct verify_map *maps[MAX_MAPS];
	u32 nr_maps;

	/* cfg.c */
	u32 *postorder, nr_postorder; /* gone when the walk begins */
	struct points points;

	/* the walk */
	struct state *cur;
	struct pending *stack, *oldest_whole; /* those below oldest_whole are saved */
	u32 nr_pending, nr_whole;
	u32 insn_idx, prev_insn, subprog;
	struct saved **explored;  /* per point */
	struct saved *all_states; /* remembered, evicted ones whose paths are unfinished too */
	u32 nr_states,
		furthest; /* furthest: instruction of the entry function that a state was remembered at */
	u32 id_gen, map_uid_gen;
	u32 jumps, prev_jumps, prev_processed;
	u32 scratched_regs;
	u64 scratched_slots;
	bool changed_packet, in_walk, calls_back;
	struct reg_state fake[4];

	/* live.c, precision.c, log.c */
	struct live *live_root;
	struct mask *masks;
	u32 nr_masks, cap_masks;
	struct {
		u64 read, write;
	} live_now[MAX_FRAMES]; /* what this instruction does to whose slots */
	bool live_dirty, live_touched;
	struct precision *precision;
	struct {
		u64 end;
		u64 start; /* rolled away before this */
		u64 prev_pos, prev_len;
		u32 line_info; /* last one printed + 1 */
		bool on;
	} log;
	char said[1024]; /* the last error line */

	struct state *state_pool;
	struct func_state *frame_pool;
	u64 mem_now, mem_peak;
	struct verify_reason *reason;
	struct known_fields *fields; /* maps.c: special fields of map values met so far */
	void *idmap;
	struct beliefs *beliefs; /* ORACLE builds: the literal walk's */
};

/* Whether what is believed must hold for dead and imprecise values, too (verify/belief.h). */
static inline bool literal(const struct env *env)
{
	return ORACLE_BUILD && env->beliefs;
}

static inline struct func_state *frame_of(struct env *env)
{
	return cur_frame(env->cur);
}
static inline struct reg_state *regs_of(struct env *env)
{
	return cur_frame(env->cur)->regs;
}
/* The block that the instruction is in. */
static inline u32 block_of(const struct env *env, u32 insn)
{
	return points_until(&env->points, insn) - 1;
}
static inline struct saved **explored_at(struct env *env, u32 point)
{
	return &env->explored[block_of(env, point)];
}
static inline struct insn_aux *aux_of(struct env *env)
{
	return &env->aux[env->insn_idx];
}
/* The frame a stack pointer points into. */
static inline struct func_state *frame_at(struct env *env, const struct reg_state *reg)
{
	return env->cur->frame[reg->frameno];
}

/* verify.c */
void *mem_alloc(struct env *env, size_t size);
void *mem_zalloc(struct env *env, size_t size);
void *mem_grow(struct env *env, void *mem, size_t size, size_t bigger); /* realloc() */
void mem_free(struct env *env, void *mem, size_t size);

/* log.c: say() for errors (always kept), trace() for the walk's own lines (callers test env->log.on). */
int refuse(struct env *env, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void say_error(struct env *env, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void trace(struct env *env, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_reset(struct env *env, u64 pos);
int log_finish(struct env *env);
const char *log_type(u32 type, char buf[64]);
const char *log_tnum(struct tnum t, char buf[64]);
void log_insn(struct env *env, u32 index);
void log_state(struct env *env, const struct state *state, u32 frame, bool all);
void log_insn_state(struct env *env, const struct state *state, u32 frame);
void log_line(struct env *env, u32 index, const char *prefix);
void log_reg(struct env *env, const struct func_state *f, const struct reg_state *reg, char *buf,
	     size_t size);

/* regs.c: what whole registers become */
void reg_unknown(struct env *env, struct reg_state *reg);
void reg_not_init(struct reg_state *reg);
void reg_known(struct reg_state *reg, u64 value);  /* a scalar constant */
void reg_pointer(struct reg_state *reg, u32 type); /* offset 0 */
int reg_read(struct env *env, u32 regno);	   /* "R%d !read_ok" */
int reg_write(struct env *env, u32 regno);	   /* "frame pointer is read only" */
void reg_origin(struct env *env, struct reg_state *reg, enum origin_kind kind);
bool reg_not_null(const struct reg_state *reg);
int reg_plain_offset(struct env *env, const struct reg_state *reg, u32 regno, bool fixed_ok);

#include "verify/parts.h"
#endif
