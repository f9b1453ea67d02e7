// SPDX-License-Identifier: BSD-2-Clause
/*
 * USDT contexts: the probes of a file, or of all files that a process has mapped. A probe that is enabled for a function gets
 * C functions _bpf_readarg_FUNCTION_N(), which the pass over the dialect calls for bpf_usdt_readarg(N, ...) there, and a
 * uprobe at each of its places.
 *
 * A probe with a semaphore is only reached where that is not 0: it is counted up in the process's memory while the context
 * is open.
 */
#include "libbcc/usdt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event/names.h"
#include "libbcc/libbcc.h"
#include "libbcc/symbols.h"

enum { PAGE_BYTES = 4096 };

struct place {
	u64 address; /* the file's own */
	struct module_file *file;
	struct usdt_arg arg[USDT_ARGS_MAX];
	int nr_args;
};

struct probe {
	char *provider, *name;
	u64 semaphore;
	struct place *place;
	size_t nr_places;
	char *function; /* enabled for it; NULL: not */
	int raised;	/* of the semaphore, by us */
};

struct module_file {
	struct module_file *next;
	char *mapped, *path; /* in the process's eyes, in ours */
};

struct usdt {
	int pid; /* -1: none */
	struct module_file *files, *reading;
	struct probe *probe;
	size_t nr_probes;
};

/* As bcc's libbcc.py declares them. */
struct bcc_usdt {
	const char *provider, *name, *bin_path;
	u64 semaphore;
	int num_locations, num_arguments;
};
struct bcc_usdt_location {
	u64 address;
	const char *bin_path;
};
struct bcc_usdt_argument {
	int size, valid;
	long long constant;
	int deref_offset;
	const char *deref_ident, *base_register_name, *index_register_name;
	int scale;
};

/* ---- finding ---- */

static struct probe *probe_of(struct usdt *u, const struct usdt_note *note)
{
	struct probe *grown, *p;

	for (size_t i = 0; i < u->nr_probes; i++)
		if (!strcmp(u->probe[i].provider, note->provider) &&
		    !strcmp(u->probe[i].name, note->name))
			return &u->probe[i];
	grown = reallocarray(u->probe, u->nr_probes + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	u->probe = grown;
	p = &grown[u->nr_probes];
	*p = (struct probe){ .provider = strdup(note->provider),
			     .name = strdup(note->name),
			     .semaphore = note->semaphore };
	if (p->provider && p->name) {
		u->nr_probes++;
		return p;
	}
	free(p->provider);
	free(p->name);
	return NULL;
}

static void add_place(void *arg, const struct usdt_note *note)
{
	struct usdt *u = arg;
	struct probe *p = probe_of(u, note);
	struct place *grown, *place;

	for (size_t i = 0; p && i < p->nr_places; i++)
		if (p->place[i].address == note->pc && p->place[i].file == u->reading)
			return;
	grown = p ? reallocarray(p->place, p->nr_places + 1, sizeof(*grown)) : NULL;
	if (!grown)
		return;
	p->place = grown;
	place = &grown[p->nr_places++];
	*place = (struct place){ .address = note->pc, .file = u->reading };
	place->nr_args = usdt_args_parse(note->args, place->arg);
}

/* Reads a file once; mapped is the process's name of it. */
static int add_file(struct usdt *u, const char *mapped, const char *path)
{
	struct module_file *file;

	for (file = u->files; file; file = file->next)
		if (!strcmp(file->path, path))
			return 0;
	file = calloc(1, sizeof(*file));
	if (!file)
		return -ENOMEM;
	*file = (struct module_file){ u->files, strdup(mapped), strdup(path) };
	u->files = u->reading = file;
	return file->path && file->mapped ? notes_each(path, add_place, u) : -ENOMEM;
}

static int add_mapped(struct usdt *u)
{
	char path[64], line[4600], mapped[4200], inside[4300], mode[8];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", u->pid);
	maps = fopen(path, "re");
	if (!maps)
		return -errno;
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%*s %7s %*s %*s %*s %4199[^\n]", mode, mapped) != 2 ||
		    mapped[0] != '/' || !strchr(mode, 'x'))
			continue;
		snprintf(inside, sizeof(inside), "/proc/%d/root%s", u->pid, mapped);
		add_file(u, mapped, inside); /* what is no ELF file any more has no probes */
	}
	fclose(maps);
	return 0;
}

static int add_named(struct usdt *u, const char *name)
{
	char inside[4300], *path = find_file(name);
	int err = path ? 0 : -ENOENT;

	if (path && u->pid >= 0 && strncmp(path, "/proc/", 6))
		snprintf(inside, sizeof(inside), "/proc/%d/root%s", u->pid, path);
	else
		snprintf(inside, sizeof(inside), "%s", path ? path : "");
	err = err ? err : add_file(u, path, inside);
	free(path);
	return err;
}

