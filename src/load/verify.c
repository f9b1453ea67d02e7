// SPDX-License-Identifier: BSD-2-Clause
/*
 * skep_verify_object(): every program of an object judged. libbpf does the loading, so what is verified
 * is what would be loaded (CO-RE applied, maps behind their fds); each program is known again by the log
 * buffer that it alone was given, which tells it from libbpf's own probes.
 *
 * A rejected program gets an fd all the same, so that libbpf goes on to the next.
 */
#include "load/objfile.h" /* first: it brings our uapi.h */

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "skep.h"
#include "verify/reason.h"
#include "verify/verdict.h"

enum { LOG_SIZE = 1 << 24 };

struct judged_prog {
	struct bpf_program *prog;
	char *log; /* LOG_SIZE bytes, touched as far as they are written */
};

struct object_check {
	struct skep_verify_opts opts;
	struct objfile *file;
	struct judged_prog *progs;
	size_t nr_progs, nr_judged, nr_rejected;
};

static enum judged judge(void *arg, const union bpf_attr *attr, const struct verify_env *env,
			 const struct verify_result *result, int err)
{
	struct object_check *c = arg;

	for (size_t i = 0; i < c->nr_progs; i++) {
		struct judged_prog *p = &c->progs[i];

		if (attr->log_buf != (uintptr_t)p->log)
			continue;
		if (err == -ENOSPC && result) /* only the log was too long */
			err = result->reason ? result->reason->err : 0;
		c->nr_judged++;
		c->nr_rejected += err != 0;
		if (c->opts.verdict)
			verdict_tell(bpf_program__name(p->prog), env, result, err,
				     c->opts.log_level ? p->log : "", c->opts.color,
				     c->opts.verdict, c->opts.arg);
		return JUDGED_FD;
	}
	return JUDGED_FD_IF_GOOD;
}

/* Programs in BCC's manner go to functions of the kernel; a section that names no kind says nothing. */
static int find_type(struct objfile *file, struct bpf_program *prog)
{
	if (bpf_program__type(prog) != BPF_PROG_TYPE_UNSPEC)
		return 0;
	if (!strncmp(bpf_program__section_name(prog), "fn/", 3)) /* bcc/dialect.c's */
		return bpf_program__set_type(prog, BPF_PROG_TYPE_KPROBE) ? -EINVAL : 0;
	return fail(file->log, -EINVAL,
		    "%s: program '%s' is in section '%s', which names no kind of program",
		    file->name, bpf_program__name(prog), bpf_program__section_name(prog));
}

/* Local storage: the kernel wants no number of entries. */
static bool sizes_itself(u32 type)
{
	return type == BPF_MAP_TYPE_SK_STORAGE || type == BPF_MAP_TYPE_TASK_STORAGE ||
	       type == BPF_MAP_TYPE_INODE_STORAGE || type == BPF_MAP_TYPE_CGRP_STORAGE ||
	       type == BPF_MAP_TYPE_CGROUP_STORAGE || type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE ||
	       type == BPF_MAP_TYPE_PERF_EVENT_ARRAY || type == BPF_MAP_TYPE_STRUCT_OPS;
}

/* Sizes that a loader sets before it loads: any will do for a verdict. */
static void size_maps(struct objfile *file)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, file->bpf)
	{
		u32 type = bpf_map__type(map);
		bool ring = type == BPF_MAP_TYPE_RINGBUF || type == BPF_MAP_TYPE_USER_RINGBUF;

		if (type == BPF_MAP_TYPE_STRUCT_OPS) /* nothing that is judged needs one */
			bpf_map__set_autocreate(map, false);
		if (!bpf_map__max_entries(map) && !sizes_itself(type))
			bpf_map__set_max_entries(map, ring ? 4096 : 1);
		if (type == BPF_MAP_TYPE_STACK_TRACE && !bpf_map__value_size(map))
			bpf_map__set_value_size(map, 127 * sizeof(u64));
	}
}

/* Every program that is to be judged gets a log buffer of its own; the others are not loaded. */
static int choose(struct object_check *c)
{
	struct objfile *file = c->file;
	int err;

	c->progs = calloc(file->nr_progs, sizeof(*c->progs));
	if (!c->progs)
		return -ENOMEM;
	for (size_t i = 0; i < file->nr_progs; i++) {
		struct bpf_program *prog = file->progs[i].prog;
		struct judged_prog *p = &c->progs[c->nr_progs];

		if (c->opts.prog && strcmp(c->opts.prog, bpf_program__name(prog))) {
			bpf_program__set_autoload(prog, false);
			continue;
		}
		err = find_type(file, prog);
		if (err)
			return err;
		p->prog = prog;
		p->log = malloc(LOG_SIZE);
		if (!p->log)
			return -ENOMEM;
		p->log[0] = 0;
		c->nr_progs++;
		bpf_program__set_autoload(prog, true);
		bpf_program__set_log_buf(prog, p->log, LOG_SIZE);
		bpf_program__set_log_level(prog, c->opts.log_level ? c->opts.log_level : 4);
	}
	return c->nr_progs ? 0
			   : fail(c->file->log, -ENOENT, "%s: has no program '%s'", file->name,
				  c->opts.prog);
}

static int run(struct object_check *c, struct hive *hive)
{
	const struct core_judge all = { c, judge };
	int err;

	objfile_begin(c->file);
	size_maps(c->file);
	err = choose(c);
	if (err) {
		seam_leave();
		return err;
	}
	core_set_judge(hive, &all);
	err = bpf_object__load(c->file->bpf);
	if (c->nr_judged == c->nr_progs)
		err = 0; /* what libbpf does after the last program is not asked for */
	err = objfile_end(c->file, err, "could not be prepared for verification");
	core_set_judge(hive, NULL);
	return err < 0 ? err : (int)c->nr_rejected;
}

SKEP_API int skep_verify_object(struct skep *skep, const void *bytes, size_t size,
				const struct skep_verify_opts *given)
{
	struct object_check c = { 0 };
	struct log log;
	int err;

	if (given && given->sz < sizeof(size_t))
		return -EINVAL;
	if (given)
		memcpy(&c.opts, given, min(given->sz, sizeof(c.opts)));
	log = (struct log){ .write = c.opts.log, .arg = c.opts.log_arg };
	err = objfile_open(&c.file, skep_hive(skep), bytes, size,
			   c.opts.name ? c.opts.name : "object", &log);
	if (err)
		return err;
	err = run(&c, skep_hive(skep));
	objfile_close(c.file);
	for (size_t i = 0; c.progs && i < c.nr_progs; i++)
		free(c.progs[i].log);
	free(c.progs);
	return err;
}
