// SPDX-License-Identifier: BSD-2-Clause
/*
 * Records that programs send: perf buffers and ring buffers, opened through libbpf and written one line a
 * record, "name: value"; those of a perf buffer in the order of time, whichever CPU sent them. What a record
 * is, BCC's dialect says: bcc.h leaves a variable NAME_skep_event_N of type "pointer to it" in section
 * .skep.events for every perf_submit and ringbuf_output.
 */
#include "load/value.h" /* first: it brings our uapi.h */

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "load/records.h"

enum { PERF_PAGES = 8 }; /* a CPU, as BCC's default */
enum { TELL_EVERY = 1 }; /* seconds between words about records that are being lost */

struct stream {
	struct objfile *file;
	const char *name;
	u32 type;		   /* BTF id of a record, 0: unknown */
	u32 guessed, guessed_size; /* where type is unknown: of the last record's size */
	int map;
	u64 lost, told; /* records */
	time_t told_at;
	struct perf_buffer *perf;
	struct record_buffer *cpus, **buffers; /* perf's: one a CPU, and where they stand */
	struct ring_buffer *ring;
};

struct streams {
	struct stream *stream;
	u32 count;
	int epoll;
	struct log *out;
};

/* What NAME's records are: the variable bcc.h left, or 0. */
static u32 record_type(const struct btf *btf, const char *name)
{
	static const char infix[] = "_skep_event_";
	size_t len = strlen(name);

	for (u32 id = 1; btf && id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const char *var = btf_is_var(t) ? btf__name_by_offset(btf, t->name_off) : NULL;

		if (!var || strncmp(var, name, len) || strncmp(var + len, infix, sizeof(infix) - 1))
			continue;
		t = btf__type_by_id(btf, (u32)btf__resolve_type(btf, t->type));
		if (t && btf_is_ptr(t))
			return t->type;
	}
	return 0;
}

/* Whether a record of that size can be of a type of this one: perf pads. */
static bool fits(const struct stream *s, s64 want, u32 size)
{
	return want > 0 && (s->ring ? (u64)want == size : (u64)want <= size);
}

/* The structure that a global variable points to, 0: no such variable. */
static u32 pointed_to(const struct btf *btf, u32 id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);
	int to;

	if (!btf_is_var(t))
		return 0;
	t = btf__type_by_id(btf, (u32)btf__resolve_type(btf, t->type));
	to = t && btf_is_ptr(t) ? btf__resolve_type(btf, t->type) : 0;
	return to > 0 && btf_is_struct(btf__type_by_id(btf, (u32)to)) ? (u32)to : 0;
}

/*
 * In libbpf's style nothing says what a buffer's records are, but a pointer to them that is kept for readers of the object:
 * const struct event *unused. Of several such structures it is the one of this size, if there is one.
 */
static u32 guess_type(struct stream *s, const struct btf *btf, u32 size)
{
	u32 found = 0;

	if (s->file->answer.bcc)
		return 0;
	if (s->guessed_size == size)
		return s->guessed;
	for (u32 id = 1; btf && id < btf__type_cnt(btf); id++) {
		u32 type = pointed_to(btf, id);
		s64 want = type && type != found ? btf__resolve_size(btf, type) : 0;

		if (!fits(s, want, size) || (!s->ring && size - want >= 8))
			continue;
		if (found) { /* two of them */
			found = 0;
			break;
		}
		found = type;
	}
	s->guessed_size = size;
	s->guessed = found;
	return found;
}

static void print_record(struct stream *s, const void *data, u32 size)
{
	const struct btf *btf = bpf_object__btf(s->file->bpf);
	struct log *out = s->file->streams->out;
	u32 type = s->type ? s->type : guess_type(s, btf, size);
	s64 want = type ? btf__resolve_size(btf, type) : 0;

	say(out, "%s: ", s->name);
	if (fits(s, want, size))
		value_print(out, btf, type, data, (u32)want);
	else
		value_print(out, NULL, 0, data, size);
	say(out, "\n");
}

/* Linux tells of records lost in a perf buffer with the next that fits; of a ring buffer's it knows nothing. */
static void on_perf(void *arg, const void *data, u32 size, u64 lost)
{
	struct stream *s = arg;

	if (data)
		print_record(s, data, size);
	else if (!s->file->answer.hive)
		s->lost += lost;
}

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static int on_ring(void *arg, void *data, size_t size)
{
	print_record(arg, data, (u32)size);
	return 0;
}

/* libbpf asks for it; the records are read by records_read(). */
static enum bpf_perf_event_ret no_event(void *arg, int cpu, struct perf_event_header *event)
{
	(void)arg, (void)cpu, (void)event;
	return LIBBPF_PERF_EVENT_CONT;
}

