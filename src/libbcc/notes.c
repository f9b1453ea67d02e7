// SPDX-License-Identifier: BSD-2-Clause
/*
 * Notes of type 3 by "stapsdt" (systemtap, "UserSpaceProbeImplementation"): three addresses (the probe's, that of section
 * .stapsdt.base when the note was made, the semaphore's), then provider, name and arguments as texts.
 *
 * Files are hostile: libelf checks the sections' bounds, the texts' are checked here.
 */
#include "libbcc/usdt.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <unistd.h>

enum { STAPSDT = 3, ADDRESSES = 24, TEXTS = 3 };

static int elf_of(const char *path, Elf **elf)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*elf = fd < 0 || elf_version(EV_CURRENT) == EV_NONE ? NULL
							    : elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (*elf && elf_kind(*elf) == ELF_K_ELF && gelf_getclass(*elf) == ELFCLASS64)
		return fd;
	elf_end(*elf);
	if (fd < 0)
		return -errno;
	close(fd);
	return -ENOEXEC;
}

/* The section of this name: its header, or false. */
static bool find_section(Elf *elf, const char *wanted, GElf_Shdr *header)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return false;
	while ((section = elf_nextscn(elf, section))) {
		const char *name = gelf_getshdr(section, header)
					   ? elf_strptr(elf, names, header->sh_name)
					   : NULL;

		if (name && !strcmp(name, wanted))
			return true;
	}
	return false;
}

/* desc: size bytes of a note. base: where .stapsdt.base is now, 0: nobody knows. */
static bool read_note(const u8 *desc, size_t size, u64 base, struct usdt_note *note)
{
	const char *text[TEXTS], *at = (const char *)desc + ADDRESSES,
				 *end = (const char *)desc + size;
	u64 address[3];

	if (size < ADDRESSES)
		return false;
	memcpy(address, desc, sizeof(address));
	for (int i = 0; i < TEXTS; i++) {
		const char *stop = at < end ? memchr(at, 0, (size_t)(end - at)) : NULL;

		if (!stop)
			return false;
		text[i] = at;
		at = stop + 1;
	}
	if (base) { /* the file was moved since, by prelink */
		address[0] += base - address[1];
		address[2] += address[2] ? base - address[1] : 0;
	}
	*note = (struct usdt_note){ address[0], address[2], text[0], text[1], text[2] };
	return true;
}

static void read_notes(Elf_Data *data, u64 base,
		       void (*fn)(void *arg, const struct usdt_note *note), void *arg)
{
	size_t at = 0, next, name, desc;
	struct usdt_note note;
	GElf_Nhdr header;

	while (at < data->d_size && (next = gelf_getnote(data, at, &header, &name, &desc)) > at) {
		const u8 *bytes = data->d_buf;

		if (header.n_type == STAPSDT && header.n_namesz == sizeof("stapsdt") &&
		    !memcmp(bytes + name, "stapsdt", sizeof("stapsdt")) &&
		    read_note(bytes + desc, header.n_descsz, base, &note))
			fn(arg, &note);
		at = next;
	}
}

int notes_each(const char *path, void (*fn)(void *arg, const struct usdt_note *note), void *arg)
{
	Elf *elf;
	int fd = elf_of(path, &elf);
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	u64 base;

	if (fd < 0)
		return fd;
	base = find_section(elf, ".stapsdt.base", &header) ? header.sh_addr : 0;
	while ((section = elf_nextscn(elf, section))) {
		Elf_Data *data = gelf_getshdr(section, &header) && header.sh_type == SHT_NOTE
					 ? elf_getdata(section, NULL)
					 : NULL;

		if (data && data->d_buf)
			read_notes(data, base, fn, arg);
	}
	elf_end(elf);
	close(fd);
	return 0;
}

/* The address that the segments give to a file's offset. */
static bool to_address(Elf *elf, u64 offset, u64 *address)
{
	size_t n = 0;
	GElf_Phdr s;

	elf_getphdrnum(elf, &n);
	for (size_t i = 0; i < n; i++)
		if (gelf_getphdr(elf, (int)i, &s) && s.p_type == PT_LOAD && s.p_flags & PF_X &&
		    offset >= (s.p_offset & ~4095ull) && offset < s.p_offset + s.p_filesz) {
			*address = s.p_vaddr + offset - s.p_offset;
			return true;
		}
	return false;
}

int notes_bias(const char *path, int pid, const char *mapped, u64 *bias)
{
	char maps[64], line[4600], name[4200], mode[8];
	unsigned long long start, offset;
	Elf *elf;
	int fd = elf_of(path, &elf), err = -ENOENT;
	GElf_Ehdr header;
	FILE *file;
	u64 address;

	if (fd < 0)
		return fd;
	*bias = 0;
	if (gelf_getehdr(elf, &header) && header.e_type == ET_EXEC)
		err = 0;
	snprintf(maps, sizeof(maps), "/proc/%d/maps", pid);
	file = err ? fopen(maps, "re") : NULL;
	while (file && err && fgets(line, sizeof(line), file))
		if (sscanf(line, "%llx-%*x %7s %llx %*s %*s %4199[^\n]", &start, mode, &offset,
			   name) == 4 &&
		    strchr(mode, 'x') && !strcmp(name, mapped) &&
		    to_address(elf, offset, &address)) {
			*bias = start - address;
			err = 0;
		}
	if (file)
		fclose(file);
	elf_end(elf);
	close(fd);
	return err;
}

static bool look_up(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, const char *name,
		    u64 *address)
{
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Sym symbol;

	for (int i = 0; data && gelf_getsym(data, i, &symbol); i++) {
		const char *text = elf_strptr(elf, header->sh_link, symbol.st_name);

		if (text && symbol.st_value && symbol.st_shndx != SHN_UNDEF &&
		    !strcmp(text, name)) {
			*address = symbol.st_value;
			return true;
		}
	}
	return false;
}

int notes_symbol(const char *path, const char *name, u64 *address)
{
	Elf *elf;
	int fd = elf_of(path, &elf);
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	bool found = false;

	if (fd < 0)
		return fd;
	while (!found && (section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &header) &&
		    (header.sh_type == SHT_SYMTAB || header.sh_type == SHT_DYNSYM))
			found = look_up(elf, section, &header, name, address);
	elf_end(elf);
	close(fd);
	return found ? 0 : -ENOENT;
}
