/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BTF validation against the running kernel: valid BTF with seeded damage goes through btf_new() and
 * through BPF_BTF_LOAD; errno and every line of the log must be the same.
 */
#include "btf/btf.h"
#include "def/uapi.h"
#include "linux_bpf.h"
#include "tap.h"

#include <string.h>
#include <unistd.h>

enum { LOG_SIZE = 1 << 20, BTF_ROOM = 8192 };

static char kernel_log[LOG_SIZE], own_log[LOG_SIZE];
static size_t own_len;

static void keep(void *arg, const char *text, size_t len)
{
	(void)arg;
	if (own_len + len < LOG_SIZE)
		memcpy(own_log + own_len, text, len), own_len += len;
	own_log[own_len] = 0;
}

/* A blob under construction. */
struct blob {
	u32 types[BTF_ROOM / 4], nr_words;
	char strings[2048];
	u32 strings_len;
};

static u32 str(struct blob *b, const char *s)
{
	u32 at = b->strings_len;

	if (!*s)
		return 0;
	strcpy(b->strings + at, s);
	b->strings_len += strlen(s) + 1;
	return at;
}

static void word(struct blob *b, u32 w)
{
	b->types[b->nr_words++] = w;
}

static void type(struct blob *b, const char *name, u32 kind, u32 vlen, u32 kflag, u32 size)
{
	word(b, str(b, name));
	word(b, kind << 24 | vlen | kflag << 31);
	word(b, size);
}

static void member(struct blob *b, const char *name, u32 id, u32 off)
{
	word(b, str(b, name));
	word(b, id);
	word(b, off);
}

/* One of everything, referring to each other. */
static void build(struct blob *b)
{
	memset(b, 0, sizeof(*b));
	b->strings_len = 1;
	type(b, "int", BTF_KIND_INT, 0, 0, 4), word(b, BTF_INT_SIGNED << 24 | 32); /* 1 */
	type(b, "", BTF_KIND_PTR, 0, 0, 4);					   /* 2 */
	type(b, "", BTF_KIND_ARRAY, 0, 0, 0), word(b, 1), word(b, 1), word(b, 4);  /* 3 */
	type(b, "outer", BTF_KIND_STRUCT, 6, 0, 56);				   /* 4 */
	member(b, "next", 2, 0), member(b, "cells", 3, 64), member(b, "td", 8, 192);
	member(b, "color", 6, 224), member(b, "in", 5, 256), member(b, "d", 16, 384);
	type(b, "inner", BTF_KIND_UNION, 3, 0, 16); /* 5 */
	member(b, "a", 1, 0), member(b, "b", 2, 0), member(b, "c", 3, 0);
	type(b, "color", BTF_KIND_ENUM, 2, 0, 4); /* 6 */
	word(b, str(b, "RED")), word(b, 1), word(b, str(b, "BLUE")), word(b, 0x80000000);
	type(b, "later", BTF_KIND_FWD, 0, 0, 0);      /* 7 */
	type(b, "word_t", BTF_KIND_TYPEDEF, 0, 0, 9); /* 8 */
	type(b, "", BTF_KIND_VOLATILE, 0, 0, 10);     /* 9 */
	type(b, "", BTF_KIND_CONST, 0, 0, 1);	      /* 10 */
	type(b, "", BTF_KIND_RESTRICT, 0, 0, 2);      /* 11 */
	type(b, "", BTF_KIND_FUNC_PROTO, 3, 0, 8);    /* 12 */
	word(b, str(b, "x")), word(b, 1), word(b, str(b, "p")), word(b, 11), word(b, 0), word(b, 0);
	type(b, "run", BTF_KIND_FUNC, BTF_FUNC_GLOBAL, 0, 12);				    /* 13 */
	type(b, "counter", BTF_KIND_VAR, 0, 0, 8), word(b, BTF_VAR_GLOBAL_ALLOCATED);	    /* 14 */
	type(b, ".data.x", BTF_KIND_DATASEC, 1, 0, 8), word(b, 14), word(b, 0), word(b, 4); /* 15 */
	type(b, "double", BTF_KIND_FLOAT, 0, 0, 8);					    /* 16 */
	type(b, "tag", BTF_KIND_DECL_TAG, 0, 0, 4), word(b, 2);				    /* 17 */
	type(b, "user", BTF_KIND_TYPE_TAG, 0, 0, 4);					    /* 18 */
	type(b, "wide", BTF_KIND_ENUM64, 2, 1, 8);					    /* 19 */
	word(b, str(b, "W0")), word(b, 5), word(b, 0), word(b, str(b, "W1")), word(b, -3),
		word(b, -1);
	type(b, "bits", BTF_KIND_STRUCT, 3, 1, 8); /* 20 */
	member(b, "lo", 1, 3 << 24), member(b, "hi", 6, 5 << 24 | 3),
		member(b, "z", 8, 0 << 24 | 32);
	type(b, "", BTF_KIND_PTR, 0, 0, 18);					 /* 21 */
	type(b, "", BTF_KIND_FUNC_PROTO, 0, 0, 0);				 /* 22 */
	type(b, "char", BTF_KIND_INT, 0, 0, 1), word(b, BTF_INT_CHAR << 24 | 8); /* 23 */
	type(b, "tag2", BTF_KIND_DECL_TAG, 0, 0, 13), word(b, 1);		 /* 24 */
	type(b, "flag", BTF_KIND_INT, 0, 0, 1), word(b, BTF_INT_BOOL << 24 | 8); /* 25 */
	type(b, "grid", BTF_KIND_STRUCT, 2, 0, 20);				 /* 26 */
	member(b, "w", 10, 0), member(b, "tail", 3, 32);
}

