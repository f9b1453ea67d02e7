/* SPDX-License-Identifier: BSD-2-Clause */
/* The files that commands are. */
#ifndef SUPERVISE_COMMAND_H
#define SUPERVISE_COMMAND_H

#include "def/run.h"

/* The file that execvp(3) would execute for name, into path: 0, -ENOENT, -EACCES, -ENAMETOOLONG. */
int command_find(const char *name, char *path, size_t size);

/* Text of up to size bytes at addr of the task's memory; false where it has no end or cannot be read. */
bool command_read_text(struct task *task, u64 addr, char *buf, size_t size);

/*
 * Whether the file named at addr in the task's memory is set-user-ID or set-group-ID, as the task sees it
 * and, by an absolute name, as we do; its name into path.
 */
bool command_setuid(struct task *task, u64 addr, char *path, size_t size);

#endif
