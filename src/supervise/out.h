/* SPDX-License-Identifier: BSD-2-Clause */
/* The trace pipe's lines on their way to a file descriptor that may be slow, shared or gone. */
#ifndef SUPERVISE_OUT_H
#define SUPERVISE_OUT_H

#include "core/core.h"

struct out {
	struct hive *hive;
	int fd;	      /* -1: lines stay in the pipe */
	bool blocked; /* the reader is slow: flush again when fd is writable */
	u64 lost;     /* lines that fell out of the full pipe */
	int err; /* errno: why lines could not be written, 0 (a reader that is gone is no error) */
	size_t len, done;
	char buf[4096]; /* PIPE_BUF: what a writable pipe takes without waiting */
};

void out_start(struct out *out, struct hive *hive, int fd);
/* Writes what there is, never waiting for the reader. */
void out_flush(struct out *out);
/* Writes all that is left, waiting if need be. */
void out_finish(struct out *out);

#endif
