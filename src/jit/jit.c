// SPDX-License-Identifier: BSD-2-Clause
/*
 * The JIT as a list of passes. Checked programs skip the optimising ones: what they may do is tested
 * instruction by instruction, and a budget is counted in them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "jit/emit.h"

#if defined(__x86_64__)
#define NATIVE (&target_x64)
#elif defined(__aarch64__)
#define NATIVE (&target_a64)
#else
#define NATIVE ((const struct target *)NULL)
#endif

static int allocate(struct jit *jit)
{
	jit->insns = calloc(jit->count, sizeof(*jit->insns));
	jit->frames = calloc(jit->spec->func_count, sizeof(*jit->frames));
	jit->loop_ends = calloc(jit->count, sizeof(*jit->loop_ends));
	jit->live_out = malloc(jit->count * sizeof(*jit->live_out));
	jit->offsets = malloc((jit->count + 1) * sizeof(*jit->offsets));
	if (!jit->insns || !jit->frames || !jit->loop_ends || !jit->live_out || !jit->offsets)
		return -ENOMEM;
	memset(jit->live_out, 0xff, jit->count * sizeof(*jit->live_out));
	return 0;
}

static void release(struct jit *jit)
{
	free(jit->insns);
	free(jit->frames);
	free(jit->blocks);
	free(jit->loop_ends);
	free(jit->live_out);
	free(jit->offsets);
	free(jit->buf.at);
}

static int optimise(struct jit *jit)
{
	int err = jit_fold(jit);

	if (err)
		return err;
	jit_live(jit);
	jit_frames(jit);
	return 0;
}

/* Emits twice: sizes first, then short jumps and direct calls for the address it will have. */
static int emit(struct jit *jit, struct jit_image *out, const struct target *target,
		struct log *why)
{
	int err = jit_emit(jit, target, why);

	if (!err)
		err = jit_mem_alloc(&out->mem, jit->buf.len);
	if (err)
		return err;
	out->room = jit->buf.len;
	jit->sized = true;
	jit->address = (u64)out->mem;
	err = jit_emit(jit, target, why);
	if (!err)
		err = jit_mem_write(out->mem, jit->buf.at, jit->buf.len);
	out->len = jit->buf.len;
	out->offsets = jit->offsets; /* theirs now */
	jit->offsets = NULL;
	out->entry = (entry_fn)(out->mem + jit->entry);
	out->enter = (jit_enter_fn)(out->mem + jit->enter);
	return err;
}

int jit_compile(struct jit_image *out, const struct jit_spec *spec, struct log *why)
{
	struct jit jit = { .spec = spec, .count = spec->count };
	const struct target *target = NATIVE;
	int err;

	memset(out, 0, sizeof(*out));
	if (!target)
		return -EOPNOTSUPP;
	jit.features = target->features() & ~spec->without;
	err = allocate(&jit);
	if (!err)
		err = jit_shape(&jit);
	if (!err && !spec->checked)
		err = optimise(&jit);
	if (!err)
		err = emit(&jit, out, target, why);
	if (err)
		jit_release(out);
	release(&jit);
	return err;
}

void jit_release(struct jit_image *image)
{
	jit_mem_free(image->mem, image->room);
	free(image->offsets);
	memset(image, 0, sizeof(*image));
}
