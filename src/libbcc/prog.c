// SPDX-License-Identifier: BSD-2-Clause
/*
 * Loading functions. BCC's callers choose a function's type when they load it, one function after
 * the other; libbpf loads an object as a whole. So each load opens the module's object anew, gives
 * it the module's maps, leaves all programs but one out, and keeps that one's fd.
 *
 * The fd is the caller's, who closes it without telling us (os.close); which function it is, is
 * remembered by the program's id, so a number that was used again is not taken for it.
 */
#include "libbcc/libbcc.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libbcc/attach.h"

enum { LOG_ROOM = 4 << 20 };

/* ---- which function an fd is ---- */

struct record {
	struct record *next;
	u32 id; /* BPF program id */
	int fd;
	struct module *module;
	char name[];
};
static struct record *records;
static pthread_mutex_t records_lock = PTHREAD_MUTEX_INITIALIZER;

static u32 prog_id(int fd)
{
	struct bpf_prog_info info = { 0 };
	u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

static void remember(int fd, struct module *module, const char *name)
{
	struct record *r = malloc(sizeof(*r) + strlen(name) + 1);

	if (!r)
		return;
	*r = (struct record){ .id = prog_id(fd), .fd = fd, .module = module };
	strcpy(r->name, name);
	pthread_mutex_lock(&records_lock);
	r->next = records;
	records = r;
	pthread_mutex_unlock(&records_lock);
}

bool loaded_find(int fd, struct loaded *out)
{
	u32 id = prog_id(fd);
	bool found = false;

	pthread_mutex_lock(&records_lock);
	for (struct record *r = records; r && id && !found; r = r->next)
		if (r->id == id && r->fd == fd) {
			*out = (struct loaded){ r->module, r->name };
			found = true;
		}
	pthread_mutex_unlock(&records_lock);
	return found;
}

void loaded_forget(const struct module *module)
{
	pthread_mutex_lock(&records_lock);
	for (struct record **at = &records; *at;) {
		struct record *r = *at;

		if (r->module == module) {
			*at = r->next;
			free(r);
		} else {
			at = &r->next;
		}
	}
	pthread_mutex_unlock(&records_lock);
}

/* ---- loading ---- */

static int share_maps(struct bpf_object *bpf, const struct module *module)
{
	struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_map(map, bpf)
	{
		struct bpf_map *ours =
			bpf_object__find_map_by_name(module->bpf, bpf_map__name(map));

		if (!err && ours && bpf_map__fd(ours) >= 0)
			err = bpf_map__reuse_fd(map, bpf_map__fd(ours));
	}
	return err;
}

static int choose(struct bpf_object *bpf, const char *name, const struct load_opts *opts, char *log)
{
	struct bpf_program *prog;
	int err = -ENOENT;

	bpf_object__for_each_program(prog, bpf)
	{
		bool wanted = !strcmp(bpf_program__name(prog), name);

		bpf_program__set_autoload(prog, wanted);
		if (!wanted)
			continue;
		err = bpf_program__set_type(prog, opts->type);
		if (!err && opts->attach_type >= 0)
			err = bpf_program__set_expected_attach_type(
				prog, (enum bpf_attach_type)opts->attach_type);
		if (opts->ifindex)
			bpf_program__set_ifindex(prog, (u32)opts->ifindex);
		if (!err && log)
			err = bpf_program__set_log_buf(prog, log, LOG_ROOM);
		if (!err && opts->log_level)
			err = bpf_program__set_log_level(prog, (u32)opts->log_level);
	}
	return err;
}

/* libbpf's words and, between its marks, the verifier's. */
static void complain(const char *name, u32 type, const char *words, const char *log, int err)
{
	bool inside = type == BPF_PROG_TYPE_TRACING || type == BPF_PROG_TYPE_LSM;

	fprintf(stderr, "bpf: Failed to load program %s: %s\n", name, strerror(-err));
	if (inside && answer_is_skep() && strncmp(name, "bpf_iter__", 10)) {
		fputs("bpf: it is for a function of the kernel's own: skep has none, Linux has: skep run --kernel\n",
		      stderr);
		return;
	}
	if (log && log[0])
		fprintf(stderr, "%s\n", log);
	else if (words[0])
		fputs(words, stderr);
	if (err == -EPERM && !geteuid())
		fputs("bpf: this kernel does not let root load such a program\n", stderr);
	else if (err == -EPERM)
		fputs("bpf: loading programs takes root, or skep's answer without privilege: skep run PROGRAM.py\n",
		      stderr);
}

int prog_load(struct module *module, const void *object, size_t size, const char *name,
	      const struct load_opts *opts)
{
	struct bpf_object_open_opts open_opts = { .sz = sizeof(open_opts), .object_name = "bcc" };
	char *log = malloc(LOG_ROOM);
	struct bpf_object *bpf;
	const char *words;
	int err, fd = -1;

	if (log)
		log[0] = 0;
	said_begin();
	bpf = bpf_object__open_mem(object, size, &open_opts);
	err = bpf ? share_maps(bpf, module) : -errno;
	if (!err)
		err = choose(bpf, name, opts, log);
	if (!err)
		err = bpf_object__load(bpf);
	if (!err) {
		fd = fcntl(bpf_program__fd(bpf_object__find_program_by_name(bpf, name)),
			   F_DUPFD_CLOEXEC, 3);
		err = fd < 0 ? -errno : 0;
	}
	words = said_end();
	if (err)
		complain(name, opts->type, words, log, err);
	else if (opts->log_level && log && log[0])
		fprintf(stderr, "%s\n", log);
	bpf_object__close(bpf);
	free(log);
	return err ? err : fd;
}

ABI int bcc_func_load(struct module *module, int type, const char *name, const void *insns,
		      int insns_len, const char *license, unsigned int kern_version, int log_level,
		      char *log_buf, unsigned int log_buf_size, const char *device,
		      unsigned int attach_type)
{
	struct load_opts opts = { .type = (u32)type,
				  .attach_type = (int)attach_type,
				  .log_level = log_level };
	int fd;

	(void)insns, (void)insns_len, (void)license,
		(void)kern_version; /* they are the module's own */
	(void)log_buf, (void)log_buf_size;
	if (device && !(opts.ifindex = (int)if_nametoindex(device))) {
		fprintf(stderr, "bpf: no network interface '%s'\n", device);
		errno = ENODEV;
		return -1;
	}
	fd = module && name ? prog_load(module, module->object, module->size, name, &opts)
			    : -EINVAL;
	if (fd < 0) {
		errno = -fd;
		return -1;
	}
	remember(fd, module, name);
	return fd;
}