static u32 emit(const struct blob *b, u8 *out)
{
	struct btf_header h = { .magic = BTF_MAGIC,
				.version = 1,
				.hdr_len = sizeof(h),
				.type_len = b->nr_words * 4,
				.str_off = b->nr_words * 4,
				.str_len = b->strings_len };

	memcpy(out, &h, sizeof(h));
	memcpy(out + sizeof(h), b->types, h.type_len);
	memcpy(out + sizeof(h) + h.type_len, b->strings, h.str_len);
	return sizeof(h) + h.type_len + h.str_len;
}

static int kernel_load(const u8 *bytes, u32 len)
{
	union bpf_attr attr = { 0 };
	int fd;

	attr.btf = (uintptr_t)bytes;
	attr.btf_size = len;
	attr.btf_log_buf = (uintptr_t)kernel_log;
	attr.btf_log_size = LOG_SIZE;
	attr.btf_log_level = 1;
	kernel_log[0] = 0;
	fd = linux_bpf(BPF_BTF_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int own_load(const u8 *bytes, u32 len)
{
	struct log log = { keep, NULL };
	struct btf *btf;
	int err;

	own_len = 0;
	own_log[0] = 0;
	err = btf_new(&btf, bytes, len, NULL, &log);
	btf_free(btf);
	return err;
}

static u64 seed = 88172645463325252ull;

static u32 rnd(u32 below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (u32)(seed >> 11) % below;
}

/* Damages the blob in one to three places: small numbers where ids and sizes are, bits, ends. */
static u32 damage(u8 *bytes, u32 len, u32 type_words)
{
	for (u32 n = rnd(3) + 1; n; n--) {
		u32 *w = (u32 *)(bytes + sizeof(struct btf_header)) + rnd(type_words);

		switch (rnd(12)) {
		case 0: *w ^= 1u << rnd(32); break;
		case 1: *w = rnd(30); break;
		case 2: *w = rnd(30); break;
		case 3: *w += rnd(5) - 2; break;
		case 4: *w = (rnd(21) << 24) | (*w & 0x8000ffff); break;
		case 5: *w = rnd(2) ? 0 : ~0u; break;
		case 6: *w = rnd(64) * 8; break;
		case 7: *w ^= 1u << 31; break;
		case 8: ((u32 *)bytes)[rnd(6)] += rnd(9) - 4; break;
		case 9: bytes[rnd(len)] = rnd(256); break;
		case 10: len = rnd(4) ? len : rnd(len + 1); break;
		case 11: *w = ((u32 *)(bytes + sizeof(struct btf_header)))[rnd(type_words)]; break;
		}
		if (len < 64)
			break;
	}
	return len;
}

static void show_text(const char *who, const char *text, u32 from)
{
	printf("# %s", who);
	for (const char *c = text + from; *c && c < text + from + 200; c++) {
		putchar(*c);
		if (*c == '\n')
			printf("#    ");
	}
	printf("\n");
}

/* Both logs from a little before they part. */
static void show(int got, int want)
{
	u32 same = 0;

	while (own_log[same] && own_log[same] == kernel_log[same])
		same++;
	same = same > 80 ? same - 80 : 0;
	printf("# own %d, kernel %d\n", got, want);
	show_text("own:    ", own_log, same);
	show_text("kernel: ", kernel_log, same);
}

int main(int argc, char **argv)
{
	static struct blob blob;
	static u8 good[BTF_ROOM + 4096], bad[BTF_ROOM + 4096];
	u32 rounds = argc > 1 ? atoi(argv[1]) : 4000, len, same = 0, rejected = 0, shown = 0;
	int err;

	build(&blob);
	len = emit(&blob, good);
	err = kernel_load(good, len);
	if (err == -EPERM) {
		skip("BPF_BTF_LOAD is not permitted here");
		return done();
	}
	is(own_load(good, len), err, "undamaged BTF: errno");
	is(err, 0, "undamaged BTF is accepted");
	if (!ok(!strcmp(own_log, kernel_log), "undamaged BTF: log"))
		show(0, err);
	for (u32 i = 0; i < rounds; i++) {
		u32 n;
		int own;

		memcpy(bad, good, len);
		n = damage(bad, len, blob.nr_words);
		err = kernel_load(bad, n);
		own = own_load(bad, n);
		rejected += err != 0;
		if (own == err && !strcmp(own_log, kernel_log))
			same++;
		else if (shown++ < 10)
			show(own, err);
	}
	is(same, rounds, "%u damaged ones: errno and log", rounds);
	ok(rejected > rounds / 2, "most of them are rejected (%u)", rejected);
	return done();
}
