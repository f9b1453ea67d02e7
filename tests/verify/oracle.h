/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two verdicts on one program: this verifier's and the running kernel's. Programs name maps of a
 * fixed set by number (LD_MAP_FD's imm is an index of oracle_maps); the same set is created in the
 * kernel where bpf(2) is permitted.
 */
#ifndef TESTS_VERIFY_ORACLE_H
#define TESTS_VERIFY_ORACLE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "btf/btf.h"
#include "def/uapi.h"
#include "btfgen.h"
#include "helper/helper.h"
#include "linux_bpf.h"
#include "verify/verify.h"

struct oracle_map {
	const char *name;
	u32 type, key, value, entries, flags;
	bool frozen;
	int inner;     /* index of the template, or -1 */
	u32 btf_value; /* type id of the value in oracle_btf(), or 0 */
};

/* What map values may be: ids in the BTF that oracle_map_btf() builds. */
enum { BTF_INT = 1, BTF_LOCK = 2, BTF_TIMER_T = 3, BTF_U64 = 4, BTF_LOCKED = 5, BTF_TIMED = 6 };

static const struct oracle_map oracle_maps[] = {
	{ "hash8", BPF_MAP_TYPE_HASH, 8, 8, 16, 0, false, -1, 0 },
	{ "hash48", BPF_MAP_TYPE_HASH, 8, 48, 16, 0, false, -1, 0 },
	{ "array48", BPF_MAP_TYPE_ARRAY, 4, 48, 2, 0, false, -1, 0 },
	{ "data", BPF_MAP_TYPE_ARRAY, 4, 64, 1, 0, false, -1, 0 },
	{ "rodata", BPF_MAP_TYPE_ARRAY, 4, 16, 1, BPF_F_RDONLY_PROG, true, -1, 0 },
	{ "ringbuf", BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0, false, -1, 0 },
	{ "progs", BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, 0, false, -1, 0 },
	{ "perf", BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 4, 0, false, -1, 0 },
	{ "percpu", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 16, 4, 0, false, -1, 0 },
	{ "queue", BPF_MAP_TYPE_QUEUE, 0, 8, 4, 0, false, -1, 0 },
	{ "lpm", BPF_MAP_TYPE_LPM_TRIE, 8, 8, 4, BPF_F_NO_PREALLOC, false, -1, 0 },
	{ "stacks", BPF_MAP_TYPE_STACK_TRACE, 4, 80, 4, 0, false, -1, 0 },
	{ "outer", BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 4, 0, false, 2, 0 },
	{ "rdonly", BPF_MAP_TYPE_ARRAY, 4, 16, 4, BPF_F_RDONLY_PROG, false, -1, 0 },
	{ "wronly", BPF_MAP_TYPE_ARRAY, 4, 16, 4, BPF_F_WRONLY_PROG, false, -1, 0 },
	{ "lru", BPF_MAP_TYPE_LRU_HASH, 4, 4, 16, 0, false, -1, 0 },
	{ "xsk", BPF_MAP_TYPE_XSKMAP, 4, 4, 4, 0, false, -1, 0 },
	{ "dev", BPF_MAP_TYPE_DEVMAP, 4, 4, 4, 0, false, -1, 0 },
	{ "locked", BPF_MAP_TYPE_ARRAY, 4, 8, 2, 0, false, -1, BTF_LOCKED },
	{ "timed", BPF_MAP_TYPE_ARRAY, 4, 24, 2, 0, false, -1, BTF_TIMED },
	{ "table", BPF_MAP_TYPE_ARRAY, 4, 16, 2, BPF_F_RDONLY_PROG, true, -1, 0 },
	{ "rodata2", BPF_MAP_TYPE_ARRAY, 4, 16, 1, BPF_F_RDONLY_PROG, false, -1, 0 },
	{ "consts", BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 4, 0, false, 4, 0 },
	{ "long", BPF_MAP_TYPE_ARRAY, 4, 16, 8, BPF_F_INNER_MAP, false, -1, 0 },
	{ "short", BPF_MAP_TYPE_ARRAY, 4, 16, 2, BPF_F_INNER_MAP, false, -1, 0 },
	{ "lengths", BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 4, 0, false, 23, 0 },
	{ "inners", BPF_MAP_TYPE_HASH_OF_MAPS, 4, 4, 4, 0, false, 0, 0 },
};
enum { ORACLE_MAPS = ARRAY_SIZE(oracle_maps), ORACLE_LOG = 1 << 22 };

/* Of maps of maps: another map that fits beside the template. */
static const u32 oracle_others[ORACLE_MAPS] = { [22] = 21, [25] = 24 };

struct oracle {
	struct verify_map maps[ORACLE_MAPS], inners[ORACLE_MAPS];
	int fds[ORACLE_MAPS];
	bool kernel; /* may be asked */
	struct btf *map_btf;
	int map_btf_fd;
	char *ours_log, *kernel_log;
};

struct question {
	const struct bpf_insn *insns;
	u32 count, type, attach, flags, level;
	bool no_gpl, skep;	  /* skep: it must also run here */
	const struct btfgen *btf; /* of functions, or NULL */
	const struct bpf_func_info *func_info;
	u32 func_info_count;
};

static const u64 oracle_frozen[2] = { 0x1122334455667788ull, 7 };

static int oracle_load_btf(const struct btfgen *g)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.btf = (u64)(unsigned long)g->raw;
	attr.btf_size = g->raw_len;
	return linux_bpf(BPF_BTF_LOAD, &attr, sizeof(attr));
}

