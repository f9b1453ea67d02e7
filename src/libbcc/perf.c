// SPDX-License-Identifier: BSD-2-Clause
/*
 * Perf buffers: one reader a CPU. Those that are polled or consumed together are read as one stream, in the
 * order of time (load/records.h).
 *
 * All readers are in one epoll set, edge-triggered; a reader that became readable stays marked until
 * it is read, so readers of several BPF objects may be polled in turn.
 */
#include "libbcc/libbcc.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "load/records.h"

enum { EVENTS_AT_ONCE = 64 };

typedef void (*raw_cb)(void *cookie, void *data, int size);
typedef void (*lost_cb)(void *cookie, u64 lost);

struct perf_reader {
	raw_cb raw;
	lost_cb lost;
	void *cookie;
	int fd;
	struct record_buffer buffer;
	size_t mapped; /* bytes, the buffer and its page */
	bool ready;
};

struct perf_opts {
	int pid, cpu, wakeup_events;
};

static int set = -1; /* the epoll */
static pthread_mutex_t set_lock = PTHREAD_MUTEX_INITIALIZER;

static int watch(struct perf_reader *r)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.ptr = r };

	pthread_mutex_lock(&set_lock);
	if (set < 0)
		set = epoll_create1(EPOLL_CLOEXEC);
	pthread_mutex_unlock(&set_lock);
	return set < 0 || epoll_ctl(set, EPOLL_CTL_ADD, r->fd, &event) ? -errno : 0;
}

ABI void perf_reader_free(struct perf_reader *r)
{
	if (!r)
		return;
	if (r->buffer.page)
		munmap(r->buffer.page, r->mapped);
	if (r->fd >= 0) {
		epoll_ctl(set, EPOLL_CTL_DEL, r->fd, NULL);
		ioctl(r->fd, PERF_EVENT_IOC_DISABLE, 0);
		close(r->fd);
	}
	records_free(&r->buffer);
	free(r);
}

static int open_ring(struct perf_reader *r, int pages, const struct perf_opts *opts)
{
	struct perf_event_attr attr;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *map;

	if (pages <= 0 || pages & (pages - 1) || pages > 1 << 18)
		return -EINVAL;
	records_attr(&attr, opts->wakeup_events > 0 ? (u32)opts->wakeup_events : 1);
	r->fd = (int)syscall(SYS_perf_event_open, &attr, opts->pid, opts->cpu, -1,
			     PERF_FLAG_FD_CLOEXEC);
	if (r->fd < 0)
		return -errno;
	r->buffer.size = (size_t)pages * page;
	r->mapped = r->buffer.size + page;
	map = mmap(NULL, r->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	r->buffer.page = map;
	r->buffer.arg = r;
	return ioctl(r->fd, PERF_EVENT_IOC_ENABLE, 0) ? -errno : watch(r);
}

ABI void *bpf_open_perf_buffer_opts(raw_cb raw, lost_cb lost, void *cookie, int pages,
				    struct perf_opts *opts)
{
	struct perf_reader *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return NULL;
	*r = (struct perf_reader){ .raw = raw, .lost = lost, .cookie = cookie, .fd = -1 };
	err = open_ring(r, pages, opts);
	if (!err)
		return r;
	fprintf(stderr, "bpf: perf buffer on cpu %d: %s\n", opts->cpu, strerror(-err));
	perf_reader_free(r);
	errno = -err;
	return NULL;
}

ABI void *bpf_open_perf_buffer(raw_cb raw, lost_cb lost, void *cookie, int pid, int cpu, int pages)
{
	struct perf_opts opts = { .pid = pid, .cpu = cpu, .wakeup_events = 1 };

	return bpf_open_perf_buffer_opts(raw, lost, cookie, pages, &opts);
}

ABI int perf_reader_fd(struct perf_reader *r)
{
	return r ? r->fd : -1;
}

/* ---- reading ---- */

static void receive(void *arg, const void *data, u32 size, u64 lost)
{
	struct perf_reader *r = arg;

	if (data && r->raw)
		r->raw(r->cookie, (void *)data, (int)size);
	else if (!data && r->lost)
		r->lost(r->cookie, lost);
	else if (!data)
		fprintf(stderr, "Possibly lost %llu samples\n", (unsigned long long)lost);
}

/* Those that stand in the array; BCC leaves holes. */
ABI int perf_reader_consume(int count, struct perf_reader **readers)
{
	struct record_buffer **buffers = calloc(count > 0 ? (size_t)count : 1, sizeof(*buffers));
	u32 n = 0;

	if (!buffers)
		return -1;
	for (int i = 0; i < count; i++)
		if (readers[i]) {
			readers[i]->ready = false;
			buffers[n++] = &readers[i]->buffer;
		}
	records_read(buffers, n, receive);
	free(buffers);
	return 0;
}

static bool any_ready(int count, struct perf_reader **readers)
{
	for (int i = 0; i < count; i++)
		if (readers[i] && readers[i]->ready)
			return true;
	return false;
}

ABI int perf_reader_poll(int count, struct perf_reader **readers, int timeout)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int n = epoll_wait(set, events, EVENTS_AT_ONCE, any_ready(count, readers) ? 0 : timeout);

	for (int i = 0; i < n; i++)
		((struct perf_reader *)events[i].data.ptr)->ready = true;
	return any_ready(count, readers) ? perf_reader_consume(count, readers) : 0;
}
