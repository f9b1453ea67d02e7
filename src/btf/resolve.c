/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Second pass of validation: what types refer to. A depth-first walk with an explicit stack of at most
 * BTF_RESOLVE_DEPTH, as the kernel does it, since which types are walked through and which end a walk
 * (sinks) decides whether "Loop detected" or "Exceeded max resolving depth" is said, and of whom.
 *
 * Invariant: a type is DONE once everything it contains is; resolved_id[] of a DONE modifier, pointer
 * or var is the type it comes to, resolved_size[] of a DONE array is its bytes.
 */
#include <errno.h>
#include <stdlib.h>

#include "btf/member.h"
#include "btf/parse.h"

enum visit { FRESH, VISITED, DONE };
enum mode { MODE_ANY, MODE_PTR, MODE_STRUCT_OR_ARRAY };

struct vertex {
	const struct btf_type *t;
	u32 id, next_member;
};

struct walk {
	struct parse *p;
	struct vertex stack[BTF_RESOLVE_DEPTH];
	u32 top;
	enum mode mode;
};

static bool is_struct_or_array(u32 kind)
{
	return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION || kind == BTF_KIND_ARRAY;
}

static bool needs_resolve(const struct btf_type *t)
{
	u32 kind = btf_type_kind(t);

	return btf_kind_is_modifier(kind) || kind == BTF_KIND_PTR || is_struct_or_array(kind) ||
	       kind == BTF_KIND_VAR || kind == BTF_KIND_FUNC || kind == BTF_KIND_DECL_TAG ||
	       kind == BTF_KIND_DATASEC;
}

static bool is_source_only(const struct btf_type *t)
{
	u32 kind = btf_type_kind(t);

	return kind == BTF_KIND_VAR || kind == BTF_KIND_DECL_TAG || kind == BTF_KIND_DATASEC;
}

static bool has_no_size(const struct btf_type *t)
{
	u32 kind = t ? btf_type_kind(t) : BTF_KIND_UNKN;

	return kind == BTF_KIND_UNKN || kind == BTF_KIND_FWD || kind == BTF_KIND_FUNC ||
	       kind == BTF_KIND_FUNC_PROTO || kind == BTF_KIND_DECL_TAG;
}

bool btf_int_is_regular(const struct btf_type *t)
{
	u32 data = *(const u32 *)(t + 1), bits = BTF_INT_BITS(data), bytes = bits / 8;

	return !(bits % 8) && !BTF_INT_OFFSET(data) &&
	       (bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8 || bytes == 16);
}

/* What a modifier, pointer or var comes to; ids of the base and unresolved ones: themselves or 0. */
static u32 resolved_id(const struct btf *btf, u32 id)
{
	while (btf && id < btf->first_id)
		btf = btf->base;
	return btf && btf->resolved_id && id < btf->count ? btf->resolved_id[id - btf->first_id]
							  : 0;
}

static u32 array_size(const struct btf *btf, u32 id)
{
	while (btf && id < btf->first_id)
		btf = btf->base;
	return btf && btf->resolved_size && id < btf->count ? btf->resolved_size[id - btf->first_id]
							    : 0;
}

const struct btf_type *btf_sized(const struct btf *btf, u32 *id, u32 *size)
{
	const struct btf_type *t = btf_at(btf, *id);
	u32 at = *id;

	if (has_no_size(t))
		return NULL;
	if (btf_kind_is_modifier(btf_type_kind(t)) || btf_type_kind(t) == BTF_KIND_VAR) {
		at = resolved_id(btf, at);
		t = btf_at(btf, at);
		if (has_no_size(t))
			return NULL;
	}
	if (size)
		*size = btf_type_kind(t) == BTF_KIND_ARRAY ? array_size(btf, at)
			: btf_type_kind(t) == BTF_KIND_PTR ? sizeof(void *)
							   : t->size;
	*id = at;
	return t;
}

static bool is_done(struct parse *p, u32 id)
{
	return id < p->btf->first_id || p->state[id - p->btf->first_id] == DONE;
}

/* A type that ends a walk in this mode: it is looked at on its own. */
static bool is_sink(const struct walk *w, const struct btf_type *t)
{
	u32 kind = btf_type_kind(t);

	if (w->mode == MODE_ANY)
		return !needs_resolve(t);
	if (w->mode == MODE_PTR)
		return !btf_kind_is_modifier(kind) && kind != BTF_KIND_PTR;
	return !btf_kind_is_modifier(kind) && !is_struct_or_array(kind);
}

