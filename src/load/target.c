// SPDX-License-Identifier: BSD-2-Clause
/*
 * Where a program goes: [FN=]KIND:TARGET as words, and the attaching of it through libbpf. A row of
 * target_kinds[] is a kind: its names, its program type, its attach function.
 */
#include "load/objfile.h" /* first: it brings our uapi.h */

#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/unprobed.h"

typedef struct bpf_link *(*attach_fn)(struct objfile *file, struct objfile_prog *p);

#if defined(__x86_64__)
#define SYSCALL_PREFIX "__x64_sys_"
#elif defined(__aarch64__)
#define SYSCALL_PREFIX "__arm64_sys_"
#else
#define SYSCALL_PREFIX "sys_"
#endif

/* A system call's number, of a function by any of its names or a bare one; -1. */
static int call_of(const char *function)
{
	char name[160];
	int nr = unprobed_syscall(function);

	if (nr >= 0 || strlen(function) > 128)
		return nr;
	snprintf(name, sizeof(name), "sys_%s", function);
	return unprobed_syscall(name);
}

/* By the kernel's own name of it: "execve", "sys_execve" and "__x64_sys_execve" are one system call's function. */
static struct bpf_link *attach_call(struct objfile_prog *p, const char *function, bool retprobe)
{
	const char *bare = strstr(function, "sys_");
	char name[160];

	snprintf(name, sizeof(name), SYSCALL_PREFIX "%s", bare ? bare + 4 : function);
	return bpf_program__attach_kprobe(p->prog, retprobe, name);
}

static struct bpf_link *attach_function(struct objfile *file, struct objfile_prog *p, bool retprobe)
{
	const char *name = p->target.name;
	struct bpf_link *link;

	if (file->answer.hive && !strstr(name, "sys_"))
		return attach_call(p, name, retprobe); /* skep's kprobes are on system calls only */
	link = bpf_program__attach_kprobe(p->prog, retprobe, name);
	return link || file->answer.hive || call_of(name) < 0 ? link
							      : attach_call(p, name, retprobe);
}

static struct bpf_link *attach_kprobe(struct objfile *file, struct objfile_prog *p)
{
	return attach_function(file, p, false);
}

static struct bpf_link *attach_kretprobe(struct objfile *file, struct objfile_prog *p)
{
	return attach_function(file, p, true);
}

static struct bpf_link *attach_tracepoint(struct objfile *file, struct objfile_prog *p)
{
	char category[sizeof(p->target.name)];
	char *colon;

	(void)file;
	strcpy(category, p->target.name);
	colon = strpbrk(category, ":/");
	if (!colon) {
		errno = EINVAL;
		return NULL;
	}
	*colon = 0;
	return bpf_program__attach_tracepoint(p->prog, category, colon + 1);
}

static struct bpf_link *attach_raw_tracepoint(struct objfile *file, struct objfile_prog *p)
{
	(void)file;
	return bpf_program__attach_raw_tracepoint(p->prog, p->target.name);
}

/* The next of names with commas between: false at the end. */
static bool next_name(const char **names, char name[IF_NAMESIZE])
{
	size_t len = strcspn(*names, ","), kept = min(len, (size_t)IF_NAMESIZE - 1);

	if (!**names)
		return false;
	memcpy(name, *names, kept);
	name[kept] = 0;
	*names += len + ((*names)[len] == ',');
	return true;
}

/* To every interface that is named, in this order. */
static struct bpf_link *attach_xdp(struct objfile *file, struct objfile_prog *p)
{
	const char *names = p->target.name;
	char name[IF_NAMESIZE];
	struct bpf_link *link;

	if (!*names)
		return bpf_program__attach_xdp(p->prog, file->xdp_ifindex);
	for (;;) {
		next_name(&names, name);
		if (!if_nametoindex(name))
			return NULL; /* errno: ENODEV */
		link = bpf_program__attach_xdp(p->prog, (int)if_nametoindex(name));
		if (!link || !*names)
			return link;
		if (p->nr_also == ARRAY_SIZE(p->also)) {
			bpf_link__destroy(link);
			errno = E2BIG;
			return NULL;
		}
		p->also[p->nr_also++] = link;
	}
}

static bool is_among(const char *name, const char *names)
{
	char one[IF_NAMESIZE];

	while (next_name(&names, one))
		if (!strcmp(one, name))
			return true;
	return false;
}

