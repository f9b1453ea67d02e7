/* SPDX-License-Identifier: BSD-2-Clause */
/* Fills the maps of iter.bpf.o, attaches its iterators and prints what they write, with the system's libbpf. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct bpf_object *object;
static char text[1 << 20];

static int map_fd(const char *name)
{
	return bpf_map__fd(bpf_object__find_map_by_name(object, name));
}

static void fill(void)
{
	unsigned long long cpus[1024];
	static char bytes[40000];

	for (unsigned int i = 0; i < 40; i++) {
		unsigned long long value = i * 3, key = i;

		bpf_map_update_elem(map_fd("it_hash"), &i, &value, 0);
		bpf_map_update_elem(map_fd("it_lru"), &key, &value, 0);
		bpf_map_update_elem(map_fd("it_array"), &i, &value, 0);
		for (int cpu = 0; cpu < 1024; cpu++)
			cpus[cpu] = 100 * i + (unsigned int)cpu;
		bpf_map_update_elem(map_fd("it_pcpu"), &i, cpus, 0);
		bpf_map_update_elem(map_fd("it_pcpu_hash"), &i, cpus, 0);
		memset(bytes, 'a' + (int)i, sizeof(bytes));
		bpf_map_update_elem(map_fd("it_large"), &i, bytes, 0);
		bpf_map_update_elem(map_fd("it_too_large"), &i, bytes, 0);
	}
}

/* One session, read by pieces of this size: its length, or what went wrong in it. */
static long session(struct bpf_link *link, size_t piece)
{
	int fd = bpf_iter_create(bpf_link__fd(link)), tries = 0;
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, text + len,
			 len + piece < sizeof(text) ? piece : sizeof(text) - 1 - len)))
		if (n > 0)
			len += (size_t)n;
		else if (errno != EAGAIN || ++tries == 2000)
			break;
	text[len] = 0;
	close(fd);
	return n < 0 ? -errno : (long)len;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_sorted(void)
{
	char *lines[4096], *line;
	size_t count = 0;

	for (line = strtok(text, "\n"); line && count < 4096; line = strtok(NULL, "\n"))
		lines[count++] = line;
	qsort(lines, count, sizeof(*lines), by_text);
	for (size_t i = 0; i < count; i++)
		printf("%s\n", lines[i]);
}

static struct bpf_link *attach(const char *prog, const char *map)
{
	union bpf_iter_link_info info = { .map.map_fd = map ? (unsigned int)map_fd(map) : 0 };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));
	struct bpf_link *link = bpf_program__attach_iter(
		bpf_object__find_program_by_name(object, prog), map ? &opts : NULL);

	printf("== %s %s: %s\n", prog, map ? map : "", link ? "attached" : strerror(errno));
	return link;
}

static void show(const char *prog, const char *map)
{
	struct bpf_link *link = attach(prog, map);

	if (!link)
		return;
	printf("%ld\n", session(link, 4096));
	print_sorted();
	bpf_link__destroy(link);
}

/* Long texts: how long, and how many of each byte. */
static void measure(const char *prog, const char *map, size_t piece)
{
	struct bpf_link *link = attach(prog, map);
	unsigned int count[256] = { 0 };
	long len;

	if (!link)
		return;
	len = session(link, piece);
	printf("%ld\n", len);
	for (long i = 0; i < len; i++)
		count[(unsigned char)text[i]]++;
	for (int c = 0; c < 256; c++)
		if (count[c])
			printf("%c: %u\n", c, count[c]);
	bpf_link__destroy(link);
}

static void print_info(struct bpf_link *link, const char *map)
{
	struct bpf_map_info map_info = { 0 };
	struct bpf_link_info info = { 0 };
	unsigned int len = sizeof(info), map_len = sizeof(map_info);
	char name[32];

	info.iter.target_name = (unsigned long)name;
	info.iter.target_name_len = sizeof(name);
	printf("info %d: ", bpf_obj_get_info_by_fd(bpf_link__fd(link), &info, &len));
	printf("type %u, target %s (%u), prog %d", info.type, name, info.iter.target_name_len,
	       info.prog_id != 0);
	bpf_obj_get_info_by_fd(map_fd(map), &map_info, &map_len);
	printf(", its map %d\n", info.iter.map.map_id == map_info.id);
}

int main(int argc, char **argv)
{
	static const char *const maps[] = { "it_hash", "it_lru",       "it_empty", "it_array",
					    "it_pcpu", "it_pcpu_hash", "it_large" };
	struct bpf_link *link;

	object = argc > 1 ? bpf_object__open_file(argv[1], NULL) : NULL;
	if (!object || bpf_object__load(object))
		return 1;
	fill();
	show("it_maps", NULL);
	show("it_progs", NULL);
	show("it_links", NULL);
	for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++)
		show("it_elems", maps[i]);
	show("it_elems", "it_array");
	show("it_numbers", "it_hash");
	show("it_numbers", "it_empty");
	measure("it_bytes", "it_large", 100);
	measure("it_bytes", "it_large", 1 << 19);
	measure("it_bytes", "it_array", 100);
	measure("it_more", "it_too_large", 100);
	show("it_again", "it_array");
	measure("it_never", "it_array", 100);
	link = attach("it_elems", "it_hash");
	print_info(link, "it_hash");
	printf("update: %d\n", bpf_link__update_program(link, bpf_object__find_program_by_name(
								      object, "it_numbers")));
	printf("updated: %ld\n", session(link, 100));
	print_sorted();
	printf("update to another target: %d\n",
	       bpf_link__update_program(link, bpf_object__find_program_by_name(object, "it_maps")));
	printf("detach: %d\n", bpf_link__detach(link) ? -errno : 0);
	bpf_link__destroy(link);
	bpf_object__close(object);
	return 0;
}
