// SPDX-License-Identifier: BSD-2-Clause
/*
 * Map macros and methods: what of them the preprocessor cannot do.
 *
 *   table.increment(key)                   gets its default 1
 *   buffer.perf_submit(ctx, &data, size)   keeps data's type for whoever reads the buffer
 *   BPF_TABLE("hash", ...)                 loses its quotes; what names an inner map in a string names it as a word
 *   bpf_usdt_readarg(N, ctx, &v)           calls the function that libbcc's usdt.c wrote for argument N of this function
 */
#include "bcc/edit.h"

#include <string.h>

struct span edit_span(const struct pass *p, u32 first, u32 last)
{
	const struct token *a = &p->t.token[first], *b = &p->t.token[last];

	return (struct span){ a->start, b->start + b->len - a->start };
}

void edit_copy(struct pass *p, u32 offset)
{
	if (offset > p->copied)
		fwrite(p->t.text + p->copied, 1, offset - p->copied, p->out);
	p->copied = max(p->copied, offset);
}

void edit_put(struct pass *p, struct span s)
{
	fwrite(p->t.text + s.start, 1, s.len, p->out);
}

bool edit_later(struct pass *p, u32 token, const char *text)
{
	if (p->laters == LATER_MAX)
		return false;
	p->later[p->laters].token = token;
	p->later[p->laters++].text = text;
	return true;
}

void edit_due(struct pass *p, u32 i)
{
	while (p->laters && p->later[p->laters - 1].token == i) {
		edit_copy(p, p->t.token[i].start);
		fputs(p->later[--p->laters].text, p->out);
	}
}

u32 edit_argument(const struct pass *p, u32 first, u32 end)
{
	for (u32 i = first; i < end; i++) {
		if (token_is(&p->t, i, ","))
			return i;
		if (token_is(&p->t, i, "(") || token_is(&p->t, i, "[") || token_is(&p->t, i, "{"))
			i = token_match(&p->t, i);
	}
	return end;
}

/* .increment(key) and .atomic_increment(key) add 1 */
static void edit_increment(struct pass *p, u32 dot)
{
	u32 open = dot + 2, close;

	if (!token_is(&p->t, dot, ".") || !token_is(&p->t, open, "(") ||
	    !(token_is(&p->t, dot + 1, "increment") ||
	      token_is(&p->t, dot + 1, "atomic_increment")))
		return;
	close = token_match(&p->t, open);
	if (close < p->t.count && close > open + 1 && edit_argument(p, open + 1, close) == close)
		edit_later(p, close, ", 1");
}

/* BUFFER.perf_submit(ctx, DATA, size): DATA's type is kept for readers, SKEP_EVENT(BUFFER, DATA). */
static void edit_submit(struct pass *p, u32 dot)
{
	bool perf = token_is(&p->t, dot + 1, "perf_submit"),
	     ring = token_is(&p->t, dot + 1, "ringbuf_output") ||
		    token_is(&p->t, dot + 1, "ringbuf_submit");
	u32 open = dot + 2, first = open + 1, last, close;

	if (!token_is(&p->t, dot, ".") || !(perf || ring) || !token_is(&p->t, open, "(") || !dot ||
	    p->t.token[dot - 1].kind != TOKEN_WORD || p->t.token[dot].directive)
		return;
	close = token_match(&p->t, open);
	if (perf)
		first = edit_argument(p, first, close) + 1;
	last = edit_argument(p, first, close);
	if (close >= p->t.count || last >= close || first >= last || !edit_later(p, last, ")"))
		return;
	edit_copy(p, p->t.token[first].start);
	fputs("SKEP_EVENT(", p->out);
	edit_put(p, edit_span(p, dot - 1, dot - 1));
	fputs(", ", p->out);
}

/* ---- map macros ---- */

static bool is_word_of(const struct pass *p, u32 i, const char *const *words)
{
	for (; *words; words++)
		if (token_is(&p->t, i, *words))
			return true;
	return false;
}

static struct span inside_quotes(const struct token *string)
{
	return (struct span){ string->start + 1, string->len - 2 };
}