ABI void bcc_usdt_close(void *context);

static void *new_context(int pid, const char *path)
{
	struct usdt *u = calloc(1, sizeof(*u));
	int err;

	if (!u)
		return NULL;
	u->pid = pid;
	err = path ? add_named(u, path) : add_mapped(u);
	if (!err)
		return u;
	if (path)
		fprintf(stderr, "bpf: usdt: %s: %s\n", path, strerror(-err));
	else
		fprintf(stderr, "bpf: usdt: process %d: %s\n", pid, strerror(-err));
	bcc_usdt_close(u);
	errno = -err;
	return NULL;
}

ABI void *bcc_usdt_new_frompid(int pid, const char *path)
{
	return new_context(pid, path);
}
ABI void *bcc_usdt_new_frompath(const char *path)
{
	return path ? new_context(-1, path) : NULL;
}

/* ---- enabling ---- */

static void tell_unknown(const struct usdt *u, const char *provider, const char *name)
{
	const char **names = calloc(u->nr_probes + 1, sizeof(*names));

	for (size_t i = 0; names && i < u->nr_probes; i++)
		names[i] = u->probe[i].name;
	fprintf(stderr, "bpf: usdt: no probe %s%s%s in %s", provider ? provider : "",
		provider ? ":" : "", name, u->pid < 0 && u->files ? u->files->path : "the process");
	if (names)
		names_suggest(&to_stderr, name, "", names, u->nr_probes);
	fputc('\n', stderr);
	free(names);
}

/* provider NULL: any. NULL after words. */
static struct probe *find_probe(struct usdt *u, const char *provider, const char *name)
{
	for (size_t i = 0; u && name && i < u->nr_probes; i++)
		if (!strcmp(u->probe[i].name, name) &&
		    (!provider || !provider[0] || !strcmp(u->probe[i].provider, provider)))
			return &u->probe[i];
	if (u && name)
		tell_unknown(u, provider, name);
	return NULL;
}

