/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user stack of a traced thread (see stack.h). Registers are the task's, as far as its event
 * told them; of a thread that waits in a system call /proc/TID/syscall knows sp and ip.
 *
 * Mappings are kept from walk to walk and read again when an address is in none of them. What lies in
 * them is read anew each time, so a list that is out of date costs frames, never a wrong one.
 */
#include "event/stack.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "event/unwind.h"

enum { MODULES_MAX = 4096, SECTIONS_MAX = 1024, NAMES_MAX = 1 << 16 };

struct stack_reader {
	struct task *whose; /* of the walk that is going on */
	struct task task;   /* the same, and what was learnt of its registers */
	struct unwind_module *modules;
	u32 count, room;
	bool fresh; /* the list was read in this walk */
	struct unwind_space space;
};

static FILE *open_proc(u32 tid, const char *file)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%u/%s", tid, file);
	return fopen(path, "re");
}

static struct unwind_module *add_module(struct stack_reader *reader)
{
	u32 room = reader->room ? reader->room * 2 : 32;
	struct unwind_module *grown;

	if (reader->count == reader->room) {
		grown = room <= MODULES_MAX
				? realloc(reader->modules, room * sizeof(*reader->modules))
				: NULL;
		if (!grown)
			return NULL;
		reader->modules = grown;
		reader->room = room;
	}
	return &reader->modules[reader->count++];
}

/* A line of maps: what can be executed, and where its file begins. */
static bool take_line(struct stack_reader *reader, const char *line, struct unwind_module *first)
{
	unsigned long long start, end, offset, ino;
	unsigned int major, minor;
	struct unwind_module *module;
	char rights[5];

	if (sscanf(line, "%llx-%llx %4s %llx %x:%x %llu", &start, &end, rights, &offset, &major,
		   &minor, &ino) != 7)
		return true;
	/* the list is in the order of addresses: a file's beginning comes before the rest of it */
	if (!offset)
		*first = (struct unwind_module){ .base = start,
						 .dev = makedev(major, minor),
						 .ino = ino };
	if (rights[2] != 'x')
		return true;
	module = add_module(reader);
	if (!module)
		return false;
	*module = (struct unwind_module){ .start = start,
					  .end = end,
					  .offset = offset,
					  .dev = makedev(major, minor),
					  .ino = ino };
	if (first->dev == module->dev && first->ino == ino)
		module->base = first->base;
	return true;
}

static void read_modules(struct stack_reader *reader)
{
	FILE *maps = open_proc(reader->task.pid, "maps");
	struct unwind_module first = { 0 };
	char *line = NULL;
	size_t size = 0;

	reader->count = 0;
	reader->fresh = true;
	if (!maps)
		return;
	while (getline(&line, &size, maps) > 0 && take_line(reader, line, &first))
		;
	free(line);
	fclose(maps);
}

static const struct unwind_module *look_up(const struct stack_reader *reader, u64 ip)
{
	u32 low = 0, high = reader->count;

	while (low < high) {
		u32 middle = (low + high) / 2;

		if (reader->modules[middle].end <= ip)
			low = middle + 1;
		else
			high = middle;
	}
	return low < reader->count && reader->modules[low].start <= ip ? &reader->modules[low]
								       : NULL;
}

static bool module_of(void *arg, u64 ip, struct unwind_module *out)
{
	struct stack_reader *reader = arg;
	const struct unwind_module *found = look_up(reader, ip);

	if (!found && !reader->fresh) {
		read_modules(reader);
		found = look_up(reader, ip);
	}
	if (found)
		*out = *found;
	return found;
}

static int read_memory(void *arg, void *dst, u64 addr, size_t len)
{
	struct stack_reader *reader = arg;

	return reader->whose->ops->read(reader->whose, dst, addr, len);
}

static bool read_at(int fd, void *dst, size_t len, u64 at)
{
	return at <= INT64_MAX && pread(fd, dst, len, (off_t)at) == (ssize_t)len;
}

