// SPDX-License-Identifier: BSD-2-Clause
/*
 * A BPF module: C text compiled, its maps created; what it has, by name and number. Functions are
 * numbered in the object's order, tables in the order of their declaration.
 */
#include "libbcc/libbcc.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "event/names.h"
#include "load/compile.h"

enum { TEXT_MAX = 16 << 20, DEBUG_PREPROCESSOR = 4 };

static const char virtual_name[] = "/virtual/main.c";

/* ---- making one ---- */

static char *find_license(const void *object, size_t size)
{
	Elf *elf = elf_version(EV_CURRENT) == EV_NONE ? NULL : elf_memory((char *)object, size);
	Elf_Scn *section = NULL;
	size_t names = 0;
	char *license = NULL;

	if (!elf || elf_getshdrstrndx(elf, &names)) {
		elf_end(elf);
		return strdup("GPL");
	}
	while (!license && (section = elf_nextscn(elf, section))) {
		Elf_Data *data = elf_getdata(section, NULL);
		GElf_Shdr header;
		const char *name = gelf_getshdr(section, &header)
					   ? elf_strptr(elf, names, header.sh_name)
					   : NULL;

		if (name && !strcmp(name, "license") && data && data->d_buf)
			license = strndup(data->d_buf, data->d_size);
	}
	elf_end(elf);
	return license ? license : strdup("GPL");
}

int module_compile(const struct module *module, const char *const *more, void **object,
		   size_t *size)
{
	const char *flags[COMPILE_FLAGS + 1];
	size_t n = 0;
	struct compile_text text = { .name = virtual_name,
				     .text = module->source,
				     .len = strlen(module->source),
				     .flags = flags };
	struct compile_opts opts = { .log = &to_stderr,
				     .color = isatty(STDERR_FILENO) && !getenv("NO_COLOR") };

	for (int i = 0; i < 2; i++)
		for (const char *const *flag = i ? more : module->flags; flag && *flag; flag++) {
			if (n == COMPILE_FLAGS)
				return fail(&to_stderr, -E2BIG, "%s: too many cflags",
					    virtual_name);
			flags[n++] = *flag;
		}
	flags[n] = NULL;
	return compile_text(&text, &opts, object, size);
}

static int list_parts(struct module *m)
{
	struct bpf_program *prog;
	struct bpf_map *map;
	size_t maps = 0, progs = 0;

	bpf_object__for_each_map(map, m->bpf) maps++;
	bpf_object__for_each_program(prog, m->bpf) progs++;
	m->tables = calloc(maps + 1, sizeof(*m->tables));
	m->progs = calloc(progs + 1, sizeof(*m->progs));
	if (!m->tables || !m->progs)
		return -ENOMEM;
	bpf_object__for_each_map(map, m->bpf) if (!bpf_map__is_internal(map))
		m->tables[m->nr_tables++] =
		(struct table){ .map = map, .name = bpf_map__name(map) };
	bpf_object__for_each_program(prog, m->bpf)
	{
		bpf_program__set_autoload(prog, false);
		m->progs[m->nr_progs++] = prog;
	}
	return 0;
}

static int create_maps(struct module *m)
{
	struct bpf_object_open_opts opts = { .sz = sizeof(opts), .object_name = "bcc" };
	const char *words;
	int err;

	said_begin();
	m->bpf = bpf_object__open_mem(m->object, m->size, &opts);
	err = m->bpf ? list_parts(m) : -errno;
	if (!err)
		err = shared_find(m);
	if (!err)
		err = bpf_object__load(m->bpf);
	if (!err)
		err = shared_offer(m);
	for (size_t i = 0; i < m->nr_tables; i++) /* a map that was found has another copy of it */
		m->tables[i].name = bpf_map__name(m->tables[i].map);
	words = said_end();
	if (!err)
		return 0;
	say(&to_stderr, "%s", words);
	if (err == -EPERM)
		say(&to_stderr,
		    "bpf: maps cannot be created: %s; run the program as root, or without privilege: "
		    "skep run PROGRAM.py\n",
		    strerror(EPERM));
	return fail(&to_stderr, err, "could not open bpf maps, error: %s", strerror(-err));
}

static int copy_flags(struct module *m, const char *const flags[], int nr)
{
	if (nr < 0 || nr > COMPILE_FLAGS)
		return fail(&to_stderr, -E2BIG, "%s: too many cflags", virtual_name);
	m->flags = calloc((size_t)nr + 1, sizeof(*m->flags));
	for (int i = 0; m->flags && i < nr; i++)
		if (!(m->flags[i] = strdup(flags[i] ? flags[i] : "")))
			return -ENOMEM;
	return m->flags ? 0 : -ENOMEM;
}

