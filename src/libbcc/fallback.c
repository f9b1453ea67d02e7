// SPDX-License-Identifier: BSD-2-Clause
/*
 * Kprobes where the kernel has none, for the functions of system calls (load/unprobed.h): the program is
 * loaded once more from its module's object, rewritten.
 */
#include "libbcc/libbcc.h"

#include <errno.h>
#include <gelf.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event/names.h"
#include "libbcc/attach.h"
#include "load/unprobed.h"

#if defined(__x86_64__)
#define OWN_PREFIX "__x64_sys_"
#else
#define OWN_PREFIX "__arm64_sys_"
#endif

static const char *const functions[] = {
#define SYSCALL(nr, name, function) #function,
#include "event/syscall.def"
#undef SYSCALL
};

bool is_syscall(const char *function)
{
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		if (!strcmp(functions[i], function))
			return true;
	return false;
}

void syscalls_suggest(const char *name)
{
	const char *bare = strstr(name, "sys_");

	names_suggest(&to_stderr, bare ? bare + 4 : name, OWN_PREFIX, functions,
		      ARRAY_SIZE(functions));
}

/* The object with the section of one program rewritten: malloc'd, or NULL. */
static void *rewritten(const struct module *module, const char *name, bool at_return)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(module->bpf, name);
	u8 *copy = prog ? malloc(module->size) : NULL;
	Elf *elf = copy && elf_version(EV_CURRENT) != EV_NONE
			   ? elf_memory((char *)module->object, module->size)
			   : NULL;
	Elf_Scn *section = NULL;
	size_t names = 0;
	GElf_Shdr header;

	if (elf)
		memcpy(copy, module->object, module->size);
	if (elf && !elf_getshdrstrndx(elf, &names))
		while ((section = elf_nextscn(elf, section))) {
			const char *called = gelf_getshdr(section, &header)
						     ? elf_strptr(elf, names, header.sh_name)
						     : NULL;

			if (called && !strcmp(called, bpf_program__section_name(prog)) &&
			    header.sh_type == SHT_PROGBITS && header.sh_offset <= module->size &&
			    header.sh_size <= module->size - header.sh_offset)
				unprobed_rewrite((struct bpf_insn *)(copy + header.sh_offset),
						 header.sh_size / 8, at_return);
		}
	elf_end(elf);
	return copy;
}

/* A prog array is emptied when its last fd is closed: kept as long as the link is. */
struct kept {
	struct kept *next;
	int link, array;
};
static struct kept *kept;
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;

void fallback_closed(int link)
{
	pthread_mutex_lock(&kept_lock);
	for (struct kept **at = &kept; *at; at = &(*at)->next)
		if ((*at)->link == link) {
			struct kept *gone = *at;

			*at = gone->next;
			close(gone->array);
			free(gone);
			break;
		}
	pthread_mutex_unlock(&kept_lock);
}

static int keep(int link, int array)
{
	struct kept *k = malloc(sizeof(*k));

	if (!k)
		return -ENOMEM;
	pthread_mutex_lock(&kept_lock);
	*k = (struct kept){ kept, link, array };
	kept = k;
	pthread_mutex_unlock(&kept_lock);
	return 0;
}

static int attach(int prog_fd, int nr, bool at_return)
{
	int array, link = unprobed_attach(prog_fd, nr, at_return, &array);

	if (link >= 0 && keep(link, array)) {
		close(link);
		close(array);
		link = -ENOMEM;
	}
	return link;
}

int attach_without_kprobes(int prog_fd, bool at_return, const char *name, u64 offset)
{
	const struct load_opts opts = { .type = BPF_PROG_TYPE_RAW_TRACEPOINT, .attach_type = -1 };
	int nr = unprobed_syscall(name), fd, link;
	struct loaded loaded;
	void *object;

	errno = ENOENT;
	if (nr < 0 || offset || !loaded_find(prog_fd, &loaded))
		return -1;
	object = rewritten(loaded.module, loaded.name, at_return);
	if (!object)
		return -1;
	fd = prog_load(loaded.module, object, loaded.module->size, loaded.name, &opts);
	free(object);
	if (fd < 0)
		return -1;
	link = attach(fd, nr, at_return);
	close(fd);
	if (link < 0) {
		errno = -link;
		return -1;
	}
	fprintf(stderr,
		"bpf: note: this kernel has no kprobes; %s runs from raw tracepoint %s, for %s\n",
		loaded.name, at_return ? "sys_exit" : "sys_enter", name);
	return link;
}
