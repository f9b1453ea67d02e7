// SPDX-License-Identifier: BSD-2-Clause
/* Programs whose section the linked libbpf does not know: their kind by the table of newer names. */
#include "load/objfile.h" /* first: it brings our uapi.h */

#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

static const struct section {
	const char *name;
	u32 type, attach, flags;
} sections[] = {
#define SECTION(name, type, attach, flags) { name, BPF_PROG_TYPE_##type, attach, flags },
#include "load/section.def"
#undef SECTION
};

static bool matches(const char *pattern, const char *name)
{
	size_t len = strlen(pattern);

	if (pattern[len - 1] != '+')
		return !strcmp(pattern, name);
	len--;
	return !strncmp(pattern, name, len) && (!name[len] || name[len] == '/');
}

int section_apply(struct bpf_program *prog)
{
	const char *name = bpf_program__section_name(prog);
	int err = 0;

	if (bpf_program__type(prog) != BPF_PROG_TYPE_UNSPEC)
		return 0;
	name += *name == '?'; /* libbpf's "not by default" */
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		const struct section *s = &sections[i];

		if (!matches(s->name, name))
			continue;
		err = bpf_program__set_type(prog, s->type);
		err = err ? err : bpf_program__set_expected_attach_type(prog, s->attach);
		return err ? err : bpf_program__set_flags(prog, s->flags);
	}
	return 0;
}
