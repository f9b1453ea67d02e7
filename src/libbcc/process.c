// SPDX-License-Identifier: BSD-2-Clause
/*
 * Functions of files and of the processes that have them mapped: ELF symbol tables (gABI, chapter
 * "Symbol Table"), read once a file. Addresses in files are file offsets, as uprobes count them.
 *
 * Files are opened as the process sees them (/proc/PID/root), else by their own path. What is in
 * them is hostile: libelf checks the tables' bounds, sums are done in u64.
 */
#include "libbcc/symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libbcc/libbcc.h"

struct function {
	u64 offset, size; /* in the file */
	char *name;
};

struct file {
	struct file *next;
	char *path;
	struct function *function; /* by offset */
	size_t count;
};

struct mapping {
	u64 start, end, offset;
	struct file *file;
};

struct process {
	int pid;
	struct file *files;
	struct mapping *mapping;
	size_t count;
};

/* ---- one file's functions ---- */

/* Where in the file an address is, by the segments. */
static bool to_offset(Elf *elf, u64 address, u64 *offset)
{
	size_t n = 0;
	GElf_Phdr segment;

	elf_getphdrnum(elf, &n);
	for (size_t i = 0; i < n; i++)
		if (gelf_getphdr(elf, (int)i, &segment) && segment.p_type == PT_LOAD &&
		    address >= segment.p_vaddr && address - segment.p_vaddr < segment.p_memsz) {
			*offset = address - segment.p_vaddr + segment.p_offset;
			return true;
		}
	return false;
}

static bool add_function(struct file *file, size_t *room, const char *name, u64 offset, u64 size)
{
	if (file->count == *room) {
		struct function *grown;

		*room = *room ? *room * 2 : 256;
		grown = reallocarray(file->function, *room, sizeof(*grown));
		if (!grown)
			return false;
		file->function = grown;
	}
	file->function[file->count] = (struct function){ offset, size, strdup(name) };
	return file->function[file->count++].name != NULL;
}

static void read_table(Elf *elf, Elf_Scn *section, struct file *file, size_t *room)
{
	GElf_Shdr header;
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Sym symbol;
	u64 offset;

	if (!data || !gelf_getshdr(section, &header) || !header.sh_entsize)
		return;
	for (size_t i = 0; i < header.sh_size / header.sh_entsize; i++) {
		const char *name;

		if (!gelf_getsym(data, (int)i, &symbol) || !symbol.st_value ||
		    symbol.st_shndx == SHN_UNDEF ||
		    (GELF_ST_TYPE(symbol.st_info) != STT_FUNC &&
		     GELF_ST_TYPE(symbol.st_info) != STT_GNU_IFUNC))
			continue;
		name = elf_strptr(elf, header.sh_link, symbol.st_name);
		if (name && name[0] && to_offset(elf, symbol.st_value, &offset) &&
		    !add_function(file, room, name, offset, symbol.st_size))
			return;
	}
}

static int by_offset(const void *a, const void *b)
{
	const struct function *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int read_functions(struct file *file, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf *elf = fd < 0 || elf_version(EV_CURRENT) == EV_NONE
			   ? NULL
			   : elf_begin(fd, ELF_C_READ_MMAP, NULL);
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	size_t room = 0;
	int err = fd < 0 ? -errno : !elf || elf_kind(elf) != ELF_K_ELF ? -ENOEXEC : 0;

	while (!err && (section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &header) &&
		    (header.sh_type == SHT_SYMTAB || header.sh_type == SHT_DYNSYM))
			read_table(elf, section, file, &room);
	qsort(file->function, file->count, sizeof(*file->function), by_offset);
	elf_end(elf);
	if (fd >= 0)
		close(fd);
	return err;
}

static void free_file(struct file *file)
{
	for (size_t i = 0; i < file->count; i++)
		free(file->function[i].name);
	free(file->function);
	free(file->path);
	free(file);
}

static const struct function *function_at(const struct file *file, u64 offset)
{
	size_t low = 0, high = file->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (file->function[middle].offset <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &file->function[low - 1] : NULL;
}

/* ---- a process ---- */

static struct file *file_of(struct process *p, const char *path)
{
	char inside[4200];
	struct file *file;

	for (file = p->files; file; file = file->next)
		if (!strcmp(file->path, path))
			return file;
	file = calloc(1, sizeof(*file));
	if (!file || !(file->path = strdup(path))) {
		free(file);
		return NULL;
	}
	snprintf(inside, sizeof(inside), "/proc/%d/root%s", p->pid, path);
	if (read_functions(file, inside))
		read_functions(file, path);
	file->next = p->files;
	p->files = file;
	return file;
}

void process_refresh(struct process *p)
{
	char path[4200], line[4600], mode[8];
	unsigned long long start, end, offset;
	FILE *maps;

	free(p->mapping);
	p->mapping = NULL;
	p->count = 0;
	snprintf(path, sizeof(path), "/proc/%d/maps", p->pid);
	maps = fopen(path, "re");
	while (maps && fgets(line, sizeof(line), maps)) {
		struct mapping *grown;

		path[0] = 0;
		if (sscanf(line, "%llx-%llx %7s %llx %*s %*s %4095[^\n]", &start, &end, mode,
			   &offset, path) < 4 ||
		    path[0] != '/' || !strchr(mode, 'x'))
			continue;
		grown = reallocarray(p->mapping, p->count + 1, sizeof(*grown));
		if (!grown)
			break;
		p->mapping = grown;
		p->mapping[p->count++] = (struct mapping){ start, end, offset, file_of(p, path) };
	}
	if (maps)
		fclose(maps);
}

struct process *process_open(int pid)
{
	struct process *p = calloc(1, sizeof(*p));

	if (p) {
		p->pid = pid;
		process_refresh(p);
	}
	return p;
}

void process_close(struct process *p)
{
	if (!p)
		return;
	for (struct file *file = p->files, *next; file; file = next) {
		next = file->next;
		free_file(file);
	}
	free(p->mapping);
	free(p);
}

int process_resolve(struct process *p, u64 address, struct bcc_symbol *out)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct mapping *m = &p->mapping[i];
		u64 offset = address - m->start + m->offset;
		const struct function *f;

		if (address < m->start || address >= m->end || !m->file)
			continue;
		f = function_at(m->file, offset);
		out->module = m->file->path;
		out->offset = offset;
		if (!f || (f->size && offset - f->offset >= f->size))
			return -1;
		out->name = out->demangled = f->name;
		out->offset = offset - f->offset;
		return 0;
	}
	return -1;
}

