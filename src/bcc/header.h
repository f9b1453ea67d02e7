/* SPDX-License-Identifier: BSD-2-Clause */
/* The embedded headers' texts, each followed by a NUL. */
#ifndef BCC_HEADER_H
#define BCC_HEADER_H

extern const char header_bcc[] __attribute__((visibility("hidden")));
extern const char header_helpers[] __attribute__((visibility("hidden")));
extern const char header_kernel[] __attribute__((visibility("hidden")));
extern const char header_maps[] __attribute__((visibility("hidden")));
extern const char header_proto[] __attribute__((visibility("hidden")));

#endif
