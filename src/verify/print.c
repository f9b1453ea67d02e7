/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of registers, stack slots and whole states, as Linux's log shows them. */
#include <stdio.h>
#include <string.h>

#include "verify/env.h"

/* Text grows in a fixed buffer; what does not fit is cut. */
struct text {
	char *at, *end;
	bool any; /* an attribute was printed: a comma goes before the next */
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->at, (size_t)(t->end - t->at), fmt, ap);
	va_end(ap);
	t->at += n < t->end - t->at ? n : t->end - t->at - 1;
}

static void attribute(struct text *t, const char *name)
{
	add(t, "%s%s=", t->any ? "," : "", name);
	t->any = true;
}

static void add_unsigned(struct text *t, u64 v)
{
	add(t, v <= UINT16_MAX ? "%llu" : "%#llx", (unsigned long long)v);
}

static void add_signed(struct text *t, s64 v)
{
	if (v >= INT16_MIN && v <= INT16_MAX)
		add(t, "%lld", (long long)v);
	else
		add(t, "%#llx", (unsigned long long)v);
}

const char *log_type(u32 type, char buf[64])
{
	static const char *const names[] = {
		[NOT_INIT] = "?",
		[SCALAR_VALUE] = "scalar",
		[PTR_TO_CTX] = "ctx",
		[CONST_PTR_TO_MAP] = "map_ptr",
		[PTR_TO_MAP_VALUE] = "map_value",
		[PTR_TO_MAP_KEY] = "map_key",
		[PTR_TO_STACK] = "fp",
		[PTR_TO_PACKET_META] = "pkt_meta",
		[PTR_TO_PACKET] = "pkt",
		[PTR_TO_PACKET_END] = "pkt_end",
		[PTR_TO_FLOW_KEYS] = "flow_keys",
		[PTR_TO_SOCKET] = "sock",
		[PTR_TO_SOCK_COMMON] = "sock_common",
		[PTR_TO_TCP_SOCK] = "tcp_sock",
		[PTR_TO_TP_BUFFER] = "tp_buffer",
		[PTR_TO_XDP_SOCK] = "xdp_sock",
		[PTR_TO_BTF_ID] = "ptr_",
		[PTR_TO_MEM] = "mem",
		[PTR_TO_ARENA] = "arena",
		[PTR_TO_BUF] = "buf",
		[PTR_TO_FUNC] = "func",
		[CONST_PTR_TO_DYNPTR] = "dynptr_ptr",
	};
	u32 base = type_base(type);
	const char *null = "";

	if (type & PTR_MAYBE_NULL)
		null = base == PTR_TO_BTF_ID ? "or_null_" : "_or_null";
	snprintf(buf, 64, "%s%s%s%s%s%s%s%s%s", type & MEM_RDONLY ? "rdonly_" : "",
		 type & MEM_RINGBUF ? "ringbuf_" : "", type & MEM_USER ? "user_" : "",
		 type & MEM_PERCPU ? "percpu_" : "", type & MEM_RCU ? "rcu_" : "",
		 type & PTR_UNTRUSTED ? "untrusted_" : "", type & PTR_TRUSTED ? "trusted_" : "",
		 base < ARRAY_SIZE(names) ? names[base] : "?", null);
	return buf;
}

const char *log_tnum(struct tnum t, char buf[64])
{
	if (t.mask)
		snprintf(buf, 64, "(0x%llx; 0x%llx)", (unsigned long long)t.value,
			 (unsigned long long)t.mask);
	else
		snprintf(buf, 64, t.value <= UINT16_MAX ? "%llu" : "%#llx",
			 (unsigned long long)t.value);
	return buf;
}

struct bound {
	const char *name;
	u64 value;
	bool skip;
};

static u64 widen32(s32 v)
{
	return v >= INT16_MIN && v <= INT16_MAX ? (u64)(s64)v : (u32)v;
}

/* Bounds that say nothing are left out; equal ones share a value: "smin=umin=1". */
static void add_ranges(struct text *t, const struct reg_state *r)
{
	struct bound bounds[] = {
		{ "smin", (u64)r->smin, r->smin == INT64_MIN },
		{ "smax", (u64)r->smax, r->smax == INT64_MAX },
		{ "umin", r->umin, r->umin == 0 },
		{ "umax", r->umax, r->umax == UINT64_MAX },
		{ "smin32", widen32(r->s32_min), r->s32_min == INT32_MIN },
		{ "smax32", widen32(r->s32_max), r->s32_max == INT32_MAX },
		{ "umin32", r->u32_min, r->u32_min == 0 },
		{ "umax32", r->u32_max, r->u32_max == UINT32_MAX },
	};

	for (u32 i = 0; i < ARRAY_SIZE(bounds); i++) {
		struct bound *b = &bounds[i];
		bool negative = b->name[0] == 's' && (s64)b->value < 0;

		if (b->skip)
			continue;
		attribute(t, b->name);
		for (u32 j = i + 2; j < ARRAY_SIZE(bounds); j += 2) {
			struct bound *c = &bounds[j];

			if (c->skip || c->value != b->value ||
			    negative != (c->name[0] == 's' && (s64)c->value < 0))
				continue;
			c->skip = true;
			add(t, "%s=", c->name);
		}
		if (b->name[0] == 's')
			add_signed(t, (s64)b->value);
		else
			add_unsigned(t, b->value);
	}
}

