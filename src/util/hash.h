/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A keyed hash of short byte strings for tables whose keys come from outside: two 64-bit multiplies
 * folded for up to 16 bytes, one more for each further 16. The seed is private to a table, so that
 * chains cannot be made long from outside by choosing keys.
 */
#ifndef UTIL_HASH_H
#define UTIL_HASH_H

#include <string.h>
#include "util/types.h"

static inline u64 hash_fold(u64 a, u64 b)
{
	unsigned __int128 wide = (unsigned __int128)a * b;

	return (u64)wide ^ (u64)(wide >> 64);
}

static inline u64 hash_u64(u64 key, u64 seed)
{
	return hash_fold(key ^ seed, 0x9e3779b97f4a7c15ull ^ seed >> 7) ^ key;
}

/* The low 32 bits of the result are used as an index, so all of them are mixed. */
static inline u64 hash_bytes(const void *data, size_t len, u64 seed)
{
	const u8 *at = data;
	u64 a = 0, b = 0, state = seed ^ len * 0xa0761d6478bd642full;

	for (; len > 16; at += 16, len -= 16) {
		memcpy(&a, at, 8);
		memcpy(&b, at + 8, 8);
		state = hash_fold(a ^ state, b ^ 0xe7037ed1a0b428dbull);
	}
	a = b = 0;
	if (len >= 8) {
		memcpy(&a, at, 8);
		memcpy(&b, at + len - 8, 8);
	} else if (len >= 4) {
		u32 low, high;

		memcpy(&low, at, 4);
		memcpy(&high, at + len - 4, 4);
		a = low, b = high;
	} else if (len) {
		a = (u64)at[0] << 16 | (u64)at[len / 2] << 8 | at[len - 1];
	}
	return hash_fold(hash_fold(a ^ state, b ^ 0x8ebc6af09c88c6e3ull),
			 state ^ 0x589965cc75374cc3ull);
}

#endif
