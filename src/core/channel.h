/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of channels (object.c), for hive.c alone. */
#ifndef CORE_CHANNEL_H
#define CORE_CHANNEL_H

struct hive;
int channels_new(struct hive *hive);	/* 0, -ENOMEM */
void channels_close(struct hive *hive); /* as if every client had closed every fd */
void channels_free(struct hive *hive);	/* the table itself */

#endif