static bool shows_map(u32 base)
{
	return base == CONST_PTR_TO_MAP || base == PTR_TO_MAP_KEY || base == PTR_TO_MAP_VALUE;
}

static void add_attributes(struct text *t, const struct reg_state *r)
{
	u32 base = type_base(r->type);
	char buf[64];

	if (r->id) {
		attribute(t, "id");
		add(t, "%u", r->id & ~ID_ADD_CONST);
		if (r->id & ID_ADD_CONST)
			add(t, "%+d", r->off);
	}
	if (r->ref_obj_id) {
		attribute(t, "ref_obj_id");
		add(t, "%u", r->ref_obj_id);
	}
	if (shows_map(base) && r->map) {
		if (r->map->name[0]) {
			attribute(t, "map");
			add(t, "%s", r->map->name);
		}
		attribute(t, "ks");
		add(t, "%u,vs=%u", r->map->key_size, r->map->value_size);
	}
	if (r->type != SCALAR_VALUE && r->off) {
		attribute(t, "off");
		add_signed(t, r->off);
	}
	if (base == PTR_TO_PACKET || base == PTR_TO_PACKET_META) {
		attribute(t, "r");
		add_unsigned(t, (u64)(s64)r->range);
	}
	if (base == PTR_TO_MEM) {
		attribute(t, "sz");
		add_unsigned(t, r->mem_size);
	}
	if (!reg_is_const(r)) {
		add_ranges(t, r);
		if (!tnum_is_unknown(r->var_off)) {
			attribute(t, "var_off");
			add(t, "%s", log_tnum(r->var_off, buf));
		}
	} else if (r->var_off.value) {
		attribute(t, "imm");
		add_signed(t, (s64)r->var_off.value);
	}
}

void log_reg(struct env *env, const struct func_state *f, const struct reg_state *r, char *out,
	     size_t size)
{
	struct text t = { out, out + size, false };
	char buf[64];

	*out = '\0';
	if (r->type == SCALAR_VALUE && r->precise)
		add(&t, "P");
	if (r->type == SCALAR_VALUE && reg_is_const(r)) {
		add_signed(&t, (s64)r->var_off.value);
		return;
	}
	add(&t, "%s", log_type(r->type, buf));
	if (r->type == PTR_TO_STACK) {
		if (f->frameno != r->frameno)
			add(&t, "[%u]", r->frameno);
		if (reg_is_const(r)) {
			add_signed(&t, (s64)r->var_off.value + r->off);
			return;
		}
	}
	if (type_base(r->type) == PTR_TO_BTF_ID && env->in->vmlinux_btf)
		add(&t, "%s", btf_name(env->in->vmlinux_btf, r->btf_id));
	add(&t, "(");
	add_attributes(&t, r);
	add(&t, ")");
}

static void print_slot(struct env *env, const struct func_state *f, u32 i)
{
	static const char letters[] = {
		[STACK_INVALID] = '?', [STACK_SPILL] = 'r', [STACK_MISC] = 'm', [STACK_ZERO] = '0'
	};
	const u8 *type = f->stack[i].type;
	char types[SLOT + 1] = "", reg[256];
	bool any = false;

	for (u32 j = 0; j < SLOT; j++) {
		any |= type[j] != STACK_INVALID;
		types[j] = letters[type[j]];
	}
	if (!any)
		return;
	trace(env, " fp%d=", -(s32)(i + 1) * SLOT);
	if (!slot_reg(f, i)) {
		trace(env, "%s", types);
		return;
	}
	for (u32 j = 0; j < SLOT; j++)
		if (type[j] == STACK_SPILL) {
			types[j] = '\0';
			break;
		}
	log_reg(env, f, slot_reg(f, i), reg, sizeof(reg));
	trace(env, "%s%s", types, reg);
}

void log_state(struct env *env, const struct state *state, u32 frame, bool all)
{
	const struct func_state *f = state->frame[frame];
	char reg[256];

	if (f->frameno)
		trace(env, " frame%u:", f->frameno);
	for (u32 i = 0; i < REG_COUNT; i++) {
		if (f->regs[i].type == NOT_INIT || (!all && !(env->scratched_regs >> i & 1)))
			continue;
		log_reg(env, f, &f->regs[i], reg, sizeof(reg));
		trace(env, " R%u=%s", i, reg);
	}
	for (u32 i = 0; i < f->nr_slots; i++)
		if (all || env->scratched_slots >> i & 1)
			print_slot(env, f, i);
	for (u32 i = 0; i < state->nr_refs; i++)
		trace(env, "%s%u", i ? "," : " refs=", state->refs[i].id);
	if (f->in_callback)
		trace(env, " cb");
	if (f->in_async)
		trace(env, " async_cb");
	trace(env, "\n");
	if (!all) {
		env->scratched_regs = 0;
		env->scratched_slots = 0;
	}
}