/* Adds to the semaphore in the process's memory. */
static int raise_by(struct usdt *u, struct probe *p, int by)
{
	const struct module_file *file = p->place[0].file;
	char memory[64];
	u64 bias;
	s16 value;
	int err, fd;

	if (u->pid < 0) {
		fprintf(stderr,
			"bpf: usdt: probe %s has a semaphore: say which process is to raise it, USDT(pid=)\n",
			p->name);
		return -EINVAL;
	}
	err = notes_bias(file->path, u->pid, file->mapped, &bias);
	snprintf(memory, sizeof(memory), "/proc/%d/mem", u->pid);
	fd = err ? err : open(memory, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return err ? err : -errno;
	if (pread(fd, &value, sizeof(value), (off_t)(p->semaphore + bias)) != sizeof(value))
		err = -EIO;
	value = (s16)(value + by);
	if (!err &&
	    pwrite(fd, &value, sizeof(value), (off_t)(p->semaphore + bias)) != sizeof(value))
		err = -EIO;
	close(fd);
	p->raised += err ? 0 : by;
	return err;
}

static int add_semaphore(struct usdt *u, struct probe *p, int by)
{
	int err = p && p->semaphore ? raise_by(u, p, by) : 0;

	if (err)
		fprintf(stderr, "bpf: usdt: semaphore of %s:%s in process %d: %s\n", p->provider,
			p->name, u->pid, strerror(-err));
	return p && !err ? 0 : -1;
}

static int enable(struct usdt *u, const char *provider, const char *name, const char *function)
{
	struct probe *p = find_probe(u, provider, name);

	if (!p || !function)
		return -1;
	if (p->function) {
		fprintf(stderr, "bpf: usdt: probe %s is enabled already, for %s()\n", name,
			p->function);
		return -1;
	}
	if (add_semaphore(u, p, 1))
		return -1;
	p->function = strdup(function);
	return p->function ? 0 : -1;
}

ABI int bcc_usdt_enable_probe(void *context, const char *name, const char *function)
{
	return enable(context, NULL, name, function);
}
ABI int bcc_usdt_enable_fully_specified_probe(void *context, const char *provider, const char *name,
					      const char *function)
{
	return enable(context, provider, name, function);
}
ABI int bcc_usdt_addsem_probe(void *context, const char *name, const char *function, s16 by)
{
	(void)function;
	return add_semaphore(context, find_probe(context, NULL, name), by);
}
ABI int bcc_usdt_addsem_fully_specified_probe(void *context, const char *provider, const char *name,
					      const char *function, s16 by)
{
	(void)function;
	return add_semaphore(context, find_probe(context, provider, name), by);
}

static void free_probe(struct probe *p)
{
	free(p->provider);
	free(p->name);
	free(p->function);
	free(p->place);
}

ABI void bcc_usdt_close(void *context)
{
	struct usdt *u = context;

	if (!u)
		return;
	for (size_t i = 0; i < u->nr_probes; i++) {
		if (u->probe[i].raised) /* a process that is gone has no memory to write */
			raise_by(u, &u->probe[i], -u->probe[i].raised);
		free_probe(&u->probe[i]);
	}
	free(u->probe);
	for (struct module_file *file = u->files, *next; file; file = next) {
		next = file->next;
		free(file->mapped);
		free(file->path);
		free(file);
	}
	free(u);
}

/* ---- C text ---- */

/* The widest of a probe's places. */
static int arg_size(const struct probe *p, int n)
{
	int size = 0;

	for (size_t i = 0; i < p->nr_places; i++)
		if (n < p->place[i].nr_args && abs(p->place[i].arg[n].size) > abs(size))
			size = p->place[i].arg[n].size;
	return size;
}

static bool put_place(FILE *out, const struct usdt *u, const struct place *place, int n,
		      const char *type)
{
	const struct usdt_arg *arg = &place->arg[n];
	u64 symbol = 0, bias = 0;

	if (n >= place->nr_args)
		return false;
	if (arg->valid & USDT_IDENT &&
	    (notes_symbol(place->file->path, arg->ident, &symbol) ||
	     notes_bias(place->file->path, u->pid, place->file->mapped, &bias)))
		return false;
	return usdt_arg_write(out, arg, type, symbol + bias);
}

/* Whether the places differ in where they are in their page: then nobody needs to know where the file is mapped. */
static bool differ_in_page(const struct probe *p)
{
	for (size_t i = 0; i < p->nr_places; i++)
		for (size_t j = 0; j < i; j++)
			if ((p->place[i].address - p->place[j].address) % PAGE_BYTES == 0)
				return false;
	return true;
}

static int put_arg(FILE *out, const struct usdt *u, const struct probe *p, int n)
{
	const char *type = usdt_arg_type(arg_size(p, n));
	bool page = differ_in_page(p);
	u64 bias;

	fprintf(out,
		"static __always_inline int _bpf_readarg_%s_%d(struct pt_regs *ctx, void *dest, size_t len) { "
		"if (len != sizeof(%s)) return -1; switch (PT_REGS_IP(ctx)%s) {",
		p->function, n + 1, type,
		p->nr_places == 1 ? " * 0"
		: page		  ? " % 4096"
				  : "");
	for (size_t i = 0; i < p->nr_places; i++) {
		const struct place *place = &p->place[i];

		bias = 0;
		if (p->nr_places > 1 && !page &&
		    notes_bias(place->file->path, u->pid, place->file->mapped, &bias))
			return -ENOENT;
		fprintf(out, " case %lluull: ",
			p->nr_places == 1 ? 0ull
			: page		  ? (unsigned long long)(place->address % PAGE_BYTES)
					  : (unsigned long long)(place->address + bias));
		if (!put_place(out, u, place, n, type))
			fputs("return -1; ", out); /* registers that a program does not see */
		fputs(" return 0;", out);
	}
	fputs(" } return -1; }\n", out);
	return 0;
}

static int put_context(FILE *out, const struct usdt *u)
{
	int err = 0;

	for (size_t i = 0; i < u->nr_probes && !err; i++) {
		const struct probe *p = &u->probe[i];

		for (int n = 0; p->function && n < p->place[0].nr_args && !err; n++)
			err = put_arg(out, u, p, n);
		if (err)
			fprintf(stderr,
				"bpf: usdt: probe %s: its places are not in one page: "
				"a process is to be named, USDT(pid=)\n",
				p->name);
	}
	return err;
}

/* Lives until it is asked for again. */
ABI const char *bcc_usdt_genargs(void **contexts, int count)
{
	static char *text;
	size_t len;
	FILE *out;
	int err = 0;

	free(text);
	text = NULL;
	out = open_memstream(&text, &len);
	for (int i = 0; out && i < count && !err; i++)
		err = contexts[i] ? put_context(out, contexts[i]) : 0;
	if (!out || fclose(out) || err)
		return NULL;
	return text;
}

/* ---- asking ---- */

static const char *arg_type(void *context, const char *provider, const char *name, int n)
{
	const struct probe *p = find_probe(context, provider, name);

	return p && n >= 0 && n < p->place[0].nr_args ? usdt_arg_type(arg_size(p, n)) : NULL;
}

ABI const char *bcc_usdt_get_probe_argctype(void *context, const char *name, int n)
{
	return arg_type(context, NULL, name, n);
}
ABI const char *bcc_usdt_get_fully_specified_probe_argctype(void *context, const char *provider,
							    const char *name, int n)
{
	return arg_type(context, provider, name, n);
}

ABI void bcc_usdt_foreach(void *context, void (*callback)(struct bcc_usdt *))
{
	const struct usdt *u = context;

	for (size_t i = 0; u && i < u->nr_probes; i++) {
		const struct probe *p = &u->probe[i];
		struct bcc_usdt out = { p->provider,  p->name,		 p->place[0].file->path,
					p->semaphore, (int)p->nr_places, p->place[0].nr_args };

		callback(&out);
	}
}

ABI void bcc_usdt_foreach_uprobe(void *context,
				 void (*callback)(const char *path, const char *function,
						  u64 address, int pid))
{
	const struct usdt *u = context;

	for (size_t i = 0; u && i < u->nr_probes; i++)
		for (size_t n = 0; u->probe[i].function && n < u->probe[i].nr_places; n++)
			callback(u->probe[i].place[n].file->path, u->probe[i].function,
				 u->probe[i].place[n].address, u->pid);
}

static const struct place *place_of(void *context, const char *provider, const char *name, int n)
{
	const struct probe *p = find_probe(context, provider, name);

	return p && n >= 0 && (size_t)n < p->nr_places ? &p->place[n] : NULL;
}

ABI int bcc_usdt_get_location(void *context, const char *provider, const char *name, int n,
			      struct bcc_usdt_location *out)
{
	const struct place *place = place_of(context, provider, name, n);

	if (!place)
		return -1;
	*out = (struct bcc_usdt_location){ place->address, place->file->path };
	return 0;
}

ABI int bcc_usdt_get_argument(void *context, const char *provider, const char *name, int n, int arg,
			      struct bcc_usdt_argument *out)
{
	const struct place *place = place_of(context, provider, name, n);
	const struct usdt_arg *a =
		place && arg >= 0 && arg < place->nr_args ? &place->arg[arg] : NULL;

	if (!a)
		return -1;
	*out = (struct bcc_usdt_argument){
		a->size, a->valid, a->constant, a->offset, a->valid & USDT_IDENT ? a->ident : NULL,
		a->base, a->index, a->scale
	};
	return 0;
}

/* ---- files that a process has mapped, for others ---- */

/* Where an address of a file's is in a process: 0, or -1 after words. */
ABI int bcc_resolve_global_addr(int pid, const char *module, u64 address, u8 inode_only,
				u64 *global)
{
	char inside[4300];
	u64 bias = 0;
	int err = -EINVAL;

	(void)inode_only;
	if (module && global) {
		snprintf(inside, sizeof(inside), "/proc/%d/root%s", pid, module);
		err = notes_bias(access(inside, R_OK) ? module : inside, pid, module, &bias);
	}
	if (!err) {
		*global = address + bias;
		return 0;
	}
	fprintf(stderr, "bpf: %s in process %d: %s\n", module ? module : "no file", pid,
		strerror(-err));
	errno = -err;
	return -1;
}

/* As bcc's bcc_proc.h has it. */
struct bcc_mod_info {
	char *name;
	u64 start_addr, end_addr, file_offset, dev_major, dev_minor, inode;
};

/* Calls callback for each executable mapping of a file, until it returns less than 0. */
ABI int bcc_procutils_each_module(int pid, int (*callback)(struct bcc_mod_info *, int, void *),
				  void *arg)
{
	char path[64], line[4600], name[4200], mode[8];
	unsigned long long start, end, offset, major, minor, inode;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (!maps || !callback) {
		fprintf(stderr, "bpf: process %d: %s\n", pid, strerror(errno));
		return -1;
	}
	while (fgets(line, sizeof(line), maps)) {
		struct bcc_mod_info info;

		if (sscanf(line, "%llx-%llx %7s %llx %llx:%llx %llu %4199[^\n]", &start, &end, mode,
			   &offset, &major, &minor, &inode, name) != 8 ||
		    !strchr(mode, 'x') || (name[0] != '/' && strcmp(name, "[vdso]")))
			continue;
		info = (struct bcc_mod_info){ name, start, end, offset, major, minor, inode };
		if (callback(&info, name[0] == '/', arg) < 0)
			break;
	}
	fclose(maps);
	return 0;
}
