// SPDX-License-Identifier: BSD-2-Clause
/* The public doors of this folder: skep_compile() and skep_object_*(), as include/skep.h promises them. */
#include "load/objfile.h" /* first: it brings our uapi.h */

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "load/compile.h"
#include "load/dump.h"
#include "skep.h"

struct skep_object {
	struct objfile *file;
	struct log log, records;
	char *name;
};

/* A caller's option struct, which may be older (shorter) than ours: the rest is zero. */
static int take_opts(void *to, size_t size, const void *from)
{
	size_t theirs;

	memset(to, 0, size);
	if (!from)
		return 0;
	memcpy(&theirs, from, sizeof(theirs));
	if (theirs < sizeof(theirs))
		return -EINVAL;
	for (size_t i = size; i < theirs; i++)
		if (((const char *)from)[i])
			return -E2BIG;
	memcpy(to, from, min(theirs, size));
	return 0;
}

SKEP_API int skep_compile(const char *path, const struct skep_compile_opts *given, void **object,
			  size_t *size)
{
	struct skep_compile_opts opts;
	struct log log;
	int err = take_opts(&opts, sizeof(opts), given);

	if (err)
		return err;
	log = (struct log){ .write = opts.log, .arg = opts.log_arg };
	return compile_file(path,
			    &(struct compile_opts){ .log = &log,
						    .color = opts.color,
						    .fresh = opts.fresh,
						    .slow = opts.slow,
						    .slow_arg = opts.slow_arg },
			    object, size);
}

SKEP_API int skep_object_open(struct skep_object **out, struct skep *skep, const void *bytes,
			      size_t size, const struct skep_object_opts *given)
{
	struct skep_object_opts opts;
	struct skep_object *object;
	int err = take_opts(&opts, sizeof(opts), given);

	*out = NULL;
	if (err)
		return err;
	if (opts.interfaces && strlen(opts.interfaces) >= sizeof(object->file->interfaces))
		return -EINVAL;
	object = calloc(1, sizeof(*object));
	if (!object)
		return -ENOMEM;
	object->log = (struct log){ .write = opts.log, .arg = opts.log_arg };
	object->name = strdup(opts.name ? opts.name : "object");
	if (object->name)
		err = objfile_open(&object->file, skep ? skep_hive(skep) : NULL, bytes, size,
				   object->name, &object->log);
	else
		err = -ENOMEM;
	if (err) {
		skep_object_close(object);
		return err;
	}
	object->file->color = opts.color;
	if (opts.capture)
		object->file->xdp_ifindex = 1;
	if (opts.interfaces)
		strcpy(object->file->interfaces, opts.interfaces);
	*out = object;
	return 0;
}

SKEP_API int skep_object_load(struct skep_object *object, const char *const *targets, size_t nr)
{
	int err = objfile_plan(object->file, targets, nr);

	return err ? err : objfile_load(object->file);
}

SKEP_API int skep_target_check(const char *text, skep_log_fn write, void *arg)
{
	struct target target;
	const char *fn;
	size_t len;

	return target_parse(text, &fn, &len, &target, &(struct log){ .write = write, .arg = arg });
}

SKEP_API int skep_object_attach(struct skep_object *object)
{
	return objfile_attach(object->file);
}

SKEP_API void skep_object_close(struct skep_object *object)
{
	if (!object)
		return;
	objfile_close(object->file);
	free(object->name);
	free(object);
}

SKEP_API int skep_object_map_fd(struct skep_object *object, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object->file->bpf, name);

	return map && bpf_map__fd(map) >= 0 ? bpf_map__fd(map) : -ENOENT;
}

SKEP_API int skep_object_program_fd(struct skep_object *object, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(object->file->bpf, name);

	return prog && bpf_program__fd(prog) >= 0 ? bpf_program__fd(prog) : -ENOENT;
}

SKEP_API int skep_object_check_maps(struct skep_object *object, const char *names)
{
	return objfile_check_maps(object->file, names);
}

SKEP_API int skep_object_print_maps(struct skep_object *object, const char *names,
				    skep_log_fn write, void *arg)
{
	return objfile_print_maps(object->file, names, &(struct log){ .write = write, .arg = arg });
}

SKEP_API int skep_object_count_iterators(struct skep_object *object)
{
	return objfile_count_iterators(object->file);
}

SKEP_API int skep_object_print_iterators(struct skep_object *object, skep_log_fn write, void *arg)
{
	return objfile_print_iterators(object->file, &(struct log){ .write = write, .arg = arg });
}

SKEP_API int skep_object_open_records(struct skep_object *object, skep_log_fn write, void *arg)
{
	if (object->file->streams)
		return -EEXIST;
	object->records = (struct log){ .write = write, .arg = arg };
	return objfile_open_streams(object->file, &object->records);
}

SKEP_API void skep_object_read_records(struct skep_object *object)
{
	if (object->file->streams)
		objfile_read_streams(object->file);
}

SKEP_API int skep_object_print_programs(struct skep_object *object, const char *prog, int flags,
					skep_log_fn write, void *arg)
{
	if (flags & ~(SKEP_PRINT_MACHINE_CODE | SKEP_PRINT_SOURCE))
		return -EINVAL;
	return objfile_print_loaded(object->file, prog, flags & SKEP_PRINT_MACHINE_CODE,
				    flags & SKEP_PRINT_SOURCE,
				    &(struct log){ .write = write, .arg = arg });
}

SKEP_API int skep_dump(const void *bytes, size_t size, const struct skep_dump_opts *given,
		       skep_log_fn write, void *arg)
{
	struct skep_dump_opts opts;
	struct log why;
	int err = take_opts(&opts, sizeof(opts), given);

	if (err)
		return err;
	why = (struct log){ .write = opts.log, .arg = opts.log_arg };
	return dump_object(bytes, size,
			   &(struct dump_opts){ .name = opts.name ? opts.name : "object",
						.prog = opts.prog,
						.source = opts.source,
						.explain = opts.explain },
			   &(struct log){ .write = write, .arg = arg }, &why);
}
