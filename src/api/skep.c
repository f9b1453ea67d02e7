/* SPDX-License-Identifier: BSD-2-Clause */
/* The public handle: a hive whose caller is this very process. */
#include "skep.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/hive.h"
#include "core/source.h"

struct skep {
	struct hive *hive;
	struct log log;
};

/* The option struct may be an older, shorter one. */
#define has_opt(opts, field) \
	((opts) && (opts)->sz >= offsetof(struct skep_opts, field) + sizeof((opts)->field))

int skep_new(struct skep **out, const struct skep_opts *opts)
{
	struct hive_opts hive_opts = { 0 };
	struct skep *skep;
	int err;

	if (!out || (opts && opts->sz < sizeof(size_t)))
		return -EINVAL;
	skep = calloc(1, sizeof(*skep));
	if (!skep)
		return -ENOMEM;
	if (has_opt(opts, log_arg))
		skep->log = (struct log){ .write = opts->log, .arg = opts->log_arg };
	if (has_opt(opts, nr_cpus))
		hive_opts.nr_cpus = opts->nr_cpus;
	if (has_opt(opts, btf))
		hive_opts.btf_path = opts->btf;
	if (has_opt(opts, engine))
		hive_opts.engine = opts->engine;
	if (has_opt(opts, max_memory))
		hive_opts.max_memory = opts->max_memory;
	hive_opts.log = &skep->log;
	err = hive_new(&skep->hive, &hive_opts);
	if (!err)
		err = event_sources_add(skep->hive);
	if (err) {
		skep_free(skep);
		return err;
	}
	*out = skep;
	return 0;
}

int skep_check_btf(struct skep *skep)
{
	return hive_vmlinux(skep->hive) ? 0 : -EINVAL;
}

void skep_free(struct skep *skep)
{
	if (!skep)
		return;
	hive_free(skep->hive);
	free(skep);
}

int skep_bpf(struct skep *skep, int cmd, union bpf_attr *attr, unsigned int size)
{
	struct caller self = { .ops = &caller_self_ops };

	/* who asks is not looked at where one element of a map is meant: the calls that are many */
	if (cmd < BPF_MAP_LOOKUP_ELEM || cmd > BPF_MAP_GET_NEXT_KEY)
		self.pid = self.tgid = (u32)getpid();
	if (cmd == BPF_PROG_LOAD) {
		self.uid = getuid();
		self.gid = getgid();
	}

	return core_bpf(skep->hive, &self, cmd, (u64)(uintptr_t)attr, size);
}

struct hive *skep_hive(struct skep *skep)
{
	return skep->hive;
}
struct log *skep_log(struct skep *skep)
{
	return &skep->log;
}
