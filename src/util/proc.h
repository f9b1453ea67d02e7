/* SPDX-License-Identifier: BSD-2-Clause */
/* What /proc says of a process. */
#ifndef UTIL_PROC_H
#define UTIL_PROC_H

#include "util/types.h"

/* The process id of a thread's parent, the parent's name (NUL-padded, 16 bytes) and when the thread started, in ns
 * since boot. 0 or -ESRCH, everything zero then; a parent that cannot be seen is 0 and nameless. */
int proc_origin(u32 tid, u32 *parent, char parent_comm[16], u64 *start_ns);

/* The id of the thread's cgroup (version 2), or of its ancestor at a level (0: the root; -1: the cgroup itself). 0: it
 * is not that deep, or cannot be seen. */
u64 proc_cgroup(u32 tid, int level);

/* The thread's ids in the pid namespace it is in, if that is the one of this device and inode number. */
bool proc_in_pidns(u32 tid, u64 dev, u64 ino, u32 *pid, u32 *tgid);

#endif
