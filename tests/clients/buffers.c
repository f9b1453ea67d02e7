/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buffers SKELETON-OBJECT: what a libbpf skeleton's user does: sets a constant, loads, attaches, waits with
 * epoll for the records of a ring buffer and a perf buffer, reads a global, detaches.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { OPENS = 100 };

struct record {
	int pid, number;
};

static int from_ring, from_perf, wrong;

static void take(const struct record *record, int *count)
{
	if (record->pid != getpid() || record->number != *count)
		wrong++;
	++*count;
}

static int ring_record(void *arg, void *data, size_t size)
{
	(void)arg, (void)size;
	take(data, &from_ring);
	return 0;
}

static void perf_record(void *arg, int cpu, void *data, unsigned int size)
{
	const struct record *record = data;

	(void)arg, (void)cpu, (void)size;
	if (record->pid != getpid())
		wrong++;
	from_perf++;
}

int main(int argc, char **argv)
{
	struct bpf_object *object = argc > 1 ? bpf_object__open_file(argv[1], NULL) : NULL;
	struct bpf_link *links[2];
	struct perf_buffer *perf;
	struct ring_buffer *ring;
	struct bpf_map *map;
	size_t size;
	int *constants;

	if (!object)
		return 1;
	map = bpf_object__find_map_by_name(object, ".rodata");
	constants = bpf_map__initial_value(map, &size);
	*constants = getpid();
	if (bpf_object__load(object))
		return 2;
	ring = ring_buffer__new(bpf_object__find_map_fd_by_name(object, "ring"), ring_record, NULL,
				NULL);
	perf = perf_buffer__new(bpf_object__find_map_fd_by_name(object, "perf"), 4, perf_record,
				NULL, NULL, NULL);
	if (!ring || !perf)
		return 3;
	if (ring_buffer__poll(ring, 0) || perf_buffer__poll(perf, 0))
		return 8;
	/* attaching opens files itself: the program that counts comes last */
	links[0] = bpf_program__attach(bpf_object__find_program_by_name(object, "probed"));
	links[1] = bpf_program__attach(bpf_object__find_program_by_name(object, "on_open"));
	if (!links[0] || !links[1])
		return 4;
	for (int i = 0; i < OPENS; i++)
		close(open("/dev/null", O_RDONLY));
	while (from_ring < OPENS)
		if (ring_buffer__poll(ring, 120000) <= 0)
			return 5;
	while (from_perf < OPENS)
		if (perf_buffer__poll(perf, 120000) <= 0)
			return 6;
	bpf_link__destroy(links[1]);
	bpf_link__destroy(links[0]);
	close(open("/dev/null", O_RDONLY));
	/* a wake-up may be late, a record may not */
	if (ring_buffer__poll(ring, 50) < 0 || perf_buffer__poll(perf, 50) < 0)
		return 7;
	printf("ring %d perf %d wrong %d\n", from_ring, from_perf, wrong);
	ring_buffer__free(ring);
	perf_buffer__free(perf);
	bpf_object__close(object);
	return 0;
}
