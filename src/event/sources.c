/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of event sources: one row each. Adding a source is one file and one row here. */
#include "event/event.h"

int event_sources_add(struct hive *hive)
{
	static int (*const add[])(struct hive * hive) = { event_add_syscall, event_add_packet };
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(add) && !err; i++)
		err = add[i](hive);
	return err;
}
