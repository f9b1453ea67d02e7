// SPDX-License-Identifier: BSD-2-Clause
/*
 * Iterators of an object: programs of sections iter/NAME, whose text is had by running them. One over a map's elements is
 * attached to a map of the same object: the only one that it can be, or the one that --attach FN=iter:MAP names.
 */
#include "load/objfile.h" /* first: it brings our uapi.h */

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool iterator_is(const struct bpf_program *prog)
{
	return bpf_program__type(prog) == BPF_PROG_TYPE_TRACING &&
	       bpf_program__expected_attach_type(prog) == BPF_TRACE_ITER;
}

/* What it goes over: "bpf_map_elem"; "" where the section does not say. */
static const char *goes_over(const struct bpf_program *prog)
{
	const char *slash = strchr(bpf_program__section_name(prog), '/');

	return slash ? slash + 1 : "";
}

static bool has_elements(const struct bpf_map *map)
{
	switch (bpf_map__type(map)) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY: return !bpf_map__is_internal(map);
	default: return false;
	}
}

/* The names of the maps that have elements to go over into text; how many there are, and the last one. */
static unsigned int list_maps(const struct objfile *file, char *text, size_t room,
			      struct bpf_map **last)
{
	unsigned int count = 0;
	struct bpf_map *map;
	size_t len = 0;

	*text = 0;
	bpf_object__for_each_map(map, file->bpf)
	{
		if (!has_elements(map))
			continue;
		if (len < room)
			len += (size_t)snprintf(text + len, room - len, "%s%s", count ? ", " : "",
						bpf_map__name(map));
		*last = map;
		count++;
	}
	return count;
}

int iterator_plan(struct objfile *file, struct objfile_prog *p)
{
	const char *name = bpf_program__name(p->prog), *asked = p->target.name;
	bool over_elements = !strcmp(goes_over(p->prog), "bpf_map_elem");
	struct bpf_map *map = NULL;
	char maps[512];
	unsigned int count;

	if (!iterator_is(p->prog))
		return fail(file->log, -EINVAL,
			    "%s: program '%s' is no iterator: its section is %s", file->name, name,
			    bpf_program__section_name(p->prog));
	if (!over_elements && *asked)
		return fail(
			file->log, -EINVAL,
			"%s: program '%s' goes over no map's elements, but over all of a kind (%s)",
			file->name, name, goes_over(p->prog));
	p->target.kind = TARGET_ITER;
	if (!over_elements)
		return 0;
	count = list_maps(file, maps, sizeof(maps), &map);
	if (*asked)
		map = bpf_object__find_map_by_name(file->bpf, asked);
	else if (count != 1)
		map = NULL;
	if (!map || !has_elements(map))
		return fail(
			file->log, -EINVAL,
			"%s: program '%s' goes over a map's elements: say --attach %s=iter:MAP; "
			"maps that have some: %s",
			file->name, name, name, *maps ? maps : "none");
	snprintf(p->target.name, sizeof(p->target.name), "%s", bpf_map__name(map));
	return 0;
}

struct bpf_link *iterator_attach(struct objfile *file, struct objfile_prog *p)
{
	LIBBPF_OPTS(bpf_iter_attach_opts, opts);
	union bpf_iter_link_info info;

	memset(&info, 0, sizeof(info));
	if (*p->target.name) {
		info.map.map_fd = (u32)bpf_object__find_map_fd_by_name(file->bpf, p->target.name);
		opts.link_info = &info;
		opts.link_info_len = sizeof(info);
	}
	return bpf_program__attach_iter(p->prog, &opts);
}

/* What it writes, as far as it comes. */
static int copy_text(int fd, struct log *out)
{
	char text[4096];
	ssize_t n;

	while ((n = read(fd, text, sizeof(text))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		out->write(out->arg, text, (size_t)n);
	}
	return 0;
}

static int print(struct objfile *file, const struct objfile_prog *p, struct log *out)
{
	int fd, err;

	objfile_begin(file);
	fd = bpf_iter_create(bpf_link__fd(p->link));
	err = fd < 0 ? -errno : copy_text(fd, out);
	if (fd >= 0)
		close(fd);
	return objfile_end(file, err, "iterator '%s' ended early", bpf_program__name(p->prog));
}

int objfile_count_iterators(const struct objfile *file)
{
	int count = 0;

	for (size_t i = 0; i < file->nr_progs; i++)
		count += file->progs[i].target.kind == TARGET_ITER && file->progs[i].link;
	return count;
}

int objfile_print_iterators(struct objfile *file, struct log *out)
{
	int first = 0;

	for (size_t i = 0; i < file->nr_progs; i++) {
		const struct objfile_prog *p = &file->progs[i];
		int err = p->target.kind == TARGET_ITER && p->link ? print(file, p, out) : 0;

		first = first ? first : err;
	}
	return first;
}
