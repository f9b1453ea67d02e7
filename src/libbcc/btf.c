// SPDX-License-Identifier: BSD-2-Clause
/* What programs ask of the running kernel before they choose their text. */
#include "libbcc/libbcc.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char vmlinux[] = "/sys/kernel/btf/vmlinux";

ABI bool bpf_has_kernel_btf(void)
{
	return !access(vmlinux, R_OK);
}

/* Whether struct name of the kernel has this field, in itself or in an unnamed part: 1, 0, or -1 without BTF. */
static int has_field(const struct btf *btf, u32 id, const char *field, int depth)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	if (!t || !btf_is_composite(t) || depth > 16)
		return 0;
	for (u32 i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];
		const char *name = btf__name_by_offset(btf, m->name_off);

		if (!strcmp(name, field) || (!name[0] && has_field(btf, m->type, field, depth + 1)))
			return 1;
	}
	return 0;
}

ABI int kernel_struct_has_field(const char *name, const char *field)
{
	struct btf *btf;
	int id, found;

	said_begin();
	btf = btf__parse(vmlinux, NULL);
	said_end();
	if (!btf)
		return -1;
	id = btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT);
	found = id > 0 ? has_field(btf, (u32)id, field, 0) : -1;
	btf__free(btf);
	return found;
}
