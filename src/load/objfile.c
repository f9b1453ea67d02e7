// SPDX-License-Identifier: BSD-2-Clause
/*
 * Object files through libbpf and the seam: open, plan, load, attach, close.
 *
 * Invariant: libbpf is called between objfile_begin() and objfile_end() only, so the answer in use is
 * this object's; a step that fails leaves an object that objfile_close() takes.
 */
#include "load/objfile.h" /* first: it brings our uapi.h */

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bcc/share.h"
#include "map/map.h"
#include "verify/reason.h"
#include "verify/verdict.h"

enum { SAID_MAX = 1 << 20 };

/* What libbpf says; a log of its that grows beyond SAID_MAX loses its end. */
static void keep(void *arg, const char *text, size_t len)
{
	struct objfile *file = arg;
	char *grown;

	if (len > SAID_MAX - file->said_len)
		return;
	grown = realloc(file->said, file->said_len + len + 1);
	if (!grown)
		return;
	memcpy(grown + file->said_len, text, len);
	file->said = grown;
	file->said_len += len;
	file->said[file->said_len] = 0;
}

void objfile_begin(struct objfile *file)
{
	file->said_len = 0;
	if (file->said)
		file->said[0] = 0;
	seam_enter(&file->answer, &file->saying);
}

/* What libbpf said, without its name in front. */
static void show_lines(struct objfile *file, const char *at, const char *stop)
{
	while (at < stop) {
		const char *end = strchrnul(at, '\n');

		if (!strncmp(at, "libbpf: ", 8))
			at += 8;
		say(file->log, "  %.*s\n", (int)(end - at), at);
		at = end + (*end != 0);
	}
}

/* A program that the verifier refused: libbpf prints its log between two marks. */
static bool show_verifier(struct objfile *file, int err)
{
	static const char begin[] = "-- BEGIN PROG LOAD LOG --\n",
			  end[] = "-- END PROG LOAD LOG --";
	char *log = file->said ? strstr(file->said, begin) : NULL,
	     *stop = log ? strstr(log, end) : NULL, *name;

	if (!stop)
		return false;
	name = memrchr(file->said, '\n', (size_t)(log - file->said));
	name = strchr(name ? name : file->said, '\'');
	if (name && name < log)
		say(file->log, "%s: program %.*s is rejected: %s\n", file->name,
		    (int)(strcspn(name + 1, "'") + 2), name, strerror(-err));
	if (file->explanation) {
		say(file->log, "%s", file->explanation);
		return true;
	}
	stop = memrchr(log, '\n', (size_t)(stop - log));
	show_lines(file, log + strlen(begin), stop);
	if (strstr(log, "cannot call GPL-restricted function"))
		say(file->log,
		    "  help: state a licence: char LICENSE[] SEC(\"license\") = \"GPL\";\n");
	return true;
}

int objfile_end(struct objfile *file, int err, const char *fmt, ...)
{
	va_list ap;

	seam_leave();
	if (err >= 0 || show_verifier(file, err))
		return err;
	say(file->log, "%s: ", file->name);
	va_start(ap, fmt);
	vsay(file->log, fmt, ap);
	va_end(ap);
	say(file->log, ": %s\n", strerror(-err));
	if (!file->said)
		return err;
	show_lines(file, file->said, file->said + file->said_len);
	if (strstr(file->said, "legacy map definitions"))
		say(file->log,
		    "  help: write them as struct { __uint(type, …); __type(key, …); … } NAME SEC(\".maps\");\n");
	return err;
}

static int list_progs(struct objfile *file)
{
	struct bpf_program *prog;
	size_t n = 0;

	bpf_object__for_each_program(prog, file->bpf) n++;
	file->progs = calloc(n + 1, sizeof(*file->progs));
	if (!file->progs)
		return -ENOMEM;
	bpf_object__for_each_program(prog, file->bpf)
	{
		int err = section_apply(prog);

		if (err)
			return err;
		file->progs[file->nr_progs++].prog = prog;
	}
	return 0;
}

/* What maps of global data are named after: the file's name up to its first dot, as libbpf does. */
static void set_short_name(char out[BPF_OBJ_NAME_LEN], const char *path)
{
	const char *base = strrchr(path, '/');
	size_t n = 0;

	for (base = base ? base + 1 : path; *base && *base != '.' && n < BPF_OBJ_NAME_LEN - 1;
	     base++)
		out[n++] = isalnum((unsigned char)*base) ? *base : '_';
	out[n] = 0;
	if (!n)
		strcpy(out, "object");
}

/* BCC's tables that are not the program's alone. */
static int share(void *arg, const char *table, enum bcc_share how, const char *text)
{
	struct objfile *file = arg;
	struct bpf_map *map = bpf_object__find_map_by_name(file->bpf, table);

	if (map && how == BCC_EXTERN)
		return fail(
			file->log, -ENOENT,
			"%s: table '%s' is extern: another program's, of which there is none here",
			file->name, table);
	return map && how == BCC_PIN ? bpf_map__set_pin_path(map, text) : 0;
}

