/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words for each kind of rejection: a title that says what is wrong with this program, a label for
 * the rejected expression, advice that fits the case. One function a kind, all listed in kinds[].
 */
#include <stdio.h>
#include <string.h>

#include "def/ctx.h"
#include "def/helper.h"
#include "def/prog.h"
#include "verify/explain.h"
#include "verify/reg.h"

struct words {
	struct explanation *e;
	const struct verify_reason *r;
	const struct verify_env *env;
	const char *name; /* what the source calls the value at fault, "" unknown */
	char quoted[80];
};

static void title(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void label(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void help(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void title(struct words *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->e->title, sizeof(w->e->title), fmt, ap);
	va_end(ap);
}

static void label(struct words *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->e->nr_spans)
		return;
	va_start(ap, fmt);
	vsnprintf(w->e->spans[0].label, sizeof(w->e->spans[0].label), fmt, ap);
	va_end(ap);
}

static void help(struct words *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->e->help, sizeof(w->e->help), fmt, ap);
	va_end(ap);
}

/* "`event`", or what the register is if the source has no name for it. */
static const char *thing(struct words *w, const char *otherwise)
{
	if (!w->name[0])
		return otherwise;
	snprintf(w->quoted, sizeof(w->quoted), "`%s`", w->name);
	return w->quoted;
}

static bool says(const struct words *w, const char *text)
{
	return strstr(w->r->message, text) != NULL;
}

/* "map_value_or_null" of "map_value_or_null(id=1,map=…)" */
static int kind_length(const char *reg_text)
{
	return (int)strcspn(reg_text, "(");
}

/* A helper the rejected instruction calls, or NULL. */
static const char *called(const struct words *w)
{
	const struct bpf_insn *i =
		w->r->insn < w->env->insn_count ? &w->env->insns[w->r->insn] : NULL;

	if (!i || i->code != (BPF_JMP | BPF_CALL) || i->src_reg)
		return NULL;
	return helper_name((u32)i->imm);
}

static void null_deref(struct words *w)
{
	const struct verify_reason *r = w->r;

	title(w, "%s may be NULL here", thing(w, "this pointer"));
	label(w, "r%d is %.*s%s%s%s", r->regno, kind_length(r->reg_text), r->reg_text,
	      r->map_name[0] ? "(" : "", r->map_name, r->map_name[0] ? ")" : "");
	help(w, "test it first: if (!%s) return 0;", w->name[0] ? w->name : "pointer");
}

/* "data[len]" in the rejected expression → "data + len"; false: it is no such thing. */
static bool indexed(const struct words *w, char *sum, size_t size)
{
	const struct explain_span *s = &w->e->spans[0];
	char array[32], index[32];
	int end = 0;

	if (!w->e->nr_spans || sscanf(s->text + s->col - 1, "%31[A-Za-z0-9_][%31[A-Za-z0-9_]%n",
				      array, index, &end) < 2)
		return false;
	if (!end || s->text[s->col - 1 + (u32)end] != ']')
		return false;
	snprintf(sum, size, "%s + %s", array, index);
	return true;
}

static void packet_range(struct words *w)
{
	const struct verify_reason *r = w->r;
	char sum[80];

	title(w, "this may read beyond the end of the packet");
	if (r->size && r->limit > 0)
		label(w, "needs %lld bytes of the packet, the check covers %lld",
		      (long long)(r->off + r->size), (long long)r->limit);
	else if (r->size)
		label(w, "%lld byte%s, but no check against data_end covers this pointer",
		      (long long)r->size, r->size == 1 ? "" : "s");
	else
		label(w, "no check against data_end covers this access");
	if (indexed(w, sum, sizeof(sum)))
		help(w,
		     "compare the very sum with data_end before the access: if ((void *)(%s + 1) > data_end) return …;",
		     sum);
	else if (r->umax > 0xffff)
		help(w,
		     "bound the offset first (if (off > 1500) return …;), then compare the resulting pointer with data_end");
	else
		help(w,
		     "compare this same pointer with data_end before the access: if ((void *)(%s + 1) > data_end) return …;",
		     w->name[0] ? w->name : "p");
}

static void scalar_deref(struct words *w)
{
	const struct verify_reason *r = w->r;

	title(w, "%s is a number to the verifier, not a pointer it can follow",
	      thing(w, "this value"));
	label(w, "r%d is %.*s", r->regno, kind_length(r->reg_text), r->reg_text);
	if (r->origin.kind == ORIGIN_LOAD || r->origin.kind == ORIGIN_CALL)
		help(w,
		     "a pointer into the kernel is read with bpf_probe_read_kernel() or BPF_CORE_READ(), one into a process with bpf_probe_read_user()");
	else if (r->origin.kind == ORIGIN_BRANCH || r->origin.kind == ORIGIN_MERGE)
		help(w, "the pointer was lost where paths meet: do the access inside each branch");
	else
		help(w,
		     "keep the pointer a pointer: no |, &, << or casts to smaller integers on the way; addresses of the kernel are read with bpf_probe_read_kernel()");
}

