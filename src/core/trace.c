/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trace pipe: finished lines between programs that print and whoever reads. A ring of bytes of
 * fixed size; a line that does not fit is dropped whole and counted, so a reader never sees half of
 * one. The eventfd is readable while lines are there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/hive.h"

enum { TRACE_SIZE = 1 << 20 };

struct trace_pipe {
	pthread_mutex_t lock;
	int fd;
	u64 head, tail; /* bytes ever written, ever read */
	u64 lost;
	char ring[TRACE_SIZE];
};

int trace_new(struct hive *hive)
{
	struct trace_pipe *trace = calloc(1, sizeof(*trace));

	if (!trace)
		return -ENOMEM;
	hive->trace = trace;
	pthread_mutex_init(&trace->lock, NULL);
	trace->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return trace->fd < 0 ? -errno : 0;
}

void trace_free(struct hive *hive)
{
	if (!hive->trace)
		return;
	if (hive->trace->fd >= 0)
		close(hive->trace->fd);
	pthread_mutex_destroy(&hive->trace->lock);
	free(hive->trace);
}

/* Copies between the ring at a position and plain memory. */
static void ring_put(struct trace_pipe *trace, const char *from, size_t len)
{
	size_t at = trace->head % TRACE_SIZE, first = min(len, TRACE_SIZE - at);

	memcpy(trace->ring + at, from, first);
	memcpy(trace->ring, from + first, len - first);
	trace->head += len;
}

static void ring_get(struct trace_pipe *trace, char *to, size_t len)
{
	size_t at = trace->tail % TRACE_SIZE, first = min(len, TRACE_SIZE - at);

	memcpy(to, trace->ring + at, first);
	memcpy(to + first, trace->ring, len - first);
	trace->tail += len;
}

void core_trace_write(struct hive *hive, const char *line, size_t len)
{
	struct trace_pipe *trace = hive->trace;
	bool was_empty;

	pthread_mutex_lock(&trace->lock);
	was_empty = trace->head == trace->tail;
	if (len > TRACE_SIZE - (trace->head - trace->tail))
		trace->lost++;
	else
		ring_put(trace, line, len);
	/* the counter can only be full of wake-ups nobody took: still readable */
	if (was_empty && eventfd_write(trace->fd, 1))
		was_empty = false;
	pthread_mutex_unlock(&trace->lock);
}

size_t core_trace_read(struct hive *hive, char *buf, size_t size, u64 *lost)
{
	struct trace_pipe *trace = hive->trace;
	eventfd_t wakes;
	size_t len;

	pthread_mutex_lock(&trace->lock);
	len = min(size, (size_t)(trace->head - trace->tail));
	ring_get(trace, buf, len);
	if (trace->head == trace->tail && eventfd_read(trace->fd, &wakes))
		wakes = 0;
	if (lost)
		*lost = trace->lost;
	trace->lost = 0;
	pthread_mutex_unlock(&trace->lock);
	return len;
}

int core_trace_fd(struct hive *hive)
{
	return hive->trace->fd;
}
