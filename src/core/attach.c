/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event sources and attachments: who claims a target gets the attachment; names of tracepoints and
 * the ids they are opened by. Sources are added while a hive is set up and stay until it goes.
 */
#include <stdlib.h>
#include <string.h>

#include "core/link.h"

enum { FIRST_TRACEPOINT_ID = 1 };

int core_add_event_source(struct hive *hive, const struct event_source *source)
{
	struct event_source **wider, *copy = malloc(sizeof(*copy));
	int err = -ENOMEM;

	if (!copy)
		return -ENOMEM;
	*copy = *source;
	pthread_mutex_lock(&hive->source_lock);
	wider = realloc(hive->sources, (hive->source_count + 1) * sizeof(struct event_source *));
	if (wider) {
		hive->sources = wider;
		hive->sources[hive->source_count++] = copy;
		err = 0;
	}
	pthread_mutex_unlock(&hive->source_lock);
	if (err)
		free(copy);
	return err;
}

const struct event_source *core_event_source(struct hive *hive, const char *name)
{
	const struct event_source *found = NULL;

	pthread_mutex_lock(&hive->source_lock);
	for (u32 i = 0; i < hive->source_count && !found; i++)
		if (!strcmp(hive->sources[i]->name, name))
			found = hive->sources[i];
	pthread_mutex_unlock(&hive->source_lock);
	return found;
}

void sources_free(struct hive *hive)
{
	for (u32 i = 0; i < hive->source_count; i++) {
		if (hive->sources[i]->free)
			hive->sources[i]->free(hive->sources[i]->arg);
		free(hive->sources[i]);
	}
	free(hive->sources);
	for (u32 i = 0; i < hive->tracepoint_count; i++)
		free(hive->tracepoints[i]);
	free(hive->tracepoints);
}

int core_tracepoint_id(struct hive *hive, const char *name)
{
	char **wider, *copy;
	int id = -ENOMEM;
	u32 i;

	pthread_mutex_lock(&hive->source_lock);
	for (i = 0; i < hive->tracepoint_count && strcmp(hive->tracepoints[i], name); i++)
		;
	if (i < hive->tracepoint_count) {
		id = FIRST_TRACEPOINT_ID + (int)i;
	} else {
		copy = strdup(name);
		wider = copy ? realloc(hive->tracepoints, (i + 1) * sizeof(char *)) : NULL;
		if (wider) {
			hive->tracepoints = wider;
			hive->tracepoints[hive->tracepoint_count++] = copy;
			id = FIRST_TRACEPOINT_ID + (int)i;
		} else {
			free(copy);
		}
	}
	pthread_mutex_unlock(&hive->source_lock);
	return id;
}

const char *tracepoint_name(struct hive *hive, u64 id)
{
	const char *name = NULL;

	pthread_mutex_lock(&hive->source_lock);
	if (id >= FIRST_TRACEPOINT_ID && id - FIRST_TRACEPOINT_ID < hive->tracepoint_count)
		name = hive->tracepoints[id - FIRST_TRACEPOINT_ID];
	pthread_mutex_unlock(&hive->source_lock);
	return name;
}

/* The first source that claims the target; later ones win, so that a special source can stand before a general one. */
static const struct event_source *claimant(struct hive *hive, const struct attach_target *target)
{
	const struct event_source *found = NULL;

	pthread_mutex_lock(&hive->source_lock);
	for (u32 i = hive->source_count; i-- && !found;)
		if (hive->sources[i]->claims(hive->sources[i]->arg, target))
			found = hive->sources[i];
	pthread_mutex_unlock(&hive->source_lock);
	return found;
}

int attachment_new(struct attachment **out, struct hive *hive, const struct attach_target *target,
		   struct prog *prog)
{
	struct attachment *attachment = calloc(1, sizeof(*attachment));
	const char *name = target->name ? target->name : "";
	int err;

	if (!attachment)
		return -ENOMEM;
	attachment->target = *target;
	attachment->target.name = strdup(name);
	attachment->prog = prog;
	attachment->enabled = true;
	attachment->source = claimant(hive, target);
	if (!attachment->target.name)
		err = -ENOMEM;
	else if (!attachment->source)
		err = fail(hive->log, -ENOENT, "%s: no event source knows this target", name);
	else
		err = attachment->source->attach(attachment->source->arg, attachment,
						 &attachment->target, hive->log);
	if (!err) {
		err = attachment_fits(hive, attachment, prog);
		if (err)
			attachment->source->detach(attachment->source->arg, attachment);
	}
	if (err) {
		free((char *)attachment->target.name);
		free(attachment);
		return err;
	}
	if (prog)
		object_get(&prog->object);
	*out = attachment;
	return 0;
}

static void attachment_end(struct epoch_item *item)
{
	struct attachment *attachment = container_of(item, struct attachment, ending);

	put_prog(attachment->prog);
	free((char *)attachment->target.name);
	free(attachment);
}

void core_attachment_limit(struct attachment *attachment, u32 ctx_size)
{
	attachment->ctx_size = ctx_size;
}

bool core_attachment_tails(const struct attachment *attachment)
{
	const struct prog *prog = __atomic_load_n(&attachment->prog, __ATOMIC_ACQUIRE);

	return prog && prog->tail_calls;
}

int attachment_fits(struct hive *hive, const struct attachment *attachment, const struct prog *prog)
{
	const struct attach_target *target = &attachment->target;

	if (!prog || !attachment->ctx_size || prog->max_ctx_offset <= attachment->ctx_size)
		return 0;
	return fail(hive->log, target->kind == ATTACH_TRACEPOINT ? -EACCES : -EINVAL,
		    "%s: program %s reads %u bytes of context, there are %u", target->name,
		    prog->name, prog->max_ctx_offset, attachment->ctx_size);
}

void attachment_free(struct hive *hive, struct attachment *attachment)
{
	if (!attachment)
		return;
	attachment->source->detach(attachment->source->arg, attachment);
	hive_defer(hive, &attachment->ending, attachment_end);
}

void attachment_set_prog(struct hive *hive, struct attachment *attachment, struct prog *prog)
{
	struct prog *old = __atomic_exchange_n(&attachment->prog, prog, __ATOMIC_ACQ_REL);

	(void)hive;
	put_prog(old); /* its memory goes after an epoch, see prog_release() */
}