static const char *region(const struct verify_reason *r)
{
	switch (type_base(r->reg_type)) {
	case PTR_TO_MAP_VALUE: return "the map value";
	case PTR_TO_MAP_KEY: return "the map key";
	case PTR_TO_STACK: return "the stack";
	case PTR_TO_PACKET: return "the packet";
	default: return "this memory";
	}
}

/* Offsets count down from the top of the frame: what lies at or above it is not this function's. */
static void stack_range(struct words *w)
{
	const struct verify_reason *r = w->r;
	bool variable = r->umin != r->umax || r->smin != r->smax;
	s64 end = r->off + r->size + (variable && r->smax < INT32_MAX ? r->smax - r->smin : 0);

	if (called(w))
		title(w, "%s() is handed a variable that is too small", called(w));
	else
		title(w, "this access may be outside of the stack");
	if (variable && r->smax >= INT32_MAX)
		label(w, "%lld byte%s at an offset that has no upper bound", (long long)r->size,
		      r->size == 1 ? "" : "s");
	else if (end > 0)
		label(w, "%lld byte%s from here %s %lld byte%s above the function's stack",
		      (long long)r->size, r->size == 1 ? "" : "s",
		      variable	     ? "may reach"
		      : r->size == 1 ? "reaches"
				     : "reach",
		      (long long)end, end == 1 ? "" : "s");
	else
		label(w, "the stack has 512 bytes, this is at %lld below its top",
		      (long long)-r->off);
	if (variable)
		help(w,
		     "bound the index right before: if (i >= N) return 0; or mask it: i &= N - 1 (N a power of two)");
	else if (called(w))
		help(w,
		     "it wants %lld bytes: compare the map's key and value types with the variable's",
		     (long long)r->size);
	else
		help(w, "compare the size of the access with the variable's");
}

static void mem_range(struct words *w)
{
	const struct verify_reason *r = w->r;
	bool variable = r->umin != r->umax || r->smin != r->smax;

	if (type_base(r->reg_type) == PTR_TO_STACK && r->size) {
		stack_range(w);
		return;
	}
	title(w, "this access may be outside of %s%s%s", region(r), r->map_name[0] ? " of " : "",
	      r->map_name);
	if (!r->size)
		label(w, "r%d is %s", r->regno, r->reg_text);
	else if (variable && r->umax > UINT32_MAX)
		label(w, "%lld bytes at an offset that has no upper bound; there are %lld",
		      (long long)r->size, (long long)r->limit);
	else if (variable)
		label(w, "%lld bytes at an offset of %llu to %llu; there are %lld",
		      (long long)r->size, (unsigned long long)r->umin, (unsigned long long)r->umax,
		      (long long)r->limit);
	else
		label(w, "bytes %lld to %lld; there are %lld", (long long)r->off,
		      (long long)(r->off + r->size - 1), (long long)r->limit);
	if (variable)
		help(w,
		     "bound the index right before: if (i >= N) return 0; or mask it: i &= N - 1 (N a power of two)");
	else
		help(w,
		     "the offset is a constant: check the size of the map's value and the type of the pointer");
}

static void uninit(struct words *w)
{
	const struct verify_reason *r = w->r;
	const struct bpf_insn *i = r->insn < w->env->insn_count ? &w->env->insns[r->insn] : NULL;

	if (r->regno == 0 && i && i->code == (BPF_JMP | BPF_EXIT)) {
		title(w, "this path returns no value");
		label(w, "r0 was never set on the way here");
		help(w, "return a value on every path");
		return;
	}
	title(w, "%s is used before it has a value", thing(w, "a register"));
	label(w, "r%d has no value here", r->regno);
	if (r->origin.kind == ORIGIN_CLOBBER)
		help(w,
		     "a call leaves nothing in r1 to r5: keep what is needed in r6 to r9 or in a variable");
	else if (called(w))
		help(w, "%s() takes more arguments than it is given: r%d is one of them", called(w),
		     r->regno);
	else
		help(w,
		     "initialise the variable where it is declared; the program's own arguments are r1 alone");
}