static void oracle_map_btf(struct btfgen *g)
{
	btfgen_start(g);
	btfgen_int(g, "int", 4);
	btfgen_type(g, "bpf_spin_lock", BTF_KIND_STRUCT, 1, 4);
	btfgen_member(g, "val", BTF_INT, 0);
	btfgen_type(g, "bpf_timer", BTF_KIND_STRUCT, 2, 16);
	btfgen_member(g, "a", BTF_U64, 0);
	btfgen_member(g, "b", BTF_U64, 64);
	btfgen_int(g, "u64", 8);
	btfgen_type(g, "locked", BTF_KIND_STRUCT, 2, 8);
	btfgen_member(g, "count", BTF_INT, 0);
	btfgen_member(g, "lock", BTF_LOCK, 32);
	btfgen_type(g, "timed", BTF_KIND_STRUCT, 2, 24);
	btfgen_member(g, "timer", BTF_TIMER_T, 0);
	btfgen_member(g, "count", BTF_U64, 128);
	btfgen_finish(g);
}

static int oracle_create(struct oracle *o, u32 i)
{
	const struct oracle_map *m = &oracle_maps[i];
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = m->type;
	attr.key_size = m->key;
	attr.value_size = m->value;
	attr.max_entries = m->entries;
	attr.map_flags = m->flags;
	snprintf(attr.map_name, sizeof(attr.map_name), "%s", m->name);
	if (m->btf_value) {
		attr.btf_fd = (u32)o->map_btf_fd;
		attr.btf_key_type_id = BTF_INT;
		attr.btf_value_type_id = m->btf_value;
	}
	if (m->inner >= 0)
		attr.inner_map_fd = (u32)o->fds[m->inner];
	fd = linux_bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
	if (fd < 0 || !m->frozen)
		return fd;
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (u32)fd;
	attr.key = (u64)(unsigned long)&(u32){ 0 };
	attr.value = (u64)(unsigned long)oracle_frozen;
	linux_bpf(BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr));
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (u32)fd;
	linux_bpf(BPF_MAP_FREEZE, &attr, sizeof(attr));
	return fd;
}

static inline void oracle_open(struct oracle *o)
{
	static struct btfgen g;

	memset(o, 0, sizeof(*o));
	o->ours_log = malloc(ORACLE_LOG);
	o->kernel_log = malloc(ORACLE_LOG);
	o->kernel = true;
	oracle_map_btf(&g);
	btf_new(&o->map_btf, g.raw, g.raw_len, NULL, NULL);
	o->map_btf_fd = oracle_load_btf(&g);
	for (u32 i = 0; i < ORACLE_MAPS; i++) {
		const struct oracle_map *m = &oracle_maps[i];
		struct verify_map *v = &o->maps[i];

		*v = (struct verify_map){ .id = i + 1,
					  .type = m->type,
					  .key_size = m->key,
					  .value_size = m->value,
					  .max_entries = m->entries,
					  .flags = m->flags,
					  .addr = 0x1000 + i,
					  .value_addr = 0x100000 * (i + 1),
					  .frozen = m->frozen ? oracle_frozen : NULL };
		snprintf(v->name, sizeof(v->name), "%s", m->name);
		if (m->btf_value) {
			v->btf = o->map_btf;
			v->btf_key_type_id = BTF_INT;
			v->btf_value_type_id = m->btf_value;
		}
		if (m->inner >= 0) { /* as core/map_create.c: of the template only its kind holds */
			o->inners[i] = o->maps[m->inner];
			o->inners[i].frozen = NULL;
			o->inners[i].value_addr = 0;
			v->inner = &o->inners[i];
		}
		o->fds[i] = o->kernel ? oracle_create(o, i) : -1;
		if (o->fds[i] < 0)
			o->kernel = false;
	}
}

static inline void oracle_close(struct oracle *o)
{
	for (u32 i = 0; i < ORACLE_MAPS; i++)
		if (o->fds[i] >= 0)
			close(o->fds[i]);
	if (o->map_btf_fd >= 0)
		close(o->map_btf_fd);
	btf_free(o->map_btf);
	free(o->ours_log);
	free(o->kernel_log);
}

static int oracle_find(void *arg, s32 number, bool index, const struct verify_map **out)
{
	struct oracle *o = arg;

	if (index)
		return -EPROTO;
	if (number < 0 || number >= (s32)ORACLE_MAPS)
		return -EBADF;
	*out = &o->maps[number];
	return 0;
}

