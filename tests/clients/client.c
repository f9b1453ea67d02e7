/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client OBJECT: loads it with the system's libbpf, runs its first program once (on a packet, if it takes one), waits until
 * what its section "awaits" names is there and prints what is in the array "results" and in the ring buffer "ring", if any.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <unistd.h>

static int show(void *arg, void *data, size_t size)
{
	(void)arg;
	printf("ring: %zu bytes, first %llu\n", size, *(unsigned long long *)data);
	return 0;
}

/* Until these results, which come by themselves, are there; then a moment, for what should not come. */
static void await(struct bpf_object *object, int fd)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, ".rodata.awaits");
	size_t size = 0;
	const unsigned int *which = map ? bpf_map__initial_value(map, &size) : NULL;
	unsigned long long value;

	if (!map)
		return;
	for (size_t i = 0; i < size / sizeof(*which); i++)
		for (int tries = 0; tries < 12000; tries++) {
			value = 0;
			if (bpf_map_lookup_elem(fd, &which[i], &value) || value)
				break;
			usleep(10000);
		}
	usleep(50000);
}

static void print_results(int fd)
{
	unsigned long long value;

	for (unsigned int i = 0; !bpf_map_lookup_elem(fd, &i, &value); i++)
		printf("%u: %lld\n", i, (long long)value);
}

int main(int argc, char **argv)
{
	struct bpf_object *object = argc > 1 ? bpf_object__open_file(argv[1], NULL) : NULL;
	struct bpf_map *ring, *results;
	struct ring_buffer *consumer;
	struct bpf_program *program;
	char packet[64] = { 0 };
	unsigned long long args[2] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, run);

	if (!object || bpf_object__load(object))
		return 1;
	program = bpf_object__next_program(object, NULL);
	if (bpf_program__type(program) == BPF_PROG_TYPE_RAW_TRACEPOINT) {
		run.ctx_in = args;
		run.ctx_size_in = sizeof(args);
	} else {
		run.data_in = packet;
		run.data_size_in = sizeof(packet);
	}
	if (bpf_prog_test_run_opts(bpf_program__fd(program), &run))
		return 2;
	results = bpf_object__find_map_by_name(object, "results");
	if (results)
		await(object, bpf_map__fd(results));
	if (results)
		print_results(bpf_map__fd(results));
	ring = bpf_object__find_map_by_name(object, "ring");
	if (ring) {
		consumer = ring_buffer__new(bpf_map__fd(ring), show, NULL, NULL);
		printf("consumed %d\n", consumer ? ring_buffer__consume(consumer) : -1);
		ring_buffer__free(consumer);
	}
	bpf_object__close(object);
	return 0;
}
