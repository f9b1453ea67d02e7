// SPDX-License-Identifier: BSD-2-Clause
/*
 * The tokeniser: words (identifiers and numbers), strings and character constants, and single other
 * characters. Line continuations are white space; a # that begins a line marks the tokens up to the
 * line's end as a directive.
 */
#include "bcc/token.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	struct tokens *out;
	u32 at, line, room;
	bool directive, fresh; /* fresh: nothing but white space on this line yet */
};

static char look(const struct reader *r, u32 ahead)
{
	u64 at = (u64)r->at + ahead;

	return at < r->out->size ? r->out->text[at] : 0;
}

static void step(struct reader *r)
{
	if (look(r, 0) == '\n') {
		r->line++;
		r->fresh = true;
		r->directive = false;
	}
	r->at++;
}

static bool skip_continuation(struct reader *r)
{
	bool directive = r->directive, fresh = r->fresh;
	u32 len = look(r, 1) == '\n' ? 2 : look(r, 1) == '\r' && look(r, 2) == '\n' ? 3 : 0;

	if (look(r, 0) != '\\' || !len)
		return false;
	for (u32 i = 0; i < len; i++)
		step(r);
	r->directive = directive;
	r->fresh = fresh;
	return true;
}

static bool skip_comment(struct reader *r)
{
	bool directive = r->directive;

	if (look(r, 0) != '/' || (look(r, 1) != '/' && look(r, 1) != '*'))
		return false;
	if (look(r, 1) == '/') {
		while (r->at < r->out->size && look(r, 0) != '\n')
			if (!skip_continuation(r))
				step(r);
		return true;
	}
	r->at += 2;
	while (r->at < r->out->size && !(look(r, 0) == '*' && look(r, 1) == '/'))
		step(r);
	r->at = min(r->at + 2, r->out->size);
	r->directive = directive;
	return true;
}

static void skip_space(struct reader *r)
{
	while (r->at < r->out->size) {
		if (isspace((unsigned char)look(r, 0)))
			step(r);
		else if (!skip_continuation(r) && !skip_comment(r))
			return;
	}
}

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || (u8)c >= 0x80;
}

/* A string ends at its quote, or where its line does. */
static void take_string(struct reader *r)
{
	char quote = look(r, 0);

	r->at++;
	while (r->at < r->out->size && look(r, 0) != quote && look(r, 0) != '\n') {
		if (skip_continuation(r))
			continue;
		r->at += look(r, 0) == '\\' && look(r, 1) != '\n' ? 2 : 1;
	}
	r->at = min(r->at + (look(r, 0) == quote), r->out->size);
}

static struct token *add(struct reader *r)
{
	struct tokens *t = r->out;
	struct token *grown;

	if (t->count == r->room) {
		r->room = r->room ? r->room * 2 : 256;
		grown = reallocarray(t->token, r->room, sizeof(*t->token));
		if (!grown)
			return NULL;
		t->token = grown;
	}
	t->token[t->count] = (struct token){ .start = r->at, .line = r->line, .kind = TOKEN_OTHER };
	return &t->token[t->count++];
}

static int take(struct reader *r)
{
	struct token *token = add(r);

	if (!token)
		return -ENOMEM;
	if (r->fresh && look(r, 0) == '#')
		r->directive = true;
	r->fresh = false;
	token->directive = r->directive;
	if (word_char(look(r, 0))) {
		token->kind = TOKEN_WORD;
		while (r->at < r->out->size && word_char(look(r, 0)))
			r->at++;
	} else if (look(r, 0) == '"' || look(r, 0) == '\'') {
		token->kind = TOKEN_STRING;
		take_string(r);
	} else {
		r->at++;
	}
	token->len = r->at - token->start;
	return 0;
}

int tokens_read(struct tokens *tokens, const char *text, u32 size)
{
	struct reader r = { .out = tokens, .line = 1, .fresh = true };
	int err = 0;

	*tokens = (struct tokens){ .text = text, .size = size };
	for (skip_space(&r); r.at < size && !err; skip_space(&r))
		err = take(&r);
	if (err)
		tokens_free(tokens);
	return err;
}

void tokens_free(struct tokens *tokens)
{
	free(tokens->token);
	tokens->token = NULL;
	tokens->count = 0;
}

bool token_is(const struct tokens *tokens, u32 i, const char *text)
{
	return i < tokens->count && strlen(text) == tokens->token[i].len &&
	       !memcmp(tokens->text + tokens->token[i].start, text, tokens->token[i].len);
}

u32 token_match(const struct tokens *tokens, u32 open)
{
	u32 depth = 0;

	for (u32 i = open; i < tokens->count; i++) {
		char c = tokens->token[i].kind == TOKEN_OTHER ? tokens->text[tokens->token[i].start]
							      : 0;

		if (tokens->token[i].directive != tokens->token[open].directive)
			continue;
		if (c == '(' || c == '{' || c == '[')
			depth++;
		else if ((c == ')' || c == '}' || c == ']') && !--depth)
			return i;
	}
	return tokens->count;
}