static const char *arg_words(u32 type)
{
	switch (type_base(type)) {
	case ARG_CONST_MAP_PTR: return "a map";
	case ARG_PTR_TO_MAP_KEY: return "a pointer to a key";
	case ARG_PTR_TO_MAP_VALUE: return "a pointer to a value";
	case ARG_PTR_TO_MEM: return "a pointer to memory the program may use";
	case ARG_PTR_TO_CTX: return "the program's context";
	case ARG_PTR_TO_SPIN_LOCK: return "a bpf_spin_lock inside a map value";
	case ARG_PTR_TO_TIMER: return "a bpf_timer inside a map value";
	case ARG_PTR_TO_SOCKET:
	case ARG_PTR_TO_SOCK_COMMON:
	case ARG_PTR_TO_BTF_ID_SOCK_COMMON: return "a socket";
	case ARG_PTR_TO_RINGBUF_MEM: return "what bpf_ringbuf_reserve() returned";
	case ARG_PTR_TO_FUNC: return "a function of this program";
	case ARG_PTR_TO_STACK: return "a pointer to the stack";
	case ARG_PTR_TO_CONST_STR: return "a string in a read-only map";
	case ARG_PTR_TO_BTF_ID: return "a trusted kernel pointer";
	case ARG_PTR_TO_DYNPTR: return "a dynptr on the stack";
	default: return "something else";
	}
}

static void arg_type(struct words *w)
{
	const struct verify_reason *r = w->r;
	const char *fn = called(w);
	const struct helper_proto *p =
		fn ? helper_proto((u32)w->env->insns[r->insn].imm, w->env->prog_type,
				  w->env->expected_attach_type)
		   : NULL;

	if (p && r->regno >= 1 && r->regno <= 5) {
		title(w, "%s() wants %s as argument %d", p->name,
		      arg_words(p->args[r->regno - 1].type), r->regno);
		label(w, "r%d is %.*s", r->regno, kind_length(r->reg_text), r->reg_text);
		if (!strncmp(r->reg_text, "scalar", 6))
			help(w,
			     "a number is given: pass the address of a variable, or check that the value is not lost on the way");
		return;
	}
	title(w, "the call gets another kind of value than it wants");
	label(w, "%s", r->reg_text);
}

static void misaligned(struct words *w)
{
	title(w, "this access is not aligned to its size");
	label(w, "misaligned");
	help(w,
	     "a packed struct is copied in larger pieces than its alignment allows: give the variable __attribute__((aligned(8)))");
}

static void pointer_alu(struct words *w)
{
	title(w, "this arithmetic is not allowed on a pointer");
	label(w, "r%d is %.*s", w->r->regno, kind_length(w->r->reg_text), w->r->reg_text);
	help(w,
	     "only + and - of a number are; clang may have made |, << or a comparison of it: do the sum on a number first and add it to the pointer once");
}

static void stack_read(struct words *w)
{
	const char *fn = called(w);

	title(w, "bytes that were never written are read from the stack");
	label(w, fn ? "%s() would read them" : "read here", fn ? fn : "");
	help(w,
	     "padding counts: clear the whole variable before its fields are set: __builtin_memset(&v, 0, sizeof(v));");
}

static void ctx_access_words(struct words *w)
{
	const struct prog_info *p = prog_info(w->env->prog_type);
	const struct verify_reason *r = w->r;
	struct ctx_access a;
	u32 off = (u32)max(r->off, (s64)0) & ~3u;

	title(w, "%s programs may not access their context like this", p ? p->name : "these");
	if (r->size)
		label(w, "%lld bytes at offset %lld of %s%s", (long long)r->size, (long long)r->off,
		      p && p->ctx ? "struct " : "", p && p->ctx ? p->ctx : "the context");
	if (r->size &&
	    ctx_access(w->env->prog_type, w->env->expected_attach_type, (s32)off, 4, false, &a) &&
	    a.field)
		help(w, "%s is there to be read whole (%u bytes at offset %u), not otherwise",
		     a.field, a.field_size, a.field_off);
	else if (p && p->ctx)
		help(w,
		     "is `struct %s` the argument this program declares? Some of its fields are for other program types",
		     p->ctx);
	else
		help(w, "check the type of the program's argument");
}

static bool is_pointer(const struct verify_reason *r)
{
	return type_base(r->reg_type) != SCALAR_VALUE;
}

/* A pointer's variable part: the index is at fault, not the pointer. */
static void bad_index(struct words *w, const char *what)
{
	const struct verify_reason *r = w->r;

	title(w, "%s %s: it may reach outside of %s%s%s", thing(w, "the index"), what, region(r),
	      r->map_name[0] ? " of " : "", r->map_name);
	if (r->smin < 0)
		label(w, "r%d is %s plus %lld or more", r->regno, region(r), (long long)r->smin);
	else
		label(w, "r%d is %s plus up to %llu bytes", r->regno, region(r),
		      (unsigned long long)r->umax);
	help(w,
	     "bound it right before: if (%s >= N) return 0; or mask it: %s & (N - 1), N a power of two",
	     w->name[0] ? w->name : "i", w->name[0] ? w->name : "i");
}