/* "hash" is hash; "hash_of_maps$INNER" is another macro, with both. */
static void edit_kind(struct pass *p, u32 i)
{
	static const char *const words[] = { "BPF_TABLE",
					     "BPF_F_TABLE",
					     "BPF_TABLE_PUBLIC",
					     "BPF_TABLE_SHARED",
					     "BPF_TABLE_PINNED",
					     "BPF_QUEUESTACK",
					     "BPF_QUEUESTACK_PINNED",
					     "BPF_QUEUESTACK_PUBLIC",
					     "BPF_QUEUESTACK_SHARED",
					     NULL };
	const struct token *string = &p->t.token[i + 2];
	struct span kind;
	const char *inner;

	if (!is_word_of(p, i, words) || !token_is(&p->t, i + 1, "(") || i + 2 >= p->t.count ||
	    string->kind != TOKEN_STRING || string->len < 3)
		return;
	kind = inside_quotes(string);
	inner = memchr(p->t.text + kind.start, '$', kind.len);
	edit_copy(p, inner ? p->t.token[i].start : string->start);
	if (inner)
		fprintf(p->out, "SKEP_MAPS_TABLE(SKEP_MAP_%.*s, %.*s",
			(int)(inner - p->t.text - kind.start), p->t.text + kind.start,
			(int)(p->t.text + kind.start + kind.len - inner - 1), inner + 1);
	else
		edit_put(p, kind);
	p->copied = string->start + string->len;
}

/* BPF_ARRAY_OF_MAPS(name, "INNER", size) is SKEP_ARRAY_OF(INNER, name, size). */
static void edit_maps(struct pass *p, u32 i)
{
	static const char *const words[] = { "BPF_ARRAY_OF_MAPS", "BPF_HASH_OF_MAPS", NULL };
	u32 close = token_is(&p->t, i + 1, "(") ? token_match(&p->t, i + 1) : 0, at;
	const struct token *string;

	if (close >= p->t.count || !is_word_of(p, i, words))
		return;
	for (at = i + 2; at < close && p->t.token[at].kind != TOKEN_STRING;)
		at++;
	string = &p->t.token[at];
	if (at == close || at < i + 4 || string->len < 3)
		return;
	edit_copy(p, p->t.token[i].start);
	fputs(token_is(&p->t, i, words[0]) ? "SKEP_ARRAY_OF(" : "SKEP_HASH_OF(", p->out);
	edit_put(p, inside_quotes(string));
	fputs(", ", p->out);
	p->copied = p->t.token[i + 2].start;
	edit_copy(p, p->t.token[at - 1].start); /* the comma before the string */
	p->copied = string->start + string->len;
}

/* ---- arguments of USDT probes ---- */

static bool has_reader(const struct pass *p, const char *reader)
{
	for (u32 i = 0; i < p->function; i++)
		if (token_is(&p->t, i, reader))
			return true;
	return false;
}

static void edit_readarg(struct pass *p, u32 i)
{
	bool pointed = token_is(&p->t, i, "bpf_usdt_readarg_p");
	char reader[256];
	struct span f, n;

	if (!(pointed || token_is(&p->t, i, "bpf_usdt_readarg")) || !token_is(&p->t, i + 1, "(") ||
	    !token_is(&p->t, i + 3, ",") || p->t.token[i].directive)
		return;
	f = edit_span(p, p->function, p->function);
	n = edit_span(p, i + 2, i + 2);
	snprintf(reader, sizeof(reader), "_bpf_readarg_%.*s_%.*s", (int)f.len, p->t.text + f.start,
		 (int)n.len, p->t.text + n.start);
	edit_copy(p, p->t.token[i].start);
	fprintf(p->out, "%s(%s", pointed ? "SKEP_READARG_P" : "SKEP_READARG",
		has_reader(p, reader) ? reader : "skep_no_usdt_argument");
	p->copied = p->t.token[i + 3].start;
}

void edit_methods(struct pass *p, u32 i)
{
	edit_due(p, i);
	edit_kind(p, i);
	edit_maps(p, i);
	edit_increment(p, i);
	edit_submit(p, i);
	edit_readarg(p, i);
}
