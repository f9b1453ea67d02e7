/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf(2)'s front door: attr is copied once, what lies behind the last field of a command must be
 * zero, then the command's function runs. What the caller passes is never looked at twice.
 *
 * Permissions: whoever may speak to a hive owns it (the trust boundary is the uid), so every caller
 * has what CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN would give.
 */
#include "core/command.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { ATTR_MAX = 4096 }; /* what Linux takes for silly: a page */

struct command {
	u32 end; /* of the last field the command knows; what follows must be zero */
	int (*run)(struct call *call);
};

#define COMMAND(name, last, function, what)                                                    \
	[BPF_##name] = { offsetof(union bpf_attr, last) + sizeof(((union bpf_attr *)0)->last), \
			 cmd_##function },
static const struct command commands[__MAX_BPF_CMD] = {
#include "core/command.def"
};

static bool all_zero(const u8 *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i])
			return false;
	return true;
}

/* What the caller has beyond the size we know must be zero: 0, -E2BIG, -EFAULT. */
static int check_tail(struct caller *caller, u64 addr, u32 known, u32 given)
{
	u8 tail[ATTR_MAX];

	if (given > ATTR_MAX)
		return -E2BIG;
	if (given <= known)
		return 0;
	if (caller->ops->read(caller, tail, addr + known, given - known))
		return -EFAULT;
	return all_zero(tail, given - known) ? 0 : -E2BIG;
}

/* Commands that neither make objects nor ask which there are: the many ones. */
static bool is_element(int cmd)
{
	return (cmd >= BPF_MAP_LOOKUP_ELEM && cmd <= BPF_MAP_GET_NEXT_KEY) ||
	       cmd == BPF_MAP_LOOKUP_AND_DELETE_ELEM ||
	       (cmd >= BPF_MAP_LOOKUP_BATCH && cmd <= BPF_MAP_DELETE_BATCH);
}

static int run_command(struct call *call, u64 attr, u32 size)
{
	int err = check_tail(call->caller, attr, sizeof(call->attr), size);
	const struct command *command;

	if (err)
		return err;
	call->uattr = attr;
	call->size = min(size, (u32)sizeof(call->attr));
	if (call_read(call, &call->attr, attr, call->size))
		return -EFAULT;
	if (call->cmd < 0 || call->cmd >= (int)ARRAY_SIZE(commands))
		return -EINVAL;
	command = &commands[call->cmd];
	if (!all_zero((u8 *)&call->attr + command->end, sizeof(call->attr) - command->end))
		return fail(call->hive->log, -EINVAL,
			    "bpf command %d: attr has bytes set behind its last field", call->cmd);
	if (!is_element(call->cmd))
		hive_reap(call->hive, false);
	return command->run(call);
}

int core_bpf(struct hive *hive, struct caller *caller, int cmd, u64 attr, u32 size)
{
	struct call call = { .hive = hive, .caller = caller, .cmd = cmd, .judge = hive->judge };

	return run_command(&call, attr, size);
}

int core_verify(struct hive *hive, struct caller *caller, u64 attr, u32 size,
		const struct core_judge *judge)
{
	struct call call = { .hive = hive, .caller = caller, .cmd = BPF_PROG_LOAD, .judge = judge };

	return run_command(&call, attr, size);
}

void core_set_judge(struct hive *hive, const struct core_judge *judge)
{
	hive->judge = judge;
}

void core_set_observer(struct hive *hive, const struct core_judge *observer)
{
	hive->observer = observer;
}

/* What the commands share. */

int call_copy(struct call *call, void **out, u64 addr, size_t len)
{
	*out = NULL;
	if (!len)
		return 0;
	*out = malloc(len);
	if (!*out)
		return -ENOMEM;
	if (call_read(call, *out, addr, len)) {
		free(*out);
		*out = NULL;
		return -EFAULT;
	}
	return 0;
}

static int read_text(struct caller *caller, char *dst, u64 addr, size_t len)
{
	return caller->ops->read_text ? caller->ops->read_text(caller, dst, addr, len)
				      : caller->ops->read(caller, dst, addr, len);
}

int call_string(struct call *call, char *buf, size_t size, u64 addr)
{
	/* by pieces that do not cross a page, so that the end of a mapping is no fault before the terminator */
	for (size_t done = 0; done < size - 1;) {
		size_t piece = min(size - 1 - done, (size_t)(4096 - (addr + done) % 4096));
		char *end;

		if (read_text(call->caller, buf + done, addr + done, piece))
			return -EFAULT;
		end = memchr(buf + done, 0, piece);
		if (end)
			return (int)(end - buf);
		done += piece;
	}
	buf[size - 1] = 0;
	return (int)size - 1;
}

int call_put_text(struct call *call, u64 addr, u32 room, const char *text)
{
	size_t len = strlen(text);

	if (room > len)
		return call_write(call, addr, text, len + 1);
	if (call_write(call, addr, text, room - 1) || call_write(call, addr + room - 1, "", 1))
		return -EFAULT;
	return -ENOSPC;
}

int call_read_info(struct call *call, void *info, u32 size)
{
	u32 given = call->attr.info.info_len;
	int err = check_tail(call->caller, call->attr.info.info, size, given);

	memset(info, 0, size);
	return err ? err : call_read(call, info, call->attr.info.info, min(given, size));
}

int call_write_info(struct call *call, const void *info, u32 size)
{
	u32 len = min(call->attr.info.info_len, size);

	return call_write(call, call->attr.info.info, info, len) ||
			       call_put(call, info.info_len, len)
		       ? -EFAULT
		       : 0;
}

/* Latin-1, as Linux reads bytes. */
static bool is_letter(unsigned char c)
{
	return c < 128 ? isalnum(c) : c >= 0xc0 && c != 0xd7 && c != 0xf7;
}

int check_name(const char name[BPF_OBJ_NAME_LEN])
{
	for (int i = 0; i < BPF_OBJ_NAME_LEN; i++) {
		unsigned char c = (unsigned char)name[i];

		if (!c)
			return 0;
		if (!is_letter(c) && c != '_' && c != '.')
			return -EINVAL;
	}
	return -EINVAL;
}

int access_of_flags(u32 flags)
{
	if ((flags & BPF_F_RDONLY) && (flags & BPF_F_WRONLY))
		return -EINVAL;
	if (flags & BPF_F_RDONLY)
		return O_RDONLY;
	return flags & BPF_F_WRONLY ? O_WRONLY : O_RDWR;
}
