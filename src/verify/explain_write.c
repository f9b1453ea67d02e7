/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Laying out an explanation: as text with source excerpts, as JSON. Tabs of the source are kept in
 * excerpts and in the blanks under them, so underlines fit whatever a terminal makes of a tab.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "verify/explain.h"

static u32 digits(u32 n)
{
	u32 d = 1;

	for (; n >= 10; n /= 10)
		d++;
	return d;
}

struct page {
	struct log *log;
	const char *red, *blue, *bold, *plain; /* "" without colour */
	u32 width;			       /* of line numbers */
};

enum { SHOWN = 400 }; /* bytes of a source line; what is longer is cut */

/* Source text comes from a file that anybody may have made: no control characters reach the terminal. */
static void write_clean(struct log *log, const char *text, size_t len)
{
	char clean[SHOWN];
	size_t n = min(len, sizeof(clean));

	for (size_t i = 0; i < n; i++)
		clean[i] =
			((u8)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f ? '?' : text[i];
	say(log, "%.*s", (int)n, clean);
}

static void write_place(const struct page *p, const char *arrow, const struct explain_span *s)
{
	say(p->log, "%s%*s%s%s ", p->blue, (int)p->width, "", arrow, p->plain);
	write_clean(p->log, s->file, strlen(s->file));
	say(p->log, ":%u:%u\n", s->line, s->col);
}

static void write_underline(const struct page *p, const struct explain_span *s)
{
	const char *ink = s->primary ? p->red : p->blue;
	char mark = s->primary ? '^' : '-';

	say(p->log, "%s %*s |%s ", p->blue, (int)p->width, "", p->plain);
	if (s->col > SHOWN) {
		say(p->log, "%s... %s%s\n", ink, s->label, p->plain);
		return;
	}
	for (u32 i = 0; i + 1 < s->col; i++)
		say(p->log, s->text[i] == '\t' ? "\t" : " ");
	say(p->log, "%s", ink);
	for (u32 i = 0; i < min(s->len, SHOWN - s->col + 1); i++)
		say(p->log, "%c", mark);
	say(p->log, " %s%s\n", s->label, p->plain);
}

static void write_line(const struct page *p, const struct explain_span *s)
{
	size_t len = strlen(s->text);

	while (len && (s->text[len - 1] == ' ' || s->text[len - 1] == '\t'))
		len--;
	say(p->log, "%s %*u |%s ", p->blue, (int)p->width, s->line, p->plain);
	write_clean(p->log, s->text, len);
	say(p->log, len > SHOWN ? "...\n" : "\n");
}

/* Spans of the primary's file in the order of lines, then those of other files, each with its place. */
static void write_spans(const struct page *p, const struct explanation *e)
{
	const struct explain_span *order[ARRAY_SIZE(e->spans)], *primary = &e->spans[0];
	u32 n = e->nr_spans;

	for (u32 i = 0; i < n; i++) {
		u32 at = i;

		for (; at && strcmp(order[at - 1]->file, e->spans[i].file) == 0 &&
		       order[at - 1]->line > e->spans[i].line;
		     at--)
			order[at] = order[at - 1];
		order[at] = &e->spans[i];
	}
	write_place(p, "-->", primary);
	for (u32 i = 0; i < n; i++) {
		bool other = i && strcmp(order[i]->file, order[i - 1]->file) != 0;

		if (other)
			write_place(p, ":::", order[i]);
		if (!i || other || order[i]->line != order[i - 1]->line)
			write_line(p, order[i]);
		write_underline(p, order[i]);
	}
}

void explain_text(const struct explanation *e, bool color, struct log *log)
{
	struct page p = { log, "", "", "", "", 1 };

	if (color) {
		p.red = "\033[1;31m", p.blue = "\033[1;34m", p.bold = "\033[1m",
		p.plain = "\033[0m";
	}
	for (u32 i = 0; i < e->nr_spans; i++)
		p.width = max(p.width, digits(e->spans[i].line));
	say(log, "%serror%s%s: %s%s\n", p.red, p.plain, p.bold, e->title, p.plain);
	if (e->nr_spans)
		write_spans(&p, e);
	else if (e->program && *e->program)
		say(log, "%s%*s-->%s program %s\n", p.blue, (int)p.width, "", p.plain, e->program);
	if (e->help[0])
		say(log, "%s%*s =%s help: %s\n", p.blue, (int)p.width + 1, "", p.plain, e->help);
	say(log, "%s%*s =%s note: %s\n", p.blue, (int)p.width + 1, "", p.plain, e->note);
}

/* JSON. BTF strings and kernel words are bytes; what is not valid UTF-8 becomes U+FFFD. */

static u32 utf8_length(const u8 *s)
{
	u32 n = s[0] < 0x80		      ? 1
		: s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		: s[0] >= 0xe0 && s[0] < 0xf0 ? 3
		: s[0] >= 0xf0 && s[0] < 0xf5 ? 4
					      : 0;

	for (u32 i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static void json_string(struct log *log, const char *text)
{
	const u8 *s = (const u8 *)text;

	say(log, "\"");
	while (*s) {
		u32 n = utf8_length(s);

		if (*s == '"' || *s == '\\')
			say(log, "\\%c", *s);
		else if (*s == '\n' || *s == '\t')
			say(log, *s == '\n' ? "\\n" : "\\t");
		else if (*s < 0x20 || *s == 0x7f)
			say(log, "\\u%04x", *s);
		else if (n)
			say(log, "%.*s", (int)n, (const char *)s);
		else
			say(log, "\\ufffd");
		s += n ? n : 1;
	}
	say(log, "\"");
}

static void json_pair(struct log *log, const char *key, const char *value)
{
	say(log, ", \"%s\": ", key);
	json_string(log, value);
}

static void json_span(struct log *log, const struct explain_span *s)
{
	say(log, "{\"file\": ");
	json_string(log, s->file);
	say(log, ", \"line\": %u, \"column\": %u, \"length\": %u, \"primary\": %s", s->line, s->col,
	    s->len, s->primary ? "true" : "false");
	json_pair(log, "text", s->text);
	json_pair(log, "label", s->label);
	say(log, "}");
}

void explain_json(const struct explanation *e, struct log *log)
{
	const struct verify_reason *r = e->reason;
	const char *name = strerrorname_np(-r->err);

	say(log, "{\"error\": ");
	json_string(log, e->title);
	json_pair(log, "kind", explain_kind(e->kind));
	json_pair(log, "errno", name ? name : "");
	json_pair(log, "message", r->message);
	if (r->insn != ~0u) {
		say(log, ", \"insn\": %u", r->insn);
		json_pair(log, "insn_text", r->insn_text);
	}
	if (r->regno >= 0) {
		say(log, ", \"register\": \"r%d\"", r->regno);
		json_pair(log, "state", r->reg_text);
	}
	if (r->map_name[0])
		json_pair(log, "map", r->map_name);
	say(log, ", \"spans\": [");
	for (u32 i = 0; i < e->nr_spans; i++) {
		say(log, i ? ", " : "");
		json_span(log, &e->spans[i]);
	}
	say(log, "]");
	if (e->help[0])
		json_pair(log, "help", e->help);
	json_pair(log, "note", e->note);
	say(log, ", \"processed\": %u}", r->processed);
}
