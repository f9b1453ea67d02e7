/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside src/btf only. */
#ifndef BTF_MEMBER_H
#define BTF_MEMBER_H

#include "btf/parse.h"

/* Whether a member, whose type is resolved, fits into its struct where it says it is; logs, -EINVAL. */
int btf_check_member(struct parse *p, const struct btf_type *t, const struct btf_member *m);

#endif
