/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_snprintf's format string is a constant, so it is judged with the program: every conversion must
 * be one that the helper knows, and there must be an argument of 8 bytes for each. The helpers whose
 * format is plain memory find that out when they run (helper/print.c).
 */
#include <errno.h>

#include "verify/env.h"

static bool is_space(u8 c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}
static bool is_digit(u8 c)
{
	return c >= '0' && c <= '9';
}
static bool is_letter(u8 c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}
/* The kernel's ctype is Latin-1: above 0x9f, everything but letters and the space. */
static bool is_punct(u8 c)
{
	if (c > 0xa0)
		return c < 0xc0 || c == 0xd7 || c == 0xf7;
	return c > ' ' && c < 0x7f && !is_digit(c) && !is_letter(c);
}
static bool ends(u8 c)
{
	return !c || is_space(c) || c == 0xa0 || is_punct(c);
}

/* Behind the conversion that begins after '%', or NULL. */
static const u8 *conversion(const u8 *at)
{
	while (*at == '0' || *at == '+' || *at == '-' || *at == ' ')
		at++;
	if (*at >= '1' && *at <= '9')
		while (is_digit(*at))
			at++;
	if (*at == 'c')
		return at + 1;
	if (*at == 's')
		return ends(at[1]) ? at + 1 : NULL;
	if (*at == 'p') {
		at++;
		if (ends(*at))
			return at;
		if ((*at == 'k' || *at == 'u') && at[1] == 's')
			return ends(at[2]) ? at + 2 : NULL;
		if (*at == 'K' || *at == 'x' || *at == 's' || *at == 'S' || *at == 'B')
			return at + 1;
		return (*at == 'i' || *at == 'I') && (at[1] == '4' || at[1] == '6') ? at + 2 : NULL;
	}
	if (*at == 'l')
		at++;
	if (*at == 'l')
		at++;
	return *at == 'd' || *at == 'i' || *at == 'u' || *at == 'x' || *at == 'X' ? at + 1 : NULL;
}

static bool fits(const u8 *at, u64 nr_args)
{
	while (*at) {
		if (*at < 0x80 && !is_space(*at) && (*at < ' ' || *at == 0x7f))
			return false;
		if (*at++ != '%')
			continue;
		if (*at == '%') {
			at++;
			continue;
		}
		if (!nr_args--)
			return false;
		at = conversion(at);
		if (!at)
			return false;
	}
	return true;
}

int format_check(struct env *env, const struct reg_state *format, const struct reg_state *size)
{
	const struct verify_map *map = format->map;

	if (size->var_off.value % 8)
		return -EINVAL;
	/* helper_args.c has seen that it is in a frozen map and ends there */
	if (fits((const u8 *)map->frozen + format->off + (s64)format->var_off.value,
		 size->var_off.value / 8))
		return 0;
	say_error(env, "Invalid format string\n");
	return because(env, REASON_OTHER, -EINVAL);
}