static inline bool oracle_runs(void *arg, u32 helper)
{
	(void)arg;
	return helper == BPF_FUNC_tail_call || helper_body(helper);
}

/* Ours: 0 or -errno; the log is in o->ours_log. *result may be NULL. */
static inline int oracle_ours(struct oracle *o, const struct question *q,
			      struct verify_result **result)
{
	struct verify_env env = {
		.insns = q->insns,
		.insn_count = q->count,
		.prog_type = q->type,
		.expected_attach_type = q->attach,
		.prog_flags = q->flags,
		.gpl_compatible = !q->no_gpl,
		.nr_cpus = (u32)sysconf(_SC_NPROCESSORS_CONF),
		.profile = q->skep ? VERIFY_SKEP : VERIFY_LINUX,
		.log = { q->level, q->level ? o->ours_log : NULL, q->level ? ORACLE_LOG : 0, 0 },
		.arg = o,
		.map = oracle_find,
		.helper_runs = oracle_runs,
	};
	struct verify_result *r = NULL;
	struct btf *btf = NULL;
	int err;

	if (q->btf) {
		btf_new(&btf, q->btf->raw, q->btf->raw_len, NULL, NULL);
		env.btf = btf;
		env.func_info = q->func_info;
		env.func_info_count = q->func_info_count;
	}
	o->ours_log[0] = '\0';
	err = verify_prog(&env, &r);
	if (result)
		*result = r;
	else
		verify_free(r);
	btf_free(btf);
	return err;
}

/*
 * What BPF_PROG_LOAD gets of a question: attr but for its log and BTF, and instructions with the fds of
 * the maps in place of their numbers, for the caller to free.
 */
static inline struct bpf_insn *oracle_fill(union bpf_attr *attr, const struct question *q,
					   const int *fds)
{
	struct bpf_insn *insns = malloc((q->count + 1) * sizeof(*insns));

	memcpy(insns, q->insns, q->count * sizeof(*insns));
	for (u32 i = 0; i < q->count; i++)
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW)) {
			if ((insns[i].src_reg == BPF_PSEUDO_MAP_FD ||
			     insns[i].src_reg == BPF_PSEUDO_MAP_VALUE) &&
			    insns[i].imm >= 0 && insns[i].imm < (s32)ORACLE_MAPS)
				insns[i].imm = fds[insns[i].imm];
			i++;
		}
	memset(attr, 0, sizeof(*attr));
	attr->prog_type = q->type;
	attr->expected_attach_type = q->attach;
	attr->prog_flags = q->flags;
	attr->insns = (u64)(unsigned long)insns;
	attr->insn_cnt = q->count;
	attr->license = (u64)(unsigned long)(q->no_gpl ? "BSD" : "GPL");
	return insns;
}

/* The kernel's: 0 or -errno; -EPERM if it may not be asked. */
static inline int oracle_kernel(struct oracle *o, const struct question *q)
{
	struct bpf_insn *insns;
	union bpf_attr attr;
	int fd, err, btf_fd = -1;

	o->kernel_log[0] = '\0';
	if (!o->kernel)
		return -EPERM;
	insns = oracle_fill(&attr, q, o->fds);
	attr.log_level = q->level;
	attr.log_buf = q->level ? (u64)(unsigned long)o->kernel_log : 0;
	attr.log_size = q->level ? ORACLE_LOG : 0;
	if (q->btf) {
		btf_fd = oracle_load_btf(q->btf);
		attr.prog_btf_fd = (u32)btf_fd;
		attr.func_info = (u64)(unsigned long)q->func_info;
		attr.func_info_cnt = q->func_info_count;
		attr.func_info_rec_size = sizeof(*q->func_info);
	}
	fd = linux_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
	err = fd < 0 ? fd : 0;
	if (btf_fd >= 0)
		close(btf_fd);
	if (fd >= 0)
		close(fd);
	free(insns);
	return err;
}

/* The last line before the statistics, in a static buffer a call. */
__attribute__((unused)) static const char *oracle_last_line(const char *log)
{
	static char lines[4][512];
	static int turn;
	char *out = lines[turn++ & 3];
	const char *at = log, *last = "", *end;

	for (; *at; at = *end ? end + 1 : end) {
		end = strchr(at, '\n');
		if (!end)
			end = at + strlen(at);
		if (!strncmp(at, "processed ", 10) || !strncmp(at, "verification time", 17) ||
		    !strncmp(at, "stack depth ", 12))
			continue;
		if (end > at)
			last = at;
	}
	end = strchr(last, '\n');
	snprintf(out, 512, "%.*s", end ? (int)(end - last) : (int)strlen(last), last);
	for (char *p = out; (p = strstr(p, "processed ")); p++) /* some messages have no newline */
		if (p > out && strstr(p, " insns (limit")) {
			*p = '\0';
			break;
		}
	return out;
}

#endif
