/* SPDX-License-Identifier: BSD-2-Clause */
/* Rounds of the kind SHA-256 has, over 256 bytes read big-endian, byte by byte. */
#include "bench.h"

struct { u8 message[256]; } data;

static inline u32 rotate(u32 x, u32 n)
{
	return x >> n | x << (32 - n);
}

u64 program(void *ctx)
{
	u32 a = 0x6a09e667, b = 0xbb67ae85, c = 0x3c6ef372, d = 0xa54ff53a;
	u32 e = 0x510e527f, f = 0x9b05688c, g = 0x1f83d9ab, h = 0x5be0cd19;

	for (u32 i = 0; i < 64; i++) {
		const u8 *p = &data.message[i * 4];
		u32 w = (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
		u32 t1 = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + w;
		u32 t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));

		h = g;
		g = f;
		f = e;
		e = d + t1;
		d = c;
		c = b;
		b = a;
		a = t1 + t2;
	}
	return ((u64)(a ^ b ^ c ^ d) << 32) | (e ^ f ^ g ^ h);
}
