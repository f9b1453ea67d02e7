/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File calls on paths of the seam (event/paths.h): bpffs, tracefs, event_source. What stands there
 * is answered without any file: no mount, no namespace. Texts are handed out as sealed memfds,
 * folders as folder.c says, the trace pipe as a pipe.
 *
 * Every other path is Linux's. A path is looked at twice then, by us and by Linux; a client that
 * changes it in between gets what Linux says, which is no more than it could have had before.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "event/paths.h"
#include "supervise/answers.h"
#include "util/text.h"

#ifndef TRACEFS_MAGIC
#define TRACEFS_MAGIC 0x74726163
#endif

enum { PAGE = 4096, PIECE = 256 };

/* ---- the path that is meant ---- */

int client_string(struct client_call *call, u64 addr, char *out, size_t size)
{
	for (size_t done = 0; done < size;) {
		size_t unit = done < 2 * PIECE ? PIECE : PAGE; /* mostly that is all of it */
		size_t piece = min(size - done, (size_t)(unit - (addr + done) % unit));
		char *end;

		if (call->caller.ops->read(&call->caller, out + done, addr + done, piece))
			return -EFAULT;
		end = memchr(out + done, '\0', piece);
		if (end)
			return (int)(end - out);
		done += piece;
	}
	return -ENAMETOOLONG;
}

/* Whether it lies under a root of ours is to be looked at: most paths are told by their beginning. */
static bool may_be_ours(const char *path)
{
	path += strspn(path, "./");
	return !strncmp(path, "sys/", 4);
}

/* Where dir is, as an absolute path; false: it cannot be said. */
static bool folder_of(struct clients *clients, struct client_call *call, int dir,
		      char out[PATH_SIZE])
{
	char link[64];
	ssize_t len;

	if (folder_path(clients, call, dir, out, PATH_SIZE))
		return true;
	if (dir == AT_FDCWD)
		snprintf(link, sizeof(link), "/proc/%u/cwd", call->caller.pid);
	else
		snprintf(link, sizeof(link), "/proc/%u/fd/%d", call->caller.pid, dir);
	len = readlink(link, out, PATH_SIZE - 1);
	if (len <= 0 || out[0] != '/')
		return false;
	out[len] = '\0';
	return true;
}

int client_path(struct clients *clients, struct client_call *call, int dir, u64 addr,
		char out[PATH_SIZE])
{
	char given[PATH_SIZE], whole[2 * PATH_SIZE + 1];
	int len = client_string(call, addr, given, sizeof(given));

	if (len <= 0)
		return 0;
	if (given[0] == '/') {
		if (!may_be_ours(given))
			return 0;
		return paths_plain(given, out, PATH_SIZE) > 0 && paths_claim(out);
	}
	if (!folder_of(clients, call, dir, whole))
		return 0;
	strcat(strcat(whole, "/"), given);
	return may_be_ours(whole) && paths_plain(whole, out, PATH_SIZE) > 0 && paths_claim(out);
}

/* ---- open ---- */

static int reopen(int fd, int flags)
{
	char path[32];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags);
	if (again < 0)
		again = -errno;
	close(fd);
	return again;
}

static int make_text(const char *name, const char *text, size_t len)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (write(fd, text, len) == (ssize_t)len)
		return reopen(fd, O_RDONLY | O_CLOEXEC);
	close(fd);
	return -ENOMEM;
}

static int open_text(struct clients *clients, const char *path)
{
	int len = paths_read(clients->hive, path, NULL, 0), fd;
	char *text = len < 0 ? NULL : malloc((size_t)len + 1);

	if (!text)
		return len < 0 ? len : -ENOMEM;
	paths_read(clients->hive, path, text, (size_t)len + 1);
	fd = make_text(strrchr(path, '/') + 1, text, (size_t)len);
	free(text);
	return fd;
}

static int open_kind(struct clients *clients, const char *path, int flags)
{
	int kind = paths_kind(clients->hive, path);

	if (kind < 0)
		return flags & O_CREAT ? -EACCES : kind;
	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;
	if (kind == PATH_FOLDER)
		return (flags & O_ACCMODE) == O_RDONLY ? folder_open(clients, path) : -EISDIR;
	if (flags & O_DIRECTORY)
		return -ENOTDIR;
	if (kind == PATH_PIN && (flags & O_ACCMODE) == O_RDONLY)
		return core_bpffs_open(clients->hive, path);
	if (kind == PATH_PIN)
		return -EIO; /* as Linux says of a pin: BPF_OBJ_GET opens it */
	if ((flags & O_ACCMODE) != O_RDONLY)
		return -EACCES;
	return kind == PATH_TEXT ? open_text(clients, path) : trace_pump_open(clients);
}

