/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where an access inside a struct lands: members are searched by byte offset, nested structs and
 * arrays entered, as the kernel's btf_struct_walk does and in its words.
 */
#include <errno.h>
#include <string.h>

#include "btf/parse.h"
#include "def/reg.h"

enum { MAX_NESTING = 64 };

struct search {
	const struct btf *btf;
	struct btf_walk *out;
	struct log *log;
	u32 id, off, size; /* looked for: size bytes at off of struct id */
};

/* Member types with arrays flattened: element, its size, elements; false: has no size. */
static bool flatten(const struct btf *btf, u32 id, u32 *elem, u32 *elem_size, u64 *total)
{
	u64 n = 1;

	for (u32 i = 0; i < MAX_NESTING; i++) {
		const struct btf_type *t;
		s64 size;

		id = btf_resolve(btf, id);
		t = btf_at(btf, id);
		if (btf_type_kind(t) == BTF_KIND_ARRAY) {
			if (__builtin_mul_overflow(n, (u64)btf_tail(t, btf_array)->nelems, &n))
				return false;
			id = btf_tail(t, btf_array)->type;
			continue;
		}
		size = btf_size(btf, id);
		if (size < 0 || size > UINT32_MAX || __builtin_mul_overflow(n, (u64)size, total))
			return false;
		*elem = id;
		*elem_size = size;
		return true;
	}
	return false;
}

static int beyond(struct search *s)
{
	say(s->log, "access beyond struct %s at off %u size %u\n",
	    btf_log_name(s->btf, btf_at(s->btf, s->id)->name_off), s->off, s->size);
	return -EACCES;
}

/*
 * Past the end of the struct: a last member that is a flexible array of ints is a scalar (returns 1),
 * one of structs goes on inside an element (returns 0, search changed); anything else is an error.
 */
static int past_end(struct search *s, const struct btf_type *t)
{
	u32 vlen = btf_type_vlen(t), off;
	const struct btf_type *array, *elem;
	struct btf_field_at m;

	if (!vlen)
		return beyond(s);
	m = btf_member_at(s->btf, t, vlen - 1);
	array = btf_at(s->btf, btf_resolve(s->btf, m.type));
	off = m.bit_off / 8;
	if (btf_type_kind(array) != BTF_KIND_ARRAY || btf_tail(array, btf_array)->nelems ||
	    s->off < off)
		return beyond(s);
	elem = btf_at(s->btf, btf_resolve(s->btf, btf_tail(array, btf_array)->type));
	if (btf_type_kind(elem) == BTF_KIND_INT)
		return 1;
	if (!btf_type_is_struct(elem) || !elem->size)
		return beyond(s);
	s->id = btf_resolve(s->btf, btf_tail(array, btf_array)->type);
	s->off = (s->off - off) % elem->size;
	return 0;
}

static void read_tag(struct search *s, const struct btf_type *ptr)
{
	const struct btf_type *t = btf_at(s->btf, ptr->type);
	const char *tag;

	if (!t || btf_type_kind(t) != BTF_KIND_TYPE_TAG || btf_type_kflag(t))
		return;
	tag = btf_string(s->btf, t->name_off);
	if (!strcmp(tag, "user"))
		s->out->flags |= MEM_USER;
	else if (!strcmp(tag, "percpu"))
		s->out->flags |= MEM_PERCPU;
	else if (!strcmp(tag, "rcu"))
		s->out->flags |= MEM_RCU;
}

static int land_on_pointer(struct search *s, const struct btf_type *ptr,
			   const struct btf_field_at *m, u32 off)
{
	u32 to;

	if (s->size != 8 || s->off != off) {
		say(s->log,
		    "cannot access ptr member %s with moff %u in struct %s with off %u size %u\n",
		    m->name, off, btf_log_name(s->btf, btf_at(s->btf, s->id)->name_off), s->off,
		    s->size);
		return -EACCES;
	}
	s->out->field = m->name;
	to = btf_resolve(s->btf, ptr->type);
	s->out->kind =
		btf_type_is_struct(btf_at(s->btf, to)) ? BTF_WALK_PTR : BTF_WALK_PTR_UNTRUSTED;
	if (s->out->kind == BTF_WALK_PTR) {
		s->out->type = to;
		read_tag(s, ptr);
	}
	return 1;
}

