/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing without waiting to an fd that must not be made non-blocking, since others share its
 * open file: poll(2) first, and then at most PIPE_BUF bytes, which a pipe that polls writable
 * takes at once. What cannot be written stays in the hive's bounded pipe, whose losses are
 * counted and told as the kernel tells them.
 */
#include "supervise/out.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void out_start(struct out *out, struct hive *hive, int fd)
{
	out->hive = hive;
	out->fd = fd;
	out->blocked = false;
	out->len = out->done = 0;
	out->lost = 0;
	out->err = 0;
}

enum { NOTE = 64 }; /* bytes kept for a note of loss */

/* As trace_pipe tells it, between two lines: the text may end within one. */
static void note_loss(struct out *out, u64 lost)
{
	char note[NOTE], *end = memrchr(out->buf, '\n', out->len);
	size_t len = (size_t)snprintf(note, sizeof(note), "CPU:0 [LOST %llu EVENTS]\n",
				      (unsigned long long)lost);
	size_t at = end ? (size_t)(end + 1 - out->buf) : 0;

	memmove(out->buf + at + len, out->buf + at, out->len - at);
	memcpy(out->buf + at, note, len);
	out->len += len;
	out->lost += lost;
}

/* More text into the empty buffer; false if there is none. */
static bool refill(struct out *out)
{
	u64 lost = 0;

	out->done = 0;
	out->len = core_trace_read(out->hive, out->buf, sizeof(out->buf) - NOTE, &lost);
	if (lost)
		note_loss(out, lost);
	return out->len;
}

/* Waits for the reader up to timeout ms (-1: for ever); false if it is not ready or gone. */
static bool writable(struct out *out, int timeout)
{
	struct pollfd fd = { .fd = out->fd, .events = POLLOUT };
	int n;

	do
		n = poll(&fd, 1, timeout);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

static void flush(struct out *out, int timeout)
{
	while (out->fd >= 0 && (out->done < out->len || refill(out))) {
		ssize_t n;

		out->blocked = !writable(out, timeout);
		if (out->blocked)
			return;
		n = write(out->fd, out->buf + out->done, out->len - out->done);
		if (n >= 0) {
			out->done += (size_t)n;
		} else if (errno != EINTR && errno != EAGAIN) {
			out->err = errno == EPIPE ? 0 : errno;
			out->fd = -1; /* the reader is gone; the command need not care */
		}
	}
	out->blocked = false;
}

void out_flush(struct out *out)
{
	flush(out, 0);
}

void out_finish(struct out *out)
{
	flush(out, -1);
}
