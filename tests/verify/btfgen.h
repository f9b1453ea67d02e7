/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Just enough BTF for test programs: map values with a spin lock or a timer, and functions with the
 * prototypes a test states. The same bytes go to this verifier's reader and to the kernel.
 */
#ifndef TESTS_VERIFY_BTFGEN_H
#define TESTS_VERIFY_BTFGEN_H

#include <linux/btf.h>
#include <stdio.h>
#include <string.h>

#include "util/types.h"

struct btfgen {
	u32 types[2048], len; /* words */
	char strings[2048];
	u32 strings_len, nr_types;
	u8 raw[1 << 16];
	u32 raw_len;
};

static void btfgen_start(struct btfgen *g)
{
	memset(g, 0, sizeof(*g));
	g->strings_len = 1;
}

static u32 btfgen_string(struct btfgen *g, const char *s)
{
	u32 at = g->strings_len;

	if (!*s)
		return 0;
	strcpy(g->strings + at, s);
	g->strings_len += (u32)strlen(s) + 1;
	return at;
}

static u32 btfgen_type(struct btfgen *g, const char *name, u32 kind, u32 vlen, u32 size_or_type)
{
	g->types[g->len++] = btfgen_string(g, name);
	g->types[g->len++] = kind << 24 | vlen;
	g->types[g->len++] = size_or_type;
	return ++g->nr_types;
}

static u32 btfgen_int(struct btfgen *g, const char *name, u32 bytes)
{
	u32 id = btfgen_type(g, name, BTF_KIND_INT, 0, bytes);

	g->types[g->len++] = bytes * 8;
	return id;
}

__attribute__((unused)) static void btfgen_member(struct btfgen *g, const char *name, u32 type,
						  u32 bit_off)
{
	g->types[g->len++] = btfgen_string(g, name);
	g->types[g->len++] = type;
	g->types[g->len++] = bit_off;
}

__attribute__((unused)) static void btfgen_param(struct btfgen *g, const char *name, u32 type)
{
	g->types[g->len++] = btfgen_string(g, name);
	g->types[g->len++] = type;
}

static void btfgen_finish(struct btfgen *g)
{
	struct btf_header h = { .magic = BTF_MAGIC,
				.version = BTF_VERSION,
				.hdr_len = sizeof(h),
				.type_len = g->len * 4,
				.str_off = g->len * 4,
				.str_len = g->strings_len };

	memcpy(g->raw, &h, sizeof(h));
	memcpy(g->raw + sizeof(h), g->types, g->len * 4);
	memcpy(g->raw + sizeof(h) + g->len * 4, g->strings, g->strings_len);
	g->raw_len = (u32)sizeof(h) + g->len * 4 + g->strings_len;
}

#endif
