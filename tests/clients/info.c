/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads an object and prints what bpf_obj_get_info_by_fd() tells of its programs, maps, BTF and links, but for what
 * differs from load to load: ids, addresses, times, and lengths of translated code. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHOW(info, field)   printf("  %s %lld\n", #field, (long long)(info).field)
#define IS_SET(info, field) printf("  %s %s\n", #field, (info).field ? "set" : "0")

static void show_functions(int fd, const struct bpf_prog_info *first, const struct btf *btf)
{
	struct bpf_prog_info info = { 0 };
	unsigned int len = sizeof(info), lens[16], map_ids[16], bad = 0;
	static struct bpf_line_info lines[512];
	struct bpf_func_info functions[16];
	unsigned long long ksyms[16];
	static unsigned long long jited[512];
	unsigned char tags[16][8] = { { 0 } };

	info.nr_jited_ksyms = info.nr_jited_func_lens = info.nr_func_info = info.nr_prog_tags =
		info.nr_map_ids = 16;
	info.nr_line_info = info.nr_jited_line_info = 512;
	info.jited_ksyms = (unsigned long)ksyms;
	info.jited_func_lens = (unsigned long)lens;
	info.func_info = (unsigned long)functions;
	info.func_info_rec_size = first->func_info_rec_size;
	info.line_info = (unsigned long)lines;
	info.line_info_rec_size = first->line_info_rec_size;
	info.jited_line_info = (unsigned long)jited;
	info.jited_line_info_rec_size = first->jited_line_info_rec_size;
	info.prog_tags = (unsigned long)tags;
	info.map_ids = (unsigned long)map_ids;
	printf("  again %d\n", bpf_obj_get_info_by_fd(fd, &info, &len));
	for (unsigned int i = 0; i < info.nr_jited_ksyms && i < 16; i++)
		printf("  function %u: %s, %s, %s, %s\n", i, ksyms[i] ? "address" : "none",
		       lens[i] ? "length" : "none",
		       memcmp(tags[i], (unsigned char[8]){ 0 }, 8) ? "tag" : "none",
		       i < info.nr_func_info
			       ? btf__name_by_offset(
					 btf, btf__type_by_id(btf, functions[i].type_id)->name_off)
			       : "");
	for (unsigned int i = 0; i < info.nr_line_info; i++)
		printf("  line %u: %s\n", lines[i].line_col >> 10,
		       btf__name_by_offset(btf, lines[i].line_off));
	for (unsigned int i = 0; i < info.nr_jited_line_info; i++)
		bad += !jited[i];
	printf("  lines without an address: %u\n", bad);
}

static void show_prog(struct bpf_program *prog, const struct btf *btf)
{
	struct bpf_prog_info info = { 0 };
	unsigned int len = sizeof(info);
	int fd = bpf_program__fd(prog);

	printf("program %s: %d\n", bpf_program__name(prog),
	       bpf_obj_get_info_by_fd(fd, &info, &len));
	printf("  name %.16s tag %02x%02x%02x%02x%02x%02x%02x%02x\n", info.name, info.tag[0],
	       info.tag[1], info.tag[2], info.tag[3], info.tag[4], info.tag[5], info.tag[6],
	       info.tag[7]);
	SHOW(info, type), IS_SET(info, id), IS_SET(info, jited_prog_len),
		IS_SET(info, xlated_prog_len);
	IS_SET(info, load_time), SHOW(info, created_by_uid), SHOW(info, nr_map_ids),
		SHOW(info, ifindex);
	SHOW(info, gpl_compatible), SHOW(info, netns_dev), SHOW(info, netns_ino),
		SHOW(info, nr_jited_ksyms);
	SHOW(info, nr_jited_func_lens), IS_SET(info, btf_id), SHOW(info, func_info_rec_size),
		SHOW(info, nr_func_info);
	SHOW(info, nr_line_info), SHOW(info, nr_jited_line_info), SHOW(info, line_info_rec_size);
	SHOW(info, jited_line_info_rec_size), SHOW(info, nr_prog_tags), SHOW(info, run_time_ns),
		SHOW(info, run_cnt);
	SHOW(info, recursion_misses), IS_SET(info, verified_insns), SHOW(info, attach_btf_obj_id),
		SHOW(info, attach_btf_id);
	show_functions(fd, &info, btf);
}

static void show_map(struct bpf_map *map)
{
	struct bpf_map_info info = { 0 };
	unsigned int len = sizeof(info);

	printf("map %s: %d\n", bpf_map__name(map),
	       bpf_obj_get_info_by_fd(bpf_map__fd(map), &info, &len));
	printf("  name %.16s, %u bytes\n", info.name, len);
	SHOW(info, type), IS_SET(info, id), SHOW(info, key_size), SHOW(info, value_size),
		SHOW(info, map_flags);
	if (info.type != BPF_MAP_TYPE_PERF_EVENT_ARRAY)
		SHOW(info, max_entries);
	SHOW(info, ifindex), SHOW(info, btf_vmlinux_value_type_id), SHOW(info, netns_dev),
		SHOW(info, netns_ino);
	IS_SET(info, btf_id), SHOW(info, btf_key_type_id), SHOW(info, btf_value_type_id),
		SHOW(info, map_extra);
}

/* One by one: a repeated run may be given up in the middle. */
static void run_some(int fd, struct bpf_test_run_opts *run)
{
	for (int i = 0; i < 5; i++)
		bpf_prog_test_run_opts(fd, run);
}

/* Runs counted between two looks. */
static void show_runs(struct bpf_object *object)
{
	struct bpf_prog_info info = { 0 };
	unsigned int len = sizeof(info);
	char packet[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet, .data_size_in = sizeof(packet));
	int fd = bpf_program__fd(bpf_object__find_program_by_name(object, "plain")), stats;

	run_some(fd, &run);
	bpf_obj_get_info_by_fd(fd, &info, &len);
	printf("runs without statistics: %llu\n", info.run_cnt);
	stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	run_some(fd, &run);
	close(stats);
	run_some(fd, &run);
	bpf_obj_get_info_by_fd(fd, &info, &len);
	printf("runs with statistics: %llu, time %d\n", info.run_cnt, info.run_time_ns > 0);
}

static void show_link(struct bpf_object *object)
{
	struct bpf_link *link = bpf_program__attach(
		bpf_object__find_program_by_name(object, "with_a_long_name_indeed"));
	struct bpf_link_info info = { 0 };
	unsigned int len = sizeof(info);
	char name[32] = "";

	info.raw_tracepoint.tp_name = (unsigned long)name;
	info.raw_tracepoint.tp_name_len = sizeof(name);
	printf("link: %d\n",
	       link ? bpf_obj_get_info_by_fd(bpf_link__fd(link), &info, &len) : -errno);
	printf("  type %u, on %s, %u bytes, program %s\n", info.type, name, len,
	       info.prog_id ? "set" : "0");
	bpf_link__destroy(link);
}

int main(int argc, char **argv)
{
	struct bpf_object *object = argc > 1 ? bpf_object__open_file(argv[1], NULL) : NULL;
	struct bpf_btf_info info = { 0 };
	unsigned int len = sizeof(info);
	struct bpf_program *prog;
	struct bpf_map *map;

	if (!object || bpf_object__load(object))
		return 1;
	bpf_object__for_each_program(prog, object) show_prog(prog, bpf_object__btf(object));
	bpf_object__for_each_map(map, object) show_map(map);
	printf("btf: %d", bpf_obj_get_info_by_fd(bpf_object__btf_fd(object), &info, &len));
	printf(", %u bytes, of the kernel %u, name %u\n", info.btf_size, info.kernel_btf,
	       info.name_len);
	show_runs(object);
	show_link(object);
	bpf_object__close(object);
	return 0;
}
