/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual bpffs under /sys/fs/bpf: BPF_OBJ_PIN, BPF_OBJ_GET, and what file calls on its paths
 * answer. A list of entries, each a folder or a pin that holds its object like an fd does. Nothing
 * of it is in a real file system, so nothing is left when the hive goes.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/command.h"
#include "core/link.h"
#include "util/hash.h"

#define ROOT "/sys/fs/bpf"
enum { PATH_SIZE = 4096 };

enum { PIN_ITSELF = 1024 };

struct pin {
	struct pin *next, *before; /* of all */
	struct pin *chain;	   /* in its bucket */
	struct object *object;	   /* NULL: a folder */
	u32 children;		   /* of a folder */
	char path[];		   /* below ROOT: "/a/b" */
};

/* Writes path without doubled and trailing slashes, "." removed; false for ".." (bpffs paths are looked at, not walked). */
static bool normalise(const char *path, char out[PATH_SIZE])
{
	size_t len = 0;

	while (*path) {
		size_t part;

		while (*path == '/')
			path++;
		part = strcspn(path, "/");
		if (!part)
			break;
		if (!(part == 1 && path[0] == '.')) {
			if ((part == 2 && path[0] == '.' && path[1] == '.') ||
			    len + part + 2 > PATH_SIZE)
				return false;
			out[len++] = '/';
			memcpy(out + len, path, part);
			len += part;
		}
		path += part;
	}
	out[len] = 0;
	return true;
}

/* The part below ROOT, "" for ROOT itself; NULL: elsewhere. */
static const char *below_root(const char *path)
{
	size_t len = strlen(ROOT);

	return strncmp(path, ROOT, len) || (path[len] && path[len] != '/') ? NULL : path + len;
}

static struct pin **bucket_of(struct hive *hive, const char *path)
{
	u64 hash = hash_bytes(path, strlen(path), (u64)(uintptr_t)hive);

	return &hive->pin_buckets[hash % PIN_BUCKETS];
}

static struct pin *find(struct hive *hive, const char *path)
{
	struct pin *pin = *bucket_of(hive, path);

	while (pin && strcmp(pin->path, path))
		pin = pin->chain;
	return pin;
}

/* The folder it stands in; NULL: the root. */
static struct pin *folder_of(struct hive *hive, const char *path)
{
	char folder[PATH_SIZE];

	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
	return folder[0] ? find(hive, folder) : NULL;
}

static void link_pin(struct hive *hive, struct pin *pin)
{
	struct pin *folder = folder_of(hive, pin->path), **bucket = bucket_of(hive, pin->path);

	pin->children = 0;
	pin->before = NULL;
	pin->next = hive->pins;
	if (hive->pins)
		hive->pins->before = pin;
	hive->pins = pin;
	pin->chain = *bucket;
	*bucket = pin;
	if (folder)
		folder->children++;
}

static void unlink_pin(struct hive *hive, struct pin *pin)
{
	struct pin *folder = folder_of(hive, pin->path), **at = bucket_of(hive, pin->path);

	while (*at != pin)
		at = &(*at)->chain;
	*at = pin->chain;
	if (pin->before)
		pin->before->next = pin->next;
	else
		hive->pins = pin->next;
	if (pin->next)
		pin->next->before = pin->before;
	if (folder)
		folder->children--;
}

/* Whether a new entry may be made at path: 0, -ENOENT (no such folder), -ENOTDIR, -EEXIST, -EPERM (a dot in the name). */
static int check_place(struct hive *hive, const char *path)
{
	const char *name = strrchr(path, '/');
	struct pin *pin;

	if (!name || find(hive, path))
		return -EEXIST;
	pin = folder_of(hive, path);
	if (name != path && !pin)
		return -ENOENT;
	if (pin && pin->object)
		return -ENOTDIR;
	return strchr(name, '.') ? -EPERM : 0;
}

static u64 pin_memory(const char *path)
{
	return sizeof(struct pin) + strlen(path) + PIN_ITSELF;
}

static void pin_free(struct hive *hive, struct pin *pin)
{
	hive_uncharge(hive, pin_memory(pin->path));
	free(pin);
}

static int add(struct hive *hive, const char *path, struct object *object)
{
	struct pin *pin;
	int err = hive_charge(hive, pin_memory(path));

	if (err)
		return err;
	pin = malloc(sizeof(*pin) + strlen(path) + 1);
	if (!pin) {
		hive_uncharge(hive, pin_memory(path));
		return -ENOMEM;
	}
	strcpy(pin->path, path);
	pin->object = object;
	pthread_mutex_lock(&hive->pin_lock);
	err = check_place(hive, path);
	if (!err) {
		link_pin(hive, pin);
		if (object)
			object_pin(object);
	}
	pthread_mutex_unlock(&hive->pin_lock);
	if (err)
		pin_free(hive, pin);
	return err;
}

