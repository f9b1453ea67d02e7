/* SPDX-License-Identifier: BSD-2-Clause */
/* What /proc/PID/fdinfo says of an object, behind what it says of every file: bpftool reads memlock and frozen there. */
#include <errno.h>
#include <linux/perf_event.h>

#include "core/link.h"
#include "core/prog.h"
#include "util/text.h"

enum { PAGE = 4096, PROG_HEAD = 72 };

static void put_tag(struct text *to, const struct prog *prog)
{
	text_put(to, "prog_tag:\t");
	for (u32 i = 0; i < BPF_TAG_SIZE; i++)
		text_put(to, "%02x", prog->tag[i]);
	text_put(to, "\n");
}

static void tell_map(struct text *to, struct map_object *map)
{
	const struct map_spec *spec = &map->map->spec;

	text_put(
		to,
		"map_type:\t%u\nkey_size:\t%u\nvalue_size:\t%u\nmax_entries:\t%u\nmap_flags:\t0x%x\n"
		"map_extra:\t0x%llx\nmemlock:\t%llu\nmap_id:\t%u\nfrozen:\t%u\n",
		spec->type, spec->key_size, spec->value_size, spec->max_entries, spec->flags,
		(unsigned long long)spec->extra, (unsigned long long)map_memory(map->map),
		map->object.id, __atomic_load_n(&map->map->frozen, __ATOMIC_ACQUIRE));
	pthread_mutex_lock(&map->lock);
	if (map->kind.set)
		text_put(to, "owner_prog_type:\t%u\nowner_jited:\t%u\n", map->kind.type,
			 map->kind.jited);
	pthread_mutex_unlock(&map->lock);
}

static void tell_prog(struct text *to, const struct prog *prog)
{
	u64 ns = 0, runs = 0, misses = 0;
	u32 len;

	for (u32 cpu = 0; cpu < prog->object.hive->nr_cpus; cpu++) {
		ns += __atomic_load_n(&prog->stats[cpu].ns, __ATOMIC_RELAXED);
		runs += __atomic_load_n(&prog->stats[cpu].runs, __ATOMIC_RELAXED);
		misses += __atomic_load_n(&prog->stats[cpu].misses, __ATOMIC_RELAXED);
	}
	text_put(to, "prog_type:\t%u\nprog_jited:\t%u\n", prog->type,
		 prog->code && code_image(prog->code, &len));
	put_tag(to, prog);
	text_put(to,
		 "memlock:\t%llu\nprog_id:\t%u\nrun_time_ns:\t%llu\nrun_cnt:\t%llu\n"
		 "recursion_misses:\t%llu\nverified_insns:\t%u\n",
		 (unsigned long long)round_up(PROG_HEAD + 8ull * prog->xlated_count, (u64)PAGE),
		 prog->object.id, (unsigned long long)ns, (unsigned long long)runs,
		 (unsigned long long)misses, prog->verified);
}

static void tell_link(struct text *to, struct link *link)
{
	static const char *const types[] = {
		[BPF_LINK_TYPE_RAW_TRACEPOINT] = "raw_tracepoint",
		[BPF_LINK_TYPE_TRACING] = "tracing",
		[BPF_LINK_TYPE_ITER] = "iter",
		[BPF_LINK_TYPE_XDP] = "xdp",
		[BPF_LINK_TYPE_PERF_EVENT] = "perf",
	};

	if (link->type < ARRAY_SIZE(types) && types[link->type])
		text_put(to, "link_type:\t%s\n", types[link->type]);
	text_put(to, "link_id:\t%u\n", link->object.id);
	pthread_mutex_lock(&link->lock);
	if (link->prog) {
		put_tag(to, link->prog);
		text_put(to, "prog_id:\t%u\n", link->prog->object.id);
	}
	if (link->attachment && link->type == BPF_LINK_TYPE_XDP)
		text_put(to, "ifindex:\t%u\n", (u32)link->attachment->target.ifindex);
	if (link->attachment && link->type == BPF_LINK_TYPE_RAW_TRACEPOINT)
		text_put(to, "tp_name:\t%s\ncookie:\t%llu\n", link->attachment->target.name,
			 (unsigned long long)link->attachment->target.cookie);
	pthread_mutex_unlock(&link->lock);
}

int core_fdinfo(struct hive *hive, struct caller *caller, int fd, struct text *to, u32 *access)
{
	struct object *object;
	int err = object_any_from_fd(hive, caller, fd, &object, NULL);

	if (err)
		return err;
	*access = object->kind == OBJECT_LINK ? 0 : 2;
	switch (object->kind) {
	case OBJECT_PROG: tell_prog(to, to_prog(object)); break;
	case OBJECT_MAP: tell_map(to, to_map(object)); break;
	case OBJECT_LINK: tell_link(to, to_link(object)); break;
	case OBJECT_BTF: text_put(to, "btf_id:\t%u\n", object->id); break;
	default: err = -EINVAL;
	}
	object_put(object);
	return err;
}