static int push(struct walk *w, const struct btf_type *t, u32 id)
{
	u8 *state = &w->p->state[id - w->p->btf->first_id];

	if (w->top == BTF_RESOLVE_DEPTH)
		return -E2BIG;
	if (*state != FRESH)
		return -EEXIST;
	*state = VISITED;
	w->stack[w->top++] = (struct vertex){ t, id, 0 };
	if (w->mode == MODE_ANY && btf_type_kind(t) == BTF_KIND_PTR)
		w->mode = MODE_PTR;
	else if (w->mode == MODE_ANY && is_struct_or_array(btf_type_kind(t)))
		w->mode = MODE_STRUCT_OR_ARRAY;
	return 0;
}

static int pop(struct walk *w, u32 to, u32 size)
{
	u32 own = w->stack[--w->top].id - w->p->btf->first_id;

	w->p->state[own] = DONE;
	w->p->btf->resolved_id[own] = to;
	w->p->btf->resolved_size[own] = size;
	return 0;
}

static bool must_push(struct walk *w, const struct btf_type *t, u32 id)
{
	return !is_sink(w, t) && !is_done(w->p, id);
}

/*
 * A modifier that was resolved while walking a struct may have stopped at a pointer; a pointer or var
 * to it goes on from there, so that a pointer that comes back to itself is seen. NULL: nothing to push.
 */
static const struct btf_type *stopped_pointer(struct walk *w, const struct btf_type *next, u32 *id)
{
	const struct btf_type *t;

	if (!btf_kind_is_modifier(btf_type_kind(next)))
		return NULL;
	*id = resolved_id(w->p->btf, *id);
	t = btf_at(w->p->btf, *id);
	return t && btf_type_kind(t) == BTF_KIND_PTR && must_push(w, t, *id) ? t : NULL;
}

/* void, forward declarations and function prototypes may be pointed to and qualified; *id is resolved. */
static bool may_be_sizeless(struct walk *w, u32 *id)
{
	const struct btf_type *t;

	if (is_done(w->p, *id))
		*id = resolved_id(w->p->btf, *id);
	t = btf_at(w->p->btf, *id);
	return t && (btf_type_kind(t) == BTF_KIND_UNKN || btf_type_kind(t) == BTF_KIND_FWD ||
		     btf_type_kind(t) == BTF_KIND_FUNC_PROTO);
}

/* Modifiers, pointers and vars: one reference. */
static int resolve_ref(struct walk *w, struct vertex *v)
{
	struct btf *btf = w->p->btf;
	u32 kind = btf_type_kind(v->t), id = v->t->type, at = id, after;
	const struct btf_type *next = btf_at(btf, id), *ptr;

	if (!next || is_source_only(next))
		return btf_log_type(w->p, v->t, "Invalid type_id");
	if (must_push(w, next, id))
		return push(w, next, id);
	if (!btf_kind_is_modifier(kind)) {
		after = id;
		ptr = stopped_pointer(w, next, &after);
		if (ptr)
			return push(w, ptr, after);
	}
	if (!btf_sized(btf, &at, NULL) && (kind == BTF_KIND_VAR || !may_be_sizeless(w, &at)))
		return btf_log_type(w->p, v->t, "Invalid type_id");
	return pop(w, at, 0);
}

static int resolve_array(struct walk *w, struct vertex *v)
{
	const struct btf_array *a = btf_tail(v->t, btf_array);
	struct btf *btf = w->p->btf;
	u32 index = a->index_type, elem = a->type, size = 0;
	const struct btf_type *t = btf_at(btf, index);

	if (has_no_size(t) || is_source_only(t))
		return btf_log_type(w->p, v->t, "Invalid index");
	if (must_push(w, t, index))
		return push(w, t, index);
	t = btf_sized(btf, &index, NULL);
	if (!t || btf_type_kind(t) != BTF_KIND_INT || !btf_int_is_regular(t))
		return btf_log_type(w->p, v->t, "Invalid index");
	t = btf_at(btf, elem);
	if (has_no_size(t) || is_source_only(t))
		return btf_log_type(w->p, v->t, "Invalid elem");
	if (must_push(w, t, elem))
		return push(w, t, elem);
	t = btf_sized(btf, &elem, &size);
	if (!t)
		return btf_log_type(w->p, v->t, "Invalid elem");
	if (btf_type_kind(t) == BTF_KIND_INT && !btf_int_is_regular(t))
		return btf_log_type(w->p, v->t, "Invalid array of int");
	if (a->nelems && size > UINT32_MAX / a->nelems)
		return btf_log_type(w->p, v->t, "Array size overflows U32_MAX");
	return pop(w, elem, size * a->nelems);
}

