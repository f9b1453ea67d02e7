/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-256 (FIPS 180-4) of a whole message in memory. */
#ifndef UTIL_SHA256_H
#define UTIL_SHA256_H

#include "util/types.h"

void sha256(u8 digest[32], const void *message, size_t len);

#endif
