/* SPDX-License-Identifier: BSD-2-Clause */
/* C as a row of tokens: comments and white space left out, preprocessor lines marked. */
#ifndef BCC_TOKEN_H
#define BCC_TOKEN_H

#include "util/types.h"

enum token_kind { TOKEN_WORD, TOKEN_STRING, TOKEN_OTHER };

struct token {
	u32 start, len; /* in the text */
	u32 line;	/* from 1 */
	u8 kind;
	bool directive; /* part of a preprocessor line */
};

struct tokens {
	const char *text;
	u32 size;
	struct token *token;
	u32 count;
};

/* 0, -ENOMEM. A text that is no C gives some tokens, too: nothing here fails for what it contains. */
int tokens_read(struct tokens *tokens, const char *text, u32 size);
void tokens_free(struct tokens *tokens);

/* Whether token i (may be out of range) is this text. */
bool token_is(const struct tokens *tokens, u32 i, const char *text);
/* The token that closes the bracket at open, or count. */
u32 token_match(const struct tokens *tokens, u32 open);

#endif