static void unlimited(struct words *w)
{
	title(w, "%s may be any number", thing(w, "this value"));
	label(w, "r%d has no bounds", w->r->regno);
	help(w, "bound it right before the call, with an unsigned type: if (%s > MAX) return 0;",
	     w->name[0] ? w->name : "n");
}

static void negative(struct words *w)
{
	const struct verify_reason *r = w->r;

	if (is_pointer(r)) {
		bad_index(w, "may be negative");
	} else if (r->smin == INT64_MIN && r->smax == INT64_MAX) {
		unlimited(w);
	} else {
		title(w, "%s may be negative", thing(w, "this value"));
		if (r->smin == INT64_MIN)
			label(w, "r%d has no lower bound", r->regno);
		else
			label(w, "r%d is at least %lld", r->regno, (long long)r->smin);
		help(w, "make it unsigned, or test it: if (%s < 0) return 0;",
		     w->name[0] ? w->name : "n");
	}
}

static void zero_size(struct words *w)
{
	title(w, "%s may be 0, which this call does not take", thing(w, "the size"));
	label(w, "r%d may be 0", w->r->regno);
	help(w, "test it: if (!%s) return 0;", w->name[0] ? w->name : "n");
}

static void unbounded(struct words *w)
{
	const struct verify_reason *r = w->r;

	if (is_pointer(r)) {
		bad_index(w, "has no useful upper bound");
		return;
	}
	title(w, "%s has no useful upper bound", thing(w, "this size"));
	label(w, "r%d may be as large as %llu", r->regno, (unsigned long long)r->umax);
	help(w,
	     "bound it right before: if (%s > MAX) return 0; and keep clang from reading it again (barrier_var)",
	     w->name[0] ? w->name : "n");
}

static void helper_words(struct words *w)
{
	const struct prog_info *p = prog_info(w->env->prog_type);
	const char *fn = called(w);

	label(w, "called here");
	if (says(w, "GPL")) {
		title(w, "%s() is for programs with a GPL-compatible licence",
		      fn ? fn : "this helper");
		help(w, "say so in the program: char _license[] SEC(\"license\") = \"GPL\";");
	} else if (says(w, "sleep")) {
		title(w, "%s() may sleep, this program may not", fn ? fn : "this helper");
		help(w,
		     "use a sleepable section (\".s\", as in \"lsm.s/…\") or a helper that does not sleep");
	} else if (fn) {
		title(w, "%s() cannot be used in %s programs", fn, p ? p->name : "these");
	} else {
		title(w, "there is no helper with this number");
		help(w,
		     "the program was built for a newer kernel than 6.18, or a function was called that does not exist");
	}
}

static void call_args(struct words *w)
{
	title(w, "a global function is called with an argument it does not expect");
	if (w->r->regno > 0)
		label(w, "argument %d is %.*s", w->r->regno, kind_length(w->r->reg_text),
		      w->r->reg_text);
	else
		label(w, "called here");
	help(w,
	     "global functions are verified on their own: make it static, or tag the argument (__arg_nonnull, __arg_ctx)");
}

static void offset(struct words *w)
{
	title(w, "this makes a pointer that may be far out of bounds");
	label(w, "r%d is %s", w->r->regno, w->r->reg_text);
	help(w,
	     "bound the number before it is added to the pointer; a signed 32-bit number may be negative: make it unsigned");
}

static void complexity(struct words *w)
{
	title(w, "the program has too many paths to be verified");
	label(w, "verification stopped here, after %u instructions", w->r->processed);
	help(w,
	     "let loops run fewer times, or use bpf_loop(); move code into global functions, which are verified once; take branches out of loops");
}

static void stack_depth(struct words *w)
{
	title(w,
	      says(w, "combined")
		      ? "the functions of this call chain use more than 512 bytes of stack together"
		      : "calls are nested too deep");
	label(w, "here");
	help(w,
	     "put large variables into a per-CPU array map, or call fewer functions inside each other");
}

static void loop(struct words *w)
{
	title(w, "this loop may never end");
	label(w, "comes round again with nothing changed that decides when it ends");
	help(w,
	     "give it a bound the verifier sees (for (i = 0; i < 100; i++) with the test on i), or use bpf_loop()");
}