int objfile_open(struct objfile **out, struct hive *hive, const void *bytes, size_t size,
		 const char *name, struct log *log)
{
	char short_name[BPF_OBJ_NAME_LEN];
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = short_name,
		    .btf_custom_path = hive ? core_btf_path(hive) : NULL);
	struct objfile *file;
	int err = elf_check(bytes, size, name, log);

	*out = NULL;
	if (err)
		return err;
	file = calloc(1, sizeof(*file));
	if (!file)
		return -ENOMEM;
	file->log = log;
	file->name = name;
	set_short_name(short_name, name);
	file->saying = (struct log){ .write = keep, .arg = file };
	err = answer_init(&file->answer, hive, log);
	if (err)
		goto out;
	objfile_begin(file);
	file->bpf = bpf_object__open_mem(bytes, size, &opts);
	if (!file->bpf)
		err = errno ? -errno : -EINVAL;
	else
		err = list_progs(file);
	file->answer.bcc = file->bpf && objfile_is_dialect(file);
	err = objfile_end(file, err, "cannot be read as a BPF object");
	if (!err && !file->nr_progs)
		err = fail(log, -EINVAL, "%s: has no program in it", name);
	if (!err && file->answer.bcc)
		err = bcc_shares(bytes, size, share, file);
out:
	if (err)
		objfile_close(file);
	else
		*out = file;
	return err;
}

void objfile_close(struct objfile *file)
{
	if (!file)
		return;
	objfile_begin(file);
	objfile_close_streams(file);
	for (size_t i = 0; i < file->nr_progs; i++) {
		bpf_link__destroy(file->progs[i].link);
		for (size_t n = 0; n < file->progs[i].nr_also; n++)
			bpf_link__destroy(file->progs[i].also[n]);
		if (file->progs[i].unprobed && file->progs[i].unprobed_link > 0) {
			close(file->progs[i].unprobed_link);
			close(file->progs[i].unprobed_array);
		}
	}
	bpf_object__close(file->bpf);
	seam_leave();
	free(file->progs);
	free(file->said);
	free(file->explanation);
	free(file);
}

static struct objfile_prog *find_prog(struct objfile *file, const char *name, size_t len)
{
	for (size_t i = 0; i < file->nr_progs; i++) {
		const char *have = bpf_program__name(file->progs[i].prog);

		if (strlen(have) == len && !memcmp(have, name, len))
			return &file->progs[i];
	}
	return NULL;
}

static int plan_target(struct objfile *file, const char *text)
{
	const char *fn;
	size_t fn_len;
	struct target target;
	struct objfile_prog *p = NULL;
	int err = target_parse(text, &fn, &fn_len, &target, file->log);

	if (err)
		return err;
	if (fn) {
		p = find_prog(file, fn, fn_len);
		if (!p)
			return fail(file->log, -EINVAL, "%s: has no program '%.*s' to attach",
				    file->name, (int)fn_len, fn);
	} else if (file->nr_progs == 1) {
		p = &file->progs[0];
	} else {
		return fail(file->log, -EINVAL, "%s: has %zu programs: say which one, FN=%s",
			    file->name, file->nr_progs, text);
	}
	if (target.kind == TARGET_XDP && file->answer.hive) {
		err = target_check_xdp(file, text, &target);
		if (err)
			return err;
	}
	p->target = target;
	p->by_user = true;
	if (target.kind == TARGET_ITER)
		return iterator_plan(file, p);
	if (target.kind == TARGET_NONE && bpf_program__type(p->prog) != BPF_PROG_TYPE_UNSPEC)
		return 0;
	return bpf_program__set_type(p->prog,
				     target_prog_type(target.kind ? target.kind : TARGET_KPROBE))
		       ? -EINVAL
		       : 0;
}

