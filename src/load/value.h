/* SPDX-License-Identifier: BSD-2-Clause */
/* Values of maps and records of buffers as text. */
#ifndef LOAD_VALUE_H
#define LOAD_VALUE_H

#include "load/objfile.h"

struct btf; /* libbpf's */

/* Writes size bytes as BTF type says; without a type (0, or btf NULL) as one number of 1, 2, 4 or 8 bytes or as hex. */
void value_print(struct log *out, const struct btf *btf, u32 type, const void *data, u32 size);

#endif
