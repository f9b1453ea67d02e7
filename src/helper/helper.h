/* SPDX-License-Identifier: BSD-2-Clause */
/* Bodies of helper functions, one row a helper in bodies.def, one file a family. */
#ifndef HELPER_HELPER_H
#define HELPER_HELPER_H

#include "def/run.h"
#include "def/uapi.h"

/* The body of a helper by number (1: map_lookup_elem); NULL where there is none. Thread-safe, no state. */
helper_fn helper_body(u32 number);

#endif