int target_check_xdp(struct objfile *file, const char *text, const struct target *target)
{
	const char *names = target->name;
	char name[IF_NAMESIZE];

	if (file->xdp_ifindex)
		return 0;
	if (!file->interfaces[0])
		return fail(
			file->log, -EOPNOTSUPP,
			"'%s': say where packets come from: --bridge A,B between two interfaces, "
			"--pcap FILE; --kernel has them all",
			text);
	while (next_name(&names, name))
		if (!is_among(name, file->interfaces))
			return fail(file->log, -EINVAL, "'%s': %s is not of the bridge %s", text,
				    name, file->interfaces);
	return 0;
}

static struct bpf_link *attach_auto(struct objfile *file, struct objfile_prog *p)
{
	(void)file;
	return bpf_program__attach(p->prog);
}

static const struct {
	enum target_kind kind;
	u32 prog_type;
	const char *names[3]; /* as --attach takes them */
	attach_fn attach;
} target_kinds[] = {
	{ TARGET_AUTO, BPF_PROG_TYPE_UNSPEC, { NULL }, attach_auto },
	{ TARGET_KPROBE, BPF_PROG_TYPE_KPROBE, { "kprobe" }, attach_kprobe },
	{ TARGET_KRETPROBE, BPF_PROG_TYPE_KPROBE, { "kretprobe" }, attach_kretprobe },
	{ TARGET_TRACEPOINT, BPF_PROG_TYPE_TRACEPOINT, { "tracepoint", "tp" }, attach_tracepoint },
	{ TARGET_RAW_TRACEPOINT,
	  BPF_PROG_TYPE_RAW_TRACEPOINT,
	  { "raw_tracepoint", "raw_tp" },
	  attach_raw_tracepoint },
	{ TARGET_XDP, BPF_PROG_TYPE_XDP, { "xdp" }, attach_xdp },
	{ TARGET_ITER, BPF_PROG_TYPE_TRACING, { "iter" }, iterator_attach },
};

static bool is_name(const char *word, size_t len, const char *name)
{
	return name && strlen(name) == len && !memcmp(name, word, len);
}

static enum target_kind find_kind(const char *word, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(target_kinds); i++)
		for (size_t n = 0; n < ARRAY_SIZE(target_kinds[i].names); n++)
			if (is_name(word, len, target_kinds[i].names[n]))
				return target_kinds[i].kind;
	return TARGET_NONE;
}

int target_parse(const char *text, const char **fn, size_t *fn_len, struct target *out,
		 struct log *log)
{
	const char *equals = strchr(text, '='), *colon = strchr(text, ':'), *kind = text;

	*fn = NULL;
	*fn_len = 0;
	if (equals && (!colon || equals < colon)) {
		*fn = text;
		*fn_len = (size_t)(equals - text);
		kind = equals + 1;
	}
	if (*fn && !strcmp(kind, "none")) {
		out->kind = TARGET_NONE;
		return 0;
	}
	if (!colon)
		return fail(log, -EINVAL, "'%s': want [FN=]KIND:TARGET, as in kprobe:execve", text);
	out->kind = find_kind(kind, (size_t)(colon - kind));
	if (out->kind == TARGET_NONE)
		return fail(
			log, -EINVAL,
			"'%s': no kind '%.*s' (kprobe, kretprobe, tracepoint, raw_tracepoint, xdp, iter)",
			text, (int)(colon - kind), kind);
	if (!colon[1] || strlen(colon + 1) >= sizeof(out->name))
		return fail(log, -EINVAL,
			    "'%s': no target after the colon, or one that is too long", text);
	strcpy(out->name, colon + 1);
	if (out->kind == TARGET_TRACEPOINT && !strpbrk(out->name, ":/"))
		return fail(log, -EINVAL, "'%s': want tracepoint:CATEGORY:NAME", text);
	return 0;
}

u32 target_prog_type(enum target_kind kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(target_kinds); i++)
		if (target_kinds[i].kind == kind)
			return target_kinds[i].prog_type;
	return BPF_PROG_TYPE_UNSPEC;
}

static const char *kind_name(enum target_kind kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(target_kinds); i++)
		if (target_kinds[i].kind == kind && target_kinds[i].names[0])
			return target_kinds[i].names[0];
	return "";
}

