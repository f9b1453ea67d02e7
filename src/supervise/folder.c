/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Open folders of virtual trees. A client gets a folder that was made for it and removed at once: a
 * real one, empty, that nobody else has, so its inode says which path it stands for, and nothing is
 * left anywhere, however anyone ends. What is read from it (getdents64) is answered here.
 *
 * Invariant: as long as an entry names an inode, an fd of ours keeps that inode from being another
 * folder's. The table is of a fixed size; the one used longest ago makes room and reads as empty.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/paths.h"
#include "supervise/answers.h"

enum { FOLDERS = 64, READ_SIZE = 32 << 10 };

struct folder {
	char *path; /* NULL: free */
	int fd;
	u64 dev, ino, used;
	u32 next; /* of its names, the one to be read next; "." and ".." are 0 and 1 */
};

struct folders {
	pthread_mutex_t lock;
	u32 any; /* atomic: there was one ever */
	u64 clock;
	struct folder folders[FOLDERS];
};

/* A folder without a name; its fd, ready to be read. */
static int make(void)
{
	static const char *const places[] = { "/dev/shm", "/tmp" };
	char path[64];
	int fd = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(places) && fd < 0; i++) {
		snprintf(path, sizeof(path), "%s/.skep-folder-XXXXXX", places[i]);
		if (!mkdtemp(path)) {
			fd = -errno;
			continue;
		}
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
		rmdir(path);
	}
	return fd;
}

static void forget(struct folder *folder)
{
	if (folder->path)
		close(folder->fd);
	free(folder->path);
	*folder = (struct folder){ .path = NULL };
}

static struct folder *oldest(struct folders *folders)
{
	struct folder *best = folders->folders;

	for (int i = 0; i < FOLDERS; i++) {
		if (!folders->folders[i].path)
			return &folders->folders[i];
		if (folders->folders[i].used < best->used)
			best = &folders->folders[i];
	}
	forget(best);
	return best;
}

/* An entry for the folder behind fd: 0 or -EMFILE. Caller holds the lock. */
static int add_folder(struct folders *folders, const char *path, int fd, const struct stat *st)
{
	struct folder *folder = oldest(folders);

	*folder = (struct folder){ .path = strdup(path),
				   .fd = fcntl(fd, F_DUPFD_CLOEXEC, 3),
				   .dev = st->st_dev,
				   .ino = st->st_ino,
				   .used = ++folders->clock };
	__atomic_store_n(&folders->any, 1, __ATOMIC_RELAXED);
	if (folder->path && folder->fd >= 0)
		return 0;
	free(folder->path);
	folder->path = NULL;
	return -EMFILE;
}

int folder_open(struct clients *clients, const char *path)
{
	int fd = make(), err;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return fd < 0 ? fd : -EIO;
	pthread_mutex_lock(&clients->folders->lock);
	err = add_folder(clients->folders, path, fd, &st);
	pthread_mutex_unlock(&clients->folders->lock);
	if (err)
		close(fd);
	return err ? err : fd;
}

/* What fd (AT_FDCWD: the working directory) is. */
static int identify(struct client_call *call, int fd, struct fd_key *out)
{
	char path[32];
	struct stat st;

	if (fd != AT_FDCWD)
		return call->caller.ops->identify(&call->caller, fd, out);
	snprintf(path, sizeof(path), "/proc/%u/cwd", call->caller.pid);
	if (stat(path, &st))
		return -ENOENT;
	*out = (struct fd_key){ .dev = st.st_dev, .ino = st.st_ino };
	return 0;
}

/* Caller holds the lock. */
static struct folder *find(struct folders *folders, const struct fd_key *key)
{
	for (int i = 0; i < FOLDERS; i++) {
		struct folder *folder = &folders->folders[i];

		if (folder->path && folder->ino == key->ino && folder->dev == key->dev) {
			folder->used = ++folders->clock;
			return folder;
		}
	}
	return NULL;
}

bool folder_path(struct clients *clients, struct client_call *call, int fd, char *out, size_t size)
{
	struct folders *folders = clients->folders;
	struct folder *folder;
	struct fd_key key;

	if (!__atomic_load_n(&folders->any, __ATOMIC_RELAXED) || identify(call, fd, &key))
		return false;
	pthread_mutex_lock(&folders->lock);
	folder = find(folders, &key);
	if (folder)
		snprintf(out, size, "%s", folder->path);
	pthread_mutex_unlock(&folders->lock);
	return folder;
}

/* struct linux_dirent64, as getdents64(2) gives it. */
struct entry {
	u64 ino;
	s64 off;
	u16 len;
	u8 type;
	char name[];
} __attribute__((packed));

struct reading {
	u8 buf[READ_SIZE];
	u32 size, len; /* room, bytes in it */
	u32 at, from;  /* number of the next name, of the first wanted */
};

static int add(void *arg, const char *name, enum path_kind kind)
{
	struct reading *r = arg;
	u32 name_len = (u32)strlen(name) + 1;
	u32 len = round_up((u32)sizeof(struct entry) + name_len, 8u);
	struct entry *entry = (struct entry *)(r->buf + r->len);

	if (r->at < r->from) {
		r->at++;
		return 0;
	}
	if (len > r->size - r->len)
		return 1;
	memset(entry, 0, len);
	*entry = (struct entry){ .ino = r->at + 2,
				 .off = r->at + 1,
				 .len = (u16)len,
				 .type = kind == PATH_FOLDER ? DT_DIR : DT_REG };
	memcpy(entry->name, name, name_len);
	r->len += len;
	r->at++;
	return 0;
}

/* Caller holds the lock. */
static s64 read_names(struct clients *clients, struct client_call *call, struct folder *folder,
		      u64 addr, u32 size)
{
	struct reading r;
	int full;

	r.size = min(size, (u32)sizeof(r.buf));
	r.len = r.at = 0;
	r.from = folder->next;
	full = add(&r, ".", PATH_FOLDER) || add(&r, "..", PATH_FOLDER);
	if (!full)
		full = paths_list(clients->hive, folder->path, add, &r);
	if (full > 0 && !r.len)
		return -EINVAL; /* no room for one name */
	if (r.len && call->caller.ops->write(&call->caller, addr, r.buf, r.len))
		return -EFAULT;
	folder->next = r.at;
	return r.len;
}

s64 folder_read(struct clients *clients, struct client_call *call, int fd, u64 addr, u32 size)
{
	struct folders *folders = clients->folders;
	struct folder *folder;
	struct fd_key key;
	s64 ret = CONTINUE;

	if (!__atomic_load_n(&folders->any, __ATOMIC_RELAXED) || identify(call, fd, &key))
		return CONTINUE;
	pthread_mutex_lock(&folders->lock);
	folder = find(folders, &key);
	if (folder)
		ret = read_names(clients, call, folder, addr, size);
	pthread_mutex_unlock(&folders->lock);
	return ret;
}

int folders_new(struct clients *clients)
{
	clients->folders = calloc(1, sizeof(*clients->folders));
	if (!clients->folders)
		return -ENOMEM;
	pthread_mutex_init(&clients->folders->lock, NULL);
	return 0;
}

void folders_free(struct folders *folders)
{
	if (!folders)
		return;
	for (int i = 0; i < FOLDERS; i++)
		forget(&folders->folders[i]);
	pthread_mutex_destroy(&folders->lock);
	free(folders);
}
