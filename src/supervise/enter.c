/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Going into a folder of a virtual tree: the process goes into the removed folder that stands for it (folder.c), by
 * a call that it makes for us (inject.c), for Linux hands a working directory on to threads and children as it
 * shall be. fchdir(2) into such a folder is Linux's own. What a relative path means then is said by files.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "event/paths.h"
#include "supervise/answers.h"
#include "supervise/inject.h"

/* Out of a virtual folder, by a relative path: Linux does not know where it leads. */
static int open_outside(struct client_call *call, const char *path)
{
	char whole[PATH_SIZE + 32];
	int fd;

	snprintf(whole, sizeof(whole), "/proc/%u/root%s", call->caller.pid, path);
	fd = open(whole, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Where path leads from a virtual folder, if that is no virtual one: 1; else 0. */
static int leads_outside(struct clients *clients, struct client_call *call, u64 addr,
			 char out[PATH_SIZE])
{
	char whole[2 * PATH_SIZE + 1], given[PATH_SIZE];
	int len = client_string(call, addr, given, sizeof(given));

	if (len <= 0 || given[0] == '/' || !folder_path(clients, call, AT_FDCWD, whole, PATH_SIZE))
		return 0;
	strcat(strcat(whole, "/"), given);
	return paths_plain(whole, out, PATH_SIZE) > 0 && !paths_claim(out);
}

static int open_folder(struct clients *clients, struct client_call *call, const char *path,
		       bool ours)
{
	int kind = ours ? paths_kind(clients->hive, path) : PATH_FOLDER;

	if (kind < 0)
		return kind;
	if (kind != PATH_FOLDER)
		return -ENOTDIR;
	return ours ? folder_open(clients, path) : open_outside(call, path);
}

static s64 do_chdir(struct clients *clients, struct client_call *call, const u64 *args)
{
	union tree_slot *slot = container_of(call->notif, union tree_slot, notif);
	char path[PATH_SIZE];
	bool ours = client_path(clients, call, AT_FDCWD, args[0], path);
	int fd, err;

	if (!ours && !leads_outside(clients, call, args[0], path))
		return CONTINUE;
	if (call->peers)
		return TO_A_WORKER;
	fd = open_folder(clients, call, path, ours);
	if (fd < 0)
		return fd;
	err = inject_chdir(call, slot, fd);
	return err == 0 ? ANSWERED : err == -EPERM || err == -ENOSYS ? -EACCES : err;
}

static s64 do_getcwd(struct clients *clients, struct client_call *call, const u64 *args)
{
	char path[PATH_SIZE];
	size_t size;

	if (!folder_path(clients, call, AT_FDCWD, path, sizeof(path)))
		return CONTINUE;
	size = strlen(path) + 1;
	if (size > args[1])
		return -ERANGE;
	return call->caller.ops->write(&call->caller, args[0], path, size) ?: (s64)size;
}

const struct answer_row enter_rows[] = {
	{ SYS_chdir, NULL, do_chdir },
	{ SYS_getcwd, NULL, do_getcwd },
};
const size_t enter_row_count = ARRAY_SIZE(enter_rows);
