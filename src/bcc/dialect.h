/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BCC's dialect of C. include/skep/bcc.h makes nearly all of it plain C; what is left is done here on
 * the tokens, without a syntax tree, line for line: what the compiler says names the user's own lines.
 */
#ifndef BCC_DIALECT_H
#define BCC_DIALECT_H

#include "util/log.h"

/* Whether a C text is BCC's dialect and not libbpf's style (which has SEC() or bpf_helpers.h or vmlinux.h). */
bool bcc_is_dialect(const char *source, size_t len);

struct bcc_source {
	char *text; /* C, with NUL */
	size_t len;
	char *kernel; /* not NULL: the kernel's types go before text; names, a line each, that the source takes for itself */
};

/*
 * Makes what clang compiles: bcc.h, then the source with sections for its functions, bound arguments,
 * defaults of methods, a licence. path is how messages name the file.
 * 0, -ENOMEM, -E2BIG (a source over 16 MiB); then *out holds nothing.
 */
int bcc_translate(const char *source, size_t len, const char *path, struct bcc_source *out);
void bcc_source_free(struct bcc_source *source);

#endif