static void core_poison(struct words *w)
{
	title(w, "a CO-RE relocation did not resolve: the kernel's BTF has no such type or field");
	label(w, "needs it");
	help(w, "guard it: if (bpf_core_field_exists(…)) or bpf_core_type_exists(…)");
}

static void reference(struct words *w)
{
	bool leak = says(w, "leak") || says(w, "Unreleased");

	title(w, leak ? "something that was acquired is not released on this path"
		      : "this releases what the program does not hold");
	label(w, leak ? "the program ends here" : "released here");
	help(w,
	     leak ? "release it on every path: bpf_ringbuf_submit() or _discard() for a reserved record, bpf_sk_release() for a socket"
		  : "it was released before, or was never acquired");
}

static void lock(struct words *w)
{
	title(w, "a lock is not handled as it must be");
	label(w, "here");
	help(w,
	     "between bpf_spin_lock() and bpf_spin_unlock() nothing may be called, and every path must unlock");
}

static void return_value(struct words *w)
{
	s32 low, high;

	title(w, "the program returns a value its type does not allow");
	label(w, "r0 is %s", w->r->reg_text);
	if (prog_return_range(w->env->prog_type, w->env->expected_attach_type, &low, &high))
		help(w, low == high ? "return %d" : "return %d to %d", low, high);
}

static void as_the_kernel(struct words *w)
{
	title(w, "%s", w->r->message[0] ? w->r->message : "the program was rejected");
	if (w->r->regno >= 0)
		label(w, "r%d is %s", w->r->regno, w->r->reg_text);
	else
		label(w, "here");
}

static void unsupported(struct words *w)
{
	as_the_kernel(w);
	help(w, "this is a limit of skep, not of the program: Linux may accept it");
}

static const struct {
	const char *name;
	void (*say)(struct words *w);
} kinds[] = {
	[REASON_OTHER] = { "other", as_the_kernel },
	[REASON_PACKET_RANGE] = { "packet_range", packet_range },
	[REASON_SCALAR_DEREF] = { "scalar_deref", scalar_deref },
	[REASON_MEM_RANGE] = { "mem_range", mem_range },
	[REASON_UNINIT] = { "uninit", uninit },
	[REASON_ARG_TYPE] = { "arg_type", arg_type },
	[REASON_MISALIGNED] = { "misaligned", misaligned },
	[REASON_POINTER_ALU] = { "pointer_alu", pointer_alu },
	[REASON_NULL_DEREF] = { "null_deref", null_deref },
	[REASON_STACK_READ] = { "stack_read", stack_read },
	[REASON_CTX_ACCESS] = { "ctx_access", ctx_access_words },
	[REASON_NEGATIVE] = { "negative", negative },
	[REASON_ZERO_SIZE] = { "zero_size", zero_size },
	[REASON_UNBOUNDED] = { "unbounded", unbounded },
	[REASON_HELPER] = { "helper", helper_words },
	[REASON_CALL_ARGS] = { "call_args", call_args },
	[REASON_OFFSET] = { "offset", offset },
	[REASON_COMPLEXITY] = { "complexity", complexity },
	[REASON_STACK_DEPTH] = { "stack_depth", stack_depth },
	[REASON_LOOP] = { "loop", loop },
	[REASON_CORE_POISON] = { "core_poison", core_poison },
	[REASON_REFERENCE] = { "reference", reference },
	[REASON_LOCK] = { "lock", lock },
	[REASON_RETURN] = { "return", return_value },
	[REASON_STRUCTURE] = { "structure", as_the_kernel },
	[REASON_UNSUPPORTED] = { "unsupported", unsupported },
};

const char *explain_kind(enum reason_kind kind)
{
	return (size_t)kind < ARRAY_SIZE(kinds) ? kinds[kind].name : "other";
}

/* Some are told by the kernel's words: their notes do not say a kind of their own. */
static enum reason_kind kind_of(const struct verify_reason *r)
{
	if ((r->kind == REASON_OTHER || r->kind == REASON_MEM_RANGE) && !r->size &&
	    (strstr(r->message, "invalid indirect read from stack") ||
	     strstr(r->message, "invalid read from stack")))
		return REASON_STACK_READ;
	if (!strncmp(r->message, "Caller passes invalid args", 26))
		return REASON_CALL_ARGS;
	return (size_t)r->kind < ARRAY_SIZE(kinds) ? r->kind : REASON_OTHER;
}

void explain_words(struct explanation *e, const struct verify_env *env, const char *name)
{
	struct words w = { .e = e, .r = e->reason, .env = env, .name = name };

	e->kind = kind_of(e->reason);
	kinds[e->kind].say(&w);
}
