/* SPDX-License-Identifier: BSD-2-Clause */
/* The table behind iter.h. */
#include "def/iter.h"

#include <string.h>

static const struct iter_target targets[] = {
#define ARG(number, type, strct) { number, type, strct },
#define ITER(nm, can_run, ...)	 { .name = #nm, .here = can_run, .args = { __VA_ARGS__ } },
#include "def/iter.def"
};

const struct iter_target *iter_target(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		if (!strcmp(targets[i].name, name))
			return &targets[i];
	return NULL;
}

const struct iter_target *iter_target_of(const char *function)
{
	static const char prefix[] = "bpf_iter_";

	if (strncmp(function, prefix, sizeof(prefix) - 1))
		return NULL;
	return iter_target(function + sizeof(prefix) - 1);
}

const struct iter_arg *iter_argument(const struct iter_target *target, u32 number)
{
	for (size_t i = 0; i < ARRAY_SIZE(target->args) && target->args[i].type; i++)
		if (target->args[i].number == number)
			return &target->args[i];
	return NULL;
}

const struct iter_target *iter_target_at(u32 n)
{
	return n < ARRAY_SIZE(targets) ? &targets[n] : NULL;
}
