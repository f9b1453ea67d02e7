// SPDX-License-Identifier: BSD-2-Clause
/*
 * The walk that back ends share: entries and routines first, then function after function. Every
 * instruction's offset is noted; a function's is that of its prologue.
 */
#include "jit/emit.h"

#include <errno.h>
#include <stdlib.h>

static int make_room(struct jbuf *buf)
{
	u8 *more;

	if (buf->room - buf->len >= EMIT_ROOM)
		return 0;
	more = realloc(buf->at, buf->room * 2 + 4 * EMIT_ROOM);
	if (!more)
		return -ENOMEM;
	buf->at = more;
	buf->room = buf->room * 2 + 4 * EMIT_ROOM;
	return 0;
}

static int emit_insns(struct emitter *e, const struct target *target, u32 at)
{
	struct jit *jit = e->jit;
	int done = make_room(e->buf);

	if (done)
		return done;
	if (at == e->frame->start) {
		jit->spec->funcs[e->func].offset = e->buf->len;
		target->prologue(e);
	}
	if (jit->insns[at].flags & JIT_LOOP && !jit->spec->checked && target->align_loop)
		target->align_loop(e, at);
	jit->offsets[at] = e->buf->len;
	done = target->insn(e, at);
	for (int i = 1; i < done; i++)
		jit->offsets[at + (u32)i] = e->buf->len;
	return done;
}

static int emit_function(struct emitter *e, const struct target *target, u32 func)
{
	int done;

	e->func = func;
	e->frame = &e->jit->frames[func];
	for (u32 at = e->frame->start; at < e->frame->end; at += (u32)done) {
		done = emit_insns(e, target, at);
		if (done < 0)
			return done;
	}
	return 0;
}

static int emit_around(struct emitter *e, const struct target *target)
{
	const struct jit *jit = e->jit;
	int err = make_room(e->buf);

	if (!err && (jit->calls_first || jit->spec->checked || jit->has_func)) {
		target->entries(e);
		err = make_room(e->buf);
	}
	if (!err && jit->spec->checked)
		target->routines(e);
	return err;
}

static void patch(struct emitter *e, const struct target *target)
{
	const struct jit *jit = e->jit;

	for (u32 i = 0; i < e->fixup_count; i++) {
		const struct fixup *fix = &e->fixups[i];

		target->patch(e->buf, fix,
			      fix->call ? jit->spec->funcs[fix->target].offset
					: jit->offsets[fix->target]);
	}
}

int jit_emit(struct jit *jit, const struct target *target, struct log *why)
{
	struct emitter e = { .jit = jit, .buf = &jit->buf, .why = why };
	int err = -ENOMEM;

	jit->buf.len = 0;
	e.fixups = malloc((jit->count + 1) * sizeof(*e.fixups));
	if (e.fixups)
		err = emit_around(&e, target);
	for (u32 f = 0; !err && f < jit->spec->func_count; f++)
		err = emit_function(&e, target, f);
	jit->offsets[jit->count] = jit->buf.len;
	if (!jit->calls_first && !jit->spec->checked)
		jit->entry = jit->spec->funcs[0].offset;
	if (!err && jit->sized)
		patch(&e, target);
	free(e.fixups);
	return err;
}