/* The caller's own fd whose fdinfo the path is: its number, or -1. */
static int fdinfo_number(struct client_call *call, u64 addr)
{
	static const char *const starts[] = { "/proc/self/fdinfo/", "/proc/thread-self/fdinfo/" };
	char path[64], own[48];
	int number = -1, end = 0;

	if (client_string(call, addr, path, sizeof(path)) <= 0 || strncmp(path, "/proc/", 6))
		return -1;
	snprintf(own, sizeof(own), "/proc/%u/fdinfo/", call->caller.pid);
	for (size_t i = 0; i <= ARRAY_SIZE(starts); i++) {
		const char *start = i < ARRAY_SIZE(starts) ? starts[i] : own;
		size_t len = strlen(start);

		if (!strncmp(path, start, len) &&
		    (sscanf(path + len, "%d%n", &number, &end) != 1 || path[len + (size_t)end]))
			number = -1;
	}
	return number;
}

/* The number in the line of that name in a real fdinfo, in base: 0 if there is none. */
static unsigned long line_of(const char *text, const char *name, int base)
{
	const char *at = strstr(text, name);

	return at ? strtoul(at + strlen(name), NULL, base) : 0;
}

/* Of an object: what Linux says of it. -EINVAL: it is none. */
static int open_fdinfo(struct clients *clients, struct client_call *call, int number)
{
	char real[512], lines[512], text[1024], path[48];
	struct text to = text_in(lines, sizeof(lines)), all = text_in(text, sizeof(text));
	u32 access;
	ssize_t len;
	int fd, err;

	snprintf(path, sizeof(path), "/proc/%u/fdinfo/%d", call->caller.pid, number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, real, sizeof(real) - 1);
	if (fd >= 0)
		close(fd);
	if (len < 0)
		return -EINVAL;
	real[len] = '\0';
	err = core_fdinfo(clients->hive, &call->caller, number, &to, &access);
	if (err)
		return -EINVAL;
	text_put(&all, "pos:\t0\nflags:\t0%lo\nmnt_id:\t%lu\nino:\t%lu\n%s",
		 (line_of(real, "flags:", 8) & O_CLOEXEC) | access, line_of(real, "mnt_id:", 10),
		 line_of(real, "ino:", 10), lines);
	return make_text("fdinfo", text, all.len);
}

static s64 open_path(struct clients *clients, struct client_call *call, int dir, u64 addr,
		     int flags)
{
	char path[PATH_SIZE];
	int fd = (flags & O_ACCMODE) == O_RDONLY ? fdinfo_number(call, addr) : -1;

	if (fd >= 0)
		fd = open_fdinfo(clients, call, fd);
	if (fd >= 0)
		return call->caller.ops->install(&call->caller, fd, flags & O_CLOEXEC);
	if (!client_path(clients, call, dir, addr, path))
		return CONTINUE;
	fd = open_kind(clients, path, flags);
	if (fd >= 0 && flags & O_NONBLOCK)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return fd < 0 ? fd : call->caller.ops->install(&call->caller, fd, flags & O_CLOEXEC);
}

static s64 do_openat(struct clients *clients, struct client_call *call, const u64 *args)
{
	return open_path(clients, call, (int)args[0], args[1], (int)args[2]);
}

/* struct open_how begins with its flags. */
static s64 do_openat2(struct clients *clients, struct client_call *call, const u64 *args)
{
	u64 flags;

	if (args[3] < sizeof(flags) ||
	    call->caller.ops->read(&call->caller, &flags, args[2], sizeof(flags)))
		return CONTINUE;
	return open_path(clients, call, (int)args[0], args[1], (int)flags);
}

/* ---- stat ---- */

static u64 number_of(const char *path)
{
	u64 hash = 0xcbf29ce484222325ull;

	while (*path)
		hash = (hash ^ (u8)*path++) * 0x100000001b3ull;
	return hash >> 16;
}

/* 0, or -ENOENT. */
static int fill_stat(struct clients *clients, struct client_call *call, const char *path,
		     struct stat *st)
{
	int kind = paths_kind(clients->hive, path);