static void module_free(struct module *m)
{
	if (!m)
		return;
	loaded_forget(m);
	shared_forget(m);
	for (size_t i = 0; i < m->nr_tables; i++) {
		struct table *t = &m->tables[i];

		for (size_t f = 0; f < t->nr_fields; f++)
			free(t->fields[f]);
		free(t->fields);
		free(t->key_desc);
		free(t->leaf_desc);
	}
	for (size_t i = 0; m->flags && m->flags[i]; i++)
		free((void *)m->flags[i]);
	free(m->flags);
	free(m->tables);
	free(m->progs);
	bpf_object__close(m->bpf);
	free(m->object);
	free(m->license);
	free(m->source);
	free(m);
}

ABI void *bpf_module_create_c_from_string(const char *text, unsigned int debug, const char *flags[],
					  int nr_flags, bool allow_rlimit, const char *device)
{
	struct module *m = calloc(1, sizeof(*m));
	int err = m && text ? 0 : -ENOMEM;

	(void)allow_rlimit; /* libbpf raises the limit where the kernel still counts */
	(void)device;
	if (!err && strlen(text) > TEXT_MAX)
		err = fail(&to_stderr, -E2BIG, "%s: larger than 16 MiB", virtual_name);
	if (!err && !(m->source = strdup(text)))
		err = -ENOMEM;
	if (!err && debug & DEBUG_PREPROCESSOR)
		say(&to_stderr, "%s\n", text);
	if (!err)
		err = copy_flags(m, flags, nr_flags);
	if (!err)
		err = module_compile(m, NULL, &m->object, &m->size);
	if (!err && !(m->license = find_license(m->object, m->size)))
		err = -ENOMEM;
	if (!err)
		err = create_maps(m);
	if (!err)
		return m;
	module_free(m);
	errno = -err;
	return NULL;
}

static char *read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = file ? malloc(TEXT_MAX + 1) : NULL;
	size_t len = text ? fread(text, 1, TEXT_MAX, file) : 0;

	if (text)
		text[len] = 0;
	else
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	if (file)
		fclose(file);
	return text;
}

ABI void *bpf_module_create_c(const char *path, unsigned int debug, const char *flags[],
			      int nr_flags, bool allow_rlimit, const char *device)
{
	char *text = read_text(path);
	void *module = text ? bpf_module_create_c_from_string(text, debug, flags, nr_flags,
							      allow_rlimit, device)
			    : NULL;

	free(text);
	return module;
}

ABI void bpf_module_destroy(void *module)
{
	module_free(module);
}
ABI bool bpf_module_rw_engine_enabled(void)
{
	return true;
}
ABI const char *bpf_module_license(struct module *m)
{
	return m ? m->license : NULL;
}

ABI unsigned int bpf_module_kern_version(struct module *m)
{
	unsigned int major = 0, minor = 0, patch = 0;
	struct utsname name;

	(void)m;
	if (!uname(&name))
		sscanf(name.release, "%u.%u.%u", &major, &minor, &patch);
	return major << 16 | minor << 8 | min(patch, 255u);
}

/* ---- functions ---- */

ABI size_t bpf_num_functions(struct module *m)
{
	return m ? m->nr_progs : 0;
}

ABI const char *bpf_function_name(struct module *m, size_t i)
{
	return m && i < m->nr_progs ? bpf_program__name(m->progs[i]) : NULL;
}

static void suggest(const char *what, const char *name, const char *const *names, size_t count)
{
	say(&to_stderr, "bpf: no %s '%s' in this module", what, name);
	names_suggest(&to_stderr, name, "", names, count);
	say(&to_stderr, "\n");
}

static struct bpf_program *find_prog(struct module *m, const char *name)
{
	const char **names;

	for (size_t i = 0; m && name && i < m->nr_progs; i++)
		if (!strcmp(bpf_program__name(m->progs[i]), name))
			return m->progs[i];
	names = m && name ? calloc(m->nr_progs + 1, sizeof(*names)) : NULL;
	for (size_t i = 0; names && i < m->nr_progs; i++)
		names[i] = bpf_program__name(m->progs[i]);
	if (names)
		suggest("function", name, names, m->nr_progs);
	free(names);
	return NULL;
}

ABI void *bpf_function_start_id(struct module *m, size_t i)
{
	return m && i < m->nr_progs ? (void *)bpf_program__insns(m->progs[i]) : NULL;
}

ABI size_t bpf_function_size_id(struct module *m, size_t i)
{
	return m && i < m->nr_progs ? bpf_program__insn_cnt(m->progs[i]) * 8 : 0;
}

ABI void *bpf_function_start(struct module *m, const char *name)
{
	struct bpf_program *prog = find_prog(m, name);

	return prog ? (void *)bpf_program__insns(prog) : NULL;
}

ABI size_t bpf_function_size(struct module *m, const char *name)
{
	struct bpf_program *prog = find_prog(m, name);

	return prog ? bpf_program__insn_cnt(prog) * 8 : 0;
}

