/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processes of a traced tree as programs see them: struct task over /proc and process_vm_readv.
 *
 * A cache of a fixed number of entries, keyed by thread id. What was learnt of a thread holds until
 * its kept fd says it is gone (ids are reused), or the caller says that it changed.
 */
#ifndef EVENT_TASK_H
#define EVENT_TASK_H

#include "def/run.h"

struct task_cache;

int task_cache_new(struct task_cache **out);
void task_cache_free(struct task_cache *cache);

/*
 * The thread tid, which is stopped in a system call; what costs something is read when asked for.
 * Valid until the next task_get(). Never NULL; a thread that cannot be seen (tid 0: another pid
 * namespace) is a task without memory whose comm is "".
 */
struct task *task_get(struct task_cache *cache, u32 tid);

/* The process that thread tid belongs to. */
u32 task_group(u32 tid);

/*
 * From now on memory is read through files that stay open, where there is much to read; the caller
 * tells of every execve at its entry, since a process may have other memory after it.
 */
void task_keep_memory(struct task_cache *cache);
void task_forget_memory(struct task_cache *cache, u32 tgid);
/* The thread's credentials may change after this event: a set*id call or an execve. */
void task_forget_creds(struct task *task);

#endif