static int resolve_struct(struct walk *w, struct vertex *v)
{
	const struct btf_member *m = btf_tail(v->t, btf_member);

	if (v->next_member) { /* the one that was pushed is done by now */
		int err = btf_check_member(w->p, v->t, m + v->next_member - 1);

		if (err)
			return err;
	}
	for (u32 i = v->next_member; i < btf_type_vlen(v->t); i++) {
		const struct btf_type *t = btf_at(w->p->btf, m[i].type);
		int err;

		if (has_no_size(t) || is_source_only(t))
			return btf_log_member(w->p, v->t, m + i, "Invalid member");
		if (must_push(w, t, m[i].type)) {
			v->next_member = i + 1;
			return push(w, t, m[i].type);
		}
		err = btf_check_member(w->p, v->t, m + i);
		if (err)
			return err;
	}
	return pop(w, 0, 0);
}

static int resolve_func(struct walk *w, struct vertex *v)
{
	const struct btf_type *proto = btf_at(w->p->btf, v->t->type);
	const struct btf_param *args;

	if (!proto || btf_type_kind(proto) != BTF_KIND_FUNC_PROTO)
		return btf_log_type(w->p, v->t, "Invalid type_id");
	args = btf_tail(proto, btf_param);
	for (u32 i = 0; i < btf_type_vlen(proto); i++)
		if (!args[i].name_off && args[i].type)
			return btf_log_type(w->p, v->t, "Invalid arg#%u", i + 1);
	return pop(w, v->t->type, 0);
}

static int resolve_decl_tag(struct walk *w, struct vertex *v)
{
	const struct btf_type *t = btf_at(w->p->btf, v->t->type);
	s32 index = btf_tail(v->t, btf_decl_tag)->component_idx;
	u32 kind = t ? btf_type_kind(t) : BTF_KIND_UNKN;

	if (kind != BTF_KIND_FUNC && kind != BTF_KIND_STRUCT && kind != BTF_KIND_UNION &&
	    kind != BTF_KIND_VAR && kind != BTF_KIND_TYPEDEF)
		return btf_log_type(w->p, v->t, "Invalid type_id");
	if (must_push(w, t, v->t->type))
		return push(w, t, v->t->type);
	if (index != -1) {
		if (kind == BTF_KIND_FUNC)
			t = btf_at(w->p->btf, t->type);
		if (kind == BTF_KIND_VAR || kind == BTF_KIND_TYPEDEF || !t ||
		    (u32)index >= btf_type_vlen(t))
			return btf_log_type(w->p, v->t, "Invalid component_idx");
	}
	return pop(w, v->t->type, 0);
}

static int resolve_datasec(struct walk *w, struct vertex *v)
{
	const struct btf_var_secinfo *var = btf_tail(v->t, btf_var_secinfo);

	w->mode = MODE_ANY;
	for (u32 i = v->next_member; i < btf_type_vlen(v->t); i++) {
		const struct btf_type *t = btf_at(w->p->btf, var[i].type);
		u32 id, size = 0;

		if (!t || btf_type_kind(t) != BTF_KIND_VAR)
			return btf_log_var(w->p, v->t, var + i, "Not a VAR kind member");
		if (must_push(w, t, var[i].type)) {
			v->next_member = i + 1;
			return push(w, t, var[i].type);
		}
		id = t->type;
		if (!btf_sized(w->p->btf, &id, &size))
			return btf_log_var(w->p, v->t, var + i, "Invalid type");
		if (var[i].size < size)
			return btf_log_var(w->p, v->t, var + i, "Invalid size");
	}
	return pop(w, 0, 0);
}

static int resolve_one(struct walk *w, struct vertex *v)
{
	switch (btf_type_kind(v->t)) {
	case BTF_KIND_ARRAY: return resolve_array(w, v);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: return resolve_struct(w, v);
	case BTF_KIND_FUNC: return resolve_func(w, v);
	case BTF_KIND_DECL_TAG: return resolve_decl_tag(w, v);
	case BTF_KIND_DATASEC: return resolve_datasec(w, v);
	default: return resolve_ref(w, v);
	}
}