/* ---- tables ---- */

static const size_t no_table = ~(size_t)0;

static struct table *table_at(struct module *m, size_t i)
{
	return m && i < m->nr_tables ? &m->tables[i] : NULL;
}

ABI size_t bpf_num_tables(struct module *m)
{
	return m ? m->nr_tables : 0;
}

ABI size_t bpf_table_id(struct module *m, const char *name)
{
	const char **names;

	for (size_t i = 0; m && name && i < m->nr_tables; i++)
		if (!strcmp(m->tables[i].name, name))
			return i;
	names = m && name ? calloc(m->nr_tables + 1, sizeof(*names)) : NULL;
	for (size_t i = 0; names && i < m->nr_tables; i++)
		names[i] = m->tables[i].name;
	if (names)
		suggest("table", name, names, m->nr_tables);
	free(names);
	return no_table;
}

static struct table *table_named(struct module *m, const char *name)
{
	for (size_t i = 0; m && name && i < m->nr_tables; i++)
		if (!strcmp(m->tables[i].name, name))
			return &m->tables[i];
	return NULL;
}

static int fd_of(const struct table *t)
{
	return t ? bpf_map__fd(t->map) : -1;
}
static int type_of(const struct table *t)
{
	return t ? (int)bpf_map__type(t->map) : -1;
}
static int flags_of(const struct table *t)
{
	return t ? (int)bpf_map__map_flags(t->map) : -1;
}
static size_t entries_of(const struct table *t)
{
	return t ? bpf_map__max_entries(t->map) : 0;
}
static size_t key_size_of(const struct table *t)
{
	return t ? bpf_map__key_size(t->map) : 0;
}
static size_t leaf_size_of(const struct table *t)
{
	return t ? bpf_map__value_size(t->map) : 0;
}

ABI int bpf_table_fd(struct module *m, const char *name)
{
	return fd_of(table_named(m, name));
}
ABI int bpf_table_fd_id(struct module *m, size_t i)
{
	return fd_of(table_at(m, i));
}
ABI int bpf_table_type(struct module *m, const char *name)
{
	return type_of(table_named(m, name));
}
ABI int bpf_table_type_id(struct module *m, size_t i)
{
	return type_of(table_at(m, i));
}
ABI size_t bpf_table_max_entries(struct module *m, const char *name)
{
	return entries_of(table_named(m, name));
}
ABI size_t bpf_table_max_entries_id(struct module *m, size_t i)
{
	return entries_of(table_at(m, i));
}
ABI int bpf_table_flags(struct module *m, const char *name)
{
	return flags_of(table_named(m, name));
}
ABI int bpf_table_flags_id(struct module *m, size_t i)
{
	return flags_of(table_at(m, i));
}
ABI size_t bpf_table_key_size(struct module *m, const char *name)
{
	return key_size_of(table_named(m, name));
}
ABI size_t bpf_table_key_size_id(struct module *m, size_t i)
{
	return key_size_of(table_at(m, i));
}
ABI size_t bpf_table_leaf_size(struct module *m, const char *name)
{
	return leaf_size_of(table_named(m, name));
}
ABI size_t bpf_table_leaf_size_id(struct module *m, size_t i)
{
	return leaf_size_of(table_at(m, i));
}
ABI const char *bpf_table_name(struct module *m, size_t i)
{
	return i < (m ? m->nr_tables : 0) ? m->tables[i].name : NULL;
}

static const char *describe(const struct module *m, struct table *t, int side)
{
	char **desc = t ? side ? &t->leaf_desc : &t->key_desc : NULL;

	if (desc && !*desc)
		*desc = desc_json(t, bpf_object__btf(m->bpf), side);
	return desc ? *desc : NULL;
}

ABI const char *bpf_table_key_desc(struct module *m, const char *name)
{
	return describe(m, table_named(m, name), 0);
}
ABI const char *bpf_table_key_desc_id(struct module *m, size_t i)
{
	return describe(m, table_at(m, i), 0);
}
ABI const char *bpf_table_leaf_desc(struct module *m, const char *name)
{
	return describe(m, table_named(m, name), 1);
}
ABI const char *bpf_table_leaf_desc_id(struct module *m, size_t i)
{
	return describe(m, table_at(m, i), 1);
}

static struct table *with_fields(struct module *m, const char *name)
{
	struct table *t = table_named(m, name);

	if (t && !t->fields_known)
		desc_fields(t, bpf_object__btf(m->bpf));
	return t;
}

ABI size_t bpf_perf_event_fields(struct module *m, const char *name)
{
	const struct table *t = with_fields(m, name);

	return t ? t->nr_fields : 0;
}

ABI const char *bpf_perf_event_field(struct module *m, const char *name, size_t i)
{
	const struct table *t = with_fields(m, name);

	return t && i < t->nr_fields ? t->fields[i] : NULL;
}