/* The function that a section's name puts a program on, NULL: none. */
static const char *section_function(const char *section, bool *at_return)
{
	static const struct {
		const char *prefix;
		bool at_return;
	} sections[] = {
		{ "kprobe/", false },
		{ "kretprobe/", true },
		{ "ksyscall/", false },
		{ "kretsyscall/", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		if (!strncmp(section, sections[i].prefix, strlen(sections[i].prefix))) {
			*at_return = sections[i].at_return;
			return section + strlen(sections[i].prefix);
		}
	return NULL;
}

static int rewrite(struct objfile_prog *p)
{
	size_t count = bpf_program__insn_cnt(p->prog);
	struct bpf_insn *insns = calloc(count, sizeof(*insns));
	int err;

	if (!insns)
		return -ENOMEM;
	memcpy(insns, bpf_program__insns(p->prog), count * sizeof(*insns));
	unprobed_rewrite(insns, count, p->target.kind == TARGET_KRETPROBE);
	err = bpf_program__set_insns(p->prog, insns, count);
	free(insns);
	return err;
}

int target_settle_kprobe(struct objfile *file, struct objfile_prog *p)
{
	const char *function = p->target.name;
	bool at_return = p->target.kind == TARGET_KRETPROBE;
	int nr;

	if (file->answer.hive || bpf_program__type(p->prog) != BPF_PROG_TYPE_KPROBE)
		return 0;
	if (p->target.kind == TARGET_AUTO)
		function = section_function(bpf_program__section_name(p->prog), &at_return);
	else if (p->target.kind != TARGET_KPROBE && p->target.kind != TARGET_KRETPROBE)
		return 0;
	nr = function ? call_of(function) : -1;
	if (nr < 0)
		return 0; /* attaching it fails, and says why */
	if (p->target.kind == TARGET_AUTO)
		snprintf(p->target.name, sizeof(p->target.name), "%s", function);
	p->target.kind = at_return ? TARGET_KRETPROBE : TARGET_KPROBE;
	if (!unprobed_kernel())
		return 0;
	p->unprobed = nr + 1;
	return bpf_program__set_type(p->prog, BPF_PROG_TYPE_RAW_TRACEPOINT) || rewrite(p) ? -EINVAL
											  : 0;
}

/* In a kprobe's stead: 0 or -errno and the reason in the log. */
static int attach_unprobed(struct objfile *file, struct objfile_prog *p)
{
	const char *name = bpf_program__name(p->prog);
	bool at_return = p->target.kind == TARGET_KRETPROBE;

	objfile_begin(file);
	p->unprobed_link = unprobed_attach(bpf_program__fd(p->prog), p->unprobed - 1, at_return,
					   &p->unprobed_array);
	if (objfile_end(file, min(p->unprobed_link, 0),
			"program '%s' could not be attached to %s:%s", name,
			kind_name(p->target.kind), p->target.name))
		return p->unprobed_link;
	say(file->log, "note: this kernel has no kprobes; %s runs from raw tracepoint %s, for %s\n",
	    name, at_return ? "sys_exit" : "sys_enter", p->target.name);
	return 0;
}

int target_attach(struct objfile *file, struct objfile_prog *p)
{
	const char *name = bpf_program__name(p->prog), *where = p->target.name;
	int err = 0;

	if (p->unprobed)
		return attach_unprobed(file, p);
	objfile_begin(file);
	for (size_t i = 0; i < ARRAY_SIZE(target_kinds); i++)
		if (target_kinds[i].kind == p->target.kind)
			p->link = target_kinds[i].attach(file, p);
	if (!p->link)
		err = errno ? -errno : -EINVAL;
	if (p->target.kind == TARGET_AUTO) {
		bool told = file->said_len;

		err = objfile_end(file, err,
				  "program '%s' could not be attached as its section '%s' says",
				  name, bpf_program__section_name(p->prog));
		if (err == -EOPNOTSUPP && !told)
			say(file->log,
			    "  the section names no place for it: --attach %s=KIND:TARGET does, "
			    "or %s=none where only tail calls lead to it\n",
			    name, name);
		return err;
	}
	if (file->answer.hive)
		file->said_len = 0; /* the event source has told why, in better words */
	if (p->target.kind == TARGET_XDP && !*where && err == -EBUSY)
		err = objfile_end(
			file, err,
			"program '%s' would be the second to get the packets; --attach %s=none leaves it out",
			name, name);
	else if (p->target.kind == TARGET_XDP && !*where)
		err = objfile_end(file, err, "program '%s' could not be given the packets", name);
	else if (p->target.kind == TARGET_ITER && !*where)
		err = objfile_end(file, err,
				  "program '%s' could not be attached as its section '%s' says",
				  name, bpf_program__section_name(p->prog));
	else
		err = objfile_end(file, err, "program '%s' could not be attached to %s:%s", name,
				  kind_name(p->target.kind), where);
	if (err && !file->answer.hive &&
	    (p->target.kind == TARGET_KPROBE || p->target.kind == TARGET_KRETPROBE) &&
	    unprobed_kernel())
		say(file->log, "  note: this kernel has no kprobes\n");
	return err;
}
