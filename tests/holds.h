/* SPDX-License-Identifier: BSD-2-Clause */
/* What this process holds: for tests and benchmarks that look for growth. */
#ifndef TESTS_HOLDS_H
#define TESTS_HOLDS_H

#include <dirent.h>
#include <stdio.h>

static int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static long resident_kb(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long pages = 0;

	if (fscanf(file, "%*d %ld", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * 4;
}

#endif
