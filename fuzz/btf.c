/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BTF, hostile: fuzz/btf [SECONDS] [SEED].
 *
 * Valid BTF (the system's, cut to its first types, or a built one) with damage goes through btf_new().
 * What is accepted is then asked everything btf.h offers, with wild numbers; nothing may be read out of
 * bounds (run it with SAN=address,undefined). Prints the seed, exit 1 where a promise is broken.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "btf/btf.h"

enum { ROOM = 1 << 16, TYPES = 400 };

static u64 state = 88172645463325252ull;

static u32 rnd(u32 below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return below ? (u32)(state >> 11) % below : (u32)(state >> 11);
}

static void swallow(void *arg, const char *text, size_t len)
{
	*(u64 *)arg += len + (u8)text[0];
}

/* The first types of the system's BTF that form a whole: references beyond them become the first type. */
static u32 cut_system(u8 *out)
{
	struct btf *btf;
	u32 at = sizeof(struct btf_header), strings = 1, len;
	struct btf_header h = { .magic = BTF_MAGIC, .version = 1, .hdr_len = sizeof(h) };
	static char text[ROOM];

	if (btf_open(&btf, "/sys/kernel/btf/vmlinux"))
		return 0;
	for (u32 id = 1; id < TYPES && id < btf_count(btf) && at < ROOM / 2; id++) {
		const struct btf_type *t = btf_at(btf, id), *next = btf_at(btf, id + 1);
		const char *name = btf_string(btf, t->name_off);
		u32 bytes = (u32)((const u8 *)next - (const u8 *)t), *w = (u32 *)(out + at);

		if (at + bytes > ROOM / 2 || strings + strlen(name) + 1 > sizeof(text))
			break;
		memcpy(w, t, bytes);
		w[0] = *name ? strings : 0;
		strcpy(text + strings, name);
		strings += *name ? strlen(name) + 1 : 0;
		if (btf_type_is_struct(t) || btf_type_kind(t) == BTF_KIND_FUNC_PROTO) {
			u32 step = btf_type_is_struct(t) ? 3 : 2;

			for (u32 i = 3; i < bytes / 4; i += step) {
				w[i] = strings > 1 ? 1 : 0;
				w[i + 1] = w[i + 1] < TYPES ? w[i + 1] : 1;
			}
		}
		at += bytes;
	}
	h.type_len = h.str_off = at - sizeof(h);
	h.str_len = strings;
	memcpy(out, &h, sizeof(h));
	memcpy(out + at, text, strings);
	len = at + strings;
	btf_free(btf);
	return len;
}

/* int, pointer, array, struct, typedef: enough where the system has no BTF. */
static u32 build(u8 *out)
{
	static const u32 words[] = {
		1,
		BTF_KIND_INT << 24,
		4,
		32,
		0,
		BTF_KIND_PTR << 24,
		4,
		0,
		BTF_KIND_ARRAY << 24,
		0,
		1,
		1,
		4,
		1,
		BTF_KIND_STRUCT << 24 | 2,
		24,
		1,
		2,
		0,
		1,
		3,
		64,
		1,
		BTF_KIND_TYPEDEF << 24,
		4,
	};
	struct btf_header h = { .magic = BTF_MAGIC,
				.version = 1,
				.hdr_len = sizeof(h),
				.type_len = sizeof(words),
				.str_off = sizeof(words),
				.str_len = 3 };

	memcpy(out, &h, sizeof(h));
	memcpy(out + sizeof(h), words, sizeof(words));
	memcpy(out + sizeof(h) + sizeof(words), "\0a", 3);
	return sizeof(h) + sizeof(words) + 3;
}

static u32 damage(u8 *bytes, u32 len)
{
	for (u32 n = rnd(6); n; n--) {
		u32 *w = (u32 *)(bytes + (rnd(len - 4) & ~3u));

		switch (rnd(7)) {
		case 0: *w ^= 1u << rnd(32); break;
		case 1: *w = rnd(TYPES); break;
		case 2: *w += rnd(9) - 4; break;
		case 3: *w = rnd(BTF_KIND_MAX + 2) << 24 | rnd(5); break;
		case 4: *w = rnd(2) ? 0 : ~0u; break;
		case 5: bytes[rnd(len)] = (u8)rnd(256); break;
		case 6: len = rnd(8) || len < 64 ? len : 32 + rnd(len - 32); break;
		}
	}
	return len;
}

static void ask(const struct btf *btf, struct log *log)
{
	struct btf_special_field fields[BTF_MAX_FIELDS];

	for (u32 i = 0; i < 60; i++) {
		u32 id = rnd(8) ? rnd(btf_count(btf) + 2) : rnd(0), off = rnd(2) ? rnd(64) : rnd(0);
		struct btf_walk walk = { 0 };
		const struct btf_type *t = btf_at(btf, id), *proto;

		btf_find(btf, btf_name(btf, id), rnd(NR_BTF_KINDS));
		btf_size(btf, id);
		btf_struct_access(btf, id, off, 1u << rnd(4), &walk, log);
		btf_special_fields(btf, id, fields);
		btf_has_decl_tag(btf, id, (s32)rnd(3) - 1, "x");
		proto = btf_proto(btf, id, NULL);
		for (u32 j = 0; proto && j < btf_type_vlen(proto); j++)
			btf_resolve(btf, btf_param_at(btf, proto, j, NULL));
		for (u32 j = 0; t && btf_type_is_struct(t) && j < btf_type_vlen(t); j++)
			btf_unqualify(btf, btf_member_at(btf, t, j).type);
	}
}

int main(int argc, char **argv)
{
	static _Alignas(8) u8 good[2][ROOM], bad[ROOM];
	u32 len[2] = { cut_system(good[0]), build(good[1]) };
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 30);
	u64 seen = 0, rounds = 0, accepted = 0;
	struct log log = { swallow, &seen };

	if (argc > 2)
		state = strtoull(argv[2], NULL, 0);
	for (; time(NULL) < end; rounds++) {
		u32 which = len[0] && rnd(4) ? 0 : 1, n;
		struct btf *btf, *split;
		u8 *exact;
		int err;

		memcpy(bad, good[which], len[which]);
		n = damage(bad, len[which]);
		exact = malloc(n); /* so that a read behind the end is seen */
		memcpy(exact, bad, n);
		err = btf_new(&btf, exact, n, NULL, rnd(2) ? &log : NULL);
		if (!err) {
			accepted++;
			ask(btf, &log);
			if (!btf_new(&split, exact, n, btf, NULL)) {
				ask(split, &log);
				btf_free(split);
			}
			btf_free(btf);
		}
		free(exact);
		if ((err != 0) == (btf != NULL) && err) {
			printf("an error and an object, seed %llu\n", (unsigned long long)state);
			return 1;
		}
	}
	printf("%llu rounds, %llu accepted\n", (unsigned long long)rounds,
	       (unsigned long long)accepted);
	return 0;
}
