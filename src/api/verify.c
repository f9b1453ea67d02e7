/* SPDX-License-Identifier: BSD-2-Clause */
/* skep_verify(): one load, judged as Linux would, nothing run. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/core.h"
#include "skep.h"
#include "verify/reason.h"
#include "verify/verdict.h"

struct one_load {
	const struct skep_verify_opts *opts;
	size_t opts_size;
};

#define has_opt(l, field) \
	((l)->opts_size >= offsetof(struct skep_verify_opts, field) + sizeof((l)->opts->field))

static enum judged tell(void *arg, const union bpf_attr *attr, const struct verify_env *env,
			const struct verify_result *result, int err)
{
	const struct one_load *l = arg;
	char name[BPF_OBJ_NAME_LEN + 1] = "";
	bool color = has_opt(l, color) && l->opts->color;

	memcpy(name, attr->prog_name, BPF_OBJ_NAME_LEN);
	if (err == -ENOSPC && result && result->reason)
		err = result->reason->err; /* the log was cut, the verdict is out */
	if (has_opt(l, arg) && l->opts->verdict)
		verdict_tell(name, env, result, err, env->log.buf ? env->log.buf : "", color,
			     l->opts->verdict, l->opts->arg);
	return JUDGED;
}

SKEP_API int skep_verify(struct skep *skep, const union bpf_attr *attr, unsigned int size,
			 const struct skep_verify_opts *opts)
{
	struct one_load load = { opts, opts ? opts->sz : 0 };
	const struct core_judge judge = { &load, tell };
	struct caller self = {
		.ops = &caller_self_ops,
		.pid = (u32)gettid(),
		.tgid = (u32)getpid(),
		.uid = getuid(),
		.gid = getgid(),
	};

	if (opts && opts->sz < sizeof(size_t))
		return -EINVAL;
	return core_verify(skep_hive(skep), &self, (u64)(uintptr_t)attr, size, &judge);
}
