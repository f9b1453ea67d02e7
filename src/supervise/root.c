/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tree that believes it is root, for tools that ask before they try: who am I, and what may I.
 * Nothing else changes: files are opened and signals sent with the rights there really are, and
 * programs that the tree's events run see the true ids.
 */
#include <errno.h>
#include <linux/capability.h>
#include <sys/syscall.h>

#include "supervise/answers.h"

static s64 answer_zero(struct clients *clients, struct client_call *call, const u64 *args)
{
	(void)clients, (void)call, (void)args;
	return 0;
}

/* getresuid(2), getresgid(2). */
static s64 answer_three(struct clients *clients, struct client_call *call, const u64 *args)
{
	const u32 zero = 0;

	(void)clients;
	for (int i = 0; i < 3; i++)
		if (call->caller.ops->write(&call->caller, args[i], &zero, sizeof(zero)))
			return -EFAULT;
	return 0;
}

/* capget(2): all there are, in both sets; versions that it does not know are Linux's to refuse. */
static s64 answer_capget(struct clients *clients, struct client_call *call, const u64 *args)
{
	struct __user_cap_data_struct data[2] = { { .effective = ~0u, .permitted = ~0u } };
	struct __user_cap_header_struct header;
	u32 words;

	(void)clients;
	data[1].effective = data[1].permitted = (1u << (CAP_LAST_CAP - 31)) - 1;
	if (call->caller.ops->read(&call->caller, &header, args[0], sizeof(header)) || !args[1])
		return CONTINUE;
	switch (header.version) {
	case _LINUX_CAPABILITY_VERSION_1: words = 1; break;
	case _LINUX_CAPABILITY_VERSION_2:
	case _LINUX_CAPABILITY_VERSION_3: words = 2; break;
	default: return CONTINUE;
	}
	return call->caller.ops->write(&call->caller, args[1], data, words * sizeof(data[0]));
}

const struct answer_row root_rows[] = {
	{ SYS_getuid, NULL, answer_zero },     { SYS_geteuid, NULL, answer_zero },
	{ SYS_getgid, NULL, answer_zero },     { SYS_getegid, NULL, answer_zero },
	{ SYS_getresuid, NULL, answer_three }, { SYS_getresgid, NULL, answer_three },
	{ SYS_capget, NULL, answer_capget },
};
const size_t root_row_count = ARRAY_SIZE(root_rows);
