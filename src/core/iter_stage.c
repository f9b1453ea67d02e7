/* SPDX-License-Identifier: BSD-2-Clause */
/* The fabricated objects of iterators. A field that the BTF at hand does not have is left out. */
#include "core/iter_stage.h"

#include <stdlib.h>
#include <string.h>

static const char *const structs[STAGE_OBJECTS] = {
	[STAGE_META] = "bpf_iter_meta", [STAGE_SEQ] = "seq_file",     [STAGE_MAP] = "bpf_map",
	[STAGE_PROG] = "bpf_prog",	[STAGE_AUX] = "bpf_prog_aux", [STAGE_LINK] = "bpf_link",
};

enum {
	MAX_STRUCT = 1 << 16,
	TEXT = 128 /* behind the objects: the name of what a program is attached to */
};

struct stage {
	const struct btf *btf;
	u32 types[STAGE_OBJECTS], sizes[STAGE_OBJECTS], offsets[STAGE_OBJECTS];
	u32 session_off, number_off; /* in struct bpf_iter_meta */
	u32 text, size;
	u8 mem[] __attribute__((aligned(64)));
};

u64 stage_address(const struct stage *stage, enum stage_object object)
{
	return (u64)(uintptr_t)(stage->mem + stage->offsets[object]);
}

struct run_region stage_region(const struct stage *stage)
{
	return (struct run_region){ (u64)(uintptr_t)stage->mem, stage->mem, stage->size };
}

static void clear(struct stage *stage, enum stage_object object)
{
	memset(stage->mem + stage->offsets[object], 0, stage->sizes[object]);
}

/* A number into a field of whatever width, bit-fields included. */
static void put(struct stage *stage, enum stage_object object, const char *name, u64 value)
{
	u8 *at = stage->mem + stage->offsets[object];
	struct btf_field_at field;
	s64 size;

	if (!btf_find_member(stage->btf, stage->types[object], name, &field))
		return;
	if (field.bits) {
		for (u32 bit = 0; bit < min(field.bits, 64u); bit++)
			if (value >> bit & 1)
				at[(field.bit_off + bit) / 8] |=
					(u8)(1u << (field.bit_off + bit) % 8);
		return;
	}
	size = btf_size(stage->btf, field.type);
	if (size > 0)
		memcpy(at + field.bit_off / 8, &value, min((size_t)size, sizeof(value)));
}

static void put_bytes(struct stage *stage, enum stage_object object, const char *name,
		      const void *bytes, size_t len)
{
	struct btf_field_at field;
	s64 size;

	if (!btf_find_member(stage->btf, stage->types[object], name, &field))
		return;
	size = btf_size(stage->btf, field.type);
	if (size > 0)
		memcpy(stage->mem + stage->offsets[object] + field.bit_off / 8, bytes,
		       min((size_t)size, len));
}

/* Sizes and places; the bytes all of it takes, or -ENOENT. */
static s64 lay_out(struct stage *stage)
{
	u32 end = 0;

	for (u32 i = 0; i < STAGE_OBJECTS; i++) {
		s32 id = btf_find(stage->btf, structs[i], BTF_KIND_STRUCT);
		s64 size = id < 0 ? 0 : btf_size(stage->btf, (u32)id);

		if (size <= 0 || size > MAX_STRUCT)
			return -ENOENT;
		stage->types[i] = (u32)id;
		stage->sizes[i] = (u32)size;
		stage->offsets[i] = end;
		end = round_up(end + (u32)size, 64u);
	}
	stage->text = end;
	return end + TEXT;
}

int stage_new(struct stage **out, const struct btf *btf)
{
	struct stage plan = { .btf = btf }, *stage;
	struct btf_field_at field;
	s64 size = lay_out(&plan);

	if (size < 0)
		return (int)size;
	plan.size = (u32)size;
	stage = aligned_alloc(64, round_up(sizeof(plan) + (size_t)size, 64));
	if (!stage)
		return -ENOMEM;
	memset(stage, 0, sizeof(plan) + (size_t)size);
	*stage = plan;
	if (btf_find_member(btf, stage->types[STAGE_META], "session_id", &field))
		stage->session_off = field.bit_off / 8;
	if (btf_find_member(btf, stage->types[STAGE_META], "seq_num", &field))
		stage->number_off = field.bit_off / 8;
	put(stage, STAGE_META, "seq", stage_address(stage, STAGE_SEQ));
	*out = stage;
	return 0;
}

void stage_free(struct stage *stage)
{
	free(stage);
}

/* Of every object shown, so without a search by name. */
void stage_meta(struct stage *stage, u64 session, u64 number)
{
	u8 *meta = stage->mem + stage->offsets[STAGE_META];

	memcpy(meta + stage->session_off, &session, sizeof(session));
	memcpy(meta + stage->number_off, &number, sizeof(number));
}