	if (kind < 0)
		return kind;
	client_call_identify(call);
	*st = (struct stat){ .st_dev = makedev(0, paths_in_bpffs(path) ? 0xb : 0xc),
			     .st_ino = number_of(path),
			     .st_nlink = kind == PATH_FOLDER ? 2 : 1,
			     .st_uid = clients->opts.as_root ? 0 : call->caller.uid,
			     .st_gid = clients->opts.as_root ? 0 : call->caller.gid,
			     .st_blksize = PAGE };
	st->st_mode = kind == PATH_FOLDER ? S_IFDIR | 0700
		      : kind == PATH_PIN  ? S_IFREG | 0600
					  : S_IFREG | 0444;
	return 0;
}

static s64 put(struct client_call *call, u64 addr, const void *data, size_t len)
{
	return call->caller.ops->write(&call->caller, addr, data, len);
}

/* A folder of ours by its fd, as fstat(3) asks. */
static bool is_fd_call(struct client_call *call, u64 path, u32 flags)
{
	char first = 0;

	return flags & AT_EMPTY_PATH &&
	       (!path || (call->caller.ops->read(&call->caller, &first, path, 1) == 0 && !first));
}

/* The path that a stat call means: by name, or a folder's by its fd. */
static bool resolve_stat(struct clients *clients, struct client_call *call, int dir, u64 addr,
			 u32 flags, char path[PATH_SIZE])
{
	if (!is_fd_call(call, addr, flags))
		return client_path(clients, call, dir, addr, path);
	return folder_path(clients, call, dir, path, PATH_SIZE);
}

static s64 stat_path(struct clients *clients, struct client_call *call, int dir, u64 addr, u64 buf,
		     u32 flags)
{
	char path[PATH_SIZE];
	struct stat st;
	int err;

	if (!resolve_stat(clients, call, dir, addr, flags, path))
		return CONTINUE;
	err = fill_stat(clients, call, path, &st);
	return err ? err : put(call, buf, &st, sizeof(st));
}

static s64 do_newfstatat(struct clients *clients, struct client_call *call, const u64 *args)
{
	return stat_path(clients, call, (int)args[0], args[1], args[2], (u32)args[3]);
}

static s64 do_statx(struct clients *clients, struct client_call *call, const u64 *args)
{
	char path[PATH_SIZE];
	struct statx stx;
	struct stat st;
	int err;

	if (!resolve_stat(clients, call, (int)args[0], args[1], (u32)args[2], path))
		return CONTINUE;
	err = fill_stat(clients, call, path, &st);
	if (err)
		return err;
	stx = (struct statx){ .stx_mask = STATX_BASIC_STATS,
			      .stx_blksize = PAGE,
			      .stx_nlink = (u32)st.st_nlink,
			      .stx_uid = st.st_uid,
			      .stx_gid = st.st_gid,
			      .stx_mode = (u16)st.st_mode,
			      .stx_ino = st.st_ino,
			      .stx_dev_minor = minor(st.st_dev) };
	return put(call, args[4], &stx, sizeof(stx));
}

static s64 do_statfs(struct clients *clients, struct client_call *call, const u64 *args)
{
	struct statfs fs = { .f_bsize = PAGE, .f_namelen = 255, .f_frsize = PAGE };
	char path[PATH_SIZE];
	int kind;

	if (!client_path(clients, call, AT_FDCWD, args[0], path))
		return CONTINUE;
	kind = paths_kind(clients->hive, path);
	if (kind < 0)
		return kind;
	fs.f_type = paths_in_bpffs(path)     ? BPF_FS_MAGIC
		    : paths_in_tracefs(path) ? TRACEFS_MAGIC
					     : SYSFS_MAGIC;
	return put(call, args[1], &fs, sizeof(fs));
}

static s64 access_path(struct clients *clients, struct client_call *call, int dir, u64 addr,
		       int mode)
{
	char path[PATH_SIZE];
	int kind;

	if (!client_path(clients, call, dir, addr, path))
		return CONTINUE;
	kind = paths_kind(clients->hive, path);
	if (kind < 0)
		return kind;
	if (kind == PATH_FOLDER)
		return 0;
	return mode & X_OK || (mode & W_OK && kind != PATH_PIN) ? -EACCES : 0;
}

static s64 do_faccessat(struct clients *clients, struct client_call *call, const u64 *args)
{
	return access_path(clients, call, (int)args[0], args[1], (int)args[2]);
}

/* Links and attributes, of which nothing here has any. */
static s64 refuse(struct clients *clients, struct client_call *call, int dir, u64 addr, int err)
{
	char path[PATH_SIZE];

	if (!client_path(clients, call, dir, addr, path))
		return CONTINUE;
	return min(paths_kind(clients->hive, path), 0) ?: err;
}

