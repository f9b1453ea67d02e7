// SPDX-License-Identifier: BSD-2-Clause
/* Tables that several modules use: by a pin, or within this process by name, as long as the module that made them lives. */
#include "libbcc/libbcc.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bcc/share.h"
#include "event/names.h"

struct offer {
	struct offer *next;
	const struct module *module;
	int fd;
	char name[];
};
static struct offer *offers;
static pthread_mutex_t offers_lock = PTHREAD_MUTEX_INITIALIZER;

/* The latest of that name: an fd of the caller's, or -ENOENT after words. */
static int find_offer(const char *name)
{
	const char *names[64];
	size_t n = 0;
	int fd = -ENOENT;

	pthread_mutex_lock(&offers_lock);
	for (struct offer *o = offers; o && fd == -ENOENT; o = o->next) {
		if (!strcmp(o->name, name))
			fd = fcntl(o->fd, F_DUPFD_CLOEXEC, 3);
		else if (n < ARRAY_SIZE(names))
			names[n++] = o->name;
	}
	if (fd == -ENOENT) {
		say(&to_stderr,
		    "bpf: table '%s' is extern, and no BPF object of this process has it public",
		    name);
		names_suggest(&to_stderr, name, "", names, n);
		say(&to_stderr, "\n");
	}
	pthread_mutex_unlock(&offers_lock);
	return fd;
}

static int find(void *arg, const char *table, enum bcc_share how, const char *text)
{
	const struct module *m = arg;
	struct bpf_map *map = bpf_object__find_map_by_name(m->bpf, table);
	int fd, err;

	if (!map || how == BCC_EXPORT)
		return 0;
	if (how == BCC_PIN)
		return bpf_map__set_pin_path(map, text);
	fd = find_offer(table);
	if (fd < 0)
		return fd;
	err = bpf_map__reuse_fd(map, fd); /* which keeps one of its own */
	close(fd);
	return err;
}

int shared_find(const struct module *module)
{
	return bcc_shares(module->object, module->size, find, (void *)module);
}

static int offer(void *arg, const char *table, enum bcc_share how, const char *text)
{
	const struct module *m = arg;
	struct bpf_map *map = bpf_object__find_map_by_name(m->bpf, table);
	struct offer *o;

	(void)text;
	if (!map || how != BCC_EXPORT)
		return 0;
	o = malloc(sizeof(*o) + strlen(table) + 1);
	if (!o)
		return -ENOMEM;
	*o = (struct offer){ .module = m, .fd = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 3) };
	strcpy(o->name, table);
	pthread_mutex_lock(&offers_lock);
	o->next = offers;
	offers = o;
	pthread_mutex_unlock(&offers_lock);
	return o->fd < 0 ? -errno : 0;
}

int shared_offer(struct module *module)
{
	return bcc_shares(module->object, module->size, offer, module);
}

void shared_forget(const struct module *module)
{
	pthread_mutex_lock(&offers_lock);
	for (struct offer **at = &offers; *at;) {
		struct offer *o = *at;

		if (o->module != module) {
			at = &o->next;
			continue;
		}
		*at = o->next;
		if (o->fd >= 0)
			close(o->fd);
		free(o);
	}
	pthread_mutex_unlock(&offers_lock);
}
