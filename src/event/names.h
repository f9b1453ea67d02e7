/* SPDX-License-Identifier: BSD-2-Clause */
/* Help with a name that is not there: the nearest ones that are. */
#ifndef EVENT_NAMES_H
#define EVENT_NAMES_H

#include "util/log.h"

/*
 * Says "; nearest: PREFIXa, PREFIXb" with up to three of count names (NULL ones are skipped) that
 * are near to name, or nothing where none is. No newline.
 */
void names_suggest(struct log *log, const char *name, const char *prefix, const char *const *names,
		   size_t count);

#endif
