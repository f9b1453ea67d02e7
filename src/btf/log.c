/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What validation says, in the kernel's words: a type is "[id] KIND name details remark", a member of
 * a struct "\tname type_id=… bits_offset=… remark". A NULL log costs nothing.
 */
#include <errno.h>

#include "btf/parse.h"

const char *btf_log_name(const struct btf *btf, u32 off)
{
	if (!off)
		return "(anon)";
	return btf_string_ok(btf, off) ? btf_string(btf, off) : "(invalid-name-offset)";
}

static const char *encoding_name(u32 encoding)
{
	switch (encoding) {
	case 0: return "(none)";
	case BTF_INT_SIGNED: return "SIGNED";
	case BTF_INT_CHAR: return "CHAR";
	case BTF_INT_BOOL: return "BOOL";
	default: return "UNKN";
	}
}

static void proto_details(struct parse *p, const struct btf_type *t)
{
	const struct btf_param *args = btf_tail(t, btf_param);
	u32 n = btf_type_vlen(t);

	say(p->log, "return=%u args=(", t->type);
	if (!n)
		say(p->log, "void");
	for (u32 i = 0; i < n; i++) {
		if (i == n - 1 && !args[i].type)
			say(p->log, i ? ", vararg" : "vararg");
		else
			say(p->log, i ? ", %u %s" : "%u %s", args[i].type,
			    btf_log_name(p->btf, args[i].name_off));
	}
	say(p->log, ")");
}

static void details(struct parse *p, const struct btf_type *t)
{
	const struct btf_array *array = btf_tail(t, btf_array);
	const u32 *word = (const u32 *)(t + 1); /* there only for kinds that have a tail */

	switch (btf_type_kind(t)) {
	case BTF_KIND_INT:
		say(p->log, "size=%u bits_offset=%u nr_bits=%u encoding=%s", t->size,
		    BTF_INT_OFFSET(*word), BTF_INT_BITS(*word),
		    encoding_name(BTF_INT_ENCODING(*word)));
		break;
	case BTF_KIND_ARRAY:
		say(p->log, "type_id=%u index_type_id=%u nr_elems=%u", array->type,
		    array->index_type, array->nelems);
		break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_DATASEC: say(p->log, "size=%u vlen=%u", t->size, btf_type_vlen(t)); break;
	case BTF_KIND_FWD: say(p->log, "%s", btf_type_kflag(t) ? "union" : "struct"); break;
	case BTF_KIND_FUNC_PROTO: proto_details(p, t); break;
	case BTF_KIND_VAR: say(p->log, "type_id=%u linkage=%u", t->type, *word); break;
	case BTF_KIND_FLOAT: say(p->log, "size=%u", t->size); break;
	case BTF_KIND_DECL_TAG: say(p->log, "type=%u component_idx=%d", t->type, (s32)*word); break;
	default: say(p->log, "type_id=%u", t->type);
	}
}

static int remark(struct parse *p, const char *fmt, va_list ap)
{
	if (fmt) {
		say(p->log, " ");
		vsay(p->log, fmt, ap);
	}
	say(p->log, "\n");
	return -EINVAL;
}

static void head(struct parse *p, const struct btf_type *t)
{
	say(p->log, "[%u] %s %s", p->id, btf_kind_name(btf_type_kind(t)),
	    btf_log_name(p->btf, t->name_off));
}

int btf_log_type(struct parse *p, const struct btf_type *t, const char *fmt, ...)
{
	va_list ap;

	if (!p->log)
		return -EINVAL;
	head(p, t);
	say(p->log, " ");
	details(p, t);
	va_start(ap, fmt);
	remark(p, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

int btf_log_basic(struct parse *p, const struct btf_type *t, const char *fmt, ...)
{
	va_list ap;

	if (!p->log)
		return -EINVAL;
	head(p, t);
	va_start(ap, fmt);
	remark(p, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

int btf_log_member(struct parse *p, const struct btf_type *t, const struct btf_member *m,
		   const char *fmt, ...)
{
	va_list ap;

	if (!p->log)
		return -EINVAL;
	if (p->resolving)
		btf_log_type(p, t, NULL);
	say(p->log, "\t%s type_id=%u", btf_log_name(p->btf, m->name_off), m->type);
	if (btf_type_kflag(t))
		say(p->log, " bitfield_size=%u bits_offset=%u", BTF_MEMBER_BITFIELD_SIZE(m->offset),
		    BTF_MEMBER_BIT_OFFSET(m->offset));
	else
		say(p->log, " bits_offset=%u", m->offset);
	va_start(ap, fmt);
	remark(p, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

int btf_log_var(struct parse *p, const struct btf_type *t, const struct btf_var_secinfo *v,
		const char *fmt, ...)
{
	va_list ap;

	if (!p->log)
		return -EINVAL;
	if (p->resolving)
		btf_log_type(p, t, NULL);
	say(p->log, "\t type_id=%u offset=%u size=%u", v->type, v->offset, v->size);
	va_start(ap, fmt);
	remark(p, fmt, ap);
	va_end(ap);
	return -EINVAL;
}
