/* SPDX-License-Identifier: BSD-2-Clause */
/* The assembler's tokens: words, registers, numbers, blanks and comments (contracts in read.h). */
#include "isa/read.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool read_bad(struct reader *r, const char *fmt, ...)
{
	va_list ap;

	if (!r->failed) {
		say(r->why, "line %u: ", r->line);
		va_start(ap, fmt);
		vsay(r->why, fmt, ap);
		va_end(ap);
		say(r->why, "\n");
		r->failed = true;
		r->err = -EINVAL;
	}
	return false;
}

bool read_grow(struct reader *r, void *array, u32 count, u32 *room, size_t size)
{
	void **slot = array, *more;

	if (count < *room)
		return true;
	more = realloc(*slot, (*room ? *room * 2 : 16) * size);
	if (!more) {
		r->failed = true;
		r->err = -ENOMEM;
		return false;
	}
	*slot = more;
	*room = *room ? *room * 2 : 16;
	return true;
}

void skip_blanks(struct reader *r)
{
	for (;;) {
		if (*r->at == ' ' || *r->at == '\t' || *r->at == '\r') {
			r->at++;
		} else if (r->at[0] == '/' && r->at[1] == '*') {
			for (r->at += 2; *r->at && !(r->at[0] == '*' && r->at[1] == '/'); r->at++)
				r->line += *r->at == '\n';
			r->at += *r->at ? 2 : 0;
		} else if (*r->at == '#' || (r->at[0] == '/' && r->at[1] == '/')) {
			r->at += strcspn(r->at, "\n");
		} else {
			return;
		}
	}
}

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '$';
}

bool take(struct reader *r, const char *token)
{
	size_t len = strlen(token);

	skip_blanks(r);
	if (r->failed || strncmp(r->at, token, len) ||
	    (word_char(token[len - 1]) && word_char(r->at[len])))
		return false;
	r->at += len;
	return true;
}

bool want(struct reader *r, const char *token)
{
	return take(r, token) || read_bad(r, "\"%s\" expected at \"%.*s\"", token, read_rest(r));
}

bool take_word(struct reader *r, char name[READ_NAME])
{
	size_t len = 0;

	skip_blanks(r);
	while (word_char(r->at[len]))
		len++;
	if (r->failed || !len || len >= READ_NAME)
		return false;
	memcpy(name, r->at, len);
	name[len] = 0;
	r->at += len;
	return true;
}

bool take_reg(struct reader *r, u8 *reg, bool *narrow)
{
	const char *at;
	unsigned long number;
	char *end;

	skip_blanks(r);
	at = r->at;
	if (r->failed || (*at != 'r' && *at != 'w') || !isdigit((unsigned char)at[1]))
		return false;
	number = strtoul(at + 1, &end, 10);
	if (word_char(*end) || number > BPF_REG_10)
		return false;
	*reg = (u8)number;
	*narrow = *at == 'w';
	r->at = end;
	return true;
}

bool want_reg(struct reader *r, u8 *reg)
{
	bool narrow;

	return take_reg(r, reg, &narrow) ||
	       read_bad(r, "register expected at \"%.*s\"", read_rest(r));
}

bool take_number(struct reader *r, u64 *value, bool *negative)
{
	const char *start, *at;
	char *end;

	skip_blanks(r);
	start = r->at;
	*negative = *r->at == '-';
	if (*r->at == '-' || *r->at == '+')
		r->at++;
	skip_blanks(r);
	if (*start == '+' && *r->at == '-') /* "r1 + -4" */
		*negative = *r->at++;
	at = r->at;
	errno = 0;
	*value = isdigit((unsigned char)*at)
			 ? strtoull(at, &end, at[0] == '0' && tolower(at[1]) == 'x' ? 16 : 10)
			 : 0;
	if (r->failed || !isdigit((unsigned char)*at) || word_char(*end) || errno ||
	    (*negative && *value > 1ULL << 63)) {
		r->at = start;
		return false;
	}
	if (*negative)
		*value = -*value;
	r->at = end;
	return true;
}

bool want_number(struct reader *r, s64 low, s64 high, s64 *value)
{
	const char *start = r->at;
	bool negative;
	u64 number;

	if (!take_number(r, &number, &negative))
		return read_bad(r, "number expected at \"%.*s\"", (int)strcspn(start, "\n"), start);
	*value = (s64)number;
	if ((!negative && number > INT64_MAX) || *value < low || *value > high)
		return read_bad(r, "%.*s is out of range", (int)strcspn(start, "\n"), start);
	return true;
}

bool want_imm(struct reader *r, bool narrow, s32 *imm)
{
	s64 value;

	if (!want_number(r, INT32_MIN, narrow || r->opcode >= 0 ? UINT32_MAX : INT32_MAX, &value))
		return false;
	*imm = (s32)value;
	return true;
}