static int open_perf(struct stream *s)
{
	struct perf_event_attr attr;
	size_t n, size;
	void *page;

	records_attr(&attr, 1);
	s->perf = perf_buffer__new_raw(s->map, PERF_PAGES, &attr, no_event, NULL, NULL);
	if (!s->perf)
		return -errno;
	n = perf_buffer__buffer_cnt(s->perf);
	s->cpus = calloc(n, sizeof(*s->cpus));
	s->buffers = calloc(n, sizeof(*s->buffers));
	if (!s->cpus || !s->buffers)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (perf_buffer__buffer(s->perf, (int)i, &page, &size))
			return -EINVAL;
		s->cpus[i] = (struct record_buffer){ .page = page, .size = size, .arg = s };
		s->buffers[i] = &s->cpus[i];
	}
	return 0;
}

static int open_ring(struct stream *s)
{
	s->ring = ring_buffer__new(s->map, on_ring, s, NULL);
	return s->ring ? 0 : -errno;
}

static int open_stream(struct streams *streams, struct stream *s, const struct bpf_map *map)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd, err;

	s->name = bpf_map__name(map);
	s->map = bpf_map__fd(map);
	s->told_at = seconds();
	s->type = record_type(bpf_object__btf(s->file->bpf), s->name);
	err = bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF ? open_ring(s) : open_perf(s);
	if (err)
		return err;
	fd = s->ring ? ring_buffer__epoll_fd(s->ring) : perf_buffer__epoll_fd(s->perf);
	return epoll_ctl(streams->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static bool is_stream(const struct bpf_map *map)
{
	u32 type = bpf_map__type(map);

	return type == BPF_MAP_TYPE_RINGBUF || type == BPF_MAP_TYPE_PERF_EVENT_ARRAY;
}

static int open_all(struct objfile *file)
{
	struct streams *streams = file->streams;
	struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_map(map, file->bpf)
	{
		struct stream *s = &streams->stream[streams->count];

		if (err || !is_stream(map))
			continue;
		s->file = file;
		streams->count++;
		err = open_stream(streams, s, map);
	}
	return err;
}

bool objfile_is_dialect(const struct objfile *file)
{
	const struct btf *btf = bpf_object__btf(file->bpf);

	return btf &&
	       btf__find_by_name_kind(btf, ".skep.bcc", BTF_KIND_DATASEC) > 0; /* skep/bcc.h's */
}

int objfile_open_streams(struct objfile *file, struct log *out)
{
	struct bpf_map *map;
	u32 n = 0;
	int err = -ENOMEM;

	bpf_object__for_each_map(map, file->bpf) n += is_stream(map);
	if (!n)
		return -ENOENT;
	file->streams = calloc(1, sizeof(*file->streams));
	if (!file->streams)
		return err;
	file->streams->out = out;
	file->streams->epoll = epoll_create1(EPOLL_CLOEXEC);
	file->streams->stream = calloc(n, sizeof(*file->streams->stream));
	objfile_begin(file);
	if (file->streams->stream)
		err = file->streams->epoll < 0 ? -errno : open_all(file);
	err = objfile_end(file, err, "its buffers cannot be read");
	return err ? err : file->streams->epoll;
}

/* While events come; how many they were in the end the hive tells when the map goes, and we where there is none. */
static void tell_loss(struct stream *s)
{
	struct answer *answer = &s->file->answer;

	if (answer->hive)
		core_buffer_lost(answer->hive, &answer->caller, s->map, &s->lost);
	if (s->lost == s->told || seconds() - s->told_at < TELL_EVERY)
		return;
	say(s->file->log, "%s: %llu records lost so far: the buffer is full\n", s->name,
	    (unsigned long long)s->lost);
	s->told = s->lost;
	s->told_at = seconds();
}

void objfile_read_streams(struct objfile *file)
{
	objfile_begin(file);
	for (u32 i = 0; i < file->streams->count; i++) {
		struct stream *s = &file->streams->stream[i];

		if (s->ring)
			ring_buffer__consume(s->ring);
		else if (s->perf)
			records_read(s->buffers, (u32)perf_buffer__buffer_cnt(s->perf), on_perf);
	}
	seam_leave();
	for (u32 i = 0; i < file->streams->count; i++)
		tell_loss(&file->streams->stream[i]);
}

static void free_perf(struct stream *s)
{
	for (u32 i = 0; s->cpus && i < perf_buffer__buffer_cnt(s->perf); i++)
		records_free(&s->cpus[i]);
	free(s->cpus);
	free(s->buffers);
	perf_buffer__free(s->perf);
}

/* Between objfile_begin() and the object's own end. */
void objfile_close_streams(struct objfile *file)
{
	struct streams *streams = file->streams;

	if (!streams)
		return;
	for (u32 i = 0; i < streams->count; i++) {
		struct stream *s = &streams->stream[i];

		ring_buffer__free(s->ring);
		free_perf(s);
		if (s->lost && !file->answer.hive)
			say(file->log,
			    "%s: %llu records were lost: they found no room in the buffer\n",
			    s->name, (unsigned long long)s->lost);
	}
	if (streams->epoll >= 0)
		close(streams->epoll);
	free(streams->stream);
	free(streams);
}