int process_resolve_name(struct process *p, const char *module, const char *name, u64 *address)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct mapping *m = &p->mapping[i];

		if (!m->file || (module && strcmp(module, m->file->path)))
			continue;
		for (size_t f = 0; f < m->file->count; f++) {
			const struct function *function = &m->file->function[f];

			if (strcmp(function->name, name) || function->offset < m->offset ||
			    function->offset - m->offset >= m->end - m->start)
				continue;
			*address = function->offset - m->offset + m->start;
			return 0;
		}
	}
	return -1;
}

/* ---- files by themselves, for uprobes ---- */

static const char *const library_folders[] = {
#if defined(__x86_64__)
	"/lib/x86_64-linux-gnu",
	"/usr/lib/x86_64-linux-gnu",
	"/lib64",
	"/usr/lib64",
#elif defined(__aarch64__)
	"/lib/aarch64-linux-gnu",
	"/usr/lib/aarch64-linux-gnu",
#endif
	"/lib",
	"/usr/lib",
	"/usr/local/lib",
};

/* "c" is /lib/…/libc.so.6: malloc'd, or NULL. */
static char *find_library(const char *name)
{
	char path[4096];

	for (size_t i = 0; i < ARRAY_SIZE(library_folders); i++)
		for (int version = -1; version < 10; version++) {
			int n = snprintf(path, sizeof(path), "%s/lib%s.so", library_folders[i],
					 name);

			if (version >= 0 && n < (int)sizeof(path))
				snprintf(path + n, sizeof(path) - (size_t)n, ".%d", version);
			if (!access(path, R_OK) &&
			    (version >= 0 || strcmp(name, "c"))) /* libc.so is a linker's script */
				return strdup(path);
		}
	return NULL;
}

static char *find_program(const char *name)
{
	const char *folders = getenv("PATH");
	char *copy = strdup(folders ? folders : ""), *at = NULL, path[4096];

	for (char *folder = copy ? strtok_r(copy, ":", &at) : NULL; folder;
	     folder = strtok_r(NULL, ":", &at)) {
		snprintf(path, sizeof(path), "%s/%s", folder, name);
		if (!access(path, X_OK)) {
			free(copy);
			return strdup(path);
		}
	}
	free(copy);
	return NULL;
}

ABI char *bcc_procutils_which_so(const char *name, int pid)
{
	(void)pid;
	if (!name)
		return NULL;
	return strchr(name, '/') ? access(name, R_OK) ? NULL : strdup(name) : find_library(name);
}

ABI char *bcc_procutils_which(const char *name)
{
	return name ? strchr(name, '/') ? strdup(name) : find_program(name) : NULL;
}

ABI void bcc_procutils_free(const char *text)
{
	free((void *)text);
}

char *find_file(const char *name)
{
	char *path = bcc_procutils_which_so(name, 0);

	return path ? path : find_program(name);
}

/* An address in a file's own terms becomes the offset that uprobes count. */
static int file_offset(const char *path, u64 *address)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf *elf = fd < 0 || elf_version(EV_CURRENT) == EV_NONE
			   ? NULL
			   : elf_begin(fd, ELF_C_READ_MMAP, NULL);
	bool found = elf && to_offset(elf, *address, address);

	if (!found)
		fprintf(stderr, "bpf: %s: nothing is at address 0x%llx\n", path,
			(unsigned long long)*address);
	elf_end(elf);
	if (fd >= 0)
		close(fd);
	return found ? 0 : -ENOENT;
}

ABI int bcc_resolve_symname(const char *module, const char *name, u64 address, int pid,
			    void *option, struct bcc_symbol *out)
{
	char *path = module ? find_file(module) : NULL;
	struct file file = { .path = path };
	int err = -1;

	(void)pid, (void)option;
	if (!path) {
		fprintf(stderr, "bpf: no library or program '%s'\n", module ? module : "");
		return -1;
	}
	*out = (struct bcc_symbol){ .offset = address };
	if (address) {
		err = file_offset(path, &out->offset) ? -1 : 0;
	} else if (!read_functions(&file, path)) {
		for (size_t i = 0; i < file.count && err; i++)
			if (name && !strcmp(file.function[i].name, name)) {
				out->offset = file.function[i].offset;
				err = 0;
			}
	}
	for (size_t i = 0; i < file.count; i++)
		free(file.function[i].name);
	free(file.function);
	if (err)
		free(path);
	else
		out->module = path;
	return err;
}

ABI int bcc_foreach_function_symbol(const char *module,
				    int (*callback)(const char *name, u64 address))
{
	char *path = module && callback ? find_file(module) : NULL;
	struct file file = { .path = path };
	int err = path ? read_functions(&file, path) : -1;

	for (size_t i = 0; i < file.count; i++) {
		if (!err && callback(file.function[i].name, file.function[i].offset))
			err = 1; /* he has seen enough */
		free(file.function[i].name);
	}
	free(file.function);
	free(path);
	return err < 0 ? -1 : 0;
}
