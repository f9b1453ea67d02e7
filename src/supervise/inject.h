/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls that a stopped thread of a tree makes for us. */
#ifndef SUPERVISE_INJECT_H
#define SUPERVISE_INJECT_H

#include "supervise/caller.h"

/*
 * Answers the call (0) after its thread has changed its working directory to the folder behind fd, which is closed.
 * 0: answered; else the call waits still: -EPERM the thread cannot be traced (somebody else does, or the system
 * forbids it), -ENOSYS not on this machine, -errno. Not for the serving thread: waits for the thread, whose calls it serves.
 */
int inject_chdir(struct client_call *call, union tree_slot *slot, int fd);

#endif