/* Takes an entry away; folder says which kind is meant. */
static int take(struct hive *hive, const char *path, bool folder)
{
	struct pin *pin;
	int err = 0;

	pthread_mutex_lock(&hive->pin_lock);
	pin = find(hive, path);
	if (!pin)
		err = -ENOENT;
	else if (folder != !pin->object)
		err = folder ? -ENOTDIR : -EISDIR;
	else if (pin->children)
		err = -ENOTEMPTY;
	else
		unlink_pin(hive, pin);
	pthread_mutex_unlock(&hive->pin_lock);
	if (err)
		return err;
	if (pin->object)
		object_unpin(pin->object);
	pin_free(hive, pin);
	return 0;
}

void pins_free(struct hive *hive)
{
	while (hive->pins) {
		struct pin *pin = hive->pins;

		hive->pins = pin->next;
		if (pin->object)
			object_unpin(pin->object);
		pin_free(hive, pin);
	}
}

/* What file calls see. */

int core_bpffs_mkdir(struct hive *hive, const char *path)
{
	char whole[PATH_SIZE];

	if (!normalise(path, whole) || !below_root(whole))
		return -ENOENT;
	return *below_root(whole) ? add(hive, below_root(whole), NULL) : -EEXIST;
}

int core_bpffs_remove(struct hive *hive, const char *path, bool folder)
{
	char whole[PATH_SIZE];

	if (!normalise(path, whole) || !below_root(whole))
		return -ENOENT;
	return *below_root(whole) ? take(hive, below_root(whole), folder) : -EBUSY;
}

int core_bpffs_kind(struct hive *hive, const char *path)
{
	char whole[PATH_SIZE];
	int kind = -ENOENT;
	struct pin *pin;

	if (!normalise(path, whole) || !below_root(whole))
		return -ENOENT;
	if (!*below_root(whole))
		return 1;
	pthread_mutex_lock(&hive->pin_lock);
	pin = find(hive, below_root(whole));
	if (pin)
		kind = !pin->object;
	pthread_mutex_unlock(&hive->pin_lock);
	return kind;
}

int core_bpffs_open(struct hive *hive, const char *path)
{
	struct object *object = NULL;
	char whole[PATH_SIZE];
	struct pin *pin;
	int fd = -EIO;

	if (!normalise(path, whole) || !below_root(whole))
		return -ENOENT;
	pthread_mutex_lock(&hive->pin_lock);
	pin = find(hive, below_root(whole));
	if (pin && pin->object)
		object_get(object = pin->object);
	pthread_mutex_unlock(&hive->pin_lock);
	if (!object)
		return pin ? -EISDIR : -ENOENT;
	if (object->kind == OBJECT_LINK && to_link(object)->iter)
		fd = iter_text(hive, to_link(object));
	object_put(object);
	return fd;
}

int core_bpffs_list(struct hive *hive, const char *path,
		    int (*each)(void *arg, const char *name, bool folder), void *arg)
{
	char whole[PATH_SIZE];
	const char *folder;
	int err = 0;
	size_t len;

	if (core_bpffs_kind(hive, path) != 1)
		return -ENOTDIR;
	normalise(path, whole);
	folder = below_root(whole);
	len = strlen(folder);
	pthread_mutex_lock(&hive->pin_lock);
	for (struct pin *pin = hive->pins; pin && !err; pin = pin->next)
		if (!strncmp(pin->path, folder, len) && pin->path[len] == '/' &&
		    !strchr(pin->path + len + 1, '/'))
			err = each(arg, pin->path + len + 1, !pin->object);
	pthread_mutex_unlock(&hive->pin_lock);
	return err;
}

/* The commands. */

/* Real files, so that what is none of ours fails as it does on Linux. */
static int path_errno(const char *path)
{
	return faccessat(AT_FDCWD, *path ? path : "/", F_OK, 0) ? -errno : 0;
}

static bool folder_missing(const char *path)
{
	char folder[PATH_SIZE];

	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
	return path_errno(folder);
}