/* The section of that name in a file: false where there is none. */
static bool find_section(int fd, const char *name, Elf64_Shdr *out)
{
	size_t len = strlen(name) + 1;
	Elf64_Shdr names;
	Elf64_Ehdr ehdr;
	char text[16];

	if (!read_at(fd, &ehdr, sizeof(ehdr), 0) || memcmp(ehdr.e_ident, ELFMAG, SELFMAG) ||
	    ehdr.e_shentsize != sizeof(*out) || ehdr.e_shstrndx >= ehdr.e_shnum ||
	    !read_at(fd, &names, sizeof(names), ehdr.e_shoff + ehdr.e_shstrndx * sizeof(names)))
		return false;
	for (u32 i = 0; i < min((u32)ehdr.e_shnum, (u32)SECTIONS_MAX); i++)
		if (read_at(fd, out, sizeof(*out), ehdr.e_shoff + i * sizeof(*out)) &&
		    read_at(fd, text, len, names.sh_offset + out->sh_name) &&
		    !memcmp(text, name, len))
			return true;
	return false;
}

/* Programs that are linked statically have no header of the section; they are their process's own file. */
static bool section_of(void *arg, const struct unwind_module *module, u64 *addr, u64 *len)
{
	struct stack_reader *reader = arg;
	bool found = false;
	Elf64_Shdr section;
	struct stat st;
	char path[48];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/exe", reader->task.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (!fstat(fd, &st) && st.st_ino == module->ino &&
	    find_section(fd, ".eh_frame", &section)) {
		*addr = section.sh_addr;
		*len = section.sh_size;
		found = true;
	}
	close(fd);
	return found;
}

/* What the event did not tell: sp and ip of a thread that waits in a system call. */
static void learn_regs(struct task *task)
{
	FILE *file = open_proc(task->pid, "syscall");
	unsigned long long sp, ip;
	char line[256], *at = NULL;

	if (!file)
		return;
	if (fgets(line, sizeof(line), file))
		at = strrchr(line, ' ');
	fclose(file);
	while (at && at > line && at[-1] != ' ')
		at--;
	if (at && sscanf(at, "%llx %llx", &sp, &ip) == 2) {
		task->sp = sp;
		task->ip = ip;
		task->known |= TASK_SP | TASK_IP;
	}
}

static bool begin(struct stack_reader **out, struct task *task)
{
	struct stack_reader *reader = *out ? *out : calloc(1, sizeof(*reader));

	*out = reader;
	if (!reader || !task->pid)
		return false;
	reader->whose = task;
	reader->task = *task;
	reader->fresh = false;
	reader->space.read = read_memory;
	reader->space.module = module_of;
	reader->space.section = section_of;
	reader->space.arg = reader;
	unwind_init(&reader->space);
	return true;
}

int stack_walk(struct stack_reader **out, struct task *task, u64 *ips, u32 max)
{
	struct unwind_regs regs = { .known = 0 };
	struct stack_reader *reader;
	struct task *now;

	if (!begin(out, task))
		return -EFAULT;
	reader = *out;
	now = &reader->task;
	if (!(now->known & TASK_SP))
		learn_regs(now);
	if (!(now->known & TASK_IP))
		return -EFAULT;
	regs.value[REG_IP] = now->ip;
	regs.value[REG_SP] = now->sp;
	regs.value[REG_BP] = now->bp;
	regs.known = 1u << REG_IP | (now->known & TASK_SP ? 1u << REG_SP : 0) |
		     (now->known & TASK_BP ? 1u << REG_BP : 0);
	return (int)unwind_walk(&reader->space, regs, ips, max);
}

void stack_build_id(struct stack_reader **out, struct task *task, struct bpf_stack_build_id *id)
{
	struct unwind_module module;
	u64 ip = id->ip;

	id->status = BPF_STACK_BUILD_ID_IP;
	memset(id->build_id, 0, sizeof(id->build_id));
	if (!begin(out, task) || !module_of(*out, ip, &module) || !module.ino ||
	    !eh_frame_build_id(&(*out)->space, &module, id->build_id))
		return;
	id->status = BPF_STACK_BUILD_ID_VALID;
	id->offset = module.offset + ip - module.start;
}

void stack_reader_free(struct stack_reader *reader)
{
	if (reader)
		free(reader->modules);
	free(reader);
}
