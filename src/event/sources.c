/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of event sources: one row each. Adding a source is one file and one row here. */
#include "event/event.h"

int event_sources_add(struct hive *hive)
{
	static const struct event_kind *const kinds[] = { &syscall_kind, &process_kind,
							  &packet_kind };
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds) && !err; i++)
		err = event_add(hive, kinds[i]);
	return err;
}
