/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets: the XDP programs of a hive. They are attached to interfaces by number, as bpf(2) does it;
 * whoever has packets (packet files, see pcap.c) runs them through packet_fire().
 */
#include "event/event.h"

#include <errno.h>
#include <stdlib.h>

struct packet_source {
	struct event_source source;
	struct hive *hive;
	struct attachment **attachments;	/* in the order of attachment */
	size_t count;
};

static bool claims(void *arg, const struct attach_target *target)
{
	(void)arg;
	return target->kind == ATTACH_XDP;
}

static int attach(void *arg, struct attachment *attachment, const struct attach_target *target, struct log *why)
{
	struct packet_source *source = arg;
	struct attachment **grown = realloc(source->attachments, (source->count + 1) * sizeof(struct attachment *));

	(void)target;
	(void)why;
	if (!grown)
		return -ENOMEM;
	source->attachments = grown;
	grown[source->count++] = attachment;
	return 0;
}

static void detach(void *arg, struct attachment *attachment)
{
	struct packet_source *source = arg;
	size_t kept = 0;

	for (size_t i = 0; i < source->count; i++)
		if (source->attachments[i] != attachment)
			source->attachments[kept++] = source->attachments[i];
	source->count = kept;
}

static void free_source(void *arg)
{
	struct packet_source *source = arg;

	free(source->attachments);
	free(source);
}

struct packet_source *packet_source(struct hive *hive)
{
	const struct event_source *source = core_event_source(hive, "packet");

	return source ? source->arg : NULL;
}

int event_add_packet(struct hive *hive)
{
	struct packet_source *source = calloc(1, sizeof(*source));
	int err;

	if (!source)
		return -ENOMEM;
	source->hive = hive;
	source->source = (struct event_source){
		.name = "packet", .claims = claims, .attach = attach, .detach = detach, .free = free_source, .arg = source,
	};
	err = core_add_event_source(hive, &source->source);
	if (err)
		free_source(source);
	return err;
}