static s64 do_readlinkat(struct clients *clients, struct client_call *call, const u64 *args)
{
	return refuse(clients, call, (int)args[0], args[1], -EINVAL);
}

static s64 do_getxattr(struct clients *clients, struct client_call *call, const u64 *args)
{
	return refuse(clients, call, AT_FDCWD, args[0], -EOPNOTSUPP);
}

/* ---- changes, which only bpffs takes ---- */

static s64 mkdir_path(struct clients *clients, struct client_call *call, int dir, u64 addr)
{
	char path[PATH_SIZE];

	if (!client_path(clients, call, dir, addr, path))
		return CONTINUE;
	if (paths_in_bpffs(path))
		return core_bpffs_mkdir(clients->hive, path);
	return paths_kind(clients->hive, path) < 0 ? -EPERM : -EEXIST;
}

static s64 remove_path(struct clients *clients, struct client_call *call, int dir, u64 addr,
		       bool folder)
{
	char path[PATH_SIZE];
	int kind;

	if (!client_path(clients, call, dir, addr, path))
		return CONTINUE;
	kind = paths_kind(clients->hive, path);
	if (!paths_in_bpffs(path))
		return kind < 0 ? kind : -EPERM;
	return core_bpffs_remove(clients->hive, path, folder);
}

static s64 do_mkdirat(struct clients *clients, struct client_call *call, const u64 *args)
{
	return mkdir_path(clients, call, (int)args[0], args[1]);
}

static s64 do_unlinkat(struct clients *clients, struct client_call *call, const u64 *args)
{
	return remove_path(clients, call, (int)args[0], args[1], args[2] & AT_REMOVEDIR);
}

static s64 do_getdents(struct clients *clients, struct client_call *call, const u64 *args)
{
	return folder_read(clients, call, (int)args[0], args[1], (u32)args[2]);
}

/* ---- older calls, which some machines have ---- */

#ifdef SYS_open
static s64 do_readlink(struct clients *clients, struct client_call *call, const u64 *args)
{
	return refuse(clients, call, AT_FDCWD, args[0], -EINVAL);
}

static s64 do_open(struct clients *clients, struct client_call *call, const u64 *args)
{
	return open_path(clients, call, AT_FDCWD, args[0], (int)args[1]);
}

static s64 do_stat(struct clients *clients, struct client_call *call, const u64 *args)
{
	return stat_path(clients, call, AT_FDCWD, args[0], args[1], 0);
}

static s64 do_access(struct clients *clients, struct client_call *call, const u64 *args)
{
	return access_path(clients, call, AT_FDCWD, args[0], (int)args[1]);
}

static s64 do_mkdir(struct clients *clients, struct client_call *call, const u64 *args)
{
	return mkdir_path(clients, call, AT_FDCWD, args[0]);
}

static s64 do_unlink(struct clients *clients, struct client_call *call, const u64 *args)
{
	return remove_path(clients, call, AT_FDCWD, args[0], false);
}

static s64 do_rmdir(struct clients *clients, struct client_call *call, const u64 *args)
{
	return remove_path(clients, call, AT_FDCWD, args[0], true);
}
#endif

const struct answer_row file_rows[] = {
	{ SYS_openat, NULL, do_openat },
	{ SYS_openat2, NULL, do_openat2 },
	{ SYS_newfstatat, NULL, do_newfstatat },
	{ SYS_statx, NULL, do_statx },
	{ SYS_statfs, NULL, do_statfs },
	{ SYS_faccessat, NULL, do_faccessat },
	{ SYS_faccessat2, NULL, do_faccessat },
	{ SYS_mkdirat, NULL, do_mkdirat },
	{ SYS_unlinkat, NULL, do_unlinkat },
	{ SYS_getdents64, NULL, do_getdents },
	{ SYS_readlinkat, NULL, do_readlinkat },
	{ SYS_getxattr, NULL, do_getxattr },
	{ SYS_lgetxattr, NULL, do_getxattr },
#ifdef SYS_open
	{ SYS_open, NULL, do_open },
	{ SYS_readlink, NULL, do_readlink },
	{ SYS_stat, NULL, do_stat },
	{ SYS_lstat, NULL, do_stat },
	{ SYS_access, NULL, do_access },
	{ SYS_mkdir, NULL, do_mkdir },
	{ SYS_unlink, NULL, do_unlink },
	{ SYS_rmdir, NULL, do_rmdir },
#endif
};
const size_t file_row_count = ARRAY_SIZE(file_rows);
