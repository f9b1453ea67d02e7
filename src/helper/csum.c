/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Internet checksums (RFC 1071) in the kernel's 32-bit unfolded form: sums are of 16-bit words in
 * memory order, carries wrap around. Only what programs see is exact: the folded 16 bits.
 */
#include <errno.h>
#include <string.h>

#include "def/ctx_layout.h"
#include "helper/body.h"

static u32 add(u32 a, u32 b)
{
	u64 sum = (u64)a + b;

	return (u32)(sum + (sum >> 32));
}

static u16 fold(u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)(sum + (sum >> 16));
}

/* A last incomplete word is filled up with zeroes. */
static u32 sum_words(const void *data, u32 size, u32 sum)
{
	u32 word, at = 0;

	for (; at + 4 <= size; at += 4) {
		memcpy(&word, (const u8 *)data + at, 4);
		sum = add(sum, word);
	}
	word = 0;
	memcpy(&word, (const u8 *)data + at, size - at);
	return add(sum, word);
}

/* (from, from_size, to, to_size, seed) */
HELPER(csum_diff)
{
	u32 from_size = (u32)r2, to_size = (u32)r4, seed = (u32)r5;

	if (from_size && to_size)
		return fold(
			add(sum_words(ptr(r3), to_size, seed), ~sum_words(ptr(r1), from_size, 0)));
	if (to_size)
		return fold(sum_words(ptr(r3), to_size, seed));
	if (from_size)
		return fold(~sum_words(ptr(r1), from_size, ~seed));
	return fold(seed);
}

static u16 *sum_at(u64 ctx, u32 off)
{
	struct packet *packet = &((struct skb_ctx *)ptr(ctx))->packet;
	u64 size = (u64)(packet->data_end - packet->data);

	return off > 0xffff || off & 1 || (u64)off + 2 > size ? NULL : (u16 *)(packet->data + off);
}

/* The checksum field `sum` after `from` was replaced by `to` in what it covers. */
static u16 replace(u16 sum, u32 from, u32 to)
{
	return (u16)~fold(add(add(~(u32)sum & 0xffff, ~from), to));
}

/* What the kernel's csum_partial-style difference is added as. */
static u16 replace_by_diff(u16 sum, u32 diff)
{
	return (u16)~fold(add(diff, (u16)~sum));
}

static int replace_sized(u16 *sum, u64 from, u64 to, u32 size)
{
	switch (size) {
	case 0:
		if (from)
			return -EINVAL;
		*sum = replace_by_diff(*sum, (u32)to);
		return 0;
	case 2: *sum = replace(*sum, (u16)from, (u16)to); return 0;
	case 4: *sum = replace(*sum, (u32)from, (u32)to); return 0;
	default: return -EINVAL;
	}
}

/* (ctx, off, from, to, flags) */
HELPER(l3_csum_replace)
{
	u16 *at, sum;
	int err;

	if (r5 & ~(u64)BPF_F_HDR_FIELD_MASK)
		return result(-EINVAL);
	at = sum_at(r1, (u32)r2);
	if (!at)
		return result(-EFAULT);
	memcpy(&sum, at, 2);
	err = replace_sized(&sum, r3, r4, (u32)r5 & BPF_F_HDR_FIELD_MASK);
	memcpy(at, &sum, 2);
	return result(err);
}

/* A UDP checksum of 0 means none: it stays 0, and a computed 0 is written as 0xffff. */
HELPER(l4_csum_replace)
{
	const u64 known = BPF_F_MARK_MANGLED_0 | BPF_F_MARK_ENFORCE | BPF_F_PSEUDO_HDR |
			  BPF_F_HDR_FIELD_MASK | BPF_F_IPV6;
	bool mangle = r5 & BPF_F_MARK_MANGLED_0, enforce = r5 & BPF_F_MARK_ENFORCE;
	u16 *at, sum;
	int err;

	if (r5 & ~known)
		return result(-EINVAL);
	at = sum_at(r1, (u32)r2);
	if (!at)
		return result(-EFAULT);
	memcpy(&sum, at, 2);
	if (mangle && !enforce && !sum)
		return 0;
	err = replace_sized(&sum, r3, r4, (u32)r5 & BPF_F_HDR_FIELD_MASK);
	if (!err && mangle && !sum)
		sum = 0xffff;
	memcpy(at, &sum, 2);
	return result(err);
}
