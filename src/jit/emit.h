/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How jinsns become machine code: the walk over functions and instructions is emit.c's, what one
 * instruction becomes is a back end's. An image is emitted twice: first with all jumps long and nothing
 * known ahead, then with the sizes of the first time (jit->sized) for the address it will have.
 */
#ifndef JIT_EMIT_H
#define JIT_EMIT_H

#include "jit/ir.h"

/* A jump or a call whose target was not emitted yet. */
struct fixup {
	u32 at;		 /* where in the code, as the back end counts it */
	u32 target;	 /* instruction, or function if it is a call */
	bool near, call; /* near: the short form of the jump */
};

enum {
	EMIT_ROOM = 1024
}; /* bytes kept ahead of one instruction, of a prologue and of what surrounds functions */
enum {
	ROUTINE_UNWIND = 4,
	ROUTINES
}; /* of checked programs: tests of 1, 2, 4, 8 bytes, then the way out */

/* One emission. */
struct emitter {
	struct jit *jit;
	struct jbuf *buf;
	const struct jframe *frame; /* of the function being emitted */
	u32 func;
	struct fixup *fixups;
	u32 fixup_count;
	u32 routines[ROUTINES]; /* their offsets */
	u32 leave;		/* where an entry from C goes on after the program */
	struct log *why;
};

/* A back end. */
struct target {
	const char *name;
	u64 (*features)(void);		     /* of the machine it runs on; bits are its own */
	void (*entries)(struct emitter *e);  /* jit->entry and jit->enter, called from C */
	void (*routines)(struct emitter *e); /* of checked programs */
	void (*prologue)(struct emitter *e);
	void (*align_loop)(struct emitter *e, u32 at); /* NULL: loops begin where they fall */
	/* How many instructions it emitted from at on; -EOPNOTSUPP, -EINVAL for an unknown helper. */
	int (*insn)(struct emitter *e, u32 at);
	void (*patch)(struct jbuf *buf, const struct fixup *fix,
		      u32 target); /* target: offset in the code */
};

extern const struct target target_x64, target_a64;

/* One emission into jit->buf. 0, -ENOMEM or what the back end says. */
int jit_emit(struct jit *jit, const struct target *target, struct log *why);

static inline void emit_later(struct emitter *e, struct fixup fix)
{
	e->fixups[e->fixup_count++] = fix;
}
/* Function 0 is its own entry from C unless somebody calls it. */
static inline bool emit_own_entry(const struct emitter *e)
{
	return !e->func && !e->jit->calls_first && !e->jit->spec->checked;
}

#endif
