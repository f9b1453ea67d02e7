/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fields of map values that only certain helpers may touch: spin locks, timers, kernel pointers, list
 * heads… Structs are told by name, kernel pointers by the type tag behind the pointer. Nested structs
 * and arrays are searched too; every element of an array is a field of its own. What has a special name
 * but another size or a bad alignment is ordinary memory, as for the kernel.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "btf/parse.h"

enum { MAX_DEPTH = 8, MAX_VISITS = 1 << 20 };

static const struct {
	const char *name;
	enum btf_special kind;
	u32 size, align;
	bool unique;
} structs[] = {
	{ "bpf_spin_lock", BTF_SPIN_LOCK, 4, 4, true },
	{ "bpf_res_spin_lock", BTF_RES_SPIN_LOCK, 4, 4, true },
	{ "bpf_timer", BTF_TIMER, 16, 8, true },
	{ "bpf_wq", BTF_WORKQUEUE, 16, 8, true },
	{ "bpf_task_work", BTF_TASK_WORK, 8, 8, true },
	{ "bpf_list_head", BTF_LIST_HEAD, 16, 8, false },
	{ "bpf_list_node", BTF_LIST_NODE, 24, 8, false },
	{ "bpf_rb_root", BTF_RB_ROOT, 16, 8, false },
	{ "bpf_rb_node", BTF_RB_NODE, 32, 8, false },
	{ "bpf_refcount", BTF_REFCOUNT, 4, 4, true },
};

static const struct {
	const char *tag;
	enum btf_special kind;
} pointers[] = {
	{ "kptr_untrusted", BTF_KPTR_UNREF },
	{ "kptr", BTF_KPTR_REF },
	{ "percpu_kptr", BTF_KPTR_PERCPU },
	{ "uptr", BTF_UPTR },
};

struct fields {
	const struct btf *btf;
	struct btf_special_field *out;
	int count;
	u32 seen, wanted; /* enum btf_special */
	u32 visits;	  /* so that nested hostile structs cannot multiply */
};

static int add(struct fields *f, enum btf_special kind, u32 off, u32 size, u32 type, bool unique)
{
	if (!(f->wanted & kind))
		return 0;
	if (unique && (f->seen & kind))
		return -E2BIG;
	if (((f->seen | kind) & (BTF_SPIN_LOCK | BTF_RES_SPIN_LOCK)) ==
	    (BTF_SPIN_LOCK | BTF_RES_SPIN_LOCK))
		return -EINVAL;
	if (f->count == BTF_MAX_FIELDS)
		return -E2BIG;
	f->seen |= kind;
	f->out[f->count++] = (struct btf_special_field){ kind, off, size, type };
	return 0;
}

/* 1: is a special struct, added; 0: is none; or -errno. */
static int try_struct(struct fields *f, const struct btf_type *t, u32 off)
{
	const char *name = btf_string(f->btf, t->name_off);

	if (btf_type_kind(t) != BTF_KIND_STRUCT || strncmp(name, "bpf_", 4))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(structs); i++) {
		int err;

		if (strcmp(name, structs[i].name))
			continue;
		if (t->size != structs[i].size || off % structs[i].align)
			return 1;
		err = add(f, structs[i].kind, off, structs[i].size, 0, structs[i].unique);
		return err ? err : 1;
	}
	return 0;
}

static int try_pointer(struct fields *f, const struct btf_type *ptr, u32 off)
{
	const struct btf_type *tag = btf_at(f->btf, ptr->type);
	u32 to;

	if (!tag || btf_type_kind(tag) != BTF_KIND_TYPE_TAG)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(pointers); i++) {
		if (strcmp(btf_string(f->btf, tag->name_off), pointers[i].tag))
			continue;
		to = btf_resolve(f->btf, tag->type);
		if (!btf_type_is_struct(btf_at(f->btf, to)))
			return -EINVAL;
		if (off % 8)
			return 0;
		return add(f, pointers[i].kind, off, 8, to, false);
	}
	return 0;
}

static int search(struct fields *f, u32 id, u32 off, u32 depth);
static int search_members(struct fields *f, u32 id, u32 off, u32 depth);

static int search_array(struct fields *f, const struct btf_array *array, u32 off, u32 depth)
{
	s64 size = btf_size(f->btf, array->type);
	int before = f->count;

	for (u32 i = 0; i < array->nelems && size > 0 && size <= UINT32_MAX; i++) {
		int err = search(f, array->type, off + i * (u32)size, depth);

		if (err)
			return err;
		if (f->count == before) /* nothing in the first: nothing in the others */
			break;
	}
	return 0;
}

static int search(struct fields *f, u32 id, u32 off, u32 depth)
{
	const struct btf_type *t = btf_at(f->btf, btf_resolve(f->btf, id));
	int found;

	if (f->visits++ > MAX_VISITS)
		return -E2BIG;
	if (btf_type_kind(t) == BTF_KIND_PTR)
		return try_pointer(f, t, off);
	if (btf_type_kind(t) == BTF_KIND_ARRAY)
		return depth ? search_array(f, btf_tail(t, btf_array), off, depth - 1) : -E2BIG;
	if (btf_type_kind(t) != BTF_KIND_STRUCT)
		return 0;
	found = try_struct(f, t, off);
	if (found)
		return found < 0 ? found : 0;
	if (!depth)
		return 0;
	return search_members(f, btf_resolve(f->btf, id), off, depth);
}

