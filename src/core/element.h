/* SPDX-License-Identifier: BSD-2-Clause */
/* One element of a map on behalf of a caller: what the single commands and the batches share. */
#ifndef CORE_ELEMENT_H
#define CORE_ELEMENT_H

#include "core/command.h"
#include "core/objects.h"

/* Copies of key and value are of key_size and map_sys_value_size() bytes. The errno is bpf(2)'s. */
int element_lookup(struct map_object *map, const void *key, void *value, u64 flags);
int element_update(struct call *call, struct map_object *map, const void *key, const void *value,
		   u64 flags);
int element_delete(struct map_object *map, const void *key);

#endif
