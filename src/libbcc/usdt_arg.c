// SPDX-License-Identifier: BSD-2-Clause
/*
 * Where a probe's argument is, in the words of the assembler that compiled it: "-4@%edi", "8@-16(%rbp)", "4@$7",
 * "8@table+8(%rip)", "1@(%rax,%rcx,4)"; on arm64 "8@x0", "-4@[sp, 12]", "8@[x0, x1]", "4@7". Before the @: bytes, negative
 * where signed.
 */
#include "libbcc/usdt.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct reg {
	const char *name, *field; /* in struct pt_regs */
};

#if defined(__x86_64__)
#define LEGACY(r)                                                           \
	{ "r" #r "x", #r "x" }, { "e" #r "x", #r "x" }, { #r "x", #r "x" }, \
	{                                                                   \
#r "l", #r "x"                                              \
	}
#define NAMED(r)                                    \
	{ "r" #r, #r }, { "e" #r, #r }, { #r, #r }, \
	{                                           \
#r "l", #r                          \
	}
#define NUMBERED(n)                                                         \
	{ "r" #n, "r" #n }, { "r" #n "d", "r" #n }, { "r" #n "w", "r" #n }, \
	{                                                                   \
		"r" #n "b", "r" #n                                          \
	}
static const struct reg regs[] = {
	LEGACY(a),    LEGACY(b),    LEGACY(c),	  LEGACY(d),	NAMED(si),	 NAMED(di),
	NAMED(bp),    NAMED(sp),    NUMBERED(8),  NUMBERED(9),	NUMBERED(10),	 NUMBERED(11),
	NUMBERED(12), NUMBERED(13), NUMBERED(14), NUMBERED(15), { "rip", "ip" },
};
#elif defined(__aarch64__)
#define BOTH(n)                        \
	{ "x" #n, "regs[" #n "]" },    \
	{                              \
		"w" #n, "regs[" #n "]" \
	}
static const struct reg regs[] = {
	BOTH(0),  BOTH(1),  BOTH(2),  BOTH(3),	BOTH(4),  BOTH(5),  BOTH(6),  BOTH(7),
	BOTH(8),  BOTH(9),  BOTH(10), BOTH(11), BOTH(12), BOTH(13), BOTH(14), BOTH(15),
	BOTH(16), BOTH(17), BOTH(18), BOTH(19), BOTH(20), BOTH(21), BOTH(22), BOTH(23),
	BOTH(24), BOTH(25), BOTH(26), BOTH(27), BOTH(28), BOTH(29), BOTH(30), { "sp", "sp" },
};
#endif

/* ---- reading ---- */

static bool take(const char **at, char c)
{
	while (*at[0] == ' ' && c != ' ')
		++*at;
	if (**at != c)
		return false;
	++*at;
	return true;
}

static bool take_number(const char **at, s64 *value)
{
	char *end;

	*value = strtoll(*at, &end, 0);
	if (end == *at)
		return false;
	*at = end;
	return true;
}

static size_t word_len(const char *at)
{
	size_t n = 0;

	while (isalnum((unsigned char)at[n]) || at[n] == '_' || at[n] == '.')
		n++;
	return n;
}

static const char *take_reg(const char **at)
{
	size_t n;

	while (**at == ' ' || **at == '%')
		++*at;
	n = word_len(*at);
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++)
		if (strlen(regs[i].name) == n && !memcmp(regs[i].name, *at, n)) {
			*at += n;
			return regs[i].field;
		}
	return NULL;
}

#if defined(__x86_64__)
/* (base,index,scale), after what stands before it */
static bool parse_memory(const char **at, struct usdt_arg *arg)
{
	s64 scale;

	if (!take(at, '('))
		return false;
	arg->base = take_reg(at);
	arg->valid |= USDT_OFFSET | (arg->base ? USDT_BASE : 0);
	if (take(at, ',')) {
		arg->index = take_reg(at);
		arg->valid |= arg->index ? USDT_INDEX : 0;
		if (take(at, ',') && take_number(at, &scale)) {
			arg->scale = (int)scale;
			arg->valid |= USDT_SCALE;
		}
	}
	return arg->base && take(at, ')');
}

static bool parse_operand(const char **at, struct usdt_arg *arg)
{
	size_t n = isdigit((unsigned char)**at) || **at == '-' ? 0 : word_len(*at);
	s64 offset = 0;

	if (take(at, '$')) {
		arg->valid = USDT_CONSTANT;
		return take_number(at, &arg->constant);
	}
	if (**at == '%') {
		arg->base = take_reg(at);
		arg->valid = arg->base ? USDT_BASE : 0;
		return arg->base != NULL;
	}
	if (n && n < sizeof(arg->ident)) {
		memcpy(arg->ident, *at, n);
		arg->valid = USDT_IDENT;
		*at += n;
	}
	take_number(at, &offset);
	arg->offset = (int)offset;
	return parse_memory(at, arg);
}
#else
static bool parse_operand(const char **at, struct usdt_arg *arg)
{
	s64 offset = 0;

	if (!take(at, '[')) {
		arg->base = take_reg(at);
		arg->valid = arg->base ? USDT_BASE : USDT_CONSTANT;
		return arg->base || take_number(at, &arg->constant);
	}
	arg->base = take_reg(at);
	arg->valid = USDT_OFFSET | (arg->base ? USDT_BASE : 0);
	if (take(at, ',')) {
		arg->index = take_reg(at);
		arg->valid |= arg->index ? USDT_INDEX | USDT_SCALE : 0;
		arg->scale = arg->index ? 1 : 0;
		if (!arg->index && !take_number(at, &offset))
			return false;
		arg->offset = (int)offset;
	}
	return arg->base && take(at, ']');
}
#endif

static bool is_size(s64 size)
{
	return size == 1 || size == 2 || size == 4 || size == 8 || size == -1 || size == -2 ||
	       size == -4 || size == -8;
}

static bool parse_arg(const char **at, struct usdt_arg *arg)
{
	s64 size = 8;
	bool sized = isdigit((unsigned char)**at) || **at == '-';

	if (sized && (!take_number(at, &size) || !take(at, '@')))
		return false; /* also "8f@%xmm0": there are no such registers here */
	if (!is_size(size) || !parse_operand(at, arg) || (**at && **at != ' '))
		return false;
	arg->size = (int)size;
	return true;
}

int usdt_args_parse(const char *text, struct usdt_arg args[USDT_ARGS_MAX])
{
	int n = 0;

	for (const char *at = text; *at && n < USDT_ARGS_MAX; n++) {
		args[n] = (struct usdt_arg){ 0 };
		while (*at == ' ')
			at++;
		if (!*at)
			break;
		if (!parse_arg(&at, &args[n])) {
			args[n] = (struct usdt_arg){ 0 };
			while (*at && *at != ' ')
				at++;
		}
	}
	return n;
}

/* ---- writing ---- */

const char *usdt_arg_type(int size)
{
	switch (size) {
	case -1: return "int8_t";
	case -2: return "int16_t";
	case -4: return "int32_t";
	case -8: return "int64_t";
	case 1: return "uint8_t";
	case 2: return "uint16_t";
	case 4: return "uint32_t";
	default: return "uint64_t";
	}
}

/*
 * The value of a register goes through an empty instruction: else the compiler makes one load of several places' loads, at
 * an offset in the context that the verifier cannot know.
 */
bool usdt_arg_write(FILE *out, const struct usdt_arg *arg, const char *type, u64 symbol)
{
	if (!arg->size)
		return false;
	if (arg->valid & USDT_CONSTANT) {
		fprintf(out, "*(%s *)dest = (%s)%lldll;", type, type, (long long)arg->constant);
		return true;
	}
	if (!(arg->valid & USDT_OFFSET)) {
		fprintf(out,
			"{ u64 reg = ctx->%s; __asm__ volatile(\"\" : \"+r\"(reg)); *(%s *)dest = (%s)reg; }",
			arg->base, type, usdt_arg_type(arg->size));
		return true;
	}
	if (arg->valid & USDT_IDENT && strcmp(arg->base, "ip"))
		return false;
	fputs("{ u64 at = ", out);
	if (arg->valid & USDT_IDENT)
		fprintf(out, "%lluull", (unsigned long long)symbol);
	else
		fprintf(out, "ctx->%s", arg->base);
	if (arg->valid & USDT_INDEX)
		fprintf(out, " + ctx->%s * %d", arg->index,
			arg->valid & USDT_SCALE ? arg->scale : 1);
	fprintf(out,
		" + %dll; __asm__ volatile(\"\" : \"+r\"(at)); %s value = 0; "
		"bpf_probe_read_user(&value, sizeof(value), (void *)at); *(%s *)dest = value; }",
		arg->offset, usdt_arg_type(arg->size), type);
	return true;
}