/* A list head or tree root says in a tag of its member what it contains. */
static bool lacks_contents(struct fields *f, u32 id, u32 member)
{
	const struct btf_type *t = btf_at(f->btf, id);
	const char *name =
		btf_name(f->btf, btf_resolve(f->btf, btf_member_at(f->btf, t, member).type));

	return (f->wanted & (BTF_LIST_HEAD | BTF_RB_ROOT)) &&
	       (!strcmp(name, "bpf_list_head") || !strcmp(name, "bpf_rb_root")) &&
	       !btf_decl_tag(f->btf, id, (s32)member, "contains:");
}

static int search_members(struct fields *f, u32 id, u32 off, u32 depth)
{
	const struct btf_type *t = btf_at(f->btf, id);

	for (u32 i = 0; i < btf_type_vlen(t); i++) {
		struct btf_field_at m = btf_member_at(f->btf, t, i);
		int err;

		if (m.bit_off % 8 || m.bits)
			continue;
		err = lacks_contents(f, id, i) ? -EINVAL
					       : search(f, m.type, off + m.bit_off / 8, depth - 1);
		if (err)
			return err;
	}
	return 0;
}

static int by_offset(const void *a, const void *b)
{
	const struct btf_special_field *x = a, *y = b;

	return x->off < y->off ? -1 : x->off > y->off;
}

static int fields_of(const struct btf *btf, u32 id, u32 wanted,
		     struct btf_special_field out[BTF_MAX_FIELDS])
{
	struct fields f = { .btf = btf, .out = out, .wanted = wanted };
	const struct btf_type *t;
	int err = 0;

	id = btf_resolve(btf, id);
	t = btf_at(btf, id);
	if (btf_type_kind(t) == BTF_KIND_DATASEC) {
		const struct btf_var_secinfo *v = btf_tail(t, btf_var_secinfo);

		for (u32 i = 0; i < btf_type_vlen(t) && !err; i++) {
			const struct btf_type *var = btf_at(btf, v[i].type);

			if (var && btf_type_kind(var) == BTF_KIND_VAR)
				err = search(&f, var->type, v[i].offset, MAX_DEPTH);
		}
	} else if (btf_type_kind(t) == BTF_KIND_STRUCT) {
		err = search_members(&f, id, 0,
				     MAX_DEPTH); /* itself it is a value, whatever its name */
	}
	if (err)
		return err;
	qsort(out, f.count, sizeof(*out), by_offset);
	return f.count;
}

int btf_special_fields(const struct btf *btf, u32 id, struct btf_special_field out[BTF_MAX_FIELDS])
{
	return fields_of(btf, id, ~0u, out);
}

enum {
	OBJECT_FIELDS = BTF_SPIN_LOCK | BTF_RES_SPIN_LOCK | BTF_LIST_HEAD | BTF_LIST_NODE |
			BTF_RB_ROOT | BTF_RB_NODE | BTF_REFCOUNT | BTF_KPTR,
};

/* Whether a member of this very type makes its struct one that programs may allocate or link. */
static bool makes_object(const struct btf *btf, u32 id)
{
	static const char *const names[] = {
		"bpf_spin_lock", "bpf_list_head", "bpf_list_node",
		"bpf_rb_root",	 "bpf_rb_node",	  "bpf_refcount",
	};
	const struct btf_type *t = btf_at(btf, id), *tag;

	if (btf_type_kind(t) == BTF_KIND_STRUCT) {
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			if (!strcmp(btf_string(btf, t->name_off), names[i]))
				return true;
		return false;
	}
	if (btf_type_kind(t) != BTF_KIND_PTR)
		return false;
	tag = btf_at(btf, t->type);
	for (size_t i = 0;
	     tag && btf_type_kind(tag) == BTF_KIND_TYPE_TAG && i < ARRAY_SIZE(pointers); i++)
		if (!strcmp(btf_string(btf, tag->name_off), pointers[i].tag))
			return true;
	return false;
}

int btf_check_objects(const struct btf *btf)
{
	struct btf_special_field fields[BTF_MAX_FIELDS];

	for (u32 id = btf->first_id; id < btf->count; id++) {
		const struct btf_type *t = btf_at(btf, id);
		bool object = false;
		int n;

		if (btf_type_kind(t) != BTF_KIND_STRUCT)
			continue;
		for (u32 i = 0; i < btf_type_vlen(t) && !object; i++)
			object = makes_object(btf, btf_tail(t, btf_member)[i].type);
		if (!object)
			continue;
		n = fields_of(btf, id, OBJECT_FIELDS, fields);
		if (n <= 0)
			return n ? n : -EFAULT;
	}
	return 0;
}
