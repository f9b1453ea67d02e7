/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One bpf(2) call inside core. attr is our own copy, zero-filled behind what the caller gave; results
 * go back to the caller's attr through call_put(). command.c has one table row a command.
 */
#ifndef CORE_COMMAND_H
#define CORE_COMMAND_H

#include <errno.h>

#include "core/hive.h"

#ifndef ENOTSUPP
#define ENOTSUPP 524 /* Linux's own, not in <errno.h> */
#endif

struct call {
	struct hive *hive;
	struct caller *caller;
	union bpf_attr attr;
	u64 uattr; /* the caller's address of it */
	u32 size;  /* bytes of attr the caller gave, at most sizeof(attr) */
	int cmd;
	const struct core_judge *judge; /* BPF_PROG_LOAD: verify only */
};

/* 0, -EFAULT. */
static inline int call_read(struct call *call, void *dst, u64 addr, size_t len)
{
	return len ? call->caller->ops->read(call->caller, dst, addr, len) : 0;
}
static inline int call_write(struct call *call, u64 addr, const void *src, size_t len)
{
	return len ? call->caller->ops->write(call->caller, addr, src, len) : 0;
}
/* Writes a field of the caller's own attr. */
#define call_put(call, field, value)                                                          \
	({                                                                                    \
		__typeof__((call)->attr.field) put_value = (value);                           \
		call_write(call, (call)->uattr + offsetof(union bpf_attr, field), &put_value, \
			   sizeof(put_value));                                                \
	})

/* A copy of len bytes (malloc'ed), *out NULL if len is 0: 0, -EFAULT, -ENOMEM. */
int call_copy(struct call *call, void **out, u64 addr, size_t len);
/* A string into buf, cut to size - 1 and terminated: its length, -EFAULT. */
int call_string(struct call *call, char *buf, size_t size, u64 addr);
/* Text to the caller as bpf_link_info and friends give it: cut and terminated; 0, -ENOSPC if cut, -EFAULT. */
int call_put_text(struct call *call, u64 addr, u32 room, const char *text);
/* An info struct: checks the tail of what the caller has room for, copies in what he gave; -E2BIG, -EFAULT. */
int call_read_info(struct call *call, void *info, u32 size);
int call_write_info(struct call *call, const void *info, u32 size);

/* An object's name: letters, digits, '_' and '.', terminated within its room: 0, -EINVAL. */
int check_name(const char name[BPF_OBJ_NAME_LEN]);
/* BPF_F_RDONLY, BPF_F_WRONLY of an open: O_*, -EINVAL for both. */
int access_of_flags(u32 flags);

int cmd_map_create(struct call *call);
int cmd_map_freeze(struct call *call);
int cmd_map_lookup(struct call *call);
int cmd_map_update(struct call *call);
int cmd_map_delete(struct call *call);
int cmd_map_next_key(struct call *call);
int cmd_map_take(struct call *call);
int cmd_map_batch(struct call *call);
int cmd_prog_load(struct call *call);
int cmd_prog_attach(struct call *call);
int cmd_prog_detach(struct call *call);
int cmd_prog_query(struct call *call);
int cmd_prog_test_run(struct call *call);
int cmd_prog_bind_map(struct call *call);
int cmd_prog_stream_read(struct call *call);
int cmd_obj_pin(struct call *call);
int cmd_obj_get(struct call *call);
int cmd_obj_next_id(struct call *call);
int cmd_obj_fd_by_id(struct call *call);
int cmd_obj_info(struct call *call);
int cmd_raw_tracepoint_open(struct call *call);
int cmd_btf_load(struct call *call);
int cmd_task_fd_query(struct call *call);
int cmd_link_create(struct call *call);
int cmd_link_update(struct call *call);
int cmd_link_detach(struct call *call);
int cmd_enable_stats(struct call *call);
int cmd_iter_create(struct call *call);
int cmd_token_create(struct call *call);

#endif