/* One member: 0 go on with the next, 1 found, 2 search continues in a nested struct, or -errno. */
static int try_member(struct search *s, const struct btf_field_at *m)
{
	u32 off = m->bit_off / 8, elem, elem_size;
	const struct btf_type *t;
	u64 total;

	if (m->bits) {
		if (s->off <= off && (m->bit_off + m->bits + 7) / 8 <= s->off + s->size)
			return s->out->kind = BTF_WALK_SCALAR, 1;
		return 0;
	}
	if (!flatten(s->btf, m->type, &elem, &elem_size, &total)) {
		say(s->log, "field %s doesn't have size\n", m->name);
		return -EFAULT;
	}
	if (s->off >= off + total)
		return 0;
	if (elem_size)
		off += (s->off - off) / elem_size * elem_size;
	t = btf_at(s->btf, elem);
	if (btf_type_is_struct(t)) {
		if (s->off == off) {
			s->out->kind = BTF_WALK_STRUCT;
			s->out->type = elem;
			return 1;
		}
		s->id = elem;
		s->off -= off;
		return 2;
	}
	if (btf_type_kind(t) == BTF_KIND_PTR)
		return land_on_pointer(s, t, m, off);
	if (s->off + s->size > m->bit_off / 8 + total && !(s->out->flags & PTR_UNTRUSTED)) {
		say(s->log,
		    "access beyond the end of member %s (mend:%u) in struct %s with off %u size %u\n",
		    m->name, (u32)(m->bit_off / 8 + total),
		    btf_log_name(s->btf, btf_at(s->btf, s->id)->name_off), s->off, s->size);
		return -EACCES;
	}
	s->out->kind = BTF_WALK_SCALAR;
	return 1;
}

static int search_struct(struct search *s)
{
	const struct btf_type *t = btf_at(s->btf, s->id);

	if (btf_type_kind(t) == BTF_KIND_UNION && btf_type_vlen(t) != 1)
		s->out->flags |= PTR_UNTRUSTED;
	if ((u64)s->off + s->size > t->size) {
		int past = past_end(s, t);

		s->out->kind = BTF_WALK_SCALAR;
		return past ? past : 2;
	}
	for (u32 i = 0; i < btf_type_vlen(t); i++) {
		struct btf_field_at m = btf_member_at(s->btf, t, i);
		int found;

		if (s->off + s->size <= m.bit_off / 8 || (!m.bits && s->off < m.bit_off / 8))
			break;
		found = try_member(s, &m);
		if (found)
			return found;
	}
	say(s->log, "struct %s doesn't have field at offset %u\n",
	    btf_log_name(s->btf, t->name_off), s->off);
	return -EINVAL;
}

int btf_struct_walk(const struct btf *btf, u32 id, u32 off, u32 size, struct btf_walk *out,
		    struct log *log)
{
	struct search s = { btf, out, log, btf_resolve(btf, id), off, size };

	out->field = NULL;
	for (u32 i = 0; i < MAX_NESTING; i++) {
		const struct btf_type *t = btf_at(btf, s.id);
		int found;

		if (!btf_type_is_struct(t)) {
			say(log, "Type '%s' is not a struct\n", btf_log_name(btf, t->name_off));
			return -EINVAL;
		}
		found = search_struct(&s);
		if (found != 2)
			return found < 0 ? found : 0;
	}
	return -EINVAL;
}

int btf_struct_access(const struct btf *btf, u32 id, u32 off, u32 size, struct btf_walk *out,
		      struct log *log)
{
	for (u32 i = 0; i < MAX_NESTING; i++) {
		int err = btf_struct_walk(btf, id, off, size, out, log);

		if (err || out->kind != BTF_WALK_STRUCT)
			return err;
		id = out->type;
		off = 0;
	}
	return -EINVAL;
}
