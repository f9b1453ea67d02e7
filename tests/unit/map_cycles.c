/* SPDX-License-Identifier: BSD-2-Clause */
/* Making and freeing maps of every family leaves nothing behind: no memory, no fd, no thread. */
#include <dirent.h>
#include <pthread.h>
#include <unistd.h>

#include "map/perf_ring.h"
#include "map/space.h"
#include "map.h"
#include "util/notify.h"

/* Sanitizers keep freed memory for a while. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { CYCLES = 300, SLACK = 1 << 17 };
#else
enum { CYCLES = 3000, SLACK = 256 };
#endif

static u32 entries_of(const char *folder)
{
	DIR *dir = opendir(folder);
	u32 count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

/* A thread that was joined is listed for a moment longer. */
static u32 threads_now(u32 want)
{
	u32 count = 0;

	for (u32 tries = 0; tries < 60000; tries++) {
		count = entries_of("/proc/self/task");
		if (count <= want)
			break;
		usleep(1000);
	}
	return count;
}

static pthread_mutex_t until_the_end = PTHREAD_MUTEX_INITIALIZER;

static void *idle(void *arg)
{
	pthread_mutex_lock(&until_the_end);
	pthread_mutex_unlock(&until_the_end);
	return arg;
}

/* How many threads there are with one of ours at least: a sanitizer's own comes with the first. */
static u32 threads_with(pthread_t *thread)
{
	pthread_mutex_lock(&until_the_end);
	if (pthread_create(thread, NULL, idle, NULL))
		exit(1);
	return entries_of("/proc/self/task");
}

static u64 mapped_pages(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long size = 0, resident = 0;

	if (!file || fscanf(file, "%lu %lu", &size, &resident) < 2)
		resident = 0;
	if (file)
		fclose(file);
	return resident;
}

static void cycle(struct map_space *space)
{
	static const u32 kinds[][5] = {
		{ BPF_MAP_TYPE_HASH, 8, 8, 1000, 0 },
		{ BPF_MAP_TYPE_LRU_HASH, 8, 8, 100, 0 },
		{ BPF_MAP_TYPE_PERCPU_HASH, 8, 8, 10, 0 },
		{ BPF_MAP_TYPE_ARRAY, 4, 8, 10, BPF_F_MMAPABLE },
		{ BPF_MAP_TYPE_LPM_TRIE, 8, 8, 10, 1 },
		{ BPF_MAP_TYPE_QUEUE, 0, 8, 10, 0 },
		{ BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0 },
		{ BPF_MAP_TYPE_BLOOM_FILTER, 0, 8, 10, 0 },
		{ BPF_MAP_TYPE_DEVMAP, 4, 4, 10, 0 },
		{ BPF_MAP_TYPE_STACK_TRACE, 4, 80, 10, 0 },
		{ BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 10, 0 },
	};
	u64 key[2] = { 1 }, value[2] = { 1 };
	struct map_spec spec;
	struct map *map;

	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++) {
		spec = map_spec_of(kinds[i][0], kinds[i][1], kinds[i][2], kinds[i][3], kinds[i][4]);
		spec.space = space;
		if (map_new(&map, &spec, NULL))
			continue;
		map_sys_update(map, key, value, 0);
		if (map->ops->notify)
			notify_fd(map->ops->notify(map));
		map_free(map);
	}
}

static void perf_cycle(void)
{
	struct perf_ring_spec spec = { .cpu = 0, .sample_type = 1 << 10 };
	struct perf_ring *ring;

	if (!perf_ring_new(&ring, &spec)) {
		notify_fd(perf_ring_notify(ring));
		perf_ring_free(ring);
	}
}

int main(void)
{
	struct map_space *space;
	pthread_t thread;
	u32 fds, threads = threads_with(&thread);
	u64 pages;

	space_new(&space);
	for (u32 i = 0; i < 50; i++) {
		cycle(space);
		perf_cycle();
	}
	fds = entries_of("/proc/self/fd");
	pages = mapped_pages();
	for (u32 i = 0; i < CYCLES; i++) {
		cycle(space);
		if (i % 10 == 0)
			perf_cycle();
	}
	is(entries_of("/proc/self/fd"), fds, "no fd stays");
	is(threads_now(threads), threads, "no thread stays");
	ok(mapped_pages() < pages + SLACK, "no memory stays: %llu pages before, %llu after",
	   (unsigned long long)pages, (unsigned long long)mapped_pages());
	space_free(space);
	pthread_mutex_unlock(&until_the_end);
	pthread_join(thread, NULL);
	return done();
}