void stage_map(struct stage *stage, const struct map_object *map)
{
	const struct map_spec *spec = &map->map->spec;

	clear(stage, STAGE_MAP);
	put(stage, STAGE_MAP, "id", map->object.id);
	put(stage, STAGE_MAP, "map_type", spec->type);
	put(stage, STAGE_MAP, "key_size", spec->key_size);
	put(stage, STAGE_MAP, "value_size", spec->value_size);
	put(stage, STAGE_MAP, "max_entries", spec->max_entries);
	put(stage, STAGE_MAP, "map_flags", spec->flags);
	put(stage, STAGE_MAP, "map_extra", spec->extra);
	put(stage, STAGE_MAP, "frozen", map->map->frozen);
	put(stage, STAGE_MAP, "btf_key_type_id", map->btf_key);
	put(stage, STAGE_MAP, "btf_value_type_id", map->btf_value);
	put(stage, STAGE_MAP, "numa_node", (u64)-1);
	put(stage, STAGE_MAP, "refcnt", 1);
	put(stage, STAGE_MAP, "usercnt", 1);
	put_bytes(stage, STAGE_MAP, "name", spec->name, sizeof(spec->name));
}

static void put_target(struct stage *stage, const struct prog *prog)
{
	char *text = (char *)stage->mem + stage->text;

	memset(text, 0, TEXT);
	if (!prog->attach_btf || !prog->attach_btf->btf || !prog->attach_btf_id)
		return;
	strncpy(text, btf_name(prog->attach_btf->btf, prog->attach_btf_id), TEXT - 1);
	put(stage, STAGE_AUX, "attach_func_name", (u64)(uintptr_t)text);
}

void stage_prog(struct stage *stage, struct prog *prog)
{
	u32 jited = 0;

	if (prog->code)
		code_image(prog->code, &jited);
	clear(stage, STAGE_PROG);
	clear(stage, STAGE_AUX);
	put(stage, STAGE_PROG, "type", prog->type);
	put(stage, STAGE_PROG, "expected_attach_type", prog->attach_type);
	put(stage, STAGE_PROG, "len", prog->xlated_count);
	put(stage, STAGE_PROG, "jited_len", jited);
	put(stage, STAGE_PROG, "jited", jited != 0);
	put(stage, STAGE_PROG, "jit_requested", jited != 0);
	put(stage, STAGE_PROG, "gpl_compatible", prog->gpl);
	put(stage, STAGE_PROG, "sleepable", (prog->flags & BPF_F_SLEEPABLE) != 0);
	put_bytes(stage, STAGE_PROG, "tag", prog->tag, sizeof(prog->tag));
	put(stage, STAGE_PROG, "aux", stage_address(stage, STAGE_AUX));
	put(stage, STAGE_AUX, "id", prog->object.id);
	put(stage, STAGE_AUX, "load_time", prog->load_time);
	put(stage, STAGE_AUX, "verified_insns", prog->verified);
	put(stage, STAGE_AUX, "attach_btf_id", prog->attach_btf_id);
	put(stage, STAGE_AUX, "func_cnt", prog->subprog_count > 1 ? prog->subprog_count : 0);
	put(stage, STAGE_AUX, "func_info_cnt", prog->func_info_count);
	put(stage, STAGE_AUX, "nr_linfo", prog->line_info_count);
	put(stage, STAGE_AUX, "max_rdonly_access", prog->max_rdonly_access);
	put(stage, STAGE_AUX, "max_rdwr_access", prog->max_rdwr_access);
	put(stage, STAGE_AUX, "prog", stage_address(stage, STAGE_PROG));
	put(stage, STAGE_AUX, "refcnt", 1);
	put_bytes(stage, STAGE_AUX, "name", prog->name, sizeof(prog->name));
	pthread_mutex_lock(&prog->maps_lock);
	put(stage, STAGE_AUX, "used_map_cnt", prog->map_count);
	pthread_mutex_unlock(&prog->maps_lock);
	put_target(stage, prog);
}

void stage_link(struct stage *stage, struct link *link)
{
	struct prog *prog;

	pthread_mutex_lock(&link->lock);
	prog = link->prog;
	if (prog)
		object_get(&prog->object);
	pthread_mutex_unlock(&link->lock);
	clear(stage, STAGE_LINK);
	put(stage, STAGE_LINK, "id", link->object.id);
	put(stage, STAGE_LINK, "type", link->type);
	put(stage, STAGE_LINK, "attach_type", link->attach_type);
	put(stage, STAGE_LINK, "refcnt", 1);
	if (!prog)
		return;
	stage_prog(stage, prog);
	put(stage, STAGE_LINK, "prog", stage_address(stage, STAGE_PROG));
	put_prog(prog);
}
