/* SPDX-License-Identifier: BSD-2-Clause */
/* Iterator links. None of the kernel's iterators exists here yet. */
#include "core/link.h"

const char *iter_name(u32 kind)
{
	(void)kind;
	return "";
}

int iter_install(struct call *call, struct link *link)
{
	(void)link;
	return fail(call->hive->log, -EOPNOTSUPP, "iter_create: iterators are not supported");
}
