/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads for calls that may take long. */
#ifndef SUPERVISE_WORKERS_H
#define SUPERVISE_WORKERS_H

#include "supervise/tree.h"

struct workers;

/* run() is called on a worker for each job. 0 or -ENOMEM. */
int workers_new(struct workers **out,
		void (*run)(void *arg, struct tree *tree, union tree_slot *slot), void *arg);
/* Every job is done before this returns. NULL is fine. */
void workers_free(struct workers *workers);
/* False: no thread could be made. */
bool workers_add(struct workers *workers, struct tree *tree, union tree_slot *slot);

#endif