/* Where the caller's relative path begins: its length, or -ENOENT. */
static ssize_t read_folder(struct call *call, char out[PATH_SIZE])
{
	bool by_fd = call->attr.file_flags & BPF_F_PATH_FD;
	struct caller *caller = call->caller;
	char link[64];
	ssize_t len;

	if (caller->ops->folder &&
	    !caller->ops->folder(caller, by_fd ? call->attr.path_fd : AT_FDCWD, out, PATH_SIZE))
		return (ssize_t)strlen(out);
	if (by_fd)
		snprintf(link, sizeof(link), "/proc/%u/fd/%d", caller->tgid, call->attr.path_fd);
	else
		snprintf(link, sizeof(link), "/proc/%u/cwd", caller->tgid);
	len = readlink(link, out, PATH_SIZE - 1);
	return len < 0 ? -ENOENT : len;
}

/* The caller's path, made absolute and plain: 0, -EFAULT, -ENOENT. folder: it ends in a slash. */
static int read_path(struct call *call, char out[PATH_SIZE], bool *folder)
{
	char given[PATH_SIZE], whole[2 * PATH_SIZE];
	ssize_t len = 0;

	if (call_string(call, given, sizeof(given), call->attr.pathname) < 0)
		return -EFAULT;
	if (!given[0])
		return -ENOENT;
	if (given[0] != '/') {
		len = read_folder(call, whole);
		if (len < 0)
			return -ENOENT;
		whole[len++] = '/';
	}
	strcpy(whole + len, given);
	*folder = given[strlen(given) - 1] == '/';
	return normalise(whole, out) ? 0 : -ENOENT;
}

static int check_flags(struct call *call, u32 allowed)
{
	const union bpf_attr *attr = &call->attr;

	if (attr->file_flags & ~allowed)
		return -EINVAL;
	return !(attr->file_flags & BPF_F_PATH_FD) && attr->path_fd ? -EINVAL : 0;
}

int cmd_obj_pin(struct call *call)
{
	struct object *object;
	char path[PATH_SIZE];
	bool folder;
	int err = check_flags(call, BPF_F_PATH_FD);

	if (err)
		return err;
	err = object_any_from_fd(call->hive, call->caller, (int)call->attr.bpf_fd, &object, NULL);
	if (err)
		return -EINVAL;
	if (object->kind != OBJECT_PROG && object->kind != OBJECT_MAP &&
	    object->kind != OBJECT_LINK)
		err = -EINVAL;
	if (!err)
		err = read_path(call, path, &folder);
	if (!err && !below_root(path) && path_errno(path) != -ENOENT)
		err = -EEXIST;
	else if (!err && !below_root(path) && folder_missing(path))
		err = -ENOENT;
	else if (!err && !below_root(path))
		err = fail(call->hive->log, -EPERM, "pin %s: objects can be pinned below " ROOT,
			   path);
	if (!err)
		err = *below_root(path) ? add(call->hive, below_root(path), object) : -EEXIST;
	object_put(object);
	return err;
}

/* Why there is nothing at path: -ENOENT, -ENOTDIR below a pin, -EPERM for a name with a dot. */
static int missing(struct hive *hive, const char *path)
{
	int err = check_place(hive, path);

	return err ? err : -ENOENT;
}

/* The object pinned at path, with a reference. */
static int get_pinned(struct hive *hive, const char *path, struct object **out)
{
	int err = -ENOENT;
	struct pin *pin;

	pthread_mutex_lock(&hive->pin_lock);
	pin = find(hive, path);
	if (!pin)
		err = missing(hive, path);
	else if (!pin->object)
		err = -EACCES;
	if (pin && pin->object) {
		object_get(pin->object);
		*out = pin->object;
		err = 0;
	}
	pthread_mutex_unlock(&hive->pin_lock);
	return err;
}

int cmd_obj_get(struct call *call)
{
	int access, err = call->attr.bpf_fd
				  ? -EINVAL
				  : check_flags(call, BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_PATH_FD);
	struct object *object;
	char path[PATH_SIZE];
	bool folder;

	if (err)
		return err;
	access = access_of_flags(call->attr.file_flags);
	if (access < 0)
		return access;
	err = read_path(call, path, &folder);
	if (!err && !below_root(path))
		err = path_errno(path) ? path_errno(path) : -EACCES;
	if (!err)
		err = *below_root(path) ? get_pinned(call->hive, below_root(path), &object)
					: -EACCES;
	if (err)
		return err;
	if (folder)
		err = -ENOTDIR;
	else
		err = object->kind == OBJECT_LINK && access != O_RDWR
			      ? -EINVAL
			      : object_install(object, call->caller, (u32)access);
	object_put(object);
	return err;
}