static int resolve(struct parse *p, const struct btf_type *t, u32 id)
{
	struct walk w = { .p = p };
	int err = push(&w, t, id);

	while (!err && w.top) {
		struct vertex *v = &w.stack[w.top - 1];

		p->id = v->id;
		err = resolve_one(&w, v);
	}
	p->id = id;
	if (err == -E2BIG)
		btf_log_type(p, t, "Exceeded max resolving depth:%u", BTF_RESOLVE_DEPTH);
	else if (err == -EEXIST)
		btf_log_type(p, t, "Loop detected");
	return err;
}

/* A return type or an argument of a FUNC_PROTO; what is the remark if it has no size. */
static int check_proto_type(struct parse *p, const struct btf_type *proto, u32 id, const char *what,
			    u32 i)
{
	const struct btf_type *t = btf_at(p->btf, id);
	u32 outer = p->id;

	if (!t || is_source_only(t))
		return btf_log_type(p, proto, what, i);
	if (needs_resolve(t) && !is_done(p, id)) {
		int err = resolve(p, t, id);

		if (err)
			return err;
		p->id = outer;
	}
	return btf_sized(p->btf, &id, NULL) ? 0 : btf_log_type(p, proto, what, i);
}

static int check_proto(struct parse *p, const struct btf_type *t)
{
	const struct btf_param *args = btf_tail(t, btf_param);
	u32 n = btf_type_vlen(t);
	int err = t->type ? check_proto_type(p, t, t->type, "Invalid return type", 0) : 0;

	if (err || !n)
		return err;
	if (!args[n - 1].type) { /* ... */
		if (args[n - 1].name_off)
			return btf_log_type(p, t, "Invalid arg#%u", n);
		n--;
	}
	for (u32 i = 0; i < n && !err; i++) {
		u32 name = args[i].name_off;

		if (!args[i].type)
			err = btf_log_type(p, t, "Invalid arg#%u", i + 1);
		else if (name &&
			 (!btf_string_ok(p->btf, name) || !btf_name_is_identifier(p->btf, name)))
			err = btf_log_type(p, t, "Invalid arg#%u", i + 1);
		else
			err = check_proto_type(p, t, args[i].type, "Invalid arg#%u", i + 1);
	}
	return err;
}

/* In a chain of modifiers, type tags come before const, volatile, …, and a chain has an end. */
static int check_tag_order(struct parse *p, u32 id)
{
	const struct btf_type *t = btf_at(p->btf, id);
	bool in_tags = btf_type_kind(t) == BTF_KIND_TYPE_TAG;

	for (u32 left = 32; t && btf_kind_is_modifier(btf_type_kind(t)); left--) {
		if (!left || t->type == id) {
			say(p->log, "Max chain length or cycle detected");
			return -ELOOP;
		}
		if (btf_type_kind(t) != BTF_KIND_TYPE_TAG) {
			in_tags = false;
		} else if (!in_tags) {
			say(p->log, "Type tags don't precede modifiers");
			return -EINVAL;
		}
		id = t->type;
		t = btf_at(p->btf, id);
	}
	return t ? 0 : -EINVAL;
}

int btf_check_refs(struct parse *p)
{
	struct btf *btf = p->btf;
	u32 n = btf->count - btf->first_id;

	p->state = calloc(n + 1, 1);
	btf->resolved_id = calloc(n + 1, sizeof(u32));
	btf->resolved_size = calloc(n + 1, sizeof(u32));
	if (!p->state || !btf->resolved_id || !btf->resolved_size)
		return -ENOMEM;
	p->resolving = true;
	for (u32 id = btf->first_id; id < btf->count; id++) {
		const struct btf_type *t = btf_at(btf, id);
		int err = 0;

		p->id = id;
		if (needs_resolve(t) && !is_done(p, id))
			err = resolve(p, t, id);
		if (!err && btf_type_kind(t) == BTF_KIND_FUNC_PROTO)
			err = check_proto(p, t);
		if (err)
			return err;
	}
	for (u32 id = btf->first_id; id < btf->count; id++) {
		int err = check_tag_order(p, id);

		if (err)
			return err;
	}
	return 0;
}
