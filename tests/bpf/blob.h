/* SPDX-License-Identifier: BSD-2-Clause */
/* A small BTF blob for tests of bpf(2): the types that maps may be made with, by fixed ids. */
#ifndef TESTS_BPF_BLOB_H
#define TESTS_BPF_BLOB_H

#include <linux/btf.h>

#include "bpf/both.h"

enum {
	T_INT = 1,
	T_U64,
	T_KEY,
	T_LOCKED,
	T_LOCK,
	T_DATA,
	T_VAR,
	T_TIMED,
	T_TIMER,
	T_MY_INT,
	T_ARRAY,
	T_PTR,
};

static const char blob_strings[] =
	"\0int\0u64\0key\0a\0b\0with_lock\0bpf_spin_lock\0val\0.data\0var\0with_timer\0bpf_timer\0my_int";

static struct {
	struct btf_header header;
	__u32 types[200];
	char strings[sizeof(blob_strings)];
} blob;

static __u32 blob_at;

static __u32 blob_name(const char *text)
{
	for (__u32 i = 1; i < sizeof(blob_strings); i += (__u32)strlen(blob_strings + i) + 1)
		if (!strcmp(blob_strings + i, text))
			return i;
	return 0;
}

static void blob_put(__u32 word)
{
	blob.types[blob_at++] = word;
}

static void blob_type(const char *text, __u32 kind, __u32 vlen, __u32 size_or_type)
{
	blob_put(text ? blob_name(text) : 0);
	blob_put(kind << 24 | vlen);
	blob_put(size_or_type);
}

static void blob_member(const char *text, __u32 id, __u32 bits)
{
	blob_put(blob_name(text));
	blob_put(id);
	blob_put(bits);
}

/* 1: int, 2: u64, 3: struct key { int a; int b; }, 4: struct with a spin lock at 4, 5: its lock, 6: section of the int,
 * 7: variable, 8: struct with a timer at 8, 9: bpf_timer, 10: typedef of the int, 11: array of two ints, 12: pointer */
static void blob_build(void)
{
	blob_at = 0;
	blob_type("int", BTF_KIND_INT, 0, 4), blob_put(BTF_INT_SIGNED << 24 | 32);
	blob_type("u64", BTF_KIND_INT, 0, 8), blob_put(64);
	blob_type("key", BTF_KIND_STRUCT, 2, 8), blob_member("a", 1, 0), blob_member("b", 1, 32);
	blob_type("with_lock", BTF_KIND_STRUCT, 2, 8), blob_member("a", 1, 0),
		blob_member("b", 5, 32);
	blob_type("bpf_spin_lock", BTF_KIND_STRUCT, 1, 4), blob_member("val", 1, 0);
	blob_type(".data", BTF_KIND_DATASEC, 1, 4), blob_put(7), blob_put(0), blob_put(4);
	blob_type("var", BTF_KIND_VAR, 0, 1), blob_put(BTF_VAR_GLOBAL_ALLOCATED);
	blob_type("with_timer", BTF_KIND_STRUCT, 2, 24), blob_member("a", 2, 0),
		blob_member("b", 9, 64);
	blob_type("bpf_timer", BTF_KIND_STRUCT, 2, 16), blob_member("a", 2, 0),
		blob_member("b", 2, 64);
	blob_type("my_int", BTF_KIND_TYPEDEF, 0, 1);
	blob_type(NULL, BTF_KIND_ARRAY, 0, 0), blob_put(1), blob_put(1), blob_put(2);
	blob_type(NULL, BTF_KIND_PTR, 0, 1);
	memcpy((char *)blob.types + blob_at * 4, blob_strings, sizeof(blob_strings));
	blob.header = (struct btf_header){ .magic = BTF_MAGIC,
					   .version = 1,
					   .hdr_len = sizeof(blob.header),
					   .type_len = blob_at * 4,
					   .str_off = blob_at * 4,
					   .str_len = sizeof(blob_strings) };
}

static __u32 blob_size(void)
{
	return (__u32)sizeof(struct btf_header) + blob_at * 4 + (__u32)sizeof(blob_strings);
}

/* An fd of it. */
static int blob_load(struct ask *ask)
{
	return BPF(ask, BPF_BTF_LOAD, .btf = PTR(&blob), .btf_size = blob_size());
}

#endif
