/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a rejection is in the source: the span of the rejected expression, the span where the register
 * at fault got its value, and what the developer calls that value. The words are words.c's.
 *
 * Line info gives a line and a column; how far the expression goes is read off the line: to the end of
 * the statement or of the parentheses it is in.
 */
#include "verify/explain.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "verify/reg.h"

enum { LINE_SHIFT = 10, COL_MASK = 0x3ff };

static const struct bpf_line_info *line_of(const struct verify_env *env, u32 insn)
{
	const struct bpf_line_info *found = NULL;

	if (!env->btf)
		return NULL;
	for (u32 i = 0; i < env->line_info_count && env->line_info[i].insn_off <= insn; i++)
		found = &env->line_info[i];
	return found && (found->line_col >> LINE_SHIFT) ? found : NULL;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_name_char(char c)
{
	return isalnum((u8)c) || c == '_';
}

/* Where the statement, or the parentheses, that text[at] is in end. */
static u32 statement_end(const char *text, u32 at)
{
	u32 end = at, depth = 0;

	for (; text[end]; end++) {
		char c = text[end];

		if (c == '(' || c == '[' || c == '{')
			depth++;
		else if ((c == ')' || c == ']' || c == '}') && !depth--)
			break;
		else if (c == ';' || (c == ',' && !depth) || (c == '/' && text[end + 1] == '*'))
			break;
	}
	while (end > at + 1 && isspace((u8)text[end - 1]))
		end--;
	return end;
}

/* The bracket that closes text[at]; the text's end if none does. */
static u32 closing(const char *text, u32 at)
{
	u32 depth = 0;

	for (; text[at]; at++) {
		if (strchr("([{", text[at]))
			depth++;
		else if (strchr(")]}", text[at]) && !--depth)
			return at + 1;
	}
	return at;
}

/* The bracket that opens what text[at - 1] closes. */
static u32 opening(const char *text, u32 at)
{
	u32 depth = 0;

	while (at--) {
		if (strchr(")]}", text[at]))
			depth++;
		else if (strchr("([{", text[at]) && !--depth)
			return at;
	}
	return 0;
}

/* To the left over what a member, an index or a postfix operator belongs to: a->b[i].c */
static u32 operand_start(const char *text, u32 at)
{
	for (;;) {
		u32 from = at;

		while (at && is_name_char(text[at - 1]))
			at--;
		if (at && at == from && strchr(")]", text[at - 1])) {
			at = opening(text, at);
			continue;
		}
		if (at > 1 && text[at - 1] == '>' && text[at - 2] == '-')
			at -= 2;
		else if (at > 1 && text[at - 1] == '.' &&
			 (is_name_char(text[at - 2]) || strchr(")]", text[at - 2])))
			at--;
		else
			return at;
	}
}

/* A unary * or & directly before an operand belongs to it; a binary one has a blank after it. */
static u32 with_unary(const char *text, u32 at)
{
	while (at && (text[at - 1] == '*' || text[at - 1] == '&') &&
	       (at == 1 || strchr("\t(,;!{*&", text[at - 2]) ||
		(at > 2 && text[at - 2] == ' ' && text[at - 3] == '=')))
		at--;
	return at;
}

/* To the right over name, members, indices, arguments, ++ and --. */
static u32 operand_end(const char *text, u32 at)
{
	for (;;) {
		if (is_name_char(text[at]) || text[at] == '.')
			at++;
		else if (text[at] == '-' && text[at + 1] == '>')
			at += 2;
		else if (text[at] == '(' || text[at] == '[')
			at = closing(text, at);
		else if ((text[at] == '+' || text[at] == '-') && text[at + 1] == text[at])
			return at + 2;
		else
			return at;
	}
}

static bool is_word(const char *text, const char *word)
{
	return !strncmp(text, word, strlen(word)) && !is_name_char(text[strlen(word)]);
}

/*
 * The expression at a column as clang gives it: of a member access the member, of a postfix operator or
 * an assignment the operator, of a call the function's name.
 */
static void find_expression(const char *text, u32 at, u32 *start, u32 *end)
{
	u32 left = at;

	if (is_word(text + at, "return") || is_word(text + at, "if") || is_word(text + at, "for") ||
	    is_word(text + at, "while")) {
		*start = at;
		*end = text[at] == 'r' ? statement_end(text, at)
				       : operand_end(text, at + (u32)strcspn(text + at, "("));
		return;
	}
	if (is_name_char(text[at]) || text[at] == '(') {
		*start = text[at] == '(' ? at : with_unary(text, operand_start(text, at));
		*end = operand_end(text, at);
	} else if (text[at] == '*' || text[at] == '&') {
		while (text[at + 1] == '*' || text[at + 1] == '&')
			at++;
		*start = left;
		*end = operand_end(text, at + 1);
	} else {
		bool postfix = (text[at] == '+' || text[at] == '-') && text[at + 1] == text[at];

		while (left && isspace((u8)text[left - 1]))
			left--;
		*start = with_unary(text, operand_start(text, left));
		*end = postfix ? at + 2 : statement_end(text, at);
	}
	if (*end <= *start)
		*end = statement_end(text, *start);
}

/* Adds the span of an instruction's line; NULL where the program has no line info for it. */
static struct explain_span *add_span(struct explanation *e, const struct verify_env *env, u32 insn)
{
	const struct bpf_line_info *info = line_of(env, insn);
	struct explain_span *s;
	u32 len, at, start, end;

	if (!info || e->nr_spans == ARRAY_SIZE(e->spans))
		return NULL;
	s = &e->spans[e->nr_spans++];
	s->file = base_name(btf_string(env->btf, info->file_name_off));
	s->text = btf_string(env->btf, info->line_off);
	s->line = info->line_col >> LINE_SHIFT;
	len = (u32)strlen(s->text);
	at = info->line_col & COL_MASK;
	at = at ? at - 1 : (u32)strspn(s->text, " \t");
	if (at >= len)
		at = (u32)strspn(s->text, " \t");
	find_expression(s->text, at, &start, &end);
	s->col = start + 1;
	s->len = end > start ? end - start : 1;
	return s;
}

/* The identifier that ends before text[end], spaces skipped; its length, *at its start. */
static u32 word_before(const char *text, u32 end, u32 *at)
{
	u32 start;

	while (end && isspace((u8)text[end - 1]))
		end--;
	for (start = end; start && is_name_char(text[start - 1]); start--)
		;
	*at = start;
	return end - start;
}

static const char *next_assignment(const char *from, const char *text)
{
	const char *eq = strchr(from, '=');

	while (eq && (eq[1] == '=' || (eq > text && strchr("=!<>+-*/|&^%", eq[-1]))))
		eq = strchr(eq + 1 + (eq[1] == '='), '=');
	return eq;
}

/* "int k = 0; struct event *event = bpf_map_lookup_elem(…" → event: what the span's expression is assigned to. */
static bool assigned_name(const struct explain_span *s, char *name, size_t size)
{
	const char *text = s->text, *eq = next_assignment(text, text), *next = eq;
	u32 at, len;

	while (next && next < text + s->col - 1) {
		eq = next;
		next = next_assignment(next + 1, text);
	}
	if (!eq)
		return false;
	len = word_before(text, (u32)(eq - text), &at);
	if (!len || len >= size)
		return false;
	snprintf(name, size, "%.*s", (int)len, text + at);
	return true;
}

/* "event->count++" or "*event = 1": what is followed in the rejected expression. */
static bool followed_name(const struct explain_span *s, char *name, size_t size)
{
	const char *from = s->text + s->col - 1, *arrow = strstr(from, "->"), *end = from + s->len;
	u32 at, len;

	if (arrow && arrow < end) {
		len = word_before(s->text, (u32)(arrow - s->text), &at);
	} else {
		const char *star = memchr(from, '*', s->len);

		if (!star)
			return false;
		at = (u32)(star - s->text) + 1;
		for (len = 0; is_name_char(s->text[at + len]); len++)
			;
	}
	if (!len || len >= size || isdigit((u8)s->text[at]))
		return false;
	snprintf(name, size, "%.*s", (int)len, s->text + at);
	return true;
}

/* A plain identifier between text[from] and text[to], blanks around it skipped. */
static bool identifier_in(const char *text, u32 from, u32 to, char *name, size_t size)
{
	u32 len = 0;

	while (from < to && isspace((u8)text[from]))
		from++;
	while (to > from && isspace((u8)text[to - 1]))
		to--;
	while (from + len < to && is_name_char(text[from + len]))
		len++;
	if (!len || from + len != to || len >= size || isdigit((u8)text[from]))
		return false;
	snprintf(name, size, "%.*s", (int)len, text + from);
	return true;
}

/* "c->by_kind[kind]++" → kind: the last index in the rejected expression. */
static bool index_name(const struct explain_span *s, char *name, size_t size)
{
	u32 from = s->col - 1, end = from + s->len, at = end;

	while (at > from && s->text[at - 1] != '[')
		at--;
	return at > from && identifier_in(s->text, at, closing(s->text, at - 1) - 1, name, size);
}

/* "f(buf, n)" → n for r2: what the call in the rejected expression passes as this argument. */
static bool argument_name(const struct explain_span *s, u32 regno, char *name, size_t size)
{
	u32 at = s->col - 1, end = at + s->len, start, depth = 0;

	while (at < end && s->text[at] != '(')
		at++;
	for (start = ++at; at < end; at++) {
		char c = s->text[at];

		if (!depth && (c == ',' || c == ')')) {
			if (!--regno)
				return identifier_in(s->text, start, at, name, size);
			start = at + 1;
		}
		depth += c == '(' || c == '[';
		depth -= depth && (c == ')' || c == ']');
	}
	return false;
}

/* What the source calls the value at fault; "" if it cannot be told. */
static void find_name(const struct verify_reason *r, const struct verify_env *env,
		      const struct explain_span *here, const struct explain_span *from, char *name,
		      size_t size)
{
	const struct bpf_insn *i = &env->insns[r->insn];
	bool call = i->code == (BPF_JMP | BPF_CALL), bounds = r->kind == REASON_UNBOUNDED ||
							      r->kind == REASON_MEM_RANGE ||
							      r->kind == REASON_NEGATIVE;

	name[0] = 0;
	if (call && r->regno >= 1 && r->regno <= 5 &&
	    argument_name(here, (u32)r->regno, name, size))
		return;
	if (bounds) {
		if (!call)
			index_name(here, name, size);
		return;
	}
	if (call || (from && r->origin.kind == ORIGIN_CALL && assigned_name(from, name, size)))
		return;
	followed_name(here, name, size);
}

static const char *call_label(const char *helper)
{
	if (strstr(helper, "map_lookup"))
		return "this lookup returns NULL when the key is absent";
	if (strstr(helper, "ringbuf_reserve"))
		return "this returns NULL when the ring buffer is full";
	if (strstr(helper, "_lookup_") || strstr(helper, "skc_to") || strstr(helper, "fullsock"))
		return "this returns NULL when there is no such socket";
	if (strstr(helper, "storage_get"))
		return "this returns NULL when there is nothing stored";
	return "this may return NULL";
}

static void origin_label(const struct verify_reason *r, char *label, size_t size)
{
	const struct verify_origin *o = &r->origin;

	switch (o->kind) {
	case ORIGIN_CALL:
		if (r->reg_type & PTR_MAYBE_NULL)
			snprintf(label, size, "%s", call_label(o->what));
		else
			snprintf(label, size, "the value comes from %s()", o->what);
		break;
	case ORIGIN_CLOBBER: snprintf(label, size, "this call overwrites r1 to r5"); break;
	case ORIGIN_LOAD: snprintf(label, size, "the value is loaded here"); break;
	case ORIGIN_CONST: snprintf(label, size, "the value is a constant from here"); break;
	case ORIGIN_BRANCH:
	case ORIGIN_MERGE:
		snprintf(label, size, "what is known of it was last decided here");
		break;
	case ORIGIN_ALU: snprintf(label, size, "the value is computed here"); break;
	default: snprintf(label, size, "the value comes from here");
	}
}

static void write_note(struct explanation *e)
{
	const struct verify_reason *r = e->reason;
	const char *errno_name = strerrorname_np(-r->err);
	int n = 0;

	if (r->insn != ~0u)
		n = snprintf(e->note, sizeof(e->note), "insn %u: %s: ", r->insn, r->insn_text);
	snprintf(e->note + n, sizeof(e->note) - (size_t)n, "%s (%s), after %u instruction%s",
		 r->message, errno_name ? errno_name : "error", r->processed,
		 r->processed == 1 ? "" : "s");
}

void verify_explain(struct explanation *out, const struct verify_reason *reason,
		    const struct verify_env *env, const char *program)
{
	struct explain_span *here = NULL, *from = NULL;
	char name[64] = "";

	memset(out, 0, sizeof(*out));
	out->reason = reason;
	out->program = program;
	if (reason->insn != ~0u)
		here = add_span(out, env, reason->insn);
	if (here)
		here->primary = true;
	if (here && reason->regno >= 0 && reason->origin.kind != ORIGIN_NONE &&
	    reason->origin.kind != ORIGIN_ENTRY && reason->origin.insn != reason->insn)
		from = add_span(out, env, reason->origin.insn);
	if (from && from->line == here->line && from->col == here->col &&
	    from->file == here->file) {
		out->nr_spans--; /* the same place says nothing more */
		from = NULL;
	}
	if (from)
		origin_label(reason, from->label, sizeof(from->label));
	if (here)
		find_name(reason, env, here, from, name, sizeof(name));
	explain_words(out, env, name);
	write_note(out);
}