/* A program nobody gave a target: what its section says. */
static int plan_default(struct objfile *file, struct objfile_prog *p)
{
	const char *name = bpf_program__name(p->prog),
		   *section = bpf_program__section_name(p->prog);
	u32 type = bpf_program__type(p->prog);

	if (type == BPF_PROG_TYPE_XDP && (file->xdp_ifindex || file->interfaces[0])) {
		p->target.kind = TARGET_XDP;
		strcpy(p->target.name, file->interfaces);
		return 0;
	}
	if (type == BPF_PROG_TYPE_XDP)
		return fail(file->log, -EINVAL,
			    "%s: program '%s' is for packets: say where they are, %s", file->name,
			    name,
			    file->answer.hive ? "--pcap FILE or --bridge A,B"
					      : "--attach xdp:INTERFACE");
	if (iterator_is(p->prog))
		return iterator_plan(file, p);
	if ((type == BPF_PROG_TYPE_TRACING || type == BPF_PROG_TYPE_LSM) && file->answer.hive)
		return fail(
			file->log, -EOPNOTSUPP,
			"%s: program '%s' (%s) is for a function of the kernel's own: skep has none, "
			"Linux has: --kernel",
			file->name, name, section);
	if (type != BPF_PROG_TYPE_UNSPEC) {
		p->target.kind = TARGET_AUTO;
		return 0;
	}
	if (strncmp(section, "fn/", 3)) /* bcc/dialect.c's */
		return fail(file->log, -EINVAL,
			    "%s: program '%s' is in section '%s', which names no kind of program; "
			    "say where it goes: --attach %s=KIND:TARGET",
			    file->name, name, section, name);
	if (file->nr_progs > 1)
		return fail(file->log, -EINVAL,
			    "%s: function '%s' does not say what it attaches to: "
			    "--attach %s=KIND:TARGET",
			    file->name, name, name);
	p->by_default = true;
	p->target = (struct target){ .kind = TARGET_KPROBE, .name = "execve" };
	return bpf_program__set_type(p->prog, BPF_PROG_TYPE_KPROBE) ? -EINVAL : 0;
}

int objfile_plan(struct objfile *file, const char *const *targets, size_t nr)
{
	int err = 0;

	objfile_begin(file);
	for (size_t i = 0; i < nr && !err; i++)
		err = plan_target(file, targets[i]);
	for (size_t i = 0; i < file->nr_progs && !err; i++)
		if (!file->progs[i].by_user)
			err = plan_default(file, &file->progs[i]);
	for (size_t i = 0; i < file->nr_progs && !err; i++)
		err = target_settle_kprobe(file, &file->progs[i]);
	seam_leave();
	return err;
}

/* A map type that skep has no code for is told before libbpf tries to make one. */
static int check_maps(struct objfile *file)
{
	struct bpf_map *map;

	if (!file->answer.hive)
		return 0;
	bpf_object__for_each_map(map, file->bpf)
	{
		u32 type = bpf_map__type(map);
		const char *name = type < __MAX_BPF_MAP_TYPE ? map_types[type].name : NULL;

		if (type < __MAX_BPF_MAP_TYPE && map_types[type].ops)
			continue;
		return fail(file->log, -EOPNOTSUPP, "%s: map '%s': type %s (%u) is not there yet",
			    file->name, bpf_map__name(map), name ? name : "unknown", type);
	}
	return 0;
}

static void keep_explanation(void *arg, const struct skep_verdict *verdict)
{
	struct objfile *file = arg;

	free(file->explanation);
	file->explanation = strdup(verdict->explanation);
}

static enum judged explain(void *arg, const union bpf_attr *attr, const struct verify_env *env,
			   const struct verify_result *result, int err)
{
	(void)attr;
	verdict_tell("", env, result, err == -ENOSPC && result->reason ? result->reason->err : err,
		     "", ((struct objfile *)arg)->color, keep_explanation, arg);
	return JUDGED;
}

int objfile_load(struct objfile *file)
{
	const struct core_judge observer = { file, explain };
	int err;

	objfile_begin(file);
	err = check_maps(file);
	if (err) {
		seam_leave();
		return err;
	}
	if (file->answer.hive)
		core_set_observer(file->answer.hive, &observer);
	err = bpf_object__load(file->bpf);
	if (file->answer.hive)
		core_set_observer(file->answer.hive, NULL);
	err = objfile_end(file, err, "could not be loaded");
	if (err == -EPERM && !file->answer.hive)
		say(file->log,
		    "  note: Linux loads programs for root only, or who has CAP_BPF and CAP_PERFMON; without --kernel "
		    "skep needs no privilege\n");
	return err;
}

/* Where there are packets, some program must be for them. */
static int check_packets(struct objfile *file)
{
	if (!file->xdp_ifindex && !file->interfaces[0])
		return 0;
	for (size_t i = 0; i < file->nr_progs; i++)
		if (file->progs[i].target.kind == TARGET_XDP)
			return 0;
	return fail(file->log, -EINVAL,
		    "%s: has no program for packets: they go to XDP programs, SEC(\"xdp\")",
		    file->name);
}

int objfile_attach(struct objfile *file)
{
	int attached = 0, err = check_packets(file);

	if (err)
		return err;
	for (size_t i = 0; i < file->nr_progs; i++) {
		struct objfile_prog *p = &file->progs[i];

		if (p->target.kind == TARGET_NONE)
			continue;
		err = target_attach(file, p);
		if (err)
			return err;
		if (p->by_default)
			say(file->log,
			    "note: %s() goes to kprobe:execve; --attach KIND:TARGET says otherwise\n",
			    bpf_program__name(p->prog));
		attached++;
	}
	return attached;
}
