/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the program of an iterator writes. The kernel's seq_file holds the text of one read; a piece
 * that does not fit whole is left out and the buffer counts as full, so that whoever reads shows the
 * object again in an empty one. The pointer to it that the verifier checked is not looked at.
 */
#include <errno.h>
#include <string.h>

#include "helper/body.h"

enum { MAX_ARGS = 12 };

/* As seq_bprintf: text that would end at the buffer's end does not fit. */
static s64 grow(struct run_seq *seq, u64 len)
{
	if (seq->count < seq->size && seq->count + len < seq->size) {
		seq->count += (u32)len;
		return 0;
	}
	seq->count = seq->size;
	return -EOVERFLOW;
}

/* (seq, fmt, fmt_size, args, bytes of args) */
HELPER(seq_printf)
{
	struct run_seq *seq = run->seq;
	u32 bytes = (u32)r5;
	s64 len;

	if (bytes % 8 || bytes > MAX_ARGS * 8 || (bytes && !r4))
		return result(-EINVAL);
	if (!seq)
		return result(-EOVERFLOW);
	len = print_format(run, seq->buf + seq->count, seq->size - seq->count, ptr(r2), (u32)r3,
			   ptr(r4), bytes / 8);
	return result(len < 0 ? len : grow(seq, (u64)len));
}

/* (seq, data, len) */
HELPER(seq_write)
{
	struct run_seq *seq = run->seq;
	u32 len = (u32)r3, at;

	if (!seq)
		return result(-EOVERFLOW);
	at = seq->count;
	if (grow(seq, len))
		return result(-EOVERFLOW);
	memcpy(seq->buf + at, ptr(r2), len);
	return 0;
}
