/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gives packets of all sizes to an XDP program by BPF_PROG_TEST_RUN and prints each one's verdict, length and sum, then the
 * maps' contents, sorted. With $SENT and $KEPT the packets, and those that passed, are written there as capture files
 * (without the metadata that a program put in front).
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PACKETS = 600, LONGEST = 1500 };

static unsigned int state = 1;

static unsigned int next_random(void)
{
	state = state * 1664525 + 1013904223;
	return state >> 12;
}

static FILE *capture(const char *variable)
{
	static const unsigned int header[] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1 };
	const char *path = getenv(variable);
	FILE *file = path ? fopen(path, "w") : NULL;

	if (file)
		fwrite(header, sizeof(header), 1, file);
	return file;
}

static void keep(FILE *file, unsigned int number, const void *packet, unsigned int len)
{
	unsigned int record[] = { 1700000000, number, len, len };

	if (!file)
		return;
	fwrite(record, sizeof(record), 1, file);
	fwrite(packet, len, 1, file);
}

static unsigned int sum(const unsigned char *data, unsigned int len)
{
	unsigned int hash = 2166136261u;

	while (len--)
		hash = (hash ^ *data++) * 16777619u;
	return hash;
}

static void run_all(int prog)
{
	static unsigned char packet[LONGEST], out[LONGEST + 1024];
	FILE *sent = capture("SENT"), *kept = capture("KEPT");

	for (unsigned int i = 0; i < PACKETS; i++) {
		unsigned int len = i < 64 ? 14 + i : 14 + next_random() % (LONGEST - 13);
		struct xdp_md in = { .data_end = len }, after = { 0 };
		LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet, .data_size_in = len,
			    .data_out = out, .data_size_out = sizeof(out), .ctx_in = &in,
			    .ctx_size_in = sizeof(in), .ctx_out = &after,
			    .ctx_size_out = sizeof(after));
		int err;

		for (unsigned int k = 0; k < len; k++)
			packet[k] = (unsigned char)next_random();
		packet[10] &= 15; /* few networks */
		err = bpf_prog_test_run_opts(prog, &run);
		printf("%u: %d, verdict %u, %u of %u bytes, %u in front, %08x\n", i, err,
		       run.retval, run.data_size_out, len, after.data,
		       err ? 0 : sum(out, run.data_size_out));
		keep(sent, i, packet, len);
		if (!err && run.retval == 2)
			keep(kept, i, out + after.data, run.data_size_out - after.data);
	}
	if (sent)
		fclose(sent);
	if (kept)
		fclose(kept);
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void show(struct bpf_map *map)
{
	static char lines[1024][64];
	unsigned char key[8] = { 0 }, *previous = NULL;
	unsigned int n = 0;
	unsigned long long value;
	int fd = bpf_map__fd(map);

	while (n < 1024 && !bpf_map_get_next_key(fd, previous, key)) {
		unsigned long long shown = 0;

		previous = key;
		memcpy(&shown, key, bpf_map__key_size(map));
		if (!bpf_map_lookup_elem(fd, key, &value))
			snprintf(lines[n++], sizeof(lines[0]), "%s[%llx]: %llx", bpf_map__name(map),
				 shown, value);
	}
	qsort(lines, n, sizeof(lines[0]), compare);
	for (unsigned int i = 0; i < n; i++)
		puts(lines[i]);
}

int main(int argc, char **argv)
{
	struct bpf_object *object = argc > 1 ? bpf_object__open_file(argv[1], NULL) : NULL;
	struct bpf_map *map;

	if (!object || bpf_object__load(object))
		return 1;
	run_all(bpf_program__fd(bpf_object__next_program(object, NULL)));
	bpf_object__for_each_map(map, object) if (bpf_map__value_size(map) == 8) show(map);
	bpf_object__close(object);
	return 0;
}
