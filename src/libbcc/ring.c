// SPDX-License-Identifier: BSD-2-Clause
/* Ring buffers: libbpf's consumer. A callback that returns less than 0 ends the poll, as in BCC. */
#include "libbcc/libbcc.h"

#include <errno.h>
#include <string.h>

ABI void *bpf_new_ringbuf(int map_fd, ring_buffer_sample_fn callback, void *ctx)
{
	const char *words;
	void *ring;

	said_begin();
	ring = ring_buffer__new(map_fd, callback, ctx, NULL);
	words = said_end();
	if (!ring)
		fprintf(stderr, "%sbpf: ring buffer: %s\n", words, strerror(errno));
	return ring;
}

ABI void bpf_free_ringbuf(struct ring_buffer *ring)
{
	ring_buffer__free(ring);
}

ABI int bpf_add_ringbuf(struct ring_buffer *ring, int map_fd, ring_buffer_sample_fn callback,
			void *ctx)
{
	return ring_buffer__add(ring, map_fd, callback, ctx);
}

ABI int bpf_poll_ringbuf(struct ring_buffer *ring, int timeout)
{
	return ring_buffer__poll(ring, timeout);
}
ABI int bpf_consume_ringbuf(struct ring_buffer *ring)
{
	return ring_buffer__consume(ring);
}
