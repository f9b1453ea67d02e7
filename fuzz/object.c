// SPDX-License-Identifier: BSD-2-Clause
/*
 * Object files, damaged at random: opening, loading and listing them must end with an answer,
 * whatever is in them. The seeds are the examples, compiled. fuzz/object [SECONDS [SEED]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "skep.h"

static const char *const sources[] = { "examples/hello.c", "examples/hello-map.c",
				       "examples/hello.bpf.c", "examples/xdp-drop.bpf.c" };
enum { SEEDS = sizeof(sources) / sizeof(*sources) };

static unsigned long long state;

static unsigned int pick(unsigned int below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(state >> 33) % below;
}

static void swallow(void *arg, const char *text, size_t len)
{
	(void)text;
	*(size_t *)arg += len;
}

/* A few bytes changed, mostly in headers and tables; sometimes the end cut off. */
static size_t damage(unsigned char *bytes, size_t size)
{
	static const unsigned char odd[] = { 0, 1, 0x7f, 0x80, 0xff, 0xfe, 0x40 };
	unsigned int n = 1 + pick(4);

	while (n--) {
		size_t at = pick((unsigned int)size);

		if (pick(3) == 0)
			at = size - 1 - pick(size < 2048 ? (unsigned int)size : 2048);
		bytes[at] = pick(2) ? (unsigned char)pick(256) : odd[pick(sizeof(odd))];
	}
	return pick(16) ? size : pick((unsigned int)size);
}

static int try(struct skep *skep, const unsigned char *bytes, size_t size, size_t *said)
{
	struct skep_object_opts opts = {
		.sz = sizeof(opts), .name = "fuzz", .log = swallow, .log_arg = said, .capture = 1
	};
	struct skep_dump_opts dump = {
		.sz = sizeof(dump), .name = "fuzz", .source = 1, .log = swallow, .log_arg = said
	};
	struct skep_object *object;
	int loaded = 0;

	skep_dump(bytes, size, &dump, swallow, said);
	if (!skep_object_open(&object, skep, bytes, size, &opts)) {
		loaded = !skep_object_load(object, NULL, 0) && skep_object_attach(object) >= 0;
		skep_object_close(object);
	}
	return loaded;
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 30);
	void *seed[SEEDS];
	size_t size[SEEDS], said = 0, tries = 0, loaded = 0;
	struct skep *skep;

	state = argc > 2 ? strtoull(argv[2], NULL, 0) : (unsigned long long)time(NULL);
	printf("object: seed %llu\n", state);
	fflush(stdout);
	for (int i = 0; i < SEEDS; i++)
		if (skep_compile(sources[i], NULL, &seed[i], &size[i]))
			return fprintf(stderr, "%s does not compile\n", sources[i]), 1;
	if (skep_new(&skep, NULL))
		return 1;
	for (; time(NULL) < end; tries++) {
		int which = (int)pick(SEEDS);
		unsigned char *copy = malloc(size[which]);
		size_t len;

		memcpy(copy, seed[which], size[which]);
		len = tries ? damage(copy, size[which]) : size[which];
		copy = realloc(copy, len ? len : 1); /* so that a sanitizer sees the end */
		loaded += (size_t)try(skep, copy, len, &said);
		free(copy);
	}
	printf("object: %zu tries, %zu of them loaded\n", tries, loaded);
	skep_free(skep);
	for (int i = 0; i < SEEDS; i++)
		free(seed[i]);
	return loaded ? 0 : 1;
}
