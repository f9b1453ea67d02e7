// SPDX-License-Identifier: BSD-2-Clause
/*
 * From the start of `skep run hello.c -- true` to its first event on standard output, the object in
 * the cache and not, and the peak memory of skep itself. Medians; the commands are this file's.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CACHED_RUNS = 51, UNCACHED_RUNS = 11 };

static char cache[] = "/tmp/skep-bench.XXXXXX";

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void clear_cache(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s/skep", cache);
	if (system(command))
		exit(1);
}

/* One run: milliseconds to the first byte of output; *peak_kb is the largest of all runs. */
static double run(const char *skep, long *peak_kb)
{
	struct rusage usage;
	double start = now_ms(), first;
	int ends[2], status, quiet;
	char byte;
	pid_t pid;

	if (pipe(ends))
		exit(1);
	pid = fork();
	if (!pid) {
		quiet = open("/dev/null", O_WRONLY);
		dup2(ends[1], 1);
		dup2(quiet, 2);
		close(ends[0]);
		close(ends[1]);
		execl(skep, skep, "run", "examples/hello.c", "--", "/bin/true", NULL);
		_exit(127);
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 1) {
		fprintf(stderr, "%s run examples/hello.c printed nothing\n", skep);
		exit(1);
	}
	first = now_ms() - start;
	while (read(ends[0], &byte, 1) == 1)
		;
	close(ends[0]);
	wait4(pid, &status, 0, &usage);
	if (usage.ru_maxrss > *peak_kb)
		*peak_kb = usage.ru_maxrss;
	return first;
}

static double median(const char *skep, int runs, int uncached, long *peak_kb)
{
	double times[CACHED_RUNS];

	for (int i = 0; i < runs; i++) {
		if (uncached)
			clear_cache();
		times[i] = run(skep, peak_kb);
	}
	qsort(times, (size_t)runs, sizeof(*times), compare);
	return times[runs / 2];
}

int main(void)
{
	const char *skep = getenv("SKEP");
	long peak = 0, ignored = 0;
	double cached, uncached;

	if (!skep)
		skep = "build/skep";
	if (!mkdtemp(cache) || setenv("XDG_CACHE_HOME", cache, 1))
		return 1;
	uncached = median(skep, UNCACHED_RUNS, 1, &ignored);
	cached = median(skep, CACHED_RUNS, 0, &peak);
	clear_cache();
	rmdir(cache);
	printf("%-52s %10s %10s\n", "skep run hello.c -- true", "median", "wanted");
	printf("%-52s %7.1f ms %10s\n", "start to first event, object cached", cached, "<= 15 ms");
	printf("%-52s %7.1f ms %10s\n", "start to first event, compiled", uncached, "<= 120 ms");
	printf("%-52s %7.1f MB %10s\n", "peak memory, object cached", (double)peak / 1024,
	       "<= 12 MB");
	return 0;
}
