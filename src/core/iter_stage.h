/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the program of an iterator is shown: objects laid out as the kernel's BTF says, in one piece of
 * memory, with the fields filled in that skep knows and zeroes elsewhere.
 */
#ifndef CORE_ITER_STAGE_H
#define CORE_ITER_STAGE_H

#include "core/link.h"

enum stage_object {
	STAGE_META,
	STAGE_SEQ,
	STAGE_MAP,
	STAGE_PROG,
	STAGE_AUX,
	STAGE_LINK,
	STAGE_OBJECTS
};
struct stage;

/* -ENOENT: the BTF lacks one of the structs; -ENOMEM. */
int stage_new(struct stage **out, const struct btf *btf);
void stage_free(struct stage *stage);
u64 stage_address(const struct stage *stage, enum stage_object object);
/* All of it, for blind reads. */
struct run_region stage_region(const struct stage *stage);

/* struct bpf_iter_meta, before each run. */
void stage_meta(struct stage *stage, u64 session, u64 number);
/* One object, in place of the one before. */
void stage_map(struct stage *stage, const struct map_object *map);
void stage_prog(struct stage *stage, struct prog *prog);
void stage_link(struct stage *stage, struct link *link);

#endif
