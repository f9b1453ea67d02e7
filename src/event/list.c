/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every source has in common: the list of its attached programs, sorted by stage and within
 * one by age, under a lock that is held for reading while programs run, so that detaching waits
 * for them. Whoever runs the source's events hears of each change, after it and with no lock of
 * the list held.
 */
#include "event/event.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool claims(void *arg, const struct attach_target *target)
{
	const struct event_list *list = arg;

	return list->kind->claims(target);
}

static int insert(struct event_list *list, const struct event_row *row)
{
	size_t size = list->kind->row_size, at = list->count;
	u8 *rows = realloc(list->rows, (list->count + 1) * size);

	if (!rows)
		return -ENOMEM;
	list->rows = rows;
	while (at && event_row(list, at - 1)->stage > row->stage)
		at--;
	memmove(rows + (at + 1) * size, rows + at * size, (list->count - at) * size);
	memcpy(rows + at * size, row, size);
	list->count++;
	return 0;
}

static int tell(struct event_list *list, const struct event_row *row,
		const struct attach_target *target)
{
	int err = 0;

	pthread_mutex_lock(&list->watch_lock);
	if (list->watcher.changed)
		err = list->watcher.changed(list->watcher.arg, row, target);
	pthread_mutex_unlock(&list->watch_lock);
	return err;
}

static void detach(void *arg, struct attachment *attachment)
{
	struct event_list *list = arg;
	size_t kept = 0, size = list->kind->row_size;

	pthread_rwlock_wrlock(&list->lock);
	for (size_t i = 0; i < list->count; i++)
		if (event_row(list, i)->attachment != attachment)
			memmove(list->rows + kept++ * size, list->rows + i * size, size);
	list->count = kept;
	pthread_rwlock_unlock(&list->lock);
}

static int attach(void *arg, struct attachment *attachment, const struct attach_target *target,
		  struct log *why)
{
	struct event_list *list = arg;
	u64 room[EVENT_ROW_MAX / sizeof(u64)] = { 0 };
	struct event_row *row = (struct event_row *)room;
	int err = list->kind->attach(row, target, why);

	if (err)
		return err;
	core_attachment_limit(attachment, row->ctx_size);
	row->attachment = attachment;
	pthread_rwlock_wrlock(&list->lock);
	err = insert(list, row);
	pthread_rwlock_unlock(&list->lock);
	if (!err) {
		err = tell(list, row, target);
		if (err)
			detach(list, attachment);
	}
	return err;
}

void event_watch(struct event_list *list, const struct event_watcher *watcher)
{
	pthread_mutex_lock(&list->watch_lock);
	list->watcher = watcher ? *watcher : (struct event_watcher){ 0 };
	pthread_mutex_unlock(&list->watch_lock);
}

static void free_list(void *arg)
{
	struct event_list *list = arg;

	pthread_rwlock_destroy(&list->lock);
	pthread_mutex_destroy(&list->watch_lock);
	free(list->rows);
	free(list);
}

struct event_list *event_list(struct hive *hive, const struct event_kind *kind)
{
	const struct event_source *source = core_event_source(hive, kind->name);

	return source ? source->arg : NULL;
}

int event_add(struct hive *hive, const struct event_kind *kind)
{
	struct event_list *list = calloc(1, sizeof(*list));
	struct event_source source = { .name = kind->name,
				       .claims = claims,
				       .attach = attach,
				       .detach = detach,
				       .free = free_list,
				       .arg = list };
	int err;

	if (!list)
		return -ENOMEM;
	assert(kind->row_size <= EVENT_ROW_MAX);
	list->hive = hive;
	list->kind = kind;
	pthread_rwlock_init(&list->lock, NULL);
	pthread_mutex_init(&list->watch_lock, NULL);
	err = core_add_event_source(hive, &source);
	if (err)
		free_list(list);
	return err;
}
