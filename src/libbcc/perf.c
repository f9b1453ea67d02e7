// SPDX-License-Identifier: BSD-2-Clause
/*
 * Perf buffers: one reader a CPU, the layout of perf_event_mmap_page (uapi linux/perf_event.h).
 *
 * All readers are in one epoll set, edge-triggered; a reader that became readable stays marked until
 * it is read, so readers of several BPF objects may be polled in turn. A record that wraps around
 * the ring's end is copied out before it is handed on.
 */
#include "libbcc/libbcc.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EVENTS_AT_ONCE = 64 };

typedef void (*raw_cb)(void *cookie, void *data, int size);
typedef void (*lost_cb)(void *cookie, u64 lost);

struct perf_reader {
	raw_cb raw;
	lost_cb lost;
	void *cookie;
	int fd;
	struct perf_event_mmap_page *page;
	size_t data_size, mapped; /* bytes of the ring, of the whole mapping */
	u8 *copy;		  /* of a record that wraps */
	size_t copy_room;
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
	if (r->page)
		munmap(r->page, r->mapped);
	if (r->fd >= 0) {
		epoll_ctl(set, EPOLL_CTL_DEL, r->fd, NULL);
		ioctl(r->fd, PERF_EVENT_IOC_DISABLE, 0);
		close(r->fd);
	}
	free(r->copy);
	free(r);
}

static int open_ring(struct perf_reader *r, int pages, const struct perf_opts *opts)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_type = PERF_SAMPLE_RAW,
		.sample_period = 1,
		.wakeup_events = opts->wakeup_events > 0 ? (u32)opts->wakeup_events : 1,
	};
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (pages <= 0 || pages & (pages - 1) || pages > 1 << 18)
		return -EINVAL;
	r->fd = (int)syscall(SYS_perf_event_open, &attr, opts->pid, opts->cpu, -1,
			     PERF_FLAG_FD_CLOEXEC);
	if (r->fd < 0)
		return -errno;
	r->data_size = (size_t)pages * page;
	r->mapped = r->data_size + page;
	r->page = mmap(NULL, r->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	if (r->page == MAP_FAILED) {
		r->page = NULL;
		return -errno;
	}
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

/* size bytes at a position of the ring, in one piece; NULL without memory. */
static const void *piece(struct perf_reader *r, u64 at, size_t size)
{
	const u8 *base = (const u8 *)r->page + (r->mapped - r->data_size);
	size_t start = at & (r->data_size - 1), first = min(size, r->data_size - start);

	if (first == size)
		return base + start;
	if (r->copy_room < size) {
		u8 *grown = realloc(r->copy, size);

		if (!grown)
			return NULL;
		r->copy = grown;
		r->copy_room = size;
	}
	memcpy(r->copy, base + start, first);
	memcpy(r->copy + first, base, size - first);
	return r->copy;
}

static void hand_on(struct perf_reader *r, const struct perf_event_header *header)
{
	const struct {
		struct perf_event_header header;
		u32 size;
		u8 data[];
	} __attribute__((packed)) *raw = (const void *)header;
	const struct {
		struct perf_event_header header;
		u64 id, lost;
	} *lost = (const void *)header;

	if (header->type == PERF_RECORD_SAMPLE && header->size >= sizeof(*raw) &&
	    raw->size <= header->size - sizeof(*raw)) {
		if (r->raw)
			r->raw(r->cookie, (void *)raw->data, (int)raw->size);
	} else if (header->type == PERF_RECORD_LOST && header->size >= sizeof(*lost)) {
		if (r->lost)
			r->lost(r->cookie, lost->lost);
		else
			fprintf(stderr, "Possibly lost %llu samples\n",
				(unsigned long long)lost->lost);
	}
}

static void read_all(struct perf_reader *r)
{
	u64 tail = r->page->data_tail,
	    head = __atomic_load_n(&r->page->data_head, __ATOMIC_ACQUIRE);

	r->ready = false;
	while (head - tail >= sizeof(struct perf_event_header) && head - tail <= r->data_size) {
		const struct perf_event_header *header = piece(r, tail, sizeof(*header));
		size_t size = header ? header->size : 0;

		if (size < sizeof(*header) || size > head - tail)
			break;
		header = piece(r, tail, size);
		if (!header)
			break;
		hand_on(r, header);
		tail += size;
		__atomic_store_n(&r->page->data_tail, tail, __ATOMIC_RELEASE);
		if (tail == head)
			head = __atomic_load_n(&r->page->data_head, __ATOMIC_ACQUIRE);
	}
}

ABI int perf_reader_consume(int count, struct perf_reader **readers)
{
	for (int i = 0; i < count; i++)
		if (readers[i])
			read_all(readers[i]);
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
	for (int i = 0; i < count; i++)
		if (readers[i] && readers[i]->ready)
			read_all(readers[i]);
	return 0;
}
